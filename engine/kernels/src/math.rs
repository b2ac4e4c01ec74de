//! Elementary functions on eight floats at a time.
//!
//! Each is one polynomial or rational with no branch, so a tail of three floats, padded to eight, takes
//! exactly the path that a full vector takes. No reciprocal or square-root *estimates* are used: vendors
//! implement those differently, and the same binary has to give the same bits everywhere.
//!
//! Largest errors against f64, asserted by the tests below on dense grids (x86-64-v3, with FMA; the
//! portable build rounds products once more and is held to twice these):
//!
//! | function | domain | error |
//! |---|---|---|
//! | [`exp`] | all, subnormal results included | 2 ulp; inf, 0 and NaN exact |
//! | [`exp_sat`] | all, saturates at e^-87.3 and e^88.3 | 2 ulp inside; NaN propagates |
//! | [`ln`] | positive normals and subnormals | 2 ulp; 0, inf, negative, NaN exact |
//! | [`sigmoid`] | all | relative 3e-7 down to e^-87.3 |
//! | [`softplus`], [`log_sigmoid`] | all | relative 3e-7 |
//! | [`tanh`] | all | relative 4e-7, never beyond 1 |
//!
//! The polynomials are minimax fits made for this file (Remez exchange in 40 digits).

use wide::{f32x8, u32x8};

/// e^x has no normal result below this (ln of the smallest normal, rounded up).
const EXP_LO: f32 = -87.336_54;
/// e^x with the exponent assembled by addition is finite up to here.
const EXP_HI: f32 = 88.376_26;
/// 1.5 * 2^23: adding it leaves the nearest integer in the low mantissa bits.
pub(crate) const ROUND: f32 = 12_582_912.0;
/// ln 2 in two parts; the first has 10 mantissa bits, so n * LN2_HI is exact for |n| < 2^13.
pub(crate) const LN2_HI: f32 = 0.693_359_4;
pub(crate) const LN2_LO: f32 = -2.121_944_4e-4;

/// (e^r - 1 - r) / r^2 for |r| <= ln 2 / 2, largest relative error of e^r 3.1e-9.
pub(crate) const EXP_TAIL: [f32; 5] =
    [0.499_999_93, 0.166_665_2, 0.041_668_39, 0.008_368_717, 0.001_381_459_4];

#[inline(always)]
pub(crate) fn c(x: f32) -> f32x8 {
    f32x8::splat(x)
}

/// c0 + c1 x + ... + c7 x^7 by G. Estrin's scheme: pairs, then pairs of pairs. Three multiplications more than
/// Horner's rule and half its latency, which is what counts at this length.
#[inline(always)]
fn estrin8(x: f32x8, k: [f32; 8]) -> f32x8 {
    let x2 = x * x;
    let x4 = x2 * x2;
    let low = x.mul_add(c(k[3]), c(k[2])).mul_add(x2, x.mul_add(c(k[1]), c(k[0])));
    let high = x.mul_add(c(k[7]), c(k[6])).mul_add(x2, x.mul_add(c(k[5]), c(k[4])));
    high.mul_add(x4, low)
}

/// The same with ten coefficients.
#[inline(always)]
fn estrin10(x: f32x8, k: [f32; 10]) -> f32x8 {
    let x2 = x * x;
    let x4 = x2 * x2;
    let low = x.mul_add(c(k[3]), c(k[2])).mul_add(x2, x.mul_add(c(k[1]), c(k[0])));
    let high = x.mul_add(c(k[7]), c(k[6])).mul_add(x2, x.mul_add(c(k[5]), c(k[4])));
    let top = x.mul_add(c(k[9]), c(k[8]));
    top.mul_add(x4, high).mul_add(x4, low)
}

/// c0 + x (c1 + x (c2 + ...)), by Horner's rule.
#[inline(always)]
pub(crate) fn horner<const N: usize>(x: f32x8, coefficients: [f32; N]) -> f32x8 {
    let mut y = c(coefficients[N - 1]);
    for k in (0..N - 1).rev() {
        y = y.mul_add(x, c(coefficients[k]));
    }
    y
}

/// x = n ln 2 + r with |r| <= ln 2 / 2: e^r, and n in the low bits of an integer.
#[inline(always)]
fn exp_terms(x: f32x8) -> (f32x8, u32x8) {
    let shifted = x.mul_add(c(std::f32::consts::LOG2_E), c(ROUND));
    let n = shifted - c(ROUND);
    let r = n.mul_neg_add(c(LN2_HI), x);
    let r = n.mul_neg_add(c(LN2_LO), r);
    // (e^r - 1 - r) / r^2, largest relative error of the whole 3.1e-9
    let q = horner(r, [0.499_999_93, 0.166_665_2, 0.041_668_39, 0.008_368_717, 0.001_381_459_4]);
    ((r * r).mul_add(q, r) + c(1.0), shifted.to_bits())
}

/// e^x that saturates at about 1.2e-38 and 2.4e38 instead of reaching 0 and infinity; NaN stays NaN.
///
/// The cheapest exponential: what sigmoid, softplus and softmax are built on.
#[inline(always)]
pub fn exp_sat(x: f32x8) -> f32x8 {
    // max and min return their second operand when one is NaN, so NaN passes both.
    let (e_r, n) = exp_terms(c(EXP_HI).fast_min(c(EXP_LO).fast_max(x)));
    // Shifting n to the exponent and adding it there multiplies by 2^n.
    f32x8::from_bits(e_r.to_bits() + (n << 23u32))
}

/// e^x: exact at -inf (0), +inf and NaN, gradual in the subnormal range.
#[inline(always)]
pub fn exp(x: f32x8) -> f32x8 {
    // Beyond these the result is 0 and infinity. NaN passes, as in `exp_sat`.
    let x = c(89.0).fast_min(c(-104.5).fast_max(x));
    let (e_r, n) = exp_terms(x);
    // 2^n may be no float where e^x is one, so it is applied in two halves. The bits above n in `n` are even
    // and shift out at the left.
    let half = n >> 1u32;
    let y = f32x8::from_bits(e_r.to_bits() + (half << 23u32));
    y * f32x8::from_bits(((n - half) << 23u32) + u32x8::splat(0x3f80_0000))
}

/// ln x: -inf at 0, NaN below 0, exact at 1, +inf and NaN; subnormals are scaled first.
#[inline(always)]
pub fn ln(x: f32x8) -> f32x8 {
    // Eight normal numbers are the rule; anything else takes a way of its own, with the same result for the
    // normal numbers among the eight. Selecting in every call costs as much as the logarithm.
    if (x.simd_ge(c(f32::MIN_POSITIVE)) & x.simd_lt(c(f32::INFINITY))).all() {
        ln_normal(x)
    } else {
        ln_special(x)
    }
}

/// ln x of positive normal numbers, with the bits of [`ln`] and without its branch: what is known to be one needs no look, and
/// the work on two vectors can overlap. Of anything else it makes a number without a meaning.
#[inline(always)]
pub fn ln_normal(x: f32x8) -> f32x8 {
    let (n, f, tail) = ln_terms_normal(x);
    n.mul_add(c(LN2_HI), f + tail)
}

#[inline(always)]
fn ln_special(x: f32x8) -> f32x8 {
    let (n, f, tail) = ln_terms(x);
    let y = n.mul_add(c(LN2_HI), f + tail);
    // x = 0, x < 0 or NaN, x = inf
    let y = x.simd_eq(c(0.0)).select(c(f32::NEG_INFINITY), y);
    let y = x.simd_eq(c(f32::INFINITY)).select(x, y);
    x.simd_ge(c(0.0)).select(y, c(f32::NAN))
}

/// ln x of a positive, finite x as a sum of two floats, good to about 1e-8 in absolute terms: what x^k
/// needs, where the error of the logarithm is multiplied with k.
#[inline(always)]
pub(crate) fn ln_parts(x: f32x8) -> (f32x8, f32x8) {
    let (n, f, tail) = ln_terms(x);
    let big = n * c(LN2_HI);
    // D. Knuth's exact sum of two floats, then T. J. Dekker's, which wants the larger one first.
    let sum = big + f;
    let back = sum - big;
    let lost = (big - (sum - back)) + (f - back);
    let hi = sum + tail;
    (hi, lost + (tail - (hi - sum)))
}

/// n, f and t of a positive, finite x: ln x = n LN2_HI + (f + t).
#[inline(always)]
fn ln_terms(x: f32x8) -> (f32x8, f32x8, f32x8) {
    let subnormal = x.simd_lt(c(f32::MIN_POSITIVE));
    let (n, f, _) = ln_terms_normal(subnormal.select(x * c(8_388_608.0), x));
    let n = subnormal.select(n - c(23.0), n);
    (n, f, ln_tail(n, f))
}

/// As [`ln_terms`] for a positive normal x = m 2^n with m = 1 + f in [sqrt(1/2), sqrt 2).
#[inline(always)]
fn ln_terms_normal(x: f32x8) -> (f32x8, f32x8, f32x8) {
    // Subtracting the bits of sqrt(1/2) makes the exponent field count from there.
    let offset = x.to_bits() - u32x8::splat(0x3f35_04f3);
    let n = round_exponent(offset);
    let m = f32x8::from_bits((offset & u32x8::splat(0x007f_ffff)) + u32x8::splat(0x3f35_04f3));
    let f = m - c(1.0);
    (n, f, ln_tail(n, f))
}

/// n LN2_LO + ln(1 + f) - f.
#[inline(always)]
fn ln_tail(n: f32x8, f: f32x8) -> f32x8 {
    // (ln(1 + f) - f + f^2/2) / f^3, largest relative error of the logarithm 5.9e-9
    let q = estrin8(
        f,
        [
            0.333_333_3,
            -0.250_008_2,
            0.200_012_26,
            -0.166_233_58,
            0.142_017_87,
            -0.131_602_05,
            0.127_613_87,
            -0.076_341_98,
        ],
    );
    let f2 = f * f;
    let tail = (f2 * f).mul_add(q, n * c(LN2_LO));
    f2.mul_neg_add(c(0.5), tail)
}

/// The exponent field of `offset` as a float, sign included.
#[inline(always)]
fn round_exponent(offset: u32x8) -> f32x8 {
    let signed: wide::i32x8 = wide::bytemuck::cast(offset);
    f32x8::from_i32x8(signed >> 23)
}

/// ln(1 + e) for e in [0, 1], relative error 4.7e-9 before rounding. Not for other arguments.
#[inline(always)]
pub fn ln_1p_unit(e: f32x8) -> f32x8 {
    // ln(1 + e) / e is 1 in f32 below 1e-9. Smaller numbers have fourth and eighth powers below the smallest normal
    // float, for which processors take a hundred cycles and more. NaN passes: fast_max returns its second operand.
    e * estrin10(
        c(1e-9).fast_max(e),
        [
            1.0,
            -0.499_999_02,
            0.333_299_6,
            -0.249_541_32,
            0.196_759_33,
            -0.153_055_76,
            0.106_036_3,
            -0.056_959_306,
            0.019_851_35,
            -0.003_244_001_7,
        ],
    )
}

/// 1 / (1 + e^-x).
#[inline(always)]
pub fn sigmoid(x: f32x8) -> f32x8 {
    c(1.0) / (c(1.0) + exp_sat(-x))
}

/// (sigma(x), sigma(-x)) from one exponential and one division. The second is never 1 minus the first.
#[inline(always)]
pub fn sigmoid_pair(x: f32x8) -> (f32x8, f32x8) {
    let e = exp_sat(-x.abs());
    let large = c(1.0) / (c(1.0) + e);
    let small = e * large;
    let positive = x.simd_ge(c(0.0));
    (positive.select(large, small), positive.select(small, large))
}

/// ln(1 + e^x) = max(x, 0) + ln(1 + e^-|x|).
#[inline(always)]
pub fn softplus(x: f32x8) -> f32x8 {
    // fast_max(0, x) returns x where x is NaN.
    c(0.0).fast_max(x) + ln_1p_unit(exp_sat(-x.abs()))
}

/// ln sigma(x) = -softplus(-x).
#[inline(always)]
pub fn log_sigmoid(x: f32x8) -> f32x8 {
    -softplus(-x)
}

/// Everything a logit is usually asked for, from one exponential, one division and one polynomial.
#[derive(Clone, Copy)]
pub struct Logistic {
    /// p = sigma(z).
    pub p: f32x8,
    /// n = sigma(-z) = 1 - p, computed without the subtraction.
    pub n: f32x8,
    /// -ln p = softplus(-z).
    pub neg_ln_p: f32x8,
    /// -ln(1 - p) = softplus(z).
    pub neg_ln_n: f32x8,
}

/// p, 1 - p and both logarithms of a logit.
#[inline(always)]
pub fn logistic(z: f32x8) -> Logistic {
    let e = exp_sat(-z.abs());
    let large = c(1.0) / (c(1.0) + e);
    let small = e * large;
    let positive = z.simd_ge(c(0.0));
    let rest = ln_1p_unit(e);
    Logistic {
        p: positive.select(large, small),
        n: positive.select(small, large),
        neg_ln_p: c(0.0).fast_max(-z) + rest,
        neg_ln_n: c(0.0).fast_max(z) + rest,
    }
}

/// Hyperbolic tangent, x P(x^2) / Q(x^2), which was fitted on |x| < 9.02, where tanh rounds to 1. From there on the
/// quotient grows beyond 1, so that cutting it off makes it exactly 1 or -1.
#[inline(always)]
pub fn tanh(x: f32x8) -> f32x8 {
    let clamped = c(9.6).fast_min(c(-9.6).fast_max(x));
    let u = clamped * clamped;
    let p = horner(u, [1.0, 0.133_797_14, 3.494_029_6e-3, 2.058_34e-5, 1.331_896_4e-8]);
    let q = horner(u, [1.0, 0.467_130_3, 0.025_871_055, 3.283_084_8e-4, 7.761_974_4e-7]);
    c(1.0).fast_min(c(-1.0).fast_max((clamped * p) / q))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Real;

    /// FMA rounds once where the portable build rounds twice.
    const SLACK: f64 = if cfg!(target_feature = "fma") { 1.0 } else { 2.0 };

    fn at(f: fn(f32x8) -> f32x8, x: f32) -> f32 {
        f(c(x)).to_array()[0]
    }

    /// Size of the last place of the f32 nearest to `x`.
    fn ulp(x: f64) -> f64 {
        let x = (x.abs() as f32).max(f32::MIN_POSITIVE);
        f64::from(f32::from_bits(x.to_bits() + 1)) - f64::from(x)
    }

    fn grid(lo: f64, hi: f64) -> impl Iterator<Item = f32> {
        const STEPS: u32 = 2_000_000;
        (0..=STEPS).map(move |i| (lo + (hi - lo) * f64::from(i) / f64::from(STEPS)) as f32)
    }

    fn worst(xs: impl Iterator<Item = f32>, error: impl Fn(f32) -> f64) -> (f64, f32) {
        xs.map(|x| (error(x), x)).fold((0.0, 0.0), |a, b| if b.0 > a.0 || b.0.is_nan() { b } else { a })
    }

    #[test]
    fn exp_is_within_two_ulp() {
        for f in [exp, exp_sat] {
            let (e, x) = worst(grid(-87.3, 88.37), |x| {
                let t = f64::from(x).exp();
                (f64::from(at(f, x)) - t).abs() / ulp(t)
            });
            assert!(e <= 2.0 * SLACK, "{e} ulp at {x}");
        }
        let (e, x) = worst(grid(88.37, 88.72), |x| {
            let t = f64::from(x).exp();
            (f64::from(at(exp, x)) - t).abs() / ulp(t)
        });
        assert!(e <= 4.0 * SLACK, "{e} ulp at {x}, in the last binade");
    }

    #[test]
    fn exp_at_special_values() {
        assert_eq!(at(exp, f32::NEG_INFINITY), 0.0);
        assert_eq!(at(exp, f32::INFINITY), f32::INFINITY);
        assert_eq!(at(exp, 89.0), f32::INFINITY);
        assert_eq!(at(exp, -104.0), 0.0);
        assert_eq!(at(exp, 0.0), 1.0);
        assert_eq!(at(exp, -0.0), 1.0);
        assert_eq!(at(exp, 1e-30), 1.0);
        assert!(at(exp, f32::NAN).is_nan() && at(exp_sat, f32::NAN).is_nan());
        assert!(at(exp_sat, f32::INFINITY).is_finite() && at(exp_sat, f32::NEG_INFINITY) > 0.0);
    }

    #[test]
    fn ln_is_within_two_ulp() {
        let error = |x: f32| {
            let t = f64::from(x).ln();
            (f64::from(at(ln, x)) - t).abs() / ulp(t)
        };
        for (lo, hi) in [(0.25, 4.0), (0.99, 1.01), (1e-6, 1.0), (1.0, 1e6)] {
            let (e, x) = worst(grid(lo, hi), error);
            assert!(e <= 2.0 * SLACK, "{e} ulp at {x}");
        }
        // every 1009th float there is, subnormals included
        let (e, x) = worst((1..0x7f80_0000u32).step_by(1009).map(f32::from_bits), error);
        assert!(e <= 2.0 * SLACK, "{e} ulp at {x:e}");
        assert_eq!(at(ln, 1.0), 0.0);
        assert_eq!(at(ln, 0.0), f32::NEG_INFINITY);
        assert_eq!(at(ln, -0.0), f32::NEG_INFINITY);
        assert_eq!(at(ln, f32::INFINITY), f32::INFINITY);
        assert!(at(ln, -1.0).is_nan() && at(ln, f32::NAN).is_nan() && at(ln, f32::NEG_INFINITY).is_nan());
    }

    #[test]
    fn sigmoid_family_is_within_its_bounds() {
        type Pair = (&'static str, fn(f32x8) -> f32x8, fn(f64) -> f64);
        let pairs: [Pair; 6] = [
            ("sigmoid", sigmoid, |x| Real::sigmoid(x)),
            ("sigmoid_pair.0", |x| sigmoid_pair(x).0, |x| Real::sigmoid(x)),
            ("sigmoid_pair.1", |x| sigmoid_pair(x).1, |x| Real::sigmoid(-x)),
            ("softplus", softplus, |x| Real::softplus(x)),
            ("log_sigmoid", log_sigmoid, |x| Real::log_sigmoid(x)),
            ("tanh", tanh, f64::tanh),
        ];
        for (name, fast, exact) in pairs {
            let bound = if name == "tanh" { 4e-7 } else { 3e-7 };
            for (lo, hi) in [(-87.0, 87.0), (-1.0, 1.0), (-1e-3, 1e-3)] {
                let (e, x) = worst(grid(lo, hi), |x| {
                    let t = exact(f64::from(x));
                    (f64::from(at(fast, x)) - t).abs() / t.abs().max(f64::MIN_POSITIVE)
                });
                assert!(e <= bound * SLACK, "{name}: relative error {e:e} at {x:e}");
            }
        }
    }

    #[test]
    fn logistic_is_the_four_functions() {
        for x in grid(-90.0, 90.0).step_by(1001) {
            let l = logistic(c(x));
            assert_eq!(l.p.to_array()[0], sigmoid_pair(c(x)).0.to_array()[0]);
            assert_eq!(l.n.to_array()[0], sigmoid_pair(c(x)).1.to_array()[0]);
            assert_eq!(l.neg_ln_n.to_array()[0], at(softplus, x));
            assert_eq!(l.neg_ln_p.to_array()[0], at(softplus, -x));
        }
    }

    #[test]
    fn extremes_stay_finite_and_nan_stays_nan() {
        for x in [0.0, 1e-30, -1e-30, 20.0, -20.0, 88.0, -88.0, 104.0, -104.0, 1e4, -1e4] {
            for f in [sigmoid, softplus, log_sigmoid, tanh] {
                assert!(at(f, x).is_finite(), "{x}");
            }
        }
        assert_eq!(at(softplus, f32::INFINITY), f32::INFINITY);
        assert_eq!(at(softplus, 1e4), 1e4);
        assert_eq!(at(sigmoid, f32::INFINITY), 1.0);
        assert_eq!(at(tanh, f32::INFINITY), 1.0);
        assert_eq!(at(tanh, f32::NEG_INFINITY), -1.0);
        for f in [sigmoid, softplus, log_sigmoid, tanh, |x| logistic(x).p, |x| logistic(x).n] {
            assert!(at(f, f32::NAN).is_nan());
        }
    }
}
