//! True and false positives and negatives at a threshold.

use crate::{Judged, MetricError, Score};
use std::fmt;

/// When a class counts as predicted. Scores may be probabilities or logits, as the threshold is.
///
/// ```
/// use lacuna_metrics::Threshold;
///
/// assert!(Threshold::above(0.5).takes(0.6_f32) && !Threshold::above(0.5).takes(0.5_f32));
/// assert!(Threshold::from(0.5).takes(0.5_f32));
/// assert_eq!(Threshold::above(0.0).to_string(), "score > 0");
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Threshold {
    /// The score to compare with.
    pub value: f64,
    /// Whether a score equal to it is predicted.
    pub inclusive: bool,
}

impl Threshold {
    /// `score > value`: ASL (0.8), Hill (0.5), the distribution-balanced code (logit 0).
    pub const fn above(value: f64) -> Self {
        Self { value, inclusive: false }
    }

    /// `score >= value`: PU-MLC.
    pub const fn from(value: f64) -> Self {
        Self { value, inclusive: true }
    }

    /// Whether a class with this score is predicted.
    #[inline]
    pub fn takes(self, score: impl Into<f64>) -> bool {
        let score = score.into();
        score > self.value || (self.inclusive && score == self.value)
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "score {} {}", if self.inclusive { ">=" } else { ">" }, self.value)
    }
}

/// How the known cells of one class, one row or of everything were predicted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Confusion {
    /// Positives that were predicted.
    pub true_positives: u64,
    /// Negatives that were predicted.
    pub false_positives: u64,
    /// Positives that were not predicted.
    pub false_negatives: u64,
    /// Negatives that were not predicted.
    pub true_negatives: u64,
}

impl Confusion {
    /// Positives.
    pub fn positives(self) -> u64 {
        self.true_positives + self.false_negatives
    }

    /// Predictions.
    pub fn predicted(self) -> u64 {
        self.true_positives + self.false_positives
    }

    /// Known cells.
    pub fn known(self) -> u64 {
        self.positives() + self.false_positives + self.true_negatives
    }

    /// Hits of the predictions; `None` where nothing was predicted.
    pub fn precision(self) -> Option<f64> {
        ratio(self.true_positives, self.predicted())
    }

    /// Hits of the positives; `None` where there are none.
    pub fn recall(self) -> Option<f64> {
        ratio(self.true_positives, self.positives())
    }

    /// `2 tp / (2 tp + fp + fn)`; `None` where there are neither positives nor predictions.
    pub fn f1(self) -> Option<f64> {
        ratio(2 * self.true_positives, self.positives() + self.predicted())
    }

    /// `tp / (tp + fp + fn)`; `None` as for [`Confusion::f1`].
    pub fn jaccard(self) -> Option<f64> {
        ratio(self.true_positives, self.positives() + self.false_positives)
    }

    /// Share of the cells that were predicted right; `None` where none is known.
    pub fn accuracy(self) -> Option<f64> {
        ratio(self.true_positives + self.true_negatives, self.known())
    }

    /// Matthews' correlation of prediction and label in [-1, 1]; `None` where one of them never varies.
    ///
    /// `(TP TN - FP FN) / sqrt((TP + FP)(TP + FN)(TN + FP)(TN + FN))`.
    pub fn mcc(self) -> Option<f64> {
        let [tp, fp, fn_, tn] =
            [self.true_positives, self.false_positives, self.false_negatives, self.true_negatives]
                .map(|count| count as f64);
        // Factor by factor: the product of four counts does not fit into an integer.
        let scale = ((tp + fp) * (tp + fn_)).sqrt() * ((tn + fp) * (tn + fn_)).sqrt();
        (scale > 0.0).then(|| (tp * tn - fp * fn_) / scale)
    }

    fn add(&mut self, predicted: bool, positive: bool) {
        let count = match (predicted, positive) {
            (true, true) => &mut self.true_positives,
            (true, false) => &mut self.false_positives,
            (false, true) => &mut self.false_negatives,
            (false, false) => &mut self.true_negatives,
        };
        *count += 1;
    }
}

impl std::iter::Sum for Confusion {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self::default(), |sum, one| Self {
            true_positives: sum.true_positives + one.true_positives,
            false_positives: sum.false_positives + one.false_positives,
            false_negatives: sum.false_negatives + one.false_negatives,
            true_negatives: sum.true_negatives + one.true_negatives,
        })
    }
}

fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// Confusion counts of every class and of every row, at one threshold.
///
/// ```
/// use lacuna_labels::TrueLabels;
/// use lacuna_metrics::{Confusions, Threshold};
///
/// let truth = TrueLabels::from_fn(2, 2, |row, class| row == class);
/// let confusions = Confusions::at(Threshold::above(0.5), &[0.9_f32, 0.6, 0.2, 0.4], &truth)?;
/// assert_eq!(confusions.per_class[0].true_positives, 1);
/// assert_eq!(confusions.per_class[1].f1(), Some(0.0));
/// assert_eq!(confusions.total().accuracy(), Some(0.5));
/// # Ok::<(), lacuna_metrics::MetricError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Confusions {
    /// One for each class.
    pub per_class: Vec<Confusion>,
    /// One for each row.
    pub per_row: Vec<Confusion>,
    /// The threshold, where all classes have the same.
    pub threshold: Option<Threshold>,
}

impl Confusions {
    /// Counts. `scores` are `[rows, classes]`, row-major.
    ///
    /// # Errors
    /// As for [`mean_average_precision`](crate::mean_average_precision).
    pub fn at<'a, S: Score>(
        threshold: Threshold,
        scores: &'a [S],
        truth: impl Into<Judged<'a>>,
    ) -> Result<Self, MetricError> {
        let truth = truth.into();
        let mut found = Self::each(|_| threshold, scores, truth)?;
        found.threshold = Some(threshold);
        Ok(found)
    }

    /// As [`Confusions::at`], with a threshold for each class.
    ///
    /// ```
    /// use lacuna_labels::TrueLabels;
    /// use lacuna_metrics::{Confusions, Threshold};
    ///
    /// let truth = TrueLabels::from_fn(1, 2, |_, _| true);
    /// let of_classes = [Threshold::above(0.5), Threshold::above(0.2)];
    /// let found = Confusions::at_each(&of_classes, &[0.4_f32, 0.4], &truth)?;
    /// assert_eq!((found.total().true_positives, found.per_class[1].true_positives), (1, 1));
    /// # Ok::<(), lacuna_metrics::MetricError>(())
    /// ```
    ///
    /// # Errors
    /// As for [`Confusions::at`]; [`MetricError::Thresholds`] unless there is one for each class.
    pub fn at_each<'a, S: Score>(
        thresholds: &[Threshold],
        scores: &'a [S],
        truth: impl Into<Judged<'a>>,
    ) -> Result<Self, MetricError> {
        let truth = truth.into();
        if thresholds.len() != truth.classes() {
            return Err(MetricError::Thresholds { classes: truth.classes(), thresholds: thresholds.len() });
        }
        Self::each(|class| thresholds[class], scores, truth)
    }

    fn each<S: Score>(
        threshold: impl Fn(usize) -> Threshold,
        scores: &[S],
        truth: Judged<'_>,
    ) -> Result<Self, MetricError> {
        truth.check(scores)?;
        let classes = truth.classes();
        let mut per_class = vec![Confusion::default(); classes];
        let mut per_row = Vec::with_capacity(truth.rows());
        let rows = scores.chunks_exact(classes).zip(truth.cells().chunks_exact(classes));
        for (scores, labels) in rows {
            let mut of_row = Confusion::default();
            let cells = scores.iter().zip(labels).zip(&mut per_class).enumerate();
            for (class, ((&score, label), of_class)) in cells {
                if label.is_known() {
                    let predicted = threshold(class).takes(score);
                    of_class.add(predicted, label.is_positive());
                    of_row.add(predicted, label.is_positive());
                }
            }
            per_row.push(of_row);
        }
        Ok(Self { per_class, per_row, threshold: None })
    }

    /// Everything together.
    pub fn total(&self) -> Confusion {
        self.per_class.iter().copied().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random_case::RandomCase;

    #[test]
    fn each_class_has_its_own_threshold() {
        for seed in RandomCase::seeds() {
            let case = RandomCase::new(seed);
            let of = |class: usize| Threshold {
                value: (class * 3 % 10) as f64,
                inclusive: class.is_multiple_of(2),
            };
            let thresholds: Vec<Threshold> = (0..case.classes).map(of).collect();
            let found = Confusions::at_each(&thresholds, &case.scores, case.judged()).unwrap();
            for (class, counts) in found.per_class.iter().enumerate() {
                // All classes at the threshold of this one.
                let alone = Confusions::at(of(class), &case.scores, case.judged()).unwrap();
                assert_eq!(*counts, alone.per_class[class], "{seed} {class}");
            }
            for (row, counts) in found.per_row.iter().enumerate() {
                let wrong = (0..case.classes).filter(|&class| {
                    let (score, label) = case.cell(row, class);
                    label.is_known() && of(class).takes(score) != label.is_positive()
                });
                assert_eq!((counts.false_positives + counts.false_negatives) as usize, wrong.count());
            }
        }
        let truth = lacuna_labels::TrueLabels::from_fn(1, 2, |_, _| true);
        let error = Confusions::at_each(&[Threshold::above(0.5)], &[0.5_f32; 2], &truth).unwrap_err();
        assert_eq!(error.to_string(), "2 classes need as many thresholds, not 1");
    }

    #[test]
    fn counts_are_those_of_a_look_at_every_cell() {
        for seed in RandomCase::seeds() {
            let case = RandomCase::new(seed);
            for threshold in [Threshold::above(3.0), Threshold::from(3.0)] {
                let found = Confusions::at(threshold, &case.scores, case.judged()).unwrap();
                let count = |of_class: Option<usize>, of_row: Option<usize>, predicted, positive| {
                    let mut count = 0;
                    for row in 0..case.rows {
                        for class in 0..case.classes {
                            let (score, label) = case.cell(row, class);
                            let taken = if threshold.inclusive { score >= 3.0 } else { score > 3.0 };
                            count += u64::from(
                                label.is_known()
                                    && of_class.is_none_or(|c| c == class)
                                    && of_row.is_none_or(|r| r == row)
                                    && taken == predicted
                                    && label.is_positive() == positive,
                            );
                        }
                    }
                    count
                };
                let check = |found: Confusion, class, row| {
                    assert_eq!(found.true_positives, count(class, row, true, true));
                    assert_eq!(found.false_positives, count(class, row, true, false));
                    assert_eq!(found.false_negatives, count(class, row, false, true));
                    assert_eq!(found.true_negatives, count(class, row, false, false));
                };
                (0..case.classes).for_each(|class| check(found.per_class[class], Some(class), None));
                (0..case.rows).for_each(|row| check(found.per_row[row], None, Some(row)));
                check(found.total(), None, None);
            }
        }
    }

    #[test]
    fn ratios_without_a_whole_are_none() {
        let nothing = Confusion::default();
        assert_eq!([nothing.precision(), nothing.recall(), nothing.f1(), nothing.mcc()], [None; 4]);
        let perfect = Confusion { true_positives: 3, true_negatives: 5, ..nothing };
        assert_eq!([perfect.mcc(), perfect.f1(), perfect.jaccard()], [Some(1.0); 3]);
        let wrong = Confusion { false_positives: 3, false_negatives: 5, ..nothing };
        assert_eq!([wrong.f1(), wrong.accuracy()], [Some(0.0); 2]);
        assert!((wrong.mcc().unwrap() + 1.0).abs() < 1e-15);
        // sklearn.metrics.matthews_corrcoef of the same counts.
        let some = Confusion { true_positives: 6, false_positives: 1, false_negatives: 2, true_negatives: 3 };
        assert!((some.mcc().unwrap() - 0.478_091_443_733_757_5).abs() < 1e-15);
    }
}
