//! A column for each class.

use crate::chunks::Chunks;
use crate::csv::columns::{Columns, Layout};
use crate::csv::start;
use crate::labels::convention::{CellReader, is_label, number_in};
use crate::text::delimited::Records;
use crate::{FormatError, LabelTable, ReadOptions, Strings, Table, shown};
use lacuna_labels::LabelMatrix;
use std::io::{BufRead, Seek};
use std::path::Path;

/// What reading ends with.
pub(crate) enum Read {
    Table(Box<Table>),
    /// A duplicate name; the lines of its rows are not kept.
    SameName {
        name: String,
        rows: [usize; 2],
    },
}

/// Reads the rows after the first line.
pub(crate) fn read(
    mut records: Records<'_, impl BufRead>,
    columns: &Columns,
    options: &ReadOptions,
) -> Result<Read, FormatError> {
    let path = records.path();
    let Layout::Wide(class_columns) = &columns.layout else { unreachable!("the file is wide") };
    let mut classes = Strings::new();
    for &i in class_columns {
        if !classes.push(records.name(i)) {
            return Err(records.error(i, "the names take more than 4 GiB"));
        }
    }
    if let Some((later, earlier)) = classes.duplicate() {
        let (column, before) = (class_columns[later], class_columns[earlier] + 1);
        let problem = format!("the class `{}` has column {before} already", shown(&classes[later]));
        return Err(records.error(column, problem));
    }
    let reader = CellReader::of_table(options);
    let mut names = Strings::new();
    // Every cell of a wide file is written down, so the labels are dense from the start.
    let mut cells = Chunks::default();
    while records.read()? {
        check_width(&records, columns)?;
        if records.field(columns.id).is_empty() {
            return Err(records.error(columns.id, "the row has no name"));
        }
        if !names.push(records.name(columns.id)) {
            return Err(records.error(columns.id, "the names take more than 4 GiB"));
        }
        for (class, &i) in class_columns.iter().enumerate() {
            let label = reader.text(records.field(i)).map_err(|problem| {
                let name = shown(&classes[class]);
                let hint = match options.class_columns {
                    // Two columns without a header: the second has names of labels, and the first line is a row.
                    None if class_columns.len() == 1 => " (a file with names of labels needs a first line that names its columns, \
                                                          for instance `id,label`)"
                        .to_string(),
                    None => format!(
                        " (if `{name}` is not a class, leave it out with --ignore-columns `{name}`, or name the classes with \
                         --classes A,B)"
                    ),
                    Some(_) => String::new(),
                };
                records.error(i, problem.map(|problem| format!("column `{name}`: {problem}{hint}")))
            })?;
            cells.push(label);
        }
    }
    if names.is_empty() {
        return Err(FormatError::Empty { path: path.into(), what: "rows" });
    }
    if !columns.certain_id && names.iter().all(|name| number_in(name).is_some_and(is_label)) {
        let problem = "the first column has the names of rows, and every cell of it is a label: put a column `id` with names \
                       in front, or say which column has them with --id-column A";
        return Err(FormatError::text(path, 1, 1, problem));
    }
    if let Some((later, earlier)) = names.duplicate() {
        return Ok(Read::SameName { name: names[later].to_string(), rows: [earlier, later] });
    }
    let cells = cells.into_vec().map_err(|bytes| FormatError::memory(path, "the labels", bytes))?;
    let matrix = LabelMatrix::new(names.len(), classes.len(), cells).expect("as many as columns");
    let labels = Some(LabelTable::Dense(matrix.into()));
    let table = Table { path: path.into(), names: Some(names), labels, classes, ..Table::default() };
    Ok(Read::Table(Box::new(table.noted(records.note()))))
}

/// Whether a line has as many fields as the first; those without a name at the end are blank or missing.
fn check_width(records: &Records<'_, impl BufRead>, columns: &Columns) -> Result<(), FormatError> {
    let Columns { count, named, .. } = *columns;
    let length = records.len();
    if length < named || length > count {
        let problem = format!("the line has {length} fields, expected {count} as in the first line");
        return Err(records.error(count.min(length), problem));
    }
    match (named..length).find(|&i| !records.field(i).is_empty()) {
        None => Ok(()),
        Some(i) => {
            let problem = format!("`{}` is in a column without a name: add a name", shown(records.field(i)));
            Err(records.error(i, problem))
        }
    }
}

/// The lines of two rows, the earlier first.
pub(crate) fn lines_of(
    reader: &mut (impl BufRead + Seek),
    path: &Path,
    options: &ReadOptions,
    rows: [usize; 2],
) -> Result<[u64; 2], FormatError> {
    let (_, mut records) = start(reader, path, options)?;
    let mut lines = [0; 2];
    let mut row = 0;
    while row <= rows[1] && records.read()? {
        for (line, wanted) in lines.iter_mut().zip(rows) {
            if row == wanted {
                *line = records.line();
            }
        }
        row += 1;
    }
    Ok(lines)
}

/// An error at the later of two rows with a name.
pub(crate) fn same_name(path: &Path, name: &str, rows: [usize; 2], lines: [u64; 2]) -> FormatError {
    let problem = format!(
        "duplicate name `{}`: row {} and row {} (counted from 0), on lines {} and {}: keep one of them",
        shown(name),
        rows[0],
        rows[1],
        lines[0],
        lines[1]
    );
    FormatError::text(path, lines[1], 1, problem)
}
