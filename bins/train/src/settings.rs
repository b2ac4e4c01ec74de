//! The tables `[training]` and `[evaluation]` of a specification.

use crate::{GroupSpec, Head, Named, TrainError, metric};
use lacuna_losses::Reduction;
use serde::{Deserialize, Serialize};
use std::fmt;

/// `[training]`: procedure, head, optimiser and effort.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Training {
    /// The method: a row of [`PROCEDURES`](crate::PROCEDURES), or `auto` for the one that hands the loss what it takes.
    #[serde(default = "auto")]
    pub procedure: Named,
    /// The head on the features.
    #[serde(default)]
    pub head: Head,
    /// The transform of the features: a row of [`TRANSFORMS`](crate::TRANSFORMS).
    #[serde(default = "none")]
    pub transform: Named,
    /// A row of [`OPTIMIZERS`](crate::OPTIMIZERS).
    #[serde(default = "adam")]
    pub optimizer: Named,
    /// Learning rate; the largest one of a schedule.
    pub lr: f64,
    /// A row of [`SCHEDULES`](crate::SCHEDULES).
    #[serde(default = "constant")]
    pub schedule: Named,
    /// The order of the rows: a row of [`SAMPLERS`](crate::SAMPLERS).
    #[serde(default = "shuffled")]
    pub sampler: Named,
    /// Which rows train.
    #[serde(default)]
    pub rows: Rows,
    /// Rows of a batch.
    pub batch: usize,
    /// Handling of an incomplete last batch of an epoch.
    #[serde(default)]
    pub last_batch: LastBatch,
    /// Epochs.
    pub epochs: usize,
    /// Decay of an average of the weights, taken in after every step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ema: Option<f64>,
    /// Largest norm of the gradient of all parameters together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip: Option<f64>,
    /// Parameters without weight decay, as [`GroupSpec::matches`] names them: `["bias"]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub no_decay: Vec<String>,
    /// Weights that a phase after the first one starts from.
    #[serde(default)]
    pub start: Start,
    /// How the entries of a loss become one number: `mean`, `sum`, `mean_known`, or `default` for each
    /// method's own.
    #[serde(default = "default_reduction")]
    pub reduction: String,
    /// Number of seeds: 0, 1, ... Seeds vary first weights, order of rows and masks of dropout, not mask and split.
    #[serde(default = "one")]
    pub seeds: u64,
    /// Parameters with rates of their own; the first group that has a parameter decides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<GroupSpec>,
    /// The settings that differ in each phase, in order; a single phase if empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub phases: Vec<toml::Table>,
}

fn auto() -> Named {
    Named::new("auto")
}
fn none() -> Named {
    Named::new("none")
}
fn adam() -> Named {
    Named::new("adam")
}
fn constant() -> Named {
    Named::new("constant")
}
fn shuffled() -> Named {
    Named::new("shuffled")
}
fn default_reduction() -> String {
    "default".to_string()
}
fn one() -> u64 {
    1
}

impl Default for Training {
    /// Adam at 1e-3 on batches of 16, 25 epochs of a linear head: the setting of the single-positive papers.
    fn default() -> Self {
        Self {
            procedure: auto(),
            head: Head::Linear,
            transform: none(),
            optimizer: adam(),
            lr: 1e-3,
            schedule: constant(),
            sampler: shuffled(),
            rows: Rows::All,
            batch: 16,
            last_batch: LastBatch::Drop,
            epochs: 25,
            ema: None,
            clip: None,
            no_decay: vec![],
            start: Start::Fresh,
            reduction: default_reduction(),
            seeds: 1,
            groups: vec![],
            phases: vec![],
        }
    }
}

/// Which rows train.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rows {
    /// All of them.
    #[default]
    All,
    /// Those with at least one known label.
    Labelled,
}

/// Handling of an incomplete last batch of an epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LastBatch {
    /// Its rows are left out of the epoch.
    #[default]
    Drop,
    /// It is used.
    Keep,
}

/// Weights that a phase starts from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Start {
    /// New ones.
    #[default]
    Fresh,
    /// Those at the end of the phase before.
    Last,
    /// Those of the best epoch of the phase before.
    Best,
    /// The averages at the end of the phase before.
    Averaged,
}

/// `[evaluation]`: what is measured, and by what an epoch is chosen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Evaluation {
    /// Metrics of the test rows: rows of [`METRICS`](crate::METRICS).
    pub metrics: Vec<String>,
    /// The metric of the validation rows by which an epoch is chosen, the first of equals; `last` for the last epoch.
    pub select: String,
    /// The labels of the validation rows.
    pub on: On,
    /// Further weights that are measured beside the chosen ones.
    pub also: Vec<Also>,
    /// Epochs without a better value of the metric of selection after which a phase ends early; never by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patience: Option<usize>,
    /// Whether every epoch ends with a count of hidden positives: of those among the training labels, the share among as many cells
    /// without a known positive, those with the highest scores. It takes a pass over the training rows.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub hidden: bool,
}

impl Default for Evaluation {
    fn default() -> Self {
        Self {
            metrics: vec!["map".to_string()],
            select: "map".to_string(),
            on: On::Complete,
            also: vec![],
            patience: None,
            hidden: false,
        }
    }
}

/// The labels of validation rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum On {
    /// True ones, which a benchmark has.
    #[default]
    Complete,
    /// Observed ones, of which the known cells count: what a user has.
    Observed,
}

/// Weights that can be measured beside the chosen ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Also {
    /// Those of the best epoch, not averaged.
    Model,
    /// Those of the epoch whose averages are best.
    Averaged,
    /// Those of the last epoch.
    Last,
    /// The averages of the last epoch.
    LastAveraged,
    /// Those of the epoch that the observed labels of the validation rows choose, while the true ones choose the others: by the
    /// known cells if one of them is negative, else with unknown cells as negatives, as Cole et al. (CVPR 2021) do. Nothing where
    /// the validation rows have true labels only.
    Observed,
}

impl fmt::Display for Also {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Also::Model => "model",
            Also::Averaged => "averaged",
            Also::Last => "last",
            Also::LastAveraged => "last-averaged",
            Also::Observed => "observed",
        })
    }
}

/// Most epochs and most seeds: beyond any use, and small enough to be counted and stored.
pub const MOST: usize = 100_000;

impl Training {
    /// The reduction, `None` for each method's own.
    ///
    /// # Errors
    /// [`TrainError::Setting`] for another word.
    pub fn reduction(&self) -> Result<Option<Reduction>, TrainError> {
        match self.reduction.as_str() {
            "mean" => Ok(Some(Reduction::Mean)),
            "sum" => Ok(Some(Reduction::Sum)),
            "mean_known" => Ok(Some(Reduction::MeanKnown)),
            "default" => Ok(None),
            other => Err(TrainError::Setting(format!(
                "reduction = \"{other}\": expected mean, sum, mean_known or default"
            ))),
        }
    }

    /// Checks every number by itself; whether it fits data and loss shows when a run is made.
    ///
    /// # Errors
    /// [`TrainError::Setting`].
    pub fn check(&self) -> Result<(), TrainError> {
        let refuse = |what: String| Err(TrainError::Setting(what));
        self.reduction()?;
        if self.seeds == 0 {
            return refuse("seeds = 0: expected at least 1".to_string());
        }
        if self.seeds > MOST as u64 {
            return refuse(format!("seeds = {}: expected at most {MOST}", self.seeds));
        }
        let phases = self.phases()?;
        for (i, phase) in phases.iter().enumerate() {
            if phase.start == Start::Averaged && (i == 0 || phases[i - 1].ema.is_none()) {
                return refuse("start = \"averaged\": the phase before has no `ema`".to_string());
            }
            if phase.procedure.name == "two-phase" && (i == 0 || phase.start == Start::Fresh) {
                return refuse(
                    "procedure two-phase: it starts from the linear head of a phase before it: a second phase with start = \
                     \"last\" or \"best\""
                        .to_string(),
                );
            }
            if phase.procedure.name == "branches" && phase.head != Head::Cosine {
                return refuse(format!(
                    "procedure branches: its classifiers are cosines, so head = \"cosine\", not {}",
                    phase.head
                ));
            }
            if !matches!(phase.head, Head::Cnn(_)) {
                phase.head.on(1, 1, None)?;
            }
            if phase.epochs == 0 {
                return refuse("epochs = 0: expected at least 1".to_string());
            }
            if phase.batch == 0 {
                return refuse("batch = 0: expected at least 1".to_string());
            }
            let narrow = phase.lr as f32;
            if !(narrow.is_finite() && narrow > 0.0) {
                return refuse(format!("lr = {}: expected a positive number", phase.lr));
            }
            if phase.epochs > MOST {
                return refuse(format!("epochs = {}: expected at most {MOST}", phase.epochs));
            }
            if let Some(decay) = phase.ema.filter(|decay| !(0.0..1.0).contains(decay)) {
                return refuse(format!("ema = {decay}: expected a decay from 0 to below 1"));
            }
            if let Some(clip) = phase.clip.filter(|clip| !(clip.is_finite() && *clip > 0.0)) {
                return refuse(format!("clip = {clip}: expected a positive number"));
            }
            if phase.procedure.name != "auto" {
                phase.procedure.find(crate::PROCEDURES)?;
            }
            phase.transform.find(crate::TRANSFORMS)?;
            phase.optimizer.find(crate::OPTIMIZERS)?;
            phase.schedule.find(crate::SCHEDULES)?;
            phase.sampler.find(crate::SAMPLERS)?;
            for group in &phase.groups {
                group.group()?;
                group.schedule.iter().try_for_each(|named| named.find(crate::SCHEDULES).map(|_| ()))?;
            }
        }
        Ok(())
    }

    /// The phases, each with all settings.
    ///
    /// # Errors
    /// [`TrainError::Setting`] for a key that is none, or one that cannot differ between phases.
    pub fn phases(&self) -> Result<Vec<Training>, TrainError> {
        if self.phases.is_empty() {
            return Ok(vec![self.clone()]);
        }
        let wrong = |i: usize, problem: String| {
            TrainError::Setting(format!("training.phases, number {}: {problem}", i + 1))
        };
        let base = Training { phases: vec![], ..self.clone() };
        let base = toml::Table::try_from(&base).map_err(|error| TrainError::Setting(error.to_string()))?;
        let phase = |(i, differs): (usize, &toml::Table)| {
            for key in ["phases", "seeds", "transform", "reduction"] {
                if differs.contains_key(key) {
                    return Err(wrong(i, format!("`{key}` is the same in all phases")));
                }
            }
            let mut all = base.clone();
            merge(&mut all, differs);
            all.try_into().map_err(|error: toml::de::Error| wrong(i, error.message().replace('\n', " ")))
        };
        self.phases.iter().enumerate().map(phase).collect()
    }
}

/// Puts the values of `differs` over those of `base`, table by table. Where one names another row of a table of named
/// things (`name` differs), its settings start from their defaults.
pub fn merge(base: &mut toml::Table, differs: &toml::Table) {
    if differs.contains_key("name") && differs.get("name") != base.get("name") {
        base.remove("settings");
    }
    for (key, value) in differs {
        // A head of another kind takes the place of the one before.
        let other_head = |old: &toml::Table, new: &toml::Table| {
            key == "head" && !new.keys().all(|kind| old.contains_key(kind))
        };
        match (base.get_mut(key), value) {
            (Some(toml::Value::Table(old)), toml::Value::Table(new)) if other_head(old, new) => {
                base.insert(key.clone(), value.clone());
            }
            (Some(toml::Value::Table(old)), toml::Value::Table(new))
                if new.get("name").is_none_or(|name| old.get("name") == Some(name)) =>
            {
                merge(old, new);
            }
            _ => {
                base.insert(key.clone(), value.clone());
            }
        }
    }
}

impl Evaluation {
    /// Checks the names.
    ///
    /// # Errors
    /// [`TrainError::Setting`] with the nearest name.
    pub fn check(&self) -> Result<(), TrainError> {
        if self.metrics.is_empty() {
            return Err(TrainError::Setting("evaluation.metrics: at least one metric is needed".to_string()));
        }
        self.metrics.iter().try_for_each(|name| metric(name).map(|_| ()))?;
        if let Some(i) = (1..self.metrics.len()).find(|i| self.metrics[..*i].contains(&self.metrics[*i])) {
            return Err(TrainError::Setting(format!("evaluation.metrics: duplicate `{}`", self.metrics[i])));
        }
        if self.select != "last" {
            metric(&self.select)?;
        }
        if self.select == "last" && self.also.contains(&Also::Observed) {
            return Err(TrainError::Setting(
                "evaluation.also = [\"observed\"]: select = \"last\" chooses no epoch".to_string(),
            ));
        }
        match self.patience {
            Some(0) => Err(TrainError::Setting("evaluation.patience = 0: expected at least 1".to_string())),
            Some(patience) if self.select == "last" => Err(TrainError::Setting(format!(
                "evaluation.patience = {patience}: select = \"last\" has no metric to wait for"
            ))),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_take_over_what_they_do_not_say() {
        let text = r#"
            lr = 1e-3
            batch = 32
            epochs = 100
            ema = 0.997
            optimizer = { name = "adamw", weight_decay = 1e-4 }
            schedule = { name = "one-cycle", epochs = 100 }
            [[phases]]
            rows = "labelled"
            [[phases]]
            procedure = "semi"
            epochs = 28
            start = "last"
            schedule = { name = "one-cycle", epochs = 40 }
        "#;
        let training: Training = toml::from_str(text).unwrap();
        let phases = training.phases().unwrap();
        assert_eq!((phases[0].rows, phases[0].epochs, phases[0].start), (Rows::Labelled, 100, Start::Fresh));
        assert_eq!((phases[1].epochs, phases[1].start), (28, Start::Last));
        assert_eq!(phases[1].optimizer, Named::new("adamw").set("weight_decay", 1e-4));
        assert_eq!(phases[1].schedule, Named::new("one-cycle").set("epochs", 40.0));
        let again: Training = toml::from_str(&toml::to_string(&training).unwrap()).unwrap();
        assert_eq!(again, training);
        let wrong: Training = toml::from_str(&text.replace("rows = \"labelled\"", "seeds = 3")).unwrap();
        let error = wrong.phases().unwrap_err().to_string();
        assert_eq!(error, "training.phases, number 1: `seeds` is the same in all phases");
    }

    #[test]
    fn what_a_phase_starts_from_has_to_be_there() {
        let check = |first: &str, second: &str| {
            let text =
                format!("lr = 1e-3\nbatch = 8\nepochs = 2\n[[phases]]\n{first}\n[[phases]]\n{second}\n");
            toml::from_str::<Training>(&text).unwrap().check().map_err(|error| error.to_string())
        };
        check("ema = 0.9", "start = \"averaged\"").unwrap();
        for (first, second) in [("", "start = \"averaged\""), ("start = \"averaged\"", "")] {
            assert_eq!(
                check(first, second).unwrap_err(),
                "start = \"averaged\": the phase before has no `ema`"
            );
        }
    }

    #[test]
    fn numbers_and_names_are_checked() {
        let good = Training::default();
        good.check().unwrap();
        for (wrong, text) in [
            (Training { epochs: 0, ..good.clone() }, "epochs = 0: expected at least 1"),
            (Training { lr: f64::NAN, ..good.clone() }, "lr = NaN: expected a positive number"),
            (Training { ema: Some(1.0), ..good.clone() }, "ema = 1: expected a decay from 0 to below 1"),
            (
                Training { schedule: Named::new("one-cycel"), ..good.clone() },
                "unknown schedule `one-cycel`; did you mean `one-cycle`?",
            ),
        ] {
            assert_eq!(wrong.check().unwrap_err().to_string(), text);
        }
    }
}
