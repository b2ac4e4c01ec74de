//! Nested dropout: all units above a random index are 0.

use crate::{Layer, Mode};
use lacuna_engine::{MaskKey, Tape, Var};
use lacuna_kernels::random;

/// In training every row keeps its first b units and the others are 0, with an index b from 1 to K drawn for each row;
/// in evaluation all units are kept. Units then become ordered: the first ones carry what matters most, and a
/// representation may be cut anywhere.
///
/// p(b) is in proportion to decay^(b - 1): a geometric distribution over the K units there are, which for decay = 1 is
/// the uniform one. Kept units are not scaled.
///
/// Rippel, Gelbart and Adams, "Learning Ordered Representations with Nested Dropout", ICML 2014.
///
/// ```
/// use lacuna_engine::Tape;
/// use lacuna_nn::{Layer, Mode, NestedDropout};
///
/// let mut tape = Tape::new();
/// tape.seal();
/// let nested = NestedDropout { decay: 0.9, layer: 0 };
/// let x = tape.input([1, 5], &[1.0; 5]);
/// let y = nested.forward(&mut tape, x, Mode::Train { seed: 1, step: 7 });
/// let kept = tape.value(y).iter().filter(|y| **y == 1.0).count();
/// assert!(kept >= 1 && tape.value(y)[kept..].iter().all(|y| *y == 0.0));
/// assert_eq!(nested.forward(&mut tape, x, Mode::Eval), x);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct NestedDropout {
    /// Ratio of the probabilities of an index and of the one before, in (0, 1].
    pub decay: f32,
    /// A number that no other dropout of the network has: it is part of what the indices depend on.
    pub layer: u32,
}

impl NestedDropout {
    /// The indices of `rows` rows of `units` units: how many units each keeps. Row i depends on the key and i alone.
    ///
    /// # Panics
    /// Unless `decay` is in (0, 1] and there are units.
    pub fn indices(&self, seed: u64, step: u64, rows: usize, units: usize) -> impl Iterator<Item = usize> {
        assert!(
            self.decay > 0.0 && self.decay <= 1.0,
            "nested dropout: a decay in (0, 1], not {}",
            self.decay
        );
        assert!(units > 0, "nested dropout of no units");
        let key = MaskKey { seed, step, layer: self.layer };
        let ln = f64::from(self.decay).ln();
        // F(b) = (1 - decay^b) / (1 - decay^K), inverted.
        let whole = -(ln * units as f64).exp_m1();
        (0..rows).map(move |row| {
            let u = random::uniform(key, row as u64);
            let b = if ln == 0.0 { u * units as f64 } else { (-u * whole).ln_1p() / ln };
            (b as usize + 1).min(units)
        })
    }
}

impl Layer for NestedDropout {
    fn forward(&self, tape: &mut Tape, x: Var, mode: Mode) -> Var {
        let Mode::Train { seed, step } = mode else { return x };
        let (rows, units) = match *tape.shape(x).sizes() {
            [rows, units] => (rows, units),
            _ => panic!("nested dropout of {}: rows of units are needed", tape.shape(x)),
        };
        let mask = tape.input_with([rows, units], |mask| {
            for (mask, kept) in mask.chunks_exact_mut(units).zip(self.indices(seed, step, rows, units)) {
                mask[..kept].fill(1.0);
                mask[kept..].fill(0.0);
            }
        });
        tape.mul(x, mask)
    }
}
