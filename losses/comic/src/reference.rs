//! The formulas, scalar. z logit, p = sigma(z), n = sigma(-z), h head-tail factor of a class.

use crate::{MfmConfig, PaperConfig};
use lacuna_loss_api::{Label, Real};

/// Head-tail factors h_c = (1 - ln(n_c / max n))^power, 1 for the most frequent class.
pub fn head_tail(counts: &[f64], power: f64) -> Vec<f64> {
    let most = counts.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    counts.iter().map(|n| (1.0 - (n / most).ln()).powf(power)).collect()
}

/// One entry of equations 5 and 6: n^(g+ + w+ h) lp on positives, p^(g- + w- h) ln on the rest.
pub fn paper<R: Real>(z: R, label: Label, h: f64, config: &PaperConfig) -> R {
    if label.is_positive() {
        // n^k = e^(-k ln), ln = -ln n.
        (-R::of(config.gamma_pos + config.w_pos * h) * z.softplus()).exp() * (-z).softplus()
    } else {
        (-R::of(config.gamma_neg + config.w_neg * h) * (-z).softplus()).exp() * z.softplus()
    }
}

/// Columns of the co-occurrence matrix `[C, C]` divided by their sums; a column of zeros stays one.
pub fn conditional(co_occurrence: &[f64], classes: usize) -> Vec<f64> {
    let column = |c: usize| co_occurrence[c..].iter().step_by(classes).sum::<f64>();
    let sums: Vec<f64> = (0..classes).map(column).collect();
    let share = |(i, x): (usize, &f64)| if sums[i % classes] > 0.0 { x / sums[i % classes] } else { 0.0 };
    co_occurrence.iter().enumerate().map(share).collect()
}

/// Attention of a row `[C]`: the mean of the rows of [`conditional`] that belong to its positives, with sum 1; 0 for
/// a row without positives.
pub fn attention(labels: &[Label], conditional: &[f64]) -> Vec<f64> {
    let mut a = Vec::new();
    attention_into(labels, conditional, &mut a);
    a
}

/// The same in memory that is there.
pub(crate) fn attention_into(labels: &[Label], conditional: &[f64], a: &mut Vec<f64>) {
    let classes = labels.len();
    a.clear();
    a.resize(classes, 0.0);
    for (class, _) in labels.iter().enumerate().filter(|(_, l)| l.is_positive()) {
        for (a, x) in a.iter_mut().zip(&conditional[class * classes..]) {
            *a += x;
        }
    }
    let sum: f64 = a.iter().sum();
    a.iter_mut().for_each(|x| *x = if sum > 0.0 { *x / sum } else { 0.0 });
}

/// One entry of the authors' code. `held` is z as a constant: what the focusing weight sees.
///
/// xp = p (1 - a); xn = min(n + clip, 1), and min(1.2 xn, 1) where a is not 0.
/// h (1 - xp)^g+ (-ln max(xp, e)) on positives, h (1 - xn)^(g- + h) (-ln max(xn, e)) on the rest.
pub fn mfm<R: Real>(z: R, held: f64, positive: bool, h: f64, a: f64, config: &MfmConfig) -> R {
    let guarded = |x: R| -x.max(R::of(config.eps)).ln();
    if positive {
        // 1 - xp = n + a p, without the subtraction.
        let away = Real::sigmoid(-held) + a * Real::sigmoid(held);
        return R::of(h * away.powf(config.gamma_pos)) * guarded(z.sigmoid() * R::of(1.0 - a));
    }
    let by = if a == 0.0 { 1.0 } else { config.gamma_class_ng };
    // 1 - min(n + clip, 1) = max(p - clip, 0); where the factor is 1 nothing is subtracted from 1.
    let easiness = (Real::sigmoid(held) - config.clip).max(0.0);
    let easiness = (if a == 0.0 { easiness } else { 1.0 - by * (1.0 - easiness) }).max(0.0);
    let shifted = (-z).sigmoid() + R::of(config.clip);
    let shifted = if shifted > R::one() { R::one() } else { shifted };
    let shifted = R::of(by) * shifted;
    if shifted > R::one() {
        return R::zero();
    }
    R::of(h * easiness.powf(config.gamma_neg + h)) * guarded(shifted)
}

/// The cells that the reflective label corrector takes for positive, beside the observed ones: sigma(s) is above tau
/// and above the mean of its class over the batch. `s` are the logits with the margin taken off.
pub fn corrected(s: &[f64], labels: &[Label], classes: usize, tau: f64) -> Vec<bool> {
    let p: Vec<f64> = s.iter().map(|&s| Real::sigmoid(s)).collect();
    let rows = (s.len() / classes) as f64;
    let mean = |class: usize| p[class..].iter().step_by(classes).sum::<f64>() / rows;
    let means: Vec<f64> = (0..classes).map(mean).collect();
    let corrects = |i: usize| !labels[i].is_positive() && p[i] > tau && p[i] > means[i % classes];
    (0..s.len()).map(corrects).collect()
}

/// Softmax of a row.
pub fn softmax<R: Real>(z: &[R]) -> Vec<R> {
    let mut out = z.to_vec();
    softmax_in_place(&mut out);
    out
}

/// Softmax of a row, written over it.
pub(crate) fn softmax_in_place<R: Real>(z: &mut [R]) {
    let largest = z.iter().map(|z| z.value()).fold(f64::NEG_INFINITY, f64::max);
    z.iter_mut().for_each(|z| *z = (*z - R::of(largest)).exp());
    let sum = R::sum(z.iter().copied());
    z.iter_mut().for_each(|z| *z = *z / sum);
}

/// Share of the first of two losses, a^alpha / (a^alpha + b^alpha); one half where both are 0.
pub fn share<R: Real>(a: R, b: R, alpha: f64) -> R {
    let ratio = |x: R, y: R| R::one() / (R::one() + (y / x).powf(alpha));
    match (a.value() > 0.0, b.value() > 0.0) {
        (true, true) => ratio(a, b),
        (true, false) => R::one(),
        (false, true) => R::zero(),
        (false, false) => R::of(0.5),
    }
}
