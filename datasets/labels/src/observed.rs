//! Labels as they were observed: what losses train on.

use crate::{Label, LabelMatrix, TrueLabels};
use std::ops::{Deref, Range};

/// Observed labels: any cell may be unknown. Losses take these.
///
/// They never change during training; a method that relabels keeps its own overlay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedLabels(LabelMatrix);

impl ObservedLabels {
    /// The labels as a plain matrix.
    pub fn matrix(&self) -> &LabelMatrix {
        &self.0
    }

    /// Reads every unknown cell as negative and calls the result true.
    ///
    /// This is the "assume negative" reading of incomplete labels. It is wrong wherever a positive
    /// was lost, which is why it has to be asked for.
    pub fn assume_negative(&self) -> TrueLabels {
        let cells = self
            .cells()
            .iter()
            .map(|l| if l.is_positive() { Label::Positive } else { Label::Negative })
            .collect();
        let matrix = LabelMatrix::new(self.rows(), self.classes(), cells).expect("the size is unchanged");
        TrueLabels::try_from(matrix).expect("no cell is unknown")
    }

    /// The labels of some of the classes.
    ///
    /// # Panics
    /// For a class that is not there.
    pub fn columns(&self, classes: Range<usize>) -> Self {
        Self(self.0.columns(classes))
    }

    /// The rows named by `rows`, in that order.
    pub fn select(&self, rows: &[usize]) -> Self {
        Self(self.0.select(rows))
    }
}

impl From<LabelMatrix> for ObservedLabels {
    fn from(matrix: LabelMatrix) -> Self {
        Self(matrix)
    }
}

impl From<TrueLabels> for ObservedLabels {
    /// Everything was observed.
    fn from(truth: TrueLabels) -> Self {
        Self(truth.into_matrix())
    }
}

impl Deref for ObservedLabels {
    type Target = LabelMatrix;
    fn deref(&self) -> &LabelMatrix {
        &self.0
    }
}
