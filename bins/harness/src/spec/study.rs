//! What a benchmark asks: which settings each row may choose from, and which orderings and causes its runs decide on.

use crate::{HarnessError, LossSpec, Spec};
use lacuna_train::merge;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The runs of a study: every row with every setting of its grid, on several masks, from several first weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StudySpec {
    /// Seeds of the protocol.
    pub masks: Vec<u64>,
    /// First weights and orders of rows for each mask.
    pub inits: u64,
    /// Settings that each row may choose from: lists of values of keys of `[training]`, or of parameters of the loss as
    /// `params.NAME`. Without it rows are trained as they stand.
    #[serde(default, skip_serializing_if = "toml::Table::is_empty")]
    pub grid: toml::Table,
}

impl Default for StudySpec {
    fn default() -> Self {
        Self { masks: vec![0, 1, 2, 3, 4], inits: 3, grid: toml::Table::new() }
    }
}

/// One combination of values of a grid; without values for a row that is trained as it stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GridPoint(pub Vec<(String, toml::Value)>);

impl fmt::Display for GridPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = |value: &toml::Value| value.to_string().replace('"', "");
        // A named thing by its name and its settings: `lbfgs weight_decay 0.1`.
        let pair = |(key, value): &(String, toml::Value)| match value.get("name") {
            Some(name) => {
                let settings = value.as_table().into_iter().flatten().filter(|(key, _)| *key != "name");
                let settings = settings.map(|(key, value)| format!(" {key} {}", plain(value)));
                plain(name) + &settings.collect::<String>()
            }
            None => format!("{key} {}", plain(value)),
        };
        f.write_str(&self.0.iter().map(pair).collect::<Vec<_>>().join(", "))
    }
}

impl GridPoint {
    /// The row with these values in place of its own.
    ///
    /// # Errors
    /// [`HarnessError::Setting`] for a parameter that is no number.
    pub fn of(&self, loss: &LossSpec) -> Result<LossSpec, HarnessError> {
        let mut row = LossSpec { grid: None, ..loss.clone() };
        for (key, value) in &self.0 {
            match key.strip_prefix("params.") {
                None => merge(&mut row.training, &toml::Table::from_iter([(key.clone(), value.clone())])),
                Some(name) => {
                    let number = value.as_float().or_else(|| value.as_integer().map(|n| n as f64));
                    let number = number.ok_or_else(|| {
                        HarnessError::Setting(format!(
                            "grid of {}: {key} = {value} is not a number",
                            loss.row()
                        ))
                    })?;
                    row.params.insert(name.to_string(), number);
                }
            }
        }
        Ok(row)
    }
}

impl Spec {
    /// The settings that a row may choose from, in the order of the keys, the last one changing fastest.
    ///
    /// # Errors
    /// [`HarnessError::Setting`] for a key without a list of values, and for settings that are none.
    pub fn grid_of(&self, loss: &LossSpec) -> Result<Vec<GridPoint>, HarnessError> {
        let of_study = || self.study.as_ref().map(|study| &study.grid);
        let grid = loss.grid.as_ref().or_else(of_study);
        let mut points = vec![GridPoint::default()];
        for (key, values) in grid.into_iter().flatten() {
            let values = values.as_array().filter(|values| !values.is_empty()).ok_or_else(|| {
                HarnessError::Setting(format!("grid of {}: {key}: expected a list of values", loss.row()))
            })?;
            let with = |point: &GridPoint, value: &toml::Value| {
                let pair = (key.clone(), value.clone());
                GridPoint(point.0.iter().cloned().chain([pair]).collect())
            };
            points = points.iter().flat_map(|p| values.iter().map(move |value| with(p, value))).collect();
        }
        for point in &points {
            self.training_of(&point.of(loss)?)?.check()?;
        }
        Ok(points)
    }

    /// Checks grids, claims and causes.
    pub(crate) fn check_study(&self) -> Result<(), HarnessError> {
        if let Some(study) = &self.study {
            let wrong = |problem: &str| Err(HarnessError::Setting(format!("study: {problem}")));
            if study.masks.is_empty() || study.inits == 0 {
                return wrong("expected at least one mask and one run for each");
            }
            if (1..study.masks.len()).any(|i| study.masks[..i].contains(&study.masks[i])) {
                return wrong("a mask is there twice");
            }
        }
        self.losses.iter().try_for_each(|loss| self.grid_of(loss).map(drop))?;
        let known = |what: &str, rows: &[&String], metric: &str| {
            let unknown = rows.iter().find(|name| self.losses.iter().all(|loss| loss.row() != name.as_str()));
            if let Some(row) = unknown {
                return Err(HarnessError::Setting(format!("{what}: there is no row `{row}`")));
            }
            Ok(lacuna_train::metric(metric).map(drop)?)
        };
        for p in &self.published {
            // `map.last` is the metric `map` of other weights.
            let name = p.metric.split('.').next().unwrap_or_default();
            known("published", &[&p.loss], name)?;
            let percent = lacuna_train::metric(name)?.convention.starts_with("percent");
            if percent && !(0.0..=100.0).contains(&p.value) {
                return Err(HarnessError::Setting(format!(
                    "published: {} of {}: expected percent",
                    p.value, p.loss
                )));
            }
        }
        for claim in &self.claims {
            if claim.better == claim.worse {
                return Err(HarnessError::Setting(format!(
                    "claims: {} is compared with itself",
                    claim.better
                )));
            }
            known("claims", &[&claim.better, &claim.worse], &claim.metric)?;
        }
        for cause in &self.causes {
            let [a, b] = &cause.gap;
            let [c, d] = &cause.changed;
            known("causes", &[a, b, c, d], &cause.metric)?;
            if cause.gap == cause.changed {
                return Err(HarnessError::Setting(format!(
                    "causes: the gap of {a} and {b} is compared with itself"
                )));
            }
        }
        Ok(())
    }
}

impl Spec {
    /// The specification cut down to a check that it runs: one seed, at most `epochs` epochs a phase. Its numbers mean nothing.
    pub fn quick(&self, epochs: usize) -> Self {
        let mut spec = self.clone();
        spec.training.seeds = 1;
        spec.training.epochs = spec.training.epochs.min(epochs);
        spec.training.phases.iter_mut().for_each(|phase| shorten(phase, epochs));
        spec.losses.iter_mut().for_each(|loss| shorten(&mut loss.training, epochs));
        for variant in &mut spec.variants {
            variant.rows.values_mut().chain([&mut variant.training]).for_each(|table| shorten(table, epochs));
        }
        spec.published.clear();
        spec
    }
}

/// Caps the epochs of a table of training, and of its phases.
fn shorten(training: &mut toml::Table, epochs: usize) {
    let epochs = epochs as i64;
    if let Some(toml::Value::Integer(there)) = training.get_mut("epochs") {
        *there = epochs.min(*there);
    }
    if let Some(toml::Value::Integer(seeds)) = training.get_mut("seeds") {
        *seeds = 1;
    }
    let phases = training.get_mut("phases").and_then(toml::Value::as_array_mut);
    let phases = phases.into_iter().flatten().filter_map(toml::Value::as_table_mut);
    phases.for_each(|phase| shorten(phase, epochs as usize));
}

/// A published ordering: one row is better than another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// The row that is said to be better.
    pub better: String,
    /// The row that is said to be worse.
    pub worse: String,
    /// The metric of the test rows.
    #[serde(default = "map")]
    pub metric: String,
    /// Sets that it is decided on; all without it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub data: Vec<String>,
    /// Who says so, and with which numbers.
    pub source: String,
}

/// A cause of a gap, shown by an intervention: the gap between two rows as it stands, and between two rows that differ from
/// them in one setting.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cause {
    /// What makes the gap, in one sentence.
    pub says: String,
    /// The better and the worse row of the gap.
    pub gap: [String; 2],
    /// The same two with one setting changed.
    pub changed: [String; 2],
    /// The metric of the test rows.
    #[serde(default = "map")]
    pub metric: String,
    /// Sets that it is decided on; all without it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub data: Vec<String>,
}

fn map() -> String {
    "map".to_string()
}

impl Claim {
    /// Whether it is decided on a set.
    pub fn is_on(&self, data: &str) -> bool {
        self.data.is_empty() || self.data.iter().any(|name| name == data)
    }
}

impl Cause {
    /// Whether it is decided on a set.
    pub fn is_on(&self, data: &str) -> bool {
        self.data.is_empty() || self.data.iter().any(|name| name == data)
    }
}
