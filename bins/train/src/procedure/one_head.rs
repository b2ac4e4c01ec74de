//! One head and one loss: what procedures that differ in the inputs of the loss alone have in common.

use super::{At, Build, Procedure, prefixed, restore_loss};
use crate::{Batch, Feed, StateError, TrainError};
use lacuna_engine::{Tape, Var};
use lacuna_losses::{MultiLabelLoss, StateEntry, Takes, TrainPass};
use lacuna_nn::{Layer, Mode, ParamGroup};

/// The layers of a head.
pub(super) type BoxedHead = Box<dyn Layer + Send + Sync>;

/// What a procedure hands its loss.
pub(super) trait LossInputs: Send {
    /// Which logits that is.
    const TAKES: Takes;

    /// Records the forward pass of a batch and the loss.
    fn step(
        &mut self,
        head: &dyn Layer,
        loss: &mut dyn MultiLabelLoss,
        tape: &mut Tape,
        batch: &Batch<'_>,
        at: At,
    ) -> Result<Var, TrainError>;

    /// As [`Procedure::rows_read`].
    fn rows_read(&mut self, _batch: &Batch<'_>, _read: &mut dyn FnMut(Var, &[u32])) {}

    /// As [`Procedure::groups`].
    fn groups(&self) -> Vec<ParamGroup> {
        vec![]
    }

    /// As [`Procedure::state`], beside that of the loss.
    fn state(&self) -> Vec<StateEntry> {
        vec![]
    }

    /// As [`Procedure::restore`].
    fn restore(&mut self, _entries: &[StateEntry]) -> Result<(), StateError> {
        Ok(())
    }

    /// As [`Procedure::predicts_with`].
    fn predicts_with<'a>(&self, entry: &'a str) -> Option<&'a str> {
        Some(entry)
    }
}

/// A head, a loss, and the inputs of the loss.
pub(super) struct OneHead<I> {
    head: BoxedHead,
    pub(super) loss: Box<dyn MultiLabelLoss>,
    feeds: [Feed; 1],
    inputs: I,
}

impl<I: LossInputs> OneHead<I> {
    /// Builds the head, then the inputs, which may have parameters of their own.
    pub(super) fn new(
        parts: &mut Build<'_, '_>,
        procedure: &str,
        inputs: impl FnOnce(&mut Build<'_, '_>) -> I,
    ) -> Result<Self, TrainError> {
        let loss = parts.loss.build()?;
        parts.takes(&*loss, procedure, I::TAKES)?;
        let head = parts.head()?;
        let inputs = inputs(parts);
        Ok(Self { head, loss, feeds: [parts.feed.clone()], inputs })
    }
}

impl<I: LossInputs> Procedure for OneHead<I> {
    fn feeds(&self) -> &[Feed] {
        &self.feeds
    }

    fn begin_epoch(&mut self, at: At, _: Option<&TrainPass<'_>>) -> Result<(), TrainError> {
        self.loss.begin_epoch(at.epoch);
        Ok(())
    }

    fn rows_read(&mut self, batches: &[Batch<'_>], _: At, read: &mut dyn FnMut(Var, &[u32])) {
        self.inputs.rows_read(&batches[0], read);
    }

    fn step(&mut self, tape: &mut Tape, batches: &[Batch<'_>], at: At) -> Result<Var, TrainError> {
        self.inputs.step(&*self.head, &mut *self.loss, tape, &batches[0], at)
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
        prefixed("loss.", self.loss.state()).chain(self.inputs.state()).collect()
    }

    fn restore(&mut self, entries: &[StateEntry]) -> Result<(), StateError> {
        restore_loss(&mut *self.loss, "loss.", entries)?;
        self.inputs.restore(entries)
    }

    fn groups(&self) -> Vec<ParamGroup> {
        self.inputs.groups()
    }

    fn predicts_with<'a>(&self, entry: &'a str) -> Option<&'a str> {
        self.inputs.predicts_with(entry)
    }

    fn report(&self) -> Vec<(&'static str, f64)> {
        self.loss.labels_written().map(|written| ("labels written", written as f64)).into_iter().collect()
    }
}
