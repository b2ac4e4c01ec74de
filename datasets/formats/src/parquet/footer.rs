//! Sizes in the description at the end of a Parquet file, looked at before the crate `parquet` allocates what they say.
//!
//! The description is a `FileMetaData` in the compact protocol of Thrift
//! ([parquet.thrift](https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift),
//! [compact protocol](https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md)).

use std::io::{self, Read, Seek, SeekFrom};

/// How deep structures lie in each other at most; those of `FileMetaData` do not reach ten.
const DEPTH: usize = 32;
/// Field of `FileMetaData`: the elements of the schema.
const SCHEMA: i64 = 2;
/// Field of `SchemaElement`: how many of the next elements are its children.
const CHILDREN: i64 = 5;
const END: &str = "its description ends too early";

/// Refuses a description with a list that is longer than the description, or with an element of more children than there are elements.
/// What is no Parquet file is left to the reader. The place in the file is its begin afterwards.
pub(super) fn check(file: &mut (impl Read + Seek)) -> io::Result<Result<(), String>> {
    let bytes = description(file)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(bytes.map_or(Ok(()), |bytes| Thrift { bytes: &bytes }.file_meta_data()))
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

impl<'a> Thrift<'a> {
    fn file_meta_data(mut self) -> Result<(), String> {
        self.fields(|this, field, of| {
            if field != SCHEMA || !kind::LIST.contains(&of) {
                return this.skip(of, 0);
            }
            let (elements, of) = this.list()?;
            for _ in 0..elements {
                if of == kind::STRUCT {
                    this.schema_element(elements)?;
                } else {
                    this.skip_element(of, 0)?;
                }
            }
            Ok(())
        })
    }

    fn schema_element(&mut self, elements: u64) -> Result<(), String> {
        self.fields(|this, field, of| {
            if field != CHILDREN || !kind::INTEGER.contains(&of) {
                return this.skip(of, 1);
            }
            let children = zigzag(this.varint()?);
            match u64::try_from(children) {
                Ok(children) if children < elements => Ok(()),
                _ => Err(format!("an element of its schema has {children} children of {elements} elements")),
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
                (0..elements).try_for_each(|_| self.skip_element(of, depth + 1))
            }
            kind::MAP => {
                let entries = self.varint()?;
                if entries == 0 {
                    return Ok(());
                }
                let of = self.byte()?;
                (0..entries).try_for_each(|_| {
                    self.skip_element(of >> 4, depth + 1)?;
                    self.skip_element(of & 15, depth + 1)
                })
            }
            kind::STRUCT => self.fields(|this, _, of| this.skip(of, depth + 1)),
            of => Err(format!("its description has a value of the unknown type {of}")),
        }
    }

    /// In lists and maps a boolean is a byte; in a structure its field says which of the two it is.
    fn skip_element(&mut self, of: u8, depth: usize) -> Result<(), String> {
        if kind::BOOLEAN.contains(&of) { self.byte().map(drop) } else { self.skip(of, depth) }
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
        assert!(said(&[0x1d, 0]).contains("unknown type 13"));
        assert!(said(&[0x19].repeat(80)).contains("too deep"));
        // A structure in a structure, a map of booleans, a double, a byte: all of it is skipped.
        let others =
            [0x1c, 0x1c, 0, 0, 0x1b, 1, 0x11, 1, 2, 0x17, 1, 2, 3, 4, 5, 6, 7, 8, 0x13, 9, 0x11, 0x12, 0];
        assert_eq!(said(&others), "");
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
