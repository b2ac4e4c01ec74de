//! The formulas, scalar. E = cross-entropy with target 1 on positives and 0 elsewhere.

use crate::Scheme;
use lacuna_loss_api::{Label, Real};

/// E of one entry; `flipped` exchanges the target.
pub fn cross_entropy<R: Real>(z: R, label: Label, flipped: bool) -> R {
    if label.is_positive() == flipped { z.softplus() } else { (-z).softplus() }
}

/// E where nobody looked, 0 elsewhere.
pub fn unobserved_losses(z: &[f64], labels: &[Label]) -> Vec<f64> {
    let loss = |(&z, &l): (&f64, &Label)| if l.is_known() { 0.0 } else { cross_entropy(z, l, false) };
    z.iter().zip(labels).map(loss).collect()
}

/// The k-th largest number, k counted from 1.
pub fn kth_largest(values: &[f64], k: usize) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    sorted[k - 1]
}

/// The mean over all entries of E where `kept`, and of 0 or the flipped E elsewhere. Which entries are kept is
/// a constant for the derivative.
pub fn large_loss<R: Real>(z: &[R], labels: &[Label], kept: &[bool], scheme: Scheme) -> R {
    let entry = |i: usize| match (kept[i], scheme) {
        (true, _) => cross_entropy(z[i], labels[i], false),
        (false, Scheme::Reject) => R::zero(),
        (false, _) => cross_entropy(z[i], labels[i], true),
    };
    R::sum((0..z.len()).map(entry)) / R::of(z.len() as f64)
}

/// BoostLU: alpha x above 0, x elsewhere.
pub fn boost<R: Real>(x: R, alpha: f64) -> R {
    if x.value() > 0.0 { R::of(alpha) * x } else { x }
}
