//! A column with names of classes: a line for each label, or a line for each row with all of its labels.

use crate::csv::columns::{Columns, Layout};
use crate::csv::start;
use crate::error::printed;
use crate::labels::convention::{CellReader, number_in};
use crate::labels::joined::{self, Cell, Item, Split, each_label, parts};
use crate::labels::lists::{BadEntries, Entries};
use crate::labels::names::Classes;
use crate::labels::numbers::{NumberLists, Refused};
use crate::text::delimited::Records;
use crate::text::strings::Interner;
use crate::{FormatError, LabelLists, ReadOptions, Strings, Table, shown};
use lacuna_labels::Label;
use std::io::{BufRead, Seek};
use std::path::Path;

/// Reads a file as often as is needed to know how its cells are split: once where no cell has a separator.
pub(crate) fn read<R: BufRead + Seek>(
    reader: &mut R,
    path: &Path,
    options: &ReadOptions,
) -> Result<Table, FormatError> {
    let split = Split::of(options, path)?;
    let mut rows = read_rows(reader, path, options, &split, false)?;
    let mut note = None;
    if split == Split::Undecided && !rows.classes.are_given() {
        let found = joined::decide(rows.classes.interner(), rows.one_label);
        let found = found.or_else(|ambiguous| {
            drop(std::mem::replace(&mut rows, Rows::new(options, false)));
            Err(at_cell(reader, path, options, &ambiguous)?)
        })?;
        note = found.note.map(|note| format!("{}: {note}", printed(path)));
        if let Some(separator) = found.separator {
            drop(rows);
            let split = Split::At(separator.into());
            rows = read_rows(reader, path, options, &split, false)?;
            no_other_separator(reader, path, options, rows.classes.interner())?;
        }
    }
    table(rows, reader, path, options, &split).map(|table| table.noted(note))
}

const TOO_MANY: &str = "there are more rows or labels than can be listed";

/// What the lines of a file say.
struct Rows {
    /// A file may come back to a row, so rows are collected first and their labels sorted into them afterwards.
    rows: Interner,
    classes: Classes,
    entries: Entries,
    numbers: NumberLists,
    /// Whether the file has a line for each label: a value column, or several lines for a row.
    one_label: bool,
    notes: Vec<String>,
}

impl Rows {
    fn new(options: &ReadOptions, restarted: bool) -> Self {
        Self {
            rows: Interner::new(Strings::new()),
            classes: Classes::new(options),
            entries: Entries::default(),
            numbers: NumberLists::new(options, restarted),
            one_label: false,
            notes: Vec::new(),
        }
    }
}

fn read_rows<R: BufRead + Seek>(
    reader: &mut R,
    path: &Path,
    options: &ReadOptions,
    split: &Split,
    restarted: bool,
) -> Result<Rows, FormatError> {
    let (columns, mut records) = start(reader, path, options)?;
    let Layout::Long { label, value } = columns.layout else { unreachable!("the file is long") };
    let id = columns.id;
    let cells = CellReader::new(options);
    // The classes that are found grow while a cell is read.
    let given = Classes::new(options);
    let mut read = Rows::new(options, restarted);
    let mut lines = 0_u64;
    let mut missing = None;
    if options.positive_above.is_some() && value.is_none() {
        let problem = "--positive-above P: no column is named `value`, `confidence`, `score` or the like";
        return Err(records.error(label, problem));
    }
    let mut doubtful = Doubtful::of(&columns, value.is_some());
    while records.read()? {
        check_width(&records, &columns)?;
        let Rows { rows, classes, entries, numbers, .. } = &mut read;
        doubtful.look(&records);
        let name = records.name(id);
        if name.is_empty() {
            return Err(records.error(id, "the row has no name"));
        }
        let row = rows.number(name).ok_or_else(|| records.error(id, "the names take more than 4 GiB"))?;
        lines += 1;
        // A line without a label says that there is such a row.
        if records.field(label).is_empty() {
            continue;
        }
        let found = match value {
            None => Label::Positive,
            Some(value) => {
                cells.text(records.field(value)).map_err(|problem| records.error(value, problem))?
            }
        };
        numbers.start();
        let kind = each_label(records.name(label), split, &given, |item| {
            match item {
                Item::Name(name) => {
                    if !entries.push(row, classes.find(name)?, found) {
                        return Err(TOO_MANY.into());
                    }
                }
                Item::Number(number) => numbers.push(number, number.is_some())?,
            }
            Ok(())
        });
        let kind = kind.map_err(|problem| records.error(label, problem))?;
        match kind {
            Cell::Missing => {
                missing.get_or_insert_with(|| {
                    format!("{}: `{}` is read as a missing label", printed(path), shown(records.field(label)))
                });
            }
            Cell::Numbers if value.is_some() => {
                return Err(records.error(label, "a list of numbers cannot have a value in another column"));
            }
            Cell::Numbers => {
                let mut fits = true;
                let ended = numbers.end(row as usize, |class| {
                    fits &= entries.push(row, class, Label::Positive);
                });
                if !fits {
                    return Err(records.error(label, TOO_MANY));
                }
                match ended {
                    Ok(()) => {}
                    Err(Refused::Restart) => {
                        drop(records);
                        drop(read);
                        return read_rows(reader, path, options, split, true);
                    }
                    Err(Refused::Problem(problem)) => return Err(records.error(label, problem)),
                }
            }
            Cell::Nothing | Cell::EmptyList | Cell::Names => {}
        }
        if numbers.any() && !classes.are_given() && !classes.names().is_empty() {
            let problem = "the file has lists of numbers and names of classes: write all labels in one way";
            return Err(records.error(label, problem));
        }
    }
    // With a line for each row such a column says something of the row.
    if lines > read.rows.strings().len() as u64 {
        doubtful.refuse(&records)?;
    }
    read.one_label = value.is_some() || lines > read.rows.strings().len() as u64;
    read.notes.extend(records.note());
    read.notes.extend(missing);
    Ok(read)
}

/// Ignored columns that may hold the values of the labels: all of their cells are labels or confidences, and
/// some are not positive.
struct Doubtful(Vec<(usize, bool)>);

impl Doubtful {
    /// None where a column with labels is read already.
    fn of(columns: &Columns, has_value: bool) -> Self {
        let passed = if has_value { &[][..] } else { &columns.passed };
        Self(passed.iter().map(|&column| (column, false)).collect())
    }

    fn look(&mut self, records: &Records<'_, impl BufRead>) {
        self.0.retain_mut(|(column, negative)| {
            if *column >= records.len() {
                return true;
            }
            match number_in(records.field(*column)) {
                Some(Some(number)) if number == -1.0 || (0.0..=1.0).contains(&number) => {
                    *negative |= number < 1.0;
                    true
                }
                Some(None) => true,
                _ => false,
            }
        });
    }

    fn refuse(&self, records: &Records<'_, impl BufRead>) -> Result<(), FormatError> {
        match self.0.iter().find(|(_, negative)| *negative) {
            None => Ok(()),
            Some((column, _)) => {
                let column = column + 1;
                let problem = format!(
                    "column {column} has only labels or confidences and is not read: name it `value` if it holds \
                     the values of the labels, or leave it out with --ignore-columns"
                );
                Err(FormatError::text(records.path(), 1, 1, problem))
            }
        }
    }
}

/// Whether a line has the columns that are read, and none after the last.
fn check_width(records: &Records<'_, impl BufRead>, columns: &Columns) -> Result<(), FormatError> {
    let Layout::Long { label, value } = columns.layout else { unreachable!("the file is long") };
    let needed = columns.id.max(label).max(value.unwrap_or(0));
    let length = records.len();
    if length <= needed {
        let problem = format!("the line has {length} fields, expected {}", needed + 1);
        return Err(records.error(length, problem));
    }
    match (columns.named..length).find(|&i| !records.field(i).is_empty()) {
        None => Ok(()),
        Some(i) if i < columns.count => {
            let problem = format!("`{}` is in a column without a name: add a name", shown(records.field(i)));
            Err(records.error(i, problem))
        }
        Some(i) => {
            let problem = format!(
                "the line has {length} fields, expected {} as in the first line: put a cell with several labels in quotes",
                columns.count
            );
            Err(records.error(i, problem))
        }
    }
}

/// An error at the first line with a cell that may have one label or several.
fn at_cell<R: BufRead + Seek>(
    reader: &mut R,
    path: &Path,
    options: &ReadOptions,
    ambiguous: &joined::Ambiguous,
) -> Result<FormatError, FormatError> {
    let (columns, mut records) = start(reader, path, options)?;
    let Layout::Long { label, .. } = columns.layout else { unreachable!("the file is long") };
    while records.read()? {
        if records.len() > label && records.name(label).contains(ambiguous.cell.as_str()) {
            return Ok(records.error(label, ambiguous.problem.clone()));
        }
    }
    Ok(FormatError::text(path, 1, 1, ambiguous.problem.clone()))
}

/// Refuses labels with a comma that are left when cells were split at something else, where their parts are labels.
fn no_other_separator<R: BufRead + Seek>(
    reader: &mut R,
    path: &Path,
    options: &ReadOptions,
    classes: &Interner,
) -> Result<(), FormatError> {
    let joined = |name: &&str| {
        parts(name, ",").nth(1).is_some() && parts(name, ",").any(|part| classes.get(part).is_some())
    };
    let Some(name) = classes.strings().iter().find(joined) else { return Ok(()) };
    let problem = format!(
        "`{}` may be one label or several, because a part of it is a label as well: write all labels with the same \
         separator",
        shown(name)
    );
    let ambiguous = joined::Ambiguous { cell: name.to_string(), problem };
    Err(at_cell(reader, path, options, &ambiguous)?)
}

/// A note where the labels are what a table of one class would have in its cells.
fn looks_like_cells(path: &Path, labels: &Strings) -> Option<String> {
    const CELLS: [&str; 9] = ["yes", "no", "true", "false", "y", "n", "0", "1", "-1"];
    let is_cell = |label: &str| CELLS.iter().any(|cell| label.eq_ignore_ascii_case(cell));
    (labels.len() == 2 && labels.iter().all(is_cell)).then(|| {
        format!(
            "{}: its labels, `{}` and `{}`, are read as the names of two classes; if its second column is one class with such cells, \
             call the column by the name of the class",
            path.display(),
            shown(&labels[0]),
            shown(&labels[1])
        )
    })
}

fn table<R: BufRead + Seek>(
    read: Rows,
    reader: &mut R,
    path: &Path,
    options: &ReadOptions,
    split: &Split,
) -> Result<Table, FormatError> {
    let Rows { rows, classes, entries, numbers, mut notes, .. } = read;
    let names = rows.into_strings();
    if names.is_empty() {
        return Err(FormatError::Empty { path: path.into(), what: "rows" });
    }
    let (numbered, labels) = numbers.finish(path, names.len())?;
    let classes = numbered.unwrap_or_else(|| classes.into_names());
    notes.extend(looks_like_cells(path, labels.as_ref().map_or(&classes, |lists| &lists.classes)));
    if let Some(lists) = labels {
        return Ok(Table { notes, ..Table::of_lists(path, Some(names), lists) });
    }
    let unlisted = options.unlisted.unwrap_or(Label::Unknown);
    match LabelLists::of_entries(entries, names.len(), classes, unlisted) {
        Ok(lists) => Ok(Table { notes, ..Table::of_lists(path, Some(names), lists) }),
        Err(BadEntries::Memory(bytes)) => Err(FormatError::memory(path, "the labels", bytes)),
        Err(BadEntries::TwoLabels { row, class, classes }) => {
            Err(two_labels(reader, path, options, split, &names[row], &classes[class])?)
        }
    }
}

/// The error for a cell with two labels, with their lines: the file is read once more to find them.
fn two_labels<R: BufRead + Seek>(
    reader: &mut R,
    path: &Path,
    options: &ReadOptions,
    split: &Split,
    row: &str,
    class: &str,
) -> Result<FormatError, FormatError> {
    let (columns, mut records) = start(reader, path, options)?;
    let Layout::Long { label, value } = columns.layout else { unreachable!("the file is long") };
    let cells = CellReader::new(options);
    let given = Classes::new(options);
    let mut first: Option<(u64, Label)> = None;
    while records.read()? {
        if records.name(columns.id) != row {
            continue;
        }
        let mut has = false;
        each_label(records.name(label), split, &given, |item| {
            has |= matches!(item, Item::Name(name) if name == class);
            Ok(())
        })
        .map_err(|problem| records.error(label, problem))?;
        let found = value.map_or(Ok(Label::Positive), |value| cells.text(records.field(value)));
        let (true, Ok(found)) = (has, found) else { continue };
        match first {
            None => first = Some((records.line(), found)),
            Some((line, before)) if before != found => {
                let problem = format!(
                    "row `{}`, class `{}` has two different labels, on line {line} and on line {}: keep one of them",
                    shown(row),
                    shown(class),
                    records.line()
                );
                return Ok(FormatError::text(path, records.line(), 1, problem));
            }
            Some(_) => {}
        }
    }
    let problem = format!("row `{}`, class `{}` has two different labels", shown(row), shown(class));
    Ok(FormatError::text(path, 1, 1, problem))
}
