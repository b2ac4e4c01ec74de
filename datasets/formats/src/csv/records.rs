//! CSV files that are no data sets: lists that programs write and read back.

use crate::input::open_buffered;
use crate::text::delimited::Records;
use crate::{FormatError, Limits};
use std::path::Path;

/// A line of a CSV file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CsvRecord {
    /// The line on which it starts, counted from 1.
    pub line: u64,
    /// Its fields, without blanks around them and without the `'` that [`push_name`](crate::push_name) puts in front.
    pub fields: Vec<String>,
}

/// The records of a CSV file, the first line included. Comma, semicolon or tab: the first line says which.
///
/// # Errors
/// [`FormatError`] where the file cannot be read or a quoted field does not end.
pub fn read_csv_records(path: &Path, limits: &Limits) -> Result<Vec<CsvRecord>, FormatError> {
    let mut records = Records::new(open_buffered(path)?, path, limits);
    let mut found = Vec::new();
    while records.read()? {
        let fields = (0..records.len()).map(|i| records.name(i).to_string()).collect();
        found.push(CsvRecord { line: records.line(), fields });
    }
    Ok(found)
}
