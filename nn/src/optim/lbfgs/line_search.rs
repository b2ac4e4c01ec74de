//! A step length that satisfies the strong Wolfe conditions.
//!
//! J. Nocedal, S. J. Wright, "Numerical Optimization", 2nd edition, algorithms 3.5 (bracketing) and 3.6 (zoom), with the
//! cubic interpolation of equation 3.59.
//!
//! Values of the function are single precision: close to a minimum two of them differ by less than their rounding
//! error, while the slopes still point the right way. There the decrease is judged by the slope alone: W. W. Hager,
//! H. Zhang, "A new conjugate gradient method with guaranteed descent and an efficient line search", SIAM J. Optim. 16,
//! 2005, equation 4.1 (approximate Wolfe conditions).

/// Constant of the sufficient decrease.
const C1: f64 = 1e-4;
/// Constant of the curvature condition, the usual one for quasi-Newton methods.
const C2: f64 = 0.9;
/// Differences of values up to this share of the first value count as rounding errors.
const ROUNDING: f64 = 1e-6;

/// The function at one step length.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Trial {
    pub(super) alpha: f64,
    pub(super) value: f64,
    /// Derivative with respect to alpha.
    pub(super) slope: f64,
}

impl Trial {
    fn is_finite(&self) -> bool {
        self.value.is_finite() && self.slope.is_finite()
    }
}

/// How a search ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Found {
    /// The point to go to; `None` if none with a sufficient decrease was found.
    pub(super) accepted: Option<Trial>,
    /// Evaluations of the function.
    pub(super) evaluations: usize,
}

/// Searches for a step length from `first` on, with at most `limit` evaluations. `start` is the function at 0, where its
/// slope is negative.
pub(super) fn search<E>(
    start: Trial,
    first: f64,
    limit: usize,
    mut evaluate: impl FnMut(f64) -> Result<Trial, E>,
) -> Result<Found, E> {
    let conditions = Conditions { start, rounding: ROUNDING * start.value.abs() };
    let (mut previous, mut alpha) = (start, first);
    for evaluations in 1..=limit {
        let trial = evaluate(alpha)?;
        if conditions.accepts(&trial) {
            return Ok(Found { accepted: Some(trial), evaluations });
        }
        if conditions.is_too_far(&trial, &previous) {
            return zoom(&conditions, previous, trial, evaluations, limit, evaluate);
        }
        if trial.slope >= 0.0 {
            return zoom(&conditions, trial, previous, evaluations, limit, evaluate);
        }
        let (low, high) = (alpha + 0.01 * (alpha - previous.alpha), 10.0 * alpha);
        alpha = conditions.interpolate(&previous, &trial).map_or(2.0 * alpha, |x| x.clamp(low, high));
        previous = trial;
    }
    Ok(Found { accepted: (previous.alpha > 0.0).then_some(previous), evaluations: limit })
}

struct Conditions {
    start: Trial,
    rounding: f64,
}

impl Conditions {
    /// Sufficient decrease; within rounding errors of the start, the slope decides.
    fn decreases(&self, t: &Trial) -> bool {
        let Self { start, rounding } = self;
        t.value <= start.value + C1 * t.alpha * start.slope
            || (t.value <= start.value + rounding && t.slope <= (2.0 * C1 - 1.0) * start.slope)
    }

    fn accepts(&self, t: &Trial) -> bool {
        t.is_finite() && self.decreases(t) && t.slope.abs() <= -C2 * self.start.slope
    }

    /// Whether a minimum lies between `low` and the trial because the trial is too high.
    fn is_too_far(&self, t: &Trial, low: &Trial) -> bool {
        let higher = t.value > low.value + self.rounding || (t.value >= low.value && t.slope >= 0.0);
        !t.is_finite() || !self.decreases(t) || higher
    }

    /// Where the function is likely to have its minimum, by the cubic through two points. Where their values differ by
    /// rounding errors alone, the slopes are interpolated instead.
    fn interpolate(&self, a: &Trial, b: &Trial) -> Option<f64> {
        if (a.value - b.value).abs() > self.rounding {
            return cubic_minimum(a, b);
        }
        let x = b.alpha - b.slope * (b.alpha - a.alpha) / (b.slope - a.slope);
        x.is_finite().then_some(x)
    }
}

/// Narrows an interval that contains acceptable step lengths. `low` has a sufficient decrease (or is the start) and a
/// slope that points to `high`.
fn zoom<E>(
    conditions: &Conditions,
    mut low: Trial,
    mut high: Trial,
    used: usize,
    limit: usize,
    mut evaluate: impl FnMut(f64) -> Result<Trial, E>,
) -> Result<Found, E> {
    let mut evaluations = used;
    let mut bisect = false;
    while evaluations < limit {
        let width = high.alpha - low.alpha;
        let middle = low.alpha + 0.5 * width;
        let inner = |x: f64| {
            let share = (x - low.alpha) / width;
            (0.1..=0.9).contains(&share)
        };
        let cubic = if bisect || !high.is_finite() { None } else { conditions.interpolate(&low, &high) };
        let alpha = cubic.filter(|&x| inner(x)).unwrap_or(middle);
        if alpha == low.alpha || alpha == high.alpha {
            break; // the interval cannot be divided any further
        }
        let trial = evaluate(alpha)?;
        evaluations += 1;
        if conditions.accepts(&trial) {
            return Ok(Found { accepted: Some(trial), evaluations });
        }
        if conditions.is_too_far(&trial, &low) {
            high = trial;
        } else {
            if trial.slope * width >= 0.0 {
                high = low;
            }
            low = trial;
        }
        // Interpolation that leaves more than two thirds is followed by a bisection.
        bisect = (high.alpha - low.alpha).abs() > 0.66 * width.abs();
    }
    Ok(Found { accepted: (low.alpha > 0.0).then_some(low), evaluations })
}

/// The minimum of the cubic through two points with their slopes, if it has one.
fn cubic_minimum(a: &Trial, b: &Trial) -> Option<f64> {
    let d1 = a.slope + b.slope - 3.0 * (a.value - b.value) / (a.alpha - b.alpha);
    let square = d1 * d1 - a.slope * b.slope;
    let d2 = (b.alpha - a.alpha).signum() * square.sqrt(); // NaN for a negative square
    let x = b.alpha - (b.alpha - a.alpha) * (b.slope + d2 - d1) / (b.slope - a.slope + 2.0 * d2);
    x.is_finite().then_some(x)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    /// Where values differ by rounding errors the slopes have a zero between -1 at 1 and 3 at 5; else the values count as well.
    #[test]
    fn the_minimum_of_two_points_is_that_of_their_slopes_or_of_a_cubic() {
        let [a, b] =
            [(1.0, 0.0, -1.0), (5.0, 0.5, 3.0)].map(|(alpha, value, slope)| Trial { alpha, value, slope });
        let at = |rounding| Conditions { start: a, rounding }.interpolate(&a, &b).unwrap();
        assert_eq!(at(1.0), 2.0);
        // x^2 - 4 x + 1 at 1 and 5.
        let [a, b] =
            [(1.0, -2.0, -2.0), (5.0, 6.0, 6.0)].map(|(alpha, value, slope)| Trial { alpha, value, slope });
        let found = Conditions { start: a, rounding: 0.0 }.interpolate(&a, &b).unwrap();
        assert!((found - 2.0).abs() < 1e-12, "{found}");
        assert!((at(0.0) - 2.0).abs() > 0.01);
    }

    fn find(f: impl Fn(f64) -> (f64, f64), first: f64, limit: usize) -> Found {
        let trial = |alpha| -> Result<Trial, Infallible> {
            let (value, slope) = f(alpha);
            Ok(Trial { alpha, value, slope })
        };
        let Ok(start) = trial(0.0);
        let Ok(found) = search(start, first, limit, trial);
        if let Some(t) = found.accepted
            && found.evaluations < limit
        {
            assert!(t.value < start.value && t.slope.abs() <= -C2 * start.slope, "{t:?}");
        }
        found
    }

    #[test]
    fn step_lengths_satisfy_the_strong_wolfe_conditions() {
        let functions: [fn(f64) -> (f64, f64); 4] = [
            |a| ((a - 3.0).powi(2), 2.0 * (a - 3.0)),
            |a| (-a / (a * a + 2.0), (a * a - 2.0) / (a * a + 2.0).powi(2)), // Moré and Thuente, (5.1)
            |a| {
                ((a + 0.004).powi(5) - 2.0 * (a + 0.004).powi(4), {
                    5.0 * (a + 0.004).powi(4) - 8.0 * (a + 0.004).powi(3) // (5.2)
                })
            },
            |a| (a.cosh() - 1.5 * a, a.sinh() - 1.5),
        ];
        for (i, f) in functions.into_iter().enumerate() {
            for first in [1e-3, 0.1, 1.0, 10.0, 1e3] {
                assert!(find(f, first, 60).accepted.is_some(), "function {i} from {first}");
            }
        }
    }

    #[test]
    fn infinite_values_are_stepped_back_from() {
        // The logarithm of a negative number is NaN.
        let barrier = |a: f64| (-a - 0.1 * (1.0 - a).ln(), -1.0 + 0.1 / (1.0 - a));
        let found = find(barrier, 100.0, 60);
        assert!(found.accepted.is_some_and(|t| t.alpha < 1.0), "{found:?}");
    }

    #[test]
    fn the_limit_counts_evaluations() {
        assert_eq!(find(|a| (-a, -1.0), 1.0, 5).evaluations, 5);
        let none = find(|a| (if a == 0.0 { 0.0 } else { 1.0 }, -1.0), 1.0, 7);
        assert_eq!(none, Found { accepted: None, evaluations: 7 });
    }

    /// A parabola so flat that its values are all the same: the slopes decide.
    #[test]
    fn rounded_values_are_no_obstacle() {
        let flat = |a: f64| (1.0, 1e-9 * (a - 1.0));
        let trial = |alpha| -> Result<Trial, Infallible> {
            let (value, slope) = flat(alpha);
            Ok(Trial { alpha, value, slope })
        };
        let Ok(start) = trial(0.0);
        for first in [0.01, 1.0, 3.0, 50.0] {
            let Ok(found) = search(start, first, 30, trial);
            let alpha = found.accepted.expect("an accepted step").alpha;
            assert!((0.1..=1.9).contains(&alpha), "{alpha} from {first}");
        }
    }
}
