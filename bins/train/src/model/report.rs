//! Metrics of a model over the known cells of labels.

use super::{JudgedRows, ModelError};
use crate::{EvalLabels, METRICS, MetricRow, MetricValue, Scored, TrainError, metric};
use lacuna_metrics::{EmptyClass, Judged, MapConvention, MetricError, mean_average_precision};
use serde::Serialize;

/// What the known cells say about a model. Unknown cells count in no number.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EvalReport {
    /// Number of rows.
    pub rows: usize,
    /// Number of classes.
    pub classes: usize,
    /// Known positives.
    pub positives: usize,
    /// Known negatives.
    pub negatives: usize,
    /// Cells that nothing is known about.
    pub unknown: usize,
    /// Classes without a known positive, by name.
    pub without_positives: Vec<String>,
    /// Classes with positives and without a known negative, by name: every ranking of them is perfect.
    pub without_negatives: Vec<String>,
    /// Each metric with its convention.
    pub metrics: Vec<NamedMetric>,
    /// Each class.
    pub per_class: Vec<ClassReport>,
}

/// A metric by its name.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NamedMetric {
    /// Name of the row of [`METRICS`].
    pub name: String,
    /// Value and convention.
    #[serde(flatten)]
    pub value: MetricValue,
}

/// A class over its known cells.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClassReport {
    /// Its name.
    pub class: String,
    /// Known positives.
    pub positives: usize,
    /// Known negatives.
    pub negatives: usize,
    /// Average precision in percent (AP sklearn); nothing where no positive is known.
    pub ap: Option<f64>,
    /// The threshold of its probability.
    pub threshold: f32,
    /// Share of the predictions that are right, in percent; nothing where none is made.
    pub precision: Option<f64>,
    /// Share of the positives that are predicted, in percent; nothing where none is known.
    pub recall: Option<f64>,
    /// F1 in percent; nothing where it is not defined.
    pub f1: Option<f64>,
}

/// Metrics of groups of classes, which need the counts of the rows that trained: a saved model does not have them.
const OF_TRAINING: [&str; 3] = ["map-head", "map-medium", "map-tail"];

impl JudgedRows {
    /// The report with these metrics, rows of [`METRICS`], or with every one that needs no counts of the rows that trained.
    ///
    /// # Errors
    /// [`TrainError::Setting`] for a metric that is not there or cannot be computed from a saved model, [`TrainError::Labels`]
    /// where no cell is known, [`TrainError::Model`] where a metric fails.
    pub fn report(&self, metrics: Option<&[&str]>) -> Result<EvalReport, TrainError> {
        let [positives, negatives, unknown] = self.counts();
        if positives + negatives == 0 {
            return Err(TrainError::Labels(
                "every label is unknown, so that nothing can be measured".to_string(),
            ));
        }
        let rows: Vec<&MetricRow> = match metrics {
            None => METRICS.iter().filter(|row| !OF_TRAINING.contains(&row.name)).collect(),
            Some(names) => names.iter().map(|name| named(name)).collect::<Result<_, _>>()?,
        };
        let failed = |error: MetricError| ModelError::Unfit(error.to_string());
        let scored = self.scored();
        let mut values = Vec::with_capacity(rows.len());
        for row in rows {
            let value = row.value(&scored).map_err(failed)?;
            values.push(NamedMetric { name: row.name.to_string(), value });
        }
        let per_class = self.per_class().map_err(failed)?;
        let names = |of: &dyn Fn(&ClassReport) -> bool| {
            per_class.iter().filter(|class| of(class)).map(|class| class.class.clone()).collect()
        };
        Ok(EvalReport {
            rows: self.labels.rows(),
            classes: self.classes.len(),
            positives,
            negatives,
            unknown,
            without_positives: names(&|class| class.positives == 0),
            without_negatives: names(&|class| class.positives > 0 && class.negatives == 0),
            metrics: values,
            per_class,
        })
    }

    fn scored(&self) -> Scored<'_> {
        let labels = EvalLabels::Observed(&self.labels);
        Scored {
            probabilities: Some(self.predictions.probabilities()),
            thresholds: self.thresholds.as_deref(),
            ..Scored::new(self.predictions.logits(), labels, &[])
        }
    }

    fn per_class(&self) -> Result<Vec<ClassReport>, MetricError> {
        let convention = MapConvention { empty_class: EmptyClass::Nan, ..MapConvention::SPML };
        let judged = Judged::known_cells(&self.labels);
        let ap = mean_average_precision(self.predictions.logits(), judged, convention)?.per_class;
        let percent = |value: f64| 100.0 * value;
        let of_class = |(class, name): (usize, &String)| {
            let threshold = self.thresholds.as_ref().map_or(0.5, |thresholds| thresholds[class]);
            let counts = self.counts_at(class, threshold);
            ClassReport {
                class: name.clone(),
                positives: counts.positives() as usize,
                negatives: (counts.known() - counts.positives()) as usize,
                ap: Some(percent(ap[class])).filter(|ap| ap.is_finite()),
                threshold,
                precision: counts.precision().map(percent),
                recall: counts.recall().map(percent),
                f1: counts.f1().map(percent),
            }
        };
        Ok(self.classes.iter().enumerate().map(of_class).collect())
    }
}

fn named(name: &str) -> Result<&'static MetricRow, TrainError> {
    if OF_TRAINING.contains(&name) {
        return Err(TrainError::Setting(format!(
            "metric {name}: it divides classes by their positives among the rows that trained, which a saved model does not \
             have; map-present and the average precision of each class need none"
        )));
    }
    metric(name)
}

impl EvalReport {
    /// The value of a metric; nothing where it was not asked for or is not defined.
    pub fn value(&self, name: &str) -> Option<f64> {
        self.metrics.iter().find(|metric| metric.name == name)?.value.value
    }
}
