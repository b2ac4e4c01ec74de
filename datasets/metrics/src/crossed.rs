//! Means over two random factors, with their uncertainty.

use crate::Interval;
use statrs::distribution::{ContinuousCDF, StudentsT};

/// A mean over two crossed random factors (masks and seeds of first weights), its variance, and the degrees of freedom with which that
/// is known.
///
/// With M levels of the one and I of the other, by the mean squares of a two-way analysis of variance without repetition,
/// ```text
/// V = (MS_rows + MS_columns - MS_rest) / (M I),   at least the greater of MS_rows / (M I) and MS_columns / (M I)
/// ```
/// Where the means of all rows and those of all columns are equal, V is MS_rest / (M I): values vary, and their mean is not known exactly.
///
/// [`interval`](Self::interval) is that of Student's t with Satterthwaite's degrees of freedom (Biometrics Bulletin 2, 1946). A bootstrap
/// over three seeds finds an interval without 0 wherever the three have one sign, which is one case in four under no difference.
///
/// ```
/// use lacuna_metrics::CrossedMean;
///
/// // Five masks, one seed each: a mean of 3 with the variance 2.5 / 5 and four degrees of freedom.
/// let values: Vec<Vec<f64>> = (1..=5).map(|x| vec![f64::from(x)]).collect();
/// let interval = CrossedMean::of(&values).interval();
/// assert!((interval.high - 3.0 - 2.776 * 0.5_f64.sqrt()).abs() < 1e-3);
/// assert!(interval.p < 0.02);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CrossedMean {
    /// The mean.
    pub mean: f64,
    /// Its variance.
    pub variance: f64,
    /// Degrees of freedom; infinite where the variance is known.
    pub freedom: f64,
}

impl CrossedMean {
    /// Of values `[rows][columns]`; one factor is that with one column, or one row.
    ///
    /// # Panics
    /// Without values, or where rows have different lengths.
    pub fn of(runs: &[Vec<f64>]) -> Self {
        let (masks, inits) = (runs.len(), runs[0].len());
        let all = (masks * inits) as f64;
        let of_mask: Vec<f64> = runs.iter().map(|of| mean(of)).collect();
        let of_init: Vec<f64> =
            (0..inits).map(|init| mean(&runs.iter().map(|of| of[init]).collect::<Vec<f64>>())).collect();
        let mean = mean(&of_mask);
        let [by_masks, by_inits] =
            [variance(&of_mask) * inits as f64 / all, variance(&of_init) * masks as f64 / all];
        let rest: f64 = (0..masks)
            .flat_map(|m| (0..inits).map(move |i| (m, i)))
            .map(|(m, i)| (runs[m][i] - of_mask[m] - of_init[i] + mean).powi(2))
            .sum();
        let rest_freedom = (masks.max(2) - 1) as f64 * (inits.max(2) - 1) as f64;
        let by_rest = rest / rest_freedom / all;
        let v = (by_masks + by_inits - by_rest).max(by_masks.max(by_inits));
        // Beside the rest, only rounding.
        if by_rest > 0.0 && v <= 1e-12 * by_rest {
            return Self { mean, variance: by_rest, freedom: rest_freedom };
        }
        let known = |part: f64, count: usize| part * part / (count.max(2) - 1) as f64;
        let spread = known(by_masks, masks) + known(by_inits, inits);
        // Where nothing varies, or there is one run, nothing is estimated.
        let freedom = if spread > 0.0 { v * v / spread } else { f64::INFINITY };
        Self { mean, variance: v, freedom }
    }

    /// With a variance that something independent adds and that is known, as from many resamples.
    #[must_use]
    pub fn with_variance(self, known: f64) -> Self {
        let variance = self.variance + known;
        let share = if variance > 0.0 { self.variance / variance } else { 0.0 };
        Self { variance, freedom: self.freedom / (share * share).max(f64::MIN_POSITIVE), ..self }
    }

    /// The 95 % interval, and the two-sided p of a mean of 0.
    pub fn interval(self) -> Interval {
        let deviation = self.variance.sqrt();
        if deviation == 0.0 {
            let p = if self.mean == 0.0 { 1.0 } else { 0.0 };
            return Interval { low: self.mean, high: self.mean, p };
        }
        // Beyond this many degrees of freedom t is normal to four digits.
        let t = StudentsT::new(0.0, 1.0, self.freedom.min(1e6)).expect("positive scale and freedom");
        let half = t.inverse_cdf(0.975) * deviation;
        let p = 2.0 * t.cdf(-(self.mean / deviation).abs());
        Interval { low: self.mean - half, high: self.mean + half, p }
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Sum of squares about the mean, divided by the number less one; 0 of one value.
pub fn variance(values: &[f64]) -> f64 {
    match values.len() {
        0 | 1 => 0.0,
        n => values.iter().map(|x| (x - mean(values)).powi(2)).sum::<f64>() / (n - 1) as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lacuna_protocols::Stream;

    #[test]
    fn the_interval_of_a_mean_is_that_of_student() {
        // Five values of one init: mean 3, variance 2.5 / 5, four degrees of freedom, t quantile 2.776445.
        let runs: Vec<Vec<f64>> = (1..=5).map(|x| vec![f64::from(x)]).collect();
        let found = CrossedMean::of(&runs);
        assert!((found.variance - 0.5).abs() < 1e-12 && (found.freedom - 4.0).abs() < 1e-12, "{found:?}");
        let interval = found.interval();
        assert!((interval.high - 3.0 - 2.776_445 * 0.5_f64.sqrt()).abs() < 1e-5, "{interval:?}");
        // Test rows of the same variance: half of it is known, the degrees of freedom are four times as many.
        let both = found.with_variance(0.5);
        assert!((both.variance - 1.0).abs() < 1e-12 && (both.freedom - 16.0).abs() < 1e-9, "{both:?}");
        let same = CrossedMean::of(&[vec![2.0, 2.0], vec![2.0, 2.0]]).interval();
        assert_eq!((same.low, same.high, same.p), (2.0, 2.0, 0.0));
    }

    #[test]
    fn the_variance_of_two_factors_is_that_of_the_mean_squares() {
        // Means 3 and 7 of the rows, 2, 5 and 8 of the columns: mean squares 24, 18 and, with residuals of 1, -1 and 0 twice, 4 / 2.
        let found = CrossedMean::of(&[vec![1.0, 2.0, 6.0], vec![3.0, 8.0, 10.0]]);
        let variance = (24.0 + 18.0 - 2.0) / 6.0;
        let freedom = variance * variance / (4.0 * 4.0 / 1.0 + 3.0 * 3.0 / 2.0);
        assert_eq!(found.mean, 5.0);
        assert!(
            (found.variance - variance).abs() < 1e-12 && (found.freedom - freedom).abs() < 1e-12,
            "{found:?}"
        );
        // Means 1 and 2 of the rows, 1 and 2 of the columns, residuals of 2: the mean squares of rows and columns, 1 each, are less
        // than the 16 of the rest.
        let found = CrossedMean::of(&[vec![2.5, -0.5], vec![-0.5, 4.5]]);
        assert_eq!((found.mean, found.variance), (1.5, 0.25));
    }

    /// Runs that vary, and differ from each other in no mean of a row or a column: their mean was taken for certain, with p = 0.
    #[test]
    fn what_varies_without_a_difference_of_means_is_not_certain() {
        // Residuals of 1 everywhere: 4 / 1 degree of freedom / 4 values.
        let found = CrossedMean::of(&[vec![2.0, 0.0], vec![0.0, 2.0]]);
        assert_eq!((found.mean, found.variance, found.freedom), (1.0, 1.0, 1.0));
        assert!(found.interval().p > 0.4);
        // Means that are equal but for their last bit.
        let found = CrossedMean::of(&[vec![0.7, 0.1], vec![0.1, 0.7 + 1e-16]]);
        assert!(found.variance > 0.08 && found.interval().p > 0.1);
    }

    /// Where nothing differs, whatever varies, at most about one in twenty differences is told from 0.
    #[test]
    fn no_difference_is_seldom_taken_for_one() {
        let mut stream = Stream::new(3, "null");
        for deviations in
            [[1.0, 0.0, 0.1, 0.0], [0.0, 1.0, 0.1, 0.0], [0.0, 0.0, 1.0, 0.0], [1.0, 1.0, 1.0, 1.0]]
        {
            let [masks, inits, rest, rows] = deviations;
            let mut rejected = 0;
            for _ in 0..4000 {
                let of_init: Vec<f64> = (0..3).map(|_| inits * stream.normal()).collect();
                let mut of_mask = || {
                    let m = masks * stream.normal();
                    of_init.iter().map(|i| m + i + rest * stream.normal()).collect()
                };
                let runs: Vec<Vec<f64>> = (0..5).map(|_| of_mask()).collect();
                let shift = rows * stream.normal();
                let found = CrossedMean::of(&runs).with_variance(rows * rows);
                rejected +=
                    usize::from(CrossedMean { mean: found.mean + shift, ..found }.interval().p < 0.05);
            }
            // 0.05 and three deviations of a count of 4,000.
            assert!(rejected < 242, "{deviations:?}: {rejected} of 4000");
        }
    }

    #[test]
    fn the_interval_turns_around_with_the_sign() {
        let of = |sign: f64| {
            let values = [vec![sign, 3.0 * sign], vec![2.0 * sign, 4.5 * sign]];
            CrossedMean::of(&values).with_variance(0.1).interval()
        };
        let (a, b) = (of(1.0), of(-1.0));
        assert!(
            (a.low + b.high).abs() < 1e-12 && (a.high + b.low).abs() < 1e-12 && a.p == b.p,
            "{a:?} {b:?}"
        );
        assert_eq!(CrossedMean::of(&[vec![0.0; 3]]).interval().p, 1.0);
    }
}
