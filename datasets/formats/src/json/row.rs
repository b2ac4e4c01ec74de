//! An object with the labels of a row.

use crate::error::Problem;
use crate::json::Rows;
use crate::json::tasks::{Annotations, DataName};
use crate::json::values::{Listed, Name, OneLabel};
use crate::text::json::Skipped;
use crate::{ReadOptions, shown};
use lacuna_labels::Label;
use serde::Deserializer;
use serde::de::{DeserializeSeed, MapAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// Keys with the name of a row.
pub(crate) const ID_KEYS: [&str; 6] = ["id", "image", "path", "file_name", "filename", "name"];

/// Keys with the positives, and with the negatives.
const LABEL_KEYS: [&str; 4] = ["labels", "label", "tags", "categories"];
const ABSENT_KEYS: [&str; 5] = ["absent", "negatives", "negative", "negative_labels", "neg"];

/// Keys that may say which labels hold, or how surely: passing over them would make positives of all labels.
const DOUBTFUL_KEYS: [&str; 10] = [
    "value",
    "values",
    "confidence",
    "confidences",
    "score",
    "scores",
    "probability",
    "probabilities",
    "present",
    "unknown",
];

/// Most keys in a message.
const MOST_KEYS: usize = 20;

/// An object that becomes a row.
pub(crate) struct Row<'a, 'b>(pub(crate) &'a mut Rows<'b>);

impl<'de> DeserializeSeed<'de> for Row<'_, '_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Row<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with the keys `id` and `labels`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let rows = self.0;
        let mut row = Found::default();
        while let Some(key) = map.next_key_seed(KeySeed(rows.options))? {
            match key {
                Key::Id(key) => {
                    let name = map.next_value_seed(Name)?;
                    row.add_name(key, name).or_else(|problem| rows.refuse(problem))?;
                }
                Key::Labels(key, label) => {
                    let before = if label == Label::Positive { &mut row.labels } else { &mut row.absent };
                    if let Some(before) = before.replace(key.clone()) {
                        let problem = format!(
                            "the row has labels in `{}` and in `{}`: leave one of them out with --ignore-columns",
                            shown(&before),
                            shown(&key)
                        );
                        return rows.refuse(problem);
                    }
                    map.next_value_seed(Listed { rows, label })?;
                }
                Key::Class(key) => {
                    let label = map.next_value_seed(OneLabel(rows))?;
                    let class = rows.classes.find(&key).or_else(|problem| rows.refuse(problem))?;
                    rows.lists.push(class as usize, label);
                    row.cells = true;
                }
                Key::Data => {
                    row.data = map.next_value_seed(DataName(rows.options))?;
                    row.key("data");
                }
                Key::Annotations => {
                    row.annotations = map.next_value_seed(Annotations(rows))?;
                    row.key("annotations");
                }
                Key::Ignored => {
                    map.next_value::<Skipped>()?;
                }
                Key::Other(key) if DOUBTFUL_KEYS.contains(&key.as_str()) => {
                    let problem = format!(
                        "the key `{key}` may hold the values of the labels, and it is not read: write the labels as an object, \
                         {{\"cat\": 1, \"dog\": 0}}, or leave the key out with --ignore-columns {key}"
                    );
                    return rows.refuse(problem);
                }
                Key::Other(key) => {
                    row.key(&key);
                    map.next_value::<Skipped>()?;
                }
            }
        }
        row.end(rows).or_else(|problem| rows.refuse(problem))
    }
}

/// What was found in a row.
#[derive(Default)]
struct Found<'de> {
    /// The key, the name and whether it is a text.
    name: Option<(String, Cow<'de, str>, bool)>,
    /// The name in the data of a task.
    data: Option<String>,
    /// The key of the positives.
    labels: Option<String>,
    /// The key of the negatives.
    absent: Option<String>,
    /// Whether there was a key that is a class.
    cells: bool,
    /// Classes of a task; nothing where there are no annotations of one.
    annotations: Option<Vec<u32>>,
    /// Two keys with a name.
    second: Option<String>,
    /// Other keys.
    keys: Vec<String>,
}

impl<'de> Found<'de> {
    fn key(&mut self, key: &str) {
        if self.keys.len() <= MOST_KEYS {
            self.keys.push(format!("`{}`", shown(key)));
        }
    }

    fn add_name(&mut self, key: String, name: (Cow<'de, str>, bool)) -> Result<(), String> {
        let (name, text) = name;
        match &self.name {
            None => self.name = Some((key, name, text)),
            Some((before, _, was_text)) if *was_text == text => {
                return Err(format!(
                    "the name of the row may be `{}` or `{}`: choose with --id-column A",
                    shown(before),
                    shown(&key)
                ));
            }
            // A number beside a text counts rows.
            Some((before, _, true)) => self.second = Some(before.clone()),
            Some(_) => {
                self.second = Some(key.clone());
                self.name = Some((key, name, text));
            }
        }
        Ok(())
    }

    fn end(mut self, rows: &mut Rows<'_>) -> Result<(), String> {
        if self.labels.is_none() && self.absent.is_none() && !self.cells {
            // A task without annotators has an empty list of annotations.
            match (self.annotations.take(), &self.data) {
                (Some(classes), Some(_)) => {
                    classes.into_iter().for_each(|class| rows.lists.push(class as usize, Label::Positive));
                }
                _ => return Err(self.no_labels(rows.options)),
            }
        }
        let own_labels = self.labels.is_some() || self.absent.is_some() || self.cells;
        let name = match (self.data, self.name) {
            (Some(data), _) if !own_labels => Cow::Owned(data),
            (_, Some((_, name, _))) => name,
            (_, None) => {
                self.keys.extend(
                    self.labels.into_iter().chain(self.absent).map(|key| format!("`{}`", shown(&key))),
                );
                let keys = listed(&self.keys);
                let wanted = match &rows.options.id_column {
                    Some(key) => format!("`{}`", shown(key)),
                    None => "`id`, `image`, `path`, `file_name`, `filename`, `name` or --id-column A".into(),
                };
                return Err(format!("the row has no name: its keys are {keys}, expected {wanted}"));
            }
        };
        if own_labels && !self.keys.is_empty() && rows.names.is_empty() {
            rows.notes.push(format!("ignored keys: {}", listed(&self.keys)));
        }
        if let Some(key) = self.second
            && rows.names.is_empty()
        {
            rows.notes.push(format!(
                "names of rows are read from `{}`; --id-column A names another key",
                shown(&key)
            ));
        }
        rows.end_row(&name)
    }

    fn no_labels(mut self, options: &ReadOptions) -> String {
        if let Some((key, ..)) = &self.name {
            let key = format!("`{}`", shown(key));
            self.keys.insert(0, key);
        }
        let wanted = match &options.class_columns {
            Some(columns) => {
                columns.iter().take(MOST_KEYS).map(|key| shown(key)).collect::<Vec<_>>().join(", ")
            }
            None => "`labels`, `label`, `tags`, `categories`, `absent` or `negatives`".into(),
        };
        format!(
            "the row has no labels: its keys are {}, expected {wanted}; name another key with --classes A, and \
             write a row without labels with an empty list",
            listed(&self.keys)
        )
    }
}

fn listed(keys: &[String]) -> String {
    let more = if keys.len() > MOST_KEYS { ", ..." } else { "" };
    match keys {
        [] => "none".into(),
        keys => keys[..keys.len().min(MOST_KEYS)].join(", ") + more,
    }
}

impl Rows<'_> {
    /// An error of the parser in whose place the message is shown.
    pub(crate) fn refuse<T, E: serde::de::Error>(&mut self, problem: impl Into<Problem>) -> Result<T, E> {
        let problem = problem.into();
        let error = E::custom(problem.clone().into_text());
        self.problem = Some(problem);
        Err(error)
    }
}

/// What a key of a row says.
enum Key {
    Id(String),
    /// A key with classes that have this label.
    Labels(String, Label),
    /// A class whose label is the value.
    Class(String),
    Data,
    Annotations,
    Ignored,
    /// Its beginning, for messages.
    Other(String),
}

struct KeySeed<'a>(&'a ReadOptions);

impl<'de> DeserializeSeed<'de> for KeySeed<'_> {
    type Value = Key;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Key, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for KeySeed<'_> {
    type Value = Key;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Key, E> {
        let ReadOptions { id_column, class_columns, ignored_columns, .. } = self.0;
        if ignored_columns.iter().any(|ignored| ignored == key) {
            return Ok(Key::Ignored);
        }
        let is_id = match id_column {
            Some(id) => id == key,
            None => ID_KEYS.contains(&key),
        };
        let chosen =
            class_columns.as_ref().map(|columns| (columns.iter().any(|column| column == key), columns.len()));
        Ok(match chosen {
            Some((true, 1)) => Key::Labels(key.into(), Label::Positive),
            Some((true, _)) => Key::Class(key.into()),
            None if !is_id && LABEL_KEYS.contains(&key) => Key::Labels(key.into(), Label::Positive),
            _ if is_id => Key::Id(key.into()),
            _ if ABSENT_KEYS.contains(&key) => Key::Labels(key.into(), Label::Negative),
            _ if key == "data" => Key::Data,
            None if key == "annotations" => Key::Annotations,
            _ => Key::Other(key.chars().take(80).collect()),
        })
    }
}
