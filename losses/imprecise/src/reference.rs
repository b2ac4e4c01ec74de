//! The formulas, by the plain definition: every cell left out in turn.

use crate::posterior::counts;
use lacuna_loss_api::{Label, Real};

/// Logits are held to +- this for the posterior.
pub const HELD: f64 = 15.0;

/// A number of positives that is less likely than this takes no part in the posterior.
pub const LEAST: f64 = 1e-280;

/// t lp + (1 - t) ln.
pub fn cross_entropy<R: Real>(z: R, t: f64) -> R {
    R::of(t) * (-z).softplus() + R::of(1.0 - t) * z.softplus()
}

/// The probability of 0, 1, ... positives among cells that are positive with these probabilities (Poisson-binomial).
pub fn numbers(cells: &[f64]) -> Vec<f64> {
    let mut of = vec![1.0];
    for p in cells {
        let shifted = |s: usize| if s > 0 { of[s - 1] } else { 0.0 };
        of = (0..=of.len()).map(|s| (1.0 - p) * of.get(s).unwrap_or(&0.0) + p * shifted(s)).collect();
    }
    of
}

/// P(s) ~ k^(o+s) / (o+s)! for s = 0, ..., as logarithms up to a constant.
pub fn log_prior(k: f64, observed: usize, counts: usize) -> Vec<f64> {
    let mut log = 0.0;
    (0..counts)
        .map(|s| {
            let here = log;
            log += (k / (observed + s + 1) as f64).ln();
            here
        })
        .collect()
}

/// Targets of a row with the logits `z`: y for known cells, sum_s P(s) P(y = 1 | S = s) for unknown ones.
pub fn targets(z: &[f64], labels: &[Label], k: f64) -> Vec<f64> {
    let unknown: Vec<usize> = (0..z.len()).filter(|&i| !labels[i].is_known()).collect();
    let p: Vec<f64> = unknown.iter().map(|&i| Real::sigmoid(z[i].clamp(-HELD, HELD))).collect();
    let observed = labels.iter().filter(|l| l.is_positive()).count();
    let count = counts(k, observed, unknown.len());
    let whole = numbers(&p);
    let log = log_prior(k, observed, count);
    let possible: Vec<usize> = (0..count).filter(|&s| whole[s] >= LEAST).collect();
    let largest = possible.iter().fold(f64::NEG_INFINITY, |m, &s| m.max(log[s]));
    let total: f64 = possible.iter().map(|&s| (log[s] - largest).exp()).sum();
    let mut targets: Vec<f64> = labels.iter().map(|l| if l.is_positive() { 1.0 } else { 0.0 }).collect();
    for (i, &cell) in unknown.iter().enumerate() {
        let others: Vec<f64> = p.iter().enumerate().filter(|(j, _)| *j != i).map(|(_, &p)| p).collect();
        let others = numbers(&others);
        let given = |&s: &usize| {
            let prior = (log[s] - largest).exp() / total;
            if s == 0 { 0.0 } else { prior * p[i] * others[s - 1] / whole[s] }
        };
        targets[cell] = if possible.is_empty() { p[i] } else { possible.iter().map(given).sum() };
    }
    targets
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::posterior::Posterior;

    /// The posterior set by set: of every way to label the unknown cells, its probability among those with as many
    /// positives, times the prior of that number.
    fn by_sets(z: &[f64], labels: &[Label], k: f64) -> Vec<f64> {
        let unknown: Vec<usize> = (0..z.len()).filter(|&i| !labels[i].is_known()).collect();
        let observed = labels.iter().filter(|l| l.is_positive()).count() as i32;
        let sets = 1usize << unknown.len();
        let weight = |set: usize| -> f64 {
            let of =
                |(bit, &i): (usize, &usize)| Real::sigmoid(if set >> bit & 1 == 1 { z[i] } else { -z[i] });
            unknown.iter().enumerate().map(of).product()
        };
        let number = |set: usize| set.count_ones() as usize;
        let mut of_number = vec![0.0; unknown.len() + 1];
        (0..sets).for_each(|set| of_number[number(set)] += weight(set));
        let factorial = |n: i32| (1..=n).map(f64::from).product::<f64>();
        let prior: Vec<f64> =
            (0..=unknown.len() as i32).map(|s| k.powi(observed + s) / factorial(observed + s)).collect();
        let total: f64 = prior.iter().sum();
        let mut q: Vec<f64> = labels.iter().map(|l| if l.is_positive() { 1.0 } else { 0.0 }).collect();
        for (bit, &i) in unknown.iter().enumerate() {
            q[i] = (0..sets)
                .filter(|set| set >> bit & 1 == 1)
                .map(|set| prior[number(set)] / total * weight(set) / of_number[number(set)])
                .sum();
        }
        q
    }

    #[test]
    fn the_posterior_is_that_of_every_way_to_label_the_row() {
        let (p, n, u) = (Label::Positive, Label::Negative, Label::Unknown);
        let z = [0.3, -2.0, 1.7, -4.5, 0.0, 2.2, -0.7, -1.1, 6.0];
        for labels in [[u; 9], [p, u, u, u, u, u, u, u, u], [p, n, u, p, u, u, n, u, u]] {
            for k in [0.01, 0.9, 2.5, 12.0] {
                let exact = by_sets(&z, &labels, k);
                let narrow = z.map(|z| z as f32);
                let mut fast = [0.0; 9];
                Posterior::new(k).fill(&narrow, &labels, &mut fast);
                for ((formula, exact), fast) in targets(&z, &labels, k).iter().zip(exact).zip(fast) {
                    assert!((formula - exact).abs() < 1e-12, "{k}: {formula} is not {exact}");
                    assert!((f64::from(fast) - exact).abs() < 1e-6, "{k}: {fast} is not {exact}");
                }
            }
        }
    }

    /// The targets of a row add up to the mean of the prior, whatever the predictions are.
    #[test]
    fn targets_add_up_to_what_is_expected() {
        for scale in [0.1, 3.0, 40.0] {
            let z: Vec<f64> = (0..60).map(|i| scale * (f64::from(i * 37 % 60) / 30.0 - 1.5)).collect();
            let mut labels = [Label::Unknown; 60];
            labels[7] = Label::Positive;
            let log = log_prior(3.0, 1, counts(3.0, 1, 59));
            let total: f64 = log.iter().map(|l| l.exp()).sum();
            let mean: f64 = log.iter().enumerate().map(|(s, l)| s as f64 * l.exp() / total).sum();
            let sum: f64 = targets(&z, &labels, 3.0).iter().sum();
            assert!((sum - 1.0 - mean).abs() < 1e-9, "{scale}: {sum} is not {}", 1.0 + mean);
        }
    }

    /// Where the probability of s positives is what the prior says, the posterior is the prediction: plain EM is
    /// cross-entropy with the model's own belief, whose slope is 0.
    #[test]
    fn without_a_prior_of_its_own_the_posterior_is_the_prediction() {
        let p = [0.3, 0.9, 0.05, 0.5];
        let whole = numbers(&p);
        for i in 0..4 {
            let others: Vec<f64> = (0..4).filter(|j| *j != i).map(|j| p[j]).collect();
            let others = numbers(&others);
            let q: f64 = (1..=4).map(|s| whole[s] * (p[i] * others[s - 1] / whole[s])).sum();
            assert!((q - p[i]).abs() < 1e-15);
        }
    }
}
