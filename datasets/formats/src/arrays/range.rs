//! Numbers in text that are not a finite `f32`.

use crate::shown;

/// Why a text that was read as an infinite number, or as none, is refused: a number too large for 32 bits is told from
/// one that is infinite.
pub(crate) fn not_finite(text: &str, row: usize, column: usize) -> String {
    let digits = text.trim_start_matches(['+', '-']);
    let is_numeral = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    match is_numeral && text.parse::<f32>().is_ok_and(f32::is_infinite) {
        true => format!(
            "row {row}, column {column} (counted from 0) is {}, which is beyond the range of 32-bit floats; scale the \
             column",
            shown(text)
        ),
        false => format!("invalid number `{}`: expected a finite number", shown(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_numbers_are_told_from_infinite_ones() {
        for text in ["1e39", "-1e300", "+1e400", "3.5e38"] {
            let expected = format!("row 2, column 3 (counted from 0) is {text}, which is beyond the range");
            assert!(not_finite(text, 2, 3).starts_with(&expected), "{text}");
        }
        for text in ["inf", "-Infinity", "NaN", "high", "1e39x"] {
            assert_eq!(not_finite(text, 2, 3), format!("invalid number `{text}`: expected a finite number"));
        }
    }
}
