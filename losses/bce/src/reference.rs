//! The formulas, scalar. z logit, p = sigma(z), n = sigma(-z).

use lacuna_loss_api::{Label, Real};

/// y lp + (1 - y) ln with lp = -ln p = softplus(-z) and ln = -ln n = softplus(z); y in [0, 1].
pub fn cross_entropy<R: Real>(z: R, y: f64) -> R {
    R::of(y) * (-z).softplus() + R::of(1.0 - y) * z.softplus()
}

/// The cross-entropy of a known label; 0 for an unknown one.
pub fn bce<R: Real>(z: R, label: Label) -> R {
    match label {
        Label::Positive => cross_entropy(z, 1.0),
        Label::Negative => cross_entropy(z, 0.0),
        Label::Unknown => R::zero(),
    }
}

/// y lp + w (1 - y) ln, everything that is not positive being a negative of weight w.
pub fn weak_negative_bce<R: Real>(z: R, label: Label, w: f64) -> R {
    if label.is_positive() { (-z).softplus() } else { R::of(w) * z.softplus() }
}

/// The weight of a row of which the share r is known: alpha r^gamma + beta, and 0 if nothing is known.
///
/// Durand, Mehrasa and Mori, CVPR 2019, section 3.1.
pub fn row_weight(labels: &[Label], alpha: f64, beta: f64, gamma: f64) -> f64 {
    let known = labels.iter().filter(|l| l.is_known()).count();
    if known == 0 { 0.0 } else { alpha * (known as f64 / labels.len() as f64).powf(gamma) + beta }
}
