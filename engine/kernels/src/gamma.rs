//! The logarithm of the gamma function and its first two derivatives in f64, for x > 0.
//!
//! Stirling's series from 10 on, reached from below by the recurrence Gamma(x + 1) = x Gamma(x). The largest errors are
//! 1e-14, relative to the larger of 1 and the value (asserted below). Elsewhere, and for NaN, the result is NaN.
//!
//! Abramowitz and Stegun, 6.1.40, 6.3.18, 6.4.11 and 6.1.15.

/// From here on the series is used.
const LARGE: f64 = 10.0;

/// c0 + x (c1 + x (c2 + ...)).
fn horner(x: f64, coefficients: &[f64]) -> f64 {
    coefficients.iter().rev().fold(0.0, |sum, c| sum * x + c)
}

/// Whether the functions are not defined at x here.
fn outside(x: f64) -> bool {
    x.is_nan() || x <= 0.0
}

/// ln Gamma(x).
///
/// ```
/// assert!((lacuna_kernels::gamma::ln_gamma(5.0) - 24.0f64.ln()).abs() < 1e-14);
/// ```
pub fn ln_gamma(x: f64) -> f64 {
    if outside(x) {
        return f64::NAN;
    }
    if x.is_infinite() {
        return x;
    }
    let (mut x, mut product) = (x, 1.0);
    while x < LARGE {
        product *= x;
        x += 1.0;
    }
    let y = 1.0 / (x * x);
    let series = [
        1.0 / 12.0,
        -1.0 / 360.0,
        1.0 / 1260.0,
        -1.0 / 1680.0,
        1.0 / 1188.0,
        -691.0 / 360_360.0,
        1.0 / 156.0,
    ];
    let half_ln_tau = 0.5 * std::f64::consts::TAU.ln();
    (x - 0.5) * x.ln() - x + half_ln_tau + horner(y, &series) / x - f64::ln(product)
}

/// The digamma function, d/dx ln Gamma(x).
pub fn digamma(x: f64) -> f64 {
    if outside(x) {
        return f64::NAN;
    }
    let (mut x, mut sum) = (x, 0.0);
    while x < LARGE {
        sum += 1.0 / x;
        x += 1.0;
    }
    let y = 1.0 / (x * x);
    let series =
        [1.0 / 12.0, -1.0 / 120.0, 1.0 / 252.0, -1.0 / 240.0, 1.0 / 132.0, -691.0 / 32_760.0, 1.0 / 12.0];
    x.ln() - 0.5 / x - y * horner(y, &series) - sum
}

/// The trigamma function, d^2/dx^2 ln Gamma(x).
pub fn trigamma(x: f64) -> f64 {
    if outside(x) {
        return f64::NAN;
    }
    if x.is_infinite() {
        return 0.0;
    }
    let (mut x, mut sum) = (x, 0.0);
    while x < LARGE {
        sum += 1.0 / (x * x);
        x += 1.0;
    }
    let y = 1.0 / (x * x);
    let series = [1.0 / 6.0, -1.0 / 30.0, 1.0 / 42.0, -1.0 / 30.0, 5.0 / 66.0, -691.0 / 2730.0, 7.0 / 6.0];
    1.0 / x + 0.5 * y + y / x * horner(y, &series) + sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::PI;

    /// Euler's constant.
    const EULER: f64 = 0.577_215_664_901_532_9;

    fn close(what: &str, found: f64, exact: f64) {
        let bound = 1e-14 * exact.abs().max(1.0);
        assert!((found - exact).abs() <= bound, "{what}: {found}, not {exact}");
    }

    #[test]
    fn values_are_those_known_in_closed_form() {
        let mut factorial = 1.0f64;
        let (mut harmonic, mut squares) = (0.0, 0.0);
        for n in 1..=60 {
            let x = f64::from(n);
            close("ln_gamma", ln_gamma(x), factorial.ln());
            close("digamma", digamma(x), harmonic - EULER);
            close("trigamma", trigamma(x), PI * PI / 6.0 - squares);
            factorial *= x;
            harmonic += 1.0 / x;
            squares += 1.0 / (x * x);
        }
        close("ln_gamma(1/2)", ln_gamma(0.5), PI.sqrt().ln());
        close("digamma(1/2)", digamma(0.5), -EULER - 2.0 * 2.0f64.ln());
        close("trigamma(1/2)", trigamma(0.5), PI * PI / 2.0);
        close("digamma(1/4)", digamma(0.25), -EULER - PI / 2.0 - 3.0 * 2.0f64.ln());
    }

    /// Reflection: Gamma(x) Gamma(1 - x) = pi / sin(pi x), and its logarithmic derivatives.
    #[test]
    fn reflection_holds_down_to_tiny_numbers() {
        for x in [1e-12, 1e-6, 1e-3, 0.01, 0.1, 0.2, 0.3, 0.45, 0.499] {
            let (sin, tan) = (f64::sin(PI * x), f64::tan(PI * x));
            close("ln_gamma", ln_gamma(x) + ln_gamma(1.0 - x), (PI / sin).ln());
            close("digamma", digamma(1.0 - x) - digamma(x), PI / tan);
            close("trigamma", trigamma(x) + trigamma(1.0 - x), (PI / sin).powi(2));
        }
    }

    /// Legendre's duplication formula, on a grid through the change to the series.
    #[test]
    fn duplication_holds_across_the_change_to_the_series() {
        for i in 1..=4000 {
            let x = f64::from(i) * 0.01;
            let constant = 2.0f64.ln();
            let exact = ln_gamma(2.0 * x);
            let found = ln_gamma(x) + ln_gamma(x + 0.5) + (2.0 * x - 1.0) * constant - 0.5 * PI.ln();
            assert!((found - exact).abs() <= 4e-14 * exact.abs().max(1.0), "{x}");
            let found = 0.5 * (digamma(x) + digamma(x + 0.5)) + constant;
            close("digamma", found, digamma(2.0 * x));
            let found = 0.25 * (trigamma(x) + trigamma(x + 0.5));
            close("trigamma", found, trigamma(2.0 * x));
        }
    }

    #[test]
    fn what_is_outside_is_no_number() {
        for x in [0.0, -0.0, -1.0, -2.5, f64::NEG_INFINITY, f64::NAN] {
            assert!(ln_gamma(x).is_nan() && digamma(x).is_nan() && trigamma(x).is_nan(), "{x}");
        }
        assert_eq!(ln_gamma(f64::INFINITY), f64::INFINITY);
        assert_eq!(digamma(f64::INFINITY), f64::INFINITY);
        assert_eq!(trigamma(f64::INFINITY), 0.0);
    }
}
