//! The header: the relation and its attributes.

use crate::shown;
use crate::text::lines::Lines;
use crate::text::strings::push;
use crate::{FormatError, ReadOptions, Strings};
use std::borrow::Cow;
use std::io::BufRead;
use std::path::Path;

pub(super) struct Header {
    /// Names of the attributes.
    pub(super) names: Strings,
    pub(super) kinds: Vec<Kind>,
    /// Values of the nominal attributes, one attribute after the other.
    values: Strings,
    /// Numbers of the values; those of a long list in the order of their text, others as they are.
    order: Vec<u32>,
    /// `n` of `-C n` in the name of the relation.
    pub(super) meka: Option<i64>,
}

/// What an attribute is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    Number,
    /// One of the values from `start` on.
    Nominal {
        start: u32,
        count: u32,
        /// Whether every value is a finite number.
        numbers: bool,
    },
    /// A string or a date.
    Other,
}

/// Longest list of values that is searched from its start.
const SHORT: u32 = 8;

/// Which attributes are labels, and their order among the classes.
pub(super) struct Labels {
    /// For each attribute its class.
    pub(super) class: Vec<Option<u32>>,
    pub(super) names: Strings,
}

impl Header {
    /// Reads up to and with `@data`.
    pub(super) fn read(
        lines: &mut Lines<'_, impl BufRead>,
        options: &ReadOptions,
    ) -> Result<Self, FormatError> {
        let path = lines.path();
        let mut header = Self {
            names: Strings::new(),
            kinds: Vec::new(),
            values: Strings::new(),
            order: Vec::new(),
            meka: None,
        };
        let mut relation = false;
        loop {
            let Some((number, line)) = lines.next()? else {
                let problem = "the file ends before @data";
                return Err(FormatError::text(path, lines.number().max(1), 1, problem));
            };
            let mut cursor = Cursor { line, at: 0 };
            cursor.skip_blanks();
            if cursor.at_end() || cursor.peek() == Some(b'%') {
                continue;
            }
            let (at, keyword) = (cursor.at, cursor.word().to_ascii_lowercase());
            let outcome = match keyword.as_str() {
                "@relation" => cursor.name().map(|name| {
                    relation = true;
                    header.meka = meka(&name);
                }),
                "@attribute" => match relation {
                    true => header.attribute(&mut cursor, options),
                    false => Err((at, "@relation comes first".to_string())),
                },
                "@data" if header.kinds.is_empty() => Err((at, "there are no attributes".into())),
                "@data" => break,
                _ => Err((at, format!("`{}` is none of @relation, @attribute and @data", shown(&keyword)))),
            };
            let outcome = outcome.and_then(|()| cursor.end());
            outcome.map_err(|(at, problem)| FormatError::text(path, number, at as u64 + 1, problem))?;
        }
        match header.names.duplicate() {
            None => Ok(header),
            Some((later, _)) => {
                let problem = format!("two attributes are called `{}`", shown(&header.names[later]));
                Err(FormatError::text(path, lines.number(), 1, problem))
            }
        }
    }

    fn attribute(&mut self, cursor: &mut Cursor<'_>, options: &ReadOptions) -> Result<(), (usize, String)> {
        let begin = cursor.at;
        if self.kinds.len() as u64 >= options.limits.cells.min(1 << 30) {
            return Err((begin, "there are more attributes than are allowed".into()));
        }
        let name = cursor.name()?;
        cursor.skip_blanks();
        let kind = if cursor.peek() == Some(b'{') {
            cursor.at += 1;
            let start = self.values.len() as u32;
            let mut numbers = true;
            loop {
                cursor.skip_blanks();
                let value = match cursor.peek() {
                    Some(b'}') => return Err((cursor.at, "a nominal attribute needs a value".into())),
                    _ => cursor.value()?,
                };
                numbers &= value.parse::<f32>().is_ok_and(f32::is_finite);
                if self.values.len() >= 1 << 30 || !self.values.push(&value) {
                    return Err((cursor.at, "the names take more than 4 GiB".into()));
                }
                cursor.skip_blanks();
                match cursor.peek() {
                    Some(b',') => cursor.at += 1,
                    Some(b'}') => break cursor.at += 1,
                    _ => return Err((cursor.at, "`,` or `}` is expected".into())),
                }
            }
            let count = self.values.len() as u32 - start;
            if count > SHORT {
                self.sort(start).map_err(|problem| (begin, problem))?;
            }
            Kind::Nominal { start, count, numbers }
        } else {
            let at = cursor.at;
            match cursor.word().to_ascii_lowercase().as_str() {
                "numeric" | "real" | "integer" => Kind::Number,
                "string" => Kind::Other,
                "date" => {
                    cursor.at = cursor.line.len();
                    Kind::Other
                }
                other => return Err((at, format!("`{}` is no type of an attribute", shown(other)))),
            }
        };
        if !self.names.push(&name) {
            return Err((begin, "the names take more than 4 GiB".into()));
        }
        push(&mut self.kinds, kind);
        Ok(())
    }

    /// Puts the values from `start` on in order, so that they can be found quickly.
    fn sort(&mut self, start: u32) -> Result<(), String> {
        let (from, values) = (self.order.len() as u32, &self.values);
        self.order.reserve_exact(values.len() - from as usize);
        self.order.extend(from..values.len() as u32);
        let list = &mut self.order[start as usize..];
        list.sort_unstable_by(|&a, &b| values[a as usize].cmp(&values[b as usize]));
        match list.windows(2).find(|pair| values[pair[0] as usize] == values[pair[1] as usize]) {
            Some(pair) => Err(format!("the value `{}` is listed twice", shown(&values[pair[0] as usize]))),
            None => Ok(()),
        }
    }

    /// A value of a nominal attribute as a feature: the number it is where all are numbers, else its place in the
    /// list; `None` where it is not listed.
    pub(super) fn nominal(&self, kind: Kind, value: &str) -> Option<f32> {
        let Kind::Nominal { start, count, numbers } = kind else { return None };
        let place = if count > SHORT {
            let list = &self.order[start as usize..][..count as usize];
            let found = list.binary_search_by(|&i| self.values[i as usize].cmp(value)).ok()?;
            list[found] - start
        } else {
            (0..count).find(|&i| &self.values[(start + i) as usize] == value)?
        };
        if numbers { value.parse().ok() } else { Some(place as f32) }
    }

    /// The values of a nominal attribute.
    pub(super) fn values(&self, kind: Kind) -> impl Iterator<Item = &str> {
        let (start, count) = match kind {
            Kind::Nominal { start, count, .. } => (start as usize, count as usize),
            Kind::Number | Kind::Other => (0, 0),
        };
        (start..start + count).map(|i| &self.values[i])
    }

    /// The labels that a list names, in its order.
    pub(super) fn named(&self, names: &Strings, path: &Path, xml: &Path) -> Result<Labels, FormatError> {
        let order = self.names.sorted();
        let mut class = vec![None; self.kinds.len()];
        for (number, name) in names.iter().enumerate() {
            match order.binary_search_by(|&i| self.names[i as usize].cmp(name)) {
                Ok(i) => class[order[i] as usize] = Some(number as u32),
                Err(_) => {
                    let problem = format!(
                        "{} names the label `{}`, which is no attribute here",
                        crate::error::printed(xml),
                        shown(name)
                    );
                    return Err(FormatError::text(path, 1, 1, problem));
                }
            }
        }
        Ok(Labels { class, names: names.clone() })
    }

    /// The first `count` attributes, or the last where it is negative.
    pub(super) fn first_or_last(&self, count: i64, path: &Path) -> Result<Labels, FormatError> {
        let (all, labels) = (self.kinds.len(), count.unsigned_abs() as usize);
        if labels == 0 || labels >= all {
            let problem = format!("`-C {count}` asks for {labels} labels among {all} attributes");
            return Err(FormatError::text(path, 1, 1, problem));
        }
        let range = if count > 0 { 0..labels } else { all - labels..all };
        let number = |i| range.contains(&i).then(|| (i - range.start) as u32);
        let class = (0..all).map(number).collect();
        Ok(Labels { class, names: range.clone().map(|i| &self.names[i]).collect() })
    }
}

/// `n` of a relation called `name: -C n ...`.
fn meka(relation: &str) -> Option<i64> {
    let mut words = relation.split_ascii_whitespace();
    words.find(|word| *word == "-C" || *word == "-c")?;
    words.next()?.parse().ok()
}

/// A place in a line.
pub(super) struct Cursor<'a> {
    pub(super) line: &'a str,
    pub(super) at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn peek(&self) -> Option<u8> {
        self.line.as_bytes().get(self.at).copied()
    }

    pub(super) fn at_end(&self) -> bool {
        self.at >= self.line.len()
    }

    pub(super) fn skip_blanks(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    /// Up to the next blank.
    fn word(&mut self) -> &'a str {
        self.skip_blanks();
        let start = self.at;
        while self.peek().is_some_and(|byte| !byte.is_ascii_whitespace()) {
            self.at += 1;
        }
        &self.line[start..self.at]
    }

    /// A name: quoted, or up to the next blank.
    fn name(&mut self) -> Result<String, (usize, String)> {
        self.skip_blanks();
        match self.peek() {
            Some(b'\'' | b'"') => self.quoted(),
            Some(_) => Ok(self.word().to_string()),
            None => Err((self.at, "a name is missing".into())),
        }
    }

    /// A value: quoted, or up to the next comma, brace or blank.
    pub(super) fn value(&mut self) -> Result<Cow<'a, str>, (usize, String)> {
        self.skip_blanks();
        match self.peek() {
            Some(b'\'' | b'"') => self.quoted().map(Cow::from),
            _ => match self.plain() {
                "" => Err((self.at, "a value is missing".into())),
                value => Ok(value.into()),
            },
        }
    }

    /// Up to the next comma, brace or blank.
    pub(super) fn plain(&mut self) -> &'a str {
        let start = self.at;
        while self.peek().is_some_and(|byte| !byte.is_ascii_whitespace() && !b",{}".contains(&byte)) {
            self.at += 1;
        }
        &self.line[start..self.at]
    }

    fn quoted(&mut self) -> Result<String, (usize, String)> {
        let start = self.at;
        let quote = self.line.as_bytes()[start] as char;
        let mut text = String::new();
        let mut characters = self.line[start + 1..].char_indices();
        while let Some((i, character)) = characters.next() {
            match character {
                '\\' => text.extend(characters.next().map(|(_, escaped)| escaped)),
                c if c == quote => {
                    self.at = start + 1 + i + 1;
                    return Ok(text);
                }
                c => text.push(c),
            }
        }
        Err((start, "a quote is not closed".into()))
    }

    /// Nothing but blanks and a comment may follow.
    pub(super) fn end(&mut self) -> Result<(), (usize, String)> {
        self.skip_blanks();
        match self.peek() {
            None | Some(b'%') => Ok(()),
            Some(_) => Err((self.at, format!("`{}` is too much", shown(&self.line[self.at..])))),
        }
    }
}
