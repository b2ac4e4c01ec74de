//! The values of a row's keys: its name, its labels.

use crate::json::Rows;
use crate::labels::convention::CellReader;
use crate::labels::joined::{Cell, Item, Split, each_label};
use crate::labels::numbers::Refused;
use crate::text::strings::push;
use lacuna_labels::Label;
use serde::Deserializer;
use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// A name and whether it is a text: a number may be one too.
pub(crate) struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = (Cow<'de, str>, bool);
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = (Cow<'de, str>, bool);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a row")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
        Ok((name.into(), true))
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok((name.to_string().into(), true))
    }

    fn visit_u64<E>(self, name: u64) -> Result<Self::Value, E> {
        Ok((name.to_string().into(), false))
    }

    fn visit_i64<E>(self, name: i64) -> Result<Self::Value, E> {
        Ok((name.to_string().into(), false))
    }
}

/// The label of one class.
pub(crate) struct OneLabel<'a, 'b>(pub(crate) &'a mut Rows<'b>);

impl<'de> DeserializeSeed<'de> for OneLabel<'_, '_> {
    type Value = Label;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Label, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl OneLabel<'_, '_> {
    fn of<E: serde::de::Error>(self, number: f64) -> Result<Label, E> {
        let label = CellReader::new(self.0.options).number(number);
        label.or_else(|problem| self.0.refuse(problem))
    }
}

impl Visitor<'_> for OneLabel<'_, '_> {
    type Value = Label;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("1, 0, -1, true, false or null")
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<Label, E> {
        self.of(value.into())
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Label, E> {
        self.of(value as f64)
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Label, E> {
        self.of(value as f64)
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Label, E> {
        self.of(value)
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Label, E> {
        let label = CellReader::new(self.0.options).text(value);
        label.or_else(|problem| self.0.refuse(problem))
    }

    fn visit_unit<E>(self) -> Result<Label, E> {
        Ok(Label::Unknown)
    }
}

/// The classes of a row that have one label, or, for the positives, an object of classes and labels. They go into the lists
/// as they are read: a line may name very many.
pub(crate) struct Listed<'a, 'b> {
    pub(crate) rows: &'a mut Rows<'b>,
    pub(crate) label: Label,
}

impl Listed<'_, '_> {
    fn number<E: serde::de::Error>(self, number: f64) -> Result<(), E> {
        let class = self.rows.numbers.class(number);
        let class = class.or_else(|problem| self.rows.refuse(problem))?;
        self.rows.lists.push(class as usize, self.label);
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Listed<'_, '_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
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
        let Self { rows, label } = self;
        rows.numbers.start();
        let (mut names, mut numbers) = (false, false);
        while let Some(kind) = seq.next_element_seed(Element { rows, label })? {
            match kind {
                Cell::Numbers => numbers = true,
                _ => names = true,
            }
            if names && numbers {
                return rows.refuse("the list mixes names and numbers");
            }
        }
        match numbers {
            true => rows.end_numbers(label),
            false => Ok(()),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { rows, label } = self;
        if label != Label::Positive {
            return rows.refuse("negatives are a list of classes");
        }
        while let Some(class) = map.next_key_seed(Class(rows))? {
            let label = map.next_value_seed(OneLabel(rows))?;
            rows.lists.push(class as usize, label);
        }
        Ok(())
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        self.rows.text(text, self.label)
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<(), E> {
        self.number(value as f64)
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<(), E> {
        self.number(value as f64)
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<(), E> {
        self.number(value)
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

impl Rows<'_> {
    /// Labels in a text, which may be several.
    fn text<E: serde::de::Error>(&mut self, text: &str, label: Label) -> Result<(), E> {
        self.numbers.start();
        let Self { classes, lists, numbers, given, split, .. } = self;
        let kind = each_label(text, split, given, |item| {
            match item {
                Item::Name(name) => lists.push(classes.find(name)? as usize, label),
                Item::Number(number) => numbers.push(number, number.is_some())?,
            }
            Ok(())
        });
        match kind.or_else(|problem| self.refuse(problem))? {
            Cell::Numbers => self.end_numbers(label),
            Cell::Names if self.split == Split::Undecided && !text.trim().starts_with(['[', '(', '{']) => {
                let place = self.line.unwrap_or(self.names.len() as u64);
                match self.cells.number(text.trim()) {
                    Some(number) if number as usize == self.cell_places.len() => {
                        push(&mut self.cell_places, place)
                    }
                    Some(_) => {}
                    None => return self.refuse("the labels take more than 4 GiB"),
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Ends a list of numbers, which are numbers of classes in a list of negatives.
    fn end_numbers<E: serde::de::Error>(&mut self, label: Label) -> Result<(), E> {
        let Self { lists, numbers, names, .. } = self;
        let add = |class| lists.push(class as usize, label);
        let ended = match label {
            Label::Positive => numbers.end(names.len(), add),
            _ => numbers.end_classes(add),
        };
        match ended {
            Ok(()) => Ok(()),
            Err(Refused::Problem(problem)) => self.refuse(problem),
            Err(Refused::Restart) => {
                self.restart = true;
                self.refuse("lists of numbers are numbers of classes")
            }
        }
    }
}

/// An element of a list of classes: a name, which turns into a label of the row, or a number, which is kept.
struct Element<'a, 'b> {
    rows: &'a mut Rows<'b>,
    label: Label,
}

impl Element<'_, '_> {
    fn number<E: serde::de::Error>(self, value: Option<f64>, number: bool) -> Result<Cell, E> {
        let pushed = self.rows.numbers.push(value, number);
        pushed.or_else(|problem| self.rows.refuse(problem)).map(|()| Cell::Numbers)
    }
}

impl<'de> DeserializeSeed<'de> for Element<'_, '_> {
    type Value = Cell;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Cell, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Visitor<'_> for Element<'_, '_> {
    type Value = Cell;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a class")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Cell, E> {
        let class = self.rows.classes.find(name).or_else(|problem| self.rows.refuse(problem))?;
        self.rows.lists.push(class as usize, self.label);
        Ok(Cell::Names)
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<Cell, E> {
        self.number(Some(value.into()), false)
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Cell, E> {
        self.number(Some(value as f64), true)
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Cell, E> {
        self.number(Some(value as f64), true)
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Cell, E> {
        self.number(Some(value), true)
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Cell, E> {
        self.number(None, false)
    }
}

/// The name of a class, which turns into its number.
pub(crate) struct Class<'a, 'b>(pub(crate) &'a mut Rows<'b>);

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
        let class = self.0.classes.find(name);
        class.or_else(|problem| self.0.refuse(problem))
    }
}
