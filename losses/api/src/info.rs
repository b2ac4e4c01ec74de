//! What a loss says about itself: the source of every listing, help text and record.

/// Name, source, assumptions and parameters of a method.
#[derive(Debug)]
pub struct LossInfo {
    /// Name on the command line, e.g. `an-ls`.
    pub name: &'static str,
    /// Name in prose, e.g. "assume negative with label smoothing".
    pub title: &'static str,
    /// Authors, title, venue.
    pub paper: &'static str,
    /// Year of publication.
    pub year: u16,
    /// What the method makes of the labels it sees.
    pub labels: LabelUse,
    /// The formula in one line of plain text.
    pub formula: &'static str,
    /// Parameters with their defaults, in the order of the formula.
    pub params: &'static [ParamInfo],
}

/// What a method makes of unknown cells, and which labels a benchmark has to hand it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LabelUse {
    /// Unknown is read as negative; observed negatives are the same thing.
    UnknownAsNegative,
    /// Unknown cells take no part; needs observed negatives to learn anything.
    KnownOnly,
    /// Unknown cells take part in a way of their own.
    UnknownAsUnknown,
}

/// One parameter of a loss.
#[derive(Clone, Copy, Debug)]
pub struct ParamInfo {
    /// Name on the command line and in specifications.
    pub name: &'static str,
    /// Value in force when nothing is said.
    pub default: f64,
    /// Smallest and largest legal value.
    pub range: (f64, f64),
    /// What it does, and where its default comes from.
    pub doc: &'static str,
}
