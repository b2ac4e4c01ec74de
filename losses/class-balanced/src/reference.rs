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

/// Which share of the positives of a batch belongs to rare classes; 0 for a batch without positives.
pub fn rare_share(labels: &[Label], rare: &[bool]) -> f64 {
    let (mut all, mut of_rare) = (0usize, 0usize);
    for row in labels.chunks(rare.len()) {
        for (label, &rare) in row.iter().zip(rare) {
            all += usize::from(label.is_positive());
            of_rare += usize::from(label.is_positive() && rare);
        }
    }
    of_rare as f64 / all.max(1) as f64
}

/// lp for positives, w ln for the rest.
pub fn weighted_negative<R: Real>(z: R, label: Label, weight: f64) -> R {
    if label.is_positive() { (-z).softplus() } else { R::of(weight) * z.softplus() }
}
