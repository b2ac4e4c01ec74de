//! Metadata of a Parquet file, looked at before the crate `parquet` allocates what it says.
//!
//! It is in the [compact protocol](https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md) of Thrift.

/// How deep structures lie in each other at most; those of Parquet do not reach ten.
const DEPTH: usize = 32;
pub(super) const END: &str = "its metadata ends too early";

/// What stands at a number of a structure. The crate takes it for this whatever type the file says it has, so another type is refused:
/// from there on the two would read different things.
pub(super) enum Shape {
    Flag,
    Byte,
    Integer,
    Double,
    Bytes,
    /// How many of the next elements of the schema are children of this one.
    Children,
    Structure(&'static [(i64, Shape)]),
    /// Of structures.
    List(&'static [(i64, Shape)]),
    /// A list of integers.
    Integers,
    /// A list of bytes.
    Texts,
}

pub(super) const EMPTY: Shape = Shape::Structure(&[]);

impl Shape {
    fn is(&self, of: u8) -> bool {
        match self {
            Self::Flag => kind::BOOLEAN.contains(&of),
            Self::Byte => of == kind::BYTE,
            Self::Integer | Self::Children => kind::INTEGER.contains(&of),
            Self::Double => of == kind::DOUBLE,
            Self::Bytes => of == kind::BINARY,
            Self::Structure(_) => of == kind::STRUCT,
            Self::List(_) | Self::Integers | Self::Texts => kind::LIST.contains(&of),
        }
    }
}

/// What is left of a message.
pub(super) struct Thrift<'a> {
    pub(super) bytes: &'a [u8],
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

/// No list or map has booleans. In the protocol each is a byte there; the crate takes them for none, so that it goes through
/// 2^31 of them in a list of six bytes, and reads something else behind them.
fn no_booleans(elements: u64, of: u8) -> Result<(), String> {
    match elements > 0 && kind::BOOLEAN.contains(&of) {
        true => Err("its metadata has a list of booleans, which none has".to_string()),
        false => Ok(()),
    }
}

impl<'a> Thrift<'a> {
    /// A structure with these fields, one of `elements` of a list; others are skipped.
    pub(super) fn structure(&mut self, shapes: &'static [(i64, Shape)], elements: u64) -> Result<(), String> {
        self.fields(|this, field, of| {
            let Some((_, shape)) = shapes.iter().find(|(number, _)| *number == field) else {
                return this.skip(of, 0);
            };
            if !shape.is(of) {
                return Err(format!("field {field} of a structure of its metadata has the type {of}"));
            }
            match shape {
                Shape::Structure(shapes) => this.structure(shapes, elements),
                Shape::List(shapes) => {
                    let (elements, of) = this.list()?;
                    if elements > 0 && of != kind::STRUCT {
                        return Err(format!("a list of structures in its metadata has the type {of}"));
                    }
                    (0..elements).try_for_each(|_| this.structure(shapes, elements))
                }
                Shape::Integers | Shape::Texts => {
                    let (elements, of) = this.list()?;
                    let element = if matches!(shape, Shape::Texts) { &Shape::Bytes } else { &Shape::Integer };
                    if elements > 0 && !element.is(of) {
                        return Err(format!(
                            "field {field} of a structure of its metadata is a list of the type {of}"
                        ));
                    }
                    (0..elements).try_for_each(|_| this.skip(of, 0))
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
    pub(super) fn fields(
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
                return Err(format!("its metadata has a field of the number {field}"));
            }
            with(self, field, byte & 15)?;
        }
    }

    pub(super) fn skip(&mut self, of: u8, depth: usize) -> Result<(), String> {
        if depth > DEPTH {
            return Err("structures of its metadata lie too deep in each other".to_string());
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
            of => Err(format!("its metadata has a value of the unknown type {of}")),
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

    pub(super) fn varint(&mut self) -> Result<u64, String> {
        let mut value = 0u64;
        for place in 0..10 {
            let byte = self.byte()?;
            value |= u64::from(byte & 127).checked_shl(7 * place).unwrap_or(0);
            if byte < 128 {
                return Ok(value);
            }
        }
        Err("a number of its metadata takes more than ten bytes".to_string())
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
pub(super) fn zigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signed_numbers() {
        for (value, expected) in
            [(0, 0), (1, -1), (2, 1), (3, -2), (u64::MAX, i64::MIN), (u64::MAX - 1, i64::MAX)]
        {
            assert_eq!(zigzag(value), expected);
        }
    }
}
