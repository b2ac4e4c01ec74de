//! A reader that stops JSON before a parser would have to hold too much of it.

use crate::Limits;
use std::cell::Cell;
use std::io::{self, Read};

/// Passes bytes on and counts: bytes of the string, the number or the word at hand, and the levels of nesting. A
/// parser keeps a token in memory and some keep a byte for each level, so both are bounded here, whatever it does.
pub(crate) struct JsonGuard<'a, R> {
    reader: R,
    limits: &'a Limits,
    /// Line and column of the byte that was passed on last, counted from 1.
    position: &'a Cell<(u64, u64)>,
    token: u64,
    depth: u32,
    in_string: bool,
    escaped: bool,
}

impl<'a, R: Read> JsonGuard<'a, R> {
    pub(crate) fn new(reader: R, limits: &'a Limits, position: &'a Cell<(u64, u64)>) -> Self {
        position.set((1, 0));
        Self { reader, limits, position, token: 0, depth: 0, in_string: false, escaped: false }
    }

    #[inline]
    fn look(&mut self, byte: u8) -> Result<(), String> {
        self.token += 1;
        if self.in_string {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => (self.in_string, self.token) = (false, 0),
                _ => {}
            }
        } else {
            match byte {
                b'"' => (self.in_string, self.token) = (true, 0),
                b'[' | b'{' => {
                    self.token = 0;
                    self.depth += 1;
                    if self.depth > self.limits.depth {
                        return Err(format!("brackets are nested more than {} deep", self.limits.depth));
                    }
                }
                b']' | b'}' => {
                    self.token = 0;
                    self.depth = self.depth.saturating_sub(1);
                }
                b',' | b':' | b' ' | b'\n' | b'\r' | b'\t' => self.token = 0,
                _ => {}
            }
        }
        if self.token > self.limits.token {
            return Err(format!("a string or a number is longer than {} bytes", self.limits.token));
        }
        let (line, column) = self.position.get();
        self.position.set(if byte == b'\n' { (line + 1, 0) } else { (line, column + 1) });
        Ok(())
    }
}

impl<R: Read> Read for JsonGuard<'_, R> {
    #[inline]
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        for &byte in &buffer[..count] {
            self.look(byte).map_err(io::Error::other)?;
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, limits: Limits) -> Result<(u64, u64), String> {
        let position = Cell::new((0, 0));
        let mut guard = JsonGuard::new(text.as_bytes(), &limits, &position);
        io::copy(&mut guard, &mut io::sink()).map_err(|error| error.to_string())?;
        Ok(position.get())
    }

    #[test]
    fn long_tokens_and_deep_nesting_stop() {
        let limits = Limits { token: 5, depth: 2, ..Limits::default() };
        assert_eq!(read("[\"12345\",\n 12345, {}]", limits), Ok((2, 11)));
        assert!(read("[\"123456\"]", limits).unwrap_err().contains("longer than 5 bytes"));
        assert!(read("[\"1\\\"3456\"]", limits).unwrap_err().contains("longer than 5 bytes"));
        assert!(read("[123456]", limits).unwrap_err().contains("longer than 5 bytes"));
        assert!(read("[[[", limits).unwrap_err().contains("nested more than 2 deep"));
        assert_eq!(read("[\"[[[[\"]", limits), Ok((1, 8)));
    }
}
