//! Mixed rows beside whole ones: the mixup term of PU-MLC, unions of label sets.

use super::{At, Build, Procedure, ProcedureRow, prefixed, record_loss, restore_loss};
use crate::named::setting;
use crate::{Batch, Feed, StateError, TrainError};
use lacuna_engine::{Tape, Var};
use lacuna_losses::pu_mlc::{MIXUP_ALPHA, halves};
use lacuna_losses::{Interval, Mix, MultiLabelLoss, StateEntry, TrainPass};
use lacuna_nn::{Layer, Mode};
use lacuna_protocols::Stream;

pub(super) const ROW: ProcedureRow = ProcedureRow {
    name: "mixup",
    doc: "A second forward pass of rows mixed from two halves of the batch, for losses that compare mixed rows with whole \
          ones.",
    source: "Yuan et al., ICME 2024; TAKELAMAG/PU-MLC@5c54d37201f1. Label sets: after Alfassy et al., CVPR 2019",
    settings: &[setting(
        "beta",
        MIXUP_ALPHA,
        Interval::above(0.0),
        "both parameters of the Beta distribution of the share, drawn once for each batch",
    )],
    build: |parts| Ok(Box::new(Mixup::new(parts)?)),
};

/// A head, and a loss over whole and mixed rows.
struct Mixup {
    head: Box<dyn Layer + Send + Sync>,
    loss: Box<dyn MultiLabelLoss>,
    feeds: [Feed; 1],
    beta: f64,
    // Memory of a batch.
    permutation: Vec<u32>,
    first: Vec<u32>,
    second: Vec<u32>,
}

impl Mixup {
    fn new(parts: &mut Build<'_, '_>) -> Result<Self, TrainError> {
        let loss = parts.loss.build()?;
        parts.takes(&*loss, "mixup", 2, true)?;
        Ok(Self {
            head: parts.head()?,
            loss,
            feeds: [parts.feed.clone()],
            beta: parts.values.get("beta"),
            permutation: vec![],
            first: vec![],
            second: vec![],
        })
    }

    /// Draws which rows are mixed and with what share, from the seed and the step alone.
    fn draw(&mut self, rows: usize, at: At) -> f64 {
        let stream = &mut Stream::numbered(at.seed, "mixup", at.step);
        let (a, b) = (stream.gamma(self.beta), stream.gamma(self.beta));
        self.permutation.clear();
        self.permutation.extend(0..(rows / 2) as u32);
        stream.shuffle(&mut self.permutation);
        halves(rows, &self.permutation, &mut self.first, &mut self.second);
        // Both are 0 only below the smallest float.
        if a + b > 0.0 { a / (a + b) } else { 0.5 }
    }
}

impl Procedure for Mixup {
    fn feeds(&self) -> &[Feed] {
        &self.feeds
    }

    fn begin_epoch(&mut self, at: At, _: Option<&TrainPass<'_>>) -> Result<(), TrainError> {
        self.loss.begin_epoch(at.epoch);
        Ok(())
    }

    fn step(&mut self, tape: &mut Tape, batches: &[Batch<'_>], at: At) -> Result<Var, TrainError> {
        let batch = &batches[0];
        let lambda = self.draw(batch.rows(), at);
        let x = batch.x(tape);
        let z = tape.scope("head", |tape| self.head.forward(tape, x, at.mode()));
        let (first, second) = (&self.first, &self.second);
        let columns = batch.train.features.columns();
        if first.is_empty() {
            let problem = "mixup: a batch of one row has no rows to mix; the batch is too small";
            return Err(TrainError::Setting(problem.to_string()));
        }
        let (a, b) = (lambda as f32, (1.0 - lambda) as f32);
        let mixed = tape.input_with([first.len(), columns], |x| {
            for ((x, i), j) in x.chunks_exact_mut(columns).zip(first).zip(second) {
                let row = |i: u32| batch.train.features_of(batch.ids[i as usize]);
                for ((x, first), second) in x.iter_mut().zip(row(*i)).zip(row(*j)) {
                    *x = a * first + b * second;
                }
            }
        });
        let z_mixed = tape.scope("mixed", |tape| self.head.forward(tape, mixed, at.mode()));
        let mix = Some(Mix { first, second, lambda });
        Ok(record_loss(tape, &mut *self.loss, &[z, z_mixed], batch, mix, at)?)
    }

    fn predict(&self, tape: &mut Tape, x: Var) -> Var {
        self.head.forward(tape, x, Mode::Eval)
    }

    fn state(&self) -> Vec<StateEntry> {
        prefixed("loss.", self.loss.state()).collect()
    }

    fn restore(&mut self, entries: &[StateEntry]) -> Result<(), StateError> {
        restore_loss(&mut *self.loss, "loss.", entries)
    }
}
