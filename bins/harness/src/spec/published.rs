//! The numbers that papers and repositories have, and the data they were made on.

use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;

/// A reference number.
///
/// In a file, one table may give the numbers of many rows of the same data, metric and source:
///
/// ```toml
/// [[published]]
/// data = "scene"
/// train_rows = 1211
/// metric = "ranking-loss"
/// values = { an = 0.321, wan = 0.216 }
/// source = "table 2"
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Published {
    /// The variant that it belongs to; that without a name where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// Name of the data folder or embedded set it holds for.
    pub data: String,
    /// Training rows of that set, those that validate included: another set of the same name is another set.
    pub train_rows: usize,
    /// Name of the row.
    pub loss: String,
    /// Name of the metric as a record has it: `map`, `map-tail`, `map.last`.
    #[serde(default = "map")]
    pub metric: String,
    /// The value, in the units of the metric.
    #[serde(alias = "test_map")]
    pub value: f64,
    /// How far ours may be from it; absent where the settings are not the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tolerance: Option<f64>,
    /// Where it is published.
    pub source: String,
    /// Whether it is from memory, and was seen in no file.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub memory: bool,
}

fn map() -> String {
    "map".to_string()
}

/// A table `[[published]]`: one number, or those of several rows.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    variant: Option<String>,
    data: String,
    train_rows: usize,
    loss: Option<String>,
    #[serde(default = "map")]
    metric: String,
    #[serde(alias = "test_map")]
    value: Option<f64>,
    #[serde(default)]
    values: BTreeMap<String, f64>,
    tolerance: Option<f64>,
    source: String,
    #[serde(default)]
    memory: bool,
}

/// One [`Published`] for each number of all tables.
pub(super) fn flat<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Published>, D::Error> {
    let mut numbers = Vec::new();
    for entry in Vec::<Entry>::deserialize(deserializer)? {
        let Entry { variant, data, train_rows, loss, metric, value, values, tolerance, source, memory } =
            entry;
        let rows: Vec<(String, f64)> = match (loss, value) {
            (Some(loss), Some(value)) if values.is_empty() => vec![(loss, value)],
            (None, None) if !values.is_empty() => values.into_iter().collect(),
            _ => {
                let problem = "published: expected either `loss` and `value`, or `values` of several rows";
                return Err(serde::de::Error::custom(problem));
            }
        };
        numbers.extend(rows.into_iter().map(|(loss, value)| Published {
            variant: variant.clone(),
            data: data.clone(),
            train_rows,
            loss,
            metric: metric.clone(),
            value,
            tolerance,
            source: source.clone(),
            memory,
        }));
    }
    Ok(numbers)
}

/// Data that a benchmark is about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Needed {
    /// Name of its folder, by which variants and published numbers are found.
    pub data: String,
    /// How to obtain it.
    pub obtain: String,
    /// Training rows, those that validate included.
    pub train_rows: usize,
    /// Test rows.
    pub test_rows: usize,
    /// Classes.
    pub classes: usize,
    /// Features of a row, where they are known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub features: Option<usize>,
}
