//! A share of the rows labelled, in the order of NumPy's permutation.

use crate::{NumpyLegacy, ProtocolError, share};
use lacuna_labels::{Label, ObservedLabels, TrueLabels};

/// The first rows of a permutation are labelled completely, nothing is known of the others.
///
/// `RandomState(seed).permutation(rows)`; the first `trunc(labelled rows)` rows are labelled. The permutation is the
/// order in which batches that are never shuffled visit the rows: CAP trains so.
/// [`SemiSupervised`](crate::SemiSupervised) is the same on the project's own stream.
///
/// ```
/// use lacuna_labels::TrueLabels;
/// use lacuna_protocols::LabelledShare;
///
/// let truth = TrueLabels::from_fn(40, 3, |row, class| row % 3 == class);
/// let (order, observed) = LabelledShare { labelled: 0.1, seed: 1 }.apply(&truth)?;
/// assert!(observed.row(order[3]).iter().all(|label| label.is_known()));
/// assert!(observed.row(order[4]).iter().all(|label| !label.is_known()));
/// # Ok::<(), lacuna_protocols::ProtocolError>(())
/// ```
///
/// Source: the split of milkxie/SSMLL-CAP@b7dd8075d61b, drawn from a permutation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LabelledShare {
    /// Share of labelled rows, in `[0, 1]`.
    pub labelled: f64,
    /// Seed of the permutation.
    pub seed: u32,
}

impl LabelledShare {
    /// The order of the rows, and what is left of `truth`.
    ///
    /// # Errors
    /// [`ProtocolError::Share`] unless `labelled` is between 0 and 1.
    pub fn apply(&self, truth: &TrueLabels) -> Result<(Vec<usize>, ObservedLabels), ProtocolError> {
        let count = (share("labelled", self.labelled)? * truth.rows() as f64) as usize;
        let order = NumpyLegacy::new(self.seed).permutation(truth.rows());
        let mut observed = truth.matrix().clone();
        for &row in &order[count..] {
            observed.row_mut(row).fill(Label::Unknown);
        }
        Ok((order, observed.into()))
    }
}
