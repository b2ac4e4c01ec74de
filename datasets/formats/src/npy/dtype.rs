//! Element types: `<f4`, `|b1`, `>U12`.

use super::NpyError;
use crate::shown;
use std::fmt;

/// Element type and byte order, shown as NumPy writes it (`<f4`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Dtype {
    /// What an element is.
    pub kind: Kind,
    /// How its bytes are ordered; without meaning for elements of one byte.
    pub order: ByteOrder,
}

/// What an element is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `b1`
    Bool,
    /// `u1`
    U8,
    /// `i1`
    I8,
    /// `u2`
    U16,
    /// `i2`
    I16,
    /// `u4`
    U32,
    /// `i4`
    I32,
    /// `u8`
    U64,
    /// `i8`
    I64,
    /// `f2`
    F16,
    /// `f4`
    F32,
    /// `f8`
    F64,
    /// `U<n>`: text of `n` characters of four bytes, filled up with zeros.
    Text(usize),
    /// `S<n>`: `n` bytes, filled up with zeros.
    Bytes(usize),
}

/// The order of the bytes of a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ByteOrder {
    /// Least significant byte first, `<`.
    #[default]
    Little,
    /// Most significant byte first, `>`.
    Big,
}

impl Kind {
    /// Bytes an element takes; `None` where they cannot be counted.
    pub fn bytes(self) -> Option<usize> {
        match self {
            Kind::Bool | Kind::U8 | Kind::I8 => Some(1),
            Kind::U16 | Kind::I16 | Kind::F16 => Some(2),
            Kind::U32 | Kind::I32 | Kind::F32 => Some(4),
            Kind::U64 | Kind::I64 | Kind::F64 => Some(8),
            Kind::Text(characters) => characters.checked_mul(4),
            Kind::Bytes(bytes) => Some(bytes),
        }
    }
}

impl Dtype {
    /// The little-endian type, which is what the writers write unless told otherwise.
    pub fn little(kind: Kind) -> Self {
        Self { kind, order: ByteOrder::Little }
    }

    /// Reads `<f4` and its like.
    pub(super) fn parse(descr: &str) -> Result<Self, NpyError> {
        let refuse = |advice| NpyError::Dtype { descr: format!("`{}`", shown(descr)), advice };
        let unknown = || {
            refuse(
                "supported types are b1, u1, i1, u2, i2, u4, i4, u8, i8, f2, f4, f8, U<n>, S<n> after <, > or |",
            )
        };
        if descr.contains('O') {
            return Err(refuse("it denotes pickled Python objects: save the array as numbers or strings"));
        }
        let mut characters = descr.chars();
        let order = characters.next().ok_or_else(unknown)?;
        let code = characters.as_str();
        let kind = match code {
            "b1" => Kind::Bool,
            "u1" => Kind::U8,
            "i1" => Kind::I8,
            "u2" => Kind::U16,
            "i2" => Kind::I16,
            "u4" => Kind::U32,
            "i4" => Kind::I32,
            "u8" => Kind::U64,
            "i8" => Kind::I64,
            "f2" => Kind::F16,
            "f4" => Kind::F32,
            "f8" => Kind::F64,
            _ => {
                let width = |prefix| {
                    let digits = code.strip_prefix(prefix)?;
                    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
                    // An element without bytes would allow any number of them in an empty file.
                    digits.parse::<usize>().ok().filter(|&width| plain && width > 0)
                };
                match (width('U'), width('S')) {
                    (Some(characters), _) => Kind::Text(characters),
                    (_, Some(bytes)) => Kind::Bytes(bytes),
                    _ => return Err(unknown()),
                }
            }
        };
        let one_byte = matches!(kind, Kind::Bool | Kind::U8 | Kind::I8 | Kind::Bytes(_));
        let order = match order {
            '<' => ByteOrder::Little,
            '>' => ByteOrder::Big,
            '|' if one_byte => ByteOrder::Little,
            _ => return Err(unknown()),
        };
        Ok(Self { kind, order })
    }
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = match self.kind {
            Kind::Bool => return f.write_str("|b1"),
            Kind::U8 => return f.write_str("|u1"),
            Kind::I8 => return f.write_str("|i1"),
            Kind::Bytes(bytes) => return write!(f, "|S{bytes}"),
            Kind::U16 => "u2",
            Kind::I16 => "i2",
            Kind::U32 => "u4",
            Kind::I32 => "i4",
            Kind::U64 => "u8",
            Kind::I64 => "i8",
            Kind::F16 => "f2",
            Kind::F32 => "f4",
            Kind::F64 => "f8",
            Kind::Text(_) => "U",
        };
        let order = if self.order == ByteOrder::Little { '<' } else { '>' };
        match self.kind {
            Kind::Text(characters) => write!(f, "{order}U{characters}"),
            _ => write!(f, "{order}{code}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_can_be_read() {
        let codes = "|b1 |u1 |i1 <u2 >u2 <i2 >i2 <u4 >u4 <i4 >i4 <u8 >u8 <i8 >i8 <f2 >f2 <f4 >f4 <f8 >f8 <U41 >U7 |S3";
        for code in codes.split(' ') {
            assert_eq!(Dtype::parse(code).unwrap().to_string(), code);
        }
        assert_eq!(Dtype::parse("<i1").unwrap().kind, Kind::I8);
    }

    #[test]
    fn other_types_are_refused() {
        for code in [
            "", "f4", "|f4", "=f4", "<f16", "<c8", "<M8[ns]", "|V8", "<U", "<U+4", "<U-1", "<U0", "|S0",
            "<Ué", "é",
        ] {
            let error = Dtype::parse(code).unwrap_err().to_string();
            assert!(error.contains("unsupported type") && error.contains("f8"), "{code}: {error}");
        }
        let error = Dtype::parse("|O").unwrap_err().to_string();
        assert!(error.contains("pickled Python objects"), "{error}");
        assert!(Dtype::parse("<U99999999999999999999999").is_err());
    }
}
