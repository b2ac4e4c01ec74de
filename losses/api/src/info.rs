//! Loss metadata: the source of every listing, help text and record.

use crate::LossError;
use std::fmt;

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
    /// Whether nobody has published numbers that this code could be held against: the formula is derived in the
    /// crate's README, from a paper's text or by us, and its derivative is checked, but that is all.
    pub experimental: bool,
    /// What the method makes of the labels it sees.
    pub labels: LabelUse,
    /// The formula in one line of plain text.
    pub formula: &'static str,
    /// Parameters with their defaults, in the order of the formula.
    pub params: &'static [ParamInfo],
}

/// What a method makes of unknown cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LabelUse {
    /// Unknown is read as negative; observed negatives are the same thing.
    UnknownAsNegative,
    /// Unknown cells take no part; needs observed negatives to learn anything.
    KnownOnly,
    /// Unknown cells take part in a way of their own.
    UnknownAsUnknown,
    /// Every row has exactly one positive; everything else is read as negative.
    OnePositive,
}

impl fmt::Display for LabelUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            LabelUse::UnknownAsNegative => "unknown is negative",
            LabelUse::KnownOnly => "unknown is left out",
            LabelUse::UnknownAsUnknown => "unknown has a rule of its own",
            LabelUse::OnePositive => "one positive a row",
        })
    }
}

/// One parameter of a loss.
#[derive(Clone, Copy, Debug)]
pub struct ParamInfo {
    /// Name on the command line and in specifications.
    pub name: &'static str,
    /// Value in force when nothing is said; `None` where only the data can tell.
    pub default: Option<f64>,
    /// Legal values.
    pub range: Interval,
    /// What it does, and where its default comes from.
    pub doc: &'static str,
}

/// The legal values of a parameter, shown as `[0, 1)`; NaN and infinity are never in it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// Lower end, possibly minus infinity.
    pub low: f64,
    /// Upper end, possibly infinity.
    pub high: f64,
    /// Whether the ends themselves are excluded.
    pub open: bool,
    /// Whether only whole numbers are legal.
    pub whole: bool,
}

impl Interval {
    /// Every finite number.
    pub const ANY: Self = Self::above(f64::NEG_INFINITY);

    /// low <= x <= high.
    pub const fn closed(low: f64, high: f64) -> Self {
        Self { low, high, open: false, whole: false }
    }

    /// low < x < high.
    pub const fn open(low: f64, high: f64) -> Self {
        Self { low, high, open: true, whole: false }
    }

    /// x >= low.
    pub const fn at_least(low: f64) -> Self {
        Self::closed(low, f64::INFINITY)
    }

    /// x > low.
    pub const fn above(low: f64) -> Self {
        Self::open(low, f64::INFINITY)
    }

    /// Whole numbers from `low` to 2^53, beyond which an f64 skips some.
    pub const fn whole_from(low: f64) -> Self {
        Self { low, high: 9_007_199_254_740_992.0, open: false, whole: true }
    }

    /// Whether `x` is finite and inside.
    pub fn contains(self, x: f64) -> bool {
        let inside = if self.open { self.low < x && x < self.high } else { self.low <= x && x <= self.high };
        x.is_finite() && inside && (!self.whole || x.fract() == 0.0)
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let left = if self.open || self.low.is_infinite() { '(' } else { '[' };
        let right = if self.open || self.high.is_infinite() { ')' } else { ']' };
        if self.whole {
            write!(f, "whole numbers of ")?;
        }
        write!(f, "{left}{}, {}{right}", Short(self.low), Short(self.high))
    }
}

/// A number without a row of zeros.
struct Short(f64);

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(x) = *self;
        if x != 0.0 && x.abs() < 1e-4 { write!(f, "{x:e}") } else { write!(f, "{x}") }
    }
}

impl LossInfo {
    /// The parameter of this name.
    pub fn param(&self, name: &str) -> Option<&'static ParamInfo> {
        self.params.iter().find(|p| p.name == name)
    }

    /// `value` itself if it is a legal value of the parameter `name`.
    ///
    /// # Errors
    /// [`LossError::Parameter`] with the range.
    ///
    /// # Panics
    /// If the loss has no such parameter, which is a mistake in the loss and not in its input.
    pub fn check(&'static self, name: &str, value: f64) -> Result<f64, LossError> {
        let param = self.param(name).unwrap_or_else(|| panic!("{} has no parameter {name}", self.name));
        if param.range.contains(value) {
            return Ok(value);
        }
        let (parameter, range) = (param.name, param.range);
        Err(LossError::Parameter { loss: self.name, parameter, value, range })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_say_what_they_contain() {
        for (interval, shown, inside, outside) in [
            (Interval::closed(0.0, 1.0), "[0, 1]", [0.0, 1.0], [-1e-300, 1.5]),
            (Interval::open(0.0, 1.0), "(0, 1)", [1e-300, 0.5], [0.0, 1.0]),
            (Interval::at_least(0.0), "[0, inf)", [0.0, 1e300], [-1.0, f64::INFINITY]),
            (Interval::above(0.0), "(0, inf)", [1e-300, 1e300], [0.0, f64::NAN]),
            (Interval::ANY, "(-inf, inf)", [-1e300, 0.0], [f64::NEG_INFINITY, f64::NAN]),
            (Interval::whole_from(0.0), "whole numbers of [0, 9007199254740992]", [0.0, 7.0], [0.5, -1.0]),
        ] {
            assert_eq!(interval.to_string(), shown);
            assert!(inside.iter().all(|&x| interval.contains(x)), "{shown}");
            assert!(outside.iter().all(|&x| !interval.contains(x)), "{shown}");
        }
    }
}
