//! The header: the relation and its attributes.

use super::cursor::{Cursor, Problem};
use super::nominal::{List, Lists};
use crate::shown;
use crate::text::lines::Lines;
use crate::text::strings::push;
use crate::{FormatError, ReadOptions, Strings};
use std::io::BufRead;
use std::path::Path;

pub(super) struct Header {
    /// Names of the attributes.
    pub(super) names: Strings,
    pub(super) kinds: Vec<Kind>,
    /// Values of the nominal attributes.
    lists: Lists,
    /// `n` of `-C n` in the name of the relation.
    pub(super) meka: Option<i64>,
    /// Attributes that KEEL's `@inputs` names.
    pub(super) inputs: Option<Strings>,
    /// Attributes that KEEL's `@outputs` names.
    pub(super) outputs: Option<Strings>,
    /// Whether an attribute has a weight.
    pub(super) weights: bool,
}

/// What an attribute is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    Number,
    /// One of the values of a list.
    Nominal(u32),
    /// Something that is not read, by its name.
    Other(&'static str),
}

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
            lists: Lists::default(),
            meka: None,
            inputs: None,
            outputs: None,
            weights: false,
        };
        let mut relation = false;
        loop {
            let Some((number, line)) = lines.next()? else {
                let problem = "the file ends before @data";
                return Err(FormatError::text(path, lines.number().max(1), 1, problem));
            };
            let mut cursor = Cursor::new(line);
            if cursor.at_end() {
                continue;
            }
            let (at, keyword) = (cursor.at, cursor.word().to_ascii_lowercase());
            let outcome = match keyword.as_str() {
                "@relation" => relation_name(&mut cursor).map(|name| {
                    relation = true;
                    header.meka = meka(&name);
                }),
                "@attribute" => match relation {
                    true => header.attribute(&mut cursor, options),
                    false => Err((at, "expected @relation first".to_string())),
                },
                "@input" | "@inputs" => names(&mut cursor, &mut header.inputs),
                "@output" | "@outputs" => names(&mut cursor, &mut header.outputs),
                "@data" if header.kinds.is_empty() => Err((at, "there are no attributes".into())),
                "@data" => match cursor.end() {
                    Ok(()) => break,
                    Err(problem) => Err(problem),
                },
                _ => Err((
                    at,
                    format!("unexpected `{}`: expected @relation, @attribute or @data", shown(&keyword)),
                )),
            };
            let outcome = outcome.and_then(|()| cursor.end());
            outcome.map_err(|(at, problem)| FormatError::text(path, number, at as u64 + 1, problem))?;
        }
        match header.names.duplicate() {
            None => Ok(header),
            Some((later, _)) => {
                let problem = format!("duplicate attribute `{}`", shown(&header.names[later]));
                Err(FormatError::text(path, lines.number(), 1, problem))
            }
        }
    }

    fn attribute(&mut self, cursor: &mut Cursor<'_>, options: &ReadOptions) -> Result<(), Problem> {
        let begin = cursor.at;
        if self.kinds.len() as u64 >= options.limits.cells.min(1 << 30) {
            return Err((begin, "there are more attributes than are allowed".into()));
        }
        let name = attribute_name(cursor)?;
        cursor.skip_blanks();
        let kind =
            if cursor.peek() == Some(b'{') { Kind::Nominal(self.lists.read(cursor)?) } else { kind(cursor)? };
        cursor.skip_blanks();
        self.weights |= cursor.weight()?;
        if !self.names.push(&name) {
            return Err((begin, "the names take more than 4 GiB".into()));
        }
        push(&mut self.kinds, kind);
        Ok(())
    }

    /// The list of a nominal attribute.
    pub(super) fn list(&self, kind: Kind) -> Option<&List> {
        match kind {
            Kind::Nominal(list) => Some(self.lists.get(list)),
            Kind::Number | Kind::Other(_) => None,
        }
    }

    /// The attributes that are labels, by whether they are; the classes are in the order of the attributes.
    fn labels(&self, is_label: impl Fn(usize) -> bool) -> Labels {
        let mut class = vec![None; self.kinds.len()];
        let mut names = Strings::new();
        for (attribute, class) in class.iter_mut().enumerate() {
            if is_label(attribute) {
                *class = Some(names.len() as u32);
                assert!(names.push(&self.names[attribute]), "less text than the attributes have");
            }
        }
        Labels { class, names }
    }

    /// For each attribute whether a list names it. `list` is what the list is called in messages.
    fn listed(&self, names: &Strings, path: &Path, list: &str) -> Result<Vec<bool>, FormatError> {
        let order = self.names.sorted();
        let mut listed = vec![false; self.kinds.len()];
        for name in names.iter() {
            match order.binary_search_by(|&i| self.names[i as usize].cmp(name)) {
                Ok(i) => listed[order[i] as usize] = true,
                Err(_) => {
                    let problem = format!("{list} `{}`, which is not an attribute", shown(name));
                    return Err(FormatError::text(path, 1, 1, problem));
                }
            }
        }
        Ok(listed)
    }

    /// The labels that Mulan's XML file names.
    pub(super) fn named(&self, names: &Strings, path: &Path, xml: &Path) -> Result<Labels, FormatError> {
        let list = format!("{} names the label", crate::error::printed(xml));
        let listed = self.listed(names, path, &list)?;
        Ok(self.labels(|attribute| listed[attribute]))
    }

    /// The labels that KEEL's lists of inputs and outputs name, if there is such a list.
    pub(super) fn keel(&self, path: &Path) -> Result<Option<Labels>, FormatError> {
        let list = |names: &Option<Strings>, keyword| match names {
            Some(names) => self.listed(names, path, keyword).map(Some),
            None => Ok(None),
        };
        let inputs = list(&self.inputs, "@inputs names")?;
        let outputs = list(&self.outputs, "@outputs names")?;
        if let (Some(inputs), Some(outputs)) = (&inputs, &outputs)
            && let Some(i) = (0..self.kinds.len()).find(|&i| inputs[i] == outputs[i])
        {
            let where_it_is = if inputs[i] { "in both @inputs and" } else { "neither in @inputs nor in" };
            let name = shown(&self.names[i]);
            let problem =
                format!("the attribute `{name}` is {where_it_is} @outputs: name it in one of the two lists");
            return Err(FormatError::text(path, 1, 1, problem));
        }
        let labels = match (inputs, outputs) {
            (_, Some(outputs)) => self.labels(|attribute| outputs[attribute]),
            (Some(inputs), None) => self.labels(|attribute| !inputs[attribute]),
            (None, None) => return Ok(None),
        };
        match labels.names.is_empty() {
            true => {
                Err(FormatError::text(path, 1, 1, "every attribute is in @inputs, which leaves no label"))
            }
            false => Ok(Some(labels)),
        }
    }

    /// The first `count` attributes, or the last where it is negative.
    pub(super) fn first_or_last(&self, count: i64, path: &Path) -> Result<Labels, FormatError> {
        let (all, labels) = (self.kinds.len(), count.unsigned_abs());
        if labels == 0 || labels >= all as u64 {
            let problem = format!("`-C {count}` asks for {labels} labels among {all} attributes");
            return Err(FormatError::text(path, 1, 1, problem));
        }
        let labels = labels as usize;
        let range = if count > 0 { 0..labels } else { all - labels..all };
        Ok(self.labels(|attribute| range.contains(&attribute)))
    }
}

/// The name of a relation: quoted, or everything up to a comment.
fn relation_name(cursor: &mut Cursor<'_>) -> Result<String, Problem> {
    cursor.skip_blanks();
    if cursor.at_quote() {
        return cursor.quoted();
    }
    match cursor.until(|byte| byte == b'%').trim_end() {
        "" => Err((cursor.at, "a name is missing".into())),
        name => Ok(name.to_string()),
    }
}

/// The name of an attribute: quoted, or up to a blank, or up to the brace of `name{0,1}`.
fn attribute_name(cursor: &mut Cursor<'_>) -> Result<String, Problem> {
    cursor.skip_blanks();
    let start = cursor.at;
    if cursor.at_quote() {
        return cursor.quoted();
    }
    let word = cursor.word();
    let brace = word.find('{').filter(|&brace| brace > 0);
    if let Some(brace) = brace {
        // A name may have a brace where its type follows: `f{x} numeric`.
        let mut rest = Cursor { line: cursor.line, at: cursor.at };
        rest.skip_blanks();
        if rest.peek() != Some(b'{') && kind(&mut rest).is_err() {
            cursor.at = start + brace;
            return Ok(word[..brace].to_string());
        }
    }
    match word {
        "" => Err((cursor.at, "a name is missing".into())),
        name => Ok(name.to_string()),
    }
}

/// A type other than a list of values, with what may follow its name.
fn kind(cursor: &mut Cursor<'_>) -> Result<Kind, Problem> {
    cursor.skip_blanks();
    let at = cursor.at;
    let word = cursor.until(|byte| byte.is_ascii_whitespace() || b"[({%".contains(&byte));
    match word.to_ascii_lowercase().as_str() {
        "numeric" | "real" | "integer" => range(cursor).map(|()| Kind::Number),
        "string" => Ok(Kind::Other("a string")),
        "relational" => Ok(Kind::Other("relational")),
        "date" => {
            cursor.at = cursor.line.len();
            Ok(Kind::Other("a date"))
        }
        "" => Err((at, "the type of the attribute is missing: numeric, or values as in {0,1}".into())),
        other => Err((at, format!("unsupported attribute type `{}`", shown(other)))),
    }
}

/// `[0, 9]` after the type of a number; it is ignored.
fn range(cursor: &mut Cursor<'_>) -> Result<(), Problem> {
    cursor.skip_blanks();
    let at = cursor.at;
    if !cursor.take(b'[') && !cursor.take(b'(') {
        return Ok(());
    }
    let bounds = cursor.until(|byte| byte == b']' || byte == b')');
    let two = bounds.split(',').filter(|bound| bound.trim().parse::<f64>().is_ok()).count() == 2;
    match two && bounds.matches(',').count() == 1 && cursor.peek().is_some() {
        true => cursor.at += 1,
        false => return Err((at, "invalid range: expected two numbers in brackets, such as [0, 9]".into())),
    }
    Ok(())
}

/// Names of attributes, separated by commas or blanks, appended to the existing ones.
fn names(cursor: &mut Cursor<'_>, list: &mut Option<Strings>) -> Result<(), Problem> {
    let list = list.get_or_insert_default();
    cursor.skip_blanks();
    while !cursor.at_end() {
        let name = match cursor.at_quote() {
            true => cursor.quoted()?.into(),
            false => std::borrow::Cow::from(cursor.until(|byte| byte.is_ascii_whitespace() || byte == b',')),
        };
        if name.is_empty() {
            return Err((cursor.at, "a name is missing".into()));
        }
        if !list.push(&name) {
            return Err((cursor.at, "the names take more than 4 GiB".into()));
        }
        cursor.skip_blanks();
        cursor.take(b',');
        cursor.skip_blanks();
    }
    Ok(())
}

/// `n` of a relation called `name: -C n ...`.
fn meka(relation: &str) -> Option<i64> {
    let mut words = relation.split_ascii_whitespace();
    words.find(|word| *word == "-C" || *word == "-c")?;
    words.next()?.parse().ok()
}
