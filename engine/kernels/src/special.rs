//! More elementary functions on eight floats: e^x - 1, ln(1 + x), x^k, erf, erfc and what GELU needs.
//!
//! As in [`math`](crate::math) every function is one path without a branch, and no estimates are used.
//! Largest errors against f64, asserted below (x86-64-v3; the portable build is held to twice these):
//!
//! | function | domain | error |
//! |---|---|---|
//! | [`exp_m1`] | all | relative 4e-7; -1 at -inf, inf and NaN exact |
//! | [`ln_1p`] | [-1, inf] | relative 3e-7; -inf at -1, inf and NaN exact |
//! | [`pow`] | all bases, results above the smallest normal | relative 3e-7 + 3e-8 \|k\|; 0, inf and NaN as IEEE |
//! | [`erf`] | all | relative 3e-7, never beyond 1 |
//! | [`erfc`] | results above the smallest normal | relative 6e-7 |
//! | [`normal_cdf`] | results above the smallest normal | relative 2e-6 |
//!
//! The polynomials are Chebyshev fits made for this file in 40 digits.

use crate::math::{LN2_HI, LN2_LO, ROUND, c, exp, horner, ln_parts};
use wide::{f32x8, u32x8};

/// e^x - 1, with the relative accuracy near 0 that the subtraction would lose.
///
/// x = n ln 2 + r, then 2^n (e^r - 1) + (2^n - 1).
#[inline(always)]
pub fn exp_m1(x: f32x8) -> f32x8 {
    // Below -30 the result rounds to -1; max and min return their second operand when one is NaN.
    let inside = c(88.0).fast_min(c(-30.0).fast_max(x));
    let shifted = inside.mul_add(c(std::f32::consts::LOG2_E), c(ROUND));
    let n = shifted - c(ROUND);
    let r = n.mul_neg_add(c(LN2_HI), inside);
    let r = n.mul_neg_add(c(LN2_LO), r);
    let q = horner(r, crate::math::EXP_TAIL);
    let e_r_minus_1 = (r * r).mul_add(q, r);
    let two_n = f32x8::from_bits((shifted.to_bits() << 23u32) + u32x8::splat(0x3f80_0000));
    let y = two_n.mul_add(e_r_minus_1, two_n - c(1.0));
    x.simd_gt(c(88.0)).select(exp(x), y)
}

/// ln(1 + x) for every x, accurate near 0: ln(u) x / (u - 1) with u the rounded 1 + x (W. Kahan).
///
/// NaN below -1, -inf at -1. [`ln_1p_unit`](crate::math::ln_1p_unit) is cheaper where 0 <= x <= 1 is known.
#[inline(always)]
pub fn ln_1p(x: f32x8) -> f32x8 {
    let u = c(1.0) + x;
    let y = crate::math::ln(u) * (x / (u - c(1.0)));
    let y = u.simd_eq(c(1.0)).select(x, y);
    x.simd_eq(c(f32::INFINITY)).select(x, y)
}

/// x^k for a constant k, as IEEE 754 `pow`: x^0 is 1 for every x, a negative base has a power for integer k
/// only, and results below the smallest normal are 0.
#[inline(always)]
pub fn pow(x: f32x8, k: f32) -> f32x8 {
    if k == 0.0 {
        return c(1.0);
    }
    let integer = k.trunc() == k;
    // Every f32 from 2^24 on is even.
    let odd = integer && k.abs() < 16_777_216.0 && (k as i64) % 2 != 0;
    let a = x.abs();
    // k ln a as p + e: the product's rounding, and the low part of the logarithm, come back as a factor.
    let (hi, lo) = ln_parts(a);
    let p = hi * c(k);
    let e = product_rest(hi, c(k), p) + lo * c(k);
    let y = exp(p);
    let y = y.is_inf().select(y, y.mul_add(e, y));
    let (at_zero, at_infinity) = if k > 0.0 { (0.0, f32::INFINITY) } else { (f32::INFINITY, 0.0) };
    let y = a.simd_eq(c(0.0)).select(c(at_zero), y);
    let y = a.simd_eq(c(f32::INFINITY)).select(c(at_infinity), y);
    let y = a.is_nan().select(a, y);
    if odd {
        y | (x & c(-0.0))
    } else if integer {
        y
    } else {
        // IEEE gives -inf the power of +inf
        (x.simd_lt(c(0.0)) & a.simd_lt(c(f32::INFINITY))).select(c(f32::NAN), y)
    }
}

/// The error function: x P(x^2) on |x| < 1, 1 - erfc(|x|) with the sign of x beyond.
#[inline(always)]
pub fn erf(x: f32x8) -> f32x8 {
    let a = x.abs();
    // erf(x) / x in x^2, relative error 1.3e-9
    let inner = x * horner(
        x * x,
        [
            std::f32::consts::FRAC_2_SQRT_PI,
            -0.376_126_26,
            0.112_835_95,
            -0.026_854_212,
            0.005_189_087_4,
            -0.000_801_686_43,
            7.875_875e-5,
        ],
    );
    let outer = (c(1.0) - erfc_positive(a)) | (x & c(-0.0));
    a.simd_lt(c(1.0)).select(inner, outer)
}

/// 1 - erf(x), with relative accuracy in the right tail.
#[inline(always)]
pub fn erfc(x: f32x8) -> f32x8 {
    let tail = erfc_positive(x.abs());
    let right = x.abs().simd_le(c(0.5)).select(c(1.0) - erf(x), tail);
    x.simd_lt(c(-0.5)).select(c(2.0) - tail, right)
}

/// erfc(z) for z >= 0: t P(t) e^(-z^2) with t = 1 / (1 + z/2), relative error of the fit 2.2e-9.
#[inline(always)]
fn erfc_positive(z: f32x8) -> f32x8 {
    // e^(-z^2) is 0 from here on, and infinity would make 0 times infinity.
    let z = c(12.0).fast_min(z);
    c(0.0).fast_max(scaled_erfc(z) * exp_minus_square(z))
}

/// e^(z^2) erfc(z) for 0 <= z <= 12.
#[inline(always)]
fn scaled_erfc(z: f32x8) -> f32x8 {
    let t = c(1.0) / z.mul_add(c(0.5), c(1.0));
    t * horner(
        t,
        [
            0.282_085_85,
            0.282_318_43,
            0.244_479_1,
            0.189_795_47,
            0.039_057_52,
            0.074_567_95,
            -0.086_649_44,
            -0.218_993_28,
            0.332_568_66,
            -0.171_628_9,
            0.032_398_652,
        ],
    )
}

/// a b - p for the rounded product p: what rounding took away, as a float.
#[inline(always)]
fn product_rest(a: f32x8, b: f32x8, p: f32x8) -> f32x8 {
    if cfg!(target_feature = "fma") {
        a.mul_sub(b, p)
    } else {
        // T. J. Dekker's product: factors in halves of 12 bits, whose products are exact.
        let halves = |x: f32x8| {
            let t = x * c(4097.0);
            let high = t - (t - x);
            (high, x - high)
        };
        let ((a1, a2), (b1, b2)) = (halves(a), halves(b));
        ((a1 * b1 - p) + a1 * b2 + a2 * b1) + a2 * b2
    }
}

/// e^(-z^2), with the rounding of the square put back: it would cost z^2 / 2 ulp.
#[inline(always)]
fn exp_minus_square(z: f32x8) -> f32x8 {
    let square = z * z;
    let rest = product_rest(z, z, square);
    let e = exp(-square);
    rest.mul_neg_add(e, e)
}

/// (Phi(x), x phi(x)): distribution of the standard normal, and its density times x; what GELU and its
/// slope are made of. Both have their limits at +-inf.
#[inline(always)]
pub fn normal_cdf(x: f32x8) -> (f32x8, f32x8) {
    let x = c(15.0).fast_min(c(-15.0).fast_max(x));
    // e^(-z^2) with z = |x| / sqrt 2: half the square of |x|, whose rounding is put back.
    let a = x.abs();
    let square = a * a;
    let rest = product_rest(a, a, square) * c(0.5);
    let e = exp(square * c(-0.5));
    let e = rest.mul_neg_add(e, e);
    let small = c(0.5) * scaled_erfc(a * c(std::f32::consts::FRAC_1_SQRT_2)) * e;
    let cdf = x.simd_gt(c(0.0)).select(c(1.0) - small, small);
    (cdf, x * e * c(0.398_942_3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Real;

    const SLACK: f64 = if cfg!(target_feature = "fma") { 1.0 } else { 2.0 };
    const EXTREMES: [f32; 13] = [
        0.0,
        1e-30,
        -1e-30,
        20.0,
        -20.0,
        88.0,
        -88.0,
        104.0,
        -104.0,
        1e4,
        -1e4,
        f32::INFINITY,
        f32::NEG_INFINITY,
    ];

    fn at(f: impl Fn(f32x8) -> f32x8, x: f32) -> f32 {
        f(c(x)).to_array()[0]
    }

    /// Largest relative error on a dense grid of [lo, hi], with the place where it occurs.
    fn worst(fast: impl Fn(f32x8) -> f32x8, exact: impl Fn(f64) -> f64, lo: f64, hi: f64) -> (f64, f32) {
        const STEPS: u32 = 400_000;
        (0..=STEPS)
            .map(|i| (lo + (hi - lo) * f64::from(i) / f64::from(STEPS)) as f32)
            .map(|x| {
                let t = exact(f64::from(x));
                // flushed results count as right
                let e = (f64::from(at(&fast, x)) - t).abs();
                (if t.abs() < 1.2e-38 { 0.0 } else { e / t.abs() }, x)
            })
            .fold((0.0, 0.0), |a, b| if b.0 > a.0 || b.0.is_nan() { b } else { a })
    }

    /// erfc in f64: 1 - erf where that loses nothing, a continued fraction in the tail.
    fn exact_erfc(z: f64) -> f64 {
        if z < 2.0 {
            return 1.0 - Real::erf(z);
        }
        let fraction = (1..=200).rev().fold(z, |f, k| z + f64::from(k) / 2.0 / f);
        (-z * z).exp() / (fraction * std::f64::consts::PI.sqrt())
    }

    #[test]
    fn exp_m1_and_ln_1p_are_within_their_bounds() {
        for (lo, hi) in [(-1e-3, 1e-3), (-1.0, 1.0), (-40.0, 40.0), (80.0, 88.7), (-1e-9, 1e-9)] {
            let (e, x) = worst(exp_m1, f64::exp_m1, lo, hi);
            assert!(e <= 4e-7 * SLACK, "exp_m1: {e:e} at {x:e}");
        }
        for (lo, hi) in [(-1e-3, 1e-3), (-0.999, 1.0), (0.0, 1e4), (0.0, 3e38), (-1e-9, 1e-9)] {
            let (e, x) = worst(ln_1p, f64::ln_1p, lo, hi);
            assert!(e <= 3e-7 * SLACK, "ln_1p: {e:e} at {x:e}");
        }
        for x in EXTREMES {
            for (fast, exact) in [(exp_m1 as fn(f32x8) -> f32x8, x.exp_m1()), (ln_1p, x.ln_1p())] {
                let y = at(fast, x);
                let same = (y.is_nan() && exact.is_nan()) || y == exact;
                assert!(same || (y - exact).abs() <= 4e-7 * exact.abs(), "{x}: {y} against {exact}");
            }
        }
        assert_eq!(at(ln_1p, -1.0), f32::NEG_INFINITY);
        assert!(at(exp_m1, f32::NAN).is_nan() && at(ln_1p, f32::NAN).is_nan());
    }

    #[test]
    fn powers_are_within_their_bound_and_ieee_at_the_ends() {
        let exponents =
            [0.0f32, 1.0, -1.0, 2.0, 3.0, -2.0, -3.0, 0.5, -0.5, 1.7, 2.5, 1.0 / 3.0, 0.1, 10.0, 37.5];
        for k in exponents {
            for (lo, hi) in [(1e-3, 10.0), (0.9, 1.1), (1.0, 1e3)] {
                // where the result is neither flushed nor infinite
                let exact = |x: f64| {
                    let t = x.powf(f64::from(k));
                    if (1.2e-38..3e38).contains(&t) { t } else { 0.0 }
                };
                let (e, x) = worst(|x| pow(x, k), exact, lo, hi);
                assert!(e <= (3e-7 + 3e-8 * f64::from(k.abs())) * SLACK, "x^{k}: {e:e} at {x:e}");
            }
            for x in EXTREMES.into_iter().chain([-2.5, -0.0, f32::NAN]) {
                let (y, exact) = (at(|x| pow(x, k), x), x.powf(k));
                let flushed = exact.abs() < f32::MIN_POSITIVE && y == 0.0;
                let same = (y.is_nan() && exact.is_nan()) || y == exact || flushed;
                let bound = (4e-7 + 4e-8 * k.abs()) * SLACK as f32 * exact.abs();
                assert!(same || (y - exact).abs() <= bound, "{x}^{k}: {y} against {exact}");
            }
        }
    }

    #[test]
    fn the_error_function_is_within_its_bounds() {
        for (lo, hi) in [(-1e-3, 1e-3), (-1.1, 1.1), (-6.0, 6.0)] {
            let (e, x) = worst(erf, Real::erf, lo, hi);
            assert!(e <= 3e-7 * SLACK, "erf: {e:e} at {x:e}");
        }
        for (lo, hi) in [(-6.0, 2.0), (2.0, 9.2), (0.4, 0.6)] {
            let (e, x) = worst(erfc, exact_erfc, lo, hi);
            assert!(e <= 6e-7 * SLACK, "erfc: {e:e} at {x:e}");
        }
        let phi = |x: f64| 0.5 * exact_erfc(-x * std::f64::consts::FRAC_1_SQRT_2);
        for (lo, hi) in [(-13.0, -5.0), (-5.0, 5.0), (0.0, 20.0)] {
            let (e, x) = worst(|x| normal_cdf(x).0, phi, lo, hi);
            assert!(e <= 2e-6 * SLACK, "normal_cdf: {e:e} at {x:e}");
        }
        for x in EXTREMES {
            assert!(at(erf, x).abs() <= 1.0 && (0.0..=2.0).contains(&at(erfc, x)), "{x}");
            assert!(at(|x| normal_cdf(x).1, x).is_finite(), "{x}");
        }
        assert_eq!([at(erf, f32::INFINITY), at(erf, f32::NEG_INFINITY), at(erf, 0.0)], [1.0, -1.0, 0.0]);
        assert_eq!([at(erfc, f32::INFINITY), at(erfc, f32::NEG_INFINITY), at(erfc, 0.0)], [0.0, 2.0, 1.0]);
        assert_eq!(at(|x| normal_cdf(x).0, f32::NEG_INFINITY), 0.0);
        for f in [erf, erfc, |x| normal_cdf(x).0, |x| normal_cdf(x).1] {
            assert!(at(f, f32::NAN).is_nan());
        }
    }
}
