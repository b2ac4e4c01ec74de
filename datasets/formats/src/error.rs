//! Errors of files and folders.

use crate::NpyError;
use crate::text::shown::{escaped, shown};
use std::io;
use std::path::{Path, PathBuf};

/// An error in a file or folder. Rows and columns are counted from 0.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// An error of the operating system.
    #[error("{}: {source}", printed(path))]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// A file exists and is not to be replaced.
    #[error("{}: the file exists and is not overwritten", printed(path))]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// There is not enough memory for what a file holds.
    #[error("{}: not enough memory for {what}: {bytes} bytes are needed", printed(path))]
    Memory {
        /// The file.
        path: PathBuf,
        /// What the memory is for.
        what: &'static str,
        /// How much was asked for.
        bytes: u64,
    },
    /// An `.npy` file is invalid or of the wrong type.
    #[error("{}: {source}", printed(path))]
    Npy {
        /// The file.
        path: PathBuf,
        /// The problem.
        source: NpyError,
    },
    /// A file that the layout needs is missing.
    #[error("{}: missing file. {layout}", printed(path))]
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
    /// A file has no rows, classes or the like.
    #[error("{}: there are no {what}", printed(path))]
    Empty {
        /// The file.
        path: PathBuf,
        /// What is missing.
        what: &'static str,
    },
    /// A label is -1, and no convention says whether it is negative or unknown.
    #[error("{}: {problem}", printed(path))]
    MissingConvention {
        /// The file.
        path: PathBuf,
        /// Where the label is, and what to do.
        problem: String,
    },
    /// A label has an invalid value.
    #[error("{}: row {row}, column {column} (counted from 0) is {value}; {advice}", printed(path))]
    Label {
        /// The file.
        path: PathBuf,
        /// Row of the label.
        row: usize,
        /// Column of the label.
        column: usize,
        /// The value.
        value: f64,
        /// Which values are valid, or what to do.
        advice: String,
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
        /// The value.
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
        /// The value.
        value: f64,
    },
    /// Two files of one data set differ in size.
    #[error(
        "{} has {count} {what} and {} has {other_count}: the files do not match",
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
    /// Invalid text.
    #[error("{}: line {line}, column {column}: {problem}", printed(path))]
    Text {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1 as editors do.
        line: u64,
        /// The byte of the line, counted from 1.
        column: u64,
        /// The problem, and what to do.
        problem: String,
    },
    /// Invalid bytes.
    #[error("{}: byte {offset}: {problem}", printed(path))]
    Bytes {
        /// The file.
        path: PathBuf,
        /// The byte, counted from 0.
        offset: u64,
        /// The problem, and what to do.
        problem: String,
    },
    /// A file exceeds a limit.
    #[error("{}: {found} {what} exceed the limit of {limit}", printed(path))]
    Limit {
        /// The file.
        path: PathBuf,
        /// What is counted.
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
    /// No row of labels has the name of a row of features.
    #[error(
        "{}: no row has the name of a row of {}: `{}` here, `{}` there; {advice}",
        printed(path),
        printed(other),
        shown(&names[0]),
        shown(&names[1])
    )]
    NoCommonName {
        /// The file of labels.
        path: PathBuf,
        /// The file of features.
        other: PathBuf,
        /// A name of the labels and one of the features.
        names: Box<[String; 2]>,
        /// How the names can be joined.
        advice: String,
    },
    /// Rows are to be joined by position, and their counts differ.
    #[error("{} has {count} rows and {} has {other_count}: {advice}", printed(path), printed(other))]
    RowCounts {
        /// The file of features.
        path: PathBuf,
        /// Its rows.
        count: usize,
        /// The file of labels.
        other: PathBuf,
        /// Its rows.
        other_count: usize,
        /// What to do.
        advice: String,
    },
    /// The format of a file or folder is unknown.
    #[error("{}: {problem}. Formats: {formats}", printed(path))]
    Unrecognised {
        /// The file or folder.
        path: PathBuf,
        /// Why no format was found.
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
    /// A list of class names is invalid.
    #[error("{}: line {line} (counted from 1) {problem}", printed(path))]
    ClassName {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1 as editors do.
        line: usize,
        /// The problem.
        problem: &'static str,
    },
}

/// What is wrong at a place of a file, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    /// A label convention is needed.
    MissingConvention(String),
    /// Anything else.
    Other(String),
}

impl Problem {
    /// -1 without a label convention.
    pub(crate) fn minus_one() -> Self {
        let text = "-1 means 'observed negative' in one convention (spml) and 'unknown' in another (csl): choose the \
                    convention of this file";
        Self::MissingConvention(text.into())
    }

    /// The same problem with another text.
    pub(crate) fn map(self, text: impl FnOnce(String) -> String) -> Self {
        match self {
            Self::MissingConvention(problem) => Self::MissingConvention(text(problem)),
            Self::Other(problem) => Self::Other(text(problem)),
        }
    }

    /// The text alone.
    pub(crate) fn into_text(self) -> String {
        match self {
            Self::MissingConvention(text) | Self::Other(text) => text,
        }
    }
}

impl From<String> for Problem {
    fn from(text: String) -> Self {
        Self::Other(text)
    }
}

impl From<&str> for Problem {
    fn from(text: &str) -> Self {
        Self::Other(text.into())
    }
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

    pub(crate) fn text(path: &Path, line: u64, column: u64, problem: impl Into<Problem>) -> Self {
        let path = path.into();
        match problem.into() {
            Problem::Other(problem) => FormatError::Text { path, line, column, problem },
            Problem::MissingConvention(problem) => {
                let problem = format!("line {line}, column {column}: {problem}");
                FormatError::MissingConvention { path, problem }
            }
        }
    }

    /// An invalid label in an array.
    pub(crate) fn label(path: &Path, row: usize, column: usize, value: f64, problem: Problem) -> Self {
        let path = path.into();
        match problem {
            Problem::Other(advice) => FormatError::Label { path, row, column, value, advice },
            Problem::MissingConvention(advice) => {
                let problem = format!("row {row}, column {column} (counted from 0) is {value}; {advice}");
                FormatError::MissingConvention { path, problem }
            }
        }
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
