//! No row keeps more than so many positives.

use crate::{ProtocolError, Stream, keep_positives};
use lacuna_labels::{ObservedLabels, TrueLabels};

/// Of every row at most `most` positives are observed, chosen uniformly. Everything else is unknown.
///
/// ```
/// use lacuna_labels::TrueLabels;
/// use lacuna_protocols::AtMost;
///
/// let truth = TrueLabels::from_fn(10, 6, |row, class| class <= row % 6);
/// let observed = AtMost { most: 2, seed: 3 }.apply(&truth)?;
/// assert_eq!(observed.positives(), 18);
/// # Ok::<(), lacuna_protocols::ProtocolError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AtMost {
    /// Most positives of a row, at least 1.
    pub most: usize,
    /// Seed of the draws.
    pub seed: u64,
}

impl AtMost {
    /// What is left of `truth`.
    ///
    /// # Errors
    /// [`ProtocolError::Setting`] if no positive may stay.
    pub fn apply(&self, truth: &TrueLabels) -> Result<ObservedLabels, ProtocolError> {
        if self.most == 0 {
            return Err(ProtocolError::Setting { what: "most", value: 0.0, wanted: "at least 1" });
        }
        let mut stream = Stream::new(self.seed, "at most");
        Ok(keep_positives(truth, |positives| {
            stream.shuffle(positives);
            positives.len().min(self.most)
        }))
    }
}
