//! Why a metric could not be computed.

/// Why a metric could not be computed. Rows and classes are counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MetricError {
    /// There are not as many scores as labels.
    #[error("{rows} rows x {classes} classes of labels need as many scores, not {scores}")]
    Size {
        /// Rows of the labels.
        rows: usize,
        /// Classes of the labels.
        classes: usize,
        /// Scores given.
        scores: usize,
    },
    /// There is nothing to measure.
    #[error("there are no labels ({rows} rows x {classes} classes): at least one is needed")]
    Empty {
        /// Rows of the labels.
        rows: usize,
        /// Classes of the labels.
        classes: usize,
    },
    /// There are not as many thresholds as classes.
    #[error("{classes} classes need as many thresholds, not {thresholds}")]
    Thresholds {
        /// Classes of the labels.
        classes: usize,
        /// Thresholds given.
        thresholds: usize,
    },
    /// A score is not a number, so it has no rank.
    #[error("the score of row {row}, class {class} (counted from 0) is not a number")]
    NotANumber {
        /// Row of the first such score.
        row: usize,
        /// Class of that score.
        class: usize,
    },
    /// A score has to be a probability and is none.
    #[error(
        "the score of row {row}, class {class} (counted from 0) is {value}, expected a probability from 0 to 1"
    )]
    NoProbability {
        /// Row of the first such score.
        row: usize,
        /// Class of that score.
        class: usize,
        /// The score.
        value: f64,
    },
    /// The first 0 classes of a row, or 0 bins.
    #[error("the number of places or bins is 0; at least 1 is needed")]
    NoPlaces,
    /// Inverse propensities do not fit.
    #[error(
        "{classes} classes need an inverse propensity of at least 1 each; that of class {class} (counted from 0) is \
         not"
    )]
    Propensity {
        /// The first class that has none, or none that fits.
        class: usize,
        /// Classes of the labels.
        classes: usize,
    },
}

/// A name that is not one of the choices.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown {what} {name:?}: expected one of {choices}")]
pub struct UnknownName {
    /// What was to be named.
    pub what: &'static str,
    /// The name.
    pub name: String,
    /// The names there are.
    pub choices: String,
}

impl UnknownName {
    pub(crate) fn new(what: &'static str, name: &str, choices: &[impl ToString]) -> Self {
        let choices: Vec<String> = choices.iter().map(ToString::to_string).collect();
        Self { what, name: name.into(), choices: choices.join(", ") }
    }
}
