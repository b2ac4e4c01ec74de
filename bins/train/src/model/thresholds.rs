//! Thresholds of classes that serve a goal.

use super::{JudgedRows, Model};
use crate::TrainError;
use lacuna_formats::shown;
use lacuna_metrics::{Confusion, Goal, Judged};

/// Thresholds chosen on the known cells of labels.
#[derive(Clone, Debug, PartialEq)]
pub struct ChosenThresholds {
    /// What they were chosen for.
    pub goal: Goal,
    /// The threshold over all cells together; `None` where none serves the goal.
    pub pooled: Option<f32>,
    /// One a class.
    pub classes: Vec<ClassThreshold>,
    /// Notes, one sentence each.
    pub notes: Vec<String>,
}

/// The threshold of a class.
#[derive(Clone, Debug, PartialEq)]
pub struct ClassThreshold {
    /// Name of the class.
    pub class: String,
    /// A class is predicted where its probability is above this.
    pub threshold: f32,
    /// Counts of its known cells at the threshold.
    pub counts: Confusion,
    /// Whether its own cells chose it; else it is the pooled one, or 0.5.
    pub own: bool,
}

impl JudgedRows {
    /// Chooses thresholds of the probabilities. A class with fewer than `least` known positives or known negatives, or that
    /// cannot serve the goal, gets the threshold that serves it over all cells together, else 0.5.
    ///
    /// Choose on rows that did not train: a head is surer of those that did.
    ///
    /// # Errors
    /// [`TrainError::Labels`] where no positive or no negative is known: every threshold would look perfect.
    pub fn thresholds(&self, goal: Goal, least: usize) -> Result<ChosenThresholds, TrainError> {
        self.both_kinds("choosing thresholds")?;
        let p = self.predictions.probabilities();
        let judged = Judged::known_cells(&self.labels);
        let pooled = goal.cut(p, judged, None).map(|cut| cut.threshold);
        let (mut few, mut unserved) = (Vec::new(), Vec::new());
        let mut classes = Vec::with_capacity(self.classes.len());
        for (class, name) in self.classes.iter().enumerate() {
            let at = |threshold: f32| self.counts_at(class, threshold);
            let known = at(-1.0);
            let enough = known.true_positives.min(known.false_positives) >= least.max(1) as u64;
            let own = if enough { goal.cut(p, judged, Some(class)) } else { None };
            if own.is_none() {
                if enough { &mut unserved } else { &mut few }.push(name.as_str());
            }
            let threshold = own.map(|cut| cut.threshold).or(pooled).unwrap_or(0.5).clamp(0.0, 1.0);
            let counts = at(threshold);
            classes.push(ClassThreshold { class: name.clone(), threshold, counts, own: own.is_some() });
        }
        let otherwise = pooled.map_or_else(
            || "keep 0.5".to_string(),
            |pooled| format!("have the threshold of all cells together, {pooled:.4}"),
        );
        let mut notes = Vec::new();
        if !few.is_empty() {
            notes.push(format!(
                "{} classes with fewer than {least} known positives or negatives {otherwise} ({})",
                few.len(),
                some(&few)
            ));
        }
        if !unserved.is_empty() {
            notes.push(format!(
                "{} classes cannot reach {goal} at any threshold and {otherwise} ({})",
                unserved.len(),
                some(&unserved)
            ));
        }
        let [.., unknown] = self.counts();
        if unknown > 0 {
            notes.push(format!(
                "{unknown} of {} cells are unknown, and the known ones alone decide: where positives are known more often than \
                 negatives, precision looks better than it is and thresholds come out too low",
                self.labels.cells().len()
            ));
        }
        Ok(ChosenThresholds { goal, pooled, classes, notes })
    }
}

impl ChosenThresholds {
    /// The model with these thresholds.
    ///
    /// # Errors
    /// [`ModelError::Unfit`](crate::ModelError::Unfit) for a model with other classes.
    pub fn on(&self, model: Model) -> Result<Model, crate::ModelError> {
        model.with_thresholds(self.classes.iter().map(|class| class.threshold).collect())
    }
}

/// The first few names.
pub(super) fn some(names: &[&str]) -> String {
    let few: Vec<String> = names.iter().take(5).map(|name| shown(name)).collect();
    format!("{}{}", few.join(", "), if names.len() > 5 { ", ..." } else { "" })
}
