//! Positives are lost at random, but never all of a row.

use crate::{ProtocolError, Stream, keep_positives, share};
use lacuna_labels::{ObservedLabels, TrueLabels};

/// Every positive is lost with probability `rate`; a row that would lose all keeps one of them, chosen uniformly. Everything
/// else is unknown.
///
/// ```
/// use lacuna_labels::TrueLabels;
/// use lacuna_protocols::RandomDrop;
///
/// let truth = TrueLabels::from_fn(50, 6, |row, class| row % 6 <= class);
/// let observed = RandomDrop { rate: 1.0, seed: 3 }.apply(&truth)?;
/// assert_eq!(observed.positives(), 50);
/// # Ok::<(), lacuna_protocols::ProtocolError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RandomDrop {
    /// Probability that a positive is lost, in `[0, 1]`.
    pub rate: f64,
    /// Seed of the draws.
    pub seed: u64,
}

impl RandomDrop {
    /// What is left of `truth`.
    ///
    /// # Errors
    /// [`ProtocolError::Share`] unless `rate` is between 0 and 1.
    pub fn apply(&self, truth: &TrueLabels) -> Result<ObservedLabels, ProtocolError> {
        let rate = share("rate", self.rate)?;
        let mut stream = Stream::new(self.seed, "random drop");
        Ok(keep_positives(truth, |positives| {
            stream.shuffle(positives);
            let kept = positives.iter().filter(|_| stream.uniform_f64() >= rate).count();
            kept.max(1)
        }))
    }
}
