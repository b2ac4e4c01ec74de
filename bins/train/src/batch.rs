//! One batch of a feed.

use crate::TrainSet;
use lacuna_engine::{MaskKey, Tape, Var};
use lacuna_labels::Label;
use lacuna_losses::Whole;
use lacuna_nn::Mode;

/// Rows of one step, by sample id, with their observed labels.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    /// The set that the rows are of.
    pub train: TrainSet<'a>,
    /// Sample ids, `[B]`.
    pub ids: &'a [u32],
    /// Observed labels, `[B, C]`.
    pub labels: &'a [Label],
    /// A number for the rows, where every step of the phase has the same ones in this feed: they are copied once.
    pub rows_kept: Option<u64>,
}

/// Number of the dropout that replaces a second extraction of the features, as
/// [`Dropout::layer`](lacuna_nn::Dropout): far above those of any head.
const STRONG_VIEW: u32 = 1 << 20;

impl Batch<'_> {
    /// Number of rows B.
    pub fn rows(&self) -> usize {
        self.ids.len()
    }

    /// The size of the batch over all classes, where the labels are those of some.
    pub(crate) fn whole(&self) -> Option<Whole> {
        let slice = self.train.slice?;
        let known = |id: &u32| slice.known[self.train.rows[*id as usize] as usize] as usize;
        Some(Whole { cells: self.rows() * slice.all, known: self.ids.iter().map(known).sum() })
    }

    /// The features of the rows as an input of the tape, `[B, D]`.
    pub fn x(&self, tape: &mut Tape) -> Var {
        let columns = self.train.features.columns();
        let shape = [self.rows(), columns];
        let copy = |x: &mut [f32]| {
            for (x, id) in x.chunks_exact_mut(columns).zip(self.ids) {
                self.train.copy_features(*id, x);
            }
        };
        match self.rows_kept {
            Some(rows) => tape.input_kept(shape, rows, copy),
            None => tape.input_with(shape, copy),
        }
    }

    /// The strongly augmented features of the rows, `[B, D]`: those of the second extraction where there is one, else the
    /// features with each number set to 0 with probability `p` and the others divided by 1 - p. The latter is a stand-in
    /// of ours for augmented images.
    pub fn strong(&self, tape: &mut Tape, p: f32, mode: Mode) -> Var {
        if let Some(strong) = self.train.strong {
            let columns = strong.columns();
            return tape.input_with([self.rows(), columns], |x| {
                for (x, id) in x.chunks_exact_mut(columns).zip(self.ids) {
                    strong.copy(self.train.rows[*id as usize] as usize, x);
                }
            });
        }
        let x = self.x(tape);
        drop_features(tape, x, p, mode)
    }
}

/// Features with each number set to 0 with probability `p` in training, the others divided by 1 - p.
pub(crate) fn drop_features(tape: &mut Tape, x: Var, p: f32, mode: Mode) -> Var {
    match mode {
        Mode::Train { seed, step } if p > 0.0 => {
            tape.dropout(x, p, MaskKey { seed, step, layer: STRONG_VIEW })
        }
        _ => x,
    }
}
