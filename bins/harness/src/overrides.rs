//! Overrides of a specification from the command line: dotted keys that replace its values.

use crate::spec::with_suggestion;
use crate::{HarnessError, LossSpec, MaskSource, Spec, Variant};
use lacuna_losses::Suggestion;
use lacuna_source::DataSource;
use toml::{Table, Value};

/// Overrides from the command line.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overrides {
    /// Rows from elsewhere; for a specification that was resolved, what has changed about where they are.
    pub data: Option<DataSource>,
    /// Only these rows, in this order; a loss that the specification does not have is added as it is.
    pub losses: Option<Vec<String>>,
    /// Dotted keys and their values: `training.lr` is a key of the specification, `splc.tau` a parameter of a loss.
    pub set: Vec<(String, String)>,
    /// The key `protocol.mask`.
    pub mask: Option<MaskSource>,
    /// Parameters of losses: (loss, parameter, value).
    pub params: Vec<(String, String, f64)>,
    /// The key `training.seeds`.
    pub seeds: Option<u64>,
    /// The key `training.lr`.
    pub lr: Option<f32>,
    /// The key `training.batch`.
    pub batch: Option<usize>,
    /// The key `training.epochs`.
    pub epochs: Option<usize>,
}

/// Tables of a specification that dotted keys reach.
const TABLES: [&str; 4] = ["data", "protocol", "training", "evaluation"];

impl Overrides {
    /// Every key with its value; the short names first.
    fn keys(&self) -> Vec<(String, Value)> {
        let mut keys: Vec<(String, Value)> = Vec::new();
        let mut put =
            |key: &str, value: Option<Value>| keys.extend(value.map(|value| (key.to_string(), value)));
        let whole = |n: u64| Value::Integer(i64::try_from(n).unwrap_or(i64::MAX));
        let mask = |mask| match mask {
            MaskSource::Auto => "auto",
            MaskSource::Drawn => "drawn",
            MaskSource::File => "file",
        };
        put("protocol.mask", self.mask.map(|m| Value::String(mask(m).to_string())));
        put("training.seeds", self.seeds.map(whole));
        // The number as it was written: 1e-3 and not 0.0010000000474974513.
        let lr = self.lr.map(|lr| lr.to_string().parse().unwrap_or_else(|_| f64::from(lr)));
        put("training.lr", lr.map(Value::Float));
        put("training.batch", self.batch.map(|n| whole(n as u64)));
        put("training.epochs", self.epochs.map(|n| whole(n as u64)));
        for (loss, param, value) in &self.params {
            put(&format!("{loss}.{param}"), Some(Value::Float(*value)));
        }
        keys.extend(self.set.iter().map(|(key, text)| (key.clone(), value(text))));
        keys
    }

    /// The specification with everything changed.
    ///
    /// # Errors
    /// [`HarnessError::Setting`] for a key that is none, with the nearest one, and for values that cannot be.
    pub fn apply(&self, spec: &Spec) -> Result<Spec, HarnessError> {
        let mut spec = spec.clone();
        if let Some(data) = &self.data {
            spec.data = match spec.data.fingerprint {
                // A specification that was resolved stays one of the same data, wherever its files lie now.
                Some(_) => spec.data.updated(data),
                // Options without data are about that of the specification.
                None if data.embedded.is_none() && data.path.is_none() => spec.data.updated(data),
                None => data.clone(),
            };
        }
        // What differs on this set of data is the specification's own; the command line has the last word.
        spec = spec.on(&short_name(&spec.data))?;
        if let Some(names) = &self.losses {
            spec = spec.with_rows(names);
        }
        let keys = self.keys();
        for (i, (key, value)) in keys.iter().enumerate() {
            if keys[..i].iter().any(|(other, before)| other == key && before != value) {
                return Err(HarnessError::Setting(format!("{key}: given twice with different values")));
            }
        }
        for (key, value) in keys {
            spec = changed(spec, &key, value)?;
        }
        spec.check()?;
        Ok(spec)
    }
}

impl Spec {
    /// Checks everything that can be checked without data.
    ///
    /// # Errors
    /// [`HarnessError::Setting`] and [`HarnessError::Loss`].
    pub fn check(&self) -> Result<(), HarnessError> {
        if let Some(sweep) = &self.sweep {
            let base = Self { sweep: None, ..self.clone() };
            for point in sweep.points()? {
                point.of(&base)?;
            }
        }
        self.training.check()?;
        self.evaluation.check()?;
        self.protocol.check()?;
        if self.losses.is_empty() {
            return Err(HarnessError::Setting("no loss to run".to_string()));
        }
        for (i, loss) in self.losses.iter().enumerate() {
            if self.losses[..i].iter().any(|l| l.row() == loss.row()) {
                return Err(HarnessError::Setting(format!("duplicate loss {}", loss.row())));
            }
            if loss.row().is_empty() {
                return Err(HarnessError::Setting(format!("losses, number {}: `row` is empty", i + 1)));
            }
            let row = lacuna_losses::find(&loss.name).map_err(|error| {
                match lacuna_train::PROCEDURES.iter().any(|procedure| procedure.name == loss.name) {
                    true => HarnessError::Setting(format!(
                        "there is no loss `{0}`: it is a procedure, and training.procedure = \"{0}\" trains another loss with it",
                        loss.name
                    )),
                    false => error.into(),
                }
            })?;
            let info = row.info;
            for (name, value) in &loss.params {
                if info.param(name).is_none() {
                    let near = lacuna_losses::suggest(name, info.params.iter().map(|param| param.name));
                    let names: Vec<&str> = info.params.iter().map(|param| param.name).collect();
                    let near = match near {
                        Suggestion::None if names.is_empty() => "it has none".to_string(),
                        Suggestion::None => format!("it has {}", names.join(", ")),
                        near => near.to_string(),
                    };
                    return Err(HarnessError::Setting(format!(
                        "{} has no parameter `{name}`; {near}",
                        loss.row()
                    )));
                }
                info.check(name, *value)?;
            }
            self.training_of(loss)?.check()?;
            self.protocol_of(loss)?.check()?;
        }
        for (i, variant) in self.variants.iter().enumerate() {
            let same = |other: &Variant| match (&variant.name, &other.name) {
                (None, None) => variant.data == other.data,
                (name, other) => name == other,
            };
            let key = variant.name.as_ref().unwrap_or(&variant.data);
            if self.variants[..i].iter().any(same) {
                return Err(HarnessError::Setting(format!("variants: `{key}` is there twice")));
            }
            match &variant.name {
                Some(name) => self.variant(name)?.check()?,
                None => self.on(&variant.data)?.check()?,
            }
        }
        self.check_study()?;
        for published in &self.published {
            let wrong = |problem: String| {
                HarnessError::Setting(format!("published, row {}: {problem}", published.loss))
            };
            let (metric, weights) = match published.metric.split_once('.') {
                Some((metric, weights)) => (metric, Some(weights)),
                None => (published.metric.as_str(), None),
            };
            if let Some(variant) =
                published.variant.as_deref().filter(|name| !self.variant_names().any(|v| v == *name))
            {
                return Err(wrong(format!("there is no variant `{variant}`")));
            }
            lacuna_train::metric(metric)?;
            let known = ["model", "averaged", "last", "last-averaged", "observed"];
            if let Some(weights) = weights.filter(|weights| !known.contains(weights)) {
                return Err(wrong(format!(
                    "unknown weights `{weights}`, expected one of {}",
                    known.join(", ")
                )));
            }
            if !published.value.is_finite()
                || published.tolerance.is_some_and(|t| !(t.is_finite() && t >= 0.0))
            {
                return Err(wrong("expected a finite value and a tolerance of at least 0".to_string()));
            }
        }
        Ok(())
    }
}

/// The name of a folder, of a file or of an embedded set, by which variants and published numbers are found.
pub(crate) fn short_name(data: &DataSource) -> String {
    let given = data.given();
    std::path::Path::new(given)
        .file_name()
        .map_or_else(|| given.to_string(), |name| name.to_string_lossy().into_owned())
}

/// A value as written in a file, else the text itself.
fn value(text: &str) -> Value {
    let text = text.trim();
    match format!("v = {text}").parse::<Table>() {
        Ok(mut table) => table.remove("v").expect("it was just written"),
        Err(_) => Value::String(text.to_string()),
    }
}

/// The specification with one key changed.
fn changed(spec: Spec, key: &str, value: Value) -> Result<Spec, HarnessError> {
    let wrong = |problem: String| HarnessError::Setting(format!("--set {key}: {problem}"));
    let mut parts = key.split('.').map(str::trim);
    let first = parts.next().unwrap_or_default();
    let rest: Vec<&str> = parts.collect();
    if rest.is_empty() || rest.iter().any(|part| part.is_empty()) {
        return Err(wrong("expected TABLE.KEY=VALUE or LOSS.PARAM=VALUE, e.g. training.lr=1e-2".to_string()));
    }
    if !TABLES.contains(&first) {
        return parameter(spec, first, &rest.join("."), &value);
    }
    let mut table = Table::try_from(&spec).map_err(|e| wrong(e.to_string()))?;
    let mut at = table.entry(first).or_insert_with(|| Value::Table(Table::new()));
    for part in &rest[..rest.len() - 1] {
        at = descend(at, part).ok_or_else(|| wrong(format!("`{part}` has no keys below it")))?;
    }
    let Some(Value::Table(last)) = named(at) else {
        return Err(wrong("it has no keys below it".to_string()));
    };
    last.insert(rest[rest.len() - 1].to_string(), value);
    let read: Result<Spec, toml::de::Error> = table.try_into();
    read.map_err(|e| wrong(with_suggestion(e.message())))
}

/// A named thing as a table, so that settings can be put beside its name.
fn named(value: &mut Value) -> Option<&mut Value> {
    if let Value::String(name) = value {
        *value = Value::Table(Table::from_iter([("name".to_string(), Value::String(name.clone()))]));
    }
    value.is_table().then_some(value)
}

fn descend<'v>(value: &'v mut Value, key: &str) -> Option<&'v mut Value> {
    let table = named(value)?.as_table_mut()?;
    Some(table.entry(key).or_insert_with(|| Value::Table(Table::new())))
}

/// A parameter of every row with this name or loss.
fn parameter(mut spec: Spec, name: &str, parameter: &str, value: &Value) -> Result<Spec, HarnessError> {
    let rows: Vec<&mut LossSpec> =
        spec.losses.iter_mut().filter(|loss| loss.row() == name || loss.name == name).collect();
    if rows.is_empty() {
        if !TABLES.contains(&name) && lacuna_losses::find(name).is_err() {
            let known = spec.losses.iter().map(LossSpec::row).chain(TABLES);
            let near = match lacuna_losses::suggest(name, known).to_string() {
                near if near.starts_with("did") => near,
                _ => format!("there are {} and the names of losses", TABLES.join(", ")),
            };
            return Err(HarnessError::Setting(format!(
                "{name}.{parameter}: `{name}` is neither a table of a specification nor a loss; {near}"
            )));
        }
        return Err(HarnessError::Setting(format!("{name}.{parameter}: the loss {name} is not run")));
    }
    let number = match value {
        Value::Float(x) => *x,
        Value::Integer(n) => *n as f64,
        Value::Boolean(on) => f64::from(u8::from(*on)),
        other => {
            return Err(HarnessError::Setting(format!("--set {name}.{parameter}: invalid number `{other}`")));
        }
    };
    for row in rows {
        row.params.insert(parameter.to_string(), number);
    }
    Ok(spec)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> Spec {
        Spec::parse(include_str!("../../repro/specs/spml-linear.toml")).unwrap()
    }

    fn set(key: &str, value: &str) -> Result<Spec, HarnessError> {
        Overrides { set: vec![(key.to_string(), value.to_string())], ..Overrides::default() }.apply(&spec())
    }

    #[test]
    fn dotted_keys_reach_every_table() {
        assert_eq!(set("training.lr", "1e-2").unwrap().training.lr, 1e-2);
        let heavy = set("training.optimizer.weight_decay", "1e-4").unwrap().training.optimizer;
        assert_eq!(heavy, lacuna_train::Named::new("adam").set("weight_decay", 1e-4));
        let cycle = set("training.schedule", "{ name = \"one-cycle\", epochs = 80 }").unwrap();
        assert_eq!(cycle.training.schedule, lacuna_train::Named::new("one-cycle").set("epochs", 80.0));
        assert_eq!(set("training.schedule", "cosine").unwrap().training.schedule.name, "cosine");
        let drop = Overrides {
            set: vec![
                ("protocol.name".into(), "random-drop".into()),
                ("protocol.settings.rate".into(), "0.5".into()),
            ],
            ..Overrides::default()
        };
        let protocol = drop.apply(&spec()).unwrap().protocol;
        assert_eq!((protocol.name.as_str(), protocol.settings["rate"]), ("random-drop", 0.5));
        assert_eq!(set("evaluation.metrics", "[\"map\", \"auroc\"]").unwrap().evaluation.metrics.len(), 2);
        assert_eq!(set("splc.tau", "0.7").unwrap().losses[10].params["tau"], 0.7);
    }

    #[test]
    fn unknown_keys_name_the_nearest() {
        let error = |key: &str, value: &str| set(key, value).unwrap_err().to_string();
        assert_eq!(
            error("training.epoch", "3"),
            "--set training.epoch: unknown field `epoch`; did you mean `epochs`?"
        );
        assert_eq!(
            error("training.schedule", "one-cycel"),
            "unknown schedule `one-cycel`; did you mean `one-cycle`?"
        );
        assert!(
            error("trainig.lr", "1").contains("did you mean `training`?"),
            "{}",
            error("trainig.lr", "1")
        );
        assert!(error("protocol.name", "random-dorp").contains("did you mean `random-drop`?"));
        assert!(error("hill", "1").contains("expected TABLE.KEY=VALUE"));
        assert!(error("evaluation.select", "mpa").contains("did you mean `map`?"));
        assert!(error("training.optimizer.weigth_decay", "1").contains("did you mean `weight_decay`?"));
        assert!(error("splc.tau", "high").contains("invalid number"));
    }
}
