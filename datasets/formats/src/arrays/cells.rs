//! The numbers of an array as labels.

use crate::error::Problem;
use crate::memory::reserved;
use crate::{FormatError, NpyArray};
use lacuna_labels::{Label, LabelMatrix};
use std::path::Path;

/// The numbers of an array as labels.
pub(crate) fn cells(
    array: &NpyArray,
    path: &Path,
    label: impl Fn(f64) -> Result<Label, Problem>,
) -> Result<LabelMatrix, FormatError> {
    let (rows, classes) = array.matrix_shape().map_err(FormatError::npy(path))?;
    for (count, what) in [(rows, "rows"), (classes, "classes")] {
        if count == 0 {
            return Err(FormatError::Empty { path: path.into(), what });
        }
    }
    let values = array.data().numbers().map_err(FormatError::npy(path))?;
    let memory = |bytes| FormatError::memory(path, "the labels", bytes);
    let mut cells = reserved(values.len()).map_err(memory)?;
    for (i, value) in values.enumerate() {
        cells.push(label(value).map_err(|problem| {
            let (row, column) = (i / classes, i % classes);
            FormatError::label(path, row, column, value, problem)
        })?);
    }
    Ok(LabelMatrix::new(rows, classes, cells).expect("an array has as many values as its shape says"))
}
