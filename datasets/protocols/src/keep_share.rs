//! A fixed number of a row's positives stays, which depends on how many it has.

use crate::{ProtocolError, Stream, keep_positives};
use lacuna_labels::{ObservedLabels, TrueLabels};

/// The "x % of the labels left" lists: of a row with `k` positives exactly `floor(k / divisor) + 1` stay, chosen uniformly;
/// everything else is unknown.
///
/// With a divisor of 2 the lists are called "75 % left", with 5 "40 % left": these are ratios over all of COCO, not rates
/// at which a label is kept. "75 % left" touches no row with one or two labels.
///
/// ```
/// use lacuna_labels::TrueLabels;
/// use lacuna_protocols::KeepShare;
///
/// let truth = TrueLabels::from_fn(1, 9, |_, class| class < 7);
/// assert_eq!(KeepShare { divisor: 2, seed: 0 }.apply(&truth)?.positives(), 4);
/// assert_eq!(KeepShare { divisor: 5, seed: 0 }.apply(&truth)?.positives(), 2);
/// # Ok::<(), lacuna_protocols::ProtocolError>(())
/// ```
///
/// Source: the lists of Zhang et al., arXiv 2112.07368, measured on all 82,081 rows (xinyu1205/robust-loss-mlml).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeepShare {
    /// What the number of positives is divided by; at least 1.
    pub divisor: usize,
    /// Seed of the choice.
    pub seed: u64,
}

impl KeepShare {
    /// What is left of `truth`.
    ///
    /// # Errors
    /// [`ProtocolError::Setting`] for a divisor of 0.
    pub fn apply(&self, truth: &TrueLabels) -> Result<ObservedLabels, ProtocolError> {
        if self.divisor == 0 {
            return Err(ProtocolError::Setting { what: "divisor", value: 0.0, wanted: "at least 1" });
        }
        let mut stream = Stream::new(self.seed, "keep share");
        Ok(keep_positives(truth, |positives| {
            stream.shuffle(positives);
            positives.len() / self.divisor + 1
        }))
    }
}
