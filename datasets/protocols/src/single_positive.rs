//! One positive a row stays, everything else becomes unknown.

use crate::{NumpyLegacy, PUBLISHED_SEED};
use lacuna_labels::{Label, LabelMatrix, ObservedLabels, TrueLabels};

/// The published single-positive mask: of every row, `positives` positives and `negatives` negatives
/// are observed; the other cells are unknown.
///
/// `RandomState(seed)`, rows in order: the positive classes are shuffled and the first `positives`
/// kept, then the negative classes are shuffled and the first `negatives` kept. The second shuffle
/// happens even when no negative is kept: its draws move the stream, and without them every mask
/// after the first row would differ from the published one. Start again (apply to the other
/// matrix) for every part of a data set, as the script does.
///
/// The default is one positive, no negative, seed 1200.
///
/// ```
/// use lacuna_labels::TrueLabels;
/// use lacuna_protocols::SinglePositive;
///
/// let truth = TrueLabels::from_fn(3, 5, |_, class| class < 3);
/// let observed = SinglePositive::default().apply(&truth);
/// assert_eq!(observed.positives(), 3);
/// // Only what was there can be seen.
/// assert!((0..3).all(|row| observed.row(row)[3..].iter().all(|label| !label.is_positive())));
/// ```
///
/// Source: Cole et al., "Multi-Label Learning from Single Positive Labels", CVPR 2021,
/// `preproc/generate_observed_labels.py`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SinglePositive {
    /// Observed positives of a row; a row with fewer keeps all of them.
    pub positives: usize,
    /// Observed negatives of a row; a row with fewer keeps all of them.
    pub negatives: usize,
    /// Seed of the shuffles.
    pub seed: u32,
}

impl Default for SinglePositive {
    fn default() -> Self {
        Self { positives: 1, negatives: 0, seed: PUBLISHED_SEED }
    }
}

impl SinglePositive {
    /// What is left of `truth`.
    pub fn apply(&self, truth: &TrueLabels) -> ObservedLabels {
        let mut rng = NumpyLegacy::new(self.seed);
        let mut observed = LabelMatrix::filled(truth.rows(), truth.classes(), Label::Unknown);
        let mut classes = Vec::with_capacity(truth.classes());
        for row in 0..truth.rows() {
            for (label, kept) in [(Label::Positive, self.positives), (Label::Negative, self.negatives)] {
                classes.clear();
                classes.extend((0..truth.classes()).filter(|&class| truth.get(row, class) == label));
                rng.shuffle(&mut classes);
                for &class in classes.iter().take(kept) {
                    observed.set(row, class, label);
                }
            }
        }
        observed.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Stream;

    #[test]
    fn the_mask_of_the_published_script() {
        // Labels and mask printed by NumPy; row 4 has no positive.
        let labels =
            ["000111", "001001", "010010", "001010", "000000", "111010", "011000", "011000", "100000"];
        let mask = ["000100", "001000", "000010", "000010", "000000", "010000", "010000", "010000", "100000"];
        let truth = TrueLabels::from_fn(9, 6, |row, class| labels[row].as_bytes()[class] == b'1');
        let observed = SinglePositive::default().apply(&truth);
        for (row, mask) in mask.into_iter().enumerate() {
            let found = observed.row(row).iter().map(|label| if label.is_positive() { '1' } else { '0' });
            assert_eq!(found.collect::<String>(), mask, "row {row}");
        }
    }

    #[test]
    fn observed_cells_are_true_and_as_many_as_asked_for() {
        let mut stream = Stream::new(5, "test labels");
        let truth = TrueLabels::from_fn(200, 12, |_, _| stream.uniform_f64() < 0.3);
        let protocol = SinglePositive { positives: 2, negatives: 3, seed: 77 };
        let observed = protocol.apply(&truth);
        for row in 0..truth.rows() {
            let mut kept = [0, 0];
            for (seen, real) in observed.row(row).iter().zip(truth.row(row)) {
                assert!(!seen.is_known() || seen == real, "row {row}");
                kept[0] += usize::from(*seen == Label::Positive);
                kept[1] += usize::from(*seen == Label::Negative);
            }
            let positives = truth.row(row).iter().filter(|label| label.is_positive()).count();
            assert_eq!(kept, [positives.min(2), (12 - positives).min(3)], "row {row}");
        }
        assert_eq!(protocol.apply(&truth), observed, "the same seed gives the same mask");
        assert_ne!(SinglePositive { seed: 78, ..protocol }.apply(&truth), observed);
    }

    #[test]
    fn keeping_negatives_does_not_move_the_positives() {
        let truth = TrueLabels::from_fn(50, 9, |row, class| (row + class) % 3 == 0);
        let without = SinglePositive::default().apply(&truth);
        let with = SinglePositive { negatives: 4, ..SinglePositive::default() }.apply(&truth);
        assert_eq!(without.assume_negative(), with.assume_negative());
    }
}
