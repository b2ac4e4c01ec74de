//! The formulas, scalar.

use crate::{ClassBalance, Focal, Norm, Reweight};
use lacuna_loss_api::{Label, Real};

/// Effective-number weight (1 - b) / (1 - b^n) of a class with n positives.
pub fn effective_number_weight(beta: f64, n: f64) -> f64 {
    (1.0 - beta) / (1.0 - beta.powf(n))
}

/// n of a class that is not positive, in `ClassBalance::MinN` and for a row without positives.
pub const MANY: f64 = 100_000.0;

/// Weights W of the cells of a row before normalisation. `counts` are n_c of N `rows`.
///
/// For the rows-wide modes of CB all cells of a row weigh the same.
pub fn row_weights(labels: &[Label], counts: &[f64], rows: f64, reweight: &Reweight) -> Vec<f64> {
    let positive: Vec<f64> =
        labels.iter().zip(counts).filter(|(l, _)| l.is_positive()).map(|(_, n)| *n).collect();
    let mean = |x: f64| x / positive.len() as f64;
    match *reweight {
        Reweight::Rebalance { alpha, beta, mu } => {
            // r = (1 / n_c) / sum over positives of 1 / n_j, infinite in a row without positives.
            let sum: f64 = positive.iter().map(|n| 1.0 / n).sum();
            let r = |n: f64| if positive.is_empty() { f64::INFINITY } else { 1.0 / n / sum };
            counts.iter().map(|&n| alpha + Real::sigmoid(beta * (r(n) - mu))).collect()
        }
        Reweight::Inverse => counts.iter().map(|n| rows / n).collect(),
        Reweight::InverseRoot => counts.iter().map(|n| (rows / n).sqrt()).collect(),
        Reweight::ClassBalanced { beta, mode } => {
            let weight = |n| effective_number_weight(beta, n);
            let whole_row = match mode {
                ClassBalance::ByClass => return counts.iter().map(|&n| weight(n)).collect(),
                _ if positive.is_empty() => weight(MANY),
                ClassBalance::AverageWeight => mean(positive.iter().map(|&n| weight(n)).sum()),
                ClassBalance::AverageN => weight(mean(positive.iter().sum())),
                ClassBalance::MinN => weight(positive.iter().fold(MANY, |m, &n| m.min(n))),
            };
            vec![whole_row; counts.len()]
        }
    }
}

/// Weights of a batch, divided by the largest of the row or of the batch where asked.
pub fn weights(labels: &[Label], counts: &[f64], rows: f64, reweight: &Reweight, norm: Norm) -> Vec<f64> {
    let largest = |w: &[f64]| w.iter().fold(0.0, |m: f64, &w| m.max(w));
    let by_row = labels.chunks(counts.len()).map(|labels| row_weights(labels, counts, rows, reweight));
    let by_row: Vec<Vec<f64>> = by_row.collect();
    let of_batch = by_row.iter().map(|w| largest(w)).fold(0.0, f64::max);
    let divided = by_row.into_iter().flat_map(|row| {
        let by = match norm {
            Norm::None => 1.0,
            Norm::ByInstance => largest(&row),
            Norm::ByBatch => of_batch,
        };
        row.into_iter().map(move |w| w / by)
    });
    divided.collect()
}

/// One entry of weight w with the shift nu and the negative scale lambda: x = z + nu and weight w for positives,
/// x = lambda (z + nu) and weight w / lambda for the rest; cross-entropy or, with `focal`,
/// balance (1 - e^-bce)^g bce.
pub fn resample<R: Real>(z: R, label: Label, w: f64, nu: f64, lambda: f64, focal: Option<Focal>) -> R {
    let s = z + R::of(nu);
    // The probability that is to become small is sigma(x).
    let (x, w) = if label.is_positive() { (-s, w) } else { (R::of(lambda) * s, w / lambda) };
    match focal {
        None => R::of(w) * x.softplus(),
        Some(Focal { balance, gamma }) => R::of(balance * w) * x.sigmoid().powf(gamma) * x.softplus(),
    }
}
