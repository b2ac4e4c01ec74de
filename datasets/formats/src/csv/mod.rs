//! Labels as CSV or TSV: wide (a column for each class) and long (a column with names of classes).

mod columns;
mod long;
mod records;
#[cfg(test)]
mod tests;
mod wide;
mod write;

use crate::error::printed;
use crate::input::open_buffered;
use crate::text::delimited::Records;
use crate::{Content, FormatError, ReadOptions, Table};
use columns::{Columns, Layout};
use std::io::{BufRead, Seek};
use std::path::Path;

pub use records::CsvRecords;
pub use write::{CsvLayout, labels_csv_writer, write_labels_csv};

/// Reads labels from CSV (comma, semicolon or tab; the first line says which).
///
/// The first line names the columns. **Long** is a file with a column called `label`, `labels`, `class`, `category`,
/// `LabelName`, `Finding Labels`, `tag` or the like beside one with names of rows, and maybe one called `value`, `present`
/// or `confidence`; other columns are ignored, with a note. Every other file is **wide**: each column is a class but
/// the one with names of rows.
///
/// # Columns
/// Names of rows are in [`ReadOptions::id_column`], else in the first column called `id`, `image`, `path`, `file_name`,
/// `Image Index` or the like, else in the first column. A first column without a name, or called `Unnamed: 0`, is the index
/// that pandas writes: it is ignored where another column has names. [`ReadOptions::class_columns`] are the classes of
/// a wide file, in that order; one class column that is called like a column of labels, or is read with
/// [`ReadOptions::label_separator`], is the label column of a long file. Columns in [`ReadOptions::ignored_columns`] are
/// ignored. Columns without a name at the end are ignored where all their cells are blank.
///
/// # Cells of a wide file
/// 1, 0, -1 in any spelling, true, false, yes, no, and nothing or `nan`, `NA`, `null`, `None` for unknown. Without a
/// convention 0 is a negative and -1 an error. A blank cell is what [`ReadOptions::unlisted`] says, else unknown. Numbers
/// between 0 and 1 need [`ReadOptions::positive_above`].
///
/// # Cells of a long file
/// A printed list (`['cat', 'dog']`, `["cat","dog"]`, `[0, 3]`, `[0 1 1]`, `[]` for no label) is read as one. Every other
/// cell is split at [`ReadOptions::label_separator`]. Without it, `|` or `;` separate labels where a part of a cell occurs in
/// another cell too; a cell with commas, and one with blanks of which a part is a class as well, may have one label or several:
/// it is an error that asks for the separator. Where a row has several lines or there is a value column, the file has a line
/// for each label, so that commas and blanks belong to the names. Classes that are given in [`ReadOptions::classes`] decide
/// all this. What a long file does not list is unknown unless [`ReadOptions::unlisted`] says otherwise. Rows come out in the
/// order in which they appear, classes as well.
///
/// A name that starts with `'` and then, maybe after more of them, with `=`, `+`, `-`, `@`, a tab or a carriage return
/// loses one `'`: [`write_labels_csv`] puts it there, so that a spreadsheet does not take the name for a formula.
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
    let (columns, records) = start(&mut reader, path, options)?;
    match columns.layout {
        Layout::Wide(_) => match wide::read(records, &columns, options)? {
            wide::Read::Table(table) => Ok(*table),
            wide::Read::SameName { name, rows } => {
                let lines = wide::lines_of(&mut reader, path, options, rows)?;
                Err(wide::same_name(path, &name, rows, lines))
            }
        },
        Layout::Long { .. } => {
            drop(records);
            long::read(&mut reader, path, options)
        }
    }
    .map(|mut table| {
        let notes = columns.notes.into_iter().map(|note| format!("{}: {note}", printed(path)));
        table.notes.splice(0..0, notes);
        table
    })
}

/// Refuses a file whose lines end with a carriage return alone: all of it would be names of columns.
fn refuse_carriage_returns(
    reader: &mut (impl BufRead + Seek),
    path: &Path,
    options: &ReadOptions,
) -> Result<(), FormatError> {
    reader.rewind().map_err(FormatError::io(path))?;
    let mut records = Records::new(reader, path, &options.limits);
    // A name may have one between quotes; then rows follow.
    if records.read()? && (0..records.len()).any(|i| records.field(i).contains('\r')) && !records.read()? {
        let problem = "the only line has carriage returns inside: end lines with a line feed, or with both";
        return Err(FormatError::text(path, 1, 1, problem));
    }
    Ok(())
}

/// The records of a file after its first line, and the contents of that line.
fn start<'a, R: BufRead + Seek>(
    reader: &'a mut R,
    path: &'a Path,
    options: &ReadOptions,
) -> Result<(Columns, Records<'a, &'a mut R>), FormatError> {
    refuse_carriage_returns(reader, path, options)?;
    reader.rewind().map_err(FormatError::io(path))?;
    let mut records = Records::new(reader, path, &options.limits);
    if !records.read()? || records.len() < 2 {
        let problem = "the first line names the columns: the row's, then at least one class";
        return Err(FormatError::text(path, 1, 1, problem));
    }
    Ok((Columns::of(&records, options)?, records))
}
