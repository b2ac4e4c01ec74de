//! A linear head over many classes, of which a step reads the positive ones of its batch and a sample of the others.
//!
//! A loss over C classes whose gradient at a cell looks at no other column is a sum over columns, L = sum_c l_c. With P the
//! classes that are positive in some row of the batch, and S a sample of m of the other C - |P| classes, drawn uniformly without
//! replacement,
//! ```text
//! sum_{c in P} l_c + (C - |P|) / m  sum_{c in S} l_c
//! ```
//! has the expectation L over the draw, and its gradient that of L: each of the other classes is in S with probability
//! m / (C - |P|). Reductions divide by what the whole batch has ([`Whole`]).
//!
//! W is `[C, D]` on the tape, so that the rows of the chosen classes are read and have gradients; what no step reads is left
//! behind until it is drawn again. The model has `[D, C]`, as every linear head.

mod classes;

use super::{At, Beside, Build, Layout, Procedure, ProcedureRow};
use crate::named::setting;
use crate::{Batch, Feed, Head, StateError, TrainError};
use classes::Classes;
use lacuna_engine::{Exec, Tape, Tensor, Var};
use lacuna_kernels::{Write, rows::transpose};
use lacuna_labels::Label;
use lacuna_losses::{
    Interval, LossError, LossGrad, LossInput, MultiLabelLoss, StateEntry, Statistics, Takes, Targets,
    TrainPass, Whole,
};
use lacuna_nn::init;
use lacuna_protocols::Stream;

pub(super) const ROW: ProcedureRow = ProcedureRow {
    name: "sampled-negatives",
    doc: "A linear head over many classes: a step reads the classes that are positive in its batch and a uniform sample of the \
          others, whose loss counts (C - |P|) / m times, so that the gradient has the expectation of that of all classes. \
          Experimental.",
    source: "ours: the sum over classes as Horvitz and Thompson (JASA 1952) estimate a sum from a sample; checked for its expectation, \
             compared with no published numbers",
    beside: Beside::Nothing,
    settings: &[setting(
        "sampled",
        1000.0,
        Interval::whole_from(1.0),
        "classes m of a step beside the positive ones of the batch",
    )],
    build: |parts| Ok(Box::new(Sampled::new(parts)?)),
};

/// Names on the tape, those of a linear head.
const WEIGHT: &str = "weight";
const BIAS: &str = "bias";

/// A linear head whose classes are sampled.
struct Sampled {
    /// `[C, D]` and `[C, 1]`.
    weight: Var,
    bias: Var,
    loss: Box<dyn MultiLabelLoss>,
    feeds: [Feed; 1],
    classes: Classes,
    /// Known labels of each sample.
    known: Vec<u32>,
    /// Epoch and step of the classes that are chosen.
    chosen_at: Option<At>,
    block: Block,
}

/// Memory for the columns that a loss is shown, `[B, n]`.
#[derive(Default)]
struct Block {
    z: Vec<f32>,
    dz: Vec<f32>,
    labels: Vec<Label>,
}

impl Sampled {
    fn new(parts: &mut Build<'_, '_>) -> Result<Self, TrainError> {
        let loss = parts.loss.build()?;
        parts.takes(&*loss, ROW.name, Takes::Logits)?;
        let row = parts.loss.row;
        let name = row.info.name;
        let wrong = |problem: String| Err(TrainError::Setting(format!("procedure {}: {problem}", ROW.name)));
        if *parts.head != Head::Linear {
            return wrong(format!(
                "the head is {}; only a linear head has a row of weights for each class",
                parts.head
            ));
        }
        if !row.by_column {
            return wrong(format!(
                "the gradient of {name} at a class looks at other classes, of which a step sees a sample"
            ));
        }
        if row.statistics != Statistics::None {
            return wrong(format!(
                "{name} keeps numbers of every class, and a step sees other classes each time; bce, an, wan and hill keep none"
            ));
        }
        if loss.labels_written().is_some() || !loss.state().is_empty() || loss.wants_train_pass(0) {
            return wrong(format!(
                "{name} has a state that belongs to all classes of a row, and a step sees a sample of them"
            ));
        }
        if loss.draws_classes() {
            return wrong(format!("{name} draws classes itself"));
        }
        let train = parts.train;
        let (features, all) = (train.features.columns(), train.classes());
        // The first weights of every linear head, each class in a row of its own.
        let (rng, bound) = (&mut parts.first_weights(), init::default_bound(features));
        let weight = init::uniform([features, all], bound, rng);
        let bias = init::uniform([all, 1], bound, rng);
        let mut by_class = vec![0.0; all * features];
        transpose(Exec::Serial, Write::Set, weight.data(), all, &mut by_class);
        let known = |id| train.labels_of(id).iter().filter(|label| label.is_known()).count() as u32;
        Ok(Self {
            weight: parts.tape.param(WEIGHT, Tensor::new([all, features], by_class)),
            bias: parts.tape.param(BIAS, bias),
            loss,
            feeds: [parts.feed.clone()],
            classes: Classes::new(&train, parts.values.get("sampled") as usize),
            known: (0..train.len() as u32).map(known).collect(),
            chosen_at: None,
            block: Block::default(),
        })
    }
}

impl Sampled {
    fn choose(&mut self, batch: &Batch<'_>, at: At) {
        let mut stream = Stream::numbered(at.seed, "sampled classes", at.step);
        self.classes.draw(batch.ids, &mut stream);
        self.chosen_at = Some(at);
    }
}

impl Procedure for Sampled {
    fn feeds(&self) -> &[Feed] {
        &self.feeds
    }

    fn begin_epoch(&mut self, at: At, _: Option<&TrainPass<'_>>) -> Result<(), TrainError> {
        self.loss.begin_epoch(at.epoch);
        Ok(())
    }

    fn rows_read(&mut self, batches: &[Batch<'_>], at: At, read: &mut dyn FnMut(Var, &[u32])) {
        self.choose(&batches[0], at);
        read(self.weight, &self.classes.chosen);
        read(self.bias, &self.classes.chosen);
    }

    fn step(&mut self, tape: &mut Tape, batches: &[Batch<'_>], at: At) -> Result<Var, TrainError> {
        let batch = &batches[0];
        if self.chosen_at != Some(at) {
            self.choose(batch, at);
        }
        let x = batch.x(tape);
        let z = tape.scope("head", |tape| {
            let w = tape.gather_rows(self.weight, &self.classes.chosen);
            let b = tape.gather_rows(self.bias, &self.classes.chosen);
            by_class(tape, x, w, b)
        });
        let whole = Whole {
            cells: batch.rows() * self.classes.all,
            known: batch.ids.iter().map(|id| self.known[*id as usize] as usize).sum(),
        };
        let (loss, block, classes) = (&mut *self.loss, &mut self.block, &self.classes);
        let shown = Shown { batch, whole, at };
        let recorded = tape.fused_loss(&[z], |z, dz| {
            let mut sum = 0.0;
            for (places, factor) in classes.blocks().into_iter().filter(|(places, _)| !places.is_empty()) {
                let part = places.start * batch.rows()..places.end * batch.rows();
                let (z, dz) = (&z[0][part.clone()], &mut dz[0][part]);
                let value = block.evaluate(loss, shown, &classes.chosen[places], factor, z, dz)?;
                sum += f64::from(factor) * f64::from(value);
            }
            Ok::<f32, LossError>(sum as f32)
        });
        Ok(recorded?)
    }

    fn predict(&self, tape: &mut Tape, x: Var) -> Var {
        let z = by_class(tape, x, self.weight, self.bias);
        tape.transpose(z)
    }

    fn state(&self) -> Vec<StateEntry> {
        vec![]
    }

    fn restore(&mut self, entries: &[StateEntry]) -> Result<(), StateError> {
        match entries.first() {
            None => Ok(()),
            Some(entry) => Err(StateError::Unfit {
                name: entry.name.clone(),
                problem: format!("is not a state of the procedure {}", ROW.name),
            }),
        }
    }

    fn layout(&self, entry: &str) -> Layout {
        match entry {
            WEIGHT => Layout::Transposed,
            _ => Layout::Column,
        }
    }
}

/// Logits of features `[B, D]` for the classes of w `[n, D]` and b `[n, 1]`: w x^T + b, `[n, B]`.
fn by_class(tape: &mut Tape, x: Var, w: Var, b: Var) -> Var {
    let x = tape.transpose(x);
    let z = tape.matmul(w, x);
    tape.add(z, b)
}

/// What a loss is shown beside logits.
#[derive(Clone, Copy)]
struct Shown<'a> {
    batch: &'a Batch<'a>,
    whole: Whole,
    at: At,
}

impl Block {
    /// The loss of these classes, from their logits z `[n, B]`; its derivatives times `factor` are written to dz.
    fn evaluate(
        &mut self,
        loss: &mut dyn MultiLabelLoss,
        shown: Shown<'_>,
        classes: &[u32],
        factor: f32,
        z: &[f32],
        dz: &mut [f32],
    ) -> Result<f32, LossError> {
        let Shown { batch, whole, at } = shown;
        let rows = batch.rows();
        self.z.resize(z.len(), 0.0);
        self.dz.resize(z.len(), 0.0);
        transpose(Exec::Serial, Write::Set, z, rows, &mut self.z);
        self.labels.clear();
        for labels in batch.labels.chunks_exact(batch.train.classes()) {
            self.labels.extend(classes.iter().map(|class| labels[*class as usize]));
        }
        let input = LossInput {
            logits: &[&self.z],
            rows,
            classes: classes.len(),
            targets: Targets { labels: &self.labels, soft: None, mix: None, whole: Some(whole) },
            sample_ids: batch.ids,
            epoch: at.epoch,
            step: at.step,
        };
        let value = loss.evaluate(&input, LossGrad::Into(&mut [&mut self.dz]));
        let value = value.map_err(|error| of_class(error, classes))?;
        self.dz.iter_mut().for_each(|dz| *dz *= factor);
        transpose(Exec::Serial, Write::Set, &self.dz, classes.len(), dz);
        Ok(value)
    }
}

/// An error about a column of the block, about its class.
fn of_class(mut error: LossError, chosen: &[u32]) -> LossError {
    if let LossError::NonFinite { class, .. } | LossError::Label { class, .. } = &mut error {
        *class = chosen[*class] as usize;
    }
    error
}

#[cfg(test)]
mod tests;
