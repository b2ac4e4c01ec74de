//! Scalars that formulas are written in once: plain `f64`, and the dual number that carries a derivative.
//!
//! Every op and every loss has a reference written over [`Real`]. Run with `f64` it is the naive reference
//! of the fast kernel; run with [`Dual`] it differentiates itself, which is an oracle for hand-written
//! derivatives that shares no code with them.

use crate::gamma;
use std::fmt::Debug;
use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub, SubAssign};

/// A real scalar, as a textbook formula needs it.
///
/// ```
/// use lacuna_kernels::{Dual, Real};
///
/// fn square_of_sigmoid<R: Real>(x: R) -> R {
///     let p = x.sigmoid();
///     p * p
/// }
/// let y = square_of_sigmoid(Dual::variable(0.0));
/// assert_eq!(y.value(), 0.25);
/// assert_eq!(y.derivative(), 2.0 * 0.5 * 0.25); // 2 p p', p' = p (1 - p)
/// ```
pub trait Real:
    Copy
    + Debug
    + PartialOrd
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + SubAssign
{
    /// The constant `x`.
    fn of(x: f64) -> Self;
    /// The value without its derivative.
    fn value(self) -> f64;
    /// e^x.
    fn exp(self) -> Self;
    /// e^x - 1, exact for small x.
    fn exp_m1(self) -> Self;
    /// Natural logarithm.
    fn ln(self) -> Self;
    /// ln(1 + x), exact for small x.
    fn ln_1p(self) -> Self;
    /// Square root.
    fn sqrt(self) -> Self;
    /// x^k for a constant exponent; x^0 is 1 with derivative 0, also at x = 0.
    fn powf(self, k: f64) -> Self;
    /// |x|, with derivative 0 at 0.
    fn abs(self) -> Self;
    /// Hyperbolic tangent.
    fn tanh(self) -> Self;
    /// 1 / (1 + e^-x), computed from e^-|x| so that neither tail overflows.
    fn sigmoid(self) -> Self;
    /// ln(1 + e^x) = max(x, 0) + ln_1p(e^-|x|).
    fn softplus(self) -> Self;
    /// The error function, 2 / sqrt(pi) times the integral of e^(-t^2) from 0 to x.
    fn erf(self) -> Self;
    /// The logarithm of the gamma function, for x > 0.
    fn ln_gamma(self) -> Self;
    /// Its derivative, for x > 0.
    fn digamma(self) -> Self;

    /// Zero.
    fn zero() -> Self {
        Self::of(0.0)
    }
    /// One.
    fn one() -> Self {
        Self::of(1.0)
    }
    /// ln sigmoid(x) = -softplus(-x).
    fn log_sigmoid(self) -> Self {
        -(-self).softplus()
    }
    /// The same value as a constant: no derivative flows through it.
    fn detach(self) -> Self {
        Self::of(self.value())
    }
    /// The larger of two; the first of two equals. A NaN on either side gives NaN.
    fn max(self, other: Self) -> Self {
        if other > self || other.value().is_nan() { other } else { self }
    }
    /// The smaller of two; the first of two equals. A NaN on either side gives NaN.
    fn min(self, other: Self) -> Self {
        if other < self || other.value().is_nan() { other } else { self }
    }
    /// Sum of many terms.
    fn sum(terms: impl Iterator<Item = Self>) -> Self {
        terms.fold(Self::zero(), |s, t| s + t)
    }
}

impl Real for f64 {
    fn of(x: f64) -> Self {
        x
    }
    fn value(self) -> f64 {
        self
    }
    fn exp(self) -> Self {
        f64::exp(self)
    }
    fn exp_m1(self) -> Self {
        f64::exp_m1(self)
    }
    fn ln(self) -> Self {
        f64::ln(self)
    }
    fn ln_1p(self) -> Self {
        f64::ln_1p(self)
    }
    fn sqrt(self) -> Self {
        f64::sqrt(self)
    }
    fn powf(self, k: f64) -> Self {
        f64::powf(self, k)
    }
    fn abs(self) -> Self {
        f64::abs(self)
    }
    fn tanh(self) -> Self {
        f64::tanh(self)
    }
    fn sigmoid(self) -> Self {
        let e = (-f64::abs(self)).exp();
        if self >= 0.0 { 1.0 / (1.0 + e) } else { e / (1.0 + e) }
    }
    fn softplus(self) -> Self {
        if self.is_nan() {
            return self;
        }
        f64::max(self, 0.0) + f64::ln_1p((-f64::abs(self)).exp())
    }
    /// 2 / sqrt(pi) e^(-x^2) sum_n 2^n x^(2n + 1) / (2n + 1)!!, a series whose terms do not cancel.
    fn erf(self) -> Self {
        if f64::abs(self) > 6.0 {
            return self.signum(); // erfc(6) = 2e-17
        }
        let (mut term, mut sum) = (self, 0.0);
        for n in 1..200 {
            sum += term;
            term *= 2.0 * self * self / f64::from(2 * n + 1);
        }
        sum * (-self * self).exp() * std::f64::consts::FRAC_2_SQRT_PI
    }
    fn ln_gamma(self) -> Self {
        gamma::ln_gamma(self)
    }
    fn digamma(self) -> Self {
        gamma::digamma(self)
    }
}

/// A forward-mode dual number `v + d eps`, with eps^2 = 0: arithmetic on it is the chain rule.
#[derive(Clone, Copy, Debug)]
pub struct Dual {
    v: f64,
    d: f64,
}

impl Dual {
    /// The variable that is differentiated with respect to, at `x`.
    pub fn variable(x: f64) -> Self {
        Self { v: x, d: 1.0 }
    }

    /// A value with a chosen derivative, for directional derivatives.
    pub fn new(value: f64, derivative: f64) -> Self {
        Self { v: value, d: derivative }
    }

    /// The derivative part.
    pub fn derivative(self) -> f64 {
        self.d
    }

    /// f(x) with f'(x) given: `d` of a constant stays an exact 0 even where f' is infinite.
    fn chain(self, value: f64, slope: f64) -> Self {
        Self { v: value, d: if self.d == 0.0 { 0.0 } else { slope * self.d } }
    }
}

impl PartialEq for Dual {
    fn eq(&self, other: &Self) -> bool {
        self.v == other.v
    }
}

impl PartialOrd for Dual {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        self.v.partial_cmp(&other.v)
    }
}

impl Add for Dual {
    type Output = Self;
    fn add(self, o: Self) -> Self {
        Self { v: self.v + o.v, d: self.d + o.d }
    }
}

impl Sub for Dual {
    type Output = Self;
    fn sub(self, o: Self) -> Self {
        Self { v: self.v - o.v, d: self.d - o.d }
    }
}

impl Mul for Dual {
    type Output = Self;
    fn mul(self, o: Self) -> Self {
        Self { v: self.v * o.v, d: self.d * o.v + self.v * o.d }
    }
}

impl Div for Dual {
    type Output = Self;
    fn div(self, o: Self) -> Self {
        let v = self.v / o.v;
        Self { v, d: (self.d - v * o.d) / o.v }
    }
}

impl Neg for Dual {
    type Output = Self;
    fn neg(self) -> Self {
        Self { v: -self.v, d: -self.d }
    }
}

impl AddAssign for Dual {
    fn add_assign(&mut self, o: Self) {
        *self = *self + o;
    }
}

impl SubAssign for Dual {
    fn sub_assign(&mut self, o: Self) {
        *self = *self - o;
    }
}

impl Real for Dual {
    fn of(x: f64) -> Self {
        Self { v: x, d: 0.0 }
    }
    fn value(self) -> f64 {
        self.v
    }
    fn exp(self) -> Self {
        let e = self.v.exp();
        self.chain(e, e)
    }
    fn exp_m1(self) -> Self {
        self.chain(self.v.exp_m1(), self.v.exp())
    }
    fn ln(self) -> Self {
        self.chain(self.v.ln(), 1.0 / self.v)
    }
    fn ln_1p(self) -> Self {
        self.chain(self.v.ln_1p(), 1.0 / (1.0 + self.v))
    }
    fn sqrt(self) -> Self {
        let root = self.v.sqrt();
        self.chain(root, 0.5 / root)
    }
    fn powf(self, k: f64) -> Self {
        if k == 0.0 { Self::one() } else { self.chain(self.v.powf(k), k * self.v.powf(k - 1.0)) }
    }
    fn abs(self) -> Self {
        let slope = if self.v == 0.0 { 0.0 } else { self.v.signum() };
        self.chain(self.v.abs(), slope)
    }
    fn tanh(self) -> Self {
        let t = self.v.tanh();
        self.chain(t, 1.0 - t * t)
    }
    fn sigmoid(self) -> Self {
        let p = Real::sigmoid(self.v);
        self.chain(p, p * Real::sigmoid(-self.v))
    }
    fn softplus(self) -> Self {
        self.chain(Real::softplus(self.v), Real::sigmoid(self.v))
    }
    fn erf(self) -> Self {
        self.chain(Real::erf(self.v), std::f64::consts::FRAC_2_SQRT_PI * (-self.v * self.v).exp())
    }
    fn ln_gamma(self) -> Self {
        self.chain(gamma::ln_gamma(self.v), gamma::digamma(self.v))
    }
    fn digamma(self) -> Self {
        self.chain(gamma::digamma(self.v), gamma::trigamma(self.v))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Holds every elementary rule against central differences.
    #[test]
    fn dual_rules_agree_with_differences() {
        type Rule = (&'static str, fn(Dual) -> Dual, fn(f64) -> f64);
        let rules: [Rule; 13] = [
            ("exp", Real::exp, |x| x.exp()),
            ("exp_m1", Real::exp_m1, |x| x.exp_m1()),
            ("ln", Real::ln, |x| x.ln()),
            ("ln_1p", Real::ln_1p, |x| x.ln_1p()),
            ("sqrt", Real::sqrt, |x| x.sqrt()),
            ("pow", |x| x.powf(2.5), |x| x.powf(2.5)),
            ("abs", Real::abs, |x| x.abs()),
            ("tanh", Real::tanh, |x| x.tanh()),
            ("sigmoid", Real::sigmoid, |x| 1.0 / (1.0 + (-x).exp())),
            ("softplus", Real::softplus, |x| (1.0 + x.exp()).ln()),
            ("erf", Real::erf, |x| Real::erf(x)),
            ("ln_gamma", Real::ln_gamma, |x| Real::ln_gamma(x)),
            ("digamma", Real::digamma, |x| Real::digamma(x)),
        ];
        for (name, dual, plain) in rules {
            for x in [0.3, 1.0, 2.7] {
                let y = dual(Dual::variable(x));
                let slope = (plain(x + 1e-6) - plain(x - 1e-6)) / 2e-6;
                assert!((y.value() - plain(x)).abs() < 1e-12, "{name}({x})");
                assert!(
                    (y.derivative() - slope).abs() < 1e-8,
                    "{name}'({x}): {} against {slope}",
                    y.derivative()
                );
            }
        }
        let quotient = |x: Dual| (x * x - Dual::one()) / (x + Dual::of(2.0));
        // d/dx (x^2 - 1)/(x + 2) = (x^2 + 4x + 1)/(x + 2)^2
        assert!((quotient(Dual::variable(3.0)).derivative() - 22.0 / 25.0).abs() < 1e-15);
    }

    #[test]
    fn a_detached_value_has_no_slope() {
        let x = Dual::variable(2.0);
        assert_eq!((x.detach() * x).derivative(), 2.0);
        assert_eq!(x.powf(0.0).derivative(), 0.0);
    }

    #[test]
    fn the_error_function_has_known_values() {
        // Abramowitz and Stegun, table 7.1
        for (x, y) in [(0.0, 0.0), (0.5, 0.520_499_877_8), (1.0, 0.842_700_792_9), (2.0, 0.995_322_265_0)] {
            assert!((Real::erf(x) - y).abs() < 1e-10 && (Real::erf(-x) + y).abs() < 1e-10, "{x}");
        }
        assert!(Real::erf(f64::NAN).is_nan() && Real::erf(f64::INFINITY) == 1.0);
    }

    #[test]
    fn tails_are_finite() {
        for x in [-1e4, -745.0, -104.0, 0.0, 104.0, 745.0, 1e4] {
            assert!(Real::sigmoid(x).is_finite() && Real::softplus(x).is_finite(), "{x}");
        }
        assert_eq!(Real::softplus(-1e4), 0.0);
        assert_eq!(Real::softplus(1e4), 1e4);
        assert!(Real::softplus(f64::NAN).is_nan() && Real::sigmoid(f64::NAN).is_nan());
    }
}
