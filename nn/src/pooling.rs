//! Layers without parameters that change the shape: pools and flattening.

use crate::{Layer, Mode};
use lacuna_engine::{Tape, Var, Window};

/// The largest element under each window.
///
/// ```
/// use lacuna_engine::{Tape, Window};
/// use lacuna_nn::{Layer, MaxPool2d, Mode};
/// let mut tape = Tape::new();
/// tape.seal();
/// let x = tape.input([1, 1, 2, 4], &[1.0, 2.0, 3.0, 4.0, 8.0, 7.0, 6.0, 5.0]);
/// let y = MaxPool2d(Window::square(2, 2, 0)).forward(&mut tape, x, Mode::Eval);
/// assert_eq!(tape.value(y), [8.0, 6.0]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct MaxPool2d(pub Window);

/// The mean under each window, padding counted as zeros, as PyTorch does by default.
#[derive(Clone, Copy, Debug)]
pub struct AvgPool2d(pub Window);

/// The mean of each channel: `[N, C]` of `[N, C, H, W]`.
#[derive(Clone, Copy, Debug)]
pub struct GlobalAvgPool;

/// `[N, C H W]` of `[N, C, H, W]`, or of any shape with N first.
#[derive(Clone, Copy, Debug)]
pub struct Flatten;

impl Layer for MaxPool2d {
    fn forward(&self, tape: &mut Tape, x: Var, _: Mode) -> Var {
        tape.max_pool2d(x, self.0)
    }

    fn forward_of_relu(&self, tape: &mut Tape, x: Var) -> Option<Var> {
        Some(tape.relu_max_pool2d(x, self.0))
    }
}

impl Layer for AvgPool2d {
    fn forward(&self, tape: &mut Tape, x: Var, _: Mode) -> Var {
        tape.avg_pool2d(x, self.0, true)
    }
}

impl Layer for GlobalAvgPool {
    fn forward(&self, tape: &mut Tape, x: Var, _: Mode) -> Var {
        tape.global_avg_pool(x)
    }
}

impl Layer for Flatten {
    fn forward(&self, tape: &mut Tape, x: Var, _: Mode) -> Var {
        let shape = tape.shape(x);
        let features = shape.sizes().iter().skip(1).product::<usize>();
        let rows = shape.sizes().first().copied().unwrap_or(1);
        tape.reshape(x, [rows, features])
    }
}
