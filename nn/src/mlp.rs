//! Linear layers with an activation between them.

use crate::{Activation, Layer, Linear};
use lacuna_engine::{Tape, Var};
use rand::Rng;

/// A multi-layer perceptron: linear layers with an activation after each but the last.
///
/// ```
/// use lacuna_engine::Tape;
/// use lacuna_nn::{Activation, Layer, Mlp};
/// use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
///
/// let mut tape = Tape::new();
/// let rng = &mut ChaCha8Rng::seed_from_u64(0);
/// let mlp = Mlp::new(&mut tape, &[8, 16, 3], Activation::Relu, rng);
/// tape.seal();
/// let x = tape.input([2, 8], &[0.5; 16]);
/// let z = mlp.forward(&mut tape, x);
/// assert_eq!(tape.shape(z).to_string(), "[2, 3]");
/// let names: Vec<_> = tape.entries().map(|e| e.name.to_string()).collect();
/// assert_eq!(names, ["0.weight", "0.bias", "2.weight", "2.bias"]); // as nn.Sequential counts
/// ```
#[derive(Clone, Debug)]
pub struct Mlp {
    layers: Vec<Linear>,
    activation: Activation,
}

impl Mlp {
    /// A perceptron of the given sizes, input first, classes last. Parameters are named as PyTorch's
    /// `nn.Sequential` of the same layers names them: activations take a number but have no parameters.
    ///
    /// # Panics
    /// For fewer than two sizes.
    #[track_caller]
    pub fn new(tape: &mut Tape, sizes: &[usize], activation: Activation, rng: &mut impl Rng) -> Self {
        assert!(sizes.len() >= 2, "a perceptron needs an input and an output size");
        let layer = |(i, s): (usize, &[usize])| Linear::new(tape, &(2 * i).to_string(), s[0], s[1], rng);
        Self { layers: sizes.windows(2).enumerate().map(layer).collect(), activation }
    }
}

impl Layer for Mlp {
    fn forward(&self, tape: &mut Tape, x: Var) -> Var {
        let mut x = x;
        for (i, layer) in self.layers.iter().enumerate() {
            if i > 0 {
                x = self.activation.forward(tape, x);
            }
            x = layer.forward(tape, x);
        }
        x
    }

    fn parameters(&self) -> Vec<Var> {
        self.layers.iter().flat_map(Layer::parameters).collect()
    }
}
