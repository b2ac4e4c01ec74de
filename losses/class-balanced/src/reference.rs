//! The formulas, scalar.

use lacuna_loss_api::{Label, Real};

/// n^(-1/4) for every class, scaled so that the largest is `max_m`.
pub fn margins(counts: &[f64], max_m: f64) -> Vec<f64> {
    let roots: Vec<f64> = counts.iter().map(|n| n.powf(-0.25)).collect();
    let largest = roots.iter().fold(0.0, |m: f64, &r| m.max(r));
    roots.into_iter().map(|r| r * max_m / largest).collect()
}

/// lp(s (z - m)) for positives, ln(s z) for the rest.
pub fn ldam<R: Real>(z: R, label: Label, margin: f64, s: f64) -> R {
    if label.is_positive() { (R::of(-s) * (z - R::of(margin))).softplus() } else { (R::of(s) * z).softplus() }
}
