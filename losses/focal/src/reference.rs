//! The formula, scalar. z logit, p = sigma(z), n = sigma(-z).

use lacuna_loss_api::{Label, Real};

/// a n^g (-ln p) for positives, b p^g (-ln n) for the rest, with (a, b) = `weights`.
pub fn focal<R: Real>(z: R, label: Label, weights: (f64, f64), gamma: f64) -> R {
    // Of a positive, the probability that is to become small is n.
    let (weight, z) = if label.is_positive() { (weights.0, -z) } else { (weights.1, z) };
    R::of(weight) * z.sigmoid().powf(gamma) * z.softplus()
}
