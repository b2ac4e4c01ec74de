//! Every positive lost with the same probability, on NumPy's generator.

use crate::{NumpyLegacy, ProtocolError, share};
use lacuna_labels::{Label, LabelMatrix, ObservedLabels, TrueLabels};

/// Every positive is lost with probability `rate`, but never all of a row, and nothing is known of the other cells.
///
/// One draw a cell, row by row: `u = RandomState(seed).random_sample((rows, classes))`; a positive stays where
/// `u >= rate`. A row that would lose all of its positives keeps the one with the largest u.
/// [`RandomDrop`](crate::RandomDrop) is the same on the project's own stream.
///
/// ```
/// use lacuna_labels::TrueLabels;
/// use lacuna_protocols::CellDrop;
///
/// let truth = TrueLabels::from_fn(100, 10, |row, class| (row + class) % 3 == 0);
/// let observed = CellDrop { rate: 0.5, seed: 1200 }.apply(&truth)?;
/// assert!((120..220).contains(&observed.positives())); // of 333
/// # Ok::<(), lacuna_protocols::ProtocolError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CellDrop {
    /// Probability in `[0, 1]` that a positive is lost.
    pub rate: f64,
    /// Seed of the draws.
    pub seed: u32,
}

impl CellDrop {
    /// What is left of `truth`.
    ///
    /// # Errors
    /// [`ProtocolError::Share`] unless `rate` is between 0 and 1.
    pub fn apply(&self, truth: &TrueLabels) -> Result<ObservedLabels, ProtocolError> {
        let rate = share("rate", self.rate)?;
        let mut rng = NumpyLegacy::new(self.seed);
        let mut observed = LabelMatrix::filled(truth.rows(), truth.classes(), Label::Unknown);
        for row in 0..truth.rows() {
            // The largest draw of a positive, the first of equals, as numpy.argmax.
            let (mut kept, mut largest) = (0, None);
            for (class, label) in truth.row(row).iter().enumerate() {
                let u = rng.random_sample();
                if !label.is_positive() {
                    continue;
                }
                if largest.is_none_or(|(most, _)| u > most) {
                    largest = Some((u, class));
                }
                if u >= rate {
                    observed.set(row, class, Label::Positive);
                    kept += 1;
                }
            }
            if let (0, Some((_, class))) = (kept, largest) {
                observed.set(row, class, Label::Positive);
            }
        }
        Ok(observed.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_keeps_a_positive_and_nothing_becomes_one() {
        let truth = TrueLabels::from_fn(50, 6, |row, class| row % 7 != 0 && (row * class) % 4 == 0);
        for (rate, seed) in [(0.0, 1), (0.4, 2), (1.0, 3)] {
            let observed = CellDrop { rate, seed }.apply(&truth).unwrap();
            for row in 0..50 {
                let (had, has) = (truth.row(row), observed.row(row));
                let count = |labels: &[Label]| labels.iter().filter(|label| label.is_positive()).count();
                assert!(has.iter().zip(had).all(|(has, had)| !has.is_positive() || had.is_positive()));
                assert_eq!(count(has) > 0, count(had) > 0);
                let expected = if rate == 0.0 { count(had) } else { count(had).min(1) };
                assert!(rate == 0.4 || count(has) == expected);
            }
        }
        assert!(CellDrop { rate: 1.1, seed: 0 }.apply(&truth).is_err());
    }
}
