//! A moving sum of the mean features of the batches.

use lacuna_engine::{Tape, Var};
use std::fmt;

/// The direction in which the features of a branch move: e = mu e + mean of the batch, from 0, in f64, not divided by
/// 1 - mu.
///
/// wannature/COMIC@1de14e5cfb20, models/CausalNormClassifier.py, mu 0.9; the paper has gradients in place of features.
///
/// ```
/// use lacuna_nn::MovingVector;
///
/// let mut e = MovingVector::new(0.9, 2);
/// e.update(&[1.0, 2.0, 3.0, 4.0]);
/// e.update(&[0.0, 0.0]);
/// assert_eq!(e.values(), [1.8, 2.7]);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct MovingVector {
    mu: f64,
    values: Vec<f64>,
}

/// A state that a [`MovingVector`] does not take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MovingVectorError {
    /// It has another number of values than the vector.
    Size {
        /// Numbers of the vector.
        expected: usize,
        /// Numbers of the state.
        found: usize,
    },
    /// The value at this position is not finite.
    NotFinite(usize),
}

impl fmt::Display for MovingVectorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Size { expected, found } => {
                write!(f, "the moving vector has {expected} values, the state has {found}")
            }
            Self::NotFinite(at) => write!(f, "value {at} of the moving vector is not finite"),
        }
    }
}

impl std::error::Error for MovingVectorError {}

impl MovingVector {
    /// A vector of `width` zeros.
    pub fn new(mu: f64, width: usize) -> Self {
        Self { mu, values: vec![0.0; width] }
    }

    /// Takes in the features `[rows, width]` of a batch, in f32 or f64.
    ///
    /// # Panics
    /// Unless they are one or more whole rows.
    pub fn update<T: Copy + Into<f64>>(&mut self, features: &[T]) {
        let width = self.values.len();
        let whole = width > 0 && !features.is_empty() && features.len().is_multiple_of(width);
        assert!(whole, "{} features for a moving vector of {width} numbers", features.len());
        let rows = (features.len() / width) as f64;
        for (column, e) in self.values.iter_mut().enumerate() {
            let sum: f64 = features[column..].iter().step_by(width).map(|&x| x.into()).sum();
            *e = self.mu * *e + sum / rows;
        }
    }

    /// The vector.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// Records the vector on a tape as a constant `[width]`, rounded to f32.
    #[track_caller]
    pub fn record(&self, tape: &mut Tape) -> Var {
        tape.input_with([self.values.len()], |out| {
            for (out, e) in out.iter_mut().zip(&self.values) {
                *out = *e as f32;
            }
        })
    }

    /// The numbers to save with a checkpoint.
    pub fn state(&self) -> Vec<f64> {
        self.values.clone()
    }

    /// Goes on from what [`state`](Self::state) gave.
    ///
    /// # Errors
    /// [`MovingVectorError`] if it has another size or a number that is not finite; the vector stays as it was.
    pub fn restore(&mut self, state: &[f64]) -> Result<(), MovingVectorError> {
        let (expected, found) = (self.values.len(), state.len());
        if expected != found {
            return Err(MovingVectorError::Size { expected, found });
        }
        if let Some(at) = state.iter().position(|x| !x.is_finite()) {
            return Err(MovingVectorError::NotFinite(at));
        }
        self.values.copy_from_slice(state);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moving_vector_resumes_with_the_same_bits() {
        let width = 7;
        let batch =
            |rows: usize| -> Vec<f32> { (0..rows * width).map(|i| ((i * rows) as f32).sin()).collect() };
        for from in 0..12 {
            let mut whole = MovingVector::new(0.9, width);
            (1..=from).for_each(|rows| whole.update(&batch(rows)));
            let mut resumed = MovingVector::new(0.9, width);
            resumed.restore(&whole.state()).unwrap();
            for rows in from + 1..=12 {
                whole.update(&batch(rows));
                resumed.update(&batch(rows));
                let bits = |e: &MovingVector| e.values().iter().map(|x| x.to_bits()).collect::<Vec<u64>>();
                assert_eq!(bits(&whole), bits(&resumed), "resumed at {from}");
            }
        }
    }

    #[test]
    fn a_state_that_does_not_fit_is_refused() {
        let mut e = MovingVector::new(0.9, 2);
        e.update(&[0.1f32, 0.2, 0.4, 0.5]);
        let before = e.clone();
        assert_eq!(e.restore(&[]), Err(MovingVectorError::Size { expected: 2, found: 0 }));
        assert_eq!(e.restore(&[0.0; 3]), Err(MovingVectorError::Size { expected: 2, found: 3 }));
        assert_eq!(e.restore(&[0.0, f64::NAN]), Err(MovingVectorError::NotFinite(1)));
        assert_eq!(e.restore(&[f64::INFINITY, 0.0]), Err(MovingVectorError::NotFinite(0)));
        assert_eq!(e, before);
    }
}
