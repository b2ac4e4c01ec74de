//! Labelled and unlabelled rows side by side: CAP.

use super::{At, Beside, Build, Procedure, ProcedureRow, prefixed, record_loss, restore_loss};
use crate::batch::drop_features;
use crate::named::{optional, setting};
use crate::{Batch, Feed, Named, Pool, StateError, TrainError};
use lacuna_engine::{Tape, Var};
use lacuna_labels::Label;
use lacuna_losses::cap::{CapConfig, class_aware};
use lacuna_losses::{Interval, LabelUse, MultiLabelLoss, StateEntry, Takes, TrainPass};
use lacuna_nn::{Layer, Mode};

pub(super) const ROW: ProcedureRow = ProcedureRow {
    name: "semi",
    doc: "Before every epoch the averaged weights score the rows without labels; thresholds of each class make pseudo-labels \
          of the scores, which are trained on beside the labelled rows. Needs a loss that leaves unknown cells out. A loss that \
          takes two views (plc) makes its own pseudo-labels and gets the weak and the strong view of every batch instead; `lac` adds the \
          contrastive loss over embeddings of the cells that are pseudo-positive.",
    source: "Xie et al. (CAP), NeurIPS 2023; milkxie/SSMLL-CAP@b7dd8075d61b. Batches are in the order of the set, labelled ones \
             starting again every epoch. Two views: Xie et al. (LAC), NeurIPS 2022; dropout of the features in place of augmented \
             images and embeddings made of a linear head are ours",
    beside: Beside::StrongView,
    settings: &[
        setting("labelled_batch", 8.0, Interval::whole_from(1.0), "labelled rows of a step"),
        setting(
            "strong",
            0.5,
            Interval::closed(0.0, 0.999),
            "dropout of the features in place of the strong view if the data has no second extraction; 0 for none",
        ),
        setting(
            "weak",
            0.1,
            Interval::closed(0.0, 0.999),
            "for losses of two views: the same dropout in place of the weak view",
        ),
        setting(
            "lac",
            0.0,
            Interval::at_least(0.0),
            "of a loss that takes two views, with a linear head: weight of the contrastive loss over label-wise embeddings",
        ),
        setting(
            "queue",
            512.0,
            Interval { high: 8192.0, ..Interval::whole_from(1.0) },
            "cells that it remembers",
        ),
        setting(
            "embedding",
            128.0,
            Interval { high: 4096.0, ..Interval::whole_from(1.0) },
            "numbers of an embedding",
        ),
        setting("temperature", 0.5, Interval::above(0.0), "what similarities are divided by"),
        setting(
            "weight",
            1.0,
            Interval::at_least(0.0),
            "weight of the loss over pseudo-labels; 0 leaves it out",
        ),
        setting(
            "pos_per",
            1.0,
            Interval::closed(0.0, 1.0),
            "share of the expected positives that is trained on",
        ),
        setting(
            "neg_per",
            0.998,
            Interval::closed(0.0, 1.0),
            "share of the expected negatives that is trained on",
        ),
        optional(
            "fixed",
            Interval::open(0.0, 1.0),
            "one threshold in place of those of the classes: every cell is trained on",
        ),
    ],
    build: |parts| {
        let (views, other): (bool, &[&str]) = match parts.loss.row.takes {
            Takes::Views => (true, &["labelled_batch", "weight", "pos_per", "neg_per", "fixed"]),
            _ => (false, &["weak", "lac", "queue", "embedding", "temperature"]),
        };
        if let Some(name) = other.iter().find(|name| !parts.values.list(name).is_empty()) {
            return Err(TrainError::Setting(format!(
                "procedure semi: {name} has no effect with {}, which takes {}",
                parts.loss.row.info.name,
                super::in_words(parts.loss.row.takes)
            )));
        }
        if views { super::views::build(parts) } else { Ok(Box::new(Semi::new(parts)?)) }
    },
};

/// A head and a loss over labelled and pseudo-labelled rows.
struct Semi {
    head: Box<dyn Layer + Send + Sync>,
    loss: Box<dyn MultiLabelLoss>,
    /// Unlabelled rows, then labelled ones.
    feeds: [Feed; 2],
    strong: f32,
    weight: f32,
    fixed: Option<f64>,
    config: CapConfig,
    /// Share of positives of each class among the labelled rows.
    frequencies: Vec<f64>,
    /// Pseudo-labels of every sample, `[N, C]`, unknown where nothing is trained on; observed ones are not here.
    pseudo: Vec<Label>,
    /// Memory of a batch.
    labels: Vec<Label>,
}

impl Semi {
    fn new(parts: &mut Build<'_, '_>) -> Result<Self, TrainError> {
        let loss = parts.loss.build()?;
        parts.takes(&*loss, "semi", Takes::Logits)?;
        if loss.info().labels != LabelUse::KnownOnly {
            return Err(TrainError::Setting(format!(
                "procedure semi: cells between the thresholds are not trained on, and {} reads unknown cells ({}); a loss that \
                 leaves them out is needed, such as bce or csl-ignore",
                loss.info().name,
                loss.info().labels
            )));
        }
        let train = parts.train;
        let (classes, rows) = (train.classes(), train.len() as u32);
        let labelled: Vec<u32> =
            (0..rows).filter(|id| train.labels_of(*id).iter().any(|label| label.is_known())).collect();
        let of_class = |class: usize| {
            let positives = labelled.iter().filter(|id| train.labels_of(**id)[class].is_positive()).count();
            positives as f64 / labelled.len().max(1) as f64
        };
        let values = parts.values;
        let unlabelled = Feed {
            sampler: Named::new("fixed"),
            pool: Pool::Unlabelled,
            batch: parts.feed.batch,
            keep_last: true,
        };
        let batch = values.get("labelled_batch") as usize;
        let labelled_feed = Feed { pool: Pool::Labelled, batch, ..unlabelled.clone() };
        Ok(Self {
            head: parts.head()?,
            loss,
            feeds: [unlabelled, labelled_feed],
            strong: values.get("strong") as f32,
            weight: values.get("weight") as f32,
            fixed: values.given("fixed"),
            config: CapConfig {
                pos_per: values.get("pos_per"),
                neg_per: values.get("neg_per"),
                ..CapConfig::default()
            },
            frequencies: (0..classes).map(of_class).collect(),
            pseudo: vec![Label::Unknown; rows as usize * classes],
            labels: vec![],
        })
    }

    /// Makes pseudo-labels of the rows without a known label.
    fn relabel(&mut self, pass: &TrainPass<'_>) -> Result<(), TrainError> {
        pass.check()?;
        let classes = pass.classes;
        let rows: Vec<usize> = (0..pass.rows)
            .filter(|row| pass.labels[row * classes..][..classes].iter().all(|label| !label.is_known()))
            .collect();
        let logits = rows.iter().flat_map(|row| &pass.logits[row * classes..][..classes]);
        let p: Vec<f64> = logits.map(|z| 1.0 / (1.0 + (-f64::from(*z)).exp())).collect();
        let labels = match self.fixed {
            Some(at) => p.iter().map(|p| if *p >= at { Label::Positive } else { Label::Negative }).collect(),
            None => class_aware(&p, &self.frequencies, &self.config)?.labels(),
        };
        for (row, labels) in rows.iter().zip(labels.chunks(classes)) {
            self.pseudo[row * classes..][..classes].copy_from_slice(labels);
        }
        Ok(())
    }
}

impl Procedure for Semi {
    fn feeds(&self) -> &[Feed] {
        &self.feeds
    }

    fn wants_pass_before(&self, _: usize) -> bool {
        true
    }

    fn begin_epoch(&mut self, at: At, pass: Option<&TrainPass<'_>>) -> Result<(), TrainError> {
        self.loss.begin_epoch(at.epoch);
        self.relabel(pass.expect("it was asked for"))
    }

    fn step(&mut self, tape: &mut Tape, batches: &[Batch<'_>], at: At) -> Result<Var, TrainError> {
        let (unlabelled, labelled) = (&batches[0], &batches[1]);
        let classes = labelled.train.classes();
        if self.weight == 0.0 {
            let x = labelled.strong(tape, self.strong, at.mode());
            let z = tape.scope("head", |tape| self.head.forward(tape, x, at.mode()));
            return Ok(record_loss(tape, &mut *self.loss, &[z], labelled, None, at)?);
        }
        self.labels.clear();
        for id in unlabelled.ids {
            self.labels.extend_from_slice(&self.pseudo[*id as usize * classes..][..classes]);
        }
        // One forward pass for both, so that batch statistics are those of all rows.
        let (wide, strong) = match unlabelled.train.strong {
            Some(strong) => (strong, 0.0),
            None => (unlabelled.train.features, self.strong),
        };
        let (columns, rows) = (wide.columns(), unlabelled.rows());
        let ids = || unlabelled.ids.iter().chain(labelled.ids);
        let x = tape.input_with([rows + labelled.rows(), columns], |x| {
            for (x, id) in x.chunks_exact_mut(columns).zip(ids()) {
                wide.copy(unlabelled.train.rows[*id as usize] as usize, x);
            }
        });
        let x = drop_features(tape, x, strong, at.mode());
        let z = tape.scope("head", |tape| self.head.forward(tape, x, at.mode()));
        let all = rows + labelled.rows();
        let (first, second) = (tape.slice_rows(z, 0..rows), tape.slice_rows(z, rows..all));
        let pseudo = Batch { labels: &self.labels, ..*unlabelled };
        let of_pseudo = record_loss(tape, &mut *self.loss, &[first], &pseudo, None, at)?;
        let of_labelled = record_loss(tape, &mut *self.loss, &[second], labelled, None, at)?;
        let of_pseudo = tape.scale(of_pseudo, self.weight);
        Ok(tape.add(of_labelled, of_pseudo))
    }

    fn predict(&self, tape: &mut Tape, x: Var) -> Var {
        self.head.forward(tape, x, Mode::Eval)
    }

    fn state(&self) -> Vec<StateEntry> {
        // Pseudo-labels are made anew before every epoch.
        prefixed("loss.", self.loss.state()).collect()
    }

    fn restore(&mut self, entries: &[StateEntry]) -> Result<(), StateError> {
        restore_loss(&mut *self.loss, "loss.", entries)
    }

    fn report(&self) -> Vec<(&'static str, f64)> {
        let count = |wanted: Label| self.pseudo.iter().filter(|label| **label == wanted).count() as f64;
        vec![("pseudo-positives", count(Label::Positive)), ("pseudo-negatives", count(Label::Negative))]
    }
}
