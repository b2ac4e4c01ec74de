//! Labels that are wrong, not missing.

use crate::{ProtocolError, Stream, share};
use lacuna_labels::{Label, ObservedLabels, TrueLabels};

/// Adds `round(rate * positives)` false positives, on negative cells chosen uniformly; every other label stays as it is.
///
/// **The one protocol that changes a label**: all others only hide.
///
/// ```
/// use lacuna_labels::TrueLabels;
/// use lacuna_protocols::FalsePositives;
///
/// let truth = TrueLabels::from_fn(100, 8, |row, class| row % 8 == class || class == 0);
/// let observed = FalsePositives { rate: 0.05, seed: 0 }.apply(&truth)?;
/// assert_eq!(observed.positives(), truth.positives() + 9);
/// # Ok::<(), lacuna_protocols::ProtocolError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FalsePositives {
    /// False positives for each true one, in `[0, 1]`.
    pub rate: f64,
    /// Seed of the choice.
    pub seed: u64,
}

impl FalsePositives {
    /// `truth` with false positives.
    ///
    /// # Errors
    /// [`ProtocolError::Share`] unless `rate` is between 0 and 1.
    pub fn apply(&self, truth: &TrueLabels) -> Result<ObservedLabels, ProtocolError> {
        let wanted = (share("rate", self.rate)? * truth.positives() as f64).round_ties_even() as usize;
        let classes = truth.classes();
        let mut negatives: Vec<usize> =
            (0..truth.cells().len()).filter(|&cell| !truth.cells()[cell].is_positive()).collect();
        let mut stream = Stream::new(self.seed, "false positives");
        let mut observed = truth.matrix().clone();
        // The first steps of a shuffle from the front.
        for i in 0..wanted.min(negatives.len()) {
            let j = i + stream.below(negatives.len() - i);
            negatives.swap(i, j);
            observed.set(negatives[i] / classes, negatives[i] % classes, Label::Positive);
        }
        Ok(observed.into())
    }
}
