//! Names of files and classes as text that acts on nothing.

use std::borrow::Cow;

/// Text without characters that act on a terminal: controls other than the line end, and those that change the direction of
/// writing or cannot be seen, are shown as escapes.
///
/// ```
/// assert_eq!(lacuna::listing::clean("a\u{1b}]0;title\u{7}b\n"), "a\\u{1b}]0;title\\u{7}b\n");
/// ```
pub fn clean(text: &str) -> Cow<'_, str> {
    escaped(text, |c| if c == '\t' { " ".to_string() } else { c.escape_unicode().to_string() })
}

pub(crate) fn escaped(text: &str, escape: impl Fn(char) -> String) -> Cow<'_, str> {
    let acts = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(c,
                '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    if !text.contains(acts) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match acts(c) {
            true => out.push_str(&escape(c)),
            false => out.push(c),
        }
    }
    Cow::Owned(out)
}
