//! Representations drawn from a Gaussian whose mean and deviation layers compute.

use lacuna_engine::{Tape, Var};

/// z = mu + sigma noise with sigma = e^clamp(s/2, -6, 6), for mu and s of the same shape: a draw through which gradients
/// flow to both. The noise is a value like any other; the mean of several draws is the draw with the mean of their noise.
///
/// Kingma and Welling, "Auto-encoding variational Bayes", ICLR 2014; the clamp is that of palm-biaoliu/mime@06e15de8.
///
/// ```
/// use lacuna_engine::Tape;
///
/// let mut tape = Tape::new();
/// tape.seal();
/// let (mu, s) = (tape.variable([2], &[1.0, 2.0]), tape.variable([2], &[0.0, 100.0]));
/// let noise = tape.input([2], &[0.5, 1.0]);
/// let z = lacuna_nn::reparametrise(&mut tape, mu, s, noise);
/// assert_eq!(tape.value(z)[0], 1.5);
/// assert!((tape.value(z)[1] - (2.0 + f32::exp(6.0))).abs() < 1e-3);
/// let sum = tape.sum(z);
/// tape.backward(sum);
/// assert_eq!(tape.grad(s), Some(&[0.25, 0.0][..])); // none beyond the clamp
/// ```
///
/// # Panics
/// If the shapes differ.
#[track_caller]
pub fn reparametrise(tape: &mut Tape, mu: Var, s: Var, noise: Var) -> Var {
    let half = tape.scale(s, 0.5);
    let log = tape.clamp(half, -6.0, 6.0);
    let sigma = tape.exp(log);
    let moved = tape.mul(sigma, noise);
    tape.add(mu, moved)
}
