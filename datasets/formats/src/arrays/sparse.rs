//! Features as lists of the columns that are not 0.

use crate::chunks::Chunks;
use crate::memory::zeros;
use crate::{FormatError, Limits};
use lacuna_labels::{FeatureError, Features};
use std::path::Path;

/// Features of rows most of which are 0: for each row columns and values.
///
/// ```
/// use lacuna_formats::{Limits, SparseFeatures};
///
/// let mut features = SparseFeatures::new(3);
/// features.push(2, 0.5);
/// features.end_row();
/// let dense = features.to_dense(std::path::Path::new("example"), &Limits::default())?;
/// assert_eq!(dense.row(0), [0.0, 0.0, 0.5]);
/// # Ok::<(), lacuna_formats::FormatError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SparseFeatures {
    columns: usize,
    /// The row at hand.
    row: Vec<(u32, f32)>,
    entries: Chunks<(u32, f32)>,
    ends: Chunks<u32>,
}

impl SparseFeatures {
    /// No rows yet.
    pub fn new(columns: usize) -> Self {
        Self { columns, ..Self::default() }
    }

    /// Sets a feature of the row at hand. The column is widened to where there are not that many yet.
    ///
    /// # Panics
    /// For a column from 2^32 - 1 on.
    pub fn push(&mut self, column: usize, value: f32) {
        let narrow = u32::try_from(column).ok().filter(|&c| c < u32::MAX).expect("a column below 2^32 - 1");
        self.columns = self.columns.max(column + 1);
        self.row.push((narrow, value));
    }

    /// Ends the row at hand: sorts it by column. Answers with a column that was set twice, if there is one.
    ///
    /// # Panics
    /// Beyond 2^32 entries.
    pub fn end_row(&mut self) -> Option<usize> {
        let mut row = std::mem::take(&mut self.row);
        if !row.is_sorted_by_key(|entry| entry.0) {
            row.sort_by_key(|entry| entry.0);
        }
        let twice = row.windows(2).find(|pair| pair[0].0 == pair[1].0).map(|pair| pair[0].0 as usize);
        row.drain(..).for_each(|entry| self.entries.push(entry));
        self.row = row;
        self.ends.push(u32::try_from(self.entries.len()).expect("lists have at most 2^32 entries"));
        twice
    }

    /// Makes the matrix at least this wide.
    pub fn widen(&mut self, columns: usize) {
        self.columns = self.columns.max(columns);
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.ends.len()
    }

    /// Number of columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Number of values that are written down.
    pub fn entries(&self) -> usize {
        self.entries.len()
    }

    /// Columns and values of a row, by column.
    pub fn row(&self, row: usize) -> impl ExactSizeIterator<Item = (u32, f32)> + '_ {
        let start = if row == 0 { 0 } else { self.ends.get(row - 1) as usize };
        (start..self.ends.get(row) as usize).map(|i| self.entries.get(i))
    }

    /// Replaces every value that is not a number by one that depends on its column.
    pub(crate) fn replace_nan(&mut self, value: impl Fn(u32) -> f32) {
        self.entries.replace(|(column, old)| (column, if old.is_nan() { value(column) } else { old }));
    }

    /// The rows named by `rows`, in that order.
    ///
    /// # Panics
    /// For a row that is not there, and beyond 2^32 entries.
    pub fn select(&self, rows: &[usize]) -> Self {
        let mut selected = Self::new(self.columns);
        for &row in rows {
            self.row(row).for_each(|entry| selected.entries.push(entry));
            let end = u32::try_from(selected.entries.len()).expect("lists have at most 2^32 entries");
            selected.ends.push(end);
        }
        selected
    }

    /// All values, `[rows, columns]`.
    ///
    /// # Errors
    /// [`FormatError::Limit`] where there are more than [`Limits::cells`], [`FormatError::NotFinite`] for a value that
    /// is infinite or not a number.
    pub fn to_dense(&self, path: &Path, limits: &Limits) -> Result<Features, FormatError> {
        let cells = (self.rows() as u64).saturating_mul(self.columns as u64);
        FormatError::within(path, "features of a dense matrix", cells, limits.cells)?;
        let memory = |bytes| FormatError::memory(path, "features of a dense matrix", bytes);
        let mut values = zeros::<f32>(usize::try_from(cells).unwrap_or(usize::MAX)).map_err(memory)?;
        for (row, values) in values.chunks_exact_mut(self.columns.max(1)).enumerate() {
            for (column, value) in self.row(row) {
                values[column as usize] = value;
            }
        }
        Features::new(self.rows(), self.columns, values).map_err(|error| match error {
            FeatureError::NotFinite { row, column, value } => {
                FormatError::NotFinite { path: path.into(), row, column, value }
            }
            FeatureError::Size { .. } => unreachable!("one value for each cell"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_sorted_and_columns_set_once() {
        let mut features = SparseFeatures::new(0);
        features.push(3, 1.0);
        features.push(1, 2.0);
        assert_eq!(features.end_row(), None);
        assert_eq!(features.end_row(), None);
        assert!(features.row(0).eq([(1, 2.0), (3, 1.0)]));
        let dense = features.to_dense(Path::new("x"), &Limits::default()).unwrap();
        assert_eq!(dense.values(), [0.0, 2.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0]);
        let selected = features.select(&[1, 0, 0]);
        assert_eq!((selected.rows(), selected.columns(), selected.entries()), (3, 4, 4));
        assert!(selected.row(0).eq([]) && selected.row(2).eq(features.row(0)));
        features.push(5, 1.0);
        features.push(5, 2.0);
        assert_eq!(features.end_row(), Some(5));
        assert!(features.to_dense(Path::new("x"), &Limits { cells: 4, ..Limits::default() }).is_err());
    }
}
