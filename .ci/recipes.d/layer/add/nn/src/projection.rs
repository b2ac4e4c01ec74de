//! A linear layer without a bias: z = x W^T.

use crate::layer::join;
use crate::{Layer, Mode, init};
use lacuna_engine::{Tape, Var};
use rand::Rng;

/// z = x W^T, with x `[B, D]`, W `[C, D]` and z `[B, C]`: `torch.nn.Linear(D, C, bias=False)`.
///
/// ```
/// use lacuna_engine::{Tape, Tensor};
/// use lacuna_nn::{Layer, Mode, Projection};
///
/// let mut tape = Tape::new();
/// let weight = tape.param("weight", Tensor::new([2, 2], vec![1.0, 2.0, 3.0, 4.0]));
/// tape.seal();
/// let x = tape.input([1, 2], &[1.0, 10.0]);
/// let z = Projection { weight }.forward(&mut tape, x, Mode::Eval);
/// assert_eq!(tape.value(z), [21.0, 43.0]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Projection {
    /// W, `[C, D]`.
    pub weight: Var,
}

impl Projection {
    /// A layer whose weight is drawn from uniform(-1/sqrt(D), 1/sqrt(D)). The parameter is named `name.weight`, or just so for an
    /// empty name.
    ///
    /// # Panics
    /// If the tape is sealed or has this name.
    #[track_caller]
    pub fn new(tape: &mut Tape, name: &str, features: usize, classes: usize, rng: &mut impl Rng) -> Self {
        let weight = init::uniform([classes, features], init::default_bound(features), rng);
        Self { weight: tape.param(&join(name, "weight"), weight) }
    }
}

impl Layer for Projection {
    fn forward(&self, tape: &mut Tape, x: Var, _: Mode) -> Var {
        let weight = tape.transpose(self.weight);
        tape.matmul(x, weight)
    }

    fn parameters(&self) -> Vec<Var> {
        vec![self.weight]
    }
}
