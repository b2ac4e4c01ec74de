//! Errors of models.

use lacuna_formats::FormatError;

/// Why a model was refused, or refuses features.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// Rows have another number of features than those the model was trained on.
    #[error("the model expects {expected} features for each row, found {found}")]
    Features {
        /// Features of the rows that trained.
        expected: usize,
        /// Features of these rows.
        found: usize,
    },
    /// Columns have other names than those of the rows that trained.
    #[error(
        "column {column} (counted from 0) of the features is `{found}`, and the model was trained with `{expected}` there: put the columns into \
         the order of the rows that trained, which head.json lists"
    )]
    Columns {
        /// The first column that differs.
        column: usize,
        /// Its name where the model was trained.
        expected: String,
        /// Its name here.
        found: String,
    },
    /// A logit is infinite or not a number, because features are far outside what the model was trained on.
    #[error(
        "row {row} (counted from 0): the logit of class {class} is not finite; the features are too large"
    )]
    NotFinite {
        /// The row.
        row: usize,
        /// The class, counted from 0.
        class: usize,
    },
    /// Weights, names or thresholds do not fit the head.
    #[error("{0}")]
    Unfit(String),
    /// A file of a saved model does not hold what it has to.
    #[error("{path}: {problem}")]
    File {
        /// The file.
        path: String,
        /// The problem.
        problem: String,
    },
    /// A file cannot be read or written.
    #[error(transparent)]
    Format(#[from] FormatError),
}
