//! The formulas, scalar. z logit, L_e(x) = -ln(x + e).

use lacuna_loss_api::{Label, Real};

/// L_e(sigma(z)); softplus(-z) for e = 0.
pub fn guarded_log<R: Real>(z: R, e: f64) -> R {
    if e == 0.0 { (-z).softplus() } else { -(z.sigmoid() + R::of(e)).ln() }
}

/// t = mu d1 + (1 - mu) d2 with d2 = 1 on positives and p on unknown cells; 0 on observed negatives.
pub fn target(label: Label, d1: f64, mu: f64, p: f64) -> f64 {
    match label {
        Label::Positive => mu * d1 + 1.0 - mu,
        Label::Unknown => mu * d1 + (1.0 - mu) * p,
        Label::Negative => 0.0,
    }
}

/// One entry of the classifier loss: w [t L_e(s) + (1 - t) L_e(1 - s)], s = sigma(z / T).
pub fn classifier<R: Real>(z: R, target: f64, weight: f64, temperature: f64, e: f64) -> R {
    let z = z / R::of(temperature);
    let entry = R::of(target) * guarded_log(z, e) + R::of(1.0 - target) * guarded_log(-z, e);
    R::of(weight) * entry
}

/// Mean over cells of lgamma(a) + lgamma(b) + (a - 1) digamma(a) + (b - 1) digamma(b), with a = sigma(z) + e and
/// b = sigma(-z) + e: the term as it is published.
pub fn beta_published<R: Real>(z: &[R], e: f64) -> R {
    let one = R::one();
    let cell = |z: &R| {
        let (a, b) = (z.sigmoid() + R::of(e), (-*z).sigmoid() + R::of(e));
        a.ln_gamma() + b.ln_gamma() + (a - one) * a.digamma() + (b - one) * b.digamma()
    };
    R::sum(z.iter().map(cell)) / R::of(z.len() as f64)
}

/// Mean over cells of KL(Beta(a, b) || Beta(1, 1)) = lgamma(a + b) - lgamma(a) - lgamma(b) + (a - 1) (digamma(a) -
/// digamma(a + b)) + (b - 1) (digamma(b) - digamma(a + b)).
pub fn beta_divergence<R: Real>(z: &[R], e: f64) -> R {
    let one = R::one();
    let cell = |z: &R| {
        let (a, b) = (z.sigmoid() + R::of(e), (-*z).sigmoid() + R::of(e));
        let of_sum = (a + b).digamma();
        (a + b).ln_gamma() - a.ln_gamma() - b.ln_gamma()
            + (a - one) * (a.digamma() - of_sum)
            + (b - one) * (b.digamma() - of_sum)
    };
    R::sum(z.iter().map(cell)) / R::of(z.len() as f64)
}

/// Assume-negative loss of probabilities: mean of -ln(p + e) on positives and -ln(1 - p + e) elsewhere.
pub fn assume_negative<R: Real>(p: &[R], rest: &[R], labels: &[Label], e: f64) -> R {
    let cell = |i: usize| -((if labels[i].is_positive() { p[i] } else { rest[i] }) + R::of(e)).ln();
    R::sum((0..p.len()).map(cell)) / R::of(p.len() as f64)
}

/// Mean squared difference from constants.
pub fn squared_error<R: Real>(x: &[R], target: &[f64]) -> R {
    let square = |(&x, &t): (&R, &f64)| (x - R::of(t)) * (x - R::of(t));
    R::sum(x.iter().zip(target).map(square)) / R::of(target.len() as f64)
}

/// Data of the objective of the encoder: constants.
#[derive(Clone, Copy, Debug)]
pub struct EncoderData<'a> {
    /// Observed labels, `[B, C]`.
    pub labels: &'a [Label],
    /// Features, `[B, D]`.
    pub features: &'a [f64],
    /// Adjacency of the rows of the batch, `[B, B]`.
    pub adjacency: &'a [f64],
    /// Weight of what is rebuilt.
    pub gamma: f64,
    /// Weight of the term over d1.
    pub delta: f64,
    /// Guard of the logarithms.
    pub log_epsilon: f64,
    /// Guard of the Beta distribution.
    pub epsilon: f64,
}

/// AN(d1) + gamma (MSE(x') + AN(y') + MSE(y' y'^T)) + delta [`beta_published`], with d1 = sigma(z), rebuilt features x' and
/// rebuilt labels y'.
pub fn encoder<R: Real>(z: &[R], features: &[R], labels: &[R], data: &EncoderData<'_>) -> R {
    let e = data.log_epsilon;
    let rows = data.adjacency.len().isqrt();
    let d1: Vec<R> = z.iter().map(|z| z.sigmoid()).collect();
    let rest: Vec<R> = z.iter().map(|z| (-*z).sigmoid()).collect();
    let not: Vec<R> = labels.iter().map(|y| R::one() - *y).collect();
    let row = |i: usize| labels.chunks(labels.len() / rows).nth(i).expect("a row");
    let dot = |i: usize, j: usize| R::sum(row(i).iter().zip(row(j)).map(|(&a, &b)| a * b));
    let adjacency: Vec<R> = (0..rows * rows).map(|i| dot(i / rows, i % rows)).collect();
    let rebuilt = squared_error(features, data.features)
        + assume_negative(labels, &not, data.labels, e)
        + squared_error(&adjacency, data.adjacency);
    assume_negative(&d1, &rest, data.labels, e)
        + R::of(data.gamma) * rebuilt
        + R::of(data.delta) * beta_published(z, data.epsilon)
}
