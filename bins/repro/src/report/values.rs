//! The numbers of a report, one a line: what becomes `report.csv`.

/// A number with what belongs to it.
#[derive(Clone, Debug, Default)]
pub(super) struct Value {
    /// Folder of the run or of the study.
    pub(super) folder: String,
    pub(super) kind: Kind,
    /// Name of the row, or of the rows of a claim.
    pub(super) row: String,
    /// A class, counted from 0.
    pub(super) class: Option<usize>,
    /// Its name.
    pub(super) class_name: String,
    pub(super) metric: String,
    /// Which choice of the epoch: `clean` or `observed`.
    pub(super) chosen: &'static str,
    pub(super) mean: Option<f64>,
    /// Deviation over seeds; in a study over masks.
    pub(super) std: Option<f64>,
    /// Deviation over first weights in a study.
    pub(super) std_inits: Option<f64>,
    pub(super) runs: Option<usize>,
    /// The row that the difference is to.
    pub(super) baseline: String,
    pub(super) difference: Option<f64>,
    pub(super) low: Option<f64>,
    pub(super) high: Option<f64>,
    pub(super) p: Option<f64>,
    pub(super) p_holm: Option<f64>,
    pub(super) verdict: String,
    pub(super) elsewhere: Option<f64>,
    pub(super) from_memory: Option<bool>,
    pub(super) source: String,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Kind {
    #[default]
    Row,
    Class,
    Claim,
    Cause,
}

impl Value {
    /// The same with a difference.
    pub(super) fn with(self, difference: &lacuna_harness::Difference) -> Self {
        Self {
            difference: Some(difference.mean),
            low: Some(difference.low),
            high: Some(difference.high),
            p: Some(difference.p),
            p_holm: Some(difference.holm),
            ..self
        }
    }
}
