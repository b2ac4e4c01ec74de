//! Whole training steps: the networks whose steps are timed, counted and compared with other software.
//!
//! A step is: forward, loss, backward, Adam. The batch is the same in every step and is copied to the tape once, as a
//! framework keeps a tensor; gathering rows is part of the benchmark of epochs.

use crate::pattern;
use lacuna_engine::{ConvOptions, Exec, Tape, Var, Window};
use lacuna_labels::Label;
use lacuna_losses::{LossGrad, LossInput, MultiLabelLoss, Options, find};
use lacuna_nn::{
    Activation, Adam, AdamConfig, Conv2d, Flatten, Layer, Linear, MaxPool2d, Mlp, Mode, Optimizer, Sequential,
};
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

/// Features of [`Net::Linear`] and [`Net::Mlp`]: those of a ResNet-50.
pub const FEATURES: usize = 2048;
/// Classes of [`Net::Linear`] and [`Net::Mlp`]: those of COCO.
pub const CLASSES: usize = 80;
/// Hidden units of [`Net::Mlp`].
pub const HIDDEN: usize = 512;
/// Shape of a picture of [`Net::Cnn`].
pub const PICTURE: [usize; 3] = [3, 32, 32];
/// Channels behind the two convolutions of [`Net::Cnn`].
pub const CHANNELS: [usize; 2] = [32, 64];
/// Classes of [`Net::Cnn`].
pub const PICTURE_CLASSES: usize = 20;

/// The networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Net {
    /// 2048 -> 80, binary cross-entropy.
    Linear,
    /// 2048 -> 512 -> 80 with ReLU, binary cross-entropy.
    Mlp,
    /// 3 x 32 x 32, convolutions 3 x 3 to 32 and 64 channels, each with ReLU and max-pool 2 x 2, linear 4096 -> 20, softmax
    /// cross-entropy.
    Cnn,
}

/// Every network.
pub const NETS: [Net; 3] = [Net::Linear, Net::Mlp, Net::Cnn];
/// The batches that are timed.
pub const BATCHES: [usize; 3] = [16, 128, 1024];

/// What a step has to do at least.
#[derive(Clone, Copy, Debug)]
pub struct Work {
    /// Multiplications and additions of products and convolutions.
    pub flop: f64,
    /// Bytes read and written: every parameter once forward, its gradient once written, and Adam's reads and writes; the batch
    /// twice; every stored activation and its gradient once written and once read.
    pub bytes: f64,
}

impl Net {
    /// Its name in tables and on command lines.
    pub fn name(self) -> &'static str {
        match self {
            Net::Linear => "linear",
            Net::Mlp => "mlp",
            Net::Cnn => "cnn",
        }
    }

    /// The network of this name.
    pub fn of_name(name: &str) -> Option<Self> {
        NETS.into_iter().find(|net| net.name() == name)
    }

    /// What a step on `batch` rows has to do.
    pub fn work(self, batch: usize) -> Work {
        let [channels, height, width] = PICTURE;
        let [first, second] = CHANNELS;
        let pixels = height * width;
        // (parameters, input, activations that are stored, flop): products of a first layer have no input gradient.
        let (parameters, input, activations, flop) = match self {
            Net::Linear => {
                let products = 2 * FEATURES * CLASSES;
                (FEATURES * CLASSES + CLASSES, FEATURES, CLASSES, 2 * products)
            }
            Net::Mlp => {
                let (one, two) = (2 * FEATURES * HIDDEN, 2 * HIDDEN * CLASSES);
                let parameters = (FEATURES + 1) * HIDDEN + (HIDDEN + 1) * CLASSES;
                (parameters, FEATURES, 2 * HIDDEN + CLASSES, 2 * one + 3 * two)
            }
            Net::Cnn => {
                let one = 2 * pixels * first * channels * 9;
                let two = 2 * (pixels / 4) * second * first * 9;
                let last = second * pixels / 16;
                let three = 2 * last * PICTURE_CLASSES;
                let parameters =
                    (channels * 9 + 1) * first + (first * 9 + 1) * second + (last + 1) * PICTURE_CLASSES;
                let stored = 2 * pixels * first
                    + pixels / 4 * first
                    + 2 * (pixels / 4) * second
                    + last
                    + PICTURE_CLASSES;
                (parameters, channels * pixels, stored, 2 * one + 3 * two + 3 * three)
            }
        };
        Work {
            flop: (batch * flop) as f64,
            bytes: 4.0 * (9 * parameters + batch * (2 * input + 4 * activations)) as f64,
        }
    }
}

/// A network on the way through its steps.
pub struct Training {
    net: Net,
    batch: usize,
    tape: Tape,
    layers: Box<dyn Layer + Send + Sync>,
    adam: Adam,
    loss: Box<dyn MultiLabelLoss>,
    x: Vec<f32>,
    labels: Vec<Label>,
    targets: Vec<u32>,
    number: u64,
}

impl Training {
    /// A network and a batch of rows in numbers that other software can write down: features and classes from [`pattern`], 4 %
    /// of the labels positive, every parameter a tenth of its series.
    ///
    /// # Panics
    /// Never for the shapes of this module.
    pub fn new(net: Net, batch: usize, exec: Exec) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let mut tape = Tape::with_exec(exec);
        let layers: Box<dyn Layer + Send + Sync> = match net {
            Net::Linear => Box::new(Linear::new(&mut tape, "", FEATURES, CLASSES, &mut rng)),
            Net::Mlp => {
                Box::new(Mlp::new(&mut tape, &[FEATURES, HIDDEN, CLASSES], Activation::Relu, &mut rng))
            }
            Net::Cnn => Box::new(cnn(&mut tape, &mut rng)),
        };
        tape.seal();
        let columns = match net {
            Net::Linear | Net::Mlp => FEATURES,
            Net::Cnn => PICTURE.iter().product(),
        };
        // The layers draw weights, and the peers' numbers take their place.
        tape.update_entries(|at, entry| {
            let salt = pattern::PARAMETERS + at as u32;
            entry.value.iter_mut().enumerate().for_each(|(i, w)| *w = 0.1 * pattern::pattern(i, salt));
        });
        let label = |i| if pattern::is_positive(i, 0.04) { Label::Positive } else { Label::Negative };
        Self {
            net,
            batch,
            tape,
            layers,
            adam: Adam::new(AdamConfig::default()),
            loss: find("bce").and_then(|row| row.build(&Options::default())).expect("a row of the table"),
            x: pattern::series(batch * columns, pattern::INPUT),
            labels: (0..batch * CLASSES).map(label).collect(),
            targets: (0..batch as u32).map(|i| i * 7 % PICTURE_CLASSES as u32).collect(),
            number: 0,
        }
    }

    /// One step. Returns the loss before it.
    pub fn step(&mut self) -> f32 {
        let (z, loss) = self.record();
        debug_assert!(self.tape.value(z).iter().all(|z| z.is_finite()));
        self.tape.backward(loss);
        self.adam.step(&mut self.tape);
        self.number += 1;
        self.tape.value(loss)[0]
    }

    /// Nodes of the tape after a step, parameters included.
    pub fn nodes(&self) -> usize {
        self.tape.node_count()
    }

    /// Logits and loss of the batch on a tape that is started anew.
    fn record(&mut self) -> (Var, Var) {
        let Self { net, batch, tape, layers, loss, x, labels, targets, number, .. } = self;
        tape.reset();
        let [channels, height, width] = PICTURE;
        let input = match net {
            Net::Linear | Net::Mlp => tape.input_kept([*batch, FEATURES], 0, |to| to.copy_from_slice(x)),
            Net::Cnn => tape.input_kept([*batch, channels, height, width], 0, |to| to.copy_from_slice(x)),
        };
        let z = layers.forward(tape, input, Mode::Train { seed: 0, step: *number });
        let value = match net {
            Net::Cnn => tape.cross_entropy(z, targets),
            Net::Linear | Net::Mlp => tape
                .fused_loss(&[z], |z, dz| {
                    loss.evaluate(&LossInput::new(z, *batch, CLASSES, labels), LossGrad::Into(dz))
                })
                .expect("logits are finite"),
        };
        (z, value)
    }

    /// Asserts that the steps that will be timed are right: the first logits and the first loss against loops in f64 (for the
    /// convolutional network the loss of equal logits within a half), and a loss that falls.
    ///
    /// # Panics
    /// If they are not.
    pub fn check(net: Net, batch: usize, exec: Exec) {
        let mut steps = Self::new(net, batch, exec);
        let (z, loss) = steps.record();
        let first = f64::from(steps.tape.value(loss)[0]);
        match net {
            Net::Linear | Net::Mlp => {
                let (exact_z, exact) = steps.exact();
                for (z, e) in steps.tape.value(z).iter().zip(&exact_z) {
                    assert!(
                        (f64::from(*z) - e).abs() < 1e-5 * (1.0 + e.abs()),
                        "{}: logit {z}, not {e}",
                        net.name()
                    );
                }
                assert!((first - exact).abs() < 1e-5 * exact, "{}: loss {first}, not {exact}", net.name());
            }
            Net::Cnn => {
                assert!((first - (PICTURE_CLASSES as f64).ln()).abs() < 0.5, "cnn: first loss {first}")
            }
        }
        let last = (0..10).map(|_| steps.step()).last().expect("ten steps");
        assert!(f64::from(last) < first, "{}: loss {last} after ten steps, {first} before", net.name());
    }

    /// Logits and loss of the linear network and the perceptron in f64: mean over cells of ln(1 + e^z) - y z.
    fn exact(&self) -> (Vec<f64>, f64) {
        let mut x: Vec<f64> = self.x.iter().map(|x| f64::from(*x)).collect();
        let parameters = self.layers.parameters();
        for (layer, pair) in parameters.chunks(2).enumerate() {
            if layer > 0 {
                x.iter_mut().for_each(|x| *x = x.max(0.0));
            }
            let (w, b) = (self.tape.value(pair[0]), self.tape.value(pair[1]));
            let columns = x.len() / self.batch;
            let mut z = Vec::with_capacity(self.batch * b.len());
            for x in x.chunks(columns) {
                let mut row: Vec<f64> = b.iter().map(|b| f64::from(*b)).collect();
                for (x, w) in x.iter().zip(w.chunks(b.len())) {
                    row.iter_mut().zip(w).for_each(|(z, w)| *z += x * f64::from(*w));
                }
                z.extend(row);
            }
            x = z;
        }
        let y = |label: &Label| f64::from(u8::from(*label == Label::Positive));
        let loss: f64 = x.iter().zip(&self.labels).map(|(z, label)| z.exp().ln_1p() - y(label) * z).sum();
        let mean = loss / x.len() as f64;
        (x, mean)
    }
}

fn cnn(tape: &mut Tape, rng: &mut ChaCha8Rng) -> Sequential {
    let [channels, height, width] = PICTURE;
    let [first, second] = CHANNELS;
    let same = ConvOptions { padding: [1; 2], ..ConvOptions::default() };
    Sequential::new("")
        .then_new(|name| Conv2d::new(tape, name, [channels, first], [3, 3], same, rng))
        .then(Activation::Relu)
        .then(MaxPool2d(Window::square(2, 2, 0)))
        .then_new(|name| Conv2d::new(tape, name, [first, second], [3, 3], same, rng))
        .then(Activation::Relu)
        .then(MaxPool2d(Window::square(2, 2, 0)))
        .then(Flatten)
        .then_new(|name| Linear::new(tape, name, second * height * width / 16, PICTURE_CLASSES, rng))
}
