//! JSON documents that are read as a stream.

use crate::text::json_guard::JsonGuard;
use crate::text::lines::{BYTE_ORDER_MARK, UTF16, is_utf16};
use crate::{FormatError, Limits, shown};
use serde::de::{DeserializeSeed, IgnoredAny};
use std::cell::Cell;
use std::io::Read;
use std::path::Path;

/// Runs a visitor over a JSON document that must be the whole file; a byte order mark before it is skipped.
pub(crate) fn json<T>(
    reader: impl Read,
    path: &Path,
    limits: &Limits,
    seed: impl for<'de> DeserializeSeed<'de, Value = T>,
) -> Result<T, FormatError> {
    let mut first = Vec::with_capacity(3);
    let mut reader = reader;
    reader.by_ref().take(3).read_to_end(&mut first).map_err(FormatError::io(path))?;
    if is_utf16(&first) {
        return Err(FormatError::text(path, 1, 1, UTF16));
    }
    if first == BYTE_ORDER_MARK {
        first.clear();
    }
    let position = Cell::new((1, 0));
    let guard = JsonGuard::new((&*first).chain(reader), limits, &position);
    let mut deserializer = serde_json::Deserializer::from_reader(guard);
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;
    use std::marker::PhantomData;

    /// Bytes, then an error of the disk.
    struct Torn(&'static [u8]);

    impl Read for Torn {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match self.0.read(buffer)? {
                0 => Err(io::Error::from(io::ErrorKind::PermissionDenied)),
                count => Ok(count),
            }
        }
    }

    #[test]
    fn an_error_of_the_disk_is_none_of_the_text() {
        let read = |reader: &mut dyn Read, limits: &Limits| {
            json(reader, Path::new("f.json"), limits, PhantomData::<Skipped>).unwrap_err()
        };
        let limits = Limits::default();
        let torn = read(&mut Torn(b"[1,\n2"), &limits);
        assert!(matches!(torn, FormatError::Io { .. }), "{torn}");
        // What the guard refuses is an error of the text, at the place that it had reached.
        let long = read(&mut &b"[1,\n22222"[..], &Limits { token: 4, ..limits });
        assert!(matches!(long, FormatError::Text { line: 2, column: 4, .. }), "{long:?}");
        let utf16 = read(&mut &b"\xff\xfe[\0]\0"[..], &limits);
        assert!(utf16.to_string().contains("line 1, column 1: the file is UTF-16"), "{utf16}");
        json(&b"\xef\xbb\xbf[1]"[..], Path::new("f.json"), &limits, PhantomData::<Skipped>).unwrap();
        let wrong = read(&mut &b"[1,\n]"[..], &Limits::default());
        assert!(matches!(wrong, FormatError::Text { line: 2, column: 1, .. }), "{wrong:?}");
    }
}
