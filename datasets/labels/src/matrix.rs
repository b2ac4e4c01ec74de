//! A rows x classes matrix of labels, the storage of both label types.

use crate::Label;
use std::fmt;
use std::ops::Range;

/// Labels of `rows` x `classes`, row-major.
#[derive(Clone, PartialEq, Eq)]
pub struct LabelMatrix {
    rows: usize,
    classes: usize,
    cells: Vec<Label>,
}

/// Why a matrix of labels was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LabelError {
    /// `cells` does not have `rows * classes` entries.
    Size {
        /// Rows asked for.
        rows: usize,
        /// Classes asked for.
        classes: usize,
        /// Cells given.
        cells: usize,
    },
    /// There is not enough memory for the cells.
    Memory {
        /// Rows asked for.
        rows: usize,
        /// Classes asked for.
        classes: usize,
    },
    /// A cell is unknown where every cell has to be known.
    Unknown {
        /// Row of the first unknown cell.
        row: usize,
        /// Class of the first unknown cell.
        class: usize,
    },
}

impl fmt::Display for LabelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LabelError::Size { rows, classes, cells } => {
                write!(
                    f,
                    "{rows} rows x {classes} classes need {} labels, not {cells}",
                    rows.saturating_mul(*classes)
                )
            }
            LabelError::Memory { rows, classes } => {
                write!(f, "{rows} rows x {classes} classes of labels exceed the memory")
            }
            LabelError::Unknown { row, class } => {
                write!(
                    f,
                    "the label of row {row}, class {class} is unknown, and true labels have no unknown cells"
                )
            }
        }
    }
}

impl std::error::Error for LabelError {}

impl LabelMatrix {
    /// A matrix from its cells, row by row.
    ///
    /// # Errors
    /// [`LabelError::Size`] unless there are exactly `rows * classes` cells.
    pub fn new(rows: usize, classes: usize, cells: Vec<Label>) -> Result<Self, LabelError> {
        if rows.checked_mul(classes) != Some(cells.len()) {
            return Err(LabelError::Size { rows, classes, cells: cells.len() });
        }
        Ok(Self { rows, classes, cells })
    }

    /// A matrix with the same label in every cell.
    pub fn filled(rows: usize, classes: usize, label: Label) -> Self {
        Self { rows, classes, cells: vec![label; rows * classes] }
    }

    /// As [`LabelMatrix::filled`], for sizes that come from a file.
    ///
    /// ```
    /// use lacuna_labels::{Label, LabelError, LabelMatrix};
    ///
    /// assert_eq!(LabelMatrix::try_filled(2, 3, Label::Unknown)?, LabelMatrix::filled(2, 3, Label::Unknown));
    /// assert!(LabelMatrix::try_filled(usize::MAX, 3, Label::Unknown).is_err());
    /// # Ok::<(), LabelError>(())
    /// ```
    ///
    /// # Errors
    /// [`LabelError::Memory`] where the cells do not fit into memory.
    pub fn try_filled(rows: usize, classes: usize, label: Label) -> Result<Self, LabelError> {
        let memory = LabelError::Memory { rows, classes };
        let Some(count) = rows.checked_mul(classes) else { return Err(memory) };
        let mut cells = Vec::new();
        match cells.try_reserve_exact(count) {
            Ok(()) => cells.resize(count, label),
            Err(_) => return Err(memory),
        }
        Ok(Self { rows, classes, cells })
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// All cells, row-major.
    pub fn cells(&self) -> &[Label] {
        &self.cells
    }

    /// The labels of one row, `[classes]`.
    pub fn row(&self, row: usize) -> &[Label] {
        &self.cells[row * self.classes..(row + 1) * self.classes]
    }

    /// The labels of one row, to be changed in place.
    pub fn row_mut(&mut self, row: usize) -> &mut [Label] {
        &mut self.cells[row * self.classes..(row + 1) * self.classes]
    }

    /// One cell.
    pub fn get(&self, row: usize, class: usize) -> Label {
        self.row(row)[class]
    }

    /// Overwrites one cell.
    pub fn set(&mut self, row: usize, class: usize, label: Label) {
        self.row_mut(row)[class] = label;
    }

    /// The rows named by `rows`, in that order.
    pub fn select(&self, rows: &[usize]) -> Self {
        let cells = rows.iter().flat_map(|&r| self.row(r)).copied().collect();
        Self { rows: rows.len(), classes: self.classes, cells }
    }

    /// The columns of some of the classes.
    ///
    /// # Panics
    /// For a class that is not there.
    pub fn columns(&self, classes: Range<usize>) -> Self {
        let cells = (0..self.rows).flat_map(|row| &self.row(row)[classes.clone()]).copied().collect();
        Self { rows: self.rows, classes: classes.len(), cells }
    }

    /// How many positives each class has, `[classes]`.
    pub fn positives_per_class(&self) -> Vec<usize> {
        let mut counts = vec![0; self.classes];
        for row in 0..self.rows {
            for (count, label) in counts.iter_mut().zip(self.row(row)) {
                *count += usize::from(label.is_positive());
            }
        }
        counts
    }

    /// How many positives the whole matrix has.
    pub fn positives(&self) -> usize {
        self.cells.iter().filter(|l| l.is_positive()).count()
    }

    /// Mean number of positives in a row; 0 for a matrix without rows.
    pub fn mean_positives_per_row(&self) -> f64 {
        if self.rows == 0 { 0.0 } else { self.positives() as f64 / self.rows as f64 }
    }
}

impl fmt::Debug for LabelMatrix {
    /// One line a row, `+` positive, `-` negative, `?` unknown; long matrices are truncated.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "LabelMatrix {} x {}", self.rows, self.classes)?;
        for row in 0..self.rows.min(10) {
            let signs: String = self
                .row(row)
                .iter()
                .map(|l| match l {
                    Label::Positive => '+',
                    Label::Negative => '-',
                    Label::Unknown => '?',
                })
                .collect();
            writeln!(f, "  {signs}")?;
        }
        if self.rows > 10 {
            writeln!(f, "  ... {} more rows", self.rows - 10)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_number_of_cells_is_refused() {
        let error = LabelMatrix::new(2, 3, vec![Label::Unknown; 5]).unwrap_err();
        assert_eq!(error.to_string(), "2 rows x 3 classes need 6 labels, not 5");
        assert!(LabelMatrix::new(usize::MAX, 2, vec![]).is_err());
    }

    #[test]
    fn counts_and_selection() {
        use Label::{Negative as N, Positive as P, Unknown as U};
        let m = LabelMatrix::new(3, 2, vec![P, N, P, P, U, N]).unwrap();
        assert_eq!(m.positives_per_class(), [2, 1]);
        assert_eq!(m.positives(), 3);
        assert_eq!(m.mean_positives_per_row(), 1.0);
        assert_eq!(m.select(&[2, 0]).cells(), [U, N, P, N]);
        assert_eq!(format!("{m:?}"), "LabelMatrix 3 x 2\n  +-\n  ++\n  ?-\n");
    }
}
