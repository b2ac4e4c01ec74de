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

/// beta [y lp + (1 - y) ln] + (1 - beta) [p lp + n ln], everything that is not positive being negative.
///
/// Reed et al., 2015, equation 6, for each class by itself.
pub fn soft_bootstrap<R: Real>(z: R, label: Label, beta: f64) -> R {
    let y = if label.is_positive() { 1.0 } else { 0.0 };
    let entropy = z.sigmoid() * (-z).softplus() + (-z).sigmoid() * z.softplus();
    R::of(beta) * cross_entropy(z, y) + R::of(1.0 - beta) * entropy
}

/// c = (K - 1) / (2 K) for the K known labels of a row, 0 for none.
pub fn wrong_share(labels: &[Label]) -> f64 {
    let known = labels.iter().filter(|l| l.is_known()).count().max(1) as f64;
    (known - 1.0) / (2.0 * known)
}

/// The cross-entropy with target 1 - c for positives and c for observed negatives.
pub fn multi_label_logistic<R: Real>(z: R, label: Label, c: f64) -> R {
    match label {
        Label::Positive => cross_entropy(z, 1.0 - c),
        Label::Negative => cross_entropy(z, c),
        Label::Unknown => R::zero(),
    }
}
