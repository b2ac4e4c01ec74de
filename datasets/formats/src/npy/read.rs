//! Reading: check every size against the length of the file, then read in one pass.

use super::array::element_count;
use super::header::{Header, MAGIC, MAX_HEADER, shape_text};
use super::{ByteOrder, Dtype, FixedBytes, Kind, NpyArray, NpyData, NpyError};
use crate::input::open_ordinary;
use crate::memory::{reserved, zeros};
use crate::{FormatError, Strings};
use half::f16;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

impl NpyArray {
    /// Reads an `.npy` file of version 1.0, 2.0 or 3.0.
    ///
    /// Every byte order, row-major and column-major ("Fortran") order, any number of dimensions.
    /// Types: see [`Kind`]. The elements come out in row-major order.
    ///
    /// # Errors
    /// [`FormatError::Io`] where the file cannot be opened, [`FormatError::Npy`] with the path and an
    /// [`NpyError`] where it is invalid, truncated or too long.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, FormatError> {
        let path = path.as_ref();
        open(path).and_then(|(mut file, length)| read(&mut file, length)).map_err(FormatError::npy(path))
    }

    /// Reads the bytes of an `.npy` file.
    ///
    /// # Errors
    /// An [`NpyError`] as for [`NpyArray::open`].
    pub fn parse(mut bytes: &[u8]) -> Result<Self, NpyError> {
        let length = bytes.len() as u64;
        read(&mut bytes, length)
    }
}

impl Dtype {
    /// The element type of an `.npy` file, from its header alone.
    ///
    /// # Errors
    /// [`FormatError::Io`] where the file cannot be opened, [`FormatError::Npy`] where its header is broken.
    pub fn of_file(path: impl AsRef<Path>) -> Result<Self, FormatError> {
        let path = path.as_ref();
        let header = open(path).and_then(|(mut file, length)| read_header(&mut file, length));
        header.map(|(header, _)| header.dtype).map_err(FormatError::npy(path))
    }
}

/// Elements are read and converted in blocks of this many bytes: small enough for the cache, large
/// enough that a system call costs nothing. A multiple of every element size.
const BLOCK: usize = 1 << 16;

pub(super) fn open(path: &Path) -> Result<(File, u64), NpyError> {
    let file = open_ordinary(path)?;
    let length = file.metadata()?.len();
    Ok((file, length))
}

fn read(reader: &mut impl Read, length: u64) -> Result<NpyArray, NpyError> {
    let (Header { dtype, fortran_order, shape }, count) = read_checked(reader, length)?;
    let mut data = read_data(reader, dtype, count)?;
    if fortran_order && shape.len() > 1 {
        data = data.to_row_major(&shape)?;
    }
    NpyArray::new(shape, data)
}

/// Reads an `.npy` file of `length` bytes that is part of something else.
pub(crate) fn read_sized(reader: &mut impl Read, length: u64) -> Result<NpyArray, NpyError> {
    read(reader, length)
}

/// Reads elements that are known to be there, without a header.
pub(crate) fn read_numbers_of(
    reader: &mut impl Read,
    dtype: Dtype,
    count: usize,
) -> Result<NpyData, NpyError> {
    read_data(reader, dtype, count)
}

/// The header, and the number of elements that the rest of the file can hold.
pub(super) fn read_checked(reader: &mut impl Read, length: u64) -> Result<(Header, usize), NpyError> {
    let (header, header_bytes) = read_header(reader, length)?;
    let Header { dtype, ref shape, .. } = header;
    let count = element_count(shape);
    let bytes = count.zip(dtype.kind.bytes()).and_then(|(count, bytes)| count.checked_mul(bytes));
    let (Some(count), Some(bytes)) = (count, bytes) else {
        return Err(NpyError::TooLarge { shape: shape_text(shape), dtype: dtype.to_string() });
    };
    let (expected, found) = (bytes as u64, length - header_bytes);
    if expected != found {
        let (shape, dtype) = (shape_text(shape), dtype.to_string());
        return Err(NpyError::DataSize { shape, dtype, expected, found });
    }
    Ok((header, count))
}

/// Reads `count` elements block by block and hands on their bytes.
pub(super) fn each_block<const N: usize>(
    reader: &mut impl Read,
    count: usize,
    mut take: impl FnMut(&[[u8; N]]),
) -> io::Result<()> {
    let mut block = vec![0; BLOCK.min(count.saturating_mul(N))];
    let mut rest = count;
    while rest > 0 {
        let bytes = &mut block[..BLOCK.min(rest.saturating_mul(N))];
        reader.read_exact(bytes)?;
        let (elements, _) = bytes.as_chunks();
        take(elements);
        rest -= elements.len();
    }
    Ok(())
}

/// The header, and how many bytes it took from the start of the file.
fn read_header(reader: &mut impl Read, length: u64) -> Result<(Header, u64), NpyError> {
    let mut start = [0; 8];
    let there = length.min(8) as usize;
    reader.read_exact(&mut start[..there])?;
    let comparable = there.min(MAGIC.len());
    if start[..comparable] != MAGIC[..comparable] {
        return Err(NpyError::Magic);
    }
    let at_least = |expected: u64| {
        if length < expected { Err(NpyError::HeaderCut { expected, found: length }) } else { Ok(()) }
    };
    at_least(8)?;
    let (length_bytes, header_length) = match (start[6], start[7]) {
        (1, 0) => {
            at_least(10)?;
            (2, u32::from(u16::from_le_bytes(read_bytes(reader)?)))
        }
        (2 | 3, 0) => {
            at_least(12)?;
            (4, u32::from_le_bytes(read_bytes(reader)?))
        }
        (major, minor) => return Err(NpyError::Version { major, minor }),
    };
    if header_length > MAX_HEADER {
        return Err(NpyError::HeaderLong { bytes: header_length });
    }
    let header_bytes = 8 + length_bytes + u64::from(header_length);
    at_least(header_bytes)?;
    let mut text = vec![0; header_length as usize];
    reader.read_exact(&mut text)?;
    Ok((Header::parse(&text)?, header_bytes))
}

fn read_bytes<const N: usize>(reader: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    reader.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// Reads `count` elements; the caller has checked that the file has them.
fn read_data(reader: &mut impl Read, dtype: Dtype, count: usize) -> Result<NpyData, NpyError> {
    macro_rules! numbers {
        ($number:ty) => {
            match dtype.order {
                ByteOrder::Little => read_numbers(reader, count, <$number>::from_le_bytes)?,
                ByteOrder::Big => read_numbers(reader, count, <$number>::from_be_bytes)?,
            }
        };
    }
    Ok(match dtype.kind {
        Kind::Bool => NpyData::Bool(booleans(numbers!(u8))?),
        Kind::U8 => NpyData::U8(numbers!(u8)),
        Kind::I8 => NpyData::I8(numbers!(i8)),
        Kind::U16 => NpyData::U16(numbers!(u16)),
        Kind::I16 => NpyData::I16(numbers!(i16)),
        Kind::U32 => NpyData::U32(numbers!(u32)),
        Kind::I32 => NpyData::I32(numbers!(i32)),
        Kind::U64 => NpyData::U64(numbers!(u64)),
        Kind::I64 => NpyData::I64(numbers!(i64)),
        Kind::F16 => NpyData::F16(numbers!(f16)),
        Kind::F32 => NpyData::F32(numbers!(f32)),
        Kind::F64 => NpyData::F64(numbers!(f64)),
        Kind::Text(width) => {
            let mut reader = io::BufReader::with_capacity(BLOCK, reader);
            let mut texts = Strings::reserved(count).map_err(memory)?;
            // Only a file with elements has shown that it is as large as its type says.
            let width = if count == 0 { 0 } else { width };
            let mut bytes = zeros::<u8>(width * 4).map_err(memory)?;
            let mut characters = reserved(width).map_err(memory)?;
            for element in 0..count {
                reader.read_exact(&mut bytes)?;
                characters.clear();
                for &character in bytes.as_chunks().0 {
                    let value = match dtype.order {
                        ByteOrder::Little => u32::from_le_bytes(character),
                        ByteOrder::Big => u32::from_be_bytes(character),
                    };
                    let what = "character";
                    characters.push(char::from_u32(value).ok_or(NpyError::Element {
                        element,
                        what,
                        value,
                    })?);
                }
                if !texts.push_characters(characters.iter().copied()) {
                    return Err(NpyError::Kind { found: "more than 4 GiB of text".into(), wanted: "less" });
                }
            }
            NpyData::Text(texts)
        }
        Kind::Bytes(width) => {
            let mut bytes = zeros::<u8>(if count == 0 { 0 } else { width * count }).map_err(memory)?;
            reader.read_exact(&mut bytes)?;
            NpyData::Bytes(FixedBytes::new(width, bytes))
        }
    })
}

fn read_numbers<T, const N: usize>(
    reader: &mut impl Read,
    count: usize,
    from_bytes: impl Fn([u8; N]) -> T,
) -> Result<Vec<T>, NpyError> {
    let mut numbers = reserved(count).map_err(memory)?;
    each_block(reader, count, |block| numbers.extend(block.iter().map(|&element| from_bytes(element))))?;
    Ok(numbers)
}

fn memory(bytes: u64) -> NpyError {
    NpyError::Memory { bytes }
}

fn booleans(bytes: Vec<u8>) -> Result<Vec<bool>, NpyError> {
    match bytes.iter().position(|&byte| byte > 1) {
        None => Ok(bytes.into_iter().map(|byte| byte == 1).collect()),
        Some(element) => Err(NpyError::Element { element, what: "bool", value: u32::from(bytes[element]) }),
    }
}

impl NpyArray {
    /// An array in column-major order.
    pub(crate) fn from_fortran(shape: Vec<usize>, data: NpyData) -> Result<Self, NpyError> {
        let data = data.to_row_major(&shape)?;
        Self::new(shape, data)
    }

    /// A matrix turned around: row by row it is the turned one column by column.
    pub(crate) fn transposed(&self) -> Result<Self, NpyError> {
        let (rows, columns) = self.matrix_shape()?;
        Self::from_fortran(vec![columns, rows], self.data().clone())
    }
}

impl NpyData {
    /// Reorders elements stored column by column ("Fortran order").
    fn to_row_major(&self, shape: &[usize]) -> Result<Self, NpyError> {
        // Where in the file the elements are, in row-major order.
        let mut strides = Vec::with_capacity(shape.len());
        let mut stride = 1_usize;
        for &dimension in shape {
            strides.push(stride);
            stride = stride.saturating_mul(dimension);
        }
        let (count, mut index, mut source) = (self.len(), vec![0; shape.len()], 0);
        let places = (0..count).map(move |_| {
            let place = source;
            // Count up the last index; where one is full, reset it and count up the one before.
            for axis in (0..shape.len()).rev() {
                index[axis] += 1;
                source += strides[axis];
                if index[axis] < shape[axis] {
                    break;
                }
                source -= strides[axis] * shape[axis];
                index[axis] = 0;
            }
            place
        });
        fn reorder<T: Copy>(elements: &[T], places: impl Iterator<Item = usize>) -> Result<Vec<T>, NpyError> {
            let mut reordered = reserved(elements.len()).map_err(memory)?;
            reordered.extend(places.map(|place| elements[place]));
            Ok(reordered)
        }
        Ok(match self {
            NpyData::Bool(v) => NpyData::Bool(reorder(v, places)?),
            NpyData::U8(v) => NpyData::U8(reorder(v, places)?),
            NpyData::I8(v) => NpyData::I8(reorder(v, places)?),
            NpyData::U16(v) => NpyData::U16(reorder(v, places)?),
            NpyData::I16(v) => NpyData::I16(reorder(v, places)?),
            NpyData::U32(v) => NpyData::U32(reorder(v, places)?),
            NpyData::I32(v) => NpyData::I32(reorder(v, places)?),
            NpyData::U64(v) => NpyData::U64(reorder(v, places)?),
            NpyData::I64(v) => NpyData::I64(reorder(v, places)?),
            NpyData::F16(v) => NpyData::F16(reorder(v, places)?),
            NpyData::F32(v) => NpyData::F32(reorder(v, places)?),
            NpyData::F64(v) => NpyData::F64(reorder(v, places)?),
            NpyData::Text(v) => NpyData::Text(places.map(|place| &v[place]).collect()),
            NpyData::Bytes(v) => NpyData::Bytes(v.reorder(places).map_err(memory)?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file with this dictionary and these data.
    fn file(version: u8, dictionary: &str, data: &[u8]) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend([version, 0]);
        match version {
            1 => bytes.extend((dictionary.len() as u16).to_le_bytes()),
            _ => bytes.extend((dictionary.len() as u32).to_le_bytes()),
        }
        bytes.extend(dictionary.as_bytes());
        bytes.extend(data);
        bytes
    }

    fn dictionary(dtype: &str, fortran_order: &str, shape: &str) -> String {
        format!("{{'descr': '{dtype}', 'fortran_order': {fortran_order}, 'shape': {shape}, }}\n")
    }

    fn parse(dtype: &str, shape: &str, data: &[u8]) -> Result<NpyArray, NpyError> {
        NpyArray::parse(&file(1, &dictionary(dtype, "False", shape), data))
    }

    #[test]
    fn every_type_in_both_byte_orders() {
        let one = |dtype: &str, data: &[u8]| parse(dtype, "(1,)", data).unwrap().into_data();
        assert_eq!(one("|b1", &[1]), NpyData::Bool(vec![true]));
        assert_eq!(one("|u1", &[200]), NpyData::U8(vec![200]));
        assert_eq!(one("|i1", &[255]), NpyData::I8(vec![-1]));
        assert_eq!(one("<u2", &[1, 2]), NpyData::U16(vec![0x0201]));
        assert_eq!(one(">u2", &[1, 2]), NpyData::U16(vec![0x0102]));
        assert_eq!(one("<i2", &[254, 255]), NpyData::I16(vec![-2]));
        assert_eq!(one(">i2", &[255, 254]), NpyData::I16(vec![-2]));
        assert_eq!(one("<u4", &[1, 0, 0, 2]), NpyData::U32(vec![0x0200_0001]));
        assert_eq!(one(">i4", &[255, 255, 255, 253]), NpyData::I32(vec![-3]));
        assert_eq!(one(">u8", &[0, 0, 0, 0, 0, 0, 1, 0]), NpyData::U64(vec![256]));
        assert_eq!(one("<i8", &[255; 8]), NpyData::I64(vec![-1]));
        assert_eq!(one("<f2", &[0x00, 0x3e]), NpyData::F16(vec![f16::from_f32(1.5)]));
        assert_eq!(one(">f2", &[0x3e, 0x00]), NpyData::F16(vec![f16::from_f32(1.5)]));
        assert_eq!(one("<f4", &1.25_f32.to_le_bytes()), NpyData::F32(vec![1.25]));
        assert_eq!(one(">f4", &1.25_f32.to_be_bytes()), NpyData::F32(vec![1.25]));
        assert_eq!(one(">f8", &(-0.5_f64).to_be_bytes()), NpyData::F64(vec![-0.5]));
        assert_eq!(one("|S3", b"ab\0"), NpyData::Bytes(vec!["ab"].into()));
        assert_eq!(one("<U2", &[0xe9, 0, 0, 0, 0, 0, 0, 0]), NpyData::Text(vec!["é"].into()));
        assert_eq!(one(">U2", &[0, 0, 0, 0, 0, 0, 0, 0x41]), NpyData::Text(vec!["\0A"].into()));
    }

    #[test]
    fn versions_orders_and_ranks() {
        let data: Vec<u8> = (0..24).collect();
        for version in [1, 2, 3] {
            let array =
                NpyArray::parse(&file(version, &dictionary("|u1", "False", "(2, 3, 4)"), &data)).unwrap();
            assert_eq!((array.shape(), array.data()), (&[2, 3, 4][..], &NpyData::U8(data.clone())));
        }
        // numpy.arange(24).reshape((2, 3, 4), order="F").ravel()
        let fortran = NpyArray::parse(&file(1, &dictionary("|u1", "True", "(2, 3, 4)"), &data)).unwrap();
        let NpyData::U8(values) = fortran.into_data() else { panic!("not bytes") };
        assert_eq!(values[..8], [0, 6, 12, 18, 2, 8, 14, 20]);
        assert_eq!(values[23], 23);
        assert_eq!(parse("<f8", "()", &[0; 8]).unwrap().data(), &NpyData::F64(vec![0.0]));
        assert_eq!(parse("<f8", "(0, 5)", &[]).unwrap().data(), &NpyData::F64(vec![]));
    }

    #[test]
    fn blocks_end_where_the_data_end() {
        let count = BLOCK / 4 * 2 + 3;
        let values: Vec<f32> = (0..count).map(|i| i as f32).collect();
        let data: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let array = parse("<f4", &format!("({count},)"), &data).unwrap();
        assert_eq!(array.into_data(), NpyData::F32(values));
    }

    #[test]
    fn shapes_are_compared_with_the_file_before_anything_is_allocated() {
        for shape in ["(4294967296, 4294967296)", "(9223372036854775808,)", "(18446744073709551615, 2)"] {
            let error = parse("<f8", shape, &[]).unwrap_err();
            assert!(matches!(error, NpyError::TooLarge { .. }), "{shape}: {error}");
        }
        // Fits into the numbers, but not into the file.
        let error = parse("|u1", "(9223372036854775807,)", &[0; 3]).unwrap_err();
        assert!(matches!(error, NpyError::DataSize { expected: 0x7fff_ffff_ffff_ffff, found: 3, .. }));
        // No element, no matter how wide.
        assert_eq!(parse("<U100000000000000", "(0,)", &[]).unwrap().data(), &NpyData::Text(Strings::new()));
        let error = parse("<U4611686018427387904", "(1,)", &[]).unwrap_err();
        assert!(matches!(error, NpyError::TooLarge { .. }), "{error}");
        let error = parse("<f4", "(2, 3)", &[0; 25]).unwrap_err().to_string();
        assert!(error.contains("needs 24 bytes of data, found 25: the file has trailing data"));
        let error = parse("<f4", "(2, 3)", &[0; 23]).unwrap_err().to_string();
        assert!(error.contains("needs 24 bytes of data, found 23: the file is truncated"), "{error}");
    }

    #[test]
    fn hostile_starts() {
        // Fourteen bytes that announce a header of one gigabyte.
        let gigabyte = [&MAGIC[..], &[2, 0], &(1_u32 << 30).to_le_bytes(), b"{}"].concat();
        assert!(matches!(NpyArray::parse(&gigabyte), Err(NpyError::HeaderLong { bytes: 0x4000_0000 })));
        assert!(matches!(NpyArray::parse(b"PK\x03\x04"), Err(NpyError::Magic)));
        assert!(matches!(NpyArray::parse(b""), Err(NpyError::HeaderCut { expected: 8, found: 0 })));
        let version = [&MAGIC[..], &[4, 0, 0, 0]].concat();
        assert!(matches!(NpyArray::parse(&version), Err(NpyError::Version { major: 4, minor: 0 })));
    }

    #[test]
    fn elements_that_are_no_values_are_named() {
        let error = parse("|b1", "(3,)", &[0, 1, 2]).unwrap_err().to_string();
        assert!(error.starts_with("element 2 ") && error.contains("not a valid bool: 0x2"), "{error}");
        let surrogate = [0x41, 0, 0, 0, 0, 0xd8, 0, 0];
        let error = parse("<U1", "(2,)", &surrogate).unwrap_err().to_string();
        assert!(
            error.starts_with("element 1 ") && error.contains("not a valid character: 0xd800"),
            "{error}"
        );
    }

    #[test]
    fn every_strict_prefix_is_an_error() {
        let files = [
            file(1, &dictionary("<f4", "False", "(3, 2)"), &[7; 24]),
            file(2, &dictionary(">i8", "True", "(2, 2)"), &[0; 32]),
            file(3, &dictionary("<U2", "False", "(2,)"), &[0; 16]),
            file(1, &dictionary("|S4", "False", "(3,)"), &[65; 12]),
            file(1, &dictionary("|b1", "False", "()"), &[1]),
            file(1, &dictionary("<f8", "False", "(0,)"), &[]),
        ];
        for file in files {
            NpyArray::parse(&file).unwrap();
            for length in 0..file.len() {
                assert!(NpyArray::parse(&file[..length]).is_err(), "{length} of {} bytes", file.len());
            }
            assert!(NpyArray::parse(&[&file[..], &[0]].concat()).is_err(), "one byte too many");
        }
    }

    #[test]
    fn no_single_changed_byte_makes_the_reader_panic() {
        let original = file(1, &dictionary("<U2", "True", "(1, 2)"), &[65, 0, 0, 0].repeat(4));
        for at in 0..original.len() {
            for byte in 0..=255 {
                let mut changed = original.clone();
                changed[at] = byte;
                // Either outcome is fine; what counts is that there is one.
                if let Ok(array) = NpyArray::parse(&changed) {
                    assert_eq!(element_count(array.shape()), Some(array.data().len()));
                }
            }
        }
    }
}
