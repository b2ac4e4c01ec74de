//! The formulas, scalar.

use crate::LOG_SIGMA;
use lacuna_loss_api::{Label, Real};

/// ln sigma = clamp(s/2, -6, 6), without a derivative beyond.
pub fn log_sigma<R: Real>(s: R) -> R {
    let half = s * R::of(0.5);
    if half.value().abs() > LOG_SIGMA { R::of(half.value().signum() * LOG_SIGMA) } else { half }
}

/// beta times the mean over entries of -(1 + 2 ln sigma - mu^2 - sigma^2) / 2.
pub fn gaussian_kl<R: Real>(mu: &[R], s: &[R], beta: f64) -> R {
    let entry = |(&mu, &s): (&R, &R)| {
        let log = log_sigma(s);
        let sigma = log.exp();
        R::of(-0.5) * (R::one() + log + log - mu * mu - sigma * sigma)
    };
    R::of(beta / mu.len() as f64) * R::sum(mu.iter().zip(s).map(entry))
}

/// Logits w_c z + b_c of representations z = mean over draws of mu + sigma noise.
///
/// `statistics` has mu and s of each representation beside each other, `[N, 2 wide]`, and a draw of the `noise` is
/// `[N, wide]`. The representations are one for each row, shared by the classes, or one for each row and class.
pub fn logits<R: Real>(
    statistics: &[R],
    noise: &[Vec<f64>],
    weights: &[R],
    bias: &[R],
    shared: bool,
) -> Vec<R> {
    let classes = bias.len();
    let wide = weights.len() / classes;
    let count = statistics.len() / (2 * wide);
    let representation = |i: usize| -> Vec<R> {
        let (mu, s) = statistics[i * 2 * wide..][..2 * wide].split_at(wide);
        (0..wide)
            .map(|d| {
                let sigma = log_sigma(s[d]).exp();
                let draws = noise.iter().map(|noise| mu[d] + sigma * R::of(noise[i * wide + d]));
                R::sum(draws) / R::of(noise.len() as f64)
            })
            .collect()
    };
    let of_class =
        |z: &[R], c: usize| R::sum(z.iter().zip(&weights[c * wide..]).map(|(&z, &w)| z * w)) + bias[c];
    (0..count)
        .flat_map(|i| {
            let z = representation(i);
            match shared {
                true => (0..classes).map(|c| of_class(&z, c)).collect::<Vec<R>>(),
                false => vec![of_class(&z, i % classes)],
            }
        })
        .collect()
}

/// AN of logits z / T: the mean of -ln(p + e) on positives and -ln(1 - p + e) elsewhere.
pub fn assume_negative<R: Real>(z: &[R], labels: &[Label], temperature: f64, e: f64) -> R {
    let entry = |(&z, label): (&R, &Label)| {
        let z = z / R::of(temperature);
        let right = if label.is_positive() { z.sigmoid() } else { (-z).sigmoid() };
        -(right + R::of(e)).ln()
    };
    R::sum(z.iter().zip(labels).map(entry)) / R::of(z.len() as f64)
}
