//! Predictions beside the labels of the same rows: what measuring, thresholds and calibration start from.

use super::{Model, Predictions};
use crate::sources::join;
use crate::{FeatureSource, LabelSource, TrainError};
use lacuna_formats::shown;
use lacuna_labels::{Label, LabelMatrix, ObservedLabels};
use lacuna_metrics::{Confusion, EmptyClass, Judged, MapConvention, SortedScores, mean_average_precision};
use std::collections::HashMap;

/// Predictions of a model and the labels of the same rows, with the classes of the model as columns.
#[derive(Clone, Debug, PartialEq)]
pub struct JudgedRows {
    pub(super) predictions: Predictions,
    pub(super) labels: ObservedLabels,
    pub(super) names: Option<Vec<String>>,
    pub(super) classes: Vec<String>,
    pub(super) thresholds: Option<Vec<f32>>,
    pub(super) notes: Vec<String>,
}

impl Model {
    /// Predicts the rows and puts their labels beside the predictions. Rows are joined as in [`Fit::fit`](crate::Fit::fit),
    /// classes by name where both sides have names; classes of the model that the labels do not have are unknown.
    ///
    /// # Errors
    /// [`TrainError::Rows`], [`TrainError::Unlisted`], [`TrainError::Labels`] where the classes are others than those of the
    /// model, [`TrainError::Model`] where the features do not fit.
    pub fn judge<X, Y>(&self, x: &X, y: &Y) -> Result<JudgedRows, TrainError>
    where
        X: FeatureSource + ?Sized,
        Y: LabelSource + ?Sized,
    {
        self.check_features(x)?;
        let joined = join(x, y)?;
        let mut notes = joined.notes;
        let labels = self.own_classes(&joined.classes, &joined.observed, &mut notes)?;
        let predictions = self.predict(&*joined.features)?;
        let (classes, thresholds) = (self.classes.clone(), self.thresholds.clone());
        Ok(JudgedRows { predictions, labels, names: joined.rows, classes, thresholds, notes })
    }

    /// The labels with the classes of the model as columns.
    fn own_classes(
        &self,
        names: &[String],
        observed: &ObservedLabels,
        notes: &mut Vec<String>,
    ) -> Result<ObservedLabels, TrainError> {
        if names == self.classes {
            return Ok(observed.clone());
        }
        let numbered = |names: &[String]| names.iter().enumerate().all(|(i, name)| *name == i.to_string());
        if numbered(names) || numbered(&self.classes) {
            if names.len() == self.classes.len() {
                notes.push("classes joined by position: only one side has names of classes".to_string());
                return Ok(observed.clone());
            }
            return Err(TrainError::Labels(format!(
                "the labels have {} classes and the model {}, and they cannot be joined by name",
                names.len(),
                self.classes.len()
            )));
        }
        let place: HashMap<&str, usize> = names.iter().enumerate().map(|(i, name)| (&**name, i)).collect();
        let columns: Vec<Option<usize>> =
            self.classes.iter().map(|name| place.get(&**name).copied()).collect();
        let found = columns.iter().flatten().count();
        if found == 0 {
            return Err(TrainError::Labels(format!(
                "the labels and the model have no class in common: their first ones are `{}` and `{}`; the classes of \
                 the labels need the names that the model was trained with",
                shown(names.first().map_or("", |name| name)),
                shown(&self.classes[0])
            )));
        }
        if found < names.len() {
            notes.push(format!(
                "{} of {} classes of the labels are not in the model and are left out",
                names.len() - found,
                names.len()
            ));
        }
        if found < self.classes.len() {
            notes.push(format!(
                "{} of {} classes of the model are not in the labels and count as unknown",
                self.classes.len() - found,
                self.classes.len()
            ));
        }
        let cell = |row: usize, column: &Option<usize>| match column {
            Some(column) => observed.get(row, *column),
            None => Label::Unknown,
        };
        let cells = (0..observed.rows()).flat_map(|row| columns.iter().map(move |column| cell(row, column)));
        let matrix = LabelMatrix::new(observed.rows(), self.classes.len(), cells.collect());
        Ok(matrix.expect("a label for each row and class").into())
    }
}

impl JudgedRows {
    /// The predictions, `[rows, classes]`.
    pub fn predictions(&self) -> &Predictions {
        &self.predictions
    }

    /// The labels, `[rows, classes]`; unknown cells judge nothing.
    pub fn labels(&self) -> &ObservedLabels {
        &self.labels
    }

    /// Names of the rows, where there are some.
    pub fn names(&self) -> Option<&[String]> {
        self.names.as_deref()
    }

    /// Names of the classes.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// Notes of joining rows and classes, one sentence each.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Known positives, known negatives and unknown cells.
    pub fn counts(&self) -> [usize; 3] {
        let count = |wanted: Label| self.labels.cells().iter().filter(|label| **label == wanted).count();
        [Label::Positive, Label::Negative, Label::Unknown].map(count)
    }

    /// These rows with every unknown cell as a negative. It is wrong wherever a label is missing, and the one thing to
    /// measure by where no negative is known.
    #[must_use]
    pub fn assuming_negative(&self) -> Self {
        let labels = ObservedLabels::from(self.labels.assume_negative());
        Self { labels, ..self.clone() }
    }

    /// Counts of the known cells of a class whose probability is, or is not, above a threshold.
    pub(super) fn counts_at(&self, class: usize, threshold: f32) -> Confusion {
        let (mut counts, width) = (Confusion::default(), self.classes.len());
        for row in 0..self.labels.rows() {
            let predicted = self.predictions.probabilities()[row * width + class] > threshold;
            match (self.labels.get(row, class), predicted) {
                (Label::Positive, true) => counts.true_positives += 1,
                (Label::Positive, false) => counts.false_negatives += 1,
                (Label::Negative, true) => counts.false_positives += 1,
                (Label::Negative, false) => counts.true_negatives += 1,
                (Label::Unknown, _) => {}
            }
        }
        counts
    }

    /// Mean average precision over the known cells of the classes with a positive, in percent, and the sorted scores for resamples.
    /// Loss and seed are those of the error.
    pub(crate) fn average_precision(&self, loss: &str, seed: u64) -> Result<(f64, SortedScores), TrainError> {
        let failed = |source| TrainError::Metric { loss: loss.to_string(), seed, source };
        let convention = MapConvention { empty_class: EmptyClass::Skip, ..MapConvention::SPML };
        let (logits, judged) = (self.predictions.logits(), Judged::known_cells(&self.labels));
        let map = mean_average_precision(logits, judged, convention).map_err(failed)?;
        Ok((map.percent(), SortedScores::new(logits, judged).map_err(failed)?))
    }

    /// Some of the rows, in this order.
    ///
    /// # Panics
    /// If there is no such row.
    #[must_use]
    pub fn select(&self, rows: &[usize]) -> Self {
        let names = self.names.as_ref().map(|names| rows.iter().map(|&row| names[row].clone()).collect());
        Self {
            predictions: self.predictions.select(rows),
            labels: self.labels.select(rows),
            names,
            classes: self.classes.clone(),
            thresholds: self.thresholds.clone(),
            notes: self.notes.clone(),
        }
    }

    /// Refuses labels by which nothing can be told: both kinds have to be known.
    pub(super) fn both_kinds(&self, purpose: &str) -> Result<(), TrainError> {
        let [positives, negatives, unknown] = self.counts();
        let lacking = match (positives, negatives) {
            (0, _) => "no known positive",
            (_, 0) => "no known negative",
            _ => return Ok(()),
        };
        Err(TrainError::Labels(format!(
            "{purpose} needs known positives and known negatives, and the labels have {lacking} ({unknown} cells are unknown)"
        )))
    }
}

#[cfg(test)]
#[path = "judged_tests.rs"]
mod tests;
