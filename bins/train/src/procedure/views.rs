//! A weak and a strong view of the same rows, for losses that take both: what `semi` is for PLC.

use super::label_contrast::{LabelContrast, PROJECTION};
use super::one_head::{LossInputs, OneHead};
use super::{At, Build, Procedure, record_loss};
use crate::{Batch, StateError, TrainError};
use lacuna_engine::{MaskKey, Tape, Var};
use lacuna_losses::{MultiLabelLoss, StateEntry, Takes};
use lacuna_nn::Layer;

/// Numbers of the two dropouts that stand in for augmentations, as [`Dropout::layer`](lacuna_nn::Dropout): far above those
/// of any head, and others than that of [`Batch::strong`].
const WEAK: u32 = (1 << 20) + 1;
const STRONG: u32 = (1 << 20) + 2;

/// The logits of both views.
struct Views {
    weak: f32,
    strong: f32,
    contrast: Option<LabelContrast>,
}

/// The procedure for a loss that takes two views.
pub(super) fn build(parts: &mut Build<'_, '_>) -> Result<Box<dyn Procedure>, TrainError> {
    LabelContrast::check(parts)?;
    let views = |parts: &mut Build<'_, '_>| Views {
        weak: parts.values.get("weak") as f32,
        strong: parts.values.get("strong") as f32,
        contrast: LabelContrast::new(parts),
    };
    Ok(Box::new(OneHead::new(parts, "semi", views)?))
}

impl LossInputs for Views {
    const TAKES: Takes = Takes::Views;

    fn step(
        &mut self,
        head: &dyn Layer,
        loss: &mut dyn MultiLabelLoss,
        tape: &mut Tape,
        batch: &Batch<'_>,
        at: At,
    ) -> Result<Var, TrainError> {
        let x = batch.x(tape);
        let key = |layer: u32| MaskKey { seed: at.seed, step: at.step, layer };
        let (weak, strong) = match batch.train.strong {
            Some(_) => (x, batch.strong(tape, 0.0, at.mode())),
            None => {
                let drop = |tape: &mut Tape, p: f32, layer: u32| match p > 0.0 {
                    true => tape.dropout(x, p, key(layer)),
                    false => x,
                };
                (drop(tape, self.weak, WEAK), drop(tape, self.strong, STRONG))
            }
        };
        // One forward pass for both, so that batch statistics are those of all rows.
        let rows = batch.rows();
        let both = tape.concat_rows(weak, strong);
        let z = tape.scope("head", |tape| head.forward(tape, both, at.mode()));
        let (weak, strong) = (tape.slice_rows(z, 0..rows), tape.slice_rows(z, rows..2 * rows));
        let of_logits = record_loss(tape, loss, &[weak, strong], batch, None, at)?;
        let Some(contrast) = &mut self.contrast else { return Ok(of_logits) };
        let of_embeddings = contrast.step(head, tape, (both, weak), batch)?;
        Ok(tape.add(of_logits, of_embeddings))
    }

    fn state(&self) -> Vec<StateEntry> {
        self.contrast.iter().flat_map(LabelContrast::state).collect()
    }

    fn restore(&mut self, entries: &[StateEntry]) -> Result<(), StateError> {
        self.contrast.iter_mut().try_for_each(|contrast| contrast.restore(entries))
    }

    fn predicts_with<'a>(&self, entry: &'a str) -> Option<&'a str> {
        (entry != PROJECTION).then_some(entry)
    }
}
