//! Labels as JSON: an object for each row, on a line of its own or in an array.

mod first;
mod row;
mod tasks;
#[cfg(test)]
mod tests;
mod values;
mod write;

use crate::error::{Problem, printed};
use crate::input::open_buffered;
use crate::labels::joined::{self, Split};
use crate::labels::names::{Classes, unique};
use crate::labels::numbers::NumberLists;
use crate::text::json::{json, json_problem};
use crate::text::lines::Lines;
use crate::text::strings::Interner;
use crate::{Content, FormatError, LabelLists, ReadOptions, Strings, Table, shown};
use lacuna_labels::Label;
use row::Row;
use serde::de::{DeserializeSeed, Deserializer, Error as _, SeqAccess, Visitor};
use std::fmt;
use std::io::{BufRead, Seek};
use std::path::Path;
use tasks::Tasks;

pub(crate) use first::recognises;
pub use write::write_labels_jsonl;

/// Reads `{"id": "a.jpg", "labels": ["cat"], "absent": ["dog"]}`, one object a line or in an array that is the file.
///
/// # Keys
/// * The name of the row is in `id`, `image`, `path`, `file_name`, `filename`, `name` or in [`ReadOptions::id_column`]; of a
///   number and a text it is the text.
/// * The positives are in `label`, `labels`, `tags`, `categories` (or in the one of [`ReadOptions::class_columns`]): a list
///   of names, one name, a list of class numbers counted from 0, one number, or a list with a label for each class (see
///   [`NumberLists`]). Or `labels` is an object, `{"cat": 1, "dog": 0}`, whose values are 1, 0, -1, true, false or null as the
///   convention has them. A text is split as a cell of CSV is.
/// * The observed negatives are in `absent` or `negatives`, as names or numbers.
/// * Where [`ReadOptions::class_columns`] are several, each is a key with the label of a class.
/// * The tasks of Label Studio have their labels in `annotations`, as choices, and their name in `data`.
///
/// Other keys, and those in [`ReadOptions::ignored_columns`], are ignored. A row without a key for labels is an error: one
/// without labels has an empty list or null. What is not listed is unknown unless [`ReadOptions::unlisted`] says otherwise.
///
/// # Errors
/// [`FormatError::Text`] with line and column.
pub(crate) fn read(path: &Path, options: &ReadOptions) -> Result<Content, FormatError> {
    parse(open_buffered(path)?, path, options).map(Content::from)
}

pub(crate) fn parse(
    mut reader: impl BufRead + Seek,
    path: &Path,
    options: &ReadOptions,
) -> Result<Table, FormatError> {
    let mut split = Split::of(options, path)?;
    let mut numbers_are_classes = false;
    loop {
        reader.rewind().map_err(FormatError::io(path))?;
        let mut rows = Rows::new(options, split.clone(), numbers_are_classes);
        if let Err(error) = rows.fill(&mut reader, path) {
            // Lists that were taken for labels of two classes were numbers of classes.
            if rows.restart && !numbers_are_classes {
                numbers_are_classes = true;
                continue;
            }
            return Err(error);
        }
        if split == Split::Undecided && !rows.classes.are_given() {
            let found =
                joined::decide(&rows.cells, false).map_err(|ambiguous| rows.at_cell(path, &ambiguous))?;
            if let Some(separator) = found.separator {
                split = Split::At(separator.into());
                continue;
            }
            rows.notes.extend(found.note.map(|note| format!("{}: {note}", printed(path))));
        }
        return rows.table(path);
    }
}

/// The rows of a file while they are read.
struct Rows<'a> {
    options: &'a ReadOptions,
    split: Split,
    names: Strings,
    classes: Classes,
    /// The classes that were given: those that are found grow while a text is read.
    given: Classes,
    /// The classes are only known at the end, so the lists get them then.
    lists: LabelLists,
    numbers: NumberLists,
    /// Texts that may have several labels.
    cells: Interner,
    /// The line, or in an array the row, of each of them.
    cell_places: Vec<u64>,
    /// The line at hand, nothing in an array.
    line: Option<u64>,
    tasks: Tasks,
    /// What is wrong with a row; the parser's error says where.
    problem: Option<Problem>,
    /// Whether the file has to be read again with lists as numbers of classes.
    restart: bool,
    notes: Vec<String>,
}

impl<'a> Rows<'a> {
    fn new(options: &'a ReadOptions, split: Split, numbers_are_classes: bool) -> Self {
        Self {
            options,
            split,
            names: Strings::new(),
            classes: Classes::new(options),
            given: Classes::new(options),
            lists: LabelLists::new(Strings::new(), options.unlisted.unwrap_or(Label::Unknown)),
            numbers: NumberLists::new(options, numbers_are_classes),
            cells: Interner::new(Strings::new()),
            cell_places: Vec::new(),
            line: None,
            tasks: Tasks::default(),
            problem: None,
            restart: false,
            notes: Vec::new(),
        }
    }

    fn fill(&mut self, reader: &mut impl BufRead, path: &Path) -> Result<(), FormatError> {
        if first::is_array(reader).map_err(FormatError::io(path))? {
            let limits = self.options.limits;
            return json(reader, path, &limits, Array(self)).map_err(|error| {
                match (error, self.problem.take()) {
                    (FormatError::Text { path, line, column, .. }, Some(problem)) => {
                        FormatError::text(&path, line, column, problem)
                    }
                    (error, _) => error,
                }
            });
        }
        let mut lines = Lines::new(reader, path, &self.options.limits);
        while let Some((number, line)) = lines.next_filled()? {
            self.line = Some(number);
            let mut deserializer = serde_json::Deserializer::from_str(line);
            let read = Row(self).deserialize(&mut deserializer);
            if let Err(error) = read.and_then(|()| deserializer.end()) {
                let column = (error.column() as u64).max(1);
                let problem = self.problem.take().unwrap_or_else(|| json_problem(&error).into());
                return Err(FormatError::text(path, number, column, problem));
            }
        }
        self.notes.extend(lines.note());
        Ok(())
    }

    /// Ends a row that was read.
    fn end_row(&mut self, name: &str) -> Result<(), String> {
        if name.is_empty() {
            return Err("the row has no name".into());
        }
        match self.lists.class_named_twice() {
            Err(bytes) => {
                return Err(format!("not enough memory for the labels of a row: {bytes} bytes are needed"));
            }
            Ok(Some(class)) => {
                let name = self.classes.names().get(class).map_or_else(|| class.to_string(), shown);
                return Err(format!("the class `{name}` is listed twice"));
            }
            Ok(None) => {}
        }
        if self.numbers.any() && !self.classes.are_given() && !self.classes.names().is_empty() {
            return Err("the file has numbers and names of classes: write all labels in one way".into());
        }
        if !self.names.push(name) {
            return Err("the names take more than 4 GiB".into());
        }
        self.lists.end_row();
        Ok(())
    }

    /// The error for a text that may have one label or several.
    fn at_cell(&self, path: &Path, ambiguous: &joined::Ambiguous) -> FormatError {
        let number = self.cells.get(&ambiguous.cell);
        let place = number.and_then(|number| self.cell_places.get(number as usize)).copied().unwrap_or(1);
        match self.line {
            Some(_) => FormatError::text(path, place, 1, ambiguous.problem.clone()),
            None => {
                let problem = format!("row {place} (counted from 0): {}", ambiguous.problem);
                FormatError::text(path, 1, 1, problem)
            }
        }
    }

    fn table(self, path: &Path) -> Result<Table, FormatError> {
        let Self { names, classes, mut lists, numbers, tasks, mut notes, .. } = self;
        if names.is_empty() {
            return Err(FormatError::Empty { path: path.into(), what: "rows" });
        }
        unique(path, &names)?;
        notes.extend(tasks.notes(path)?);
        let (numbered, labels) = numbers.finish(path, names.len())?;
        let lists = match labels {
            Some(labels) => labels,
            None => {
                lists.classes = numbered.unwrap_or_else(|| classes.into_names());
                lists
            }
        };
        Ok(Table { notes, ..Table::of_lists(path, Some(names), lists) })
    }
}

/// An array of rows that is a whole file.
struct Array<'a, 'b>(&'a mut Rows<'b>);

impl<'de> DeserializeSeed<'de> for Array<'_, '_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Array<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of objects with the keys `id` and `labels`")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(Row(self.0))?.is_some() {
            if self.0.names.len() >= u32::MAX as usize {
                return Err(A::Error::custom("there are more than 2^32 rows"));
            }
        }
        Ok(())
    }
}
