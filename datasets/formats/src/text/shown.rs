//! Pieces of files inside messages.

use std::fmt::Write;

/// Most characters of a piece.
const LONGEST: usize = 60;

/// A piece of a file as it can be printed inside a message: on one line, without effect on a terminal, and short.
///
/// Control characters, line ends, characters that change the direction of text and characters without a width are
/// escaped, and so is the backslash; text longer than 60 characters is truncated and ends with `...`.
///
/// ```
/// use lacuna_formats::shown;
///
/// assert_eq!(shown("żółw.jpg"), "żółw.jpg");
/// assert_eq!(shown("a\u{1b}[31m\n"), r"a\u{1b}[31m\n");
/// assert_eq!(shown("gpj.\u{202e}exe"), r"gpj.\u{202e}exe");
/// assert_eq!(shown(&"x".repeat(100)), "x".repeat(60) + "...");
/// ```
pub fn shown(text: &str) -> String {
    let mut short = String::new();
    let mut length = 0;
    for character in text.chars() {
        let before = short.len();
        push_escaped(&mut short, character);
        length += short[before..].chars().count();
        if length > LONGEST {
            short.truncate(before);
            short.push_str("...");
            break;
        }
    }
    short
}

/// As [`shown`], however long the text is: for paths.
pub(crate) fn escaped(text: &str) -> String {
    let mut whole = String::with_capacity(text.len());
    // On Windows the backslash is the separator of paths.
    for character in text.chars() {
        match character {
            '\\' => whole.push(character),
            _ => push_escaped(&mut whole, character),
        }
    }
    whole
}

fn push_escaped(text: &mut String, character: char) {
    match character {
        '\n' => text.push_str("\\n"),
        '\r' => text.push_str("\\r"),
        '\t' => text.push_str("\\t"),
        '\\' => text.push_str("\\\\"),
        _ if character.is_control() || is_invisible(character) => {
            write!(text, "{}", character.escape_unicode()).expect("writing to a string succeeds");
        }
        _ => text.push(character),
    }
}

/// Characters that take no width, end a line or change the direction of the text around them.
///
/// Source: Unicode 17, `Default_Ignorable_Code_Point` and `Bidi_Control`, and the two separators of lines.
fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_on_a_terminal_or_hides_is_escaped() {
        for hidden in [
            '\0',
            '\u{7}',
            '\u{1b}',
            '\u{7f}',
            '\u{85}',
            '\u{9b}',
            '\u{61c}',
            '\u{200b}',
            '\u{200d}',
            '\u{200e}',
            '\u{200f}',
            '\u{202a}',
            '\u{202e}',
            '\u{2066}',
            '\u{2069}',
            '\u{2028}',
            '\u{2029}',
            '\u{feff}',
            '\u{2060}',
            '\u{e0041}',
        ] {
            let text = shown(&format!("a{hidden}b"));
            assert_eq!(text, format!("a\\u{{{:x}}}b", hidden as u32));
        }
        assert_eq!(shown("a\r\n\tb\\"), r"a\r\n\tb\\");
        assert_eq!(shown("it's \"quoted\" 日本 e\u{301}"), "it's \"quoted\" 日本 e\u{301}");
    }

    #[test]
    fn long_pieces_are_cut_between_characters() {
        assert_eq!(shown(&"é".repeat(60)), "é".repeat(60));
        assert_eq!(shown(&"é".repeat(61)), "é".repeat(60) + "...");
        // An escape is there as a whole or not at all.
        assert_eq!(shown(&("x".repeat(58) + "\u{202e}yy")), "x".repeat(58) + "...");
        assert_eq!(
            escaped(&("\u{1b}".to_string() + &"x".repeat(100))),
            r"\u{1b}".to_string() + &"x".repeat(100)
        );
    }
}
