//! The tasks that Label Studio exports: choices inside annotations.

use crate::error::printed;
use crate::json::Rows;
use crate::json::values::Class;
use crate::text::json::Skipped;
use crate::text::strings::push;
use crate::{FormatError, ReadOptions, shown};
use serde::Deserializer;
use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};
use std::fmt;
use std::path::Path;

/// Methods of a visitor for kinds of values that it passes over.
macro_rules! other_values {
    ($answer:expr; $($kind:ident),*) => { $(other_values!(@$kind $answer);)* };
    (@bool $answer:expr) => {
        fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
            Ok($answer)
        }
    };
    (@number $answer:expr) => {
        fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
            Ok($answer)
        }
        fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
            Ok($answer)
        }
        other_values!(@fraction $answer);
    };
    (@fraction $answer:expr) => {
        fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
            Ok($answer)
        }
    };
    (@text $answer:expr) => {
        fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
            Ok($answer)
        }
    };
    (@null $answer:expr) => {
        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok($answer)
        }
    };
    (@list $answer:expr) => {
        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
            while seq.next_element::<Skipped>()?.is_some() {}
            Ok($answer)
        }
    };
    (@object $answer:expr) => {
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            while map.next_entry::<Skipped, Skipped>()?.is_some() {}
            Ok($answer)
        }
    };
}

/// What was seen in the tasks of a file.
#[derive(Default)]
pub(crate) struct Tasks {
    tasks: u64,
    /// Tasks without an annotation that counts.
    empty: u64,
    /// Tasks with more annotations than the one that is read.
    several: u64,
    choices: u64,
    /// Results that are not choices.
    others: u64,
    /// The first question, and another one.
    questions: [Option<String>; 2],
}

impl Tasks {
    /// Notes.
    pub(crate) fn notes(self, path: &Path) -> Result<Vec<String>, FormatError> {
        if self.choices == 0 && self.others > 0 {
            let problem = "no annotation has choices, which are the only supported kind of result";
            return Err(FormatError::text(path, 1, 1, problem));
        }
        let Self { tasks, empty, several, others, questions, .. } = self;
        let mut notes = Vec::new();
        if empty > 0 {
            notes.push(format!(
                "{empty} of {tasks} rows have no labels: their annotations are missing, empty or cancelled"
            ));
        }
        if several > 0 {
            notes.push(format!(
                "{several} of {tasks} rows have several annotations: the first that was not cancelled is read"
            ));
        }
        if others > 0 {
            notes.push(format!("{others} results of annotations are not choices and are ignored"));
        }
        if let [Some(one), Some(other)] = questions {
            let (one, other) = (shown(&one), shown(&other));
            notes.push(format!("the choices of `{one}` and `{other}` are read as classes of one list"));
        }
        Ok(notes.into_iter().map(|note| format!("{}: {note}", printed(path))).collect())
    }
}

/// The name of a row in the data of a task: a text under a usual key, else the first text.
pub(crate) struct DataName<'a>(pub(crate) &'a ReadOptions);

impl<'de> DeserializeSeed<'de> for DataName<'_> {
    type Value = Option<String>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for DataName<'_> {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the data of a task")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let rank = |key: &str| match &self.0.id_column {
            Some(id) if id == key => 0,
            _ if key == "image" => 1,
            _ if super::row::ID_KEYS.contains(&key) => 2,
            _ if ["text", "audio", "video", "url", "html"].contains(&key) => 3,
            _ => 4,
        };
        let mut best: Option<(u8, String)> = None;
        while let Some(rank) = map.next_key_seed(With(rank))? {
            let text = map.next_value_seed(Text)?;
            if let Some(text) = text
                && best.as_ref().is_none_or(|(before, _)| rank < *before)
            {
                best = Some((rank, text));
            }
        }
        Ok(best.map(|(_, name)| name))
    }

    other_values!(None; bool, number, text, null, list);
}

/// A key, of which only what a function answers is kept.
struct With<F>(F);

impl<'de, T, F: FnOnce(&str) -> T> DeserializeSeed<'de> for With<F> {
    type Value = T;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<T, F: FnOnce(&str) -> T> Visitor<'_> for With<F> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<T, E> {
        Ok((self.0)(key))
    }
}

/// A text or a whole number; nothing of another value.
struct Text;

impl<'de> DeserializeSeed<'de> for Text {
    type Value = Option<String>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Text {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(text.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Some(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Some(value.to_string()))
    }

    other_values!(None; bool, fraction, null, list, object);
}

/// The annotations of a task: the classes that the first one which was not cancelled chooses. Nothing where the list has
/// other things.
pub(crate) struct Annotations<'a, 'b>(pub(crate) &'a mut Rows<'b>);

impl<'de> DeserializeSeed<'de> for Annotations<'_, '_> {
    type Value = Option<Vec<u32>>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Annotations<'_, '_> {
    type Value = Option<Vec<u32>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of annotations")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let rows = self.0;
        let (mut count, mut of_task, mut more) = (0_u64, 0_u64, false);
        let mut read: Option<Vec<u32>> = None;
        loop {
            if read.is_some() {
                if seq.next_element::<Skipped>()?.is_none() {
                    break;
                }
                more = true;
                continue;
            }
            let Some(annotation) = seq.next_element_seed(OneAnnotation(rows))? else { break };
            count += 1;
            of_task += u64::from(annotation.has_result);
            if annotation.has_result && !annotation.cancelled {
                read = Some(annotation.classes);
            }
        }
        if count > 0 && of_task == 0 {
            return Ok(None);
        }
        let mut classes = read.unwrap_or_default();
        classes.sort_unstable();
        classes.dedup();
        let tasks = &mut rows.tasks;
        tasks.tasks += 1;
        tasks.empty += u64::from(classes.is_empty());
        tasks.several += u64::from(more);
        Ok(Some(classes))
    }

    other_values!(None; bool, number, text, null, object);
}

#[derive(Default)]
struct Annotation {
    cancelled: bool,
    has_result: bool,
    classes: Vec<u32>,
}

struct OneAnnotation<'a, 'b>(&'a mut Rows<'b>);

impl<'de> DeserializeSeed<'de> for OneAnnotation<'_, '_> {
    type Value = Annotation;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Annotation, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for OneAnnotation<'_, '_> {
    type Value = Annotation;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an annotation")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Annotation, A::Error> {
        let mut annotation = Annotation::default();
        let key = |key: &str| match key {
            "was_cancelled" => 0,
            "result" => 1,
            _ => 2,
        };
        while let Some(key) = map.next_key_seed(With(key))? {
            match key {
                0 => annotation.cancelled = map.next_value::<Option<bool>>()?.unwrap_or(false),
                1 => {
                    annotation.has_result = true;
                    map.next_value_seed(Results { rows: self.0, classes: &mut annotation.classes })?;
                }
                _ => {
                    map.next_value::<Skipped>()?;
                }
            }
        }
        Ok(annotation)
    }

    other_values!(Annotation::default(); bool, number, text, null, list);
}

/// The results of an annotation, or the choices of one: a list whose elements become classes.
struct Results<'a, 'b> {
    rows: &'a mut Rows<'b>,
    classes: &'a mut Vec<u32>,
}

impl<'de> DeserializeSeed<'de> for Results<'_, '_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Results<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of results")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(OneResult { rows: self.rows, classes: self.classes })?.is_some() {}
        Ok(())
    }
}

struct OneResult<'a, 'b> {
    rows: &'a mut Rows<'b>,
    classes: &'a mut Vec<u32>,
}

impl<'de> DeserializeSeed<'de> for OneResult<'_, '_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for OneResult<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a result")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let (mut question, mut choices) = (None, false);
        let key = |key: &str| match key {
            "value" => 0,
            "from_name" => 1,
            _ => 2,
        };
        while let Some(key) = map.next_key_seed(With(key))? {
            match key {
                0 => {
                    let value = Value { rows: self.rows, classes: self.classes };
                    choices |= map.next_value_seed(value)?;
                }
                1 => question = map.next_value_seed(Text)?,
                _ => {
                    map.next_value::<Skipped>()?;
                }
            }
        }
        let tasks = &mut self.rows.tasks;
        match choices {
            false => tasks.others += 1,
            true => {
                tasks.choices += 1;
                match &mut tasks.questions {
                    [first @ None, _] => *first = question,
                    [first, second @ None] if *first != question => *second = question,
                    _ => {}
                }
            }
        }
        Ok(())
    }
}

/// The value of a result; answers whether it has choices.
struct Value<'a, 'b> {
    rows: &'a mut Rows<'b>,
    classes: &'a mut Vec<u32>,
}

impl<'de> DeserializeSeed<'de> for Value<'_, '_> {
    type Value = bool;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Value<'_, '_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the value of a result")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        let mut choices = false;
        while let Some(is_choices) = map.next_key_seed(With(|key: &str| key == "choices"))? {
            match is_choices {
                true => {
                    choices = true;
                    map.next_value_seed(Choices { rows: self.rows, classes: self.classes })?;
                }
                false => {
                    map.next_value::<Skipped>()?;
                }
            }
        }
        Ok(choices)
    }
}

struct Choices<'a, 'b> {
    rows: &'a mut Rows<'b>,
    classes: &'a mut Vec<u32>,
}

impl<'de> DeserializeSeed<'de> for Choices<'_, '_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Choices<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of choices")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(class) = seq.next_element_seed(Class(self.rows))? {
            push(self.classes, class);
        }
        Ok(())
    }
}
