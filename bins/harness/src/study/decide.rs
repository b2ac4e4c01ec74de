//! Differences between rows of a table with their uncertainty.

use super::record::Difference;
use crate::HarnessError;
use lacuna_metrics::{CrossedMean, Interval, holm, variance};

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
/// Its variance is that which the bootstrap over test rows shows, plus that of a mean over masks and first weights
/// ([`CrossedMean`]).
pub(crate) fn difference(what: &str, terms: &[(f64, &RowValues)]) -> Result<Difference, HarnessError> {
    let first = &terms[0].1;
    let summed = |of: &dyn Fn(&RowValues) -> f64| terms.iter().map(|(sign, row)| sign * of(row)).sum::<f64>();
    let runs: Vec<Vec<f64>> = (0..first.values.len())
        .map(|mask| (0..first.values[mask].len()).map(|init| summed(&|row| row.values[mask][init])).collect())
        .collect();
    let count = first.resampled.len();
    let resampled = (0..count).map(|i| summed(&|row| row.resampled[i])).filter(|x| !x.is_nan());
    let resampled: Vec<f64> = resampled.collect();
    let of_runs = CrossedMean::of(&runs);
    if !of_runs.mean.is_finite() || resampled.len() < count / 2 {
        return Err(HarnessError::Setting(format!(
            "{what}: the metric is not defined on the test rows, or on most of their resamples"
        )));
    }
    let Interval { low, high, p } = of_runs.with_variance(variance(&resampled)).interval();
    let [mean, low, high, p] = [of_runs.mean, low, high, p].map(round);
    Ok(Difference { mean, low, high, p, holm: p })
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
        let mean = values.concat().iter().sum::<f64>() / 6.0;
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
}
