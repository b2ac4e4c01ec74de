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

/// `hill_loss` of the repository at a cell that is not positive: (1.5 - p) p^2.
pub fn hill_negative<R: Real>(z: R) -> R {
    let p = z.sigmoid();
    (R::of(1.5) - p) * p * p
}

/// `weight_loss` of the repository at a cell that is not positive: 0.9 (1 - n^0.99) / 0.99.
pub fn weight_negative<R: Real>(z: R) -> R {
    R::of(0.9) * generalised(-z, 0.99)
}
