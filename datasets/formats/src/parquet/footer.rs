//! Sizes in the description at the end of a Parquet file, looked at before the crate `parquet` allocates what they say.
//!
//! The description is a `FileMetaData` in the compact protocol of Thrift
//! ([parquet.thrift](https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift),
//! [compact protocol](https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md)).

use std::io::{self, Read, Seek, SeekFrom};

/// How deep structures lie in each other at most; those of `FileMetaData` do not reach ten.
const DEPTH: usize = 32;
const END: &str = "its description ends too early";

/// What stands at a number of a structure. The crate takes it for this whatever type the file says it has, so another type is refused:
/// from there on the two would read different things.
enum Shape {
    Flag,
    Byte,
    Integer,
    Bytes,
    /// How many of the next elements of the schema are children of this one.
    Children,
    Structure(&'static [(i64, Shape)]),
    List(&'static [(i64, Shape)]),
}

/// `FileMetaData` up to its schema, behind which everything is bounded by what is left of the description.
const FILE_META_DATA: &[(i64, Shape)] = &[
    (1, Shape::Integer),
    (2, Shape::List(SCHEMA_ELEMENT)),
    (3, Shape::Integer),
    (5, Shape::List(&[(1, Shape::Bytes), (2, Shape::Bytes)])),
    (6, Shape::Bytes),
    (7, Shape::List(&[(1, EMPTY)])),
];
const SCHEMA_ELEMENT: &[(i64, Shape)] = &[
    (1, Shape::Integer),
    (2, Shape::Integer),
    (3, Shape::Integer),
    (4, Shape::Bytes),
    (5, Shape::Children),
    (6, Shape::Integer),
    (7, Shape::Integer),
    (8, Shape::Integer),
    (9, Shape::Integer),
    (10, Shape::Structure(LOGICAL_TYPE)),
];
const LOGICAL_TYPE: &[(i64, Shape)] = &[
    (1, EMPTY),
    (2, EMPTY),
    (3, EMPTY),
    (4, EMPTY),
    (5, Shape::Structure(&[(1, Shape::Integer), (2, Shape::Integer)])),
    (6, EMPTY),
    (7, TIME),
    (8, TIME),
    (10, Shape::Structure(&[(1, Shape::Byte), (2, Shape::Flag)])),
    (11, EMPTY),
    (12, EMPTY),
    (13, EMPTY),
    (14, EMPTY),
    (15, EMPTY),
    (16, Shape::Structure(&[(1, Shape::Byte)])),
    (17, Shape::Structure(&[(1, Shape::Bytes)])),
    (18, Shape::Structure(&[(1, Shape::Bytes), (2, Shape::Integer)])),
];
const TIME: Shape = Shape::Structure(&[(1, Shape::Flag), (2, UNIT)]);
const UNIT: Shape = Shape::Structure(&[(1, EMPTY), (2, EMPTY), (3, EMPTY)]);
const EMPTY: Shape = Shape::Structure(&[]);

impl Shape {
    fn is(&self, of: u8) -> bool {
        match self {
            Self::Flag => kind::BOOLEAN.contains(&of),
            Self::Byte => of == kind::BYTE,
            Self::Integer | Self::Children => kind::INTEGER.contains(&of),
            Self::Bytes => of == kind::BINARY,
            Self::Structure(_) => of == kind::STRUCT,
            Self::List(_) => kind::LIST.contains(&of),
        }
    }
}

/// Refuses a description with a list that is longer than the description, with an element of more children than there are elements, or with
/// another type than its fields have.
/// What is no Parquet file is left to the reader. The place in the file is its begin afterwards.
pub(super) fn check(file: &mut (impl Read + Seek)) -> io::Result<Result<(), String>> {
    let bytes = description(file)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(bytes.map_or(Ok(()), |bytes| Thrift { bytes: &bytes }.structure(FILE_META_DATA, 0)))
}

/// The bytes of the description: before its length in four bytes and the letters `PAR1`.
fn description(file: &mut (impl Read + Seek)) -> io::Result<Option<Vec<u8>>> {
    let len = file.seek(SeekFrom::End(0))?;
    if len < 8 {
        return Ok(None);
    }
    file.seek(SeekFrom::End(-8))?;
    let mut end = [0; 8];
    file.read_exact(&mut end)?;
    let size = u64::from(u32::from_le_bytes([end[0], end[1], end[2], end[3]]));
    if &end[4..] != b"PAR1" || size + 8 > len {
        return Ok(None);
    }
    file.seek(SeekFrom::Start(len - 8 - size))?;
    let mut bytes = Vec::new();
    file.take(size).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

/// What is left of a message.
struct Thrift<'a> {
    bytes: &'a [u8],
}

/// Types of values in the compact protocol.
mod kind {
    pub(super) const BOOLEAN: [u8; 2] = [1, 2];
    pub(super) const BYTE: u8 = 3;
    pub(super) const INTEGER: [u8; 3] = [4, 5, 6];
    pub(super) const DOUBLE: u8 = 7;
    pub(super) const BINARY: u8 = 8;
    pub(super) const LIST: [u8; 2] = [9, 10];
    pub(super) const MAP: u8 = 11;
    pub(super) const STRUCT: u8 = 12;
}

/// No list or map of a description has booleans. In the protocol each is a byte there; the crate takes them for none, so that it goes through
/// 2^31 of them in a list of six bytes, and reads something else behind them.
fn no_booleans(elements: u64, of: u8) -> Result<(), String> {
    match elements > 0 && kind::BOOLEAN.contains(&of) {
        true => Err("its description has a list of booleans, which none has".to_string()),
        false => Ok(()),
    }
}

impl<'a> Thrift<'a> {
    /// A structure with these fields, one of `elements` of a list; others are skipped.
    fn structure(&mut self, shapes: &'static [(i64, Shape)], elements: u64) -> Result<(), String> {
        self.fields(|this, field, of| {
            let Some((_, shape)) = shapes.iter().find(|(number, _)| *number == field) else {
                return this.skip(of, 0);
            };
            if !shape.is(of) {
                return Err(format!("field {field} of a structure of its description has the type {of}"));
            }
            match shape {
                Shape::Structure(shapes) => this.structure(shapes, elements),
                Shape::List(shapes) => {
                    let (elements, of) = this.list()?;
                    if elements > 0 && of != kind::STRUCT {
                        return Err(format!("a list of structures in its description has the type {of}"));
                    }
                    (0..elements).try_for_each(|_| this.structure(shapes, elements))
                }
                Shape::Children => {
                    let children = zigzag(this.varint()?);
                    match u64::try_from(children) {
                        Ok(children) if children < elements => Ok(()),
                        _ => Err(format!(
                            "an element of its schema has {children} children of {elements} elements"
                        )),
                    }
                }
                _ => this.skip(of, 0),
            }
        })
    }

    /// Does something with every field of a structure.
    fn fields(
        &mut self,
        mut with: impl FnMut(&mut Self, i64, u8) -> Result<(), String>,
    ) -> Result<(), String> {
        let mut field = 0i64;
        loop {
            let byte = self.byte()?;
            if byte == 0 {
                return Ok(());
            }
            field = match byte >> 4 {
                0 => zigzag(self.varint()?),
                more => field.wrapping_add(more.into()),
            };
            // The numbers of fields have 16 bits, and the crate drops the others.
            if i16::try_from(field).is_err() {
                return Err(format!("its description has a field of the number {field}"));
            }
            with(self, field, byte & 15)?;
        }
    }

    fn skip(&mut self, of: u8, depth: usize) -> Result<(), String> {
        if depth > DEPTH {
            return Err("structures of its description lie too deep in each other".to_string());
        }
        match of {
            of if kind::BOOLEAN.contains(&of) => Ok(()),
            kind::BYTE => self.byte().map(drop),
            of if kind::INTEGER.contains(&of) => self.varint().map(drop),
            kind::DOUBLE => self.take(8),
            kind::BINARY => {
                let len = self.varint()?;
                self.take(len)
            }
            of if kind::LIST.contains(&of) => {
                let (elements, of) = self.list()?;
                (0..elements).try_for_each(|_| self.skip(of, depth + 1))
            }
            kind::MAP => {
                let entries = self.varint()?;
                if entries == 0 {
                    return Ok(());
                }
                let of = self.byte()?;
                no_booleans(entries, of >> 4)?;
                no_booleans(entries, of & 15)?;
                (0..entries).try_for_each(|_| {
                    self.skip(of >> 4, depth + 1)?;
                    self.skip(of & 15, depth + 1)
                })
            }
            kind::STRUCT => self.fields(|this, _, of| this.skip(of, depth + 1)),
            of => Err(format!("its description has a value of the unknown type {of}")),
        }
    }

    /// Elements of a list and their type.
    fn list(&mut self) -> Result<(u64, u8), String> {
        let byte = self.byte()?;
        let elements = match byte >> 4 {
            15 => self.varint()?,
            few => few.into(),
        };
        // Each takes a byte at least.
        if elements > self.bytes.len() as u64 {
            return Err(format!("a list of {elements} elements in {} bytes", self.bytes.len()));
        }
        no_booleans(elements, byte & 15)?;
        Ok((elements, byte & 15))
    }

    fn varint(&mut self) -> Result<u64, String> {
        let mut value = 0u64;
        for place in 0..10 {
            let byte = self.byte()?;
            value |= u64::from(byte & 127).checked_shl(7 * place).unwrap_or(0);
            if byte < 128 {
                return Ok(value);
            }
        }
        Err("a number of its description takes more than ten bytes".to_string())
    }

    fn byte(&mut self) -> Result<u8, String> {
        let (&first, rest) = self.bytes.split_first().ok_or(END)?;
        self.bytes = rest;
        Ok(first)
    }

    fn take(&mut self, bytes: u64) -> Result<(), String> {
        let bytes = usize::try_from(bytes).ok().filter(|&bytes| bytes <= self.bytes.len()).ok_or(END)?;
        self.bytes = &self.bytes[bytes..];
        Ok(())
    }
}

/// A signed number.
fn zigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A description with one element of a schema, of these children.
    fn element(children: &[u8]) -> Vec<u8> {
        // Field 1: version 1; field 2: a list of one structure, with its name in field 4 and its children in field 5.
        [&[0x15, 2, 0x19, 0x1c, 0x48, 1, b'x', 0x15][..], children, &[0, 0]].concat()
    }

    fn said(bytes: &[u8]) -> String {
        let end = [bytes, &(bytes.len() as u32).to_le_bytes(), b"PAR1"].concat();
        match check(&mut io::Cursor::new(end)).unwrap() {
            Ok(()) => String::new(),
            Err(problem) => problem,
        }
    }

    /// The crate `parquet` takes memory for as many children as an element says, 3.4 GB for this.
    #[test]
    fn sizes_beyond_the_description_are_refused() {
        assert_eq!(said(&element(&[0])), "");
        assert!(said(&element(&[0xff, 0xff, 0xff, 0xff, 0x0f])).contains("children"));
        assert!(said(&element(&[2])).contains("1 children of 1 elements"));
        assert!(said(&element(&[1])).contains("-1 children"));
        assert!(
            said(&[0x15, 2, 0x19, 0xfc, 0xff, 0xff, 0x7f]).contains("a list of 2097151 elements in 0 bytes")
        );
        assert!(said(&element(&[0xff; 10])).contains("ten bytes"));
        assert_eq!(said(&element(&[0])[..9]), END);
        assert!(said(&[0x8d, 0]).contains("unknown type 13"));
        assert!(said(&[&[0x89][..], &[0x19].repeat(80)].concat()).contains("too deep"));
        // The crate reads the number of children whatever its type is: as a byte, as 241 million.
        let of_byte = [&[0x15, 2, 0x19, 0x1c, 0x48, 1, b'x', 0x13][..], &[2, 0, 0]].concat();
        assert!(said(&of_byte).contains("field 5 of a structure of its description has the type 3"));
        assert!(said(&[0x19, 0x15, 2]).contains("field 1 of a structure"));
        assert!(
            said(&[0x15, 2, 0x19, 0x15, 2])
                .contains("a list of structures in its description has the type 5")
        );
        // Field 5 by its number and 65536.
        assert!(said(&[0x05, 0x8a, 0x80, 0x08, 2, 0]).contains("a field of the number 65541"));
        // A logical type whose flag is a number.
        let logical =
            [&[0x15, 2, 0x19, 0x1c, 0x48, 1, b'x', 0x6c][..], &[0xac, 0x13, 8, 0x15, 2, 0, 0, 0, 0]].concat();
        assert!(said(&logical).contains("field 2 of a structure"), "{}", said(&logical));
        // A structure in a structure, a map of bytes, a double, a byte: all of it is skipped.
        let others =
            [0xac, 0x1c, 0, 0, 0x1b, 1, 0x33, 1, 2, 0x17, 1, 2, 3, 4, 5, 6, 7, 8, 0x13, 9, 0x11, 0x12, 0];
        assert_eq!(said(&others), "");
        // The crate goes through 2^31 booleans that take no byte.
        assert!(said(&[0x49, 0x21, 1, 1, 0]).contains("a list of booleans"));
        assert!(said(&[0x4b, 1, 0x31, 1, 1, 0]).contains("a list of booleans"));
        assert_eq!(said(&[0x49, 0x01, 0]), "");
        // What is none, and what is too short, is for the reader to refuse.
        assert_eq!(check(&mut io::Cursor::new(b"PAR1".to_vec())).unwrap(), Ok(()));
        assert_eq!(check(&mut io::Cursor::new(b"\xff\xff\0\0PAR1".to_vec())).unwrap(), Ok(()));
    }

    #[test]
    fn signed_numbers() {
        for (value, expected) in
            [(0, 0), (1, -1), (2, 1), (3, -2), (u64::MAX, i64::MIN), (u64::MAX - 1, i64::MAX)]
        {
            assert_eq!(zigzag(value), expected);
        }
    }
}
