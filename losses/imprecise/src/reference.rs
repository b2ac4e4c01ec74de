//! The formulas, scalar. The posterior is found another way than in the fast code: for each cell from the distribution of
//! the number of positives among all the others.

use lacuna_loss_api::{Label, Real};

/// Cross-entropy of a known cell, or against the posterior q of an unknown one, detached.
pub fn entry<R: Real>(z: R, label: Label, q: f64) -> R {
    let t = match label {
        Label::Positive => 1.0,
        Label::Negative => 0.0,
        Label::Unknown => q,
    };
    R::of(t) * (-z).softplus() + R::of(1.0 - t) * z.softplus()
}

/// ln r(k), the logarithm of what the prior makes of k positives: `strength` times that of a Poisson distribution with this
/// mean, without its constant.
pub fn log_prior(k: usize, mean: f64, strength: f64) -> f64 {
    let log_factorial: f64 = (1..=k).map(|i| (i as f64).ln()).sum();
    strength * (k as f64 * mean.ln() - log_factorial)
}

/// Posteriors of the unknown cells of a row with probabilities `p`, where `known` cells are positive besides.
///
/// q_j = p_j sum_m P_-j(m) r(m + 1 + known) / (the same + (1 - p_j) sum_m P_-j(m) r(m + known)), with P_-j the distribution
/// of the number of positives among the other unknown cells.
pub fn posterior(p: &[f64], known: usize, mean: f64, strength: f64) -> Vec<f64> {
    let log_r: Vec<f64> = (0..=p.len()).map(|k| log_prior(k + known, mean, strength)).collect();
    let top = log_r.iter().fold(f64::NEG_INFINITY, |a, b| a.max(*b));
    let r: Vec<f64> = log_r.iter().map(|x| (x - top).exp()).collect();
    (0..p.len())
        .map(|j| {
            let mut count = vec![1.0];
            for (_, &p) in p.iter().enumerate().filter(|(i, _)| *i != j) {
                let mut next = vec![0.0; count.len() + 1];
                for (m, c) in count.iter().enumerate() {
                    next[m] += (1.0 - p) * c;
                    next[m + 1] += p * c;
                }
                count = next;
            }
            let weighed = |shift: usize| -> f64 { count.iter().zip(&r[shift..]).map(|(c, r)| c * r).sum() };
            let (yes, no) = (p[j] * weighed(1), (1.0 - p[j]) * weighed(0));
            yes / (yes + no)
        })
        .collect()
}
