//! Records of runs.
//!
//! A line of `results.jsonl` is one [`RunRecord`]: `id` names the run, `result` holds what has to be the same bits when
//! it is repeated, `provenance` what may differ.

use crate::{HarnessError, LabelCounts, LossSpec, ProtocolSpec};
use lacuna_losses::Reduction;
use lacuna_train::{Evaluation, MetricValue, On, Outcome, Training, metric};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One run, finished or failed: one loss, one seed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// [`run_id`] of the settings that decide the result.
    pub id: String,
    /// The results that a repetition must reproduce bit for bit.
    pub result: RunResult,
    /// With what and how it was made.
    pub provenance: Provenance,
}

/// The outcome of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum RunResult {
    /// It ran to its end.
    Finished(Box<Finished>),
    /// The loss or the metric refused.
    Failed(Failed),
}

/// A run that ran to its end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finished {
    /// Name of the row of the table; that of the loss by default.
    pub loss: String,
    /// Seed of first weights, of the order of rows and of masks of dropout.
    pub seed: u64,
    /// The labels it was trained on.
    pub labels: LabelCounts,
    /// Epoch whose weights were measured, counted from 1 in the last phase.
    pub best_epoch: usize,
    /// Whether these weights are averaged ones.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub averaged: bool,
    /// Metrics by name, each with its convention: `map` of the test rows with the chosen weights, `map.last` with others,
    /// `val.map` of the validation rows at the chosen epoch.
    pub metrics: BTreeMap<String, MetricValue>,
    /// Test AP of every class, percent.
    pub test_ap: Vec<f64>,
    /// Mean training loss of every epoch.
    pub epoch_losses: Vec<f64>,
    /// The metric of selection on the validation rows after every epoch; empty without such rows.
    pub epoch_vals: Vec<f64>,
    /// The same of averaged weights.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub epoch_vals_averaged: Vec<f64>,
    /// After every epoch, the share of the hidden positives of the rows that train among as many of their cells without a known
    /// label, those with the highest scores; empty where nothing is hidden or it was not asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub epoch_hidden: Vec<f64>,
    /// The epoch chosen on observed labels of the validation rows, where it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_epoch: Option<usize>,
    /// Counts reported by the procedure, such as assigned labels, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub report: BTreeMap<String, f64>,
    /// BLAKE3 of the chosen weights, in hexadecimal.
    pub weights: String,
}

impl Finished {
    /// The stored part of an outcome.
    pub(crate) fn of(
        row: &str,
        seed: u64,
        labels: LabelCounts,
        evaluation: &Evaluation,
        outcome: Outcome,
    ) -> Self {
        let mut metrics = outcome.metrics;
        if let (Some(value), Ok(metric)) = (outcome.val, metric(&evaluation.select)) {
            let known = if evaluation.on == On::Observed { ", over known cells only" } else { "" };
            let convention = format!("{}{known}; validation rows, the chosen epoch", metric.convention);
            metrics.insert(format!("val.{}", metric.name), MetricValue { value: Some(value), convention });
        }
        if let (Some(observed), Ok(metric)) = (&outcome.observed, metric(&evaluation.select)) {
            let convention = format!(
                "{}; observed labels of the validation rows, the epoch that they choose",
                metric.convention
            );
            let value = MetricValue { value: Some(observed.val), convention };
            metrics.insert(format!("val.{}.observed", metric.name), value);
        }
        let weights: Vec<&[f32]> = outcome.weights.iter().map(|weights| weights.values.as_slice()).collect();
        Self {
            loss: row.to_string(),
            seed,
            labels,
            best_epoch: outcome.best_epoch,
            averaged: outcome.averaged,
            metrics,
            test_ap: outcome.test_ap,
            epoch_losses: outcome.epochs.iter().map(|epoch| epoch.loss).collect(),
            epoch_vals: outcome.epochs.iter().filter_map(|epoch| epoch.val).collect(),
            epoch_vals_averaged: outcome.epochs.iter().filter_map(|epoch| epoch.val_averaged).collect(),
            epoch_hidden: outcome.epochs.iter().filter_map(|epoch| epoch.hidden).collect(),
            observed_epoch: outcome.observed.as_ref().map(|observed| observed.epoch),
            report: outcome.report.iter().map(|(name, value)| (name.to_string(), *value)).collect(),
            weights: weights_digest(&weights),
        }
    }

    /// The value of a metric; `None` where the run has none or it is not defined.
    pub fn metric(&self, name: &str) -> Option<f64> {
        self.metrics.get(name)?.value
    }

    /// Test mAP with the chosen weights, percent; a class without a test positive counts as 0.
    pub fn test_map(&self) -> Option<f64> {
        self.metric("map")
    }
}

/// A run that ended early.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failed {
    /// Name of the loss.
    pub loss: String,
    /// Seed of first weights and of the order of rows.
    pub seed: u64,
    /// Why, in one sentence.
    pub failed: String,
}

/// With what and how a run was made. None of it changes the result, the instruction level excepted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// Version of the program, with the commit where it was built from a repository.
    pub version: String,
    /// Instruction level of the build.
    pub simd: String,
    /// Runs at the same time.
    pub jobs: usize,
    /// Wall time of the run, one thread, data already loaded.
    pub seconds: f64,
    /// The data as it was named.
    pub data: String,
    /// The folder in which relative paths were meant.
    pub folder: String,
}

impl Provenance {
    /// Of this program, in this folder.
    pub fn here(data: &str, jobs: usize) -> Self {
        let folder = std::env::current_dir().unwrap_or_default();
        Self {
            version: concat!(env!("CARGO_PKG_VERSION"), env!("LACUNA_COMMIT")).to_string(),
            simd: lacuna_kernels::cpu::running(),
            jobs,
            seconds: 0.0,
            data: data.to_string(),
            folder: folder.to_string_lossy().into_owned(),
        }
    }
}

impl RunResult {
    /// Name of the loss.
    pub fn loss(&self) -> &str {
        match self {
            RunResult::Finished(run) => &run.loss,
            RunResult::Failed(run) => &run.loss,
        }
    }

    /// Seed of the run.
    pub fn seed(&self) -> u64 {
        match self {
            RunResult::Finished(run) => run.seed,
            RunResult::Failed(run) => run.seed,
        }
    }

    /// The numbers of a run that ran to its end.
    pub fn finished(&self) -> Option<&Finished> {
        match self {
            RunResult::Finished(run) => Some(run),
            RunResult::Failed(_) => None,
        }
    }
}

/// Everything that decides the result of one run.
#[derive(Serialize)]
struct Identity<'a> {
    fingerprint: &'a str,
    protocol: &'a ProtocolSpec,
    training: Training,
    evaluation: &'a Evaluation,
    loss: &'a LossSpec,
    seed: u64,
}

/// The identity of a run: a hash of its resolved settings, the fingerprint of the data and the seed. Where the data lies,
/// which other losses were run and how many seeds there are do not belong to it, nor does the instruction level.
///
/// # Errors
/// [`HarnessError::Setting`] for settings that are not finite numbers.
pub fn run_id(
    fingerprint: &str,
    protocol: &ProtocolSpec,
    training: &Training,
    evaluation: &Evaluation,
    loss: &LossSpec,
    seed: u64,
) -> Result<String, HarnessError> {
    // The number of seeds says how many runs there are, and nothing of this one.
    let training = Training { seeds: 0, ..training.clone() };
    // Nor do the settings that a study might have chosen instead, and remarks.
    let loss = &LossSpec { grid: None, note: String::new(), ..loss.clone() };
    let identity = Identity { fingerprint, protocol, training, evaluation, loss, seed };
    let text = serde_json::to_vec(&identity).map_err(|error| HarnessError::Setting(error.to_string()))?;
    Ok(blake3::hash(&text).to_hex()[..32].to_string())
}

/// BLAKE3 of weights, entry after entry, in hexadecimal.
pub(crate) fn weights_digest(weights: &[&[f32]]) -> String {
    let mut hash = blake3::Hasher::new();
    let mut bytes = Vec::new();
    for entry in weights {
        bytes.clear();
        bytes.extend((entry.len() as u64).to_le_bytes());
        entry.iter().for_each(|weight| bytes.extend(weight.to_le_bytes()));
        hash.update(&bytes);
    }
    hash.finalize().to_hex().to_string()
}

/// A digest of results that does not depend on the order in which runs ended: BLAKE3 of all `result`s, by loss and seed.
pub fn results_digest(runs: &[RunRecord]) -> String {
    let mut runs: Vec<&RunRecord> = runs.iter().collect();
    runs.sort_by_key(|run| (run.result.loss(), run.result.seed()));
    let mut hash = blake3::Hasher::new();
    for run in runs {
        hash.update(&serde_json::to_vec(&run.result).expect("names and numbers turn into JSON"));
        hash.update(b"\n");
    }
    hash.finalize().to_hex().to_string()
}

/// The reduction of a loss in words.
pub(crate) fn reduction_words(reduction: Option<Reduction>) -> &'static str {
    match reduction {
        Some(Reduction::Mean) => "mean over rows x classes",
        Some(Reduction::Sum) => "sum over rows x classes",
        Some(Reduction::MeanKnown) => "mean over known labels",
        None => "each method's own",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Spec;

    #[test]
    fn an_id_depends_on_what_decides_the_result() {
        let text = include_str!("../../repro/specs/spml-linear.toml");
        let spec = Spec::parse(text).unwrap();
        let id = |fingerprint: &str, training: &Training, loss: usize, seed| {
            run_id(fingerprint, &spec.protocol, training, &spec.evaluation, &spec.losses[loss], seed).unwrap()
        };
        let t = &spec.training;
        let base = id("f", t, 0, 0);
        assert_eq!(base.len(), 32);
        assert_eq!(base, id("f", &Training { seeds: 7, ..t.clone() }, 0, 0), "more seeds, the same run");
        let others = [
            id("g", t, 0, 0),
            id("f", t, 1, 0),
            id("f", t, 0, 1),
            id("f", &Training { lr: 2e-3, ..t.clone() }, 0, 0),
        ];
        assert!(others.iter().all(|other| *other != base));
    }

    #[test]
    fn digests_do_not_depend_on_the_order_of_runs() {
        let run = |id: &str, seed| RunRecord {
            id: id.to_string(),
            result: RunResult::Failed(Failed { loss: "an".into(), seed, failed: "x".into() }),
            provenance: Provenance::here("data", 1),
        };
        let (a, b) = (run("a", 0), run("b", 1));
        assert_eq!(results_digest(&[a.clone(), b.clone()]), results_digest(&[b.clone(), a.clone()]));
        assert_ne!(results_digest(std::slice::from_ref(&a)), results_digest(&[b]));
        let line = serde_json::to_string(&a).unwrap();
        assert!(line.starts_with(r#"{"id":"a","result":{"loss":"an","seed":0,"failed":"x"},"provenance":{"#));
        assert_eq!(serde_json::from_str::<RunRecord>(&line).unwrap(), a);
        assert_ne!(weights_digest(&[&[1.0], &[]]), weights_digest(&[&[], &[1.0]]));
    }
}
