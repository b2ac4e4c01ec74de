//! Layers one after the other.

use crate::layer::join;
use crate::{Layer, Mode};
use lacuna_engine::{Tape, Var};

/// Layers one after the other, their parameters named as PyTorch's `nn.Sequential` names them: by the number
/// of the layer, those without parameters counted.
///
/// ```
/// use lacuna_engine::{ConvOptions, Tape, Window};
/// use lacuna_nn::{Activation, BatchNorm2d, Conv2d, Flatten, Layer, Linear, MaxPool2d, Mode, Sequential};
/// use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
///
/// let (mut tape, mut rng) = (Tape::new(), ChaCha8Rng::seed_from_u64(0));
/// let same = ConvOptions { padding: [1; 2], ..ConvOptions::default() };
/// let net = Sequential::new("")
///     .then_new(|name| Conv2d::new(&mut tape, name, [1, 4], [3, 3], same, &mut rng))
///     .then_new(|name| BatchNorm2d::new(&mut tape, name, 4))
///     .then(Activation::Relu)
///     .then(MaxPool2d(Window::square(2, 2, 0)))
///     .then(Flatten)
///     .then_new(|name| Linear::new(&mut tape, name, 16, 3, &mut rng));
/// tape.seal();
/// let x = tape.input([2, 1, 4, 4], &[0.5; 32]);
/// let z = net.forward(&mut tape, x, Mode::Eval);
/// assert_eq!(tape.shape(z).to_string(), "[2, 3]");
/// let names: Vec<String> = net.named_parameters(&tape).into_iter().map(|(name, _)| name).collect();
/// assert_eq!(names, ["0.weight", "0.bias", "1.weight", "1.bias", "5.weight", "5.bias"]);
/// // The tape's entries are these and the state, which is saved with them.
/// let kept: Vec<_> = tape.entries().map(|e| e.name.to_string()).filter(|name| !names.contains(name)).collect();
/// assert_eq!(kept, ["1.running_mean", "1.running_var"]);
/// ```
pub struct Sequential {
    prefix: String,
    layers: Vec<Box<dyn Layer + Send + Sync>>,
}

impl Sequential {
    /// No layers yet. Names start with `prefix` and a dot, or with the number for an empty prefix.
    pub fn new(prefix: &str) -> Self {
        Self { prefix: prefix.to_string(), layers: Vec::new() }
    }

    /// Appends a layer.
    pub fn then(mut self, layer: impl Layer + Send + Sync + 'static) -> Self {
        self.layers.push(Box::new(layer));
        self
    }

    /// Appends the layer that `make` builds under the name it is given.
    pub fn then_new<L: Layer + Send + Sync + 'static>(self, make: impl FnOnce(&str) -> L) -> Self {
        let name = join(&self.prefix, &self.layers.len().to_string());
        self.then(make(&name))
    }

    /// Number of layers.
    pub fn count(&self) -> usize {
        self.layers.len()
    }
}

impl Layer for Sequential {
    fn forward(&self, tape: &mut Tape, x: Var, mode: Mode) -> Var {
        let mut x = x;
        let mut layers = self.layers.iter().peekable();
        while let Some(layer) = layers.next() {
            let next = layers.peek().filter(|_| layer.is_relu());
            x = match next.and_then(|next| next.forward_of_relu(tape, x)) {
                Some(y) => {
                    layers.next();
                    y
                }
                None => layer.forward(tape, x, mode),
            };
        }
        x
    }

    fn parameters(&self) -> Vec<Var> {
        self.layers.iter().flat_map(|layer| layer.parameters()).collect()
    }
}
