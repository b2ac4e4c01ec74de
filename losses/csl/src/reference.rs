//! The formula, scalar. z logit, p = sigma(z), n = sigma(-z).

use crate::{CslConfig, Mode};
use lacuna_loss_api::{Label, Real};

/// One entry before its weight omega. `held` is z as a constant: what the focusing weight sees.
///
/// Positive: a+ n^g+ (-ln max(p, e)). With pm = min(n + clip, 1): negative a- (1 - pm)^g- (-ln max(pm, e)),
/// unknown the same with au and gu.
pub fn csl<R: Real>(z: R, held: f64, label: Label, config: &CslConfig) -> R {
    let eps = config.eps;
    let guarded = |x: R| -x.max(R::of(eps)).ln();
    let part = match label {
        Label::Positive => config.positive,
        Label::Negative => config.negative,
        Label::Unknown => config.unknown,
    };
    if label.is_positive() {
        let weight = part.alpha * Real::sigmoid(-held).powf(part.gamma);
        return R::of(weight) * guarded(z.sigmoid());
    }
    // 1 - pm = max(p - clip, 0).
    let easiness = (Real::sigmoid(held) - config.clip).max(0.0);
    let weight = part.alpha * easiness.powf(part.gamma);
    let shifted = (-z).sigmoid() + R::of(config.clip);
    if shifted > R::one() { R::zero() } else { R::of(weight) * guarded(shifted) }
}

/// The weight omega of every entry `[rows, classes]`; `held` are the logits as constants and `left_out` the classes
/// whose prior is above the threshold.
///
/// Negative: 1. Ignore: 0 on unknown cells. Normalised: 1 + 1 / (1 + K) on the K known cells of a row, 0 on unknown ones.
/// Selective: 0 on the unknown cells of `left_out` and on the topk x rows unknown cells of the batch with the largest
/// logits, of equal ones the first; the cells of `left_out` are among those that are ranked.
pub fn weights(
    held: &[f64],
    labels: &[Label],
    classes: usize,
    config: &CslConfig,
    left_out: &[bool],
) -> Vec<f64> {
    let known = |label: &Label| if label.is_known() { 1.0 } else { 0.0 };
    match config.mode {
        Mode::Negative => vec![1.0; labels.len()],
        Mode::Ignore => labels.iter().map(known).collect(),
        Mode::Normalised => {
            let row = |labels: &[Label]| {
                let k: f64 = labels.iter().map(known).sum();
                labels.iter().map(|l| known(l) * (1.0 + 1.0 / (1.0 + k))).collect::<Vec<f64>>()
            };
            labels.chunks(classes).flat_map(row).collect()
        }
        Mode::Selective => {
            let drops = |i: usize| left_out.get(i % classes).copied().unwrap_or(false);
            let mut omega: Vec<f64> = (0..labels.len()).map(|i| if drops(i) { 0.0 } else { 1.0 }).collect();
            for (omega, label) in omega.iter_mut().zip(labels) {
                *omega = omega.max(known(label));
            }
            let mut unknown: Vec<usize> = (0..labels.len()).filter(|&i| !labels[i].is_known()).collect();
            // A stable sort: of equal logits the first comes first.
            unknown.sort_by(|&a, &b| held[b].total_cmp(&held[a]));
            let rows = labels.len() / classes;
            for &i in unknown.iter().take(config.likelihood_topk.saturating_mul(rows)) {
                omega[i] = 0.0;
            }
            omega
        }
    }
}
