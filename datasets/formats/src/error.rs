//! What can be wrong with a file or a folder, and what to do about it.

use crate::NpyError;
use crate::text::shown::{escaped, shown};
use std::io;
use std::path::{Path, PathBuf};

/// Why a file or folder was refused. Rows and columns are counted from 0.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// The operating system refused.
    #[error("{}: {source}", printed(path))]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file exists, and nobody said that it may be replaced.
    #[error("{}: the file exists and is not overwritten", printed(path))]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// There is not enough memory for what a file holds.
    #[error("{}: {bytes} bytes for {what} are more than the memory there is", printed(path))]
    Memory {
        /// The file.
        path: PathBuf,
        /// What the memory is for.
        what: &'static str,
        /// How much was asked for.
        bytes: u64,
    },
    /// An `.npy` file is broken or of the wrong type.
    #[error("{}: {source}", printed(path))]
    Npy {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: NpyError,
    },
    /// A file that the layout needs is not there.
    #[error("{}: there is no such file. {layout}", printed(path))]
    Missing {
        /// The file.
        path: PathBuf,
        /// What is expected in such a folder.
        layout: &'static str,
    },
    /// A folder has several features and none was named.
    #[error("{}: there are several features: {}. Name the ones to use", printed(folder), listed(found))]
    Ambiguous {
        /// The folder.
        folder: PathBuf,
        /// The names to choose from.
        found: Vec<String>,
    },
    /// There is nothing in a file.
    #[error("{}: there are no {what}", printed(path))]
    Empty {
        /// The file.
        path: PathBuf,
        /// What is missing.
        what: &'static str,
    },
    /// A label is no label.
    #[error("{}: row {row}, column {column} (counted from 0) is {value}; {advice}", printed(path))]
    Label {
        /// The file.
        path: PathBuf,
        /// Row of the label.
        row: usize,
        /// Column of the label.
        column: usize,
        /// What stands there.
        value: f64,
        /// Which values may stand there, or what to do.
        advice: &'static str,
    },
    /// A feature is infinite or not a number.
    #[error(
        "{}: row {row}, column {column} (counted from 0) is {value}; features must be finite numbers: \
         extract that row again or leave it out",
        printed(path)
    )]
    NotFinite {
        /// The file.
        path: PathBuf,
        /// Row of the value.
        row: usize,
        /// Column of the value.
        column: usize,
        /// What stands there.
        value: f32,
    },
    /// A feature is a number that does not fit into 32 bits.
    #[error(
        "{}: row {row}, column {column} (counted from 0) is {value:?}, which is beyond the range of 32-bit floats; scale \
         the column",
        printed(path)
    )]
    Range {
        /// The file.
        path: PathBuf,
        /// Row of the value.
        row: usize,
        /// Column of the value.
        column: usize,
        /// What stands there.
        value: f64,
    },
    /// Two files that belong together differ in size.
    #[error(
        "{} has {count} {what} and {} has {other_count}: the files do not belong together",
        printed(path),
        printed(other)
    )]
    Mismatch {
        /// What is counted: rows, classes or columns.
        what: &'static str,
        /// One file.
        path: PathBuf,
        /// Its count.
        count: usize,
        /// The other file.
        other: PathBuf,
        /// The other's count.
        other_count: usize,
    },
    /// Text is not what the format has there.
    #[error("{}: line {line}, column {column}: {problem}", printed(path))]
    Text {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1 as editors do.
        line: u64,
        /// The byte of the line, counted from 1.
        column: u64,
        /// What is wrong there, and what to do.
        problem: String,
    },
    /// Bytes are not what the format has there.
    #[error("{}: byte {offset}: {problem}", printed(path))]
    Bytes {
        /// The file.
        path: PathBuf,
        /// The byte, counted from 0.
        offset: u64,
        /// What is wrong there, and what to do.
        problem: String,
    },
    /// A file asks for more than is allowed.
    #[error("{}: {found} {what} are more than the {limit} that are allowed", printed(path))]
    Limit {
        /// The file.
        path: PathBuf,
        /// What there is too much of.
        what: &'static str,
        /// How much the file has or claims.
        found: u64,
        /// How much is allowed; see [`Limits`](crate::Limits).
        limit: u64,
    },
    /// An array that is needed is not in a file that has several, or it is not clear which one is meant.
    #[error("{}: {problem}; it has {}", printed(path), if found.is_empty() { "nothing".into() } else { listed(found) })]
    Array {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
        /// The arrays there are.
        found: Vec<String>,
    },
    /// Two files are to be joined by the names of their rows, and one of them has none.
    #[error(
        "{}: the rows have no names, and those of {} have some: name them with --names FILE, or join by position with \
         --match row",
        printed(path),
        printed(other)
    )]
    Unjoined {
        /// The file without names.
        path: PathBuf,
        /// The file with names.
        other: PathBuf,
    },
    /// Nothing says what a file or folder is.
    #[error("{}: {problem}. Formats: {formats}", printed(path))]
    Unrecognised {
        /// The file or folder.
        path: PathBuf,
        /// What was looked at.
        problem: &'static str,
        /// The names of the formats that can be read.
        formats: String,
    },
    /// Something cannot be written in a format.
    #[error("{}: {problem}", printed(path))]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What cannot be written, and what to do.
        problem: String,
    },
    /// A list of class names is not usable.
    #[error("{}: line {line} (counted from 1) {problem}", printed(path))]
    ClassName {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1 as editors do.
        line: usize,
        /// What is wrong with it.
        problem: &'static str,
    },
}

impl FormatError {
    /// Adds the path to what is wrong with an array.
    pub(crate) fn npy(path: &Path) -> impl FnOnce(NpyError) -> Self {
        move |source| match source {
            NpyError::Io(source) => FormatError::Io { path: path.into(), source },
            NpyError::Memory { bytes } => FormatError::memory(path, "the array", bytes),
            NpyError::Range { row, column, value } => {
                FormatError::Range { path: path.into(), row, column, value }
            }
            source => FormatError::Npy { path: path.into(), source },
        }
    }

    /// Adds the path to what the operating system said.
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| FormatError::Io { path: path.into(), source }
    }

    /// Adds the path to what was answered while a file was written.
    pub(crate) fn writing(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| match source.kind() {
            io::ErrorKind::AlreadyExists => FormatError::Exists { path: path.into() },
            _ => FormatError::Io { path: path.into(), source },
        }
    }

    pub(crate) fn memory(path: &Path, what: &'static str, bytes: u64) -> Self {
        FormatError::Memory { path: path.into(), what, bytes }
    }

    pub(crate) fn text(path: &Path, line: u64, column: u64, problem: impl Into<String>) -> Self {
        FormatError::Text { path: path.into(), line, column, problem: problem.into() }
    }

    pub(crate) fn bytes(path: &Path, offset: u64, problem: impl Into<String>) -> Self {
        FormatError::Bytes { path: path.into(), offset, problem: problem.into() }
    }

    /// Whether a count is within its limit.
    pub(crate) fn within(path: &Path, what: &'static str, found: u64, limit: u64) -> Result<(), Self> {
        if found <= limit {
            Ok(())
        } else {
            Err(FormatError::Limit { path: path.into(), what, found, limit })
        }
    }
}

/// A path without effect on a terminal.
pub(crate) fn printed(path: &Path) -> String {
    escaped(&path.display().to_string())
}

/// Names of arrays, features or shards.
fn listed(names: &[String]) -> String {
    const MOST: usize = 20;
    let mut list: Vec<String> = names.iter().take(MOST).map(|name| shown(name)).collect();
    if names.len() > MOST {
        list.push(format!("and {} more", names.len() - MOST));
    }
    list.join(", ")
}

/// The path of an array inside a file, for messages.
pub(crate) fn within(path: &Path, name: &str) -> PathBuf {
    let mut inside = path.as_os_str().to_owned();
    inside.push("/");
    inside.push(shown(name));
    inside.into()
}
