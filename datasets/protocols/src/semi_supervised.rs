//! Some rows are labelled, the others are not.

use crate::{ProtocolError, Stream, share};
use lacuna_labels::{Label, ObservedLabels, TrueLabels};

/// A share of the rows is labelled completely, nothing is known of the others.
///
/// `round(labelled * rows)` rows, chosen uniformly, at least one.
///
/// ```
/// use lacuna_labels::TrueLabels;
/// use lacuna_protocols::SemiSupervised;
///
/// let truth = TrueLabels::from_fn(40, 3, |row, class| row % 3 == class);
/// let observed = SemiSupervised { labelled: 0.1, seed: 0 }.apply(&truth)?;
/// assert_eq!(observed.cells().iter().filter(|label| label.is_known()).count(), 4 * 3);
/// # Ok::<(), lacuna_protocols::ProtocolError>(())
/// ```
///
/// Source: the setting of Xie et al. (CAP), NeurIPS 2023; the split is our own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SemiSupervised {
    /// Share of labelled rows, in `[0, 1]`.
    pub labelled: f64,
    /// Seed of the choice.
    pub seed: u64,
}

impl SemiSupervised {
    /// What is left of `truth`.
    ///
    /// # Errors
    /// [`ProtocolError::Share`] unless `labelled` is between 0 and 1.
    pub fn apply(&self, truth: &TrueLabels) -> Result<ObservedLabels, ProtocolError> {
        let rows = truth.rows();
        let count = (share("labelled", self.labelled)? * rows as f64).round_ties_even() as usize;
        let order = Stream::new(self.seed, "semi-supervised").permutation(rows);
        let mut observed = truth.matrix().clone();
        for &row in order.iter().skip(count.max(1)) {
            observed.row_mut(row).fill(Label::Unknown);
        }
        Ok(observed.into())
    }
}
