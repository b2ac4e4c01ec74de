//! What differs between two specifications.

use super::Spec;
use serde::Serialize;
use std::fmt;

/// A key whose values differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeyDifference {
    /// The key, `training.lr`; rows of a table are named, `losses.hill.params.lambda`.
    pub key: String,
    /// The value there, as TOML; `None` where it is not given.
    pub there: Option<String>,
    /// The value here.
    pub here: Option<String>,
}

/// Most characters of a value.
const LONGEST: usize = 60;

/// A value in a sentence, cut where it is long.
fn said(value: Option<&str>) -> String {
    match value {
        None => "not given".to_string(),
        Some(text) if text.chars().count() > LONGEST => {
            format!("{}..", text.chars().take(LONGEST).collect::<String>())
        }
        Some(text) => text.to_string(),
    }
}

impl KeyDifference {
    /// The same with names for the two: `training.lr is 0.001 in A and 0.01 in B`.
    pub fn between(&self, there: &str, here: &str) -> String {
        let [a, b] = [&self.there, &self.here].map(|value| said(value.as_deref()));
        format!("{} is {a} {there} and {b} {here}", self.key)
    }
}

impl fmt::Display for KeyDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.between("there", "here"))
    }
}

impl Spec {
    /// The specification without what it says, and what it asks of its runs.
    pub(crate) fn deciding(&self) -> Self {
        Self {
            title: String::new(),
            source: String::new(),
            analysis: String::new(),
            published: vec![],
            needs: vec![],
            study: None,
            claims: vec![],
            causes: vec![],
            ..self.clone()
        }
    }

    /// Every key that differs in what decides results; `self` is there.
    pub fn differences(&self, here: &Self) -> Vec<KeyDifference> {
        let table = |spec: &Self| toml::Table::try_from(spec.deciding()).ok().map(toml::Value::Table);
        let mut found = Vec::new();
        if let (Some(there), Some(here)) = (table(self), table(here)) {
            push_differences("", &there, &here, &mut found);
        }
        found
    }

    /// The first of them in a sentence: `training.epochs is 10 there and 20 here`.
    pub(crate) fn difference(&self, here: &Self) -> Option<String> {
        self.differences(here).first().map(ToString::to_string)
    }
}

/// Adds every key below `key` whose values differ.
fn push_differences(key: &str, there: &toml::Value, here: &toml::Value, found: &mut Vec<KeyDifference>) {
    if there == here {
        return;
    }
    let below = |name: &str| if key.is_empty() { name.to_string() } else { format!("{key}.{name}") };
    let mut push = |key: String, there: Option<String>, here: Option<String>| {
        found.push(KeyDifference { key, there, here });
    };
    // Rows of a table are told apart by their names.
    let name = |row: &toml::Value, i: usize| {
        let name = row.get("row").or_else(|| row.get("name")).and_then(toml::Value::as_str);
        name.map_or_else(|| i.to_string(), str::to_string)
    };
    match (there, here) {
        (toml::Value::Table(a), toml::Value::Table(b)) => {
            for name in a.keys().chain(b.keys().filter(|name| !a.contains_key(*name))) {
                match (a.get(name), b.get(name)) {
                    (Some(there), Some(here)) => push_differences(&below(name), there, here, found),
                    (there, here) => {
                        let [there, here] = [there, here].map(|value| value.map(toml::Value::to_string));
                        found.push(KeyDifference { key: below(name), there, here });
                    }
                }
            }
        }
        (toml::Value::Array(a), toml::Value::Array(b)) if a.iter().chain(b).all(toml::Value::is_table) => {
            let names = |rows: &[toml::Value]| -> Vec<String> {
                rows.iter().enumerate().map(|(i, row)| name(row, i)).collect()
            };
            let (of_a, of_b) = (names(a), names(b));
            if of_a != of_b {
                push(key.to_string(), Some(of_a.join(", ")), Some(of_b.join(", ")));
            }
            for (name, there) in of_a.iter().zip(a) {
                if let Some(place) = of_b.iter().position(|other| other == name) {
                    push_differences(&below(name), there, &b[place], found);
                }
            }
        }
        (there, here) => push(key.to_string(), Some(there.to_string()), Some(here.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_there_and_rows_are_found_by_name() {
        let text = include_str!("../../../repro/specs/spml-linear.toml");
        let a = Spec::parse(text).unwrap();
        assert_eq!(a.differences(&a), []);
        let mut b = a.clone();
        b.training.lr *= 2.0;
        b.title = "another".to_string();
        b.evaluation.select = "last".to_string();
        b.losses.remove(0);
        b.losses[0].params.insert("rho".to_string(), 0.5);
        let found = a.differences(&b);
        let keys: Vec<&str> = found.iter().map(|d| d.key.as_str()).collect();
        let row = format!("losses.{}.params.rho", b.losses[0].row());
        for key in ["training.lr", "evaluation.select", "losses", row.as_str()] {
            assert!(keys.contains(&key), "{key}: {keys:?}");
        }
        assert_eq!(keys.len(), 4, "{keys:?}");
        let select = found.iter().find(|d| d.key == "evaluation.select").unwrap();
        assert_eq!(select.between("in A", "in B"), "evaluation.select is \"map\" in A and \"last\" in B");
    }
}
