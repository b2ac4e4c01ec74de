//! The parts of a line: labels, then `column:value`.

/// A line without its comment.
pub(super) struct Parts<'a> {
    /// Labels by comma, maybe with blanks beside the commas; empty where the row has none.
    pub(super) labels: &'a str,
    /// `column:value`, separated by blanks.
    pub(super) entries: &'a str,
}

/// A line without the comment that begins with `#` at its start or after a blank; `None` where nothing else is there.
pub(super) fn without_comment(line: &str) -> Option<&str> {
    let begins =
        |&(at, _): &(usize, &str)| at == 0 || line[..at].ends_with(|c: char| c.is_ascii_whitespace());
    match line.match_indices('#').find(begins) {
        None => Some(line),
        Some((at, _)) => Some(&line[..at]).filter(|before| !before.trim().is_empty()),
    }
}

/// Splits a line. A row without a label starts with a blank or with `column:value`.
pub(super) fn split(line: &str) -> Parts<'_> {
    let blank = |c: char| c.is_ascii_whitespace();
    let first = line.split(blank).next().unwrap_or_default();
    let mut end = match first.is_empty() || is_entry(first) {
        true => 0,
        false => first.len(),
    };
    // A comma at the end of a word or at the start of the next one joins the two.
    while end > 0 {
        let rest = line[end..].trim_start_matches(blank);
        if rest.is_empty() || !(line[..end].ends_with(',') || rest.starts_with(',')) {
            break;
        }
        let start = line.len() - rest.len();
        end = start + rest.find(blank).unwrap_or(rest.len());
    }
    let (labels, entries) = line.split_at(end);
    Parts { labels, entries: entries.split('#').next().unwrap_or_default() }
}

/// Whether a word is `column:value` or `qid:number`, whatever the value is.
pub(super) fn is_entry(word: &str) -> bool {
    word.split_once(':').is_some_and(|(column, _)| column == "qid" || number(column).is_some())
}

/// A number that digits alone write.
pub(super) fn number(text: &str) -> Option<u64> {
    text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The number of a label, which may be followed by a point and zeros (`3.0`).
pub(super) fn label_number(text: &str) -> Option<u64> {
    let (digits, zeros) = text.split_once('.').unwrap_or((text, ""));
    number(digits).filter(|_| zeros.bytes().all(|byte| byte == b'0'))
}

/// Whether a label is written as a number, be it one that a label can have or not.
pub(super) fn looks_like_a_number(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_digit()) && text.parse::<f64>().is_ok()
}

/// Where a part of a line is.
pub(super) fn offset(line: &str, part: &str) -> usize {
    part.as_ptr() as usize - line.as_ptr() as usize
}

/// One, two or three numbers: `rows`, `rows columns`, `rows columns labels`.
pub(super) fn header(line: &str, most: u64) -> Option<Header> {
    let mut words = line.split_ascii_whitespace().map(|word| number(word).filter(|&n| n <= most));
    let rows = words.next()??;
    let mut next = || words.next().map_or(Some(None), |word| word.map(Some));
    let header = Header { rows, second: next()?, labels: next()? };
    words.next().is_none().then_some(header)
}

/// What the first line announces.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Header {
    pub(super) rows: u64,
    /// Columns, or labels in a file of nothing else.
    pub(super) second: Option<u64>,
    pub(super) labels: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_end_where_no_comma_joins_words() {
        for (line, labels, entries) in [
            ("3,7 0:1", "3,7", " 0:1"),
            ("3, 7 ,9 0:1", "3, 7 ,9", " 0:1"),
            ("3 , 7", "3 , 7", ""),
            ("3,", "3,", ""),
            (" 0:1", "", " 0:1"),
            ("0:1 2:3", "", "0:1 2:3"),
            ("qid:1 2:3", "", "qid:1 2:3"),
            ("3\t0:1#x", "3", "\t0:1"),
            ("a:b 0:1", "a:b", " 0:1"),
            ("3, 0:1", "3, 0:1", ""),
            ("", "", ""),
        ] {
            let parts = split(line);
            assert_eq!((parts.labels, parts.entries), (labels, entries), "{line}");
        }
    }

    #[test]
    fn comments_begin_at_a_word() {
        assert_eq!(without_comment("# a 1:1"), None);
        assert_eq!(without_comment("  #"), None);
        assert_eq!(without_comment("1 1:1 # a"), Some("1 1:1 "));
        assert_eq!(without_comment("c#,d 1:1"), Some("c#,d 1:1"));
        assert_eq!(without_comment(" "), Some(" "));
    }

    #[test]
    fn numbers_of_labels_and_headers() {
        let numbers = ["3", "3.0", "3.00", "3.", "3.5", "-3", "+3", "3e1", ".0", "x"].map(label_number);
        assert_eq!(numbers, [Some(3), Some(3), Some(3), Some(3), None, None, None, None, None, None]);
        let three = Header { rows: 3, second: Some(4), labels: Some(5) };
        assert_eq!(header("3 4 5", 9), Some(three));
        assert_eq!(header("3 4", 9), Some(Header { labels: None, ..three }));
        assert_eq!(header("3 ", 9), Some(Header { second: None, labels: None, ..three }));
        for line in ["", "3 4 5 6", "3,4", "3 x", "3 4 50", "1:1", "-3"] {
            assert_eq!(header(line, 9), None, "{line}");
        }
    }
}
