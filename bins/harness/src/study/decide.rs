//! Differences between rows of a table with their uncertainty.

use super::record::Difference;
use super::resample::Resamples;
use crate::HarnessError;
use lacuna_metrics::{Interval, holm, interval};

/// A metric of a row of the table: of all runs, and under each resample.
#[derive(Clone, Debug)]
pub(crate) struct RowValues {
    /// Mean over the first weights, of each mask.
    pub(crate) by_mask: Vec<f64>,
    /// The same under each resample, `[mask][resample]`.
    pub(crate) resampled: Vec<Vec<f64>>,
}

impl RowValues {
    fn mean(&self) -> f64 {
        self.by_mask.iter().sum::<f64>() / self.by_mask.len() as f64
    }

    /// The mean over the masks of resample `i`, drawn with replacement.
    fn under(&self, i: usize, masks: &[usize]) -> f64 {
        masks.iter().map(|mask| self.resampled[*mask][i]).sum::<f64>() / masks.len() as f64
    }
}

/// A sum of rows, each with its sign: `better - worse`, or a difference of two such gaps.
///
/// Each resample draws test rows and masks anew, the same ones for every row, so that the interval holds for other test rows
/// and other masks of the same kind.
pub(crate) fn difference(
    what: &str,
    terms: &[(f64, &RowValues)],
    resamples: Resamples,
) -> Result<Difference, HarnessError> {
    let masks = terms[0].1.by_mask.len();
    let mean: f64 = terms.iter().map(|(sign, row)| sign * row.mean()).sum();
    let under = |i: usize| -> f64 {
        let masks = resamples.masks(i, masks);
        terms.iter().map(|(sign, row)| sign * row.under(i, &masks)).sum()
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

    fn values(of_mask: [f64; 3], noise: f64) -> RowValues {
        let mut stream = Stream::new(9, "noise");
        let resampled = of_mask.map(|mean| (0..500).map(|_| mean + noise * stream.normal()).collect());
        RowValues { by_mask: of_mask.to_vec(), resampled: resampled.to_vec() }
    }

    #[test]
    fn a_gap_that_all_masks_share_is_told_from_one_that_they_do_not() {
        let resamples = Resamples { count: 500, seed: 0 };
        let base = values([80.0, 81.0, 79.0], 0.3);
        let better = values([82.0, 83.1, 81.2], 0.3);
        let found = difference("gap", &[(1.0, &better), (-1.0, &base)], resamples).unwrap();
        assert!((found.mean - 2.1).abs() < 1e-9 && found.low > 1.5 && found.high < 2.7 && found.p < 0.01);
        // The same mean from one mask alone: another draw of masks may not have it.
        let one = values([86.3, 81.0, 79.0], 0.3);
        let found = difference("gap", &[(1.0, &one), (-1.0, &base)], resamples).unwrap();
        assert!((found.mean - 2.1).abs() < 1e-9 && found.p > 0.05, "{found:?}");
        // What an intervention leaves of a gap.
        let made =
            difference("cause", &[(1.0, &better), (-1.0, &base), (-1.0, &base), (1.0, &base)], resamples);
        assert!((made.unwrap().mean - 2.1).abs() < 1e-9);
        let undefined = values([f64::NAN; 3], 0.3);
        assert!(difference("gap", &[(1.0, &undefined)], resamples).is_err());
    }
}
