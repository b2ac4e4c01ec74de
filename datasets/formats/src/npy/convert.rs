//! From whatever a file holds to what a caller needs.

use super::header::shape_text;
use super::{NpyArray, NpyData, NpyError};
use crate::Strings;
use crate::memory::reserved;

impl NpyArray {
    /// Rows, columns and row-major values of a matrix of numbers, as `f32`.
    ///
    /// `f4` is moved, not copied; wider types are rounded.
    ///
    /// # Errors
    /// [`NpyError::Rank`] unless there are two dimensions, [`NpyError::Kind`] for text, [`NpyError::Range`] for a number
    /// that does not fit into 32 bits.
    pub fn into_f32_matrix(self) -> Result<(usize, usize, Vec<f32>), NpyError> {
        let (rows, columns) = self.matrix_shape()?;
        Ok((rows, columns, self.into_data().into_f32(columns)?))
    }

    /// Rows and columns of a matrix.
    ///
    /// # Errors
    /// [`NpyError::Rank`] unless there are two dimensions.
    pub fn matrix_shape(&self) -> Result<(usize, usize), NpyError> {
        match self.shape() {
            &[rows, columns] => Ok((rows, columns)),
            shape => Err(NpyError::Rank { shape: shape_text(shape), found: shape.len(), wanted: 2 }),
        }
    }

    /// The elements of a list of text. Bytes are read as UTF-8.
    ///
    /// # Errors
    /// [`NpyError::Rank`] unless there is one dimension, [`NpyError::Kind`] for numbers and for bytes
    /// that are not valid UTF-8.
    pub fn into_strings(self) -> Result<Strings, NpyError> {
        if self.shape().len() != 1 {
            let (shape, found) = (shape_text(self.shape()), self.shape().len());
            return Err(NpyError::Rank { shape, found, wanted: 1 });
        }
        match self.into_data() {
            NpyData::Text(strings) => Ok(strings),
            NpyData::Bytes(strings) => {
                let mut texts =
                    Strings::reserved(strings.len()).map_err(|bytes| NpyError::Memory { bytes })?;
                for bytes in strings.iter() {
                    let text = std::str::from_utf8(bytes);
                    let text = text.map_err(|_| kind("bytes that are not valid UTF-8", "text"))?;
                    if !texts.push(text) {
                        return Err(kind("more than 4 GiB of text", "less"));
                    }
                }
                Ok(texts)
            }
            other => Err(kind(other.kind_name(), "text")),
        }
    }
}

impl NpyData {
    /// The elements as `f32`; `columns` is the length of a row, for the place of a number that does not fit.
    pub(crate) fn into_f32(self, columns: usize) -> Result<Vec<f32>, NpyError> {
        let mut values = match self {
            NpyData::F32(values) => return Ok(values),
            ref other => reserved(other.len()).map_err(|bytes| NpyError::Memory { bytes })?,
        };
        for (i, value) in self.numbers()?.enumerate() {
            let narrow = value as f32;
            if narrow.is_infinite() && value.is_finite() {
                return Err(NpyError::Range { row: i / columns, column: i % columns, value });
            }
            values.push(narrow);
        }
        Ok(values)
    }

    /// Numbers as `f64`, truth values as 0 and 1. Integers beyond 2^53 are rounded.
    ///
    /// # Errors
    /// [`NpyError::Kind`] for text.
    pub fn to_f64(&self) -> Result<Vec<f64>, NpyError> {
        Ok(self.numbers()?.collect())
    }

    /// As [`NpyData::to_f64`], one after the other.
    ///
    /// # Errors
    /// [`NpyError::Kind`] for text.
    pub fn numbers(&self) -> Result<Box<dyn ExactSizeIterator<Item = f64> + '_>, NpyError> {
        fn all<'a, T: Copy>(
            values: &'a [T],
            convert: impl Fn(T) -> f64 + 'a,
        ) -> Box<dyn ExactSizeIterator<Item = f64> + 'a> {
            Box::new(values.iter().map(move |&value| convert(value)))
        }
        Ok(match self {
            NpyData::Bool(v) => all(v, f64::from),
            NpyData::U8(v) => all(v, f64::from),
            NpyData::I8(v) => all(v, f64::from),
            NpyData::U16(v) => all(v, f64::from),
            NpyData::I16(v) => all(v, f64::from),
            NpyData::U32(v) => all(v, f64::from),
            NpyData::I32(v) => all(v, f64::from),
            NpyData::U64(v) => all(v, |v| v as f64),
            NpyData::I64(v) => all(v, |v| v as f64),
            NpyData::F16(v) => all(v, f64::from),
            NpyData::F32(v) => all(v, f64::from),
            NpyData::F64(v) => all(v, |v| v),
            NpyData::Text(_) | NpyData::Bytes(_) => return Err(kind(self.kind_name(), "numbers")),
        })
    }
}

fn kind(found: &str, wanted: &'static str) -> NpyError {
    NpyError::Kind { found: found.into(), wanted }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;

    #[test]
    fn every_numeric_type_becomes_numbers() {
        let kinds = [Kind::Bool, Kind::U8, Kind::I16, Kind::U64, Kind::I64, Kind::F16, Kind::F32, Kind::F64];
        for kind in kinds {
            let array = NpyArray::new(vec![1, 2], NpyData::from_integers(kind, &[1, 0]).unwrap()).unwrap();
            assert_eq!(array.data().to_f64().unwrap(), [1.0, 0.0], "{kind:?}");
            assert_eq!(array.into_f32_matrix().unwrap(), (1, 2, vec![1.0, 0.0]), "{kind:?}");
        }
    }

    /// In a matrix with two columns, the fifth number is the first of the third row.
    #[test]
    fn the_place_of_a_number_that_does_not_fit_is_named() {
        let values = NpyData::F64(vec![0.0, 1.0, f64::INFINITY, f64::NAN, 1e39, 1.0]);
        let error = NpyArray::new(vec![3, 2], values).unwrap().into_f32_matrix().unwrap_err();
        assert!(matches!(error, NpyError::Range { row: 2, column: 0, value: 1e39 }), "{error}");
    }

    #[test]
    fn the_wrong_rank_or_type_is_named() {
        let list = NpyArray::new(vec![2], NpyData::F32(vec![0.0, 1.0])).unwrap();
        let error = list.clone().into_f32_matrix().unwrap_err().to_string();
        assert!(error.starts_with("shape (2,) has rank 1, expected 2: rows and columns"), "{error}");
        let error = list.into_strings().unwrap_err().to_string();
        assert_eq!(error, "the elements are floats, expected text");
        let text = NpyArray::new(vec![1], NpyData::Bytes(vec!["a.jpg"].into())).unwrap();
        assert!(text.data().to_f64().is_err());
        assert_eq!(text.into_strings().unwrap().to_vec(), ["a.jpg"]);
        let broken = NpyArray::new(vec![1], NpyData::Bytes(vec![[0xff]].into())).unwrap();
        assert!(broken.into_strings().is_err());
    }
}
