//! Differences between rows of a table with their uncertainty.

use super::record::Difference;
use super::resample::Resamples;
use crate::HarnessError;
use lacuna_metrics::{Interval, holm, interval};

/// A metric of a row of the table: of all runs, and under each resample.
#[derive(Clone, Debug)]
pub(crate) struct RowValues {
    /// Of each run, `[mask][first weights]`.
    pub(crate) values: Vec<Vec<f64>>,
    /// The same under each resample, `[mask][first weights][resample]`.
    pub(crate) resampled: Vec<Vec<Vec<f64>>>,
}

impl RowValues {
    fn mean(&self) -> f64 {
        let all = || self.values.iter().flatten();
        all().sum::<f64>() / all().count() as f64
    }

    /// The mean over the masks and first weights of resample `i`.
    fn under(&self, i: usize, masks: &[usize], inits: &[usize]) -> f64 {
        let of_mask = |mask: &usize| inits.iter().map(|init| self.resampled[*mask][*init][i]).sum::<f64>();
        masks.iter().map(of_mask).sum::<f64>() / (masks.len() * inits.len()) as f64
    }
}

/// A sum of rows, each with its sign: `better - worse`, or a difference of two such gaps.
///
/// Each resample draws test rows, masks and first weights anew, the same ones for every row, so that the interval holds for
/// others of the same kind. First weights have the same seeds on every mask, so they are drawn once for all masks: nine runs of
/// three seeds say no more about other seeds than three.
pub(crate) fn difference(
    what: &str,
    terms: &[(f64, &RowValues)],
    resamples: Resamples,
) -> Result<Difference, HarnessError> {
    let (masks, inits) = (terms[0].1.values.len(), terms[0].1.values[0].len());
    let mean: f64 = terms.iter().map(|(sign, row)| sign * row.mean()).sum();
    let under = |i: usize| -> f64 {
        let masks = resamples.drawn(i, "bootstrap over masks", masks);
        let inits = resamples.drawn(i, "bootstrap over first weights", inits);
        terms.iter().map(|(sign, row)| sign * row.under(i, &masks, &inits)).sum()
    };
    let differences: Vec<f64> = (0..resamples.count).map(under).filter(|x| !x.is_nan()).collect();
    if !mean.is_finite() || differences.len() < resamples.count / 2 {
        return Err(HarnessError::Setting(format!(
            "{what}: the metric is not defined on the test rows, or on most of their resamples"
        )));
    }
    let Interval { low, high, p } = interval(&differences);
    Ok(Difference { mean: round(mean), low: round(low), high: round(high), p: round(p), holm: round(p) })
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
        let mut under = |mean: f64| (0..500).map(|_| mean + noise * stream.normal()).collect::<Vec<f64>>();
        let resampled = of_run.map(|of_mask| of_mask.map(&mut under).to_vec()).to_vec();
        RowValues { values: of_run.map(|of_mask| of_mask.to_vec()).to_vec(), resampled }
    }

    #[test]
    fn a_gap_that_all_masks_and_first_weights_share_is_told_from_one_that_they_do_not() {
        let resamples = Resamples { count: 500, seed: 0 };
        let base = values([[80.0, 80.2], [81.0, 81.1], [79.0, 79.1]], 0.3);
        let better = values([[82.0, 82.3], [83.1, 83.2], [81.1, 81.3]], 0.3);
        let gap = |better: &RowValues| difference("gap", &[(1.0, better), (-1.0, &base)], resamples).unwrap();
        let found = gap(&better);
        assert!((found.mean - 2.1).abs() < 1e-9 && found.low > 1.5 && found.high < 2.7 && found.p < 0.01);
        // The same mean from one mask alone, or from one of the first weights: another draw may not have it.
        let of_mask = gap(&values([[86.3, 86.5], [81.0, 81.1], [79.0, 79.1]], 0.3));
        assert!((of_mask.mean - 2.1).abs() < 1e-9 && of_mask.p > 0.05, "{of_mask:?}");
        let of_init = gap(&values([[80.0, 84.4], [81.0, 85.3], [79.0, 83.3]], 0.3));
        assert!((of_init.mean - 2.1).abs() < 1e-9 && of_init.p > 0.05, "{of_init:?}");
        // What an intervention leaves of a gap.
        let terms = [(1.0, &better), (-1.0, &base), (-1.0, &base), (1.0, &base)];
        assert!((difference("cause", &terms, resamples).unwrap().mean - 2.1).abs() < 1e-9);
        let undefined = values([[f64::NAN; 2]; 3], 0.3);
        assert!(difference("gap", &[(1.0, &undefined)], resamples).is_err());
    }
}
