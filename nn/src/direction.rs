//! Parameters moved along a gradient and back again, for derivatives along it.

use lacuna_engine::{EntryKind, Grad, Tape};

/// The parameters of a tape and their gradient at one moment: theta and g.
///
/// ```
/// use lacuna_engine::{Tape, Tensor};
/// use lacuna_nn::Direction;
///
/// let mut tape = Tape::new();
/// let w = tape.param("w", Tensor::new([2], vec![1.0, 3.0]));
/// tape.seal();
/// let square = tape.mul(w, w);
/// let loss = tape.sum(square);
/// tape.backward(loss);
/// let mut direction = Direction::default();
/// direction.take(&tape);
/// direction.shift(&mut tape, 0.5);
/// assert_eq!(tape.value(w), [2.0, 6.0]); // w + 0.5 * 2 w
/// direction.shift(&mut tape, 0.0);
/// assert_eq!(tape.value(w), [1.0, 3.0]);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Direction {
    /// Values of every entry, one after the other.
    values: Vec<f32>,
    /// Gradients of the same; 0 where there is none.
    gradients: Vec<f32>,
}

impl Direction {
    /// Takes over the parameters and their gradients of the last backward pass. Allocates only where there are more than
    /// there ever were.
    pub fn take(&mut self, tape: &Tape) {
        self.values.clear();
        self.gradients.clear();
        for entry in tape.entries() {
            self.values.extend_from_slice(entry.value);
            let from = self.gradients.len();
            self.gradients.resize(self.values.len(), 0.0);
            let into = &mut self.gradients[from..];
            match entry.grad {
                Some(Grad::Dense(g)) if entry.kind == EntryKind::Param => into.copy_from_slice(g),
                Some(Grad::Rows { rows, data }) if entry.kind == EntryKind::Param => {
                    let columns = entry.shape.sizes().last().copied().unwrap_or(1);
                    for row in rows {
                        let place = *row as usize * columns..(*row as usize + 1) * columns;
                        into[place.clone()].copy_from_slice(&data[place]);
                    }
                }
                _ => {}
            }
        }
    }

    /// |g|.
    pub fn norm(&self) -> f64 {
        self.gradients.iter().map(|g| f64::from(*g).powi(2)).sum::<f64>().sqrt()
    }

    /// Sets the parameters to theta + h g; h = 0 brings back the bits of theta. State is left alone.
    ///
    /// # Panics
    /// If the tape has other entries than the one that was taken.
    pub fn shift(&self, tape: &mut Tape, h: f64) {
        let mut from = 0;
        tape.update_entries(|_, entry| {
            let part = from..from + entry.value.len();
            from = part.end;
            if entry.kind != EntryKind::Param {
                return;
            }
            let moved = self.values[part.clone()].iter().zip(&self.gradients[part]);
            for (value, (theta, g)) in entry.value.iter_mut().zip(moved) {
                // In f64, so that what is added is rounded once.
                *value = if h == 0.0 { *theta } else { (f64::from(*theta) + h * f64::from(*g)) as f32 };
            }
        });
        assert_eq!(from, self.values.len(), "the tape has other entries");
    }
}
