//! Multi-layer perceptrons.

use crate::layer::join;
use crate::{Activation, BatchNorm1d, Dropout, Layer, Linear, Mode, NestedDropout, init};
use lacuna_engine::{Tape, Tensor, Var};
use rand::Rng;

/// A multi-layer perceptron: linear layers, with batch normalisation, an activation and dropout after each but the last.
///
/// ```
/// use lacuna_engine::Tape;
/// use lacuna_nn::{Activation, Layer, Mlp, Mode};
/// use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
///
/// let mut tape = Tape::new();
/// let rng = &mut ChaCha8Rng::seed_from_u64(0);
/// let mlp = Mlp::new(&mut tape, &[8, 16, 3], Activation::Relu, rng);
/// tape.seal();
/// let x = tape.input([2, 8], &[0.5; 16]);
/// let z = mlp.forward(&mut tape, x, Mode::Eval);
/// assert_eq!(tape.shape(z).to_string(), "[2, 3]");
/// let names: Vec<_> = tape.entries().map(|e| e.name.to_string()).collect();
/// assert_eq!(names, ["0.weight", "0.bias", "2.weight", "2.bias"]); // as nn.Sequential counts
/// ```
#[derive(Clone, Debug)]
pub struct Mlp {
    modules: Vec<Module>,
}

/// The structure of an [`Mlp`] and the distribution of its initial weights.
///
/// The default is a linear layer: no hidden layers, ReLU between layers if some are added, no batch normalisation, no
/// dropout, PyTorch's default initialisation.
#[derive(Clone, Debug, PartialEq)]
pub struct MlpConfig {
    /// Sizes of the hidden layers, from the input on.
    pub hidden: Vec<usize>,
    /// Activation after each hidden layer; `None` for none.
    pub activation: Option<Activation>,
    /// Whether each hidden linear layer is followed by batch normalisation, before the activation.
    pub batch_norm: bool,
    /// Dropout probability after each hidden layer, after the activation; 0 leaves the dropout module out.
    pub dropout: f32,
    /// Decay of a [`NestedDropout`] after the last hidden layer, behind everything else; 0 leaves the module out.
    pub nested_dropout: f32,
    /// Distribution of the initial weights and biases.
    pub init: MlpInit,
}

impl Default for MlpConfig {
    fn default() -> Self {
        Self {
            hidden: Vec::new(),
            activation: Some(Activation::Relu),
            batch_norm: false,
            dropout: 0.0,
            nested_dropout: 0.0,
            init: MlpInit::Default,
        }
    }
}

/// Distribution of the initial weights and biases of an [`Mlp`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MlpInit {
    /// Weights, then biases, uniform(-1/sqrt(inputs), 1/sqrt(inputs)): the default of PyTorch's `nn.Linear`.
    Default,
    /// Hidden weights normal(0, sqrt(2 / outputs)), last weights normal(0, 0.01), biases 0: the head of
    /// wutong16/DistributionBalancedLoss@14460d0acda6, which is Linear, BatchNorm, Dropout, Linear without an activation.
    DistributionBalanced,
}

/// One module of the sequence.
#[derive(Clone, Copy, Debug)]
enum Module {
    Linear(Linear),
    BatchNorm(BatchNorm1d),
    Activation(Activation),
    Dropout(Dropout),
    NestedDropout(NestedDropout),
}

impl Module {
    fn layer(&self) -> &dyn Layer {
        match self {
            Module::Linear(layer) => layer,
            Module::BatchNorm(layer) => layer,
            Module::Activation(layer) => layer,
            Module::Dropout(layer) => layer,
            Module::NestedDropout(layer) => layer,
        }
    }
}

/// Standard deviation of the last layer's weights in the Distribution-Balanced head.
const LAST_STD: f32 = 0.01;

impl MlpInit {
    /// A linear layer; `last` for the layer that yields the logits.
    #[track_caller]
    fn linear(
        self,
        tape: &mut Tape,
        name: &str,
        [inputs, outputs]: [usize; 2],
        last: bool,
        rng: &mut impl Rng,
    ) -> Linear {
        let weight = match self {
            MlpInit::Default => return Linear::new(tape, name, inputs, outputs, rng),
            MlpInit::DistributionBalanced if last => init::normal([inputs, outputs], LAST_STD, rng),
            MlpInit::DistributionBalanced => {
                init::kaiming_normal([inputs, outputs], init::FanMode::Out, init::Gain::Relu, rng)
            }
        };
        Linear {
            weight: tape.param(&join(name, "weight"), weight),
            bias: tape.param(&join(name, "bias"), Tensor::zeros([outputs])),
        }
    }
}

impl Mlp {
    /// A perceptron of the given sizes, input first, classes last, with an activation after each layer but the last.
    /// Parameters are named as PyTorch's `nn.Sequential` of the same layers names them: activations take a number but
    /// have no parameters.
    ///
    /// # Panics
    /// For fewer than two sizes.
    #[track_caller]
    pub fn new(tape: &mut Tape, sizes: &[usize], activation: Activation, rng: &mut impl Rng) -> Self {
        assert!(sizes.len() >= 2, "a perceptron needs an input and an output size");
        let config = MlpConfig {
            hidden: sizes[1..sizes.len() - 1].to_vec(),
            activation: Some(activation),
            ..MlpConfig::default()
        };
        Self::with(tape, sizes[0], sizes[sizes.len() - 1], &config, rng)
    }

    /// A perceptron from `inputs` features to `classes` logits. Parameters and running statistics are named as
    /// PyTorch's `nn.Sequential` of the same modules names them, modules without parameters counted. The dropout
    /// modules have the layer numbers 0, 1, ... in their [`MaskKey`](lacuna_engine::MaskKey).
    ///
    /// ```
    /// use lacuna_engine::Tape;
    /// use lacuna_nn::{Mlp, MlpConfig, MlpInit};
    /// use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
    ///
    /// let (mut tape, mut rng) = (Tape::new(), ChaCha8Rng::seed_from_u64(0));
    /// let config = MlpConfig {
    ///     hidden: vec![16],
    ///     activation: None,
    ///     batch_norm: true,
    ///     dropout: 0.5,
    ///     nested_dropout: 0.0,
    ///     init: MlpInit::DistributionBalanced,
    /// };
    /// Mlp::with(&mut tape, 8, 3, &config, &mut rng); // Linear, BatchNorm, Dropout, Linear
    /// let names: Vec<_> = tape.entries().map(|e| e.name.to_string()).collect();
    /// let batch_norm = ["1.weight", "1.bias", "1.running_mean", "1.running_var"];
    /// assert_eq!(names, [&["0.weight", "0.bias"], &batch_norm[..], &["3.weight", "3.bias"]].concat());
    /// ```
    ///
    /// # Panics
    /// If the tape is sealed or has these names, or the dropout probability is not in [0, 1), or the decay of the nested one not in
    /// [0, 1].
    #[track_caller]
    pub fn with(
        tape: &mut Tape,
        inputs: usize,
        classes: usize,
        config: &MlpConfig,
        rng: &mut impl Rng,
    ) -> Self {
        assert!((0.0..1.0).contains(&config.dropout), "a dropout probability of {}", config.dropout);
        assert!(
            (0.0..=1.0).contains(&config.nested_dropout),
            "a nested dropout of {}",
            config.nested_dropout
        );
        let mut modules = Vec::new();
        let mut width = inputs;
        for (layer, &outputs) in config.hidden.iter().enumerate() {
            let name = modules.len().to_string();
            modules.push(Module::Linear(config.init.linear(tape, &name, [width, outputs], false, rng)));
            if config.batch_norm {
                let name = modules.len().to_string();
                modules.push(Module::BatchNorm(BatchNorm1d::new(tape, &name, outputs)));
            }
            modules.extend(config.activation.map(Module::Activation));
            if config.dropout > 0.0 {
                modules.push(Module::Dropout(Dropout { p: config.dropout, layer: layer as u32 }));
            }
            width = outputs;
        }
        if config.nested_dropout > 0.0 && !config.hidden.is_empty() {
            // Beyond the numbers of the hidden layers.
            let layer = (1 << 16) + config.hidden.len() as u32;
            modules.push(Module::NestedDropout(NestedDropout { decay: config.nested_dropout, layer }));
        }
        let name = modules.len().to_string();
        modules.push(Module::Linear(config.init.linear(tape, &name, [width, classes], true, rng)));
        Self { modules }
    }
}

impl Layer for Mlp {
    fn forward(&self, tape: &mut Tape, x: Var, mode: Mode) -> Var {
        self.modules.iter().fold(x, |x, module| module.layer().forward(tape, x, mode))
    }

    fn parameters(&self) -> Vec<Var> {
        self.modules.iter().flat_map(|module| module.layer().parameters()).collect()
    }
}
