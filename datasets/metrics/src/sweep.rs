//! The best F1 over all thresholds: an oracle that some papers report.

use crate::{Confusions, Judged, MetricError, OverallFlavour, Score, Threshold};

/// Thresholds 0.01, 0.02, ... below 1, each the one before plus 0.01 in floating point, as the published loop
/// has them; the last is 0.990000000000001.
pub fn hundredths() -> impl Iterator<Item = f64> {
    std::iter::successors(Some(0.01), |threshold| Some(threshold + 0.01)).take_while(|&t| t < 1.0)
}

/// The largest OF1 and the largest CF1, each over all thresholds **of the evaluation set itself**.
///
/// Not comparable with anything measured at a threshold that was fixed beforehand.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BestThreshold {
    /// The largest OF1; 0 where none is a number.
    pub of1: f64,
    /// The first threshold that has it; `None` where none is a number.
    pub of1_at: Option<f64>,
    /// The largest CF1; 0 where none is a number.
    pub cf1: f64,
    /// The first threshold that has it.
    pub cf1_at: Option<f64>,
}

impl BestThreshold {
    /// Tries `thresholds` with `score >= threshold` and the definition of [`OverallFlavour::PuMlc`].
    ///
    /// ```
    /// use lacuna_labels::TrueLabels;
    /// use lacuna_metrics::{BestThreshold, hundredths};
    ///
    /// let truth = TrueLabels::from_fn(4, 1, |row, _| row < 2);
    /// let best = BestThreshold::over(hundredths(), &[0.7, 0.4, 0.3, 0.1], &truth)?;
    /// assert_eq!(best.of1, 1.0);
    /// assert!(best.of1_at.is_some_and(|t| t > 0.3 && t <= 0.4));
    /// # Ok::<(), lacuna_metrics::MetricError>(())
    /// ```
    ///
    /// TAKELAMAG/PU-MLC, `train.py` (`validate_multi`).
    ///
    /// # Errors
    /// As for [`mean_average_precision`](crate::mean_average_precision).
    pub fn over<'a, S: Score>(
        thresholds: impl IntoIterator<Item = f64>,
        scores: &'a [S],
        truth: impl Into<Judged<'a>>,
    ) -> Result<Self, MetricError> {
        let truth = truth.into();
        let mut best = Self { of1: 0.0, of1_at: None, cf1: 0.0, cf1_at: None };
        for threshold in thresholds {
            let found =
                Confusions::at(Threshold::from(threshold), scores, truth)?.overall(OverallFlavour::PuMlc);
            // A comparison with what is not a number is false.
            if found.of1 > best.of1 || (best.of1_at.is_none() && found.of1 == 0.0) {
                (best.of1, best.of1_at) = (found.of1, Some(threshold));
            }
            if found.cf1 > best.cf1 || (best.cf1_at.is_none() && found.cf1 == 0.0) {
                (best.cf1, best.cf1_at) = (found.cf1, Some(threshold));
            }
        }
        Ok(best)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lacuna_labels::TrueLabels;

    #[test]
    fn the_thresholds_are_those_of_the_loop() {
        let all: Vec<f64> = hundredths().collect();
        assert_eq!((all.len(), all[0], all[5]), (99, 0.01, 0.060_000_000_000_000_005));
        assert_eq!(all[98], 0.990_000_000_000_000_7);
    }

    #[test]
    fn nothing_that_is_a_number_is_zero() {
        let truth = TrueLabels::from_fn(2, 2, |_, class| class == 0);
        let best = BestThreshold::over(hundredths(), &[0.5_f32; 4], &truth).unwrap();
        assert_eq!((best.cf1, best.cf1_at), (0.0, None));
        assert!(best.of1 > 0.6 && best.of1_at == Some(0.01));
    }
}
