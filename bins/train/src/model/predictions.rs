//! Predictions of a model.

use lacuna_kernels::{Exec, Write, map, math};

/// Logits and probabilities of rows. A model that is calibrated by a table has the probabilities of the table.
///
/// ```text
/// p = 1 / (1 + e^-z)                                                     [rows, classes]
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Predictions {
    rows: usize,
    classes: usize,
    pub(super) logits: Vec<f32>,
    pub(super) probabilities: Vec<f32>,
}

impl Predictions {
    pub(crate) fn new(rows: usize, classes: usize, logits: Vec<f32>) -> Self {
        let mut probabilities = vec![0.0; logits.len()];
        map::unary(Exec::Serial, Write::Set, &logits, &mut probabilities, math::sigmoid);
        Self { rows, classes, logits, probabilities }
    }

    /// Some of the rows, in this order.
    ///
    /// # Panics
    /// If there is no such row.
    #[must_use]
    pub fn select(&self, rows: &[usize]) -> Self {
        let of = |values: &[f32]| -> Vec<f32> {
            rows.iter()
                .flat_map(|row| &values[row * self.classes..(row + 1) * self.classes])
                .copied()
                .collect()
        };
        let (logits, probabilities) = (of(&self.logits), of(&self.probabilities));
        Self { rows: rows.len(), classes: self.classes, logits, probabilities }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Probabilities, `[rows, classes]`, row by row.
    pub fn probabilities(&self) -> &[f32] {
        &self.probabilities
    }

    /// Logits, `[rows, classes]`, row by row.
    pub fn logits(&self) -> &[f32] {
        &self.logits
    }

    /// Probabilities of a row, `[classes]`.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn row(&self, row: usize) -> &[f32] {
        &self.probabilities[row * self.classes..(row + 1) * self.classes]
    }

    /// Probability of a class for a row.
    ///
    /// # Panics
    /// If there is no such row or class.
    pub fn get(&self, row: usize, class: usize) -> f32 {
        self.row(row)[class]
    }
}
