//! Features that are missing (`?`): cells are kept as NaN while rows are read, and filled at the end.

use super::header::Header;
use crate::error::printed;
use crate::memory::zeros;
use crate::{FormatError, MissingFeatures, SparseFeatures, shown};
use std::path::Path;

/// What a cell becomes, and what is known of the cells that are missing.
pub(super) struct Missing {
    pub(super) choice: MissingFeatures,
    /// Cells that were filled.
    pub(super) cells: u64,
    /// Rows that were left out.
    pub(super) dropped: u64,
}

impl Missing {
    pub(super) fn new(choice: MissingFeatures) -> Self {
        Self { choice, cells: 0, dropped: 0 }
    }

    /// The placeholder of a missing cell until the end.
    pub(super) fn placeholder(&self) -> Option<f32> {
        match self.choice {
            MissingFeatures::Refuse => None,
            MissingFeatures::Zero => Some(0.0),
            MissingFeatures::Mean | MissingFeatures::DropRows => Some(f32::NAN),
        }
    }

    /// Fills the cells of a dense matrix.
    pub(super) fn fill_dense(
        &self,
        values: &mut [f32],
        attributes: &Attributes<'_>,
        path: &Path,
    ) -> Result<(), FormatError> {
        if self.choice != MissingFeatures::Mean || self.cells == 0 {
            return Ok(());
        }
        let columns = attributes.columns;
        let mut means = Means::new(columns, path)?;
        for row in values.chunks_exact(columns) {
            row.iter().enumerate().for_each(|(column, &value)| means.add(column, value));
        }
        let means = means.finish((values.len() / columns) as u64, attributes, path)?;
        for row in values.chunks_exact_mut(columns) {
            for (value, &mean) in row.iter_mut().zip(&means).filter(|(value, _)| value.is_nan()) {
                *value = mean as f32;
            }
        }
        Ok(())
    }

    /// Fills the cells of a sparse matrix: what is left out is 0 and counts in the mean.
    pub(super) fn fill_sparse(
        &self,
        features: &mut SparseFeatures,
        attributes: &Attributes<'_>,
        path: &Path,
    ) -> Result<(), FormatError> {
        if self.choice != MissingFeatures::Mean || self.cells == 0 {
            return Ok(());
        }
        let mut means = Means::new(attributes.columns, path)?;
        for row in 0..features.rows() {
            features.row(row).for_each(|(column, value)| means.add(column as usize, value));
        }
        let means = means.finish(features.rows() as u64, attributes, path)?;
        features.replace_nan(|column| means[column as usize] as f32);
        Ok(())
    }

    /// Notes.
    pub(super) fn note(&self, path: &Path) -> Option<String> {
        let path = printed(path);
        let cells = self.cells;
        match self.choice {
            MissingFeatures::DropRows if self.dropped > 0 => Some(format!(
                "{path}: {} rows with a missing feature are left out; the others are named by their numbers in the file, from 0",
                self.dropped
            )),
            MissingFeatures::Mean if cells > 0 => Some(format!(
                "{path}: {cells} missing features are replaced by the means of their columns in this file"
            )),
            MissingFeatures::Zero if cells > 0 => {
                Some(format!("{path}: {cells} missing features are replaced by 0"))
            }
            _ => None,
        }
    }
}

/// The attribute of each column, for messages.
pub(super) struct Attributes<'a> {
    pub(super) header: &'a Header,
    pub(super) class: &'a [Option<u32>],
    pub(super) columns: usize,
}

impl Attributes<'_> {
    fn of_column(&self, column: usize) -> usize {
        let mut features = (0..self.class.len()).filter(|&attribute| self.class[attribute].is_none());
        features.nth(column).expect("an attribute for each column")
    }
}

/// Sums in f64, and how many cells are missing.
struct Means {
    sums: Vec<f64>,
    missing: Vec<u64>,
}

impl Means {
    fn new(columns: usize, path: &Path) -> Result<Self, FormatError> {
        let memory = |bytes| FormatError::memory(path, "means of columns", bytes);
        Ok(Self { sums: zeros(columns).map_err(memory)?, missing: zeros(columns).map_err(memory)? })
    }

    fn add(&mut self, column: usize, value: f32) {
        match value.is_nan() {
            true => self.missing[column] += 1,
            false => self.sums[column] += f64::from(value),
        }
    }

    /// The mean of each column that has a missing cell.
    fn finish(
        mut self,
        rows: u64,
        attributes: &Attributes<'_>,
        path: &Path,
    ) -> Result<Vec<f64>, FormatError> {
        for (column, (sum, &missing)) in self.sums.iter_mut().zip(&self.missing).enumerate() {
            if missing == 0 {
                continue;
            }
            let attribute = attributes.of_column(column);
            let header = attributes.header;
            let name = shown(&header.names[attribute]);
            let problem = if missing == rows {
                format!(
                    "the attribute `{name}` is missing in every row, so that it has no mean: remove it, or choose \
                     --missing-features zero"
                )
            } else if header.list(header.kinds[attribute]).is_some_and(|list| !list.numbers) {
                format!(
                    "the attribute `{name}` is missing in {missing} rows, and its values are words without a mean: \
                     choose --missing-features drop-rows or zero (its first value)"
                )
            } else {
                *sum /= (rows - missing) as f64;
                continue;
            };
            return Err(FormatError::text(path, 1, 1, problem));
        }
        Ok(self.sums)
    }
}

/// Why a missing feature is refused.
pub(super) fn refused(name: &str, has_mean: bool) -> String {
    let mean = if has_mean { "mean, " } else { "" };
    let name = shown(name);
    format!(
        "the value of `{name}` is missing (?): choose how to handle missing features with --missing-features \
         {mean}zero or drop-rows"
    )
}
