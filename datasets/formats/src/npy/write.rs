//! Writing, byte for byte as `numpy.save` does.

use super::header::Header;
use super::{ByteOrder, Dtype, Kind, NpyArray, NpyData, NpyError};
use crate::{Destination, FormatError, write_atomic};
use half::f16;
use std::io::{self, Write};

impl NpyArray {
    /// Writes the array to a file, whole or not at all: little-endian, row-major, version 1.0, the same
    /// bytes as `numpy.save` writes.
    ///
    /// # Errors
    /// [`FormatError::Exists`] where there is a file already, [`FormatError::Io`] with the path and what the file system
    /// answered.
    pub fn save<'a>(&self, destination: impl Into<Destination<'a>>) -> Result<(), FormatError> {
        self.save_as(destination, ByteOrder::Little)
    }

    /// As [`NpyArray::save`], with the byte order to write.
    ///
    /// # Errors
    /// As for [`NpyArray::save`].
    pub fn save_as<'a>(
        &self,
        destination: impl Into<Destination<'a>>,
        order: ByteOrder,
    ) -> Result<(), FormatError> {
        let destination = destination.into();
        let saved = write_atomic(destination, |file| write(self, order, file));
        saved.map_err(FormatError::writing(destination.path()))
    }

    /// Writes the bytes that [`NpyArray::save`] puts into a file.
    ///
    /// # Errors
    /// Whatever `writer` answers.
    pub fn write_to(&self, writer: &mut dyn Write) -> io::Result<()> {
        write(self, ByteOrder::Little, writer)
    }
}

impl NpyArray {
    /// Writes the elements alone, little-endian and row by row.
    pub(crate) fn write_elements_to(&self, writer: &mut dyn Write) -> io::Result<()> {
        write_data(self.data(), ByteOrder::Little, writer)
    }
}

impl NpyData {
    /// Small integers as elements of any numeric type: labels in the type of another file.
    ///
    /// # Errors
    /// [`NpyError::Element`] for a value the type cannot hold, [`NpyError::Kind`] if the type is text.
    pub fn from_integers(kind: Kind, values: &[i8]) -> Result<Self, NpyError> {
        let unsigned = matches!(kind, Kind::Bool | Kind::U8 | Kind::U16 | Kind::U32 | Kind::U64);
        let highest = if kind == Kind::Bool { 1 } else { i8::MAX };
        if let Some(element) = values.iter().position(|&v| (unsigned && v < 0) || v > highest) {
            let (what, value) = ("value of that type", values[element] as u8);
            return Err(NpyError::Element { element, what, value: value.into() });
        }
        fn all<T>(values: &[i8], convert: impl Fn(i8) -> T) -> Vec<T> {
            values.iter().map(|&value| convert(value)).collect()
        }
        Ok(match kind {
            Kind::Bool => NpyData::Bool(all(values, |v| v == 1)),
            Kind::U8 => NpyData::U8(all(values, |v| v as u8)),
            Kind::I8 => NpyData::I8(values.to_vec()),
            Kind::U16 => NpyData::U16(all(values, |v| v as u16)),
            Kind::I16 => NpyData::I16(all(values, i16::from)),
            Kind::U32 => NpyData::U32(all(values, |v| v as u32)),
            Kind::I32 => NpyData::I32(all(values, i32::from)),
            Kind::U64 => NpyData::U64(all(values, |v| v as u64)),
            Kind::I64 => NpyData::I64(all(values, i64::from)),
            Kind::F16 => NpyData::F16(all(values, f16::from)),
            Kind::F32 => NpyData::F32(all(values, f32::from)),
            Kind::F64 => NpyData::F64(all(values, f64::from)),
            Kind::Text(_) | Kind::Bytes(_) => {
                return Err(NpyError::Kind { found: "text".into(), wanted: "numbers" });
            }
        })
    }
}

fn write(array: &NpyArray, order: ByteOrder, writer: &mut dyn Write) -> io::Result<()> {
    let kind = array.data().kind();
    let header = Header { dtype: Dtype { kind, order }, fortran_order: false, shape: array.shape().to_vec() };
    let header = header.to_bytes().ok_or_else(|| {
        io::Error::new(io::ErrorKind::InvalidInput, "the array has too many dimensions for a header")
    })?;
    writer.write_all(&header)?;
    write_data(array.data(), order, writer)
}

fn write_data(data: &NpyData, order: ByteOrder, writer: &mut dyn Write) -> io::Result<()> {
    let kind = data.kind();
    macro_rules! numbers {
        ($values:expr) => {
            match order {
                ByteOrder::Little => write_elements(writer, $values, |v, out| out.extend(v.to_le_bytes())),
                ByteOrder::Big => write_elements(writer, $values, |v, out| out.extend(v.to_be_bytes())),
            }
        };
    }
    match data {
        NpyData::Bool(v) => write_elements(writer, v, |v, out| out.push(u8::from(*v))),
        NpyData::U8(v) => writer.write_all(v),
        NpyData::I8(v) => numbers!(v),
        NpyData::U16(v) => numbers!(v),
        NpyData::I16(v) => numbers!(v),
        NpyData::U32(v) => numbers!(v),
        NpyData::I32(v) => numbers!(v),
        NpyData::U64(v) => numbers!(v),
        NpyData::I64(v) => numbers!(v),
        NpyData::F16(v) => numbers!(v),
        NpyData::F32(v) => numbers!(v),
        NpyData::F64(v) => numbers!(v),
        NpyData::Text(v) => {
            let Kind::Text(width) = kind else { unreachable!("text has text's type") };
            write_each(writer, v.iter(), |text, out| {
                let filled = text.chars().chain(std::iter::repeat('\0')).take(width);
                for character in filled.map(u32::from) {
                    match order {
                        ByteOrder::Little => out.extend(character.to_le_bytes()),
                        ByteOrder::Big => out.extend(character.to_be_bytes()),
                    }
                }
            })
        }
        NpyData::Bytes(v) => {
            let Kind::Bytes(width) = kind else { unreachable!("bytes have bytes' type") };
            write_each(writer, v.iter(), |bytes, out| {
                out.extend(bytes);
                out.extend(std::iter::repeat_n(0, width - bytes.len()));
            })
        }
    }
}

fn write_elements<T>(
    writer: &mut dyn Write,
    elements: &[T],
    to_bytes: impl Fn(&T, &mut Vec<u8>),
) -> io::Result<()> {
    write_each(writer, elements.iter(), to_bytes)
}

/// Hands the writer blocks, not elements.
fn write_each<T>(
    writer: &mut dyn Write,
    elements: impl Iterator<Item = T>,
    to_bytes: impl Fn(T, &mut Vec<u8>),
) -> io::Result<()> {
    const BLOCK: usize = 1 << 16;
    let mut bytes = Vec::with_capacity(BLOCK);
    for element in elements {
        to_bytes(element, &mut bytes);
        if bytes.len() >= BLOCK - 64 {
            writer.write_all(&bytes)?;
            bytes.clear();
        }
    }
    writer.write_all(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(array: &NpyArray, order: ByteOrder) -> Vec<u8> {
        let mut bytes = Vec::new();
        write(array, order, &mut bytes).unwrap();
        bytes
    }

    fn arrays() -> Vec<NpyArray> {
        let numbers = [0, 1, 1, 0, 1, 0];
        let kinds = [
            Kind::Bool,
            Kind::U8,
            Kind::I8,
            Kind::U16,
            Kind::I16,
            Kind::U32,
            Kind::I32,
            Kind::U64,
            Kind::I64,
            Kind::F16,
            Kind::F32,
            Kind::F64,
        ];
        let mut data: Vec<NpyData> =
            kinds.into_iter().map(|kind| NpyData::from_integers(kind, &numbers).unwrap()).collect();
        let words = ["", "a", "2008_000008.jpg", "żółw", "漢字", "🐈"];
        data.push(NpyData::Text(words.to_vec().into()));
        data.push(NpyData::Bytes(words.to_vec().into()));
        let shapes = [vec![6], vec![2, 3], vec![1, 3, 2]];
        data.iter().flat_map(|d| shapes.clone().map(|s| NpyArray::new(s, d.clone()).unwrap())).collect()
    }

    #[test]
    fn what_is_written_can_be_read() {
        for array in arrays() {
            for order in [ByteOrder::Little, ByteOrder::Big] {
                let file = bytes(&array, order);
                assert_eq!(NpyArray::parse(&file).unwrap(), array);
                for length in 0..file.len() {
                    assert!(NpyArray::parse(&file[..length]).is_err());
                }
            }
        }
        let scalar = NpyArray::new(vec![], NpyData::F64(vec![0.1])).unwrap();
        assert_eq!(NpyArray::parse(&bytes(&scalar, ByteOrder::Big)).unwrap(), scalar);
        let many: Vec<f64> = (0..20_001).map(|i| f64::from(i) / 7.0).collect();
        let many = NpyArray::new(vec![20_001], NpyData::F64(many)).unwrap();
        assert_eq!(NpyArray::parse(&bytes(&many, ByteOrder::Little)).unwrap(), many);
    }

    #[test]
    fn the_bytes_are_those_of_numpy() {
        // numpy.save of numpy.array([["ab", "é"]])
        let array = NpyArray::new(vec![1, 2], NpyData::Text(vec!["ab", "é"].into())).unwrap();
        let file = bytes(&array, ByteOrder::Little);
        let text = "{'descr': '<U2', 'fortran_order': False, 'shape': (1, 2), }";
        let expected = format!("\u{1}\0v\0{text:<117}\na\0\0\0b\0\0\0");
        assert_eq!(&file[..6], b"\x93NUMPY");
        assert_eq!(&file[6..136], expected.as_bytes());
        assert_eq!(&file[136..], [0xe9, 0, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn unsigned_types_hold_no_negative_labels() {
        assert!(NpyData::from_integers(Kind::U8, &[0, 1, -1]).is_err());
        assert!(NpyData::from_integers(Kind::Bool, &[2]).is_err());
        assert!(NpyData::from_integers(Kind::Text(3), &[0]).is_err());
        assert_eq!(NpyData::from_integers(Kind::F64, &[-1]).unwrap(), NpyData::F64(vec![-1.0]));
    }
}
