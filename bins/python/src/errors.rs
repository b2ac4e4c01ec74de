//! Errors of the library as exceptions, with the same sentences.

use lacuna::{FormatError, ModelError};
use lacuna_source::SourceError;
use pyo3::prelude::*;
use std::error::Error;
use std::io::ErrorKind;

pyo3::import_exception!(lacuna._errors, DataError);
pyo3::import_exception!(lacuna._errors, FileError);

/// An exception that stands for an error of the library.
#[derive(Debug)]
pub(crate) struct Refused(PyErr);

/// The result of a function that Python calls.
pub(crate) type Answer<T> = Result<T, Refused>;

impl<E: Error + 'static> From<E> for Refused {
    fn from(error: E) -> Self {
        let mut sentence = error.to_string();
        let mut file = false;
        let mut cause: Option<&(dyn Error + 'static)> = Some(&error);
        while let Some(error) = cause {
            // Most sentences have their cause in them.
            let text = error.to_string();
            if !sentence.contains(&text) {
                sentence = format!("{sentence}: {text}");
            }
            file |= of_file(error);
            cause = error.source();
        }
        Self(if file { FileError::new_err(sentence) } else { DataError::new_err(sentence) })
    }
}

impl From<Refused> for PyErr {
    fn from(refused: Refused) -> Self {
        refused.0
    }
}

/// An exception of Python's own, as it is.
pub(crate) fn raised(error: PyErr) -> Refused {
    Refused(error)
}

/// A sentence of ours.
pub(crate) fn refuse(sentence: impl Into<String>) -> Refused {
    Refused(DataError::new_err(sentence.into()))
}

/// Whether an error is about a file that cannot be opened, read or written, and not about what is in it.
fn of_file(error: &(dyn Error + 'static)) -> bool {
    // An error that passes another one on has the other's sentence, and not the other as its cause.
    let format = error.downcast_ref::<FormatError>().or_else(|| match error.downcast_ref()? {
        ModelError::Format(format) => Some(format),
        _ => None,
    });
    let format = format.or_else(|| match error.downcast_ref()? {
        SourceError::Format(format) => Some(format),
        _ => None,
    });
    match format {
        Some(FormatError::Io { source, .. }) => source.kind() != ErrorKind::InvalidData,
        Some(FormatError::Exists { .. }) => true,
        _ => matches!(error.downcast_ref(), Some(SourceError::Nothing { .. })),
    }
}
