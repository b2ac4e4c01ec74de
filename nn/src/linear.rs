//! The linear layer: z = x W + b.

use crate::layer::join;
use crate::{Layer, Mode, init};
use lacuna_engine::{Tape, Tensor, Var};
use rand::Rng;
use std::ops::Range;

/// z = x W + b, with x `[B, D]`, W `[D, C]`, b `[C]` and z `[B, C]`.
///
/// W lies features by classes, the way the product reads it, and not classes by features as in PyTorch;
/// files that are exchanged are transposed at the border.
#[derive(Clone, Copy, Debug)]
pub struct Linear {
    /// W, `[D, C]`.
    pub weight: Var,
    /// b, `[C]`.
    pub bias: Var,
}

impl Linear {
    /// A layer whose weight, then bias, are drawn from uniform(-1/sqrt(D), 1/sqrt(D)), as PyTorch does by
    /// default. The parameters are named `name.weight` and `name.bias`, or just so for an empty name.
    ///
    /// # Panics
    /// If the tape is sealed or has these names.
    #[track_caller]
    pub fn new(tape: &mut Tape, name: &str, features: usize, classes: usize, rng: &mut impl Rng) -> Self {
        let bound = init::default_bound(features);
        let weight = init::uniform([features, classes], bound, rng);
        let bias = init::uniform([classes], bound, rng);
        Self {
            weight: tape.param(&join(name, "weight"), weight),
            bias: tape.param(&join(name, "bias"), bias),
        }
    }
}

impl Linear {
    /// The columns `columns` of a layer with `classes` of them: its first weights are those that [`Linear::new`] draws for
    /// these classes.
    ///
    /// # Panics
    /// As [`Linear::new`], and if there are not so many classes.
    #[track_caller]
    pub fn columns(
        tape: &mut Tape,
        name: &str,
        features: usize,
        classes: usize,
        columns: Range<usize>,
        rng: &mut impl Rng,
    ) -> Self {
        let bound = init::default_bound(features);
        let weight = init::uniform_columns([features, classes], columns.clone(), bound, rng);
        let bias = init::uniform_columns([1, classes], columns.clone(), bound, rng);
        let bias = Tensor::new([columns.len()], bias.data().to_vec());
        Self {
            weight: tape.param(&join(name, "weight"), weight),
            bias: tape.param(&join(name, "bias"), bias),
        }
    }
}

impl Layer for Linear {
    fn forward(&self, tape: &mut Tape, x: Var, _: Mode) -> Var {
        tape.linear(x, self.weight, self.bias)
    }

    fn parameters(&self) -> Vec<Var> {
        vec![self.weight, self.bias]
    }
}
