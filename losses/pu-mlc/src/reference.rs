//! The formula, scalar.

use crate::NO_SPREAD;
use lacuna_loss_api::{Label, Real};

/// T = min(1, alpha * standard deviation of the class's logits over the batch), and 1 where they do not differ.
pub fn temperature(z: &[f64], alpha: f64) -> f64 {
    let n = z.len() as f64;
    let mean = z.iter().sum::<f64>() / n;
    let variance = z.iter().map(|z| (z - mean).powi(2)).sum::<f64>() / n;
    let spread = alpha * variance.sqrt();
    if spread < NO_SPREAD { 1.0 } else { spread.min(1.0) }
}

/// One class: w ln(mean s + 2e) - r sum l with s = sigma(z / T), r = 1 / positives (0 without any), l = ln(s + 2e)
/// at positives and ln(1 + e) elsewhere. T and w = (mean s)^gamma are constants for the derivative.
pub fn pu_mlc_class<R: Real>(z: &[R], labels: &[Label], t: f64, w: f64, e: f64) -> R {
    let s = |z: R| (z / R::of(t)).sigmoid();
    let mean = R::sum(z.iter().map(|&z| s(z))) / R::of(z.len() as f64);
    let unlabelled = R::of(w) * (mean + R::of(2.0 * e)).ln();
    let positives = labels.iter().filter(|l| l.is_positive()).count();
    if positives == 0 {
        return unlabelled;
    }
    let l = |(&z, label): (&R, &Label)| match label {
        Label::Positive => (s(z) + R::of(2.0 * e)).ln(),
        _ => R::of(1.0 + e).ln(),
    };
    unlabelled - R::sum(z.iter().zip(labels).map(l)) / R::of(positives as f64)
}

/// What the authors' code adds to a probability that stands for a target.
pub const LEAK: f64 = 1e-10;

/// Target of a whole row in the mixup term: 1 at positives, else sigma(z) + 1e-10, without the temperature.
pub fn mixup_target<R: Real>(z: R, label: Label) -> R {
    if label.is_positive() { R::one() } else { z.sigmoid() + R::of(LEAK) }
}

/// One cell of the mixup term: (ln(lambda a + (1 - lambda) b + e) - ln(sigma(z) + e))^2, z of the mixed row.
pub fn mixup<R: Real>(a: R, b: R, z: R, lambda: f64, e: f64) -> R {
    let t = R::of(lambda) * a + R::of(1.0 - lambda) * b;
    let gap = (t + R::of(e)).ln() - (z.sigmoid() + R::of(e)).ln();
    gap * gap
}
