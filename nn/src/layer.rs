//! What a layer is.

use lacuna_engine::{Tape, Var};

/// Something that turns one value on a tape into another, with parameters of its own.
pub trait Layer {
    /// Records the layer's computation on `x` and returns its output. A layer that contains other layers passes `mode`
    /// on to them.
    fn forward(&self, tape: &mut Tape, x: Var, mode: Mode) -> Var;

    /// The layer's own parameters, in the order in which they were made; none for a layer that only computes.
    fn parameters(&self) -> Vec<Var> {
        Vec::new()
    }

    /// Whether this is max(x, 0), which a layer behind it may take over.
    fn is_relu(&self) -> bool {
        false
    }

    /// Records max(x, 0) and this layer's computation on it as one operation with the same numbers, or `None` where there is
    /// no such operation.
    fn forward_of_relu(&self, _tape: &mut Tape, _x: Var) -> Option<Var> {
        None
    }

    /// The parameters under their names on the tape: for a [`Sequential`](crate::Sequential), those that PyTorch's
    /// `nn.Sequential` gives.
    ///
    /// ```
    /// use lacuna_engine::Tape;
    /// use lacuna_nn::{Activation, Layer, Mlp};
    /// use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
    ///
    /// let mut tape = Tape::new();
    /// let mlp = Mlp::new(&mut tape, &[8, 16, 3], Activation::Relu, &mut ChaCha8Rng::seed_from_u64(0));
    /// let list = mlp.named_parameters(&tape);
    /// let shown: Vec<String> = list.iter().map(|(name, w)| format!("{name} {}", tape.shape(*w))).collect();
    /// assert_eq!(shown, ["0.weight [8, 16]", "0.bias [16]", "2.weight [16, 3]", "2.bias [3]"]);
    /// ```
    fn named_parameters(&self, tape: &Tape) -> Vec<(String, Var)> {
        let name = |var| tape.entry_name(var).expect("parameters have names").to_string();
        self.parameters().into_iter().map(|var| (name(var), var)).collect()
    }
}

/// Prediction or training: dropout and batch normalisation compute differently in each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Prediction.
    Eval,
    /// A training step. Random masks are a function of both numbers, so a step can be repeated exactly.
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
    fn forward(&self, tape: &mut Tape, x: Var, _: Mode) -> Var {
        match self {
            Activation::Relu => tape.relu(x),
            Activation::Tanh => tape.tanh(x),
            Activation::Sigmoid => tape.sigmoid(x),
            Activation::Gelu => tape.gelu(x),
        }
    }

    fn is_relu(&self) -> bool {
        *self == Activation::Relu
    }
}
