//! Dropout as a layer.

use crate::{Layer, Mode};
use lacuna_engine::{MaskKey, Tape, Var};

/// In training each element is 0 with probability p and the others are divided by 1 - p; in evaluation
/// nothing happens.
///
/// ```
/// use lacuna_engine::Tape;
/// use lacuna_nn::{Dropout, Layer, Mode};
/// let mut tape = Tape::new();
/// tape.seal();
/// let dropout = Dropout { p: 0.5, layer: 0 };
/// let x = tape.input([4], &[1.0; 4]);
/// let y = dropout.forward(&mut tape, x, Mode::Train { seed: 1, step: 7 });
/// assert!(tape.value(y).iter().all(|y| *y == 0.0 || *y == 2.0));
/// assert_eq!(dropout.forward(&mut tape, x, Mode::Eval), x);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Dropout {
    /// Probability of 0.
    pub p: f32,
    /// A number that no other dropout of the network has: it is part of what the mask depends on.
    pub layer: u32,
}

impl Layer for Dropout {
    fn forward(&self, tape: &mut Tape, x: Var, mode: Mode) -> Var {
        match mode {
            Mode::Eval => x,
            Mode::Train { seed, step } => tape.dropout(x, self.p, MaskKey { seed, step, layer: self.layer }),
        }
    }
}
