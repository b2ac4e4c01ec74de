//! Each cell is known with the same probability, whatever its label.

use crate::{NumpyLegacy, ProtocolError, share};
use lacuna_labels::{Label, LabelMatrix, ObservedLabels, TrueLabels};

/// The "known labels 10 %, 20 %, ..." protocol: a cell is observed with probability `known`, positive
/// or negative alike, and unknown otherwise.
///
/// One draw a cell, row by row: known where `RandomState(seed).random_sample() < known`. A larger
/// share with the same seed knows everything a smaller one knows.
///
/// ```
/// use lacuna_labels::TrueLabels;
/// use lacuna_protocols::KnownCells;
///
/// let truth = TrueLabels::from_fn(100, 10, |row, class| row % 10 == class);
/// let observed = KnownCells { known: 0.4, seed: 0 }.apply(&truth)?;
/// let known = observed.cells().iter().filter(|label| label.is_known()).count();
/// assert!((350..450).contains(&known));
/// # Ok::<(), lacuna_protocols::ProtocolError>(())
/// ```
///
/// Source: the mask of the PU-MLC code (`numpy.random.seed(0)`, `numpy.random.random(shape)`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KnownCells {
    /// Expected share of known cells, in `[0, 1]`.
    pub known: f64,
    /// Seed of the draws; 0 in the published code.
    pub seed: u32,
}

impl KnownCells {
    /// What is left of `truth`.
    ///
    /// # Errors
    /// [`ProtocolError::Share`] unless `known` is between 0 and 1.
    pub fn apply(&self, truth: &TrueLabels) -> Result<ObservedLabels, ProtocolError> {
        let known = share("known", self.known)?;
        let mut rng = NumpyLegacy::new(self.seed);
        let cells = truth.cells().iter();
        let cells = cells.map(|&label| if rng.random_sample() < known { label } else { Label::Unknown });
        let matrix = LabelMatrix::new(truth.rows(), truth.classes(), cells.collect());
        Ok(matrix.expect("one cell for each true cell").into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extremes_hide_everything_or_nothing() {
        let truth = TrueLabels::from_fn(6, 5, |row, class| row == class);
        let all = KnownCells { known: 1.0, seed: 4 }.apply(&truth).unwrap();
        assert_eq!(all, truth.clone().into());
        let none = KnownCells { known: 0.0, seed: 4 }.apply(&truth).unwrap();
        assert!(none.cells().iter().all(|label| !label.is_known()));
        assert!(KnownCells { known: 1.5, seed: 4 }.apply(&truth).is_err());
    }

    #[test]
    fn a_larger_share_knows_what_a_smaller_one_knows() {
        let truth = TrueLabels::from_fn(40, 8, |row, class| (row * class) % 3 == 1);
        let few = KnownCells { known: 0.1, seed: 9 }.apply(&truth).unwrap();
        let many = KnownCells { known: 0.5, seed: 9 }.apply(&truth).unwrap();
        for ((few, many), real) in few.cells().iter().zip(many.cells()).zip(truth.cells()) {
            assert!(!few.is_known() || few == many);
            assert!(!many.is_known() || many == real);
        }
    }
}
