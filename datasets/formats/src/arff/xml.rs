//! Mulan's list of labels: `<labels><label name="..."/></labels>`, maybe nested.
//!
//! The few constructs that such a file has are read here; document types and entities of one's own are refused
//! before they can mean anything.

use crate::shown;
use crate::{FormatError, Strings};
use std::path::Path;

/// Deepest nesting of labels.
const DEPTH: usize = 64;

pub(super) fn labels(text: &[u8], path: &Path) -> Result<Strings, FormatError> {
    let text = match std::str::from_utf8(text) {
        Ok(text) => text.strip_prefix('\u{feff}').unwrap_or(text),
        Err(error) => {
            let at = error.valid_up_to();
            return Err(at_byte(
                path,
                &String::from_utf8_lossy(&text[..at]),
                at,
                "invalid UTF-8 from here on",
            ));
        }
    };
    let mut reader = Xml { text, at: 0 };
    reader.document().map_err(|(at, problem)| at_byte(path, text, at, problem))
}

/// The line and the column of a byte.
fn at_byte(path: &Path, text: &str, at: usize, problem: impl Into<crate::error::Problem>) -> FormatError {
    let before = &text.as_bytes()[..at.min(text.len())];
    let line = before.iter().filter(|&&byte| byte == b'\n').count() as u64 + 1;
    let column = before.iter().rev().take_while(|&&byte| byte != b'\n').count() as u64 + 1;
    FormatError::text(path, line, column, problem)
}

struct Xml<'a> {
    text: &'a str,
    at: usize,
}

type Problem = (usize, String);

impl<'a> Xml<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn fail<T>(&self, problem: impl Into<String>) -> Result<T, Problem> {
        Err((self.at, problem.into()))
    }

    fn document(&mut self) -> Result<Strings, Problem> {
        let mut names = Strings::new();
        let mut open: Vec<&str> = Vec::new();
        let mut ended = false;
        loop {
            self.skip_text()?;
            if self.rest().is_empty() {
                if let Some(element) = open.last() {
                    return self.fail(format!("the file ends inside <{}>", shown(element)));
                }
                if !ended {
                    return self.fail("missing element <labels>");
                }
                break;
            }
            if self.rest().starts_with("</") {
                self.at += 2;
                let name = self.name()?;
                if open.pop() != Some(name) {
                    return self.fail(format!("unexpected </{}>", shown(name)));
                }
                self.skip_blanks();
                self.expect(">")?;
                ended = open.is_empty();
                continue;
            }
            let start = self.at;
            self.expect("<")?;
            let element = self.name()?;
            let expected = if open.is_empty() { "labels" } else { "label" };
            if element != expected || ended {
                return Err((start, format!("unexpected <{}>", shown(element))));
            }
            let label = self.attributes()?;
            if element == "label" {
                match label {
                    None => return Err((start, "a label has no name".into())),
                    Some(name) if name.is_empty() => {
                        return Err((start, "the name of a label is empty".into()));
                    }
                    Some(name) => {
                        if !names.push(&name) {
                            return Err((start, "the names take more than 4 GiB".into()));
                        }
                    }
                }
            }
            if self.rest().starts_with("/>") {
                self.at += 2;
                ended = open.is_empty();
            } else {
                self.expect(">")?;
                open.push(element);
                if open.len() > DEPTH {
                    return Err((start, format!("labels are nested more than {DEPTH} deep")));
                }
            }
        }
        if names.is_empty() {
            return self.fail("there are no labels");
        }
        match names.duplicate() {
            Some((later, _)) => self.fail(format!("duplicate label `{}`", shown(&names[later]))),
            None => Ok(names),
        }
    }

    /// The attributes of an element; the one called `name`.
    fn attributes(&mut self) -> Result<Option<String>, Problem> {
        let mut found = None;
        loop {
            let before = self.at;
            self.skip_blanks();
            if self.rest().starts_with(['>', '/']) {
                return Ok(found);
            }
            if self.at == before {
                return self.fail("expected a blank, `>` or `/>`");
            }
            let name = self.name()?;
            self.skip_blanks();
            self.expect("=")?;
            self.skip_blanks();
            let quote = match self.rest().chars().next() {
                Some(quote @ ('"' | '\'')) => quote,
                _ => return self.fail("expected a quoted value"),
            };
            self.at += 1;
            let Some(length) = self.rest().find(quote) else { return self.fail("unterminated value") };
            let value = self.unescape(&self.rest()[..length])?;
            self.at += length + 1;
            if name == "name" && found.replace(value).is_some() {
                return self.fail("a label has two names");
            }
        }
    }

    /// Replaces the five entities that XML has by itself, and characters by number.
    fn unescape(&self, value: &str) -> Result<String, Problem> {
        let mut text = String::new();
        let mut rest = value;
        while let Some(at) = rest.find(['&', '<']) {
            text.push_str(&rest[..at]);
            let entity = rest[at..].find(';').filter(|&end| end < 12).map(|end| &rest[at + 1..at + end]);
            let Some(entity) = entity else {
                return self.fail("unescaped `<` or `&`: write `&lt;` or `&amp;`");
            };
            let number = entity.strip_prefix("#x").map(|hex| u32::from_str_radix(hex, 16));
            let number = number.or_else(|| entity.strip_prefix('#').map(str::parse));
            let character = match (entity, number) {
                ("lt", _) => Some('<'),
                ("gt", _) => Some('>'),
                ("amp", _) => Some('&'),
                ("quot", _) => Some('"'),
                ("apos", _) => Some('\''),
                (_, Some(Ok(number))) => char::from_u32(number),
                _ => None,
            };
            match character {
                Some(character) => text.push(character),
                None => return self.fail(format!("unsupported entity &{};", shown(entity))),
            }
            rest = &rest[at + entity.len() + 2..];
        }
        text.push_str(rest);
        Ok(text)
    }

    /// Blanks, comments and processing instructions.
    fn skip_text(&mut self) -> Result<(), Problem> {
        loop {
            self.skip_blanks();
            let end = if self.rest().starts_with("<!--") {
                "-->"
            } else if self.rest().starts_with("<?") {
                "?>"
            } else if self.rest().starts_with("<!") {
                return self.fail("document types, entities and marked sections are not supported");
            } else if self.rest().is_empty() || self.rest().starts_with('<') {
                return Ok(());
            } else {
                return self.fail("unexpected text");
            };
            match self.rest().find(end) {
                Some(at) => self.at += at + end.len(),
                None => return self.fail(format!("missing `{end}`")),
            }
        }
    }

    fn skip_blanks(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start_matches([' ', '\t', '\r', '\n']).len();
    }

    fn name(&mut self) -> Result<&'a str, Problem> {
        let rest = self.rest();
        let end = rest.find(|c: char| !c.is_alphanumeric() && !"_:-.".contains(c)).unwrap_or(rest.len());
        if end == 0 {
            return self.fail("expected a name");
        }
        self.at += end;
        Ok(&rest[..end])
    }

    fn expect(&mut self, what: &str) -> Result<(), Problem> {
        if self.rest().starts_with(what) {
            self.at += what.len();
            return Ok(());
        }
        self.fail(format!("expected `{what}`"))
    }
}
