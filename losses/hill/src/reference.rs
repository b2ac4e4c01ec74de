//! The formulas, scalar. z logit, p = sigma(z).

use lacuna_loss_api::{Label, Real};

/// Focal loss at s of a positive: sigma(-s)^g lp(s), lp = -ln sigma.
pub fn focal_positive<R: Real>(s: R, gamma: f64) -> R {
    (-s).sigmoid().powf(gamma) * (-s).softplus()
}

/// Focal loss at s of a negative: sigma(s)^g ln(s), ln = -ln(1 - sigma).
pub fn focal_negative<R: Real>(s: R, gamma: f64) -> R {
    s.sigmoid().powf(gamma) * s.softplus()
}

/// Hill: focal at z - m for positives, (lambda - p) p^2 for the rest.
pub fn hill<R: Real>(z: R, label: Label, lambda: f64, margin: f64, gamma: f64) -> R {
    if label.is_positive() {
        return focal_positive(z - R::of(margin), gamma);
    }
    let p = z.sigmoid();
    (R::of(lambda) - p) * p * p
}

/// Focal margin: focal at z - m for positives, focal at z for the rest.
pub fn focal_margin<R: Real>(z: R, label: Label, margin: f64, gamma: f64) -> R {
    if label.is_positive() { focal_positive(z - R::of(margin), gamma) } else { focal_negative(z, gamma) }
}

/// Whether SPLC takes an entry for a positive: it is one, or nobody looked, the correction is `active` and
/// sigma(z) > tau.
pub fn corrected(z: f64, label: Label, tau: f64, active: bool) -> bool {
    label.is_positive() || (active && label == Label::Unknown && Real::sigmoid(z) > tau)
}

/// SPLC at an entry that was taken for a positive or not (`corrected`, a constant for the derivative). Only an
/// observed positive is shifted by the margin.
pub fn splc<R: Real>(z: R, label: Label, corrected: bool, margin: f64, gamma: f64) -> R {
    match (label.is_positive(), corrected) {
        (true, _) => focal_positive(z - R::of(margin), gamma),
        (false, true) => focal_positive(z, gamma),
        (false, false) => focal_negative(z, gamma),
    }
}
