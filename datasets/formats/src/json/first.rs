//! What the first bytes of a file say about it.

use crate::input::open_buffered;
use std::io::{self, BufRead, Read};
use std::path::Path;

/// Bytes that are looked at.
const FIRST: u64 = 1 << 16;

/// Whether a document is an array; the reader stays where it is.
pub(crate) fn is_array(reader: &mut impl BufRead) -> io::Result<bool> {
    loop {
        let bytes = match reader.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            bytes => bytes?,
        };
        let filled = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let first = filled.iter().find(|byte| !byte.is_ascii_whitespace());
        let array = first == Some(&b'[');
        if array {
            // The parser of whole documents knows no byte order mark.
            let mark = bytes.len() - filled.len();
            reader.consume(mark);
        }
        return Ok(array);
    }
}

/// Whether a file has rows of labels: it is called `.jsonl` or `.ndjson`, or it is `.json` and begins with an array, with
/// two objects one after the other, or with an object that has a name of a row and no `images`, as COCO's has.
pub(crate) fn recognises(path: &Path) -> bool {
    if !path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json")) {
        return path.is_file();
    }
    let mut first = Vec::new();
    let read = open_buffered(path).map(|reader| reader.take(FIRST).read_to_end(&mut first));
    matches!(read, Ok(Ok(_))) && has_rows(first.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&first))
}

fn has_rows(bytes: &[u8]) -> bool {
    let Some(start) = bytes.iter().position(|byte| !byte.is_ascii_whitespace()) else { return false };
    match bytes[start] {
        b'[' => true,
        b'{' => {
            let (keys, rest) = keys(&bytes[start..]);
            let another = rest.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
            let named = keys.iter().any(|key| super::row::ID_KEYS.iter().any(|id| id.as_bytes() == *key));
            another || (named && !keys.contains(&&b"images"[..]))
        }
        _ => false,
    }
}

/// The keys of an object, and the text after it.
fn keys(object: &[u8]) -> (Vec<&[u8]>, &[u8]) {
    let mut keys = Vec::new();
    let (mut depth, mut at, mut is_key) = (0_u32, 0, false);
    while let Some(&byte) = object.get(at) {
        at += 1;
        match byte {
            b'{' | b'[' => {
                depth += 1;
                is_key = byte == b'{';
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return (keys, &object[at..]);
                }
            }
            b',' => is_key = true,
            b':' => is_key = false,
            b'"' => {
                let start = at;
                while let Some(&byte) = object.get(at) {
                    at += 1;
                    match byte {
                        b'\\' => at += 1,
                        b'"' => break,
                        _ => {}
                    }
                }
                // A list has no keys, but nothing in it is at this depth.
                if depth == 1 && is_key && keys.len() < 64 {
                    keys.push(&object[start..at.min(object.len()).saturating_sub(1).max(start)]);
                }
            }
            _ => {}
        }
    }
    (keys, &[])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_instances_are_told_apart() {
        for rows in [
            " \n[{\"id\":1}]",
            "{\"id\":\"a\",\"labels\":[\"{\"]}\n{\"id\":\"b\"}",
            "{\"x\":1} {",
            "{\"labels\":{\"images\":1},\"file_name\":\"a\"}",
        ] {
            assert!(has_rows(rows.as_bytes()), "{rows}");
        }
        for other in [
            "",
            "{",
            "{\"",
            "{\"\\",
            "{\"images\":[{\"id\":1,\"file_name\":\"a\"}],\"categories\":[]}",
            "{\"info\":{\"id\":1},\"annotations\":[{\"id\":3}]",
            "{\"a\":\"id\"}\n",
            "x",
        ] {
            assert!(!has_rows(other.as_bytes()), "{other}");
        }
    }
}
