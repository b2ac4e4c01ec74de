//! LIBSVM with several labels, and the text of the extreme-classification repository.

mod line;

use crate::arrays::range::not_finite;
use crate::error::printed;
use crate::input::open_buffered;
use crate::labels::names::{Classes, numbered_classes};
use crate::shown;
use crate::text::lines::Lines;
use crate::text::strings::push;
use crate::{
    Content, FeatureTable, FormatError, LabelLists, LabelTable, ReadOptions, SparseFeatures, Strings, Table,
};
use lacuna_labels::Label;
use line::{Header, header, is_entry, label_number, looks_like_a_number, number, offset};
use std::io::BufRead;
use std::path::Path;

/// Reads rows `3,7 0:0.5 12:1`: labels by comma, then columns and values.
///
/// The first line may announce `rows columns labels`, `rows columns` or `rows`; then everything is checked against it,
/// and a truncated file is detected. Without it there are as many columns and labels as the largest numbers ask for.
/// Numbers of columns and labels are absolute ([`Table::absolute`]). Labels are counted from 0, columns as well unless
/// [`ReadOptions::one_based`] says otherwise. Labels may be words: the classes are then the words in the order in which
/// they first occur. A row may have no label (it then starts with a blank or with its first feature) or no feature. A
/// label that is not listed is negative unless [`ReadOptions::unlisted`] says otherwise. Comments begin with `#`; `qid`
/// is read and not used.
///
/// A file without labels in any row has features alone. With [`ReadOptions::labels`], a file of rows `3,7` has labels
/// alone, and so has a file of rows `3:1 7:1`.
///
/// # Errors
/// [`FormatError::Text`] with line and column.
pub(crate) fn read(path: &Path, options: &ReadOptions) -> Result<Content, FormatError> {
    parse(open_buffered(path)?, path, options).map(Content::from)
}

/// Largest number of a label or column that is read.
const MOST: u64 = 1 << 30;

type Problem = (usize, String);

pub(crate) fn parse(reader: impl BufRead, path: &Path, options: &ReadOptions) -> Result<Table, FormatError> {
    let mut lines = Lines::new(reader, path, &options.limits);
    let mut rows = Rows::new(path, options);
    // A first line that is one number may be a header or a row: what follows says which.
    let mut single: Option<(u64, u64)> = None;
    let mut first = true;
    while let Some((at_line, line)) = lines.next()? {
        let Some(line) = line::without_comment(line) else { continue };
        if std::mem::take(&mut first)
            && let Some(found) = header(line, MOST)
        {
            match found.second {
                Some(_) => rows.header = Some(found),
                None => single = Some((at_line, found.rows)),
            }
            continue;
        }
        if let Some((at_single, number)) = single.take() {
            if line.contains(':') {
                rows.header = Some(Header { rows: number, second: None, labels: None });
                rows.guessed = true;
            } else {
                rows.single = Some(number);
                rows.row(&number.to_string(), at_single)?;
            }
        }
        rows.row(line, at_line)?;
    }
    if let Some((at_single, number)) = single {
        rows.row(&number.to_string(), at_single)?;
    }
    let end = lines.number();
    Ok(rows.table(end)?.noted(lines.note()))
}

/// How labels are written, which the first one says.
enum Names {
    Undecided,
    Numbers,
    Words(Classes),
}

/// The rows that were read.
struct Rows<'a> {
    path: &'a Path,
    options: &'a ReadOptions,
    header: Option<Header>,
    /// Whether the header is a single number, which could be a label as well.
    guessed: bool,
    /// A single number in the first line that was read as a row.
    single: Option<u64>,
    rows: u64,
    /// Rows are pushed here once there is a feature.
    features: SparseFeatures,
    /// Rows are pushed here once there is a label.
    lists: LabelLists,
    names: Names,
    /// One more than the largest number of a label, and the line it is in.
    labels: (u64, u64),
    of_row: Vec<u32>,
    /// Whether rows are `label:1`.
    pairs: bool,
    /// Whether a row starts as one with labels does: with a label or with a blank.
    labelled: bool,
    /// The first line that is empty, and how many are.
    empty: Option<u64>,
    empty_lines: u64,
    /// Rows with a `qid`.
    queries: u64,
}

impl<'a> Rows<'a> {
    fn new(path: &'a Path, options: &'a ReadOptions) -> Self {
        Self {
            path,
            options,
            header: None,
            guessed: false,
            single: None,
            rows: 0,
            features: SparseFeatures::new(0),
            lists: LabelLists::new(Strings::new(), options.unlisted.unwrap_or(Label::Negative)),
            names: Names::Undecided,
            labels: (0, 1),
            of_row: Vec::new(),
            pairs: false,
            labelled: false,
            empty: None,
            empty_lines: 0,
            queries: 0,
        }
    }

    fn row(&mut self, line: &str, number: u64) -> Result<(), FormatError> {
        if line.trim().is_empty() && !line.starts_with([' ', '\t']) {
            self.empty.get_or_insert(number);
            self.empty_lines += 1;
            self.rows += 1;
            return Ok(());
        }
        let parts = line::split(line);
        if self.rows == self.empty_lines {
            self.pairs = self.options.labels && parts.labels.is_empty() && is_entry(parts.entries);
        }
        let outcome = match self.pairs {
            true => self.label_pairs(line),
            false => self.labels_of(line, parts.labels).and_then(|()| self.entries(line, parts.entries)),
        };
        let outcome = outcome.and_then(|()| self.push_labels(number));
        outcome.map_err(|(at, problem)| FormatError::text(self.path, number, at as u64 + 1, problem))?;
        self.labelled |= !parts.labels.is_empty() || line.starts_with([' ', '\t']);
        self.rows += 1;
        Ok(())
    }

    /// Labels by comma.
    fn labels_of(&mut self, line: &str, labels: &str) -> Result<(), Problem> {
        self.of_row.clear();
        for label in labels.split(',').filter(|_| !labels.is_empty()) {
            let label = label.trim();
            let at = offset(line, label);
            let class = self.class(label).map_err(|problem| (at, problem))?;
            self.push_label(class)?;
        }
        Ok(())
    }

    fn class(&mut self, label: &str) -> Result<u64, String> {
        if label.is_empty() {
            return Err("missing label beside the comma".into());
        }
        if is_entry(label) {
            return Err(format!("missing label after the comma, found `{}`", shown(label)));
        }
        let is_number = looks_like_a_number(label);
        if let Names::Undecided = self.names {
            self.names = if is_number { Names::Numbers } else { Names::Words(Classes::new(self.options)) };
        }
        let most = self.most_labels();
        match &mut self.names {
            Names::Words(_) if label.contains(':') => {
                Err(format!("invalid label `{}`: a label has no colon", shown(label)))
            }
            Names::Words(_) if is_number && self.options.classes.is_none() => Err(format!(
                "the label `{}` is a number, and those before are words: write every label in the same way, or list the \
                 classes",
                shown(label)
            )),
            Names::Words(classes) => {
                let class = u64::from(classes.find(label)?);
                // The names take more memory than a file of short lines may.
                let most = self.options.limits.entries;
                match self.options.classes.is_none() && class >= most {
                    true => {
                        Err(format!("there are more than {most} labels that are words: list the classes"))
                    }
                    false => Ok(class),
                }
            }
            Names::Numbers if !is_number => Err(format!(
                "invalid label `{}`: expected a number below {most}, as the labels before are numbers",
                shown(label)
            )),
            Names::Numbers | Names::Undecided => {
                let number = label_number(label).filter(|&number| number < most);
                number.ok_or_else(|| {
                    format!("invalid label `{}`: expected a number below {most}", shown(label))
                })
            }
        }
    }

    fn most_labels(&self) -> u64 {
        let pairs = self.header.filter(|_| self.pairs).and_then(|header| header.second);
        self.header.and_then(|header| header.labels).or(pairs).unwrap_or(MOST)
    }

    /// Columns and values.
    fn entries(&mut self, line: &str, entries: &str) -> Result<(), Problem> {
        let most = self.header.and_then(|header| header.second).unwrap_or(MOST);
        let mut some = false;
        for (place, entry) in entries.split_ascii_whitespace().enumerate() {
            let at = offset(line, entry);
            let form = || (at, format!("invalid entry `{}`: expected `column:value`", shown(entry)));
            let (column, text) = entry.split_once(':').ok_or_else(form)?;
            if place == 0 && column == "qid" {
                number(text).ok_or_else(|| {
                    (at, format!("invalid entry `{}`: expected `qid:number`", shown(entry)))
                })?;
                self.queries += 1;
                continue;
            }
            let column = number(column).ok_or_else(form)?;
            let column = match self.options.one_based {
                true => column.checked_sub(1).ok_or((at, "columns are counted from 1".to_string()))?,
                false => column,
            };
            if column >= most {
                return Err((at, format!("invalid column {column}: expected a number below {most}")));
            }
            let value: f32 = text.parse().map_err(|_| form())?;
            if !value.is_finite() {
                return Err((at, not_finite(text, self.rows as usize, column as usize)));
            }
            if !std::mem::replace(&mut some, true) {
                fill_features(&mut self.features, self.rows);
            }
            self.features.push(column as usize, value);
        }
        match some.then(|| self.features.end_row()).flatten() {
            Some(column) => Err((0, format!("duplicate column {column}"))),
            None => Ok(()),
        }
    }

    /// Labels written as `3:1 7:1`.
    fn label_pairs(&mut self, line: &str) -> Result<(), Problem> {
        self.of_row.clear();
        let most = self.most_labels();
        for entry in line.split_ascii_whitespace() {
            let at = offset(line, entry);
            let form = || (at, format!("invalid entry `{}`: expected `label:1`", shown(entry)));
            let (label, value) = entry.split_once(':').ok_or_else(form)?;
            if label_number(value) != Some(1) {
                return Err(form());
            }
            let label = number(label).ok_or_else(form)?;
            if label >= most {
                return Err((at, format!("invalid label `{label}`: expected a number below {most}")));
            }
            self.push_label(label)?;
        }
        Ok(())
    }

    fn push_label(&mut self, label: u64) -> Result<(), Problem> {
        push(&mut self.of_row, u32::try_from(label).expect("labels are below 2^30"));
        // Different labels take more text than memory, and a label may not be repeated.
        match self.of_row.len() >= 1024 && self.of_row.len().is_power_of_two() {
            true => self.sort_labels(),
            false => Ok(()),
        }
    }

    /// Sorts the labels of the row at hand, none of which may be listed twice.
    fn sort_labels(&mut self) -> Result<(), Problem> {
        self.of_row.sort_unstable();
        let Some(pair) = self.of_row.windows(2).find(|pair| pair[0] == pair[1]) else { return Ok(()) };
        let label = match &self.names {
            Names::Words(classes) => format!("`{}`", shown(&classes.names()[pair[0] as usize])),
            Names::Undecided | Names::Numbers => pair[0].to_string(),
        };
        Err((0, format!("duplicate label {label}")))
    }

    fn push_labels(&mut self, line: u64) -> Result<(), Problem> {
        self.sort_labels()?;
        let Some(&last) = self.of_row.last() else { return Ok(()) };
        if u64::from(last) >= self.labels.0 {
            self.labels = (u64::from(last) + 1, line);
        }
        fill_lists(&mut self.lists, self.rows);
        self.of_row.iter().for_each(|&label| self.lists.push(label as usize, Label::Positive));
        self.lists.end_row();
        Ok(())
    }

    /// What was read, with `end` lines.
    fn table(mut self, end: u64) -> Result<Table, FormatError> {
        let (path, rows) = (self.path, self.rows);
        if rows == 0 && self.header.is_none_or(|header| header.rows == 0) {
            return Err(FormatError::Empty { path: path.into(), what: "rows" });
        }
        self.check_rows(end)?;
        let labels_alone = self.pairs || (self.options.labels && self.features.rows() == 0);
        if let (Some(line), None, false) = (self.empty, self.header, labels_alone) {
            let problem = "the line is empty: a row without a label starts with a blank";
            return Err(FormatError::text(path, line, 1, problem));
        }
        // Words and nothing else may be anything, so that labels alone have to be asked for.
        if let (Names::Words(_), 0, false) = (&self.names, self.features.rows(), labels_alone) {
            return Err(FormatError::Empty { path: path.into(), what: "features" });
        }
        let notes = self.notes();
        let (second, announced) = self.header.map_or((None, None), |header| (header.second, header.labels));
        let announced = announced.or(second.filter(|_| labels_alone));
        let features = (!labels_alone).then(|| {
            fill_features(&mut self.features, rows);
            self.features.widen(second.unwrap_or_default() as usize);
            FeatureTable::Sparse(self.features)
        });
        let base = Table { features, absolute: true, notes, ..Table::default() };
        let has_labels = labels_alone || self.labelled || announced.is_some();
        if !has_labels {
            return Ok(Table { path: path.into(), ..base });
        }
        let (found, line) = self.labels;
        if announced.is_some_and(|announced| found > announced) {
            let problem = format!(
                "label {} is out of range: the header announces {}",
                found - 1,
                announced.unwrap_or_default()
            );
            return Err(FormatError::text(path, line, 1, problem));
        }
        fill_lists(&mut self.lists, rows);
        let labels = announced.unwrap_or(found);
        self.lists.classes = match (self.names, &self.options.classes) {
            (Names::Words(classes), _) => classes.into_names(),
            (_, Some(classes)) if classes.len() as u64 >= labels => classes.clone(),
            (_, Some(classes)) => {
                let problem =
                    format!("the file has {labels} labels, but {} classes are named", classes.len());
                return Err(FormatError::text(path, 1, 1, problem));
            }
            (_, None) => {
                let bytes = std::fs::metadata(path).map_or(0, |file| file.len());
                let allowed = self.options.limits.unnamed(bytes).max(rows);
                FormatError::within(path, "labels without names", labels, allowed)?;
                numbered_classes(path, labels as usize)?
            }
        };
        let classes = self.lists.classes.clone();
        Ok(Table { path: path.into(), labels: Some(LabelTable::Lists(self.lists)), classes, ..base })
    }

    /// Whether there are as many rows as the header announces.
    fn check_rows(&self, end: u64) -> Result<(), FormatError> {
        let found = self.rows;
        let Some(announced) = self.header.map(|header| header.rows).filter(|&rows| rows != found) else {
            return Ok(());
        };
        let why = if self.guessed {
            format!(
                "; is the first line a row with the label {announced}? Then write a header in front: rows columns labels"
            )
        } else if found < announced {
            ": the file is truncated".to_string()
        } else {
            ": the header is wrong, or the file was concatenated from several".to_string()
        };
        let problem = format!("the header announces {announced} rows, found {found}{why}");
        Err(FormatError::text(self.path, end, 1, problem))
    }

    /// Notes.
    fn notes(&self) -> Vec<String> {
        let path = printed(self.path);
        let mut notes = Vec::new();
        if let (true, Some(header)) = (self.guessed, self.header) {
            notes.push(format!("{path}: the first line, {}, is read as the number of rows", header.rows));
        }
        if let Some(number) = self.single
            && number + 1 == self.rows
        {
            notes.push(format!(
                "{path}: the first line, {number}, is read as a row with that label, not as the number of rows"
            ));
        }
        if self.empty_lines > 0 {
            notes.push(format!("{path}: {} empty lines are read as rows without a label", self.empty_lines));
        }
        if self.queries > 0 {
            notes.push(format!("{path}: the query numbers (qid) of {} rows are not used", self.queries));
        }
        if let (Names::Words(classes), Some(announced)) =
            (&self.names, self.header.and_then(|header| header.labels))
            && (classes.names().len() as u64) < announced
        {
            let found = classes.names().len();
            notes.push(format!(
                "{path}: the header announces {announced} labels, and {found} occur: the others have no name and are left \
                 out"
            ));
        }
        notes
    }
}

/// Ends rows without a feature until there are so many.
fn fill_features(features: &mut SparseFeatures, rows: u64) {
    while (features.rows() as u64) < rows {
        features.end_row();
    }
}

/// Ends rows without a label until there are so many.
fn fill_lists(lists: &mut LabelLists, rows: u64) {
    while (lists.rows() as u64) < rows {
        lists.end_row();
    }
}

#[cfg(test)]
mod tests;
