//! First values of parameters.

use lacuna_engine::{Shape, Tensor};
use rand::Rng;
use std::ops::Range;

/// Numbers uniform in [-bound, bound), drawn in the order of the elements.
///
/// A draw is the top 24 bits of a 32-bit word, k 2^-23 bound - bound: exact in f32 and fixed for all time,
/// whatever a library's own distribution may do.
///
/// ```
/// use lacuna_nn::init::uniform;
/// use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
/// let w = uniform([64, 20], 0.125, &mut ChaCha8Rng::seed_from_u64(1));
/// assert!(w.data().iter().all(|w| (-0.125..0.125).contains(w)));
/// ```
pub fn uniform(shape: impl Into<Shape>, bound: f32, rng: &mut impl Rng) -> Tensor {
    let shape = shape.into();
    Tensor::new(shape, (0..shape.len()).map(|_| draw(bound, rng)).collect())
}

/// Columns `classes` of [`uniform`] numbers of the shape `[rows, all]`: every number of the whole is drawn and those of other
/// columns are forgotten, so that tasks with a slice of the columns each start where one task with all of them would.
///
/// # Panics
/// If there are not so many columns.
pub fn uniform_columns(
    [rows, all]: [usize; 2],
    classes: Range<usize>,
    bound: f32,
    rng: &mut impl Rng,
) -> Tensor {
    assert!(classes.end <= all, "columns {classes:?} of {all}");
    let mut data = Vec::with_capacity(rows * classes.len());
    for _ in 0..rows {
        for class in 0..all {
            let x = draw(bound, rng);
            if classes.contains(&class) {
                data.push(x);
            }
        }
    }
    Tensor::new([rows, classes.len()], data)
}

fn draw(bound: f32, rng: &mut impl Rng) -> f32 {
    let k = rng.next_u32() >> 8;
    (k as f32 / (1 << 23) as f32 - 1.0) * bound
}

/// Numbers of the normal distribution with mean 0, drawn in pairs in the order of the elements.
///
/// G. E. P. Box, M. E. Muller, 1958: sqrt(-2 ln u) cos(2 pi v) and sqrt(-2 ln u) sin(2 pi v) in f64, u in (0, 1]
/// and v in [0, 1) from 32 bits each. The bits depend on the platform's ln, sin and cos in f64, whose last
/// place is all but never seen after rounding to f32.
pub fn normal(shape: impl Into<Shape>, std: f32, rng: &mut impl Rng) -> Tensor {
    let shape = shape.into();
    let mut data = Vec::with_capacity(shape.len() + 1);
    while data.len() < shape.len() {
        const WORDS: f64 = 4_294_967_296.0;
        let (u, v) = ((f64::from(rng.next_u32()) + 1.0) / WORDS, f64::from(rng.next_u32()) / WORDS);
        let (radius, (sin, cos)) = ((-2.0 * u.ln()).sqrt(), (std::f64::consts::TAU * v).sin_cos());
        data.extend([radius * cos, radius * sin].map(|z| (z * f64::from(std)) as f32));
    }
    data.truncate(shape.len());
    Tensor::new(shape, data)
}

/// Which number of connections keeps its variance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FanMode {
    /// Inputs of one output: activations keep their size on the way forward.
    In,
    /// Outputs of one input: gradients keep theirs on the way back.
    Out,
}

/// What the nonlinearity behind a layer takes away, to be made up for: PyTorch's `calculate_gain`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Gain {
    /// 1: no nonlinearity, sigmoid, convolution as such.
    Linear,
    /// 5/3.
    Tanh,
    /// sqrt 2.
    Relu,
    /// sqrt(2 / (1 + a^2)) for the slope a.
    LeakyRelu(f32),
}

impl Gain {
    /// The factor.
    pub fn value(self) -> f32 {
        match self {
            Gain::Linear => 1.0,
            Gain::Tanh => 5.0 / 3.0,
            Gain::Relu => 2f32.sqrt(),
            Gain::LeakyRelu(a) => (2.0 / (1.0 + a * a)).sqrt(),
        }
    }
}

/// Inputs of one output and outputs of one input: (D, C) for a linear weight `[D, C]`, (C k, O k) for kernels
/// `[O, C, KH, KW]` with k = KH KW.
///
/// # Panics
/// For any other rank.
pub fn fans(shape: impl Into<Shape>) -> (usize, usize) {
    let shape = shape.into();
    match *shape.sizes() {
        [inputs, outputs] => (inputs, outputs),
        [outputs, inputs, h, w] => (inputs * h * w, outputs * h * w),
        _ => panic!("a weight is [D, C] or [O, C, KH, KW], not {shape}"),
    }
}

/// gain / sqrt(fan), the standard deviation of Kaiming initialisation.
fn kaiming_std(shape: Shape, mode: FanMode, gain: Gain) -> f32 {
    let (inputs, outputs) = fans(shape);
    let fan = if mode == FanMode::In { inputs } else { outputs };
    gain.value() / (fan as f32).sqrt()
}

/// uniform(-sqrt(3) std, sqrt(3) std) with std = gain / sqrt(fan).
///
/// K. He, X. Zhang, S. Ren, J. Sun, "Delving deep into rectifiers", ICCV 2015. PyTorch's default for
/// convolutions is `FanMode::In` with `Gain::LeakyRelu(sqrt 5)`, a bound of 1 / sqrt(fan).
pub fn kaiming_uniform(shape: impl Into<Shape>, mode: FanMode, gain: Gain, rng: &mut impl Rng) -> Tensor {
    let shape = shape.into();
    uniform(shape, 3f32.sqrt() * kaiming_std(shape, mode, gain), rng)
}

/// normal(0, std) with std = gain / sqrt(fan); see [`kaiming_uniform`].
pub fn kaiming_normal(shape: impl Into<Shape>, mode: FanMode, gain: Gain, rng: &mut impl Rng) -> Tensor {
    let shape = shape.into();
    normal(shape, kaiming_std(shape, mode, gain), rng)
}

/// gain sqrt(2 / (inputs + outputs)), the standard deviation of Xavier initialisation.
fn xavier_std(shape: Shape, gain: Gain) -> f32 {
    let (inputs, outputs) = fans(shape);
    gain.value() * (2.0 / (inputs + outputs) as f32).sqrt()
}

/// uniform(-sqrt(3) std, sqrt(3) std) with std = gain sqrt(2 / (inputs + outputs)).
///
/// X. Glorot, Y. Bengio, "Understanding the difficulty of training deep feedforward neural networks",
/// AISTATS 2010.
pub fn xavier_uniform(shape: impl Into<Shape>, gain: Gain, rng: &mut impl Rng) -> Tensor {
    let shape = shape.into();
    uniform(shape, 3f32.sqrt() * xavier_std(shape, gain), rng)
}

/// normal(0, std) with std = gain sqrt(2 / (inputs + outputs)); see [`xavier_uniform`].
pub fn xavier_normal(shape: impl Into<Shape>, gain: Gain, rng: &mut impl Rng) -> Tensor {
    let shape = shape.into();
    normal(shape, xavier_std(shape, gain), rng)
}

/// 1 / sqrt(d): the bound of PyTorch's default `nn.Linear`, for weight and bias alike.
pub fn default_bound(features: usize) -> f32 {
    1.0 / (features as f32).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

    #[test]
    fn columns_are_those_of_the_whole() {
        let rng = || ChaCha8Rng::seed_from_u64(5);
        let whole = uniform([7, 11], 0.3, &mut rng());
        for classes in [0..11, 0..4, 4..5, 5..11] {
            let mut after = rng();
            let part = uniform_columns([7, 11], classes.clone(), 0.3, &mut after);
            let expected: Vec<f32> =
                whole.data().chunks(11).flat_map(|row| &row[classes.clone()]).copied().collect();
            assert_eq!(part.data(), expected);
            // What is drawn next is the same as well.
            let mut all = rng();
            uniform([7, 11], 0.3, &mut all);
            assert_eq!(after.next_u32(), all.next_u32());
        }
    }

    #[test]
    fn draws_are_spread_and_repeatable() {
        let draw = |seed| uniform([100, 100], 0.5, &mut ChaCha8Rng::seed_from_u64(seed));
        let w = draw(3);
        let mean: f32 = w.data().iter().sum::<f32>() / 10_000.0;
        let var: f32 = w.data().iter().map(|w| w * w).sum::<f32>() / 10_000.0;
        assert!(mean.abs() < 0.01, "{mean}");
        assert!((var - 1.0 / 12.0).abs() < 0.003, "{var}");
        assert_eq!(w, draw(3));
        assert_ne!(w, draw(4));
    }
    #[test]
    fn kaiming_and_xavier_have_the_spread_they_promise() {
        let rng = &mut ChaCha8Rng::seed_from_u64(5);
        // kernels [32, 24, 3, 3]: 216 inputs of an output, 288 outputs of an input
        let shape = [32, 24, 3, 3];
        let a = Gain::LeakyRelu(5f32.sqrt());
        for (w, std, bound) in [
            (kaiming_uniform(shape, FanMode::In, a, rng), (1.0 / 648f32).sqrt(), Some((1.0 / 216f32).sqrt())),
            (kaiming_normal(shape, FanMode::Out, Gain::Relu, rng), (2.0 / 288f32).sqrt(), None),
            (xavier_uniform(shape, Gain::Linear, rng), (2.0 / 504f32).sqrt(), Some((6.0 / 504f32).sqrt())),
            (xavier_normal([200, 300], Gain::Tanh, rng), 5.0 / 3.0 * (2.0 / 500f32).sqrt(), None),
        ] {
            let n = w.data().len() as f32;
            let mean = w.data().iter().sum::<f32>() / n;
            let seen = (w.data().iter().map(|w| w * w).sum::<f32>() / n).sqrt();
            assert!(mean.abs() < 4.0 * std / n.sqrt() && (seen / std - 1.0).abs() < 0.03, "{seen} for {std}");
            if let Some(bound) = bound {
                let largest = w.data().iter().fold(0.0f32, |m, w| m.max(w.abs()));
                assert!(largest <= bound && largest > 0.99 * bound, "{largest} for {bound}");
            }
        }
    }
}
