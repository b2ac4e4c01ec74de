//! Gradient clipping.

use lacuna_engine::{Grad, Tape};

/// What is added to the norm before it divides: PyTorch's `clip_grad_norm_`.
pub const EPS: f64 = 1e-6;

/// What gradients of this norm are multiplied with so that it becomes at most `max_norm`: max_norm / (norm + 1e-6), at
/// most 1.
///
/// ```
/// assert_eq!(lacuna_nn::clip::factor(1.0, 35.0, 1e-6), 1.0);
/// assert!((lacuna_nn::clip::factor(70.0, 35.0, 1e-6) - 0.5).abs() < 1e-7);
/// ```
pub fn factor(norm: f64, max_norm: f64, eps: f64) -> f64 {
    (max_norm / (norm + eps)).min(1.0)
}

/// Scales the gradients of all parameters down where their common Euclidean norm is above `max_norm`; gives the norm
/// before. Call it between the backward pass and the step of the optimiser.
///
/// A norm that is not finite leaves the gradients as they are.
///
/// # Panics
/// Unless `max_norm` > 0.
pub fn clip_grad_norm(tape: &mut Tape, max_norm: f64) -> f64 {
    assert!(max_norm > 0.0, "a gradient norm of at most {max_norm}");
    let squares = |g: &[f32]| g.iter().map(|&g| f64::from(g) * f64::from(g)).sum::<f64>();
    let mut sum = 0.0;
    for entry in tape.entries() {
        sum += match entry.grad {
            None => 0.0,
            Some(Grad::Dense(g)) => squares(g),
            Some(Grad::Rows { rows, data }) => {
                let columns = entry.shape.sizes().last().copied().unwrap_or(1);
                rows.iter().map(|&row| squares(&data[row as usize * columns..][..columns])).sum()
            }
        };
    }
    let norm = sum.sqrt();
    let by = factor(norm, max_norm, EPS);
    if norm.is_finite() && by < 1.0 {
        tape.scale_gradients(by as f32);
    }
    norm
}
