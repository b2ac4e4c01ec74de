//! LAC's contrastive loss over label-wise embeddings, beside a loss of two views.
//!
//! The paper's embeddings come from a decoder over the feature map of a picture, which has a token for each class. Of fixed
//! features and a linear head, ours are made of what the head itself sees of a class: the products x_d w_dc, whose sum over d is the
//! logit but for its bias, projected to a few numbers and scaled to unit length.

use super::Build;
use crate::{Batch, Head, StateError, TrainError};
use lacuna_engine::{Tape, Var};
use lacuna_labels::Label;
use lacuna_losses::StateEntry;
use lacuna_losses::lac::Contrastive;
use lacuna_nn::{Layer, init};
use lacuna_protocols::Stream;

/// Name of the projection on the tape.
pub(super) const PROJECTION: &str = "label-wise projection";

/// Most cells of a step, for each row of its batch: the first ones in the order of rows and classes. A fixed number of slots, so that
/// a step allocates nothing.
const CELLS_PER_ROW: usize = 4;
/// Weak and strong.
const VIEWS: usize = 2;
/// Least norm of an embedding.
const LEAST_NORM: f32 = 1e-12;

/// The loss, its projection, and the queue of cells that it remembers.
pub(super) struct LabelContrast {
    weight: f32,
    /// Cells with q = sigma(z_weak) + y of at least this are pseudo-positive, as in PLC.
    tau: f32,
    loss: Contrastive,
    /// W of the head, `[D, C]`; found in the first step.
    weights: Option<Var>,
    /// P, `[D, embedding]`.
    projection: Var,
    embedding: usize,
    /// Slots of a step, of which those without a cell are empty.
    slots: usize,
    /// Embeddings `[slots + queue, 2, embedding]`: those of the step in front, then the queue.
    all: Vec<f32>,
    /// Class of each cell counted from 1, 0 for an empty slot, in the same order.
    classes: Vec<u32>,
    /// The slot of the queue that is overwritten next.
    next: usize,
    /// Rows of both views, and classes, of the embeddings of a step.
    rows: Vec<u32>,
    columns: Vec<u32>,
}

impl LabelContrast {
    /// Refuses heads without a column of weights for each class.
    pub(super) fn check(parts: &Build<'_, '_>) -> Result<(), TrainError> {
        if parts.values.get("lac") > 0.0 && *parts.head != Head::Linear {
            return Err(TrainError::Setting(format!(
                "procedure semi: lac makes its embeddings of the weights of a linear head, and the head is {}",
                parts.head
            )));
        }
        Contrastive::new(parts.values.get("temperature"))?;
        Ok(())
    }

    /// `None` at a weight of 0.
    pub(super) fn new(parts: &mut Build<'_, '_>) -> Option<Self> {
        let weight = parts.values.get("lac") as f32;
        if weight == 0.0 {
            return None;
        }
        let (features, classes) = (parts.train.features.columns(), parts.train.classes());
        let (queue, embedding) = (parts.values.get("queue") as usize, parts.values.get("embedding") as usize);
        let rng = &mut Stream::new(parts.seed, "projection of label-wise embeddings");
        let first = init::uniform([features, embedding], init::default_bound(features), rng);
        let slots = parts.feed.batch * CELLS_PER_ROW.min(classes);
        let given = parts.loss.options.params.get("tau").copied();
        let tau =
            given.or_else(|| parts.loss.row.info.param("tau")?.default).expect("a loss of two views has it");
        let mut loss = Contrastive::new(parts.values.get("temperature")).expect("checked before");
        loss.reserve((slots + queue) * VIEWS, slots * VIEWS, embedding, classes);
        Some(Self {
            weight,
            tau: tau as f32,
            loss,
            weights: None,
            projection: parts.tape.param(PROJECTION, first),
            embedding,
            slots,
            all: vec![0.0; (slots + queue) * VIEWS * embedding],
            classes: vec![0; slots + queue],
            next: 0,
            rows: Vec::with_capacity(slots * VIEWS),
            columns: Vec::with_capacity(slots * VIEWS),
        })
    }

    /// Records the loss of the pseudo-positive cells of a batch, and remembers them. `both` are the rows of the weak view, then of
    /// the strong one; `weak` the logits of the former.
    pub(super) fn step(
        &mut self,
        head: &dyn Layer,
        tape: &mut Tape,
        (both, weak): (Var, Var),
        batch: &Batch<'_>,
    ) -> Result<Var, TrainError> {
        let (rows, classes) = (batch.rows(), batch.train.classes());
        // q = sigma(z) + y is at least 1 on positives; observed negatives are no pseudo-positives.
        let sure = |z: f32| 1.0 / (1.0 + (-z).exp()) >= self.tau;
        let is_positive = |z: f32, label: Label| label.is_positive() || (!label.is_known() && sure(z));
        let cells = tape.value(weak).iter().zip(batch.labels).enumerate();
        let chosen = cells.filter(|(_, (z, label))| is_positive(**z, **label));
        self.rows.clear();
        self.columns.clear();
        self.classes[..self.slots].fill(0);
        let mut count = 0;
        for (i, _) in chosen.take(self.slots) {
            let (row, class) = (i / classes, i % classes);
            self.rows.extend([row as u32, (rows + row) as u32]);
            self.columns.extend([class as u32; VIEWS]);
            self.classes[count] = class as u32 + 1;
            count += 1;
        }
        self.rows.resize(self.slots * VIEWS, 0);
        self.columns.resize(self.slots * VIEWS, 0);

        // e = P (x o w_c) / |P (x o w_c)|, a row for each view of each cell.
        let weights = *self.weights.get_or_insert_with(|| head.parameters()[0]);
        let embeddings = tape.scope("label-wise embeddings", |tape| {
            let by_class = tape.transpose(weights);
            let x = tape.gather_rows(both, &self.rows);
            let w = tape.gather_rows(by_class, &self.columns);
            let products = tape.mul(x, w);
            let projected = tape.matmul(products, self.projection);
            tape.l2_normalize(projected, LEAST_NORM)
        });
        let Self { loss, all, classes, embedding, .. } = self;
        let of_step = tape.value(embeddings).len();
        let value = tape.fused_loss(&[embeddings], |inputs, grads| {
            all[..of_step].copy_from_slice(inputs[0]);
            // What is remembered is a constant.
            loss.evaluate(all, classes, VIEWS, *embedding, Some(&mut *grads[0]))
        })?;
        self.remember(count);
        Ok(tape.scale(value, self.weight))
    }

    /// Puts the first `count` cells of the step in place of the oldest ones.
    fn remember(&mut self, count: usize) {
        let (width, queue) = (VIEWS * self.embedding, self.classes.len() - self.slots);
        for cell in 0..count {
            let to = self.slots + self.next;
            self.all.copy_within(cell * width..(cell + 1) * width, to * width);
            self.classes[to] = self.classes[cell];
            self.next = (self.next + 1) % queue;
        }
    }

    pub(super) fn state(&self) -> Vec<StateEntry> {
        let embeddings = &self.all[self.slots * VIEWS * self.embedding..];
        let entry = |name: &str, values: Vec<f64>| StateEntry { name: name.to_string(), values };
        vec![
            entry("lac.embeddings", embeddings.iter().map(|x| f64::from(*x)).collect()),
            entry("lac.classes", self.classes[self.slots..].iter().map(|class| f64::from(*class)).collect()),
            entry("lac.next", vec![self.next as f64]),
        ]
    }

    pub(super) fn restore(&mut self, entries: &[StateEntry]) -> Result<(), StateError> {
        let from = self.slots * VIEWS * self.embedding;
        let queue = self.classes.len() - self.slots;
        let of = |name: &str, numbers: usize| {
            let found = entries.iter().find(|entry| entry.name == name).map(|entry| &entry.values[..]);
            found.filter(|values| values.len() == numbers).ok_or_else(|| StateError::Unfit {
                name: name.to_string(),
                problem: format!("has to have {numbers} numbers"),
            })
        };
        let embeddings = of("lac.embeddings", self.all.len() - from)?;
        let (classes, next) = (of("lac.classes", queue)?, of("lac.next", 1)?[0]);
        if !(0.0..queue as f64).contains(&next) {
            let (name, problem) = ("lac.next".to_string(), format!("is not a number below {queue}"));
            return Err(StateError::Unfit { name, problem });
        }
        self.all[from..].iter_mut().zip(embeddings).for_each(|(x, saved)| *x = *saved as f32);
        self.classes[self.slots..].iter_mut().zip(classes).for_each(|(class, saved)| *class = *saved as u32);
        self.next = next as usize;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lacuna_engine::Tensor;

    /// A queue of three cells with embeddings of one number, and steps of two cells.
    #[test]
    fn the_oldest_cells_are_overwritten_by_those_of_a_step() {
        let mut tape = Tape::new();
        let mut contrast = LabelContrast {
            weight: 1.0,
            tau: 0.6,
            loss: Contrastive::new(0.5).unwrap(),
            weights: None,
            projection: tape.param(PROJECTION, Tensor::new([1, 1], vec![0.0])),
            embedding: 1,
            slots: 2,
            all: vec![0.0; (2 + 3) * VIEWS],
            classes: vec![0; 2 + 3],
            next: 0,
            rows: vec![],
            columns: vec![],
        };
        let mut step = |classes: [u32; 2], of_step: [f32; 4]| {
            contrast.classes[..2].copy_from_slice(&classes);
            contrast.all[..4].copy_from_slice(&of_step);
            contrast.remember(classes.iter().filter(|class| **class > 0).count());
            (contrast.classes[2..].to_vec(), contrast.all[4..].to_vec(), contrast.next)
        };
        assert_eq!(
            step([1, 2], [1.0, 2.0, 3.0, 4.0]),
            (vec![1, 2, 0], vec![1.0, 2.0, 3.0, 4.0, 0.0, 0.0], 2)
        );
        assert_eq!(
            step([3, 4], [5.0, 6.0, 7.0, 8.0]),
            (vec![4, 2, 3], vec![7.0, 8.0, 3.0, 4.0, 5.0, 6.0], 1)
        );
        // An empty slot is not remembered.
        assert_eq!(
            step([5, 0], [9.0, 9.5, 0.0, 0.0]),
            (vec![4, 5, 3], vec![7.0, 8.0, 9.0, 9.5, 5.0, 6.0], 2)
        );
    }
}
