//! The header: a Python dictionary of three entries, read strictly and written as NumPy does.

use super::{Dtype, NpyError};
use crate::shown;

/// Longest header that is read, in bytes; NumPy's own limit.
pub const MAX_HEADER: u32 = 10_000;

pub(super) const MAGIC: &[u8; 6] = b"\x93NUMPY";

/// What a header says. The shape is not yet checked against any size.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Header {
    pub(super) dtype: Dtype,
    pub(super) fortran_order: bool,
    pub(super) shape: Vec<usize>,
}

impl Header {
    /// Reads the dictionary (without magic, version and length).
    ///
    /// Keys may come in any order and must come exactly once; commas may trail; integers may carry the
    /// `L` of Python 2. There is no recursion, so nested garbage cannot exhaust the stack.
    pub(super) fn parse(text: &[u8]) -> Result<Self, NpyError> {
        let mut cursor = Cursor { text, at: 0 };
        let (mut dtype, mut fortran_order, mut shape) = (None, None, None);
        cursor.expect(b'{')?;
        while !cursor.accept(b'}') {
            let at = cursor.at;
            let key = cursor.string()?;
            cursor.expect(b':')?;
            let again = match key {
                "descr" => dtype.replace(cursor.dtype()?).is_some(),
                "fortran_order" => fortran_order.replace(cursor.boolean()?).is_some(),
                "shape" => shape.replace(cursor.shape()?).is_some(),
                _ => return Err(broken(at, format!("unknown key `{}`", shown(key)))),
            };
            if again {
                return Err(broken(at, format!("duplicate key `{}`", shown(key))));
            }
            if !cursor.accept(b',') {
                cursor.expect(b'}')?;
                break;
            }
        }
        cursor.skip_blanks();
        if cursor.at < text.len() {
            return Err(broken(cursor.at, "unexpected data after the dictionary".into()));
        }
        let missing = |key: &str| broken(text.len(), format!("missing key `{}`", shown(key)));
        Ok(Self {
            dtype: dtype.ok_or_else(|| missing("descr"))?,
            fortran_order: fortran_order.ok_or_else(|| missing("fortran_order"))?,
            shape: shape.ok_or_else(|| missing("shape"))?,
        })
    }

    /// Magic, version 1.0, length, dictionary and padding, byte for byte as `numpy.save` writes them.
    ///
    /// `None` if the header would be too long to be read back.
    pub(super) fn to_bytes(&self) -> Option<Vec<u8>> {
        let order = if self.fortran_order { "True" } else { "False" };
        let mut text = format!(
            "{{'descr': '{}', 'fortran_order': {order}, 'shape': {}, }}",
            self.dtype,
            shape_text(&self.shape)
        );
        // NumPy leaves space for the axis that grows to become 21 digits long.
        let growing = if self.fortran_order { self.shape.last() } else { self.shape.first() };
        if let Some(rows) = growing {
            text.extend(std::iter::repeat_n(' ', 21_usize.saturating_sub(rows.to_string().len())));
        }
        // At least one blank, as NumPy has it: a length that fits exactly grows by 64.
        let before = MAGIC.len() + 2 + 2 + text.len() + 1;
        text.extend(std::iter::repeat_n(' ', 64 - before % 64));
        text.push('\n');
        let length = u16::try_from(text.len()).ok().filter(|&length| u32::from(length) <= MAX_HEADER)?;
        let mut bytes = MAGIC.to_vec();
        bytes.extend([1, 0]);
        bytes.extend(length.to_le_bytes());
        bytes.extend(text.as_bytes());
        Some(bytes)
    }
}

/// The shape as Python shows a tuple.
pub(crate) fn shape_text(shape: &[usize]) -> String {
    match shape {
        [only] => format!("({only},)"),
        _ => {
            let dimensions: Vec<String> = shape.iter().map(usize::to_string).collect();
            format!("({})", dimensions.join(", "))
        }
    }
}

struct Cursor<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn skip_blanks(&mut self) {
        let blanks = self.text[self.at..].iter().take_while(|b| b" \t\r\n".contains(b)).count();
        self.at += blanks;
    }

    /// Takes `byte` if it comes next.
    fn accept(&mut self, byte: u8) -> bool {
        self.skip_blanks();
        let there = self.text.get(self.at) == Some(&byte);
        self.at += usize::from(there);
        there
    }

    fn expect(&mut self, byte: u8) -> Result<(), NpyError> {
        if self.accept(byte) {
            return Ok(());
        }
        let found = match self.text.get(self.at) {
            Some(found) => format!("`{}`", found.escape_ascii()),
            None => "the end".into(),
        };
        Err(broken(self.at, format!("expected `{}`, found {found}", char::from(byte))))
    }

    /// A string in single or double quotes, without escapes.
    fn string(&mut self) -> Result<&'a str, NpyError> {
        self.skip_blanks();
        let at = self.at;
        let quote = match self.text.get(at) {
            Some(&quote @ (b'\'' | b'"')) => quote,
            _ => return Err(broken(at, "expected a string".into())),
        };
        let rest = &self.text[at + 1..];
        let length =
            rest.iter().position(|&b| b == quote).ok_or_else(|| broken(at, "unterminated string".into()))?;
        let string = std::str::from_utf8(&rest[..length])
            .ok()
            .filter(|s| s.bytes().all(|b| b.is_ascii_graphic() && b != b'\\'))
            .ok_or_else(|| broken(at, "invalid character in a string".into()))?;
        self.at = at + 1 + length + 1;
        Ok(string)
    }

    fn dtype(&mut self) -> Result<Dtype, NpyError> {
        self.skip_blanks();
        if self.text.get(self.at) == Some(&b'[') {
            let advice = "records are not supported: save one array for each field";
            return Err(NpyError::Dtype { descr: "of a record".into(), advice });
        }
        Dtype::parse(self.string()?)
    }

    fn boolean(&mut self) -> Result<bool, NpyError> {
        self.skip_blanks();
        for (word, value) in [(&b"True"[..], true), (b"False", false)] {
            if self.text[self.at..].starts_with(word) {
                self.at += word.len();
                return Ok(value);
            }
        }
        Err(broken(self.at, "expected True or False".into()))
    }

    /// A tuple of non-negative integers; `(3)` is not a tuple, `(3,)` is.
    fn shape(&mut self) -> Result<Vec<usize>, NpyError> {
        self.expect(b'(')?;
        let mut shape = Vec::new();
        while !self.accept(b')') {
            shape.push(self.dimension()?);
            if !self.accept(b',') {
                if shape.len() == 1 {
                    return Err(broken(self.at, "a tuple of one number needs a comma".into()));
                }
                self.expect(b')')?;
                break;
            }
        }
        Ok(shape)
    }

    fn dimension(&mut self) -> Result<usize, NpyError> {
        self.skip_blanks();
        let at = self.at;
        let sign = usize::from(self.text.get(at) == Some(&b'-'));
        let digits = self.text[at + sign..].iter().take_while(|b| b.is_ascii_digit()).count();
        if digits == 0 {
            return Err(broken(at, "expected a dimension".into()));
        }
        let end = at + sign + digits;
        self.at = end + usize::from(self.text.get(end) == Some(&b'L'));
        // ASCII digits, so this never replaces anything.
        let number = String::from_utf8_lossy(&self.text[at..end]);
        if sign == 1 {
            return Err(NpyError::Negative { dimension: number.into() });
        }
        number
            .parse()
            .map_err(|_| NpyError::TooLarge { shape: format!("({number}, ...)"), dtype: "any".into() })
    }
}

fn broken(at: usize, problem: String) -> NpyError {
    NpyError::Header { at, problem }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::npy::Kind;

    fn header(text: &str) -> Result<Header, NpyError> {
        Header::parse(text.as_bytes())
    }

    #[test]
    fn python_dictionaries_are_read() {
        let expected = Header { dtype: Dtype::little(Kind::F64), fortran_order: false, shape: vec![3, 4] };
        for text in [
            "{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }   \n",
            "{'shape':(3,4),'fortran_order':False,'descr':'<f8'}",
            "{\"descr\": \"<f8\",\t'fortran_order' : False , 'shape': ( 3L , 4L , ) , } ",
        ] {
            assert_eq!(header(text).unwrap(), expected, "{text}");
        }
        let shape = |tuple: &str| {
            header(&format!("{{'descr': '|b1', 'fortran_order': True, 'shape': {tuple}}}")).unwrap().shape
        };
        assert_eq!(shape("()"), [0; 0]);
        assert_eq!(shape("(3,)"), [3]);
        assert_eq!(shape("(3L,)"), [3]);
        assert_eq!(shape("(0, 18446744073709551615)"), [0, usize::MAX]);
    }

    #[test]
    fn everything_else_is_an_error_that_says_where() {
        let nested = "(".repeat(9_000);
        let cases = [
            ("", "invalid header at byte 0: expected `{`, found the end"),
            ("{}", "missing key `descr`"),
            ("{'descr': '<f8', 'shape': (3,)}", "missing key `fortran_order`"),
            ("{'descr': '<f8', 'descr': '<f8'}", "byte 17: duplicate key `descr`"),
            ("{'version': 1}", "byte 1: unknown key `version`"),
            ("{'descr': '<f8', 'fortran_order': 0, 'shape': ()}", "byte 34: expected True or False"),
            ("{'descr': '<f8' 'shape': ()}", r"expected `}`, found `\'`"),
            ("{'shape': (3)}", "a tuple of one number needs a comma"),
            ("{'shape': [3, 4]}", "expected `(`, found `[`"),
            ("{'shape': (3,,)}", "expected a dimension"),
            ("{'shape': (3 4)}", "a tuple of one number needs a comma"),
            ("{'shape': (1.5,)}", "a tuple of one number needs a comma"),
            ("{'shape': (-3, 4)}", "the negative dimension -3"),
            ("{'shape': (99999999999999999999, 4)}", "exceeds the address space"),
            ("{'descr': '<f8", "unterminated string"),
            ("{'descr': [('a', '<f8')]}", "records are not supported"),
            ("{'descr': '<f\\x38'}", "invalid character in a string"),
            ("{'descr': '|O'}", "pickled Python objects"),
            ("{'descr': '<f8', 'fortran_order': False, 'shape': ()} x", "unexpected data after"),
            (&nested, "expected `{`"),
        ];
        for (text, expected) in cases {
            let error = header(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text:.60}: {error}");
        }
        assert!(header(&format!("{{'shape': {nested}")).is_err());
        assert!(Header::parse(b"{'descr': '\xff'}").is_err());
    }

    #[test]
    fn headers_are_written_as_numpy_writes_them() {
        let write = |kind, shape: &[usize]| {
            let header = Header { dtype: Dtype::little(kind), fortran_order: false, shape: shape.to_vec() };
            header.to_bytes().unwrap()
        };
        let bytes = write(Kind::F64, &[1680, 17]);
        assert_eq!(bytes.len(), 128);
        assert_eq!(&bytes[..10], b"\x93NUMPY\x01\x00\x76\x00");
        let text = "{'descr': '<f8', 'fortran_order': False, 'shape': (1680, 17), }";
        assert_eq!(std::str::from_utf8(&bytes[10..]).unwrap(), format!("{text:<117}\n"));
        // Lengths printed by NumPy 2.4 for the same arrays.
        assert_eq!(write(Kind::F32, &[]).len(), 128);
        assert_eq!(write(Kind::U8, &[1; 14]).len(), 128);
        assert_eq!(write(Kind::U8, &[1; 15]).len(), 192);
    }
}
