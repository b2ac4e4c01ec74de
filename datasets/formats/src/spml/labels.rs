//! From numbers to labels, refusing what could mean two things.

use super::missing;
use crate::convention::MINUS_ONE;
use crate::memory::reserved;
use crate::{FormatError, LabelConvention, NpyArray};
use lacuna_labels::{Label, LabelMatrix, ObservedLabels, TrueLabels};
use std::path::Path;

pub(super) fn read_truth(path: &Path) -> Result<TrueLabels, FormatError> {
    let matrix = read(path, |value| match value {
        1.0 => Ok(Label::Positive),
        0.0 => Ok(Label::Negative),
        -1.0 => Err("true labels are 0 or 1; -1 belongs into a file of observed labels (labels_obs)"),
        _ => Err("true labels are 0 or 1"),
    })?;
    Ok(TrueLabels::try_from(matrix).expect("no label was read as unknown"))
}

pub(super) fn read_observed(
    path: &Path,
    convention: Option<LabelConvention>,
) -> Result<ObservedLabels, FormatError> {
    use LabelConvention::{BinaryAn, Csl, Spml};
    let matrix = read(path, |value| match (value, convention) {
        (1.0, _) => Ok(Label::Positive),
        (0.0, Some(Csl)) => Ok(Label::Negative),
        (0.0, None | Some(Spml | BinaryAn)) => Ok(Label::Unknown),
        (-1.0, Some(Spml)) => Ok(Label::Negative),
        (-1.0, Some(Csl)) => Ok(Label::Unknown),
        (-1.0, Some(BinaryAn)) => Err("with the convention binary-an labels are 0 or 1"),
        (-1.0, None) => Err(MINUS_ONE),
        _ => Err("observed labels are -1, 0 or 1"),
    })?;
    Ok(matrix.into())
}

fn read(path: &Path, label: impl Fn(f64) -> Result<Label, &'static str>) -> Result<LabelMatrix, FormatError> {
    cells(&NpyArray::open(path).map_err(missing(path))?, path, label)
}

/// The numbers of an array as labels.
pub(crate) fn cells(
    array: &NpyArray,
    path: &Path,
    label: impl Fn(f64) -> Result<Label, &'static str>,
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
        cells.push(label(value).map_err(|advice| {
            let (row, column) = (i / classes, i % classes);
            FormatError::Label { path: path.into(), row, column, value, advice }
        })?);
    }
    Ok(LabelMatrix::new(rows, classes, cells).expect("an array has as many values as its shape says"))
}
