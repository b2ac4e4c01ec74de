//! Features from arrays.

use crate::join::copied;
use crate::npy::{FeatureShape, MatrixFile};
use crate::{FeatureTable, FormatError, Limits, Table, mmap};
use lacuna_labels::{FeatureError, Features};
use std::path::Path;
use std::sync::Arc;

/// Bytes from which on a copy of a `.npy` file, which need not be one, is told.
const LARGE: usize = 1 << 30;

/// Puts features into a table, with what their shape says.
pub(crate) fn set_features(table: &mut Table, features: Features, shape: &FeatureShape, path: &Path) {
    let is_copy = !features.is_on_disk() && 4 * features.rows() * features.columns() >= LARGE;
    let is_npy = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("npy"));
    let features = FeatureTable::Dense(features);
    if is_copy && is_npy {
        let why = "it is not an array of little-endian 32-bit floats row by row (`<f4` in C order)";
        table.notes.push(copied(path, &features, why));
    }
    table.features = Some(features);
    table.image = shape.image;
    table.notes.extend(shape.note(path));
}

/// Reads features from a `.npy` file, or maps them into memory where they are `<f4` and the file is large.
pub(crate) fn npy_features(path: &Path, limits: &Limits) -> Result<(Features, FeatureShape), FormatError> {
    let matrix = MatrixFile::open(path)?;
    let shape = matrix.features.clone();
    let (rows, columns) = (shape.rows, shape.columns);
    for (count, what) in [(rows, "rows"), (columns, "columns")] {
        if count == 0 {
            return Err(FormatError::Empty { path: path.into(), what });
        }
    }
    let features = if mmap::can_map(&matrix) && (rows * columns) as u64 * 4 >= limits.map_from {
        Features::shared(rows, columns, Arc::new(mmap::map(&matrix, path, limits.resident)?))
    } else {
        let mut values = Vec::new();
        matrix.append_f32(&mut values).map_err(FormatError::npy(path))?;
        Features::new(rows, columns, values)
    };
    Ok((features.map_err(finite(path))?, shape))
}

/// Adds the path to what is wrong with features.
pub(crate) fn finite(path: &Path) -> impl FnOnce(FeatureError) -> FormatError {
    move |error| match error {
        FeatureError::NotFinite { row, column, value } => {
            FormatError::NotFinite { path: path.into(), row, column, value }
        }
        FeatureError::Size { .. } => unreachable!("an array has as many values as its shape says"),
    }
}
