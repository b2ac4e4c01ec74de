//! The outcome of an epoch and of a run.

use crate::MetricValue;
use std::collections::BTreeMap;

/// One epoch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EpochRecord {
    /// Phase, counted from 1.
    pub phase: usize,
    /// Epoch of the phase, counted from 1.
    pub epoch: usize,
    /// Mean training loss of its steps.
    pub loss: f64,
    /// The metric of selection on the validation rows.
    pub val: Option<f64>,
    /// The same of the averaged weights.
    pub val_averaged: Option<f64>,
    /// Share of hidden positives found, where [`Evaluation::hidden`](crate::Evaluation::hidden) asks for it.
    pub hidden: Option<f64>,
}

/// The outcome of a run.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Epoch whose weights were chosen, counted from 1 in the last phase.
    pub best_epoch: usize,
    /// Whether they are averaged ones.
    pub averaged: bool,
    /// Whether the run ended because L-BFGS had converged.
    pub converged: bool,
    /// The metric of selection on the validation rows, at that epoch.
    pub val: Option<f64>,
    /// Metrics of the test rows by name; those of other weights as `name.weights`, for instance `map.last`.
    pub metrics: BTreeMap<String, MetricValue>,
    /// AP of every class on the test rows, percent; empty without test rows.
    pub test_ap: Vec<f64>,
    /// Logits of the test rows with the chosen weights, `[rows, classes]`; empty without test rows.
    pub test_logits: Vec<f32>,
    /// The choice that observed labels make, for [`Also::Observed`](crate::Also::Observed).
    pub observed: Option<ObservedChoice>,
    /// Every epoch of every phase.
    pub epochs: Vec<EpochRecord>,
    /// Counts reported by the procedure.
    pub report: Vec<(&'static str, f64)>,
    /// Chosen weights of the model that predicts, by name.
    pub weights: Vec<Weights>,
}

/// The epoch that observed labels of the validation rows choose.
#[derive(Clone, Debug, PartialEq)]
pub struct ObservedChoice {
    /// The epoch, counted from 1 in the last phase.
    pub epoch: usize,
    /// The metric of selection on the observed labels at that epoch.
    pub val: f64,
    /// Logits of the test rows with its weights, `[rows, classes]`.
    pub test_logits: Vec<f32>,
}

/// A parameter or a piece of state of the model that predicts.
#[derive(Clone, Debug, PartialEq)]
pub struct Weights {
    /// Name within the model.
    pub name: String,
    /// Sizes.
    pub shape: Vec<usize>,
    /// Elements.
    pub values: Vec<f32>,
}
