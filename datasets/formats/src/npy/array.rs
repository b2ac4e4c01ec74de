//! The array in memory.

use super::header::shape_text;
use super::{Kind, NpyError};
use crate::Strings;
use crate::memory::reserved;
use half::f16;

/// An array as `.npy` files hold it: a shape and the elements in row-major ("C") order.
///
/// ```
/// use lacuna_formats::{NpyArray, NpyData};
///
/// let names = NpyArray::new(vec![2], NpyData::Text(vec!["cat.jpg", "dog.jpg"].into()))?;
/// let mut file = Vec::new();
/// names.write_to(&mut file)?;
/// assert_eq!(NpyArray::parse(&file)?, names);
/// // A file that lost its last byte says so.
/// let error = NpyArray::parse(&file[..file.len() - 1]).unwrap_err();
/// assert!(error.to_string().contains("needs 56 bytes of data, found 55"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct NpyArray {
    shape: Vec<usize>,
    data: NpyData,
}

/// The elements of an array, in row-major order.
#[derive(Clone, Debug, PartialEq)]
pub enum NpyData {
    /// Truth values.
    Bool(Vec<bool>),
    /// Unsigned integers of 8 bits.
    U8(Vec<u8>),
    /// Signed integers of 8 bits.
    I8(Vec<i8>),
    /// Unsigned integers of 16 bits.
    U16(Vec<u16>),
    /// Signed integers of 16 bits.
    I16(Vec<i16>),
    /// Unsigned integers of 32 bits.
    U32(Vec<u32>),
    /// Signed integers of 32 bits.
    I32(Vec<i32>),
    /// Unsigned integers of 64 bits.
    U64(Vec<u64>),
    /// Signed integers of 64 bits.
    I64(Vec<i64>),
    /// Floats of half precision.
    F16(Vec<f16>),
    /// Floats of single precision.
    F32(Vec<f32>),
    /// Floats of double precision.
    F64(Vec<f64>),
    /// Text (`U`), without the zeros that fill it up.
    Text(Strings),
    /// Bytes (`S`), without the zeros that fill them up.
    Bytes(FixedBytes),
}

/// Byte strings of one width, filled up with zeros.
///
/// ```
/// use lacuna_formats::FixedBytes;
///
/// let words = FixedBytes::from(vec!["ab", "c"]);
/// assert!(words.iter().eq([b"ab".as_slice(), b"c"]));
/// ```
#[derive(Clone, Debug)]
pub struct FixedBytes {
    width: usize,
    bytes: Vec<u8>,
}

impl FixedBytes {
    /// Strings of `width` bytes each, one after the other. The width is not 0.
    pub(super) fn new(width: usize, bytes: Vec<u8>) -> Self {
        debug_assert!(width > 0 && bytes.len().is_multiple_of(width));
        Self { width, bytes }
    }

    /// Bytes of a string, with the zeros at its end.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Number of strings.
    pub fn len(&self) -> usize {
        self.bytes.len() / self.width
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The strings without the zeros at their end.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.bytes.chunks_exact(self.width).map(|bytes| {
            let end = bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
            &bytes[..end]
        })
    }

    pub(super) fn reorder(&self, places: impl Iterator<Item = usize>) -> Result<Self, u64> {
        let mut bytes = reserved(self.bytes.len())?;
        places.for_each(|place| bytes.extend(&self.bytes[place * self.width..][..self.width]));
        Ok(Self { width: self.width, bytes })
    }
}

impl PartialEq for FixedBytes {
    /// Zeros at the end do not count, and with them the width.
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl<B: AsRef<[u8]>> From<Vec<B>> for FixedBytes {
    fn from(strings: Vec<B>) -> Self {
        let width = strings.iter().map(|string| string.as_ref().len()).max().unwrap_or(1).max(1);
        let mut bytes = Vec::with_capacity(width * strings.len());
        for string in &strings {
            bytes.extend(string.as_ref());
            bytes.resize(bytes.len().next_multiple_of(width), 0);
            if string.as_ref().is_empty() {
                bytes.resize(bytes.len() + width, 0);
            }
        }
        Self { width, bytes }
    }
}

impl NpyArray {
    /// An array from its shape and its elements.
    ///
    /// # Errors
    /// [`NpyError::Count`] unless the shape has exactly as many elements,
    /// [`NpyError::TooLarge`] for a shape whose product overflows.
    pub fn new(shape: Vec<usize>, data: NpyData) -> Result<Self, NpyError> {
        let expected = element_count(&shape).ok_or_else(|| NpyError::TooLarge {
            shape: shape_text(&shape),
            dtype: data.kind_name().into(),
        })?;
        if expected != data.len() {
            let (shape, found) = (shape_text(&shape), data.len());
            return Err(NpyError::Count { shape, expected, found });
        }
        Ok(Self { shape, data })
    }

    /// The length of each dimension; empty for a single value.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The elements.
    pub fn data(&self) -> &NpyData {
        &self.data
    }

    /// The elements, by value.
    pub fn into_data(self) -> NpyData {
        self.data
    }
}

impl NpyData {
    /// Number of elements.
    pub fn len(&self) -> usize {
        match self {
            NpyData::Bool(v) => v.len(),
            NpyData::U8(v) => v.len(),
            NpyData::I8(v) => v.len(),
            NpyData::U16(v) => v.len(),
            NpyData::I16(v) => v.len(),
            NpyData::U32(v) => v.len(),
            NpyData::I32(v) => v.len(),
            NpyData::U64(v) => v.len(),
            NpyData::I64(v) => v.len(),
            NpyData::F16(v) => v.len(),
            NpyData::F32(v) => v.len(),
            NpyData::F64(v) => v.len(),
            NpyData::Text(v) => v.len(),
            NpyData::Bytes(v) => v.len(),
        }
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The type of an element. Text is as wide as its longest element, and at least 1, as in NumPy.
    pub fn kind(&self) -> Kind {
        match self {
            NpyData::Bool(_) => Kind::Bool,
            NpyData::U8(_) => Kind::U8,
            NpyData::I8(_) => Kind::I8,
            NpyData::U16(_) => Kind::U16,
            NpyData::I16(_) => Kind::I16,
            NpyData::U32(_) => Kind::U32,
            NpyData::I32(_) => Kind::I32,
            NpyData::U64(_) => Kind::U64,
            NpyData::I64(_) => Kind::I64,
            NpyData::F16(_) => Kind::F16,
            NpyData::F32(_) => Kind::F32,
            NpyData::F64(_) => Kind::F64,
            NpyData::Text(v) => Kind::Text(v.iter().map(|s| s.chars().count()).max().unwrap_or(1).max(1)),
            NpyData::Bytes(v) => Kind::Bytes(v.iter().map(<[u8]>::len).max().unwrap_or(1).max(1)),
        }
    }

    pub(super) fn kind_name(&self) -> &'static str {
        match self {
            NpyData::Bool(_) => "booleans",
            NpyData::Text(_) => "text",
            NpyData::Bytes(_) => "bytes",
            NpyData::F16(_) | NpyData::F32(_) | NpyData::F64(_) => "floats",
            _ => "integers",
        }
    }
}

/// The product of the dimensions; `None` where it overflows. A 0 anywhere makes it 0.
pub(super) fn element_count(shape: &[usize]) -> Option<usize> {
    if shape.contains(&0) {
        return Some(0);
    }
    shape.iter().try_fold(1_usize, |count, &dimension| count.checked_mul(dimension))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shape_and_the_elements_agree() {
        assert!(NpyArray::new(vec![], NpyData::F64(vec![1.0])).is_ok());
        assert!(NpyArray::new(vec![0, usize::MAX, 2], NpyData::U8(vec![])).is_ok());
        let error = NpyArray::new(vec![2, 3], NpyData::U8(vec![0; 5])).unwrap_err();
        assert_eq!(error.to_string(), "shape (2, 3) has 6 values, not 5");
        assert!(NpyArray::new(vec![usize::MAX, 2], NpyData::U8(vec![])).is_err());
    }

    #[test]
    fn text_is_as_wide_as_its_longest_element() {
        assert_eq!(NpyData::Text(vec!["é", "abc"].into()).kind(), Kind::Text(3));
        assert_eq!(NpyData::Text(vec![""].into()).kind(), Kind::Text(1));
        assert_eq!(NpyData::Bytes(Vec::<&str>::new().into()).kind(), Kind::Bytes(1));
    }

    #[test]
    fn byte_strings_know_whether_there_are_any_and_kinds_have_their_names() {
        assert!(FixedBytes::from(Vec::<&str>::new()).is_empty() && !FixedBytes::from(vec!["a"]).is_empty());
        let kinds = [
            (NpyData::Bool(vec![]), "booleans"),
            (NpyData::Text(vec!["a"].into()), "text"),
            (NpyData::Bytes(vec!["a"].into()), "bytes"),
            (NpyData::F16(vec![]), "floats"),
            (NpyData::F32(vec![]), "floats"),
            (NpyData::F64(vec![]), "floats"),
            (NpyData::I64(vec![]), "integers"),
        ];
        for (data, name) in kinds {
            assert_eq!(data.kind_name(), name);
        }
    }
}
