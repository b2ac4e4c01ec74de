//! One head, one loss.

use super::{At, Build, Procedure, ProcedureRow, prefixed, record_loss, restore_loss};
use crate::named::{SettingInfo, setting};
use crate::{Batch, Feed, StateError, TrainError};
use lacuna_engine::{Tape, Var};
use lacuna_losses::{Interval, MultiLabelLoss, StateEntry, TrainPass};
use lacuna_nn::{Layer, Mode};

/// Of the strong view of the features.
pub(super) const STRONG: SettingInfo = setting(
    "strong",
    0.0,
    Interval::closed(0.0, 0.999),
    "trains on the strong view of the features where above 0: their second extraction where the data has one, else dropout \
     with this probability",
);

pub(super) const ROW: ProcedureRow = ProcedureRow {
    name: "plain",
    doc: "One head, one loss over its logits.",
    source: "the usual one; Cole et al., CVPR 2021, for the single-positive losses",
    settings: &[STRONG],
    build: |parts| Ok(Box::new(Plain::new(parts, "plain")?)),
};

/// A head and a loss over its logits.
pub(super) struct Plain {
    head: Box<dyn Layer + Send + Sync>,
    pub(super) loss: Box<dyn MultiLabelLoss>,
    feeds: [Feed; 1],
    strong: f32,
}

impl Plain {
    pub(super) fn new(parts: &mut Build<'_, '_>, procedure: &str) -> Result<Self, TrainError> {
        let loss = parts.loss.build()?;
        parts.takes(&*loss, procedure, 1, false)?;
        let strong = parts.values.given("strong").unwrap_or(0.0) as f32;
        Ok(Self { head: parts.head()?, loss, feeds: [parts.feed.clone()], strong })
    }
}

impl Procedure for Plain {
    fn feeds(&self) -> &[Feed] {
        &self.feeds
    }

    fn begin_epoch(&mut self, at: At, _: Option<&TrainPass<'_>>) -> Result<(), TrainError> {
        self.loss.begin_epoch(at.epoch);
        Ok(())
    }

    fn step(&mut self, tape: &mut Tape, batches: &[Batch<'_>], at: At) -> Result<Var, TrainError> {
        let batch = &batches[0];
        let x = if self.strong > 0.0 { batch.strong(tape, self.strong, at.mode()) } else { batch.x(tape) };
        let z = tape.scope("head", |tape| self.head.forward(tape, x, at.mode()));
        Ok(record_loss(tape, &mut *self.loss, &[z], batch, None, at)?)
    }

    fn predict(&self, tape: &mut Tape, x: Var) -> Var {
        self.head.forward(tape, x, Mode::Eval)
    }

    fn wants_train_pass(&self, epoch: usize) -> bool {
        self.loss.wants_train_pass(epoch)
    }

    fn end_epoch(&mut self, pass: &TrainPass<'_>) -> Result<(), TrainError> {
        Ok(self.loss.end_epoch(pass)?)
    }

    fn state(&self) -> Vec<StateEntry> {
        prefixed("loss.", self.loss.state()).collect()
    }

    fn report(&self) -> Vec<(&'static str, f64)> {
        self.loss.labels_written().map(|written| ("labels written", written as f64)).into_iter().collect()
    }

    fn restore(&mut self, entries: &[StateEntry]) -> Result<(), StateError> {
        restore_loss(&mut *self.loss, "loss.", entries)
    }
}
