//! Words, quoted texts and numbers of a line.

use crate::shown;
use std::borrow::Cow;

/// A byte of a line, counted from 0, and what is wrong there.
pub(super) type Problem = (usize, String);

/// A place in a line.
pub(super) struct Cursor<'a> {
    pub(super) line: &'a str,
    pub(super) at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(line: &'a str) -> Self {
        let mut cursor = Self { line, at: 0 };
        cursor.skip_blanks();
        cursor
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.line.as_bytes().get(self.at).copied()
    }

    /// Whether the line ends here, or a comment begins.
    pub(super) fn at_end(&self) -> bool {
        matches!(self.peek(), None | Some(b'%'))
    }

    pub(super) fn at_quote(&self) -> bool {
        matches!(self.peek(), Some(b'\'' | b'"'))
    }

    pub(super) fn skip_blanks(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    /// Skips a byte if it is this one.
    pub(super) fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// Up to the next blank.
    pub(super) fn word(&mut self) -> &'a str {
        self.skip_blanks();
        self.until(|byte| byte.is_ascii_whitespace())
    }

    /// Up to the first byte for which `ends` holds. ASCII alone may end it.
    pub(super) fn until(&mut self, ends: impl Fn(u8) -> bool) -> &'a str {
        let start = self.at;
        while self.peek().is_some_and(|byte| !byte.is_ascii() || !ends(byte)) {
            self.at += 1;
        }
        &self.line[start..self.at]
    }

    /// A value: quoted, or up to the next comma, brace or blank.
    pub(super) fn value(&mut self) -> Result<Cow<'a, str>, Problem> {
        self.skip_blanks();
        if self.at_quote() {
            return self.quoted().map(Cow::from);
        }
        match self.plain() {
            "" => Err((self.at, "a value is missing".into())),
            value => Ok(value.into()),
        }
    }

    /// Up to the next comma, brace or blank.
    pub(super) fn plain(&mut self) -> &'a str {
        self.until(|byte| byte.is_ascii_whitespace() || b",{}".contains(&byte))
    }

    /// A text between quotes, with the escapes that Weka writes.
    pub(super) fn quoted(&mut self) -> Result<String, Problem> {
        let start = self.at;
        let quote = self.line.as_bytes()[start] as char;
        let mut text = String::new();
        let mut characters = self.line[start + 1..].char_indices();
        while let Some((i, character)) = characters.next() {
            match character {
                '\\' => match characters.next() {
                    Some((_, 'n')) => text.push('\n'),
                    Some((_, 'r')) => text.push('\r'),
                    Some((_, 't')) => text.push('\t'),
                    Some((_, escaped)) => text.push(escaped),
                    None => break,
                },
                c if c == quote => {
                    self.at = start + 1 + i + 1;
                    return Ok(text);
                }
                c => text.push(c),
            }
        }
        Err((start, "unterminated quote".into()))
    }

    /// `{5}`, the weight of a row or of an attribute; whether there was one.
    pub(super) fn weight(&mut self) -> Result<bool, Problem> {
        let start = self.at;
        if !self.take(b'{') {
            return Ok(false);
        }
        self.skip_blanks();
        let weight = self.plain().parse::<f64>();
        self.skip_blanks();
        if !self.take(b'}') || !weight.is_ok_and(|weight| weight.is_finite()) {
            return Err((start, "invalid weight: expected a number in braces, such as {0.5}".into()));
        }
        self.skip_blanks();
        Ok(true)
    }

    /// Nothing but blanks and a comment may follow.
    pub(super) fn end(&mut self) -> Result<(), Problem> {
        self.skip_blanks();
        match self.at_end() {
            true => Ok(()),
            false => Err((self.at, format!("unexpected `{}`", shown(&self.line[self.at..])))),
        }
    }
}
