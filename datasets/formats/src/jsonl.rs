//! Labels as JSON, one object a line.

use crate::input::open_buffered;
use crate::labels::convention::MINUS_ONE;
use crate::labels::names::{Classes, unique};
use crate::shown;
use crate::text::json::{Skipped, json_problem};
use crate::text::lines::Lines;
use crate::{
    Content, Destination, FormatError, LabelConvention, LabelLists, LabelSheet, ReadOptions, Strings, Table,
    write_atomic,
};
use lacuna_labels::Label;
use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::borrow::Cow;
use std::fmt;
use std::io::BufRead;
use std::path::Path;

/// Reads `{"id": "a.jpg", "labels": ["cat"], "absent": ["dog"]}`, one object a line.
///
/// `labels` are the positives, `absent` the observed negatives; or `labels` is an object, `{"cat": 1, "dog": 0}`, whose values
/// are 1, 0, -1, true, false or null as the convention has them. Everything else in a line is passed over. What is not
/// listed is unknown unless [`ReadOptions::unlisted`] says otherwise.
///
/// # Errors
/// [`FormatError::Text`] with line and column.
pub(crate) fn read(path: &Path, options: &ReadOptions) -> Result<Content, FormatError> {
    parse(open_buffered(path)?, path, options).map(Content::from)
}

pub(crate) fn parse(reader: impl BufRead, path: &Path, options: &ReadOptions) -> Result<Table, FormatError> {
    let mut lines = Lines::new(reader, path, &options.limits);
    let mut classes = Classes::new(options);
    let mut names = Strings::new();
    // The classes are only known at the end, so the lists get them then.
    let mut lists = LabelLists::new(Strings::new(), options.unlisted.unwrap_or(Label::Unknown));
    while let Some((number, line)) = lines.next_filled()? {
        let mut row = Row { classes: &mut classes, lists: &mut lists, options, problem: None };
        let mut deserializer = serde_json::Deserializer::from_str(line);
        let read = row.deserialize(&mut deserializer).and_then(|name| deserializer.end().map(|()| name));
        let name = match read {
            Ok(name) => name,
            Err(error) => {
                let column = (error.column() as u64).max(1);
                let problem = row.problem.unwrap_or_else(|| json_problem(&error));
                return Err(FormatError::text(path, number, column, problem));
            }
        };
        let refuse = |problem: String| Err(FormatError::text(path, number, 1, problem));
        if name.is_empty() {
            return refuse("the row has no name".into());
        }
        match lists.class_named_twice() {
            Err(bytes) => return Err(FormatError::memory(path, "the labels of a row", bytes)),
            Ok(Some(class)) => {
                return refuse(format!("the class `{}` is listed twice", shown(&classes.names()[class])));
            }
            Ok(None) => {}
        }
        if !names.push(&name) {
            return refuse("the names take more than 4 GiB".into());
        }
        lists.end_row();
    }
    if names.is_empty() {
        return Err(FormatError::Empty { path: path.into(), what: "rows" });
    }
    unique(path, &names)?;
    lists.classes = classes.into_names();
    Ok(Table::of_lists(path, Some(names), lists).noted(lines.note()))
}

/// A line, whose labels go into the lists as they are read: a line may name very many.
struct Row<'a> {
    classes: &'a mut Classes,
    lists: &'a mut LabelLists,
    options: &'a ReadOptions,
    /// What is wrong with a label; the parser's error says where.
    problem: Option<String>,
}

impl Row<'_> {
    /// Runs over the object and answers with the name of the row.
    fn deserialize<'de, D: Deserializer<'de>>(&mut self, deserializer: D) -> Result<Cow<'de, str>, D::Error> {
        deserializer.deserialize_map(Object(self))
    }

    fn push(&mut self, class: u32, label: Label) {
        self.lists.push(class as usize, label);
    }

    /// What was found, or an error of the parser in whose place the message is shown.
    fn found<T, E: serde::de::Error>(&mut self, found: Result<T, String>) -> Result<T, E> {
        found.map_err(|problem| {
            let error = E::custom(&problem);
            self.problem = Some(problem);
            error
        })
    }
}

struct Object<'a, 'b>(&'a mut Row<'b>);

impl<'de> Visitor<'de> for Object<'_, '_> {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with the keys `id` and `labels`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut name = None;
        let mut seen = [false; 2];
        while let Some(key) = map.next_key()? {
            match key {
                Key::Id if name.is_some() => return Err(A::Error::duplicate_field("id")),
                Key::Id => name = Some(map.next_value_seed(Name)?),
                Key::Labels(which) => {
                    if std::mem::replace(&mut seen[usize::from(which)], true) {
                        return Err(A::Error::duplicate_field(if which { "labels" } else { "absent" }));
                    }
                    let label = if which { Label::Positive } else { Label::Negative };
                    map.next_value_seed(Listed { row: self.0, label })?;
                }
                Key::Other => {
                    map.next_value::<Skipped>()?;
                }
            }
        }
        name.ok_or_else(|| A::Error::missing_field("id"))
    }
}

/// A key of a line; nothing of another one is kept.
enum Key {
    Id,
    /// Whether they are the positives.
    Labels(bool),
    Other,
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Word;
        impl Visitor<'_> for Word {
            type Value = Key;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }
            fn visit_str<E>(self, key: &str) -> Result<Key, E> {
                Ok(match key {
                    "id" | "image" | "file_name" | "filename" | "name" => Key::Id,
                    "labels" => Key::Labels(true),
                    "absent" => Key::Labels(false),
                    _ => Key::Other,
                })
            }
        }
        deserializer.deserialize_str(Word)
    }
}

/// A name, or a number that is one.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a row")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
        Ok(name.into())
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(name.to_string().into())
    }

    fn visit_u64<E>(self, name: u64) -> Result<Self::Value, E> {
        Ok(name.to_string().into())
    }

    fn visit_i64<E>(self, name: i64) -> Result<Self::Value, E> {
        Ok(name.to_string().into())
    }
}

enum Value {
    Number(i64),
    Null,
}

impl Value {
    fn label(&self, convention: Option<LabelConvention>) -> Result<Label, String> {
        match self {
            Value::Null => Ok(Label::Unknown),
            Value::Number(-1) if convention.is_none() => Err(MINUS_ONE.into()),
            Value::Number(number) => LabelConvention::read(convention, &number.to_string()),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Cell;
        impl Visitor<'_> for Cell {
            type Value = Value;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("1, 0, -1, true, false or null")
            }
            fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
                Ok(Value::Number(value.into()))
            }
            fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Value, E> {
                match value {
                    0 | 1 => Ok(Value::Number(value as i64)),
                    _ => Err(E::custom(format!("{value} is no label: 1, 0, -1, true, false or null"))),
                }
            }
            fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Value, E> {
                match value {
                    -1 => Ok(Value::Number(-1)),
                    _ => Err(E::custom(format!("{value} is no label: 1, 0, -1, true, false or null"))),
                }
            }
            fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
                match value {
                    -1.0 | 0.0 | 1.0 => Ok(Value::Number(value as i64)),
                    _ => Err(E::custom(format!("{value} is no label: 1, 0, -1, true, false or null"))),
                }
            }
            fn visit_unit<E>(self) -> Result<Value, E> {
                Ok(Value::Null)
            }
        }
        deserializer.deserialize_any(Cell)
    }
}

/// A list of classes with one label, or, for the positives, an object of classes and labels.
struct Listed<'a, 'b> {
    row: &'a mut Row<'b>,
    label: Label,
}

impl<'de> DeserializeSeed<'de> for Listed<'_, '_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match self.label {
            Label::Positive => deserializer.deserialize_any(self),
            _ => deserializer.deserialize_seq(self),
        }
    }
}

impl<'de> Visitor<'de> for Listed<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.label {
            Label::Positive => "a list of classes, or an object of classes and labels",
            _ => "a list of classes",
        })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(class) = seq.next_element_seed(Class(self.row))? {
            self.row.push(class, self.label);
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(class) = map.next_key_seed(Class(self.row))? {
            let label = map.next_value::<Value>()?.label(self.row.options.convention);
            let label = self.row.found(label)?;
            self.row.push(class, label);
        }
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

/// The name of a class, which turns into its number.
struct Class<'a, 'b>(&'a mut Row<'b>);

impl<'de> DeserializeSeed<'de> for Class<'_, '_> {
    type Value = u32;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<u32, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Class<'_, '_> {
    type Value = u32;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a class")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<u32, E> {
        let found = self.0.classes.find(name);
        self.0.found(found)
    }
}

/// Writes labels as JSON, one object a line, whole or not at all: `id`, the positives as `labels`, the negatives as `absent`.
///
/// # Errors
/// [`FormatError::Unwritable`] where names are missing or stand for two rows, [`FormatError::Exists`] where there is a file already, [`FormatError::Io`].
pub fn write_labels_jsonl<'a>(
    destination: impl Into<Destination<'a>>,
    sheet: LabelSheet<'_>,
) -> Result<(), FormatError> {
    let destination = destination.into();
    let path = destination.path();
    sheet.check(path)?;
    let LabelSheet { names, classes, labels } = sheet;
    let quoted = |text: &str| serde_json::to_string(text).expect("text turns into JSON");
    let written = write_atomic(destination, |file| {
        for (row, name) in names.iter().enumerate() {
            let list = |wanted: Label| {
                let of_label = labels.row(row).iter().enumerate().filter(|(_, label)| **label == wanted);
                let of_label: Vec<String> = of_label.map(|(class, _)| quoted(&classes[class])).collect();
                of_label.join(",")
            };
            let (positives, absent) = (list(Label::Positive), list(Label::Negative));
            writeln!(file, "{{\"id\":{},\"labels\":[{positives}],\"absent\":[{absent}]}}", quoted(name))?;
        }
        Ok(())
    });
    written.map_err(FormatError::writing(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use Label::{Negative as N, Positive as P, Unknown as U};
    use lacuna_labels::LabelMatrix;

    /// Names, classes and cells.
    type Read = (Vec<String>, Vec<String>, Vec<Label>);

    fn read_text(text: &str, options: &ReadOptions) -> Result<Read, String> {
        let path = Path::new("x.jsonl");
        let table = parse(text.as_bytes(), path, options).map_err(|error| error.to_string())?;
        let labels = table.labels.unwrap().to_observed(path, &options.limits).unwrap();
        Ok((table.names.unwrap().to_vec(), table.classes.to_vec(), labels.cells().to_vec()))
    }

    #[test]
    fn lists_and_objects() {
        let text = r#"{"id": "a", "labels": ["cat", "dog"], "note": {"deep": [1, 2]}}
{"image": 7, "labels": {"dog": 0, "cow": true, "cat": null}, "absent": ["fox"]}

{"id": "\u00e9", "labels": null}"#;
        let (names, classes, labels) = read_text(text, &ReadOptions::default()).unwrap();
        assert_eq!(names, ["a", "7", "é"]);
        assert_eq!(classes, ["cat", "dog", "cow", "fox"]);
        assert_eq!(labels, [P, P, U, U, U, N, P, N, U, U, U, U]);
    }

    #[test]
    fn mistakes_have_a_line_and_a_column() {
        let error = |text: &str| read_text(text, &ReadOptions::default()).unwrap_err();
        assert!(
            error("{\"id\":\"a\"}\n{\"id\":\"b\",")
                .starts_with("x.jsonl: line 2, column 10: EOF while parsing")
        );
        assert!(error("{\"labels\":[]}").contains("missing field `id`"));
        assert!(error("{\"id\":\"a\",\"labels\":{\"cat\":2}}").contains("2 is no label"));
        assert!(error("{\"id\":\"a\",\"labels\":{\"cat\":-1}}").contains("say which one"));
        assert!(error("{\"id\":\"a\",\"labels\":[\"x\",\"x\"]}").contains("the class `x` is listed twice"));
        assert!(error("{\"id\":\"a\"}\n{\"id\":\"a\"}").contains("stands for row 0 and for row 1"));
        assert!(error("").contains("there are no rows"));
        assert!(error(&"[".repeat(100_000)).contains("invalid type"));
    }

    #[test]
    fn what_is_written_can_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.jsonl");
        let (names, classes) = (Strings::from(vec!["a\"\n", " é"]), Strings::from(vec!["cat", "\\", " "]));
        let labels = LabelMatrix::new(2, 3, vec![P, N, U, N, U, P]).unwrap();
        write_labels_jsonl(&path, LabelSheet { names: &names, classes: &classes, labels: &labels }).unwrap();
        let options = ReadOptions { classes: Some(classes), ..ReadOptions::default() };
        let table = read(&path, &options).unwrap().train;
        assert_eq!(table.names, Some(names));
        assert_eq!(table.labels.unwrap().to_observed(&path, &options.limits).unwrap().matrix(), &labels);
    }
}
