//! Label estimates beside the head: ROLE.

use super::one_head::{LossInputs, OneHead};
use super::{At, Beside, Build, ProcedureRow, record_loss};
use crate::named::setting;
use crate::{Batch, TrainError};
use lacuna_engine::{Tape, Tensor, Var};
use lacuna_losses::spml::{ESTIMATOR_LR_FACTOR, estimator_init};
use lacuna_losses::{Interval, MultiLabelLoss, Takes};
use lacuna_nn::{Layer, Matches, ParamGroup};
use lacuna_protocols::Stream;

pub(super) const ROW: ProcedureRow = ProcedureRow {
    name: "estimator",
    doc: "A head, and a free matrix of label estimates with a row for each sample that trains; head and estimates teach each \
          other.",
    source: "Cole et al., CVPR 2021 (ROLE); elijahcole/single-positive-multi-label@89152d52ba59",
    beside: Beside::Nothing,
    settings: &[setting(
        "lr_factor",
        ESTIMATOR_LR_FACTOR,
        Interval::at_least(0.0),
        "learning rate of the estimates over that of the head",
    )],
    build: |parts| Ok(Box::new(OneHead::new(parts, "estimator", Estimates::new)?)),
};

/// Name of the estimates on the tape.
const ESTIMATOR: &str = "estimator";

/// The logits of the batch and its label estimates.
struct Estimates {
    /// One row of logits for each sample, `[N, C]`.
    estimates: Var,
    lr_factor: f32,
}

impl Estimates {
    fn new(parts: &mut Build<'_, '_>) -> Self {
        let rng = &mut Stream::new(parts.seed, "label estimates");
        let train = parts.train;
        let cells = (0..train.len() as u32).flat_map(|id| train.labels_of(id));
        let first = cells.map(|label| estimator_init(*label, rng.uniform_f64())).collect();
        let estimates = parts.tape.param(ESTIMATOR, Tensor::new([train.len(), train.classes()], first));
        Self { estimates, lr_factor: parts.values.get("lr_factor") as f32 }
    }
}

impl LossInputs for Estimates {
    const TAKES: Takes = Takes::Estimates;

    fn step(
        &mut self,
        head: &dyn Layer,
        loss: &mut dyn MultiLabelLoss,
        tape: &mut Tape,
        batch: &Batch<'_>,
        at: At,
    ) -> Result<Var, TrainError> {
        let x = batch.x(tape);
        let z = tape.scope("head", |tape| head.forward(tape, x, at.mode()));
        let u = tape.gather_rows(self.estimates, batch.ids);
        Ok(record_loss(tape, loss, &[z, u], batch, None, at)?)
    }

    fn rows_read(&mut self, batch: &Batch<'_>, read: &mut dyn FnMut(Var, &[u32])) {
        read(self.estimates, batch.ids);
    }

    fn groups(&self) -> Vec<ParamGroup> {
        let matches = Matches::Prefix(ESTIMATOR.to_string());
        vec![ParamGroup { matches, lr_factor: self.lr_factor, weight_decay: None }]
    }

    fn predicts_with<'a>(&self, entry: &'a str) -> Option<&'a str> {
        (entry != ESTIMATOR).then_some(entry)
    }
}
