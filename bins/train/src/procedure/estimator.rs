//! Label estimates beside the head: ROLE.

use super::{At, Build, Procedure, ProcedureRow, prefixed, record_loss, restore_loss};
use crate::named::setting;
use crate::{Batch, Feed, StateError, TrainError};
use lacuna_engine::{Tape, Tensor, Var};
use lacuna_losses::spml::{ESTIMATOR_LR_FACTOR, estimator_init};
use lacuna_losses::{Interval, MultiLabelLoss, StateEntry, TrainPass};
use lacuna_nn::{Layer, Matches, Mode, ParamGroup};
use lacuna_protocols::Stream;

pub(super) const ROW: ProcedureRow = ProcedureRow {
    name: "estimator",
    doc: "A head, and a free matrix of label estimates with a row for each sample that trains; head and estimates teach each \
          other.",
    source: "Cole et al., CVPR 2021 (ROLE); elijahcole/single-positive-multi-label@89152d52ba59",
    settings: &[setting(
        "lr_factor",
        ESTIMATOR_LR_FACTOR,
        Interval::at_least(0.0),
        "learning rate of the estimates over that of the head",
    )],
    build: |parts| Ok(Box::new(Estimator::new(parts)?)),
};

/// Name of the estimates on the tape.
const ESTIMATOR: &str = "estimator";

/// A head and label estimates.
struct Estimator {
    head: Box<dyn Layer + Send + Sync>,
    /// One row of logits for each sample, `[N, C]`.
    estimates: Var,
    loss: Box<dyn MultiLabelLoss>,
    feeds: [Feed; 1],
    lr_factor: f32,
}

impl Estimator {
    fn new(parts: &mut Build<'_, '_>) -> Result<Self, TrainError> {
        let loss = parts.loss.build()?;
        parts.takes(&*loss, "estimator", 2, false)?;
        let head = parts.head()?;
        let rng = &mut Stream::new(parts.seed, "label estimates");
        let train = parts.train;
        let cells = (0..train.len() as u32).flat_map(|id| train.labels_of(id));
        let first = cells.map(|label| estimator_init(*label, rng.uniform_f64())).collect();
        let estimates = parts.tape.param(ESTIMATOR, Tensor::new([train.len(), train.classes()], first));
        let lr_factor = parts.values.get("lr_factor") as f32;
        Ok(Self { head, estimates, loss, feeds: [parts.feed.clone()], lr_factor })
    }
}

impl Procedure for Estimator {
    fn feeds(&self) -> &[Feed] {
        &self.feeds
    }

    fn begin_epoch(&mut self, at: At, _: Option<&TrainPass<'_>>) -> Result<(), TrainError> {
        self.loss.begin_epoch(at.epoch);
        Ok(())
    }

    fn step(&mut self, tape: &mut Tape, batches: &[Batch<'_>], at: At) -> Result<Var, TrainError> {
        let batch = &batches[0];
        let x = batch.x(tape);
        let z = tape.scope("head", |tape| self.head.forward(tape, x, at.mode()));
        let u = tape.gather_rows(self.estimates, batch.ids);
        Ok(record_loss(tape, &mut *self.loss, &[z, u], batch, None, at)?)
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

    fn restore(&mut self, entries: &[StateEntry]) -> Result<(), StateError> {
        restore_loss(&mut *self.loss, "loss.", entries)
    }

    fn groups(&self) -> Vec<ParamGroup> {
        let matches = Matches::Prefix(ESTIMATOR.to_string());
        vec![ParamGroup { matches, lr_factor: self.lr_factor, weight_decay: None }]
    }

    fn predicts_with<'a>(&self, entry: &'a str) -> Option<&'a str> {
        (entry != ESTIMATOR).then_some(entry)
    }
}
