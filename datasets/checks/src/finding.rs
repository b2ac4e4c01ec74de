//! One thing that is wrong, or may be.

use serde::Serialize;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Results on such data are wrong, or training is impossible.
    Error,
    /// It may be meant.
    Warning,
}

/// One thing that is wrong, or may be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What it is: one of [`kind`].
    pub kind: &'static str,
    /// One line with counts and the first example. Rows, columns and classes are counted from 0; names are escaped.
    pub text: String,
}

impl Finding {
    pub(crate) fn error(kind: &'static str, text: String) -> Self {
        Self { severity: Severity::Error, kind, text }
    }

    pub(crate) fn warning(kind: &'static str, text: String) -> Self {
        Self { severity: Severity::Warning, kind, text }
    }
}

/// Values of [`Finding::kind`]; they do not change between versions.
pub mod kind {
    /// A part has no rows.
    pub const NO_ROWS: &str = "no-rows";
    /// Names, features, labels or observed labels of a part differ in their number of rows.
    pub const ROWS_DIFFER: &str = "rows-differ";
    /// There are labels, of no class.
    pub const NO_CLASSES: &str = "no-classes";
    /// Labels, observed labels and names of classes, or the two parts, differ in their classes.
    pub const CLASSES_DIFFER: &str = "classes-differ";
    /// Two rows have the same name.
    pub const DUPLICATE_NAMES: &str = "duplicate-names";
    /// Two classes have the same name.
    pub const DUPLICATE_CLASSES: &str = "duplicate-classes";
    /// No label is positive.
    pub const NO_POSITIVE: &str = "no-positive";
    /// No label is negative where some are unknown.
    pub const NO_NEGATIVE: &str = "no-negative";
    /// Some labels are unknown.
    pub const UNKNOWN_LABELS: &str = "unknown-labels";
    /// Rows without a positive.
    pub const ROWS_WITHOUT_POSITIVE: &str = "rows-without-positive";
    /// Classes without a positive.
    pub const CLASSES_WITHOUT_POSITIVE: &str = "classes-without-positive";
    /// Classes that are positive in every row.
    pub const CLASSES_ALWAYS_POSITIVE: &str = "classes-always-positive";
    /// Observed labels that are positive where the truth is negative, or the reverse.
    pub const OBSERVED_CONTRADICTS_TRUTH: &str = "observed-contradicts-truth";
    /// No observed label is known.
    pub const OBSERVED_ALL_UNKNOWN: &str = "observed-all-unknown";
    /// No observed label is positive.
    pub const OBSERVED_NO_POSITIVE: &str = "observed-no-positive";
    /// No observed label is negative.
    pub const OBSERVED_NO_NEGATIVE: &str = "observed-no-negative";
    /// Classes that have true positives and no observed one.
    pub const OBSERVED_CLASSES_WITHOUT_POSITIVE: &str = "observed-classes-without-positive";
    /// Classes without a known observed label.
    pub const OBSERVED_CLASSES_UNKNOWN: &str = "observed-classes-unknown";
    /// Rows that have a true positive and no observed one.
    pub const OBSERVED_ROWS_WITHOUT_POSITIVE: &str = "observed-rows-without-positive";
    /// There are features, of no column.
    pub const NO_COLUMNS: &str = "no-columns";
    /// The two parts differ in their number of columns.
    pub const COLUMNS_DIFFER: &str = "columns-differ";
    /// A feature is infinite or not a number.
    pub const NOT_FINITE: &str = "not-finite";
    /// Columns of features that never change.
    pub const CONSTANT_COLUMNS: &str = "constant-columns";
    /// Rows with the features of an earlier row.
    pub const DUPLICATE_ROWS: &str = "duplicate-rows";
    /// Test rows with the features of a training row.
    pub const TEST_ROWS_IN_TRAIN: &str = "test-rows-in-train";
    /// Test rows with the name of a training row.
    pub const TEST_NAMES_IN_TRAIN: &str = "test-names-in-train";
}

/// `has` or `have`.
pub(crate) fn have(count: usize) -> &'static str {
    if count == 1 { "has" } else { "have" }
}
