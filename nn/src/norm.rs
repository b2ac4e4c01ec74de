//! Normalising layers.

use crate::layer::join;
use crate::{Layer, Mode};
use lacuna_engine::{RunningStats, Tape, Tensor, Var};

/// Batch normalisation by channel, for `[B, C]`, `[B, C, L]` and `[B, C, H, W]` alike.
///
/// In training it uses the batch's own mean and variance; call [`Tape::commit_state`] after the step, and the
/// running statistics move. In evaluation it uses those.
///
/// ```
/// use lacuna_engine::Tape;
/// use lacuna_nn::{BatchNorm2d, Layer, Mode};
///
/// let mut tape = Tape::new();
/// let norm = BatchNorm2d::new(&mut tape, "norm", 2);
/// tape.seal();
/// let x = tape.input([1, 2, 1, 2], &[1.0, 3.0, -5.0, 5.0]);
/// let y = norm.forward(&mut tape, x, Mode::Train { seed: 0, step: 0 });
/// assert!(tape.value(y).iter().zip([-1.0, 1.0, -1.0, 1.0]).all(|(y, e)| (y - e).abs() < 1e-4));
/// tape.commit_state();
/// let mean = tape.value(norm.running.mean).to_vec();
/// assert!((mean[0] - 0.2).abs() < 1e-6 && mean[1] == 0.0); // 0.9 * 0 + 0.1 * 2
/// ```
#[derive(Clone, Copy, Debug)]
pub struct BatchNorm {
    /// w, `[C]`, at first 1.
    pub weight: Var,
    /// b, `[C]`, at first 0.
    pub bias: Var,
    /// Running mean, at first 0, and running variance, at first 1.
    pub running: RunningStats,
    /// Share of a batch in the new running statistics, 0.1.
    pub momentum: f32,
    /// Added to the variance, 1e-5.
    pub eps: f32,
}

/// Batch normalisation of `[B, C]` or `[B, C, L]`: PyTorch's name for it.
pub type BatchNorm1d = BatchNorm;
/// Batch normalisation of `[B, C, H, W]`: PyTorch's name for it.
pub type BatchNorm2d = BatchNorm;

impl BatchNorm {
    /// A layer for `channels` channels, with parameters `name.weight` and `name.bias` and the state
    /// `name.running_mean` and `name.running_var`. (PyTorch's `num_batches_tracked` is not kept.)
    ///
    /// # Panics
    /// If the tape is sealed or has these names.
    #[track_caller]
    pub fn new(tape: &mut Tape, name: &str, channels: usize) -> Self {
        let (ones, zeros) = (Tensor::filled([channels], 1.0), Tensor::zeros([channels]));
        Self {
            weight: tape.param(&join(name, "weight"), ones.clone()),
            bias: tape.param(&join(name, "bias"), zeros.clone()),
            running: RunningStats {
                mean: tape.state(&join(name, "running_mean"), zeros),
                var: tape.state(&join(name, "running_var"), ones),
            },
            momentum: 0.1,
            eps: 1e-5,
        }
    }
}

impl Layer for BatchNorm {
    fn forward(&self, tape: &mut Tape, x: Var, mode: Mode) -> Var {
        let affine = Some((self.weight, self.bias));
        match mode {
            Mode::Eval => tape.batch_norm_eval(x, affine, self.running, self.eps),
            Mode::Train { .. } => tape.batch_norm(x, affine, Some(self.running), self.momentum, self.eps),
        }
    }

    fn parameters(&self) -> Vec<Var> {
        vec![self.weight, self.bias]
    }
}

/// Layer normalisation along the last axis.
#[derive(Clone, Copy, Debug)]
pub struct LayerNorm {
    /// w, `[C]`, at first 1.
    pub weight: Var,
    /// b, `[C]`, at first 0.
    pub bias: Var,
    /// Added to the variance, 1e-5.
    pub eps: f32,
}

impl LayerNorm {
    /// A layer for rows of `features` numbers, with parameters `name.weight` and `name.bias`.
    ///
    /// # Panics
    /// If the tape is sealed or has these names.
    #[track_caller]
    pub fn new(tape: &mut Tape, name: &str, features: usize) -> Self {
        Self {
            weight: tape.param(&join(name, "weight"), Tensor::filled([features], 1.0)),
            bias: tape.param(&join(name, "bias"), Tensor::zeros([features])),
            eps: 1e-5,
        }
    }
}

impl Layer for LayerNorm {
    fn forward(&self, tape: &mut Tape, x: Var, _: Mode) -> Var {
        tape.layer_norm(x, Some((self.weight, self.bias)), self.eps)
    }

    fn parameters(&self) -> Vec<Var> {
        vec![self.weight, self.bias]
    }
}
