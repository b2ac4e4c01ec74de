//! The formulas, scalar. z logit, p = sigma(z), n = sigma(-z).

use crate::Point;
use lacuna_loss_api::Real;

/// L_e(p) = -ln(sigma(z) + e); softplus(-z) for e = 0.
pub fn positive<R: Real>(z: R, e: f64) -> R {
    if e == 0.0 { (-z).softplus() } else { -(z.sigmoid() + R::of(e)).ln() }
}

/// (1 - p^q) / q as -expm1(-q lp) / q, lp = -ln p: between lp (q -> 0) and 1 - p (q = 1).
pub fn generalised<R: Real>(z: R, q: f64) -> R {
    -(R::of(-q) * (-z).softplus()).exp_m1() / R::of(q)
}

/// k(p) = sigma(w p + b), the soft pseudo-label.
pub fn pseudo_label(p: f64, at: Point) -> f64 {
    Real::sigmoid(at.w * p + at.b)
}

/// v(p) = exp(-(p - mu)^2 / (2 sigma^2)), the confidence in it.
pub fn confidence(p: f64, at: Point) -> f64 {
    (-(p - at.mu).powi(2) / (2.0 * at.sigma * at.sigma)).exp()
}

/// An unknown cell: v [k (1 - p^q2) / q2 + (1 - k) (1 - n^q3) / q3]; k and v are constants.
pub fn unknown<R: Real>(z: R, k: f64, v: f64, q2: f64, q3: f64) -> R {
    R::of(v * k) * generalised(z, q2) + R::of(v * (1.0 - k)) * generalised(-z, q3)
}

/// a L_e(p) + b L_e(n), a and b constants.
pub fn weighted<R: Real>(z: R, a: f64, b: f64, e: f64) -> R {
    R::of(a) * positive(z, e) + R::of(b) * positive(-z, e)
}

/// u = 1 - v, kept within [lam_2, lam_1]: the weight of a pseudo-positive of GPR.
pub fn pseudo_positive_weight(v: f64, lam_1: f64, lam_2: f64) -> f64 {
    (1.0 - v).max(lam_2).min(lam_1)
}

/// ((1/B) sum p - E)^2 / C^2 over a batch of B rows and C classes.
pub fn expected_number<R: Real>(z: &[R], rows: usize, classes: usize, expected: f64) -> R {
    let mean = R::sum(z.iter().map(|z| z.sigmoid())) / R::of(rows as f64);
    let gap = (mean - R::of(expected)) / R::of(classes as f64);
    gap * gap
}

/// `hill_loss` of the repository at a cell that is not positive: (1.5 - p) p^2.
pub fn hill_negative<R: Real>(z: R) -> R {
    let p = z.sigmoid();
    (R::of(1.5) - p) * p * p
}

/// `weight_loss` of the repository at a cell that is not positive: 0.9 (1 - n^0.99) / 0.99.
pub fn weight_negative<R: Real>(z: R) -> R {
    R::of(0.9) * generalised(-z, 0.99)
}
