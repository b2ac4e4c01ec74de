//! True labels: what metrics compare predictions with.

use crate::{Label, LabelError, LabelMatrix};
use std::ops::Deref;

/// True labels: every cell is positive or negative. Metrics take these.
///
/// There is no way to put an unknown cell into one, so a metric never has to ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrueLabels(LabelMatrix);

impl TrueLabels {
    /// From a predicate: `positive(row, class)` says whether the class is present.
    pub fn from_fn(rows: usize, classes: usize, mut positive: impl FnMut(usize, usize) -> bool) -> Self {
        let mut matrix = LabelMatrix::filled(rows, classes, Label::Negative);
        for row in 0..rows {
            for (class, cell) in matrix.row_mut(row).iter_mut().enumerate() {
                if positive(row, class) {
                    *cell = Label::Positive;
                }
            }
        }
        Self(matrix)
    }

    /// The labels as a plain matrix.
    pub fn matrix(&self) -> &LabelMatrix {
        &self.0
    }

    /// The labels as a plain matrix, by value.
    pub fn into_matrix(self) -> LabelMatrix {
        self.0
    }

    /// The rows named by `rows`, in that order.
    pub fn select(&self, rows: &[usize]) -> Self {
        Self(self.0.select(rows))
    }
}

impl TryFrom<LabelMatrix> for TrueLabels {
    type Error = LabelError;

    /// # Errors
    /// [`LabelError::Unknown`] with the first unknown cell.
    fn try_from(matrix: LabelMatrix) -> Result<Self, LabelError> {
        match matrix.cells().iter().position(|l| !l.is_known()) {
            None => Ok(Self(matrix)),
            Some(i) => Err(LabelError::Unknown { row: i / matrix.classes(), class: i % matrix.classes() }),
        }
    }
}

impl Deref for TrueLabels {
    type Target = LabelMatrix;
    fn deref(&self) -> &LabelMatrix {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_cell_is_named() {
        let mut matrix = LabelMatrix::filled(3, 4, Label::Negative);
        matrix.set(2, 1, Label::Unknown);
        assert_eq!(TrueLabels::try_from(matrix), Err(LabelError::Unknown { row: 2, class: 1 }));
    }

    #[test]
    fn from_fn_sets_exactly_the_named_cells() {
        let t = TrueLabels::from_fn(2, 2, |r, c| r == c);
        assert_eq!(t.positives_per_class(), [1, 1]);
        assert_eq!(t.get(0, 1), Label::Negative);
    }
}
