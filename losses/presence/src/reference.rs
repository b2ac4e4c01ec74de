//! The formulas, scalar.

use lacuna_loss_api::{Label, Real};

/// How the probability of a class being absent is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Complement {
    /// n = sigma(-z).
    Exact,
    /// 1 - p, with p (1 - p) for the derivative of p, as the authors' code computes them. A saturated p leaves few digits of
    /// 1 - p, which the guard makes visible: at z = 30 the slope of -ln(1 - p + e) is 1e-3 of itself off in f64.
    Rounded,
}

/// (p, n).
fn probabilities<R: Real>(z: R, complement: Complement) -> (R, R) {
    match complement {
        Complement::Exact => (z.sigmoid(), (-z).sigmoid()),
        Complement::Rounded => {
            let p = z.value().sigmoid();
            let p = R::of(p) + (z - R::of(z.value())) * R::of(p * (1.0 - p));
            (p, R::of(1.0) - p)
        }
    }
}

/// (L_e(p), L_e(n)); (softplus(-z), softplus(z)) for e = 0.
fn logs<R: Real>(z: R, e: f64, complement: Complement) -> (R, R) {
    if e == 0.0 {
        return ((-z).softplus(), z.softplus());
    }
    let (p, n) = probabilities(z, complement);
    (-(p + R::of(e)).ln(), -(n + R::of(e)).ln())
}

/// -ln(p + e).
pub fn present<R: Real>(z: R, e: f64, complement: Complement) -> R {
    logs(z, e, complement).0
}

/// An assumed negative: -ln(n + e), or minus the entropy -(p L_e(p) + n L_e(n)).
pub fn absent<R: Real>(z: R, e: f64, entropy: bool, complement: Complement) -> R {
    let (lp, ln) = logs(z, e, complement);
    if !entropy {
        return ln;
    }
    let (p, n) = probabilities(z, complement);
    -(p * lp + n * ln)
}

/// The sum over all cells of `weight` L_e(p) at positives and an assumed negative elsewhere, and over all background cells of
/// an assumed negative.
pub fn an_full<R: Real>(
    [z, background]: [&[R]; 2],
    labels: &[Label],
    weight: f64,
    (e, entropy): (f64, bool),
    complement: Complement,
) -> R {
    let cell = |(&z, label): (&R, &Label)| {
        if label.is_positive() {
            R::of(weight) * present(z, e, complement)
        } else {
            absent(z, e, entropy, complement)
        }
    };
    let drawn = background.iter().map(|&z| absent(z, e, entropy, complement));
    R::sum(z.iter().zip(labels).map(cell)) + R::sum(drawn)
}

/// The sum over rows of L_e(p) at the logit of the positive and of an assumed negative at the other logit.
pub fn pairs<R: Real>(positives: &[R], others: &[R], (e, entropy): (f64, bool), complement: Complement) -> R {
    let row = |(&z, &other): (&R, &R)| present(z, e, complement) + absent(other, e, entropy, complement);
    R::sum(positives.iter().zip(others).map(row))
}

/// The sum over all cells of l1 w L_e(p) at positives, l2 / (1 - 1/w) L_e(n) elsewhere, and over background cells of
/// (1 - l2) L_e(n); w is the weight of the class.
pub fn full_weighted<R: Real>(
    [z, background]: [&[R]; 2],
    labels: &[Label],
    class_weights: &[f64],
    (l1, l2): (f64, f64),
    e: f64,
    complement: Complement,
) -> R {
    let weights = class_weights.iter().cycle();
    let cell = |((&z, label), w): ((&R, &Label), &f64)| {
        if label.is_positive() {
            R::of(l1 * w) * present(z, e, complement)
        } else {
            R::of(l2 / (1.0 - 1.0 / w)) * absent(z, e, false, complement)
        }
    };
    let observed = R::sum(z.iter().zip(labels).zip(weights).map(cell));
    let drawn = background.iter().map(|&z| absent(z, e, false, complement));
    observed + R::of(1.0 - l2) * R::sum(drawn)
}
