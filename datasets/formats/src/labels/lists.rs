//! Labels as lists: for each row the classes that something is known of.

use crate::chunks::Chunks;
use crate::memory::reserved;
use crate::{FormatError, Limits, Strings};
use lacuna_labels::{Label, LabelMatrix, ObservedLabels};
use std::path::Path;

/// Labels of rows that say something about few of their classes, as most files have them.
///
/// ```
/// use lacuna_formats::{LabelLists, Limits};
/// use lacuna_labels::Label;
///
/// let mut lists = LabelLists::new(vec!["cat", "dog"].into(), Label::Unknown);
/// lists.push(0, Label::Positive);
/// lists.end_row();
/// lists.end_row();
/// let labels = lists.to_observed(std::path::Path::new("example"), &Limits::default())?;
/// assert_eq!(labels.row(0), [Label::Positive, Label::Unknown]);
/// # Ok::<(), lacuna_formats::FormatError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct LabelLists {
    /// One name a class.
    pub classes: Strings,
    /// What a cell is that no list names.
    pub unlisted: Label,
    /// `class << 2 | code`.
    entries: Chunks<u32>,
    /// Where the list of each row ends.
    ends: Chunks<u32>,
}

/// Classes that can be named by an entry.
const MOST_CLASSES: u64 = 1 << 30;

impl LabelLists {
    /// No rows yet.
    pub fn new(classes: Strings, unlisted: Label) -> Self {
        Self { classes, unlisted, entries: Chunks::default(), ends: Chunks::default() }
    }

    /// Says what the label of a class in the row at hand is. A later word about the same cell wins.
    ///
    /// # Panics
    /// For a class from 2^30 on.
    pub fn push(&mut self, class: usize, label: Label) {
        assert!(
            (class as u64) < MOST_CLASSES,
            "class {class} is beyond the {MOST_CLASSES} that can be listed"
        );
        self.entries.push((class as u32) << 2 | (label as i8 + 1) as u32);
    }

    /// Ends the row at hand.
    ///
    /// # Panics
    /// Beyond 2^32 entries.
    pub fn end_row(&mut self) {
        self.ends.push(u32::try_from(self.entries.len()).expect("lists have room for 2^32 entries"));
    }

    /// A class that the row at hand names twice, or the bytes that finding it out would take.
    pub(crate) fn class_named_twice(&self) -> Result<Option<usize>, u64> {
        let start = self.ends.len().checked_sub(1).map_or(0, |last| self.ends.get(last) as usize);
        let classes = || (start..self.entries.len()).map(|i| self.entries.get(i) >> 2);
        if classes().zip(classes().skip(1)).all(|(one, next)| one < next) {
            return Ok(None);
        }
        let mut sorted = reserved(classes().len())?;
        sorted.extend(classes());
        sorted.sort_unstable();
        Ok(sorted.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0] as usize))
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.ends.len()
    }

    /// What is said about a row: classes and labels, in the order of the file.
    pub fn row(&self, row: usize) -> impl ExactSizeIterator<Item = (usize, Label)> + '_ {
        let start = if row == 0 { 0 } else { self.ends.get(row - 1) as usize };
        (start..self.ends.get(row) as usize).map(|i| {
            let entry = self.entries.get(i);
            let label = match entry & 3 {
                0 => Label::Negative,
                1 => Label::Unknown,
                _ => Label::Positive,
            };
            ((entry >> 2) as usize, label)
        })
    }

    /// Number of entries that say positive.
    pub fn positives(&self) -> usize {
        (0..self.rows()).map(|row| self.row(row).filter(|(_, label)| label.is_positive()).count()).sum()
    }

    /// Every cell of the matrix, `[rows, classes]`.
    ///
    /// # Errors
    /// [`FormatError::Limit`] where there are more cells than [`Limits::cells`].
    pub fn to_observed(&self, path: &Path, limits: &Limits) -> Result<ObservedLabels, FormatError> {
        let (rows, classes) = (self.rows(), self.classes.len());
        let cells = (rows as u64).saturating_mul(classes as u64);
        FormatError::within(path, "labels of a dense matrix", cells, limits.cells)?;
        let memory = |_| FormatError::memory(path, "labels of a dense matrix", cells);
        let mut matrix = LabelMatrix::try_filled(rows, classes, self.unlisted).map_err(memory)?;
        for row in 0..rows {
            let cells = matrix.row_mut(row);
            for (class, label) in self.row(row) {
                cells[class] = label;
            }
        }
        Ok(matrix.into())
    }

    /// The rows named by `rows`, in that order.
    ///
    /// # Panics
    /// For a row that is not there, and beyond 2^32 entries.
    pub fn select(&self, rows: &[usize]) -> Self {
        let mut selected = Self::new(self.classes.clone(), self.unlisted);
        for &row in rows {
            self.row(row).for_each(|(class, label)| selected.push(class, label));
            selected.end_row();
        }
        selected
    }

    /// The lists of a matrix.
    pub fn of(matrix: &LabelMatrix, classes: Strings, unlisted: Label) -> Self {
        let mut lists = Self::new(classes, unlisted);
        for row in 0..matrix.rows() {
            for (class, &label) in matrix.row(row).iter().enumerate() {
                if label != unlisted {
                    lists.push(class, label);
                }
            }
            lists.end_row();
        }
        lists
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_comes_back() {
        use Label::{Negative as N, Positive as P, Unknown as U};
        let matrix = LabelMatrix::new(3, 2, vec![P, N, U, U, N, P]).unwrap();
        for unlisted in [U, N, P] {
            let lists = LabelLists::of(&matrix, vec!["a", "b"].into(), unlisted);
            let back = lists.to_observed(Path::new("x"), &Limits::default()).unwrap();
            assert_eq!(back.matrix(), &matrix);
            assert_eq!(lists.rows(), 3);
        }
        let lists = LabelLists::of(&matrix, vec!["a", "b"].into(), U);
        let selected = lists.select(&[2, 0]).to_observed(Path::new("x"), &Limits::default()).unwrap();
        assert_eq!(selected.matrix(), &matrix.select(&[2, 0]));
        assert_eq!(lists.positives(), 2);
        let error = lists.to_observed(Path::new("x"), &Limits { cells: 5, ..Limits::default() }).unwrap_err();
        assert!(error.to_string().contains("6 labels of a dense matrix"), "{error}");
    }
}
