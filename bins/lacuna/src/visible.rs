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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_codes_in_names_are_shown_and_not_obeyed() {
        assert_eq!(clean("plain é\n"), "plain é\n");
        assert_eq!(clean("\u{1b}[2J\r\u{9b}1m"), "\\u{1b}[2J\\u{d}\\u{9b}1m");
        assert_eq!(clean("\u{202e}cba\u{2066}"), "\\u{202e}cba\\u{2066}");
        assert!(matches!(clean("x"), Cow::Borrowed("x")));
        let json = serde_json::to_string("\u{9b}\u{202e}é").unwrap();
        let escaped = escaped(&json, |c| format!("\\u{:04x}", u32::from(c)));
        assert_eq!(escaped, "\"\\u009b\\u202eé\"");
        assert_eq!(serde_json::from_str::<String>(&escaped).unwrap(), "\u{9b}\u{202e}é");
    }
}
