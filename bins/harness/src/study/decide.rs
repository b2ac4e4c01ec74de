//! Differences between rows of a table with their uncertainty.

use super::record::Difference;
use crate::HarnessError;
use lacuna_metrics::{Interval, holm};
use statrs::distribution::{ContinuousCDF, StudentsT};

/// A metric of a row of the table: of all runs, and under each resample of the test rows.
#[derive(Clone, Debug)]
pub(crate) struct RowValues {
    /// Of each run, `[mask][first weights]`.
    pub(crate) values: Vec<Vec<f64>>,
    /// The mean of all runs under each resample, `[resample]`.
    pub(crate) resampled: Vec<f64>,
}

/// A sum of rows, each with its sign: `better - worse`, or a difference of two such gaps.
///
/// Its variance has two parts that are added. The bootstrap over test rows gives the first. The second is that of a mean over
/// masks and first weights, both random, whose seeds are crossed, by the mean squares of a two-way analysis of variance
/// without repetition, M masks and I first weights:
/// ```text
/// V = (MS_masks + MS_inits - MS_rest) / (M I),   at least the greater of MS_masks / (M I) and MS_inits / (M I)
/// ```
/// The interval and p are those of Student's t with Satterthwaite's degrees of freedom (Biometrics Bulletin 2, 1946). A bootstrap
/// over three seeds finds an interval without 0 wherever the three have one sign, which is one case in four under no difference.
pub(crate) fn difference(what: &str, terms: &[(f64, &RowValues)]) -> Result<Difference, HarnessError> {
    let first = &terms[0].1;
    let summed = |of: &dyn Fn(&RowValues) -> f64| terms.iter().map(|(sign, row)| sign * of(row)).sum::<f64>();
    let runs: Vec<Vec<f64>> = (0..first.values.len())
        .map(|mask| (0..first.values[mask].len()).map(|init| summed(&|row| row.values[mask][init])).collect())
        .collect();
    let count = first.resampled.len();
    let resampled = (0..count).map(|i| summed(&|row| row.resampled[i])).filter(|x| !x.is_nan());
    let resampled: Vec<f64> = resampled.collect();
    let of_runs = Variance::of_runs(&runs);
    if !of_runs.mean.is_finite() || resampled.len() < count / 2 {
        return Err(HarnessError::Setting(format!(
            "{what}: the metric is not defined on the test rows, or on most of their resamples"
        )));
    }
    let Interval { low, high, p } = of_runs.with_test_rows(variance(&resampled)).interval();
    let [mean, low, high, p] = [of_runs.mean, low, high, p].map(round);
    Ok(Difference { mean, low, high, p, holm: p })
}

/// The variance of a mean, and the degrees of freedom with which it is known.
#[derive(Clone, Copy, Debug)]
struct Variance {
    mean: f64,
    variance: f64,
    freedom: f64,
}

impl Variance {
    /// Of the mean over masks and first weights, `[mask][first weights]`.
    fn of_runs(runs: &[Vec<f64>]) -> Self {
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
        let v = (by_masks + by_inits - rest / rest_freedom / all).max(by_masks.max(by_inits));
        let known = |part: f64, count: usize| part * part / (count.max(2) - 1) as f64;
        let spread = known(by_masks, masks) + known(by_inits, inits);
        // Where nothing varies, or there is one run, only test rows are random.
        let freedom = if spread > 0.0 { v * v / spread } else { f64::INFINITY };
        Self { mean, variance: v, freedom }
    }

    /// With the variance that test rows add, which is known from many resamples.
    fn with_test_rows(self, rows: f64) -> Self {
        let variance = self.variance + rows;
        let share = if variance > 0.0 { self.variance / variance } else { 0.0 };
        Self { variance, freedom: self.freedom / (share * share).max(f64::MIN_POSITIVE), ..self }
    }

    /// The 95 % interval, and the two-sided p of a mean of 0.
    fn interval(self) -> Interval {
        let deviation = self.variance.sqrt();
        if deviation == 0.0 {
            let p = if self.mean == 0.0 { 1.0 } else { 0.0 };
            return Interval { low: self.mean, high: self.mean, p };
        }
        // Beyond this many degrees of freedom t is normal to all digits of a record.
        let t = StudentsT::new(0.0, 1.0, self.freedom.min(1e6)).expect("positive scale and freedom");
        let half = t.inverse_cdf(0.975) * deviation;
        let p = 2.0 * t.cdf(-(self.mean / deviation).abs());
        Interval { low: self.mean - half, high: self.mean + half, p }
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Divided by the number less one; 0 of one value.
fn variance(values: &[f64]) -> f64 {
    match values.len() {
        0 | 1 => 0.0,
        n => values.iter().map(|x| (x - mean(values)).powi(2)).sum::<f64>() / (n - 1) as f64,
    }
}

/// Holm's correction over differences.
pub(crate) fn correct(differences: Vec<&mut Difference>) {
    let corrected = holm(&differences.iter().map(|difference| difference.p).collect::<Vec<f64>>());
    differences.into_iter().zip(corrected).for_each(|(difference, p)| difference.holm = round(p));
}

/// As many digits as a record needs.
pub(crate) fn round(x: f64) -> f64 {
    (x * 1e4).round() / 1e4
}

#[cfg(test)]
mod tests {
    use super::*;
    use lacuna_protocols::Stream;

    /// Values by mask and first weights, with the noise of test rows.
    fn values(of_run: [[f64; 2]; 3], noise: f64) -> RowValues {
        let mut stream = Stream::new(9, "noise");
        let values: Vec<Vec<f64>> = of_run.map(|of_mask| of_mask.to_vec()).to_vec();
        let mean = mean(&values.concat());
        RowValues { values, resampled: (0..500).map(|_| mean + noise * stream.normal()).collect() }
    }

    #[test]
    fn a_gap_that_all_masks_and_first_weights_share_is_told_from_one_that_they_do_not() {
        let base = values([[80.0, 80.2], [81.0, 81.1], [79.0, 79.1]], 0.3);
        let better = values([[82.0, 82.3], [83.1, 83.2], [81.1, 81.3]], 0.3);
        let gap = |better: &RowValues| difference("gap", &[(1.0, better), (-1.0, &base)]).unwrap();
        let found = gap(&better);
        assert!((found.mean - 2.1).abs() < 1e-9 && found.low > 0.5 && found.high < 3.7 && found.p < 0.05);
        // The same mean from one mask alone, or from one of the first weights: another draw may not have it.
        let of_mask = gap(&values([[86.3, 86.5], [81.0, 81.1], [79.0, 79.1]], 0.3));
        assert!((of_mask.mean - 2.1).abs() < 1e-9 && of_mask.p > 0.05, "{of_mask:?}");
        let of_init = gap(&values([[80.0, 84.4], [81.0, 85.3], [79.0, 83.3]], 0.3));
        assert!((of_init.mean - 2.1).abs() < 1e-9 && of_init.p > 0.05, "{of_init:?}");
        // What an intervention leaves of a gap.
        let terms = [(1.0, &better), (-1.0, &base), (-1.0, &base), (1.0, &base)];
        assert!((difference("cause", &terms).unwrap().mean - 2.1).abs() < 1e-9);
        let undefined = values([[f64::NAN; 2]; 3], 0.3);
        assert!(difference("gap", &[(1.0, &undefined)]).is_err());
    }

    #[test]
    fn the_interval_of_a_mean_is_that_of_student() {
        // Five values of one init: mean 3, variance 2.5 / 5, four degrees of freedom, t quantile 2.776445.
        let runs: Vec<Vec<f64>> = (1..=5).map(|x| vec![f64::from(x)]).collect();
        let found = Variance::of_runs(&runs);
        assert!((found.variance - 0.5).abs() < 1e-12 && (found.freedom - 4.0).abs() < 1e-12, "{found:?}");
        let interval = found.interval();
        assert!((interval.high - 3.0 - 2.776_445 * 0.5_f64.sqrt()).abs() < 1e-5, "{interval:?}");
        // Test rows of the same variance: half of it is known, the degrees of freedom are four times as many.
        let both = found.with_test_rows(0.5);
        assert!((both.variance - 1.0).abs() < 1e-12 && (both.freedom - 16.0).abs() < 1e-9, "{both:?}");
        let same = Variance::of_runs(&[vec![2.0, 2.0], vec![2.0, 2.0]]).interval();
        assert_eq!((same.low, same.high, same.p), (2.0, 2.0, 0.0));
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
                let found = Variance::of_runs(&runs).with_test_rows(rows * rows);
                rejected += usize::from(Variance { mean: found.mean + shift, ..found }.interval().p < 0.05);
            }
            // 0.05 and three deviations of a count of 4,000.
            assert!(rejected < 242, "{deviations:?}: {rejected} of 4000");
        }
    }
}
