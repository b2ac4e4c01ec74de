//! JSON documents that are read as a stream.

use crate::text::json_guard::JsonGuard;
use crate::{FormatError, Limits, shown};
use serde::de::{DeserializeSeed, IgnoredAny};
use std::cell::Cell;
use std::io::Read;
use std::path::Path;

/// Runs a visitor over a JSON document that must be the whole file.
pub(crate) fn json<T>(
    reader: impl Read,
    path: &Path,
    limits: &Limits,
    seed: impl for<'de> DeserializeSeed<'de, Value = T>,
) -> Result<T, FormatError> {
    let position = Cell::new((1, 0));
    let mut deserializer = serde_json::Deserializer::from_reader(JsonGuard::new(reader, limits, &position));
    let value = seed.deserialize(&mut deserializer).and_then(|value| deserializer.end().map(|()| value));
    value.map_err(|error| {
        if error.is_io() && error.io_error_kind() != Some(std::io::ErrorKind::Other) {
            return FormatError::io(path)(error.into());
        }
        // Errors of the guard have no position of the parser.
        let (line, column) = match error.line() {
            0 => position.get(),
            line => (line as u64, error.column() as u64),
        };
        FormatError::text(path, line, column.max(1), json_problem(&error))
    })
}

/// The message of serde_json without the position, which is already printed.
pub(crate) fn json_problem(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let end = text.rfind(" at line ").unwrap_or(text.len());
    shown(&text[..end])
}

/// Reads over a value whatever it is.
pub(crate) type Skipped = IgnoredAny;
