//! Mixed rows beside whole ones: the mixup term of PU-MLC, unions of label sets.

use super::one_head::{LossInputs, OneHead};
use super::{At, Beside, Build, ProcedureRow, record_loss};
use crate::named::setting;
use crate::{Batch, TrainError};
use lacuna_engine::{Tape, Var};
use lacuna_losses::pu_mlc::{MIXUP_ALPHA, halves};
use lacuna_losses::{Interval, Mix, MultiLabelLoss, Takes};
use lacuna_nn::Layer;
use lacuna_protocols::Stream;

pub(super) const ROW: ProcedureRow = ProcedureRow {
    name: "mixup",
    doc: "A second forward pass of rows mixed from two halves of the batch, for losses that compare mixed rows with whole \
          ones.",
    source: "Yuan et al., ICME 2024; TAKELAMAG/PU-MLC@5c54d37201f1. Label sets: after Alfassy et al., CVPR 2019",
    beside: Beside::Nothing,
    settings: &[setting(
        "beta",
        MIXUP_ALPHA,
        Interval::above(0.0),
        "both parameters of the Beta distribution of the share, drawn once for each batch",
    )],
    build: |parts| Ok(Box::new(OneHead::new(parts, "mixup", Mixup::new)?)),
};

/// The logits of the batch and of rows mixed of it.
struct Mixup {
    beta: f64,
    // Memory of a batch.
    permutation: Vec<u32>,
    first: Vec<u32>,
    second: Vec<u32>,
    /// A row.
    partner: Vec<f32>,
}

impl Mixup {
    fn new(parts: &mut Build<'_, '_>) -> Self {
        let beta = parts.values.get("beta");
        let partner = vec![0.0; parts.train.features.columns()];
        Self { beta, permutation: vec![], first: vec![], second: vec![], partner }
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

impl LossInputs for Mixup {
    const TAKES: Takes = Takes::MixedRows;

    fn step(
        &mut self,
        head: &dyn Layer,
        loss: &mut dyn MultiLabelLoss,
        tape: &mut Tape,
        batch: &Batch<'_>,
        at: At,
    ) -> Result<Var, TrainError> {
        let lambda = self.draw(batch.rows(), at);
        let x = batch.x(tape);
        let z = tape.scope("head", |tape| head.forward(tape, x, at.mode()));
        let (first, second, partner) = (&self.first, &self.second, &mut self.partner);
        let columns = batch.train.features.columns();
        if first.is_empty() {
            let problem = "mixup: a batch of one row has no rows to mix; the batch is too small";
            return Err(TrainError::Setting(problem.to_string()));
        }
        let mixed = tape.input_with([first.len(), columns], |x| {
            for ((x, i), j) in x.chunks_exact_mut(columns).zip(first).zip(second) {
                batch.train.copy_features(batch.ids[*i as usize], x);
                batch.train.copy_features(batch.ids[*j as usize], partner);
                mix_rows(x, partner, lambda);
            }
        });
        let z_mixed = tape.scope("mixed", |tape| head.forward(tape, mixed, at.mode()));
        let mix = Some(Mix { first, second, lambda });
        Ok(record_loss(tape, loss, &[z, z_mixed], batch, mix, at)?)
    }
}

/// x = lambda x + (1 - lambda) other
fn mix_rows(x: &mut [f32], other: &[f32], lambda: f64) {
    let (a, b) = (lambda as f32, (1.0 - lambda) as f32);
    x.iter_mut().zip(other).for_each(|(x, other)| *x = a * *x + b * other);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mixed_row_lies_between_two_rows() {
        let mut x = [1.0, 2.0, -4.0];
        mix_rows(&mut x, &[5.0, 6.0, 4.0], 0.25);
        assert_eq!(x, [4.0, 5.0, 2.0]);
        mix_rows(&mut x, &[0.0; 3], 1.0);
        assert_eq!(x, [4.0, 5.0, 2.0]);
    }
}
