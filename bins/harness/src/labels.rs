//! Counts of labels.

use lacuna_labels::{Label, LabelMatrix};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Mean numbers of positive, negative and unknown labels of a row.
///
/// ```
/// use lacuna_harness::LabelCounts;
/// use lacuna_labels::{Label, LabelMatrix};
///
/// let labels = LabelMatrix::new(2, 3, [Label::Positive, Label::Unknown, Label::Unknown].repeat(2))?;
/// assert_eq!(LabelCounts::of(&labels).to_string(), "1 positive, 0 negative, 2 unknown a row");
/// # Ok::<(), lacuna_labels::LabelError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LabelCounts {
    /// Rows that were counted.
    pub rows: usize,
    /// Mean number of positives of a row.
    pub positives: f64,
    /// Mean number of observed negatives of a row.
    pub negatives: f64,
    /// Mean number of unknown labels of a row.
    pub unknown: f64,
}

impl LabelCounts {
    /// Counts of a matrix of labels; all 0 without rows.
    pub fn of(labels: &LabelMatrix) -> Self {
        let rows = labels.rows();
        let mean = |wanted: Label| {
            labels.cells().iter().filter(|label| **label == wanted).count() as f64 / rows.max(1) as f64
        };
        Self {
            rows,
            positives: mean(Label::Positive),
            negatives: mean(Label::Negative),
            unknown: mean(Label::Unknown),
        }
    }

    /// The three numbers for a table, `1 / 0 / 19`.
    pub fn short(&self) -> String {
        [self.positives, self.negatives, self.unknown].map(number).join(" / ")
    }
}

impl fmt::Display for LabelCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [positives, negatives, unknown] = [self.positives, self.negatives, self.unknown].map(number);
        write!(f, "{positives} positive, {negatives} negative, {unknown} unknown a row")
    }
}

/// A whole number as such, others with two decimals.
fn number(x: f64) -> String {
    if x.fract() == 0.0 { format!("{x}") } else { format!("{x:.2}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_of_a_row() {
        use Label::{Negative as N, Positive as P, Unknown as U};
        let labels = LabelMatrix::new(2, 3, vec![P, N, U, P, P, U]).unwrap();
        let counts = LabelCounts::of(&labels);
        assert_eq!(counts.short(), "1.50 / 0.50 / 1");
        assert_eq!(counts.to_string(), "1.50 positive, 0.50 negative, 1 unknown a row");
        assert_eq!(LabelCounts::of(&LabelMatrix::new(0, 3, vec![]).unwrap()).rows, 0);
    }
}
