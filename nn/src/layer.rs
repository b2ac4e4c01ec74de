//! What a layer is.

use lacuna_engine::{Tape, Var};

/// Something that turns one value on a tape into another, with parameters of its own.
pub trait Layer {
    /// Records the layer's computation on `x`, as in prediction, and returns its output.
    fn forward(&self, tape: &mut Tape, x: Var) -> Var;

    /// Records the computation in a mode. Layers that compute the same in both need not say so.
    fn forward_in(&self, tape: &mut Tape, x: Var, mode: Mode) -> Var {
        let _ = mode;
        self.forward(tape, x)
    }
}

/// Prediction or training: what dropout and batch normalisation want to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Prediction.
    Eval,
    /// A training step. Random masks are a function of both numbers, so a step can be had again.
    Train {
        /// Seed of the run.
        seed: u64,
        /// Number of the step.
        step: u64,
    },
}

/// `name.part`, or `part` for an empty name.
pub(crate) fn join(name: &str, part: &str) -> String {
    if name.is_empty() { part.to_string() } else { format!("{name}.{part}") }
}

/// What stands between two linear layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// max(x, 0)
    Relu,
    /// Hyperbolic tangent.
    Tanh,
    /// 1 / (1 + e^-x)
    Sigmoid,
    /// x Phi(x), exact.
    Gelu,
}

impl Layer for Activation {
    fn forward(&self, tape: &mut Tape, x: Var) -> Var {
        match self {
            Activation::Relu => tape.relu(x),
            Activation::Tanh => tape.tanh(x),
            Activation::Sigmoid => tape.sigmoid(x),
            Activation::Gelu => tape.gelu(x),
        }
    }
}
