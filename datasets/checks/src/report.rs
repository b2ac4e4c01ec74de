//! Counts of one part of a data set.

use serde::Serialize;
use std::collections::BTreeMap;

/// What was found in one part.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct PartReport {
    /// `train`, `test`.
    pub part: &'static str,
    /// Rows.
    pub rows: usize,
    /// Columns of features; 0 without features.
    pub columns: usize,
    /// Classes; 0 without labels.
    pub classes: usize,
    /// Mean number of positives of a row.
    pub cardinality: f64,
    /// Cardinality over the number of classes.
    pub density: f64,
    /// Share of cells that are unknown.
    pub unknown: f64,
    /// Number of cells that are unknown.
    pub unknown_cells: usize,
    /// Rows by their number of positives.
    pub rows_by_positives: BTreeMap<usize, usize>,
    /// Rows without a positive.
    pub empty_rows: usize,
    /// Different sets of positives.
    pub label_sets: usize,
    /// Classes without a positive.
    pub empty_classes: usize,
    /// Positives of each class, most first. Of more than a million classes the first million, and a note says so.
    pub class_counts: Vec<(String, usize)>,
    /// Positives of the most frequent class over those of the rarest that has some.
    pub imbalance: f64,
    /// Classes with at least 100 positives, with 20 to 99, with fewer.
    pub head_medium_tail: [usize; 3],
    /// The ten pairs of classes that are positive together most often, with the number of rows. Where there are too many
    /// pairs to count there are none, and a note says so.
    pub together: Vec<(String, String, usize)>,
    /// Columns whose value never changes; 0 for a single row.
    pub constant_columns: usize,
    /// Rows that have the features of an earlier row, to the bit.
    pub duplicate_rows: usize,
    /// Rows that have the features of an earlier row and other labels.
    pub contradictions: usize,
    /// Observed labels, where they are kept beside the true ones.
    pub observed: Option<ObservedReport>,
    /// What was not counted and why, one sentence each.
    pub notes: Vec<String>,
}

/// What was found in the observed labels of a part.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ObservedReport {
    /// Rows.
    pub rows: usize,
    /// Classes.
    pub classes: usize,
    /// Positive cells.
    pub positives: usize,
    /// Negative cells.
    pub negatives: usize,
    /// Unknown cells.
    pub unknown: usize,
    /// Mean number of positives of a row.
    pub positives_per_row: f64,
    /// Mean number of negatives of a row.
    pub negatives_per_row: f64,
    /// Mean number of unknown cells of a row.
    pub unknown_per_row: f64,
    /// Rows without a positive.
    pub empty_rows: usize,
    /// Classes without a positive.
    pub empty_classes: usize,
    /// Cells that are positive where the truth is negative, or negative where it is positive.
    pub contradictions: usize,
}
