//! u^g for u in (0, 1], with the small whole exponents that the papers use as products, and the focal loss
//! built on it.

use lacuna_kernels::{f32x8, math};

/// A constant exponent, known where the kernel is built so that its loop has no branch.
pub trait Power: Copy {
    /// u^g.
    fn of(self, u: f32x8) -> f32x8;
    /// g in every lane.
    fn exponent(self) -> f32x8;
    /// Below this u^(g+1) is less than 1e-30, which stays a normal number under a reduction's factor.
    fn negligible(self) -> f32x8;
}

/// A whole exponent.
#[derive(Clone, Copy)]
pub struct Whole<const G: u8>;

impl<const G: u8> Power for Whole<G> {
    #[inline(always)]
    fn of(self, u: f32x8) -> f32x8 {
        let mut power = f32x8::splat(1.0);
        for _ in 0..G {
            power *= u;
        }
        power
    }

    #[inline(always)]
    fn exponent(self) -> f32x8 {
        f32x8::splat(f32::from(G))
    }

    #[inline(always)]
    fn negligible(self) -> f32x8 {
        f32x8::splat(match G {
            0 => 1e-30,
            1 => 1e-15,
            2 => 1e-10,
            3 => 3.2e-8,
            4 => 1e-6,
            _ => 0.0,
        })
    }
}

/// Any exponent: e^(g ln u). u is a probability and never 0.
#[derive(Clone, Copy)]
pub struct Any {
    exponent: f32x8,
    negligible: f32x8,
}

impl Any {
    /// The exponent g.
    pub fn new(g: f64) -> Self {
        let negligible = 10f64.powf(-30.0 / (g + 1.0));
        Self { exponent: f32x8::splat(g as f32), negligible: f32x8::splat(negligible as f32) }
    }
}

impl Power for Any {
    #[inline(always)]
    fn of(self, u: f32x8) -> f32x8 {
        math::exp(self.exponent * math::ln(u))
    }

    #[inline(always)]
    fn exponent(self) -> f32x8 {
        self.exponent
    }

    #[inline(always)]
    fn negligible(self) -> f32x8 {
        self.negligible
    }
}

/// Runs `$body` with `$power` bound to the fastest form of the exponent `$gamma`.
#[macro_export]
macro_rules! with_power {
    ($gamma:expr, $power:ident => $body:expr) => {{
        use $crate::power::{Any, Whole};
        let gamma: f64 = $gamma;
        if gamma == 0.0 {
            let $power = Whole::<0>;
            $body
        } else if gamma == 1.0 {
            let $power = Whole::<1>;
            $body
        } else if gamma == 2.0 {
            let $power = Whole::<2>;
            $body
        } else if gamma == 3.0 {
            let $power = Whole::<3>;
            $body
        } else if gamma == 4.0 {
            let $power = Whole::<4>;
            $body
        } else {
            let $power = Any::new(gamma);
            $body
        }
    }};
}
pub use crate::with_power;

/// Focal loss u^g (-ln (1-u)) of the probability u that is to become small, and its derivative with respect to
/// the logit of u, u^g (u + g (1-u) (-ln (1-u))): no u^(g-1) is formed, which at g < 1 would overflow.
///
/// For a negative u = sigma(s); for a positive u = sigma(-s), and the derivative with respect to s has the
/// other sign.
#[inline(always)]
pub fn focal(u: f32x8, rest: f32x8, neg_ln_rest: f32x8, power: impl Power) -> (f32x8, f32x8) {
    let weight = power.of(u);
    let slope = weight * (power.exponent() * rest).mul_add(neg_ln_rest, u);
    (weight * neg_ln_rest, slope)
}

/// [`focal`] for logits that are multiplied before: value and slope are 0 where they would be below 1e-29. Products
/// beneath the smallest normal float take processors a hundred cycles and more, and scaled logits have many (1024 x 80
/// of them 923 us instead of 185).
#[inline(always)]
pub fn focal_of_scaled(u: f32x8, rest: f32x8, neg_ln_rest: f32x8, power: impl Power) -> (f32x8, f32x8) {
    let (negligible, none) = (u.simd_lt(power.negligible()), f32x8::splat(0.0));
    let (value, slope) = focal(negligible.select(power.negligible(), u), rest, neg_ln_rest, power);
    (negligible.select(none, value), negligible.select(none, slope))
}
