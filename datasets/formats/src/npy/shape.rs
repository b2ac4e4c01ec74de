//! Which shapes are features.

use super::NpyError;
use super::header::shape_text;
use crate::error::printed;
use std::path::Path;

/// How an array of features is read: a matrix, and what else its shape says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FeatureShape {
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    /// Channels, height and width of a row.
    pub(crate) image: Option<[usize; 3]>,
    /// The shape in the file, where dimensions of 1 were dropped.
    squeezed: Option<String>,
}

impl FeatureShape {
    /// (N, D) is a matrix. (N, C, H, W) is N pictures; where at most one of the dimensions after the first is not 1, as
    /// in (N, D, 1, 1), it is a matrix, and so are (N, D, 1) and (N, 1, D). No other shape is read.
    pub(crate) fn of(shape: &[usize]) -> Result<Self, NpyError> {
        let (&rows, of_row) = match shape {
            [rows, of_row @ ..] if (1..=3).contains(&of_row.len()) => (rows, of_row),
            _ => return Err(NpyError::FeatureShape { shape: shape_text(shape), found: shape.len() }),
        };
        let columns = match of_row.contains(&0) {
            true => Some(0),
            false => of_row.iter().try_fold(1_usize, |columns, &dimension| columns.checked_mul(dimension)),
        };
        let columns =
            columns.ok_or_else(|| NpyError::TooLarge { shape: shape_text(shape), dtype: "any".into() })?;
        let flat = of_row.iter().filter(|&&dimension| dimension != 1).count() <= 1;
        match *of_row {
            [_] => Ok(Self { rows, columns, image: None, squeezed: None }),
            [_, _] | [_, _, _] if flat => {
                Ok(Self { rows, columns, image: None, squeezed: Some(shape_text(shape)) })
            }
            [channels, height, width] => {
                Ok(Self { rows, columns, image: Some([channels, height, width]), squeezed: None })
            }
            _ => Err(NpyError::FeatureShape { shape: shape_text(shape), found: shape.len() }),
        }
    }

    /// Notes about how the array was read.
    pub(crate) fn note(&self, path: &Path) -> Option<String> {
        let squeezed = self.squeezed.as_ref()?;
        let Self { rows, columns, .. } = self;
        Some(format!("{}: shape {squeezed} is read as ({rows}, {columns})", printed(path)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matrices_pictures_and_dimensions_of_one() {
        let read = |shape: &[usize]| {
            let shape = FeatureShape::of(shape).unwrap();
            let note = shape.note(Path::new("x"));
            (shape.rows, shape.columns, shape.image, note.is_some())
        };
        assert_eq!(read(&[3, 4]), (3, 4, None, false));
        assert_eq!(read(&[3, 1]), (3, 1, None, false));
        assert_eq!(read(&[5, 3, 2, 4]), (5, 24, Some([3, 2, 4]), false));
        assert_eq!(read(&[5, 1, 2, 4]), (5, 8, Some([1, 2, 4]), false));
        for shape in [&[5, 7, 1, 1][..], &[5, 7, 1], &[5, 1, 7], &[5, 1, 1, 7]] {
            assert_eq!(read(shape), (5, 7, None, true), "{shape:?}");
        }
        assert_eq!(read(&[5, 1, 1, 1]), (5, 1, None, true));
        let note = FeatureShape::of(&[5, 7, 1, 1]).unwrap().note(Path::new("x.npy")).unwrap();
        assert_eq!(note, "x.npy: shape (5, 7, 1, 1) is read as (5, 7)");
    }

    #[test]
    fn other_shapes_are_an_error_that_lists_what_is_read() {
        for shape in [&[][..], &[3], &[3, 2, 2], &[3, 2, 2, 2, 2], &[3, 2, 1, 1, 1]] {
            let error = FeatureShape::of(shape).unwrap_err().to_string();
            assert!(error.contains("(rows, channels, height, width)"), "{error}");
        }
        let error = FeatureShape::of(&[3, 2, 2]).unwrap_err().to_string();
        assert!(error.starts_with("shape (3, 2, 2) has rank 3; features are read from (rows, columns),"));
        assert!(FeatureShape::of(&[0, usize::MAX, 2, 2]).is_err());
    }
}
