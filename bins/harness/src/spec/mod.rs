//! Benchmark specifications in TOML.

mod difference;
mod published;
mod study;

use crate::{HarnessError, SweepSpec, run_id};
pub use difference::KeyDifference;
use lacuna_source::DataSource;
use lacuna_train::{Evaluation, TrainError, Training, merge};
pub use published::{Needed, Published};
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;
pub use study::{Cause, Claim, GridPoint, StudySpec};

/// A benchmark: data, protocol, training, evaluation, rows of the table, and what was published.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Name on the command line.
    pub name: String,
    /// One line on what it is.
    pub title: String,
    /// Paper and repository it follows.
    pub source: String,
    /// Why it exists, what differs from the paper and why.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub analysis: String,
    /// Where the rows come from: a table, or the name of an embedded set as text.
    /// Without it, the command line names them.
    #[serde(default, deserialize_with = "data")]
    pub data: DataSource,
    /// Masks and split.
    #[serde(default)]
    pub protocol: ProtocolSpec,
    /// Procedure, head, optimiser and effort.
    pub training: Training,
    /// Metrics and selection.
    #[serde(default)]
    pub evaluation: Evaluation,
    /// The rows of the table, in their order.
    pub losses: Vec<LossSpec>,
    /// Differences for single data sets, and variants by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub variants: Vec<Variant>,
    /// Reference numbers.
    #[serde(default, deserialize_with = "published::flat")]
    pub published: Vec<Published>,
    /// The data that its papers are about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<Needed>,
    /// The masks, first weights and grids of `repro study`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub study: Option<StudySpec>,
    /// Published orderings, each of which ends as a verdict.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub claims: Vec<Claim>,
    /// Causes of gaps, each shown by an intervention.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<Cause>,
    /// Keys with several values each, for `repro sweep`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sweep: Option<SweepSpec>,
}

/// `data = "voc-like"` is `[data] embedded = "voc-like"`.
fn data<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DataSource, D::Error> {
    struct Data;
    impl<'de> serde::de::Visitor<'de> for Data {
        type Value = DataSource;
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("the name of an embedded set, or a table that names files")
        }
        fn visit_str<E>(self, name: &str) -> Result<DataSource, E> {
            Ok(DataSource::embedded(name))
        }
        fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<DataSource, A::Error> {
            DataSource::deserialize(serde::de::value::MapAccessDeserializer::new(map))
        }
    }
    deserializer.deserialize_any(Data)
}

/// Where observed labels come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MaskSource {
    /// The data's own observed labels if it has any, else drawn ones. A record states which.
    #[default]
    Auto,
    /// Drawn from the true labels by the protocol, even if the data has observed labels.
    Drawn,
    /// The data's own.
    File,
}

/// When labels are hidden.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Over all training rows, before those that validate are set aside.
    #[default]
    BeforeSplit,
    /// Over the rows that train alone.
    AfterSplit,
}

/// The label of unknown cells for the losses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unknown {
    /// An unknown label.
    #[default]
    Unknown,
    /// A negative: assume negative, as a step before the loss.
    Negative,
}

/// Where the validation rows come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Validation {
    /// A share of the training rows, `val_share`, drawn with `split_seed`.
    #[default]
    Holdout,
    /// The last `val_rows` rows of the test part, which are then not tested on.
    TestEnd,
    /// The first `val_rows` training rows that a protocol leaves out.
    LeftOut,
    /// There are none: the last epoch counts.
    None,
}

/// How labels go missing and how rows are split. Defaults are those of the single-positive papers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProtocolSpec {
    /// Where observed labels come from.
    pub mask: MaskSource,
    /// How they are drawn: a row of [`PROTOCOLS`](lacuna_protocols::PROTOCOLS), or `none` for complete labels.
    pub name: String,
    /// Seed of the draws; that of the protocol by default.
    #[serde(alias = "mask_seed", skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Settings of the protocol that differ from their defaults.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub settings: BTreeMap<String, f64>,
    /// When labels are hidden.
    pub stage: Stage,
    /// The label of unknown cells for the losses.
    pub unknown: Unknown,
    /// Where the validation rows come from.
    pub validation: Validation,
    /// Number of validation rows, if they are not a share.
    pub val_rows: usize,
    /// Seed of the split into training and validation rows.
    pub split_seed: u32,
    /// Share of the rows that validate.
    pub val_share: f64,
}

impl Default for ProtocolSpec {
    fn default() -> Self {
        Self {
            mask: MaskSource::Auto,
            name: "single-positive".to_string(),
            seed: None,
            settings: BTreeMap::new(),
            stage: Stage::BeforeSplit,
            unknown: Unknown::Unknown,
            validation: Validation::Holdout,
            val_rows: 1000,
            split_seed: 1200,
            val_share: 0.2,
        }
    }
}

/// The labels of a row of the table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LabelsSpec {
    /// Those that the protocol leaves.
    #[default]
    Observed,
    /// The true ones: the row is a reference to compare with.
    Complete,
}

/// One row of the table: a loss with its parameters, and what differs in training it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LossSpec {
    /// Name in the table of losses.
    pub name: String,
    /// Name of the row; that of the loss by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row: Option<String>,
    /// Parameters that differ from their defaults.
    #[serde(default)]
    pub params: BTreeMap<String, f64>,
    /// The labels it sees.
    #[serde(default)]
    pub labels: LabelsSpec,
    /// Keys of `[training]` that differ.
    #[serde(default, skip_serializing_if = "toml::Table::is_empty")]
    pub training: toml::Table,
    /// Keys of `[protocol]` that differ: those about labels, since all rows share the split.
    #[serde(default, skip_serializing_if = "toml::Table::is_empty")]
    pub protocol: toml::Table,
    /// The settings that the row may choose from in a study, in place of those of the study; `{}` for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grid: Option<toml::Table>,
    /// A remark of a few words for the tables of a study.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

impl LossSpec {
    /// A loss as it is.
    pub fn named(name: &str) -> Self {
        Self { name: name.to_string(), ..Self::default() }
    }

    /// Name of the row.
    pub fn row(&self) -> &str {
        self.row.as_deref().unwrap_or(&self.name)
    }
}

/// Differences for one data set, or a variant that is chosen by its name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variant {
    /// The name by which it is chosen; without one, the variant is that of its data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Name of the data folder or embedded set that it is for; for a variant with a name, the embedded set that it runs on unless
    /// other data is given.
    pub data: String,
    /// Keys of `[protocol]` that differ.
    #[serde(default)]
    pub protocol: toml::Table,
    /// Keys of `[training]` that differ.
    #[serde(default)]
    pub training: toml::Table,
    /// Keys of `[study]` that differ, as for a set that has one mask.
    #[serde(default, skip_serializing_if = "toml::Table::is_empty")]
    pub study: toml::Table,
    /// Keys of `[training]` of single rows that differ, by the name of the row.
    #[serde(default)]
    pub rows: BTreeMap<String, toml::Table>,
}

impl Spec {
    /// Reads a specification.
    ///
    /// # Errors
    /// [`HarnessError::Spec`] with line and column of what is wrong, and the key that may be meant.
    pub fn parse(text: &str) -> Result<Self, HarnessError> {
        toml::from_str(text).map_err(|error: toml::de::Error| {
            let problem = with_suggestion(error.message());
            // Of what is missing the reader names the table, whose place says nothing.
            match error.span().filter(|_| !problem.starts_with("missing field")) {
                Some(span) => {
                    let before = &text[..span.start.min(text.len())];
                    let line = before.matches('\n').count() + 1;
                    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
                    HarnessError::Spec(format!("line {line}, column {column}: {problem}"))
                }
                None => HarnessError::Spec(problem),
            }
        })
    }

    /// A specification from the values of a file.
    ///
    /// # Errors
    /// As for [`Spec::parse`], without line and column.
    pub fn from_table(table: toml::Table) -> Result<Self, HarnessError> {
        table.try_into().map_err(|e: toml::de::Error| HarnessError::Spec(with_suggestion(e.message())))
    }

    /// The specification as TOML.
    ///
    /// # Errors
    /// [`HarnessError::Spec`] where it cannot be written so.
    pub fn to_toml(&self) -> Result<String, HarnessError> {
        toml::to_string(self).map_err(|e| HarnessError::Spec(e.to_string()))
    }

    /// Refuses a specification without data, which would have come from the command line.
    pub(crate) fn names_data(&self) -> Result<(), HarnessError> {
        if self.data.embedded.is_some() || self.data.path.is_some() {
            return Ok(());
        }
        let problem = "it names no data: --data names it, or the key `data`";
        Err(HarnessError::Setting(format!("{}: {problem}", self.name)))
    }

    /// The training of a row: that of the specification with what differs in the row.
    ///
    /// # Errors
    /// [`HarnessError::Setting`] for a key that is none.
    pub fn training_of(&self, loss: &LossSpec) -> Result<Training, HarnessError> {
        if loss.training.is_empty() {
            return Ok(self.training.clone());
        }
        let wrong = |problem: String| {
            HarnessError::Setting(format!("row {}: {}", loss.row(), with_suggestion(&problem)))
        };
        let mut base = toml::Table::try_from(&self.training).map_err(|e| wrong(e.to_string()))?;
        merge(&mut base, &loss.training);
        base.try_into().map_err(|e: toml::de::Error| wrong(e.message().to_string()))
    }

    /// The protocol of a row: that of the specification with what differs in the row.
    ///
    /// # Errors
    /// [`HarnessError::Setting`] for a key that is none, or one about the split.
    pub fn protocol_of(&self, loss: &LossSpec) -> Result<ProtocolSpec, HarnessError> {
        if loss.protocol.is_empty() {
            return Ok(self.protocol.clone());
        }
        let wrong = |problem: String| {
            HarnessError::Setting(format!("row {}: {}", loss.row(), with_suggestion(&problem)))
        };
        let labels = ["name", "seed", "settings", "unknown"];
        if let Some(key) = loss.protocol.keys().find(|key| !labels.contains(&key.as_str())) {
            return Err(wrong(format!(
                "protocol.{key} is the same in all rows; {} may differ",
                labels.join(", ")
            )));
        }
        let mut base = toml::Table::try_from(&self.protocol).map_err(|e| wrong(e.to_string()))?;
        merge(&mut base, &loss.protocol);
        base.try_into().map_err(|e: toml::de::Error| wrong(e.message().to_string()))
    }

    /// The specification with the variant of a set of data taken in.
    ///
    /// # Errors
    /// [`HarnessError::Setting`] for a key that is none.
    pub fn on(&self, data: &str) -> Result<Self, HarnessError> {
        let mut spec = self.clone();
        let variants = std::mem::take(&mut spec.variants);
        spec.published.retain(|published| published.variant.is_none());
        spec.published.retain(|published| published.variant.is_none());
        match variants.iter().find(|variant| variant.name.is_none() && variant.data == data) {
            Some(variant) => spec.with(variant),
            None => Ok(spec),
        }
    }

    /// The specification with the variant of this name: another benchmark, called `NAME-VARIANT`, on the variant's data.
    ///
    /// # Errors
    /// [`HarnessError::Setting`] for an unknown name, with those that there are, and for a key that is none.
    pub fn variant(&self, name: &str) -> Result<Self, HarnessError> {
        let names = || self.variants.iter().filter_map(|variant| variant.name.as_deref());
        let Some(variant) = self.variants.iter().find(|variant| variant.name.as_deref() == Some(name)) else {
            let near = match lacuna_losses::suggest(name, names()).to_string() {
                near if near.starts_with("did") => near,
                _ if names().next().is_none() => "it has none".to_string(),
                _ => format!("there are {}", names().collect::<Vec<_>>().join(", ")),
            };
            return Err(HarnessError::Setting(format!("{}: unknown variant `{name}`; {near}", self.name)));
        };
        let mut spec = self.clone();
        spec.variants.retain(|variant| variant.name.is_none());
        spec.published.retain(|published| published.variant.as_deref() == Some(name));
        spec.published.iter_mut().for_each(|published| published.variant = None);
        spec.name = format!("{}-{name}", self.name);
        spec.data = DataSource::embedded(&variant.data);
        spec.with(variant)
    }

    /// The specification with these rows alone, in this order; a loss that it does not have is added as it is. Nothing is asked of
    /// rows that are not run.
    pub fn with_rows(&self, names: &[String]) -> Self {
        let mut spec = self.clone();
        let of_spec = |name: &String| self.losses.iter().find(|loss| loss.row() == name).cloned();
        spec.losses =
            names.iter().map(|name| of_spec(name).unwrap_or_else(|| LossSpec::named(name))).collect();
        let is_run = |row: &String| names.contains(row);
        spec.claims.retain(|claim| is_run(&claim.better) && is_run(&claim.worse));
        spec.causes.retain(|cause| cause.gap.iter().chain(&cause.changed).all(is_run));
        spec.published.retain(|published| is_run(&published.loss));
        spec
    }

    /// The names of its variants.
    pub fn variant_names(&self) -> impl Iterator<Item = &str> {
        self.variants.iter().filter_map(|variant| variant.name.as_deref())
    }

    /// The specification with what differs in a variant.
    fn with(&self, variant: &Variant) -> Result<Self, HarnessError> {
        let mut spec = self.clone();
        let wrong = |problem: String| {
            let key = match &variant.name {
                Some(name) => format!("name = \"{name}\""),
                None => format!("data = \"{}\"", variant.data),
            };
            HarnessError::Setting(format!("variants, {key}: {}", with_suggestion(&problem)))
        };
        let mut protocol = toml::Table::try_from(&spec.protocol).map_err(|e| wrong(e.to_string()))?;
        merge(&mut protocol, &variant.protocol);
        spec.protocol = protocol.try_into().map_err(|e: toml::de::Error| wrong(e.message().to_string()))?;
        let mut training = toml::Table::try_from(&spec.training).map_err(|e| wrong(e.to_string()))?;
        merge(&mut training, &variant.training);
        spec.training = training.try_into().map_err(|e: toml::de::Error| wrong(e.message().to_string()))?;
        if !variant.study.is_empty() {
            let study = spec.study.clone().unwrap_or_default();
            let mut study = toml::Table::try_from(&study).map_err(|e| wrong(e.to_string()))?;
            merge(&mut study, &variant.study);
            let study = study.try_into().map_err(|e: toml::de::Error| wrong(e.message().to_string()))?;
            spec.study = Some(study);
        }
        for (row, differs) in &variant.rows {
            let loss = spec.losses.iter_mut().find(|loss| loss.row() == row);
            let loss = loss.ok_or_else(|| wrong(format!("unknown row `{row}`")))?;
            merge(&mut loss.training, differs);
        }
        Ok(spec)
    }

    /// Metrics that the table shows: those of the specification, then those of other weights.
    pub fn columns(&self) -> Vec<String> {
        let evaluation = &self.evaluation;
        let also = evaluation.also.iter().flat_map(|also| {
            evaluation
                .metrics
                .iter()
                .filter(|metric| *metric != "map-present")
                .map(move |m| format!("{m}.{also}"))
        });
        let present = evaluation.metrics.iter().filter(|metric| *metric == "map-present");
        let others = evaluation.metrics.iter().filter(|metric| *metric != "map-present");
        let mut columns: Vec<String> = others.take(1).chain(present).cloned().collect();
        columns
            .extend(evaluation.metrics.iter().filter(|m| *m != "map-present").skip(1).cloned().chain(also));
        columns
    }

    /// The identities of all runs, row by row and seed by seed; see [`run_id`]. The specification is one that was
    /// resolved: it has the fingerprint of its data.
    ///
    /// # Errors
    /// [`HarnessError::Spec`] without a fingerprint.
    pub fn run_ids(&self) -> Result<Vec<String>, HarnessError> {
        let seeds = 0..self.training.seeds.min(lacuna_train::MOST as u64);
        let runs = self.losses.iter().flat_map(|loss| seeds.clone().map(move |seed| (loss, seed)));
        runs.map(|(loss, seed)| self.run_id(loss, seed)).collect()
    }

    /// The identity of one run.
    ///
    /// # Errors
    /// As for [`Spec::run_ids`].
    pub fn run_id(&self, loss: &LossSpec, seed: u64) -> Result<String, HarnessError> {
        let none = || HarnessError::Spec("it has no fingerprint of its data".to_string());
        let fingerprint = self.data.fingerprint.as_deref().ok_or_else(none)?;
        let (protocol, training) = (self.protocol_of(loss)?, self.training_of(loss)?);
        run_id(fingerprint, &protocol, &training, &self.evaluation, loss, seed)
    }
}

/// An error of the reader on one line, with the key that may be meant: `unknown field `epoch`, expected one of ...`.
pub(crate) fn with_suggestion(text: &str) -> String {
    let text = text.trim_end().replace('\n', " ");
    let Some((before, expected)) = text.split_once(", expected ") else { return text };
    let quoted =
        |text: &str| -> Vec<String> { text.split('`').skip(1).step_by(2).map(str::to_string).collect() };
    let Some(wrong) = before.contains("unknown field").then(|| quoted(before).pop()).flatten() else {
        return text;
    };
    let known = quoted(expected);
    match lacuna_losses::suggest(&wrong, known.iter().map(String::as_str)).to_string() {
        near if near.starts_with("did") => format!("{before}; {near}"),
        _ => format!("{before}; there are {}", known.join(", ")),
    }
}

impl ProtocolSpec {
    pub(crate) fn check(&self) -> Result<(), HarnessError> {
        let share = self.val_share;
        if self.validation == Validation::Holdout && !(share > 0.0 && share < 1.0) {
            return Err(HarnessError::Setting(format!(
                "val_share = {share}: expected a share between 0 and 1"
            )));
        }
        if self.validation != Validation::Holdout && self.stage == Stage::AfterSplit {
            return Err(HarnessError::Setting(
                "stage = \"after-split\": only a holdout splits the training rows".to_string(),
            ));
        }
        if self.name == "none" {
            return Ok(());
        }
        let protocols =
            || lacuna_protocols::PROTOCOLS.iter().filter(|row| row.makes_labels()).map(|row| row.name);
        let Some(row) = lacuna_protocols::protocol(&self.name).filter(|row| row.makes_labels()) else {
            let near = lacuna_losses::suggest(&self.name, protocols());
            let near = match near.to_string() {
                near if near.starts_with("did") => near,
                _ => format!("there are none, {}", protocols().collect::<Vec<_>>().join(", ")),
            };
            return Err(HarnessError::Setting(format!("unknown protocol `{}`; {near}", self.name)));
        };
        for name in self.settings.keys() {
            if row.settings.iter().all(|setting| setting.name != name) {
                let names = || row.settings.iter().map(|setting| setting.name);
                let near = match lacuna_losses::suggest(name, names()).to_string() {
                    near if near.starts_with("did") => near,
                    _ => format!("there are {}", names().collect::<Vec<_>>().join(", ")),
                };
                return Err(HarnessError::Setting(format!(
                    "the protocol {} has no setting `{name}`; {near}",
                    self.name
                )));
            }
        }
        Ok(())
    }

    /// Settings of the protocol in their order.
    pub(crate) fn values(&self, row: &lacuna_protocols::Protocol) -> Vec<f64> {
        let value = |setting: &lacuna_protocols::Setting| {
            self.settings.get(setting.name).copied().unwrap_or(setting.default)
        };
        row.settings.iter().map(value).collect()
    }
}

impl From<TrainError> for HarnessError {
    /// A setting stays a setting.
    fn from(error: TrainError) -> Self {
        match error {
            TrainError::Setting(problem) => HarnessError::Setting(problem),
            TrainError::Loss(error) => HarnessError::Loss(error),
            error => HarnessError::Training(Box::new(error)),
        }
    }
}
