//! Cells with the names of several classes: printed lists, and names with a separator between them.

use crate::labels::convention::{is_missing_name, number_in};
use crate::labels::names::Classes;
use crate::shown;
use crate::text::strings::Interner;
use crate::{FormatError, ReadOptions, Strings};
use std::borrow::Cow;
use std::path::Path;

/// How a cell with names of classes is split. A printed list is read as one in any case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Split {
    /// A cell is one name, as long as nothing else is known of the file.
    Undecided,
    /// At this text; a blank matches any number of blanks.
    At(String),
}

impl Split {
    /// What the options for a file say.
    pub(crate) fn of(options: &ReadOptions, path: &Path) -> Result<Self, FormatError> {
        match &options.label_separator {
            None => Ok(Self::Undecided),
            Some(separator) if separator.is_empty() => {
                let problem = "--label-separator is empty: expected text such as '|'";
                Err(FormatError::text(path, 1, 1, problem))
            }
            Some(separator) => Ok(Self::At(separator.clone())),
        }
    }
}

/// What a cell with labels has.
pub(crate) enum Item<'a> {
    /// The name of a class.
    Name(&'a str),
    /// An element of a list of numbers, nothing for a missing value.
    Number(Option<f64>),
}

/// What went by in a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cell {
    /// No label.
    Nothing,
    /// A word for a missing value.
    Missing,
    /// A list without elements.
    EmptyList,
    /// Names.
    Names,
    /// A list of numbers.
    Numbers,
}

/// Runs over the labels in a cell: over those of a printed list (`['cat', 'dog']`, `["cat","dog"]`, `('cat',)`,
/// `{'cat'}`, `['cat' 'dog']`, `[0, 1]`), else over the parts that the separator makes, else over the cell as one name.
/// Blanks around a name and empty parts are dropped.
///
/// Where the classes are known a cell that is one of them is not split, and one whose parts at `|`, `;`, a comma or
/// blanks all are is split there.
pub(crate) fn each_label(
    cell: &str,
    split: &Split,
    classes: &Classes,
    mut each: impl FnMut(Item<'_>) -> Result<(), String>,
) -> Result<Cell, String> {
    let cell = cell.trim();
    if classes.is_given(cell) {
        return each(Item::Name(cell)).map(|()| Cell::Names);
    }
    if is_missing_name(cell) {
        return Ok(if cell.is_empty() { Cell::Nothing } else { Cell::Missing });
    }
    if let Some(inside) = bracketed(cell) {
        let mut kind = Cell::EmptyList;
        // Once to see whether it is a list at all, which nothing has to be undone for.
        let is_list = each_element(inside, |_| Ok(()));
        // A name may be in parentheses.
        let may_be_name = cell.starts_with('(') && !inside.contains(['\'', '"', ',']) && !inside.is_empty();
        if is_list.is_ok() && !may_be_name {
            each_element(inside, |item| {
                let found = if matches!(item, Item::Name(_)) { Cell::Names } else { Cell::Numbers };
                if kind != Cell::EmptyList && kind != found {
                    return Err("the list mixes names and numbers".into());
                }
                kind = found;
                match item {
                    Item::Name(name) => match name.trim() {
                        "" => Ok(()),
                        name => each(Item::Name(name)),
                    },
                    number => each(number),
                }
            })?;
            return Ok(kind);
        }
        match split {
            Split::At(separator) if cell.starts_with('[') => {
                return parts(inside, separator)
                    .map(|part| part.trim_matches(['\'', '"']).trim())
                    .filter(|part| !part.is_empty())
                    .try_for_each(|part| each(Item::Name(part)))
                    .map(|()| Cell::Names);
            }
            _ if cell.starts_with('(') => {}
            _ => {
                let problem = is_list.err().unwrap_or_default();
                return Err(format!(
                    "invalid list `{}`, {problem}: put the names in quotes, or name the separator with --label-separator \
                     S",
                    shown(cell)
                ));
            }
        }
    }
    let given;
    let separator = match split {
        Split::At(separator) => Some(separator.as_str()),
        Split::Undecided => {
            given = ["|", ";", ",", " "].into_iter().find(|separator| {
                parts(cell, separator).nth(1).is_some()
                    && parts(cell, separator).all(|part| classes.is_given(part))
            });
            given
        }
    };
    match separator {
        None => each(Item::Name(cell))?,
        Some(separator) => parts(cell, separator).try_for_each(|part| each(Item::Name(part)))?,
    }
    Ok(Cell::Names)
}

/// The parts of a cell, without blanks around them and without empty ones.
pub(crate) fn parts<'a>(cell: &'a str, separator: &'a str) -> impl Iterator<Item = &'a str> {
    let blank = separator.trim().is_empty();
    let (words, pieces) = match blank {
        true => (Some(cell.split_whitespace()), None),
        false => (None, Some(cell.split(separator))),
    };
    let parts = words.into_iter().flatten().chain(pieces.into_iter().flatten());
    parts.map(str::trim).filter(|part| !part.is_empty())
}

/// The text inside brackets, if a cell starts and ends with one.
fn bracketed(cell: &str) -> Option<&str> {
    if cell == "set()" || cell == "list()" || cell == "tuple()" {
        return Some("");
    }
    [('[', ']'), ('(', ')'), ('{', '}')]
        .into_iter()
        .find_map(|(open, close)| cell.strip_prefix(open)?.strip_suffix(close))
}

/// Iterates over the elements of a printed list, which are quoted or numbers.
fn each_element(inside: &str, mut each: impl FnMut(Item<'_>) -> Result<(), String>) -> Result<(), String> {
    let mut rest = inside.trim_start();
    let mut first = true;
    while !rest.is_empty() {
        if !first {
            // NumPy prints blanks between elements, and the end of a tuple may have a comma.
            rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
            if rest.is_empty() {
                break;
            }
        }
        first = false;
        // NumPy 2 prints the elements of a list as `np.str_('cat')`.
        let (wrapped, text) = match rest.strip_prefix("np.str_(") {
            Some(text) => (true, text),
            None => (false, rest),
        };
        if let Some(quote) = text.chars().next().filter(|c| matches!(c, '\'' | '"')) {
            let (name, behind) = quoted(&text[1..], quote).ok_or("unterminated quote")?;
            each(Item::Name(&name))?;
            rest = behind;
            if wrapped {
                rest = rest.strip_prefix(')').ok_or("unclosed parenthesis")?;
            }
            if !rest.is_empty() && !rest.starts_with(|c: char| c == ',' || c.is_whitespace()) {
                return Err(format!("unexpected `{}` after a quote", shown(rest)));
            }
        } else {
            let end = text.find(|c: char| c == ',' || c.is_whitespace()).unwrap_or(text.len());
            // `yes` and `NA` without quotes are not elements that a program prints.
            let printed = text[..end].bytes().any(|byte| byte.is_ascii_digit())
                || ["True", "False", "true", "false", "None", "null", "nan", "NaN"].contains(&&text[..end]);
            let number = number_in(&text[..end]).filter(|_| printed && !wrapped);
            let number =
                number.ok_or_else(|| format!("`{}` is neither quoted nor a number", shown(&text[..end])))?;
            each(Item::Number(number))?;
            rest = &text[end..];
        }
        rest = rest.trim_start();
    }
    Ok(())
}

/// The text up to a quote and the text after it.
fn quoted(text: &str, quote: char) -> Option<(Cow<'_, str>, &str)> {
    let (before, mut rest) = text.split_at(text.find([quote, '\\'])?);
    if let Some(behind) = rest.strip_prefix(quote) {
        return Some((before.into(), behind));
    }
    let mut name = before.to_string();
    loop {
        let mut characters = rest.chars();
        let (character, behind) = match characters.next()? {
            '\\' => escaped(characters.as_str())?,
            end if end == quote => return Some((name.into(), characters.as_str())),
            other => (other, characters.as_str()),
        };
        name.push(character);
        rest = behind;
    }
}

/// The character that the text after a backslash stands for, and the text behind it.
fn escaped(text: &str) -> Option<(char, &str)> {
    let mut characters = text.chars();
    let letter = characters.next()?;
    let rest = characters.as_str();
    let digits = match letter {
        'x' => 2,
        'u' => 4,
        'U' => 8,
        'n' => return Some(('\n', rest)),
        't' => return Some(('\t', rest)),
        'r' => return Some(('\r', rest)),
        other => return Some((other, rest)),
    };
    let (code, rest) = hexadecimal(rest, digits)?;
    if !(0xd800..0xdc00).contains(&code) {
        return Some((char::from_u32(code)?, rest));
    }
    // JSON writes two of them for a character.
    let (low, rest) = hexadecimal(rest.strip_prefix("\\u")?, 4)?;
    let low = low.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
    Some((char::from_u32(0x10000 + ((code - 0xd800) << 10) + low)?, rest))
}

/// The number of so many hexadecimal digits, and the text behind them.
fn hexadecimal(text: &str, digits: usize) -> Option<(u32, &str)> {
    let (digits, rest) = text.split_at_checked(digits)?;
    let number = digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u32::from_str_radix(digits, 16));
    Some((number?.ok()?, rest))
}

/// The evidence of the cells of a file about a separator that is not given.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// A separator that every cell is split at.
    pub(crate) separator: Option<&'static str>,
    /// A note.
    pub(crate) note: Option<String>,
}

/// A cell that may have one label or several.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ambiguous {
    /// The cell.
    pub(crate) cell: String,
    /// What is unclear, and what to do.
    pub(crate) problem: String,
}

/// Most parts that are looked at before a separator counts as one whose parts do not recur.
const MOST_PARTS: usize = 1 << 15;

/// Decides how the cells of a file are split, from all cells that are different and no lists.
///
/// * `|` and `;` separate labels where a part of a cell occurs in another cell as well; where none does, or where both
///   occur, ambiguous.
/// * A comma separates labels or belongs to a name: ambiguous.
/// * Blanks belong to names, unless a part is the name of a class as well: then ambiguous.
/// * `/`, `&` and `+` belong to names, unless all parts are names of classes as well: then ambiguous. Where some are, a
///   note says so.
///
/// `one_label` says that the file has a line for each label, so that commas and blanks belong to names and a note has to
/// do.
pub(crate) fn decide(cells: &Interner, one_label: bool) -> Result<Found, Ambiguous> {
    let names = cells.strings();
    let first = |c: char| names.iter().find(|name| name.contains(c));
    let ambiguous = |cell: &str, separator: &str, because: String| {
        let cell = cell.to_string();
        let problem = format!(
            "`{}` may be one label or several{because}: name the separator with --label-separator '{separator}'; \
             if it is one label, name text that no label contains, such as --label-separator '{}'",
            shown(&cell),
            if separator == "|" { "||" } else { "|" }
        );
        Err(Ambiguous { cell, problem })
    };
    let mut found = Found { separator: None, note: None };
    match (first('|'), first(';')) {
        (Some(_), Some(cell)) => return ambiguous(cell, ";", ", because `|` and `;` occur".into()),
        (Some(cell), None) => separated(cell, "|", names, one_label, &ambiguous, &mut found)?,
        (None, Some(cell)) => separated(cell, ";", names, one_label, &ambiguous, &mut found)?,
        (None, None) => {}
    }
    if found.separator.is_some() {
        return Ok(found);
    }
    if !one_label && let Some(cell) = first(',') {
        return ambiguous(cell, ",", String::new());
    }
    let mut repeated = None;
    let mut words = Interner::new(Strings::new());
    for (number, cell) in names.iter().enumerate() {
        for separator in [",", "/", "&", "+", " "] {
            if parts(cell, separator).nth(1).is_none() {
                continue;
            }
            if let Some(part) = parts(cell, separator).find(|part| cells.get(part).is_some()) {
                // `animal/dog` beside `animal` may well be one name; `cat/dog` beside `cat` and `dog` hardly is.
                let of_names = [",", " "].contains(&separator)
                    || parts(cell, separator).all(|part| cells.get(part).is_some());
                if !one_label && of_names {
                    return ambiguous(
                        cell,
                        separator,
                        format!(", because `{}` is a label as well", shown(part)),
                    );
                }
                found.note.get_or_insert_with(|| {
                    format!(
                        "`{}` is read as one class, although `{}` is also a class; --label-separator '{separator}' splits it",
                        shown(cell),
                        shown(part)
                    )
                });
            }
        }
        // Names such as `traffic light` and `traffic sign` look like this, so this is not refused.
        let several = cell.contains(char::is_whitespace);
        if !one_label && several && repeated.is_none() && words.strings().len() < MOST_PARTS {
            let before = words.strings().len() as u32;
            for part in parts(cell, " ") {
                if words.number(part).is_some_and(|number| number < before) {
                    repeated = Some(number);
                }
            }
        }
    }
    if let (Some(number), None) = (repeated, &found.note) {
        found.note = Some(format!(
            "cells with blanks, such as `{}`, are read as one class each; --label-separator ' ' splits them",
            shown(&names[number])
        ));
    }
    Ok(found)
}

fn separated(
    cell: &str,
    separator: &'static str,
    names: &Strings,
    one_label: bool,
    ambiguous: &impl Fn(&str, &str, String) -> Result<Found, Ambiguous>,
    found: &mut Found,
) -> Result<(), Ambiguous> {
    match (recurs(names, separator), one_label) {
        (true, false) => found.separator = Some(separator),
        (true, true) => {
            let because = ", because its parts are labels as well and the file has a line for each label";
            ambiguous(cell, separator, because.into())?;
        }
        (false, false) => {
            ambiguous(cell, separator, format!(", because `{separator}` occurs, and no part occurs again"))?;
        }
        (false, true) => {}
    }
    Ok(())
}

/// Whether a part of a cell occurs in another cell.
fn recurs(cells: &Strings, separator: &str) -> bool {
    let mut seen = Interner::new(Strings::new());
    let mut cell_of: Vec<usize> = Vec::new();
    for (number, cell) in cells.iter().enumerate() {
        for part in parts(cell, separator) {
            let Some(place) = seen.number(part) else { return false };
            match cell_of.get(place as usize) {
                Some(&before) if before != number => return true,
                Some(_) => {}
                None => cell_of.push(number),
            }
            if cell_of.len() > MOST_PARTS {
                return false;
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ReadOptions;

    fn labels_with(cell: &str, split: &Split, options: &ReadOptions) -> Result<(Cell, Vec<String>), String> {
        let mut found = Vec::new();
        let kind = each_label(cell, split, &Classes::new(options), |item| {
            found.push(match item {
                Item::Name(name) => name.to_string(),
                Item::Number(number) => format!("{number:?}"),
            });
            Ok(())
        });
        kind.map(|kind| (kind, found))
    }

    fn labels(cell: &str) -> Result<(Cell, Vec<String>), String> {
        labels_with(cell, &Split::Undecided, &ReadOptions::default())
    }

    #[test]
    fn printed_lists_are_read_as_lists() {
        for list in [
            "['cat', 'hot dog']",
            "[\"cat\",\"hot dog\"]",
            "('cat', 'hot dog')",
            "{'cat', 'hot dog'}",
            "['cat' 'hot dog']",
            "['cat'\n 'hot dog']",
            "[ 'cat' , \"hot dog\", ]",
            "[np.str_('cat'), np.str_('hot dog')]",
            "['cat ', ' hot dog', '']",
        ] {
            assert_eq!(labels(list).unwrap(), (Cell::Names, vec!["cat".into(), "hot dog".into()]), "{list}");
        }
        assert_eq!(labels("('cat',)").unwrap().1, ["cat"]);
        assert_eq!(
            labels(r#"['it\'s', "a\"b\\", '\u00e9\x41', '\ud83d\udc08']"#).unwrap().1,
            ["it's", "a\"b\\", "éA", "🐈"]
        );
        for empty in ["[]", "()", "{}", "set()", "list()", "tuple()", "[ ]"] {
            assert_eq!(labels(empty).unwrap(), (Cell::EmptyList, vec![]), "{empty}");
        }
        for missing in ["nan", "NaN", "None", "null", "N/A"] {
            assert_eq!(labels(missing).unwrap(), (Cell::Missing, vec![]));
        }
        assert_eq!(labels(" ").unwrap(), (Cell::Nothing, vec![]));
        assert_eq!(
            labels("[1, 0.5 None]").unwrap(),
            (Cell::Numbers, ["Some(1.0)", "Some(0.5)", "None"].map(String::from).to_vec())
        );
        assert_eq!(labels("(none)").unwrap().1, ["(none)"]);
        assert_eq!(labels("none").unwrap().1, ["none"]);
    }

    #[test]
    fn a_broken_list_is_no_class() {
        for broken in [
            "[cat, dog]",
            "['cat', 'dog]",
            "['cat'x]",
            "[1 2 ... 9]",
            "{'cat': 1}",
            "[['cat']]",
            "[yes, no]",
            "['\\ud83d']",
            "['\\xzz']",
        ] {
            let error = labels(broken).unwrap_err();
            assert!(error.contains("invalid list `") && error.contains("--label-separator S"), "{error}");
        }
        assert!(labels("['cat', 1]").unwrap_err().contains("names and numbers"));
        let comma = Split::At(",".into());
        assert_eq!(labels_with("[cat, dog]", &comma, &Default::default()).unwrap().1, ["cat", "dog"]);
    }

    /// Characters were counted where bytes were cut, which ended the program; and a sign was read as a digit.
    #[test]
    fn half_a_surrogate_before_a_character_of_several_bytes_is_an_error() {
        for broken in [
            "[\"\\ud83d\u{feff}\\u+dc08\"]",
            r#"["\ud83dé\udc08"]"#,
            r#"["\ud83dxudc08"]"#,
            r#"["\u+0e9"]"#,
            r#"["\xé"]"#,
            r#"["\u12"]"#,
        ] {
            assert!(labels(broken).unwrap_err().contains("invalid list `"), "{broken}");
        }
    }

    #[test]
    fn parts_are_trimmed_and_empty_ones_dropped() {
        let at = |cell, separator: &str| {
            labels_with(cell, &Split::At(separator.into()), &Default::default()).unwrap().1
        };
        assert_eq!(at(" cat | hot dog||", "|"), ["cat", "hot dog"]);
        assert_eq!(at("cat  dog\tcow", " "), ["cat", "dog", "cow"]);
        assert_eq!(at("cat, dog", ", "), ["cat", "dog"]);
        assert_eq!(at("cat--dog-cow", "--"), ["cat", "dog-cow"]);
    }

    #[test]
    fn classes_that_are_given_decide() {
        let options =
            ReadOptions { classes: Some(vec!["hot dog", "dog", "a|b", "b"].into()), ..Default::default() };
        let labels = |cell| labels_with(cell, &Split::Undecided, &options).unwrap().1;
        assert_eq!(labels("hot dog"), ["hot dog"]);
        assert_eq!(labels("a|b"), ["a|b"]);
        assert_eq!(labels("b|dog"), ["b", "dog"]);
        assert_eq!(labels("hot dog, b"), ["hot dog", "b"]);
        assert_eq!(labels("dog b"), ["dog", "b"]);
        assert_eq!(labels("dog cow"), ["dog cow"]);
    }

    fn decided(cells: &[&str], one_label: bool) -> Result<Found, Ambiguous> {
        let mut interner = Interner::new(Strings::new());
        cells.iter().for_each(|cell| assert!(interner.number(cell).is_some()));
        decide(&interner, one_label)
    }

    #[test]
    fn separators_whose_parts_recur_are_recognised() {
        for (cells, separator) in [
            (&["cat|dog", "cat"][..], Some("|")),
            (&["cat;dog", "dog;cow"], Some(";")),
            (&["No Finding", "Edema|Lung Lesion", "Edema"], Some("|")),
            (&["cat", "dog"], None),
            (&["traffic light", "cat"], None),
        ] {
            assert_eq!(decided(cells, false), Ok(Found { separator, note: None }), "{cells:?}");
        }
    }

    #[test]
    fn cells_that_may_be_one_label_or_several_are_refused() {
        for (cells, cell, separator) in [
            (&["scab frog_eye", "healthy", "scab"][..], "scab frog_eye", "' '"),
            (&["cat,dog", "cow"], "cat,dog", "','"),
            (&["cat|dog", "cow"], "cat|dog", "'|'"),
            (&["cat|dog|cat"], "cat|dog|cat", "'|'"),
            (&["cat|dog", "cat;dog", "cat"], "cat;dog", "';'"),
            (&["dog", "cat/dog", "cat"], "cat/dog", "'/'"),
            (&["cat & dog", "dog", "cat"], "cat & dog", "'&'"),
            (&["cat+dog", "cat", "dog"], "cat+dog", "'+'"),
        ] {
            let error = decided(cells, false).unwrap_err();
            assert_eq!(error.cell, cell);
            assert!(error.problem.contains(&format!("--label-separator {separator};")), "{}", error.problem);
        }
        assert!(decided(&["cat|dog", "cat"], true).is_err());
    }

    #[test]
    fn names_with_blanks_and_commas_are_one_class_in_a_file_with_a_line_a_label() {
        let found = decided(&["hot dog", "dog", "tench, Tinca tinca"], true).unwrap();
        assert!(found.note.unwrap().contains("`hot dog` is read as one class, although `dog`"));
        assert_eq!(decided(&["tench, Tinca tinca", "a;b"], true), Ok(Found { separator: None, note: None }));
        let found = decided(&["traffic light", "traffic sign"], false).unwrap();
        assert!(found.note.unwrap().contains("such as `traffic sign`"));
    }

    #[test]
    fn a_path_of_names_is_one_class_and_noted() {
        let found = decided(&["animal/dog", "animal", "animal/cat"], false).unwrap();
        assert_eq!(found.separator, None);
        let note = found.note.unwrap();
        assert!(
            note.contains("`animal/dog` is read as one class, although `animal` is also a class")
                && note.contains("--label-separator '/'"),
            "{note}"
        );
        assert_eq!(decided(&["animal/dog", "animal/cat"], false), Ok(Found { separator: None, note: None }));
    }
}
