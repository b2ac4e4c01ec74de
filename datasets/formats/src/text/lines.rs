//! Text line by line, with a bound on the length of a line.

use crate::error::printed;
use crate::memory::reserve;
use crate::{FormatError, Limits};
use std::io::{self, BufRead};
use std::path::Path;

/// U+FEFF in UTF-8, with which some programs begin a text.
pub(crate) const BYTE_ORDER_MARK: [u8; 3] = *b"\xef\xbb\xbf";
pub(crate) const UTF16: &str = "the file is UTF-16: save it as UTF-8";

/// Whether a text begins with U+FEFF in UTF-16.
pub(crate) fn is_utf16(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff")
}

/// The lines of a file. A line may end with `\n` or `\r\n`, the last one with nothing; a byte order mark is skipped.
pub(crate) struct Lines<'a, R> {
    reader: R,
    path: &'a Path,
    limit: u64,
    buffer: Vec<u8>,
    number: u64,
    /// Whether the line that was read last has an end.
    ended: bool,
}

impl<'a, R: BufRead> Lines<'a, R> {
    pub(crate) fn new(reader: R, path: &'a Path, limits: &Limits) -> Self {
        Self { reader, path, limit: limits.line, buffer: Vec::new(), number: 0, ended: true }
    }

    pub(crate) fn path(&self) -> &'a Path {
        self.path
    }

    /// Number of the line that was read last, counted from 1.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// A note about the end of a file that was read to its end.
    pub(crate) fn note(&self) -> Option<String> {
        let cut = "the last line has no line end: the file may be truncated";
        (!self.ended).then(|| format!("{}: {cut}", printed(self.path)))
    }

    /// The next line that is not blank.
    pub(crate) fn next_filled(&mut self) -> Result<Option<(u64, &str)>, FormatError> {
        loop {
            match self.next()? {
                None => return Ok(None),
                Some((_, line)) if line.trim().is_empty() => {}
                // What a loop returns it borrows in every round, so the line is looked at once more.
                Some(_) => break,
            }
        }
        let mark = self.mark();
        let line = std::str::from_utf8(&self.buffer[mark..]).expect("it was read as text");
        Ok(Some((self.number, line)))
    }

    /// Bytes of a byte order mark.
    fn mark(&self) -> usize {
        if self.number == 1 && self.buffer.starts_with(&BYTE_ORDER_MARK) { 3 } else { 0 }
    }

    /// Reads a line and its end, or one byte more than is allowed. The buffer grows by a quarter: one that doubles would
    /// take three times a file that is one line.
    fn fill(&mut self) -> Result<(), FormatError> {
        self.buffer.clear();
        let most = usize::try_from(self.limit.saturating_add(2)).unwrap_or(usize::MAX);
        loop {
            let bytes = match self.reader.fill_buf() {
                Ok(bytes) => bytes,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(FormatError::io(self.path)(error)),
            };
            let bytes = &bytes[..bytes.len().min(most - self.buffer.len())];
            let end = bytes.iter().position(|&byte| byte == b'\n');
            let taken = end.map_or(bytes.len(), |end| end + 1);
            if self.buffer.capacity() - self.buffer.len() < taken {
                let memory = |bytes| FormatError::memory(self.path, "a line", bytes);
                let more = taken.max(self.buffer.len() / 4);
                reserve(&mut self.buffer, more).map_err(memory)?;
            }
            self.buffer.extend_from_slice(&bytes[..taken]);
            self.reader.consume(taken);
            if end.is_some() || taken == 0 {
                return Ok(());
            }
        }
    }

    /// The next line, its number counted from 1 and its text without its end; `None` after the last.
    pub(crate) fn next(&mut self) -> Result<Option<(u64, &str)>, FormatError> {
        self.fill()?;
        if self.buffer.is_empty() {
            return Ok(None);
        }
        self.ended = self.buffer.last() == Some(&b'\n');
        if self.ended {
            self.buffer.pop();
        }
        if self.buffer.len() as u64 > self.limit {
            let problem = format!("the line is longer than {} bytes", self.limit);
            return Err(FormatError::text(self.path, self.number + 1, 1, problem));
        }
        self.number += 1;
        if self.buffer.last() == Some(&b'\r') {
            self.buffer.pop();
        }
        let mark = self.mark();
        match std::str::from_utf8(&self.buffer[mark..]) {
            Ok(line) => Ok(Some((self.number, line))),
            Err(error) => {
                let column = 1 + (mark + error.valid_up_to()) as u64;
                let problem = match self.number == 1 && is_utf16(&self.buffer) {
                    true => UTF16,
                    false => "invalid UTF-8 from here on",
                };
                Err(FormatError::text(self.path, self.number, column, problem))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(bytes: &[u8], limits: Limits) -> Result<Vec<String>, String> {
        let mut lines = Lines::new(bytes, Path::new("x.txt"), &limits);
        let mut found = Vec::new();
        while let Some((_, line)) = lines.next().map_err(|error| error.to_string())? {
            found.push(line.to_string());
        }
        Ok(found)
    }

    #[test]
    fn ends_of_lines_and_byte_order_marks() {
        let read = |bytes: &str| lines(bytes.as_bytes(), Limits::default()).unwrap();
        assert_eq!(read("a\nb\r\n\nc"), ["a", "b", "", "c"]);
        assert_eq!(read("\u{feff}a\n"), ["a"]);
        assert!(read("").is_empty());
        assert_eq!(read("\n"), [""]);
    }

    #[test]
    fn what_is_no_text_and_what_is_too_long_is_named() {
        let error = lines(b"ab\nc\xffd\n", Limits::default()).unwrap_err();
        assert_eq!(error, "x.txt: line 2, column 2: invalid UTF-8 from here on");
        let error = lines(b"\xff\xfea\0\n\0", Limits::default()).unwrap_err();
        assert_eq!(error, "x.txt: line 1, column 1: the file is UTF-16: save it as UTF-8");
        assert!(is_utf16(b"\xfe\xff\0a") && !is_utf16(b"\xef\xbb\xbfa"));
        let short = Limits { line: 3, ..Limits::default() };
        assert_eq!(lines(b"abc\nabc", short).unwrap().len(), 2);
        let error = lines(b"abc\nabcd", short).unwrap_err();
        assert_eq!(error, "x.txt: line 2, column 1: the line is longer than 3 bytes");
    }
}
