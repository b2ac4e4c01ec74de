//! The metrics that a specification can name, each with its convention.

use crate::{EvalLabels, TrainError};
use lacuna_losses::suggest;
use lacuna_metrics::{
    ApFlavour, AtK, Average, ClassGroups, Confusions, EmptyClass, GroupMeans, MapConvention, MapResult,
    MetricError, OneSidedRows, OverallFlavour, Pooling, RowRanking, Threshold, Undefined, brier,
    calibration_error, mean_auroc, mean_average_precision,
};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Logits and the labels that they are held against.
#[derive(Clone, Copy, Debug)]
pub struct Scored<'a> {
    /// Logits, `[rows, classes]`.
    pub logits: &'a [f32],
    /// Labels of the same rows.
    pub labels: EvalLabels<'a>,
    /// Observed positives of each class among the rows that train, which divide the classes into groups.
    pub train_counts: &'a [usize],
    /// Probabilities of the same cells, where they are not those of the logits alone: calibration by a table.
    pub probabilities: Option<&'a [f32]>,
    /// A threshold of the probability for each class, in place of 0.5.
    pub thresholds: Option<&'a [f32]>,
}

impl<'a> Scored<'a> {
    /// Logits whose probabilities are their sigmoids, held against labels; a class is predicted above 0.5.
    pub fn new(logits: &'a [f32], labels: EvalLabels<'a>, train_counts: &'a [usize]) -> Self {
        Self { logits, labels, train_counts, probabilities: None, thresholds: None }
    }

    /// Probabilities of every cell.
    fn p(&self) -> Cow<'a, [f32]> {
        let sigmoid = |z: &f32| (1.0 / (1.0 + (-f64::from(*z)).exp())) as f32;
        self.probabilities.map_or_else(|| self.logits.iter().map(sigmoid).collect(), Cow::Borrowed)
    }
}

/// One row of [`METRICS`].
#[derive(Clone, Copy, Debug)]
pub struct MetricRow {
    /// Name in a specification and in a record.
    pub name: &'static str,
    /// Description with the full convention of the metric.
    pub convention: &'static str,
    /// Whether more is better.
    pub larger_is_better: bool,
    compute: fn(&Scored<'_>) -> Result<f64, MetricError>,
}

/// The value of a metric with its convention.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricValue {
    /// The value; `None` where it is not defined, as the mean of a group without classes.
    pub value: Option<f64>,
    /// The convention.
    pub convention: String,
}

const fn row(
    name: &'static str,
    convention: &'static str,
    larger_is_better: bool,
    compute: fn(&Scored<'_>) -> Result<f64, MetricError>,
) -> MetricRow {
    MetricRow { name, convention, larger_is_better, compute }
}

/// Every metric that a specification can name.
pub static METRICS: &[MetricRow] = &[
    row("map", "percent, AP sklearn, empty class zero", true, |s| map(s, MapConvention::SPML)),
    row("map-present", "percent, AP sklearn, classes with a positive in the measured rows", true, |s| {
        map(s, MapConvention { empty_class: EmptyClass::Skip, ..MapConvention::SPML })
    }),
    row("map-asl", "percent, AP asl, empty class zero", true, |s| map(s, MapConvention::ASL)),
    row("map-voc07", "percent, AP voc07, empty class zero", true, |s| {
        map(s, MapConvention { flavour: ApFlavour::Voc07, ..MapConvention::SPML })
    }),
    row("map-voc12", "percent, AP voc12, empty class zero", true, |s| {
        map(s, MapConvention { flavour: ApFlavour::Voc12, ..MapConvention::SPML })
    }),
    row("map-head", "percent, AP sklearn, classes with at least 100 training positives", true, |s| {
        group(s, |means| means.head)
    }),
    row("map-medium", "percent, AP sklearn, classes with 20 to 99 training positives", true, |s| {
        group(s, |means| means.medium)
    }),
    row("map-tail", "percent, AP sklearn, classes with fewer than 20 training positives", true, |s| {
        group(s, |means| means.tail)
    }),
    row("auroc", "percent, mean over classes that have positives and negatives", true, |s| {
        Ok(100.0 * mean_auroc(s.logits, s.labels.judged(), Undefined::Skip)?)
    }),
    row("cp", "percent, mean of the precision of the classes, p > 0.5 (ASL code)", true, |s| {
        Ok(100.0 * confusions(s)?.overall(OverallFlavour::Asl).cp)
    }),
    row("cr", "percent, mean of the recall of the classes, p > 0.5 (ASL code)", true, |s| {
        Ok(100.0 * confusions(s)?.overall(OverallFlavour::Asl).cr)
    }),
    row("cf1", "percent, mean of the F1 of the classes, p > 0.5 (ASL code)", true, |s| {
        Ok(100.0 * confusions(s)?.overall(OverallFlavour::Asl).cf1)
    }),
    row("op", "percent, precision of all cells together, p > 0.5", true, |s| {
        Ok(100.0 * confusions(s)?.overall(OverallFlavour::Asl).op)
    }),
    row("or", "percent, recall of all cells together, p > 0.5", true, |s| {
        Ok(100.0 * confusions(s)?.overall(OverallFlavour::Asl).or)
    }),
    row("of1", "percent, F1 of all cells together, p > 0.5 (ASL code)", true, |s| {
        Ok(100.0 * confusions(s)?.overall(OverallFlavour::Asl).of1)
    }),
    row("f1-micro", "percent, F1 of all cells together, 0 where undefined, p > 0.5", true, |s| {
        f1(s, Average::Micro)
    }),
    row("f1-macro", "percent, mean of the F1 of the classes, 0 where undefined, p > 0.5", true, |s| {
        f1(s, Average::Macro)
    }),
    row("f1-samples", "percent, mean of the F1 of the rows, 0 where undefined, p > 0.5", true, |s| {
        f1(s, Average::Samples)
    }),
    row("hamming-loss", "share of wrong cells, p > 0.5", false, |s| Ok(confusions(s)?.hamming_loss())),
    row("subset-accuracy", "percent of rows without a wrong cell, p > 0.5", true, |s| {
        Ok(100.0 * confusions(s)?.subset_accuracy())
    }),
    row(
        "ranking-loss",
        "mean over rows with positives and negatives, ties against the ranking",
        false,
        |s| Ok(rows(s)?.ranking_loss),
    ),
    row("one-error", "mean over rows with positives and negatives", false, |s| Ok(rows(s)?.one_error)),
    row(
        "coverage",
        "mean over rows with positives and negatives, the best possible is 0 for one positive",
        false,
        |s| Ok(rows(s)?.coverage),
    ),
    row(
        "lrap",
        "percent, label ranking average precision over rows with positives and negatives",
        true,
        |s| Ok(100.0 * rows(s)?.average_precision),
    ),
    row("p@1", "percent of rows whose best class is positive", true, |s| at(s, 1)),
    row("p@3", "percent, positives among the first 3 classes over 3, mean over rows", true, |s| at(s, 3)),
    row("p@5", "percent, positives among the first 5 classes over 5, mean over rows", true, |s| at(s, 5)),
    row("brier", "mean of (p - y)^2 over all cells", false, |s| brier(&s.p(), s.labels.judged())),
    row("ece", "expected calibration error, 15 bins of equal width over all cells", false, |s| {
        calibration_error(&s.p(), s.labels.judged(), ECE_BINS, Pooling::Pooled)
    }),
];

/// Bins of the calibration error (Guo et al., ICML 2017).
pub(crate) const ECE_BINS: usize = 15;

/// The row of [`METRICS`] with this name.
///
/// # Errors
/// [`TrainError::Setting`] with the names that may be meant.
pub fn metric(name: &str) -> Result<&'static MetricRow, TrainError> {
    METRICS.iter().find(|row| row.name == name).ok_or_else(|| {
        let near = match suggest(name, METRICS.iter().map(|row| row.name)).to_string() {
            near if near.starts_with("did") => near,
            _ => format!("there are {}", METRICS.iter().map(|row| row.name).collect::<Vec<_>>().join(", ")),
        };
        TrainError::Setting(format!("unknown metric `{name}`; {near}"))
    })
}

impl MetricRow {
    /// The metric of these scores; not a number where it is not defined.
    ///
    /// # Errors
    /// As for [`mean_average_precision`].
    pub fn of(&self, scored: &Scored<'_>) -> Result<f64, MetricError> {
        (self.compute)(scored)
    }

    /// The same with its convention.
    ///
    /// # Errors
    /// As for [`MetricRow::of`].
    pub fn value(&self, scored: &Scored<'_>) -> Result<MetricValue, MetricError> {
        let value = self.of(scored)?;
        let known = matches!(scored.labels, EvalLabels::Observed(_));
        let convention = match scored.thresholds {
            None => self.convention.to_string(),
            Some(_) => self.convention.replace("p > 0.5", "p > the threshold of the class"),
        };
        let convention = format!("{convention}{}", if known { ", over known cells only" } else { "" });
        Ok(MetricValue { value: value.is_finite().then_some(value), convention })
    }

    /// Whether `value` is better than `best`. A value that is not a number never is.
    pub fn better(&self, value: f64, best: f64) -> bool {
        if self.larger_is_better { value > best } else { value < best }
    }
}

fn average(scored: &Scored<'_>, convention: MapConvention) -> Result<MapResult, MetricError> {
    mean_average_precision(scored.logits, scored.labels.judged(), convention)
}

fn map(scored: &Scored<'_>, convention: MapConvention) -> Result<f64, MetricError> {
    Ok(average(scored, convention)?.percent())
}

fn group(scored: &Scored<'_>, of: fn(&GroupMeans) -> f64) -> Result<f64, MetricError> {
    let result = average(scored, MapConvention::SPML)?;
    Ok(100.0 * of(&ClassGroups::default().of_map(&result, scored.train_counts)))
}

fn confusions(scored: &Scored<'_>) -> Result<Confusions, MetricError> {
    let judged = scored.labels.judged();
    match scored.thresholds {
        Some(thresholds) => {
            let thresholds: Vec<Threshold> =
                thresholds.iter().map(|threshold| Threshold::above(f64::from(*threshold))).collect();
            Confusions::at_each(&thresholds, &scored.p(), judged)
        }
        // p > 0.5 is z > 0.
        None if scored.probabilities.is_none() => {
            Confusions::at(Threshold::above(0.0), scored.logits, judged)
        }
        None => Confusions::at(Threshold::above(0.5), &scored.p(), judged),
    }
}

fn f1(scored: &Scored<'_>, average: Average) -> Result<f64, MetricError> {
    Ok(100.0 * confusions(scored)?.f1(average, Undefined::Zero))
}

fn rows(scored: &Scored<'_>) -> Result<RowRanking, MetricError> {
    RowRanking::of(scored.logits, scored.labels.judged(), OneSidedRows::Skip)
}

fn at(scored: &Scored<'_>, k: usize) -> Result<f64, MetricError> {
    Ok(100.0 * AtK::of(k, scored.logits, scored.labels.judged())?.precision)
}

#[cfg(test)]
mod conventions;

#[cfg(test)]
mod tests {
    use super::*;
    use lacuna_labels::TrueLabels;

    #[test]
    fn every_metric_is_perfect_for_perfect_scores_and_worse_for_others() {
        let truth = TrueLabels::from_fn(40, 6, |row, class| (row + class) % 6 < 2);
        let logits = |flip: bool| -> Vec<f32> {
            let of = |i: usize, positive: bool| {
                let sign = if positive != (flip && i.is_multiple_of(5)) { 1.0 } else { -1.0 };
                sign * (6.0 + i as f32 / 1000.0)
            };
            truth.cells().iter().enumerate().map(|(i, label)| of(i, label.is_positive())).collect()
        };
        let counts = [200, 150, 50, 30, 10, 5];
        for (i, row) in METRICS.iter().enumerate() {
            assert!(METRICS[..i].iter().all(|other| other.name != row.name), "{} twice", row.name);
            assert!(!row.convention.is_empty());
            let of = |logits: &[f32]| {
                let labels = EvalLabels::Complete(&truth);
                row.of(&Scored::new(logits, labels, &counts)).unwrap()
            };
            let (perfect, flipped) = (of(&logits(false)), of(&logits(true)));
            assert!(row.better(perfect, flipped), "{}: {perfect} {flipped}", row.name);
        }
        assert_eq!(metric("mpa").unwrap_err().to_string(), "unknown metric `mpa`; did you mean `map`?");
    }
}
