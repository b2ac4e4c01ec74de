//! Labels as CSV or TSV: wide (a column for each class) and long (a line for each label).

use crate::chunks::Chunks;
use crate::input::open_buffered;
use crate::labels::names::{Classes, unique};
use crate::shown;
use crate::text::delimited::{Records, push_name};
use crate::text::strings::Interner;
use crate::{
    Content, Destination, FormatError, LabelConvention, LabelLists, LabelSheet, LabelTable, ReadOptions,
    Strings, Table, write_atomic,
};
use lacuna_labels::{Label, LabelMatrix};
use std::io::BufRead;
use std::path::Path;

/// How labels are laid out in a CSV file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CsvLayout {
    /// A row a line, a column a class: `id,cat,dog` and `a.jpg,1,0`.
    Wide,
    /// A label a line: `id,label` or `id,label,value`.
    Long,
}

/// Words for a column of row names, of class names and of values, in lower case.
const IDS: &[&str] =
    &["id", "image", "imageid", "image_id", "filename", "file_name", "file", "name", "path", "row"];
const LABELS: &[&str] =
    &["label", "labels", "class", "category", "labelname", "label_name", "class_name", "tag"];
const VALUES: &[&str] = &["value", "present", "confidence", "label_value", "observed"];

/// Reads labels from CSV (comma, semicolon or tab; the first line says which).
///
/// The first line names the columns. **Long** is a file with a column called `label`, `class`, `category`, `LabelName` or
/// `tag` beside one called `id`, `image`, `ImageID`, `filename` or `name`, and maybe one called `value`, `present` or
/// `confidence`; other columns are passed over. Every other file is **wide**: the first column is the row's name, every other
/// one a class.
///
/// A cell is 1, 0, -1 or blank. Blank is unknown; without a convention 0 is a negative and -1 an error. What a long
/// file does not list is unknown unless [`ReadOptions::unlisted`] says otherwise. Rows come out in the order in which they
/// appear, classes as well.
///
/// A name that starts with `'` and then, maybe behind more of them, with `=`, `+`, `-`, `@`, a tab or a carriage return
/// loses one `'`: [`write_labels_csv`] puts it there, so that a spreadsheet does not take the name for a formula.
///
/// # Errors
/// [`FormatError::Text`] with line and column.
pub(crate) fn read(path: &Path, options: &ReadOptions) -> Result<Content, FormatError> {
    parse(open_buffered(path)?, path, options).map(Content::from)
}

pub(crate) fn parse(reader: impl BufRead, path: &Path, options: &ReadOptions) -> Result<Table, FormatError> {
    let mut records = Records::new(reader, path, &options.limits);
    if !records.read()? || records.len() < 2 {
        return Err(records_error(
            path,
            "the first line names the columns: the row's, then at least one class",
        ));
    }
    let column = |words: &[&str]| {
        (0..records.len()).find(|&i| words.contains(&records.field(i).to_ascii_lowercase().as_str()))
    };
    let values = column(VALUES);
    match (column(IDS), column(LABELS)) {
        (Some(id), Some(label)) => long(&mut records, id, label, values, options),
        _ => wide(&mut records, options),
    }
    .map(|table| table.noted(records.note()))
}

fn records_error(path: &Path, problem: &str) -> FormatError {
    FormatError::text(path, 1, 1, problem)
}

fn wide(records: &mut Records<'_, impl BufRead>, options: &ReadOptions) -> Result<Table, FormatError> {
    let path = records.path();
    let mut classes = Strings::new();
    for i in 1..records.len() {
        if records.field(i).is_empty() {
            return Err(records.error(i, "a class has no name"));
        }
        if !classes.push(records.name(i)) {
            return Err(records.error(i, "the names take more than 4 GiB"));
        }
    }
    if let Some((later, earlier)) = classes.duplicate() {
        let problem = format!("the class `{}` has column {} already", shown(&classes[later]), earlier + 2);
        return Err(records.error(later + 1, problem));
    }
    let columns = records.len();
    let mut names = Names::default();
    // Every cell of a wide file is written down, so the labels are dense from the start.
    let mut cells = Chunks::default();
    while records.read()? {
        if records.len() != columns {
            let problem = format!("the line has {} fields where the first has {columns}", records.len());
            return Err(records.error(columns.min(records.len()), problem));
        }
        names.push(records, 0)?;
        for i in 1..columns {
            let label = LabelConvention::read(options.convention, records.field(i));
            cells.push(label.map_err(|problem| records.error(i, problem))?);
        }
    }
    let names = names.unique(path)?;
    if names.is_empty() {
        return Err(FormatError::Empty { path: path.into(), what: "rows" });
    }
    let cells = cells.into_vec().map_err(|bytes| FormatError::memory(path, "the labels", bytes))?;
    let matrix = LabelMatrix::new(names.len(), classes.len(), cells).expect("as many as columns");
    let labels = Some(LabelTable::Dense(matrix.into()));
    Ok(Table { path: path.into(), names: Some(names), labels, classes, ..Table::default() })
}

fn long(
    records: &mut Records<'_, impl BufRead>,
    id: usize,
    label: usize,
    value: Option<usize>,
    options: &ReadOptions,
) -> Result<Table, FormatError> {
    let path = records.path();
    let mut classes = Classes::new(options);
    // A file may come back to a row, so rows are collected first and their labels sorted into them afterwards.
    let mut rows = Interner::new(Strings::new());
    let mut entries = Chunks::default(); // (row, class << 2 | label + 1)
    while records.read()? {
        let needed = id.max(label).max(value.unwrap_or(0));
        if records.len() <= needed {
            let problem = format!("the line has {} fields, and {} are needed", records.len(), needed + 1);
            return Err(records.error(records.len(), problem));
        }
        let name = records.name(id);
        if name.is_empty() {
            return Err(records.error(id, "the row has no name"));
        }
        let row = rows.number(name).ok_or_else(|| records.error(id, "the names take more than 4 GiB"))?;
        // A line without a label says that there is such a row.
        if records.field(label).is_empty() {
            continue;
        }
        let class = classes.find(records.name(label)).map_err(|problem| records.error(label, problem))?;
        let found = match value {
            None => Label::Positive,
            Some(value) => LabelConvention::read(options.convention, records.field(value))
                .map_err(|problem| records.error(value, problem))?,
        };
        entries.push((row, class << 2 | (found as i8 + 1) as u32));
    }
    let names = rows.into_strings();
    let classes = classes.into_names();
    let mut entries = entries.into_vec().map_err(|bytes| FormatError::memory(path, "the labels", bytes))?;
    entries.sort_unstable();
    entries.dedup();
    let cell = |entry: &(u32, u32)| (entry.0, entry.1 >> 2);
    if let Some(pair) = entries.windows(2).find(|pair| cell(&pair[0]) == cell(&pair[1])) {
        let (row, class) = cell(&pair[0]);
        let (row, class) = (shown(&names[row as usize]), shown(&classes[class as usize]));
        let problem = format!("row `{row}`, class `{class}` has two different labels");
        return Err(FormatError::text(path, records.line(), 1, problem));
    }
    let mut lists = LabelLists::new(classes, options.unlisted.unwrap_or(Label::Unknown));
    let mut entries = entries.into_iter().peekable();
    for row in 0..names.len() as u32 {
        while let Some((_, entry)) = entries.next_if(|entry| entry.0 == row) {
            let label = match entry & 3 {
                0 => Label::Negative,
                1 => Label::Unknown,
                _ => Label::Positive,
            };
            lists.push((entry >> 2) as usize, label);
        }
        lists.end_row();
    }
    drop(entries);
    Ok(Table::of_lists(path, Some(names), lists))
}

/// Names of rows while they are read, and the lines they stand on.
#[derive(Default)]
pub(crate) struct Names {
    names: Strings,
}

impl Names {
    fn push(&mut self, records: &Records<'_, impl BufRead>, field: usize) -> Result<(), FormatError> {
        if records.field(field).is_empty() {
            return Err(records.error(field, "the row has no name"));
        }
        match self.names.push(records.name(field)) {
            true => Ok(()),
            false => Err(records.error(field, "the names take more than 4 GiB")),
        }
    }

    fn unique(self, path: &Path) -> Result<Strings, FormatError> {
        unique(path, &self.names)?;
        Ok(self.names)
    }
}

/// Writes labels as CSV, or as TSV where the file is called so; whole or not at all.
///
/// 1 is a positive, 0 a negative and blank unknown; reading needs no convention. A long file lists positives and
/// negatives, and rows of which nothing is known with an empty label. A name that a spreadsheet would take for a formula,
/// because it starts with `=`, `+`, `-`, `@`, a tab or a carriage return, or with one of these behind any number of `'`,
/// gets a `'` in front; our reader takes it off again.
///
/// ```
/// use lacuna_formats::{CsvLayout, LabelSheet, Strings, write_labels_csv};
/// use lacuna_labels::{Label, LabelMatrix};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("labels.csv");
/// let (names, classes) = (Strings::from(vec!["a.jpg"]), Strings::from(vec!["cat", "dog"]));
/// let labels = LabelMatrix::new(1, 2, vec![Label::Positive, Label::Unknown])?;
/// write_labels_csv(&path, LabelSheet { names: &names, classes: &classes, labels: &labels }, CsvLayout::Wide)?;
/// assert_eq!(std::fs::read_to_string(&path)?, "id,cat,dog\na.jpg,1,\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`FormatError::Unwritable`] where names are missing or stand for two rows, [`FormatError::Exists`] where there is a file already, [`FormatError::Io`].
pub fn write_labels_csv<'a>(
    destination: impl Into<Destination<'a>>,
    sheet: LabelSheet<'_>,
    layout: CsvLayout,
) -> Result<(), FormatError> {
    let destination = destination.into();
    let path = destination.path();
    sheet.check(path)?;
    let delimiter = if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("tsv")) { '\t' } else { ',' };
    let LabelSheet { names, classes, labels } = sheet;
    if let Some(name) =
        names.iter().chain(classes.iter()).find(|name| name.trim() != *name || name.is_empty())
    {
        let problem = format!(
            "the name `{}` is empty or starts or ends with a blank, which is lost in CSV",
            shown(name)
        );
        return Err(FormatError::Unwritable { path: path.into(), problem });
    }
    let mut line = String::new();
    let written = write_atomic(destination, |file| {
        line.push_str("id");
        match layout {
            CsvLayout::Wide => classes.iter().for_each(|class| {
                line.push(delimiter);
                push_name(&mut line, class, delimiter);
            }),
            CsvLayout::Long => {
                for word in ["label", "value"] {
                    line.push(delimiter);
                    line.push_str(word);
                }
            }
        }
        line.push('\n');
        file.write_all(line.as_bytes())?;
        for (row, name) in names.iter().enumerate() {
            line.clear();
            match layout {
                CsvLayout::Wide => {
                    push_name(&mut line, name, delimiter);
                    for label in labels.row(row) {
                        line.push(delimiter);
                        line.push_str(match label {
                            Label::Positive => "1",
                            Label::Negative => "0",
                            Label::Unknown => "",
                        });
                    }
                    line.push('\n');
                }
                CsvLayout::Long => {
                    let known = labels.row(row).iter().enumerate().filter(|(_, label)| label.is_known());
                    for (class, label) in known {
                        push_name(&mut line, name, delimiter);
                        line.push(delimiter);
                        push_name(&mut line, &classes[class], delimiter);
                        line.push(delimiter);
                        line.push_str(if label.is_positive() { "1\n" } else { "0\n" });
                    }
                    if line.is_empty() {
                        push_name(&mut line, name, delimiter);
                        line.extend([delimiter, delimiter, '\n']);
                    }
                }
            }
            file.write_all(line.as_bytes())?;
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
        let path = Path::new("x.csv");
        let table = parse(text.as_bytes(), path, options).map_err(|error| error.to_string())?;
        let labels = table.labels.unwrap().to_observed(path, &options.limits).unwrap();
        Ok((table.names.unwrap().to_vec(), table.classes.to_vec(), labels.cells().to_vec()))
    }

    #[test]
    fn wide_files() {
        let options = ReadOptions::default();
        let (names, classes, labels) = read_text("image,cat,dog\na.jpg,1,0\nb.jpg,,1\n", &options).unwrap();
        assert_eq!(
            (names, classes),
            (vec!["a.jpg".into(), "b.jpg".into()], vec!["cat".to_string(), "dog".into()])
        );
        assert_eq!(labels, [P, N, U, P]);
        let error = |text| read_text(text, &options).unwrap_err();
        assert!(error("id,cat\na,-1\n").starts_with("x.csv: line 2, column 3: -1 means"));
        assert_eq!(
            error("id,cat\na,1,0\n"),
            "x.csv: line 2, column 5: the line has 3 fields where the first has 2"
        );
        assert_eq!(
            error("id,cat\na,yes\n"),
            "x.csv: line 2, column 3: `yes` is no label: 1, 0, -1 or nothing"
        );
        assert!(error("id,cat,cat\n").contains("line 1, column 8: the class `cat` has column 2 already"));
        assert!(error("id,cat\na,1\na,0\n").contains("the name `a` stands for row 0 and for row 1"));
        assert!(error("").contains("the first line names the columns"));
        assert!(error("id,cat\n,1\n").contains("the row has no name"));
        let csl = ReadOptions { convention: Some(LabelConvention::Csl), ..options.clone() };
        assert_eq!(read_text("id,cat,dog\na,-1,0\n", &csl).unwrap().2, [U, N]);
    }

    #[test]
    fn long_files() {
        let options = ReadOptions::default();
        let text = "ImageID,Source,LabelName,Confidence\nb,x,dog,1\na,x,cat,0\nb,x,cat,1\nc,x,,\n";
        let (names, classes, labels) = read_text(text, &options).unwrap();
        assert_eq!(names, ["b", "a", "c"]);
        assert_eq!(classes, ["dog", "cat"]);
        assert_eq!(labels, [P, P, U, N, U, U]);
        let negative = ReadOptions { unlisted: Some(N), ..options.clone() };
        assert_eq!(read_text("id,label\na,cat\nb,dog\n", &negative).unwrap().2, [P, N, N, P]);
        let given = ReadOptions { classes: Some(vec!["dog", "cat"].into()), ..options.clone() };
        assert_eq!(read_text("id,label\na,cat\n", &given).unwrap().2, [U, P]);
        assert!(
            read_text("id,label\na,cow\n", &given)
                .unwrap_err()
                .contains("line 2, column 3: there is no class `cow`")
        );
        let error = read_text("id,label,value\na,cat,1\na,cat,0\n", &options).unwrap_err();
        assert!(error.contains("row `a`, class `cat` has two different labels"), "{error}");
    }

    #[test]
    fn what_is_written_can_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let names = Strings::from(vec!["a,b", "=c\"d\"", "e\nf", "'-g"]);
        let classes = Strings::from(vec!["+cat; dog", "id"]);
        let labels = LabelMatrix::new(4, 2, vec![P, N, U, U, N, P, U, P]).unwrap();
        let sheet = LabelSheet { names: &names, classes: &classes, labels: &labels };
        for (file, layout) in [
            ("a.csv", CsvLayout::Wide),
            ("a.tsv", CsvLayout::Wide),
            ("b.csv", CsvLayout::Long),
            ("b.tsv", CsvLayout::Long),
        ] {
            let path = folder.path().join(file);
            write_labels_csv(&path, sheet, layout).unwrap();
            let options = ReadOptions { classes: Some(classes.clone()), ..ReadOptions::default() };
            let table = read(&path, &options).unwrap().train;
            assert_eq!(table.names.as_ref(), Some(&names), "{file}");
            let back = table.labels.unwrap().to_observed(&path, &options.limits).unwrap();
            assert_eq!(back.matrix(), &labels, "{file}");
        }
        let twice = Strings::from(vec!["a", "a", "b", "c"]);
        let path = folder.path().join("twice.csv");
        assert!(write_labels_csv(&path, LabelSheet { names: &twice, ..sheet }, CsvLayout::Wide).is_err());
        assert!(!path.exists());
    }
}
