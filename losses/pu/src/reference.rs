//! The formulas of one class, scalar.

use crate::Surrogate;
use lacuna_loss_api::{Label, Real};

/// What it costs to predict the sign of m wrongly: sigma(-m), or softplus(-m).
pub fn surrogate<R: Real>(m: R, of: Surrogate) -> R {
    match of {
        Surrogate::Sigmoid => (-m).sigmoid(),
        Surrogate::Logistic => (-m).softplus(),
    }
}

/// (R+, R-): pi mean_P l(z), and mean_U l(-z) - pi mean_P l(-z). U is the rest, or everything if `all_unlabelled`.
pub fn risks<R: Real>(z: &[R], labels: &[Label], prior: f64, of: Surrogate, all_unlabelled: bool) -> (R, R) {
    let mean = |terms: Vec<R>| {
        let n = terms.len().max(1) as f64;
        R::sum(terms.into_iter()) / R::of(n)
    };
    let rows = || z.iter().zip(labels);
    let positive = |sign: f64| {
        rows().filter(|(_, l)| l.is_positive()).map(|(&z, _)| surrogate(R::of(sign) * z, of)).collect()
    };
    let unlabelled = rows().filter(|(_, l)| all_unlabelled || !l.is_positive());
    let negative = mean(unlabelled.map(|(&z, _)| surrogate(-z, of)).collect());
    let pi = R::of(prior);
    (pi * mean(positive(1.0)), negative - pi * mean(positive(-1.0)))
}

/// -ln p of a positive, -ln n of an observed negative, -ln(1 - c p) of an unknown cell.
pub fn label_frequency<R: Real>(z: R, label: Label, c: f64) -> R {
    match label {
        Label::Positive => (-z).softplus(),
        Label::Negative => z.softplus(),
        Label::Unknown if c == 1.0 => z.softplus(),
        Label::Unknown => z.softplus() - (z + R::of((1.0 - c).ln())).softplus(),
    }
}

/// ln mean phi - mean_P ln phi with phi = sigma(z); the first term alone without positives.
pub fn vpu<R: Real>(z: &[R], labels: &[Label]) -> R {
    let mean = R::sum(z.iter().map(|z| z.sigmoid())) / R::of(z.len() as f64);
    let positives = z.iter().zip(labels).filter(|(_, l)| l.is_positive());
    let count = positives.clone().count();
    if count == 0 {
        return mean.ln();
    }
    mean.ln() + R::sum(positives.map(|(&z, _)| (-z).softplus())) / R::of(count as f64)
}

/// 2 pi mean_P n + |mean p - pi|; the mean over no positives is 0.
pub fn crisp<R: Real>(z: &[R], labels: &[Label], prior: f64) -> R {
    let mean = R::sum(z.iter().map(|z| z.sigmoid())) / R::of(z.len() as f64);
    let positives = z.iter().zip(labels).filter(|(_, l)| l.is_positive());
    let count = positives.clone().count().max(1) as f64;
    let missed = R::sum(positives.map(|(&z, _)| (-z).sigmoid())) / R::of(count);
    R::of(2.0 * prior) * missed + (mean - R::of(prior)).abs()
}

/// mean_P n + |mean_U p - pi| / (2 pi) + mu mean_U H, U the rows that are not positive. A mean over nothing is 0, and so is the
/// distance from the prior without unlabelled rows. H is the entropy at z clamped to +-`bound`.
pub fn dist_pu<R: Real>(z: &[R], labels: &[Label], prior: f64, mu: f64, bound: f64) -> R {
    let rows = || z.iter().zip(labels);
    let mean = |terms: Vec<R>| {
        let n = terms.len().max(1) as f64;
        R::sum(terms.into_iter()) / R::of(n)
    };
    let unlabelled: Vec<R> = rows().filter(|(_, l)| !l.is_positive()).map(|(z, _)| *z).collect();
    let missed = mean(rows().filter(|(_, l)| l.is_positive()).map(|(&z, _)| (-z).sigmoid()).collect());
    if unlabelled.is_empty() {
        return missed;
    }
    let entropy = |&z: &R| {
        let z = if z.value().abs() <= bound { z } else { R::of(bound.copysign(z.value())) };
        z.sigmoid() * (-z).softplus() + (-z).sigmoid() * z.softplus()
    };
    let gap = mean(unlabelled.iter().map(|z| z.sigmoid()).collect()) - R::of(prior);
    let entropy = mean(unlabelled.iter().map(entropy).collect());
    missed + gap.abs() / R::of(2.0 * prior) + R::of(mu) * entropy
}

/// lp of a positive, ln of everything else.
pub fn assume_negative<R: Real>(z: R, label: Label) -> R {
    if label.is_positive() { (-z).softplus() } else { z.softplus() }
}
