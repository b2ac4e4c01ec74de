//! Reading numbers as `f32`, row by row, without holding them in their own type besides.

use super::array::element_count;
use super::header::{Header, shape_text};
use super::read::{each_block, open, read_checked};
use super::{ByteOrder, Dtype, FeatureShape, Kind, NpyError};
use crate::FormatError;
use crate::memory::reserve;
use half::f16;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// An array of numbers in a file, whose elements have not been read.
#[derive(Debug)]
pub(crate) struct MatrixFile {
    file: File,
    /// Where the elements start.
    pub(crate) start: u64,
    pub(crate) dtype: Dtype,
    pub(crate) fortran_order: bool,
    shape: Vec<usize>,
    pub(crate) features: FeatureShape,
}

impl MatrixFile {
    /// Reads the header; the file has as many bytes as it says.
    pub(crate) fn open(path: &Path) -> Result<Self, FormatError> {
        let header = || {
            let (mut file, length) = open(path)?;
            let (Header { dtype, fortran_order, shape }, count) = read_checked(&mut file, length)?;
            let bytes = (count * dtype.kind.bytes().expect("it was counted")) as u64;
            numbers(dtype)?;
            let features = FeatureShape::of(&shape)?;
            Ok(Self { file, start: length - bytes, dtype, fortran_order, shape, features })
        };
        header().map_err(FormatError::npy(path))
    }

    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Reads the elements as `f32` and appends them, row by row.
    pub(crate) fn append_f32(mut self, values: &mut Vec<f32>) -> Result<(), NpyError> {
        append_f32(&mut self.file, self.dtype, self.fortran_order, &self.shape, values)
    }
}

/// Rows, columns and values of a matrix in an `.npy` file of `length` bytes that is part of something else.
pub(crate) fn read_f32_sized(
    reader: &mut impl Read,
    length: u64,
) -> Result<(usize, usize, Vec<f32>), NpyError> {
    let (Header { dtype, fortran_order, shape }, _) = read_checked(reader, length)?;
    let &[rows, columns] = &shape[..] else {
        return Err(NpyError::Rank { shape: shape_text(&shape), found: shape.len(), wanted: 2 });
    };
    let mut values = Vec::new();
    append_f32(reader, dtype, fortran_order, &shape, &mut values)?;
    Ok((rows, columns, values))
}

/// As [`read_f32_sized`], of any shape that features have.
pub(crate) fn read_features_sized(
    reader: &mut impl Read,
    length: u64,
) -> Result<(FeatureShape, Vec<f32>), NpyError> {
    let (Header { dtype, fortran_order, shape }, _) = read_checked(reader, length)?;
    let features = FeatureShape::of(&shape)?;
    let mut values = Vec::new();
    append_f32(reader, dtype, fortran_order, &shape, &mut values)?;
    Ok((features, values))
}

fn numbers(dtype: Dtype) -> Result<(), NpyError> {
    match dtype.kind {
        Kind::Text(_) | Kind::Bytes(_) => Err(NpyError::Kind { found: "text".into(), wanted: "numbers" }),
        _ => Ok(()),
    }
}

/// Reads elements as `f32`, whatever they are, and appends them in row-major order: nothing but a block is held
/// besides. The caller has checked that the elements are there.
pub(crate) fn append_f32(
    reader: &mut impl Read,
    dtype: Dtype,
    fortran_order: bool,
    shape: &[usize],
    values: &mut Vec<f32>,
) -> Result<(), NpyError> {
    numbers(dtype)?;
    let count = element_count(shape).expect("it was compared with the file");
    reserve(values, count).map_err(|bytes| NpyError::Memory { bytes })?;
    let order = dtype.order;
    let start = values.len();
    let fortran_order = fortran_order && shape.len() > 1;
    if fortran_order {
        values.resize(start + count, 0.0);
    }
    let mut places = Places::new(shape);
    // Element of the file, and what it is.
    let mut beyond: Option<(usize, f64)> = None;
    let mut wrong: Option<(usize, u8)> = None;
    let mut at = 0;
    // A block is appended as a whole, which saves looking for space at every element.
    macro_rules! append {
        ($from_bytes:expr, $convert:expr) => {
            each_block(reader, count, |block| {
                let numbers = block.iter().map(|&bytes| $convert($from_bytes(bytes)));
                match fortran_order {
                    false => values.extend(numbers),
                    true => numbers.for_each(|value| values[start + places.next()] = value),
                }
            })?
        };
    }
    macro_rules! numbers {
        ($number:ty, $convert:expr) => {
            match order {
                ByteOrder::Little => append!(<$number>::from_le_bytes, $convert),
                ByteOrder::Big => append!(<$number>::from_be_bytes, $convert),
            }
        };
    }
    match dtype.kind {
        Kind::Bool => numbers!(u8, |byte: u8| {
            if byte > 1 && wrong.is_none() {
                wrong = Some((at, byte));
            }
            at += 1;
            f32::from(byte)
        }),
        Kind::U8 => numbers!(u8, f32::from),
        Kind::I8 => numbers!(i8, f32::from),
        Kind::U16 => numbers!(u16, f32::from),
        Kind::I16 => numbers!(i16, f32::from),
        Kind::U32 => numbers!(u32, |v| v as f32),
        Kind::I32 => numbers!(i32, |v| v as f32),
        Kind::U64 => numbers!(u64, |v| v as f32),
        Kind::I64 => numbers!(i64, |v| v as f32),
        Kind::F16 => numbers!(f16, f32::from),
        Kind::F32 => numbers!(f32, |v| v),
        Kind::F64 => numbers!(f64, |value: f64| {
            let narrow = value as f32;
            if narrow.is_infinite() && value.is_finite() && beyond.is_none() {
                beyond = Some((at, value));
            }
            at += 1;
            narrow
        }),
        Kind::Text(_) | Kind::Bytes(_) => unreachable!("text was refused above"),
    }
    if let Some((element, byte)) = wrong {
        return Err(NpyError::Element { element, what: "bool", value: byte.into() });
    }
    if let Some((element, value)) = beyond {
        let place = if fortran_order { Places::of(shape, element) } else { element };
        let columns = count / shape.first().copied().unwrap_or(1).max(1);
        return Err(NpyError::Range { row: place / columns, column: place % columns, value });
    }
    Ok(())
}

/// Where the elements of a file in column-major ("Fortran") order are in row-major order.
struct Places<'a> {
    shape: &'a [usize],
    strides: Vec<usize>,
    index: Vec<usize>,
    place: usize,
}

impl<'a> Places<'a> {
    fn new(shape: &'a [usize]) -> Self {
        let mut strides = vec![0; shape.len()];
        let mut stride = 1_usize;
        for (of_axis, &dimension) in strides.iter_mut().zip(shape).rev() {
            *of_axis = stride;
            stride = stride.saturating_mul(dimension);
        }
        Self { shape, strides, index: vec![0; shape.len()], place: 0 }
    }

    /// The place of the next element: the first index counts fastest.
    fn next(&mut self) -> usize {
        let place = self.place;
        for axis in 0..self.shape.len() {
            self.index[axis] += 1;
            self.place += self.strides[axis];
            if self.index[axis] < self.shape[axis] {
                break;
            }
            self.place -= self.strides[axis] * self.shape[axis];
            self.index[axis] = 0;
        }
        place
    }

    /// The place of one element.
    fn of(shape: &[usize], element: usize) -> usize {
        let mut rest = element;
        let of_axis = |(&dimension, stride): (&usize, usize)| {
            let index = rest % dimension;
            rest /= dimension;
            index * stride
        };
        let strides = Places::new(shape).strides;
        shape.iter().zip(strides).map(of_axis).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NpyArray;
    use crate::NpyData;
    use crate::npy::header::MAGIC;

    fn file(descr: &str, fortran_order: &str, shape: &str, data: &[u8]) -> Vec<u8> {
        let text = format!("{{'descr': '{descr}', 'fortran_order': {fortran_order}, 'shape': {shape}}}\n");
        [&MAGIC[..], &[1, 0], &(text.len() as u16).to_le_bytes(), text.as_bytes(), data].concat()
    }

    fn features(bytes: &[u8]) -> Result<(FeatureShape, Vec<f32>), NpyError> {
        read_features_sized(&mut &bytes[..], bytes.len() as u64)
    }

    #[test]
    fn column_major_pictures_are_the_same_as_the_array() {
        let data: Vec<u8> = (0..48).collect();
        for shape in ["(2, 3, 2, 4)", "(48, 1)", "(1, 48)", "(6, 8)", "(4, 1, 12, 1)"] {
            for fortran_order in ["True", "False"] {
                let bytes = file("|u1", fortran_order, shape, &data);
                let NpyData::U8(expected) = NpyArray::parse(&bytes).unwrap().into_data() else { panic!() };
                let (_, values) = features(&bytes).unwrap();
                assert!(values.iter().eq(expected.iter().map(|&v| f32::from(v)).collect::<Vec<_>>().iter()));
            }
        }
        let (shape, values) = features(&file("|u1", "False", "(2, 3, 2, 4)", &data)).unwrap();
        assert_eq!((shape.rows, shape.columns, shape.image), (2, 24, Some([3, 2, 4])));
        assert_eq!(values[24], 24.0);
    }

    #[test]
    fn a_value_beyond_f32_is_named_with_its_place_and_never_becomes_infinite() {
        let numbers = [0.0, 1.0, 2.0, 3.0, -1e300, 1e301].map(f64::to_le_bytes).concat();
        let place = |fortran_order| match features(&file("<f8", fortran_order, "(2, 3)", &numbers)) {
            Err(NpyError::Range { row, column, value }) => (row, column, value),
            other => panic!("{other:?}"),
        };
        assert_eq!(place("False"), (1, 1, -1e300));
        assert_eq!(place("True"), (0, 2, -1e300));
        // Infinite and not a number in the file are something else, and the largest float is none of them.
        let numbers = [f64::INFINITY, f64::NAN, f64::from(f32::MAX)].map(f64::to_le_bytes).concat();
        let (_, values) = features(&file("<f8", "False", "(1, 3)", &numbers)).unwrap();
        assert!(values[0] == f32::INFINITY && values[1].is_nan() && values[2] == f32::MAX);
        let array = NpyArray::new(vec![2, 2], NpyData::F64(vec![0.0, 1.0, 2.0, 1e300])).unwrap();
        let error = array.into_f32_matrix().unwrap_err().to_string();
        assert_eq!(
            error,
            "row 1, column 1 (counted from 0) is 1e300, which is beyond the range of 32-bit floats; scale the column"
        );
    }

    /// Column-major files of other types than bytes could come back scrambled.
    #[test]
    fn a_column_major_matrix_of_every_type_is_the_row_major_one() {
        type Encode = fn(u8) -> Vec<u8>;
        macro_rules! both {
            ($code:literal, $number:ty) => {
                [
                    (concat!("<", $code), (|v| <$number>::from(v).to_le_bytes().to_vec()) as Encode),
                    (concat!(">", $code), (|v| <$number>::from(v).to_be_bytes().to_vec()) as Encode),
                ]
            };
        }
        let signed: Encode = |v| vec![v];
        let mut types = vec![("|u1", signed), ("|i1", signed)];
        types.extend([both!("u2", u16), both!("i2", i16), both!("u4", u32), both!("i4", i32)].concat());
        types.extend([both!("u8", u64), both!("i8", i64)].concat());
        types.extend([both!("f2", f16), both!("f4", f32), both!("f8", f64)].concat());
        for (descr, encode) in types {
            // [[1, 2, 3], [4, 5, 6]], row by row and column by column.
            let rows: Vec<u8> = [1, 2, 3, 4, 5, 6].into_iter().flat_map(encode).collect();
            let columns: Vec<u8> = [1, 4, 2, 5, 3, 6].into_iter().flat_map(encode).collect();
            for (order, data) in [("False", rows), ("True", columns)] {
                let bytes = file(descr, order, "(2, 3)", &data);
                let (shape, values) = features(&bytes).unwrap();
                assert_eq!((shape.rows, shape.columns), (2, 3), "{descr} {order}");
                assert_eq!(values, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], "{descr} {order}");
                let array = NpyArray::parse(&bytes).unwrap().into_f32_matrix().unwrap();
                assert_eq!(array, (2, 3, values), "{descr} {order}");
            }
        }
    }

    /// A boolean file of features had no test: a 2 in it could pass as a number.
    #[test]
    fn booleans_are_0_and_1_in_both_orders_and_anything_else_is_refused() {
        let rows = file("|b1", "False", "(2, 3)", &[1, 0, 0, 1, 1, 0]);
        let columns = file("|b1", "True", "(2, 3)", &[1, 1, 0, 1, 0, 0]);
        for bytes in [rows, columns] {
            assert_eq!(features(&bytes).unwrap().1, [1.0, 0.0, 0.0, 1.0, 1.0, 0.0]);
        }
        for order in ["False", "True"] {
            match features(&file("|b1", order, "(2, 3)", &[1, 0, 0, 1, 2, 3])) {
                Err(NpyError::Element { element: 4, what: "bool", value: 2 }) => {}
                other => panic!("{order}: {other:?}"),
            }
        }
    }
}
