//! The convolutional layer.

use crate::layer::join;
use crate::{Layer, Mode, init};
use lacuna_engine::{ConvOptions, Tape, Var};
use rand::Rng;

/// y = w * x + b over images: x `[N, C, H, W]`, w `[O, C / groups, KH, KW]`, b `[O]`, y `[N, O, OH, OW]`.
///
/// ```
/// use lacuna_engine::{ConvOptions, Tape};
/// use lacuna_nn::{Conv2d, Layer, Mode};
/// use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
///
/// let mut tape = Tape::new();
/// let options = ConvOptions { padding: [1; 2], ..ConvOptions::default() };
/// let conv = Conv2d::new(&mut tape, "conv", [3, 8], [3, 3], options, &mut ChaCha8Rng::seed_from_u64(0));
/// tape.seal();
/// let x = tape.input([2, 3, 5, 7], &[0.5; 210]);
/// let y = conv.forward(&mut tape, x, Mode::Eval);
/// assert_eq!(tape.shape(y).to_string(), "[2, 8, 5, 7]");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Conv2d {
    /// w, `[O, C / groups, KH, KW]`.
    pub weight: Var,
    /// b, `[O]`.
    pub bias: Option<Var>,
    /// Stride, padding and groups.
    pub options: ConvOptions,
}

impl Conv2d {
    /// A layer from `channels[0]` to `channels[1]` channels. Weight, then bias, are drawn as PyTorch does by
    /// default: Kaiming uniform with a = sqrt(5), which is uniform(-1/sqrt(n), 1/sqrt(n)) with n the inputs of
    /// one output. The parameters are named `name.weight` and `name.bias`.
    ///
    /// # Panics
    /// If groups do not divide the channels, the tape is sealed or it has these names.
    #[track_caller]
    pub fn new(
        tape: &mut Tape,
        name: &str,
        channels: [usize; 2],
        kernel: [usize; 2],
        options: ConvOptions,
        rng: &mut impl Rng,
    ) -> Self {
        let mut layer = Self::without_bias(tape, name, channels, kernel, options, rng);
        let inputs = channels[0] / options.groups * kernel[0] * kernel[1];
        let bias = init::uniform([channels[1]], init::default_bound(inputs), rng);
        layer.bias = Some(tape.param(&join(name, "bias"), bias));
        layer
    }

    /// As [`new`](Self::new) without a bias, for layers that a normalisation follows.
    ///
    /// # Panics
    /// As for `new`.
    #[track_caller]
    pub fn without_bias(
        tape: &mut Tape,
        name: &str,
        [inputs, outputs]: [usize; 2],
        [height, width]: [usize; 2],
        options: ConvOptions,
        rng: &mut impl Rng,
    ) -> Self {
        let groups = options.groups;
        assert!(
            groups > 0 && inputs.is_multiple_of(groups) && outputs.is_multiple_of(groups),
            "{groups} groups do not divide {inputs} and {outputs} channels"
        );
        let shape = [outputs, inputs / groups, height, width];
        let gain = init::Gain::LeakyRelu(5f32.sqrt());
        let weight = init::kaiming_uniform(shape, init::FanMode::In, gain, rng);
        Self { weight: tape.param(&join(name, "weight"), weight), bias: None, options }
    }
}

impl Layer for Conv2d {
    fn forward(&self, tape: &mut Tape, x: Var, _: Mode) -> Var {
        tape.conv2d(x, self.weight, self.bias, self.options)
    }

    fn parameters(&self) -> Vec<Var> {
        [self.weight].into_iter().chain(self.bias).collect()
    }
}
