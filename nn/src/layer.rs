//! What a layer is.

use lacuna_engine::{Tape, Var};

/// Something that turns one value on a tape into another, with parameters of its own.
pub trait Layer {
    /// Records the layer's computation on `x` and returns its output.
    fn forward(&self, tape: &mut Tape, x: Var) -> Var;
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
}

impl Layer for Activation {
    fn forward(&self, tape: &mut Tape, x: Var) -> Var {
        match self {
            Activation::Relu => tape.relu(x),
            Activation::Tanh => tape.tanh(x),
            Activation::Sigmoid => tape.sigmoid(x),
        }
    }
}
