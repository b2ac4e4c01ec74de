//! Errors while a data set is opened.

use lacuna_formats::FormatError;

/// An error while a data set is opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// A file or folder was refused.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// There is neither a file nor an embedded set of this name.
    #[error("{name}: no such file or folder, and no embedded set of this name; embedded sets are {known}")]
    Nothing {
        /// The name that was given.
        name: String,
        /// The embedded sets.
        known: String,
    },
    /// Unknown format.
    #[error("unknown format `{name}`: expected one of {known}")]
    UnknownFormat {
        /// The name that was given.
        name: String,
        /// The formats.
        known: String,
    },
    /// Contradictory or missing settings.
    #[error("{0}")]
    Setting(String),
    /// The classes or the features of two parts differ.
    #[error("{test}: {problem} ({train})")]
    Parts {
        /// The file of the training rows.
        train: String,
        /// The file of the test rows.
        test: String,
        /// The difference, and what to do.
        problem: String,
    },
    /// The data is not the data that a specification was made with.
    #[error(
        "{name}: the data has the fingerprint {found}, and the specification was made with {expected}: it is not the same \
         data. To run on other data, name it with --data and remove `fingerprint` from the specification"
    )]
    Fingerprint {
        /// The data as it was named.
        name: String,
        /// Fingerprint of the specification.
        expected: String,
        /// Fingerprint of the data.
        found: String,
    },
}
