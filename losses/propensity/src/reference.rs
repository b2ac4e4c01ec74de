//! The formulas, scalar.

use crate::{Bound, Surrogate};
use lacuna_loss_api::{Label, Real};

/// 1 / p_c = 1 + (ln N - 1) (B + 1)^A (n_c + B)^-A.
pub fn inverse_propensity(count: f64, rows: f64, a: f64, b: f64) -> f64 {
    1.0 + (rows.ln() - 1.0) * (b + 1.0).powf(a) * (count + b).powf(-a)
}

/// (l+, l-): what the entry costs as a positive and as a negative.
pub fn surrogate<R: Real>(z: R, surrogate: Surrogate) -> (R, R) {
    match surrogate {
        Surrogate::Bce => ((-z).softplus(), z.softplus()),
        Surrogate::SquaredHinge => {
            let square = |x: R| x.max(R::zero()) * x.max(R::zero());
            (square(R::one() - z), square(R::one() + z))
        }
    }
}

/// One entry at propensity p: unbiased y/p (l+ - l-) + l-, or its upper bound y (2/p - 1) l+ + (1 - y) l-.
pub fn propensity<R: Real>(z: R, label: Label, p: f64, of: Surrogate, bound: Bound) -> R {
    let (positive, negative) = surrogate(z, of);
    match (label.is_positive(), bound) {
        (false, _) => negative,
        (true, Bound::Unbiased) => (positive - negative) / R::of(p) + negative,
        (true, Bound::Upper) => R::of(2.0 / p - 1.0) * positive,
    }
}
