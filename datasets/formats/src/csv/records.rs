//! CSV files that are no data sets: lists that programs write and read back.

use crate::input::open_buffered;
use crate::text::delimited::Records;
use crate::{FormatError, Limits};
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

/// The records of a CSV file, one after the other, the first line included. Comma, semicolon or tab: the first line says which.
///
/// ```
/// use lacuna_formats::{CsvRecords, Limits};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("sheet.csv");
/// std::fs::write(&path, "row,answer\na.jpg, y\n")?;
/// let mut records = CsvRecords::open(&path, &Limits::default())?;
/// assert!(records.read()? && records.read()?);
/// assert_eq!((records.line(), records.field(1), records.field(2)), (2, "y", ""));
/// assert!(!records.read()?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct CsvRecords<'a>(Records<'a, BufReader<File>>);

impl<'a> CsvRecords<'a> {
    /// Opens a file.
    ///
    /// # Errors
    /// [`FormatError::Io`] where it cannot be read.
    pub fn open(path: &'a Path, limits: &Limits) -> Result<Self, FormatError> {
        Ok(Self(Records::new(open_buffered(path)?, path, limits)))
    }

    /// Reads the next record; `false` after the last.
    ///
    /// # Errors
    /// [`FormatError`] where a quoted field does not end, or a record is too long.
    pub fn read(&mut self) -> Result<bool, FormatError> {
        self.0.read()
    }

    /// The line on which the record starts, counted from 1.
    pub fn line(&self) -> u64 {
        self.0.line()
    }

    /// A field without blanks around it and without the `'` that [`push_name`](crate::push_name) puts in front; empty where the
    /// record has fewer.
    pub fn field(&self, i: usize) -> &str {
        if i < self.0.len() { self.0.name(i) } else { "" }
    }

    /// The first field with this text.
    pub fn position(&self, text: &str) -> Option<usize> {
        (0..self.0.len()).find(|&i| self.0.name(i) == text)
    }
}

impl std::fmt::Debug for CsvRecords<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CsvRecords").field("line", &self.line()).finish_non_exhaustive()
    }
}
