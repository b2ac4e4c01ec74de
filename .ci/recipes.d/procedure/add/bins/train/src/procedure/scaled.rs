//! The logits over their usual size.

use super::one_head::{LossInputs, OneHead};
use super::{At, Beside, ProcedureRow, record_loss};
use crate::named::setting;
use crate::{Batch, StateError, TrainError};
use lacuna_engine::{Tape, Var};
use lacuna_losses::{Interval, MultiLabelLoss, StateEntry, Takes};
use lacuna_nn::Layer;

pub(super) const ROW: ProcedureRow = ProcedureRow {
    name: "scaled",
    doc: "The loss is that of the logits over a running mean of their size.",
    source: "our own",
    beside: Beside::Nothing,
    settings: &[setting(
        "memory",
        0.9,
        Interval::closed(0.0, 0.999),
        "share of the running mean that a step keeps",
    )],
    build: |parts| {
        let memory = parts.values.get("memory");
        Ok(Box::new(OneHead::new(parts, "scaled", |_| Scaled { memory, size: 1.0 })?))
    },
};

/// The name of the running mean among what is saved.
const SIZE: &str = "size of logits";

/// Logits over the running mean of their size, which is a constant for the gradient.
struct Scaled {
    memory: f64,
    size: f64,
}

impl LossInputs for Scaled {
    const TAKES: Takes = Takes::Logits;

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
        let values = tape.value(z);
        let size = values.iter().map(|z| f64::from(z.abs())).sum::<f64>() / values.len() as f64;
        self.size = self.memory * self.size + (1.0 - self.memory) * size;
        let z = tape.scale(z, (1.0 / self.size.max(1e-3)) as f32);
        Ok(record_loss(tape, loss, &[z], batch, None, at)?)
    }

    fn state(&self) -> Vec<StateEntry> {
        vec![StateEntry { name: SIZE.to_string(), values: vec![self.size] }]
    }

    fn restore(&mut self, entries: &[StateEntry]) -> Result<(), StateError> {
        let saved = entries.iter().find(|entry| entry.name == SIZE);
        let saved = saved.ok_or_else(|| StateError::Missing(SIZE.to_string()))?;
        let [size] = saved.values[..] else {
            let problem = "has another size".to_string();
            return Err(StateError::Unfit { name: SIZE.to_string(), problem });
        };
        self.size = size;
        Ok(())
    }
}
