//! Derivatives of a loss from its formula alone.

use crate::{Dual, LossInput, MultiLabelLoss, Real};

/// Value and derivatives of a loss, in f64.
#[derive(Clone, Debug, PartialEq)]
pub struct Gradients {
    /// The reduced loss.
    pub value: f64,
    /// Its derivatives, one vector `[rows * classes]` for each logit matrix.
    pub logits: Vec<Vec<f64>>,
}

/// Value and derivatives of the loss's [`reference`](MultiLabelLoss::reference) at the logits `z`.
///
/// Runs the formula once for every logit, which takes a time quadratic in the size of the batch: meant
/// for batches of tests.
pub fn differentiate(loss: &dyn MultiLabelLoss, z: &[&[f64]], input: &LossInput<'_>) -> Gradients {
    let mut duals: Vec<Vec<Dual>> = z.iter().map(|z| z.iter().map(|&z| Dual::of(z)).collect()).collect();
    let evaluate = |duals: &[Vec<Dual>]| {
        let slices: Vec<&[Dual]> = duals.iter().map(Vec::as_slice).collect();
        loss.reference(&slices, input)
    };
    let value = evaluate(&duals).value();
    let mut logits: Vec<Vec<f64>> = z.iter().map(|z| vec![0.0; z.len()]).collect();
    for (matrix, z) in z.iter().enumerate() {
        for (i, &z) in z.iter().enumerate() {
            duals[matrix][i] = Dual::variable(z);
            logits[matrix][i] = evaluate(&duals).derivative();
            duals[matrix][i] = Dual::of(z);
        }
    }
    Gradients { value, logits }
}
