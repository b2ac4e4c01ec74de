//! One head, one loss.

use super::one_head::{LossInputs, OneHead};
use super::{At, Beside, Build, ProcedureRow, record_loss};
use crate::named::{SettingInfo, setting};
use crate::{Batch, TrainError};
use lacuna_engine::{Tape, Var};
use lacuna_losses::{Interval, MultiLabelLoss, Takes};
use lacuna_nn::Layer;

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
    beside: Beside::Nothing,
    settings: &[STRONG],
    build: |parts| Ok(Box::new(Plain::plain(parts, "plain")?)),
};

/// A head and a loss over its logits.
pub(super) type Plain = OneHead<Logits>;

/// The logits of the batch.
pub(super) struct Logits {
    strong: f32,
}

impl Plain {
    /// Plain training under the name of a procedure.
    pub(super) fn plain(parts: &mut Build<'_, '_>, procedure: &str) -> Result<Self, TrainError> {
        let strong = parts.values.given("strong").unwrap_or(0.0) as f32;
        Self::new(parts, procedure, |_| Logits { strong })
    }
}

impl LossInputs for Logits {
    const TAKES: Takes = Takes::Logits;

    fn step(
        &mut self,
        head: &dyn Layer,
        loss: &mut dyn MultiLabelLoss,
        tape: &mut Tape,
        batch: &Batch<'_>,
        at: At,
    ) -> Result<Var, TrainError> {
        let x = if self.strong > 0.0 { batch.strong(tape, self.strong, at.mode()) } else { batch.x(tape) };
        let z = tape.scope("head", |tape| head.forward(tape, x, at.mode()));
        Ok(record_loss(tape, loss, &[z], batch, None, at)?)
    }
}
