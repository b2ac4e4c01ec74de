//! From numbers to labels, refusing what could mean two things.

use super::missing;
use crate::arrays::cells::cells;
use crate::error::Problem;
use crate::{FormatError, LabelConvention, NpyArray};
use lacuna_labels::{Label, LabelMatrix, ObservedLabels, TrueLabels};
use std::path::Path;

pub(super) fn read_truth(path: &Path) -> Result<TrueLabels, FormatError> {
    let matrix = read(path, |value| match value {
        1.0 => Ok(Label::Positive),
        0.0 => Ok(Label::Negative),
        -1.0 => {
            Err("expected a true label 0 or 1; -1 is valid in a file of observed labels only (labels_obs)"
                .into())
        }
        _ => Err("expected a true label 0 or 1".into()),
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
        (-1.0, Some(BinaryAn)) => Err("with the convention binary-an labels are 0 or 1".into()),
        (-1.0, None) => Err(Problem::minus_one()),
        _ => Err("expected an observed label -1, 0 or 1".into()),
    })?;
    Ok(matrix.into())
}

fn read(path: &Path, label: impl Fn(f64) -> Result<Label, Problem>) -> Result<LabelMatrix, FormatError> {
    cells(&NpyArray::open(path).map_err(missing(path))?, path, label)
}
