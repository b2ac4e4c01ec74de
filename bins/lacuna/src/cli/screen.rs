//! The one place where programs write to standard output and standard error.
//!
//! Output may contain names from untrusted files, so control characters are escaped here, whoever forgot
//! to do it before. And output that cannot be written never ends a program: `print!` and `eprint!` panic where a pipe is
//! closed or a disk is full, and take results that took hours with them.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this is the module that the others go through"
)]

use crate::visible::escaped;
use anyhow::Context;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

pub use crate::visible::clean;

/// Columns of a terminal that tables and lists fit into.
pub const WIDTH: usize = 80;

/// Writes text for people to standard output. A closed reader (`| head`) is not an error.
///
/// # Errors
/// Other errors of the operating system; the text is then missing.
pub fn out(text: &str) -> anyhow::Result<()> {
    write(&clean(text))
}

/// Writes JSON to standard output. Control characters can only be in its strings, and are escaped as
/// JSON has it, so that the meaning stays.
///
/// # Errors
/// As for [`out`].
pub fn json(text: &str) -> anyhow::Result<()> {
    write(&escaped(text, |c| format!("\\u{:04x}", u32::from(c))))
}

fn write(text: &str) -> anyhow::Result<()> {
    let mut stdout = io::stdout();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error).context("standard output"),
        _ => Ok(()),
    }
}

/// Whether [`info`] writes nothing.
static QUIET: AtomicBool = AtomicBool::new(false);

/// From here on [`info`] writes nothing, or again something.
pub fn set_quiet(quiet: bool) {
    QUIET.store(quiet, Ordering::Relaxed);
}

/// Whether [`info`] writes nothing.
pub fn is_quiet() -> bool {
    QUIET.load(Ordering::Relaxed)
}

/// Writes a line about what is done to standard error, unless the program is to be quiet. Errors, and what changes the meaning
/// of results, go to [`err`].
pub fn info(line: &str) {
    if !is_quiet() {
        err(line);
    }
}

/// Writes a line to standard error, on a terminal as several that fit; an error while writing is ignored.
pub fn err(line: &str) {
    let line = clean(line);
    let text = match io::stderr().is_terminal() {
        true => line.lines().map(|line| wrapped(line, 4) + "\n").collect(),
        false => format!("{line}\n"),
    };
    let _ = io::stderr().write_all(text.as_bytes());
}

/// A line as several of at most [`WIDTH`] columns, broken between words; all but the first are indented.
///
/// ```
/// let text = lacuna::cli::screen::wrapped("  one two", 4) + "\n";
/// assert_eq!(text, "  one two\n");
/// ```
pub fn wrapped(line: &str, indent: usize) -> String {
    let mut out = String::new();
    let mut column = 0;
    let start = line.len() - line.trim_start().len();
    out.push_str(&line[..start]);
    column += start;
    let mut first = true;
    for word in line[start..].split(' ') {
        let length = word.chars().count();
        if !first && column + 1 + length > WIDTH && column > start.min(indent) {
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', indent));
            column = indent;
        } else if !first {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += length;
        first = false;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_broken_between_words() {
        let line = format!("  Data: {}", "word ".repeat(40).trim_end());
        let text = wrapped(&line, 4);
        assert!(text.lines().count() > 2);
        for (i, line) in text.lines().enumerate() {
            assert!(line.chars().count() <= WIDTH, "{line}");
            assert!(line.starts_with(if i == 0 { "  D" } else { "    w" }), "{line}");
        }
        assert_eq!(text.split_whitespace().count(), line.split_whitespace().count());
        let long = "x".repeat(100);
        assert_eq!(wrapped(&format!("a {long}"), 2), format!("a\n  {long}"));
    }
}
