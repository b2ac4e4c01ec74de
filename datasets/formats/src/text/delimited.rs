//! Records of delimited text: CSV after RFC 4180, and TSV.

use crate::error::Problem;
use crate::text::lines::Lines;
use crate::text::strings::push;
use crate::{FormatError, Limits};
use std::io::BufRead;
use std::path::Path;

/// Most fields of a record. Eight bytes are kept of each, of which a line of separators alone would take as many times its size.
pub(crate) const MOST_FIELDS: usize = 1 << 16;

/// A field of a record.
#[derive(Clone, Copy)]
struct Field {
    /// Where its text ends; it starts where the one before it does.
    end: u32,
    /// Its column in the line, counted from 1.
    column: u32,
}

/// Reads one record after the other. Fields may be in double quotes, which are doubled inside; a quoted field may
/// go on over several lines. Blank lines are skipped.
pub(crate) struct Records<'a, R> {
    lines: Lines<'a, R>,
    limit: u64,
    delimiter: u8,
    /// The fields of the record, unquoted, one after the other.
    text: String,
    fields: Vec<Field>,
    line: u64,
}

impl<'a, R: BufRead> Records<'a, R> {
    /// The records of a file whose first record has been looked at to find the delimiter: the one of comma, tab and
    /// semicolon that it has most of.
    pub(crate) fn new(reader: R, path: &'a Path, limits: &Limits) -> Self {
        // Places in a record are numbers of 32 bits, and it is measured after a line was added to it.
        let limit = limits.line.min(1 << 30);
        let lines = Lines::new(reader, path, &Limits { line: limit, ..*limits });
        Self { lines, limit, delimiter: 0, text: String::new(), fields: Vec::new(), line: 0 }
    }

    pub(crate) fn path(&self) -> &'a Path {
        self.lines.path()
    }

    /// Reads the next record; `false` after the last.
    pub(crate) fn read(&mut self) -> Result<bool, FormatError> {
        self.text.clear();
        self.fields.clear();
        let path = self.lines.path();
        let Some((first, mut line)) = self.lines.next_filled()? else { return Ok(false) };
        let mut number = first;
        if self.delimiter == 0 {
            self.delimiter = delimiter(line);
        }
        self.line = first;
        // The fields of a line are no longer than the line; doubling would take twice as much.
        self.text.reserve_exact(line.len());
        let mut column = 0;
        'fields: loop {
            let from = column as u64 + 1;
            if self.fields.len() == MOST_FIELDS {
                let problem = format!("the record has more than {MOST_FIELDS} fields");
                return Err(FormatError::text(path, number, from, problem));
            }
            if line.as_bytes().get(column) == Some(&b'"') {
                column += 1;
                loop {
                    let rest = &line[column..];
                    let Some(quote) = rest.find('"') else {
                        // The field continues in the next line.
                        self.text.push_str(rest);
                        self.text.push('\n');
                        if self.text.len() as u64 > self.limit {
                            let problem = format!("the record is longer than {} bytes", self.limit);
                            return Err(FormatError::text(path, number, 1, problem));
                        }
                        match self.lines.next()? {
                            Some(next) => (number, line) = next,
                            None => {
                                let problem = "unterminated quoted field";
                                return Err(FormatError::text(path, number, from, problem));
                            }
                        }
                        column = 0;
                        continue;
                    };
                    self.text.push_str(&rest[..quote]);
                    column += quote + 1;
                    if line.as_bytes().get(column) != Some(&b'"') {
                        break;
                    }
                    self.text.push('"');
                    column += 1;
                }
                push(&mut self.fields, Field { end: self.text.len() as u32, column: from as u32 });
                match line.as_bytes().get(column) {
                    None => break 'fields,
                    Some(&byte) if byte == self.delimiter => column += 1,
                    Some(_) => {
                        let at = column as u64 + 1;
                        let problem = "unexpected text after a quoted field";
                        return Err(FormatError::text(path, number, at, problem));
                    }
                }
            } else {
                let rest = &line[column..];
                let end = rest.bytes().position(|byte| byte == self.delimiter);
                self.text.push_str(&rest[..end.unwrap_or(rest.len())]);
                push(&mut self.fields, Field { end: self.text.len() as u32, column: from as u32 });
                match end {
                    None => break,
                    Some(end) => column += end + 1,
                }
            }
        }
        Ok(true)
    }

    /// See [`Lines::note`].
    pub(crate) fn note(&self) -> Option<String> {
        self.lines.note()
    }

    /// The line on which the record starts, counted from 1.
    pub(crate) fn line(&self) -> u64 {
        self.line
    }

    pub(crate) fn len(&self) -> usize {
        self.fields.len()
    }

    /// A field without blanks around it.
    pub(crate) fn field(&self, i: usize) -> &str {
        let start = if i == 0 { 0 } else { self.fields[i - 1].end };
        self.text[start as usize..self.fields[i].end as usize].trim()
    }

    /// A field that is a name; see [`name`].
    pub(crate) fn name(&self, i: usize) -> &str {
        name(self.field(i))
    }

    /// An error at a field, or at the end of the record where there is no such field.
    pub(crate) fn error(&self, field: usize, problem: impl Into<Problem>) -> FormatError {
        let column = self.fields.get(field).or(self.fields.last()).map_or(1, |field| field.column.into());
        FormatError::text(self.lines.path(), self.line, column, problem)
    }
}

/// The separator of a table: the one that occurs most often in its first line, outside of quoted fields, the first of these of equals.
fn delimiter(header: &str) -> u8 {
    const KNOWN: [u8; 3] = [b',', b'\t', b';'];
    let mut counts = [0; KNOWN.len()];
    let mut bytes = header.bytes().peekable();
    let (mut begins, mut quoted) = (true, false);
    while let Some(byte) = bytes.next() {
        let known = KNOWN.iter().position(|known| *known == byte);
        match (byte, quoted) {
            (b'"', true) if bytes.peek() == Some(&b'"') => drop(bytes.next()),
            (b'"', true) => quoted = false,
            (b'"', false) => quoted = begins,
            _ => {}
        }
        if let Some(known) = known.filter(|_| !quoted) {
            counts[known] += 1;
        }
        begins = known.is_some() && !quoted;
    }
    let most = counts.iter().copied().max().unwrap_or(0);
    KNOWN[counts.iter().position(|count| *count == most).unwrap_or(0)]
}

/// Whether a spreadsheet would read a name as a formula, not counting the `'` in front that keep it from doing so.
fn is_formula(name: &str) -> bool {
    name.trim_start_matches('\'').starts_with(['=', '+', '-', '@', '\t', '\r'])
}

/// Writes a name as a field: one that a spreadsheet would read as a formula gets a `'` in front, also one that has some
/// already, so that `name` finds what was written.
///
/// ```
/// let mut line = String::new();
/// lacuna_formats::push_name(&mut line, "=cmd()", ',');
/// assert_eq!(line, "'=cmd()");
/// ```
pub fn push_name(line: &mut String, name: &str, delimiter: char) {
    match is_formula(name) {
        true => push_field(line, &format!("'{name}"), delimiter),
        false => push_field(line, name, delimiter),
    }
}

/// The name in a field, without the `'` that [`push_name`] puts in front.
pub(crate) fn name(field: &str) -> &str {
    match field.strip_prefix('\'') {
        Some(name) if is_formula(name) => name,
        _ => field,
    }
}

/// Writes a field, in quotes where it needs them.
pub(crate) fn push_field(line: &mut String, field: &str, delimiter: char) {
    let blank = |c: char| c.is_whitespace();
    let quoted = field.contains([delimiter, '"', '\n', '\r', '\t', ';', ','])
        || field.starts_with(blank)
        || field.ends_with(blank);
    if quoted {
        line.push('"');
        line.push_str(&field.replace('"', "\"\""));
        line.push('"');
    } else {
        line.push_str(field);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names with separators of other tables in them: `"7;;100"` in a file with commas was taken for one with semicolons.
    #[test]
    fn the_separator_is_looked_for_outside_of_quotes() {
        for (header, separator) in [
            ("id,a,b", b','),
            ("id\ta,b\tc", b'\t'),
            ("id;a;b", b';'),
            ("id,\"7;;100\"", b','),
            ("id\t\"0,100,200\"", b'\t'),
            ("\"a;b \"\";\"\" c;\",d", b','),
            ("5\" disk,a;b;c", b';'),
            ("\"one field", b','),
            ("", b','),
        ] {
            assert_eq!(delimiter(header), separator, "{header}");
        }
    }

    fn read(text: &str) -> Result<Vec<Vec<String>>, String> {
        let mut records = Records::new(text.as_bytes(), Path::new("x.csv"), &Limits::default());
        let mut found = Vec::new();
        while records.read().map_err(|error| error.to_string())? {
            found.push((0..records.len()).map(|i| records.field(i).to_string()).collect());
        }
        Ok(found)
    }

    #[test]
    fn fields_quotes_and_delimiters() {
        assert_eq!(read("a,b\n1,\n\n ,2 \n").unwrap(), [["a", "b"], ["1", ""], ["", "2"]]);
        assert_eq!(read("a\tb,c\td\n1\t2\t3").unwrap(), [["a", "b,c", "d"], ["1", "2", "3"]]);
        assert_eq!(read("a;b\n1;2\n").unwrap(), [["a", "b"], ["1", "2"]]);
        assert_eq!(
            read("\"a,\"\"x\"\"\",b\n\"two\nlines\",2\n").unwrap(),
            [["a,\"x\"", "b"], ["two\nlines", "2"]]
        );
    }

    #[test]
    fn names_that_look_like_formulas_come_back() {
        for (plain, written) in [
            ("=1+1", "'=1+1"),
            ("+a", "'+a"),
            ("-1", "'-1"),
            ("@a", "'@a"),
            ("'=1", "Q=1"),
            ("Q=1", "Q'=1"),
            ("'a", "'a"),
            ("a=1", "a=1"),
            ("'", "'"),
            ("'\tb", "\"Q\tb\""),
            ("=a,b", "\"'=a,b\""),
        ] {
            // Two of them are written as a letter above.
            let (plain, written) = (plain.replace('Q', "''"), written.replace('Q', "''"));
            let mut line = String::new();
            push_name(&mut line, &plain, ',');
            assert_eq!(line, written);
            assert_eq!(name(written.trim_matches('"')), plain);
        }
        // A file without protected cells is read as it is.
        assert_eq!(["=1", "-1", "it's"].map(name), ["=1", "-1", "it's"]);
    }

    #[test]
    fn broken_quotes_are_named() {
        assert_eq!(read("a,b\n1,\"x").unwrap_err(), "x.csv: line 2, column 3: unterminated quoted field");
        let error = read("a,\"b\"c\n").unwrap_err();
        assert_eq!(error, "x.csv: line 1, column 6: unexpected text after a quoted field");
    }
}
