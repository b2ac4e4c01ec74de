//! The nets that specifications name.

use crate::{CnnSpec, Head};
use lacuna_engine::{ConvOptions, Tape, Var, Window};
use lacuna_nn::{Activation, Conv2d, Flatten, Layer, Linear, MaxPool2d, Mlp, Mode, Sequential};
use lacuna_protocols::Stream;

/// Builds a head on the tape, its first weights drawn from `rng`.
pub(crate) fn build(
    head: &Head,
    tape: &mut Tape,
    features: usize,
    classes: usize,
    rng: &mut Stream,
) -> Box<dyn Layer + Send + Sync> {
    match head {
        Head::Linear => Box::new(Linear::new(tape, "", features, classes, rng)),
        Head::Mlp(hidden) => {
            let sizes: Vec<usize> =
                [features].into_iter().chain(hidden.iter().copied()).chain([classes]).collect();
            Box::new(Mlp::new(tape, &sizes, Activation::Relu, rng))
        }
        Head::Cnn(CnnSpec { image, channels: outputs }) => {
            let [channels, height, width] = &image.expect("filled in when the plan was made");
            let mut net = Sequential::new("").then(Picture([*channels, *height, *width]));
            let (mut inputs, mut pixels) = (*channels, [*height, *width]);
            for output in outputs {
                let same = ConvOptions { padding: [1, 1], ..ConvOptions::default() };
                net = net
                    .then_new(|name| Conv2d::new(tape, name, [inputs, *output], [3, 3], same, rng))
                    .then(Activation::Relu)
                    .then(MaxPool2d(Window::square(2, 2, 0)));
                inputs = *output;
                pixels = pixels.map(|side| side / 2);
            }
            let flat = inputs * pixels[0] * pixels[1];
            Box::new(net.then(Flatten).then_new(|name| Linear::new(tape, name, flat, classes, rng)))
        }
    }
}

/// Rows of numbers as pictures: `[B, C H W]` to `[B, C, H, W]`.
struct Picture([usize; 3]);

impl Layer for Picture {
    fn forward(&self, tape: &mut Tape, x: Var, _: Mode) -> Var {
        let [channels, height, width] = self.0;
        let rows = tape.shape(x).sizes()[0];
        tape.reshape(x, [rows, channels, height, width])
    }
}
