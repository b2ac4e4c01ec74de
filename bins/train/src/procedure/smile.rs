//! Soft labels from the predictions of the nearest neighbours: SMILE without its encoder.

use super::one_head::BoxedHead;
use super::{
    At, Beside, Build, LossChoice, Procedure, ProcedureRow, prefixed, record_loss, record_loss_on,
    restore_loss,
};
use crate::named::setting;
use crate::{Batch, Feed, StateError, TrainError, TrainSet};
use lacuna_engine::{Exec, Tape, Var};
use lacuna_losses::smile::Smile as SmileLoss;
use lacuna_losses::{Interval, MultiLabelLoss, Options, StateEntry, Takes, Targets, TrainPass};
use lacuna_nn::{GraphError, Mode, NeighbourGraph};

pub(super) const ROW: ProcedureRow = ProcedureRow {
    name: "smile",
    doc: "Warm-up epochs that read unknown as negative; then each row's label distribution d1, the mean of what the head \
          predicts for its nearest neighbours, is made once and kept, and the head is trained on with the loss smile.",
    source: "after Xu et al., NeurIPS 2022; palm-ml/smile@49405dbc. Ours, light: there d1 comes from a variational encoder of graph \
             convolutions, which is trained beside a classifier of its own; here it is a mean over the same graph, there is one \
             head and no encoder. The authors' head is mlp = [C] with as many hidden units as classes",
    beside: Beside::Nothing,
    settings: &[
        setting("k", 3.0, Interval::whole_from(1.0), "nearest neighbours of a row among the training rows"),
        setting(
            "warm_up",
            2.0,
            Interval::whole_from(1.0),
            "epochs of the assume-negative loss, after which d1 is made",
        ),
    ],
    build: |parts| Ok(Box::new(Smile::new(parts)?)),
};

/// A head with its two losses, and d1 of every sample.
struct Smile {
    head: BoxedHead,
    warm_up: Box<dyn MultiLabelLoss>,
    loss: Box<dyn MultiLabelLoss>,
    feeds: [Feed; 1],
    epochs: usize,
    k: usize,
    rows: usize,
    /// Made in the first step of the last warm-up epoch: it takes rows^2 distances, and neither a run that is only tried nor one
    /// that goes on from label distributions needs it.
    graph: Option<NeighbourGraph>,
    /// Label distributions, `[N, C]`; empty during warm-up.
    d1: Vec<f32>,
    /// Memory of a batch.
    soft: Vec<f32>,
}

impl Smile {
    fn new(parts: &mut Build<'_, '_>) -> Result<Self, TrainError> {
        let loss = parts.loss.build()?;
        parts.takes(&*loss, "smile", Takes::Logits)?;
        if loss.info().name != SmileLoss::INFO.name {
            return Err(TrainError::Setting(format!(
                "procedure smile: the loss is {}, and label distributions beside observed labels are read by smile alone",
                loss.info().name
            )));
        }
        let options = Options { reduction: parts.loss.options.reduction, ..Options::default() };
        let warm_up = LossChoice::new("an", options, &parts.train)?.build()?;
        let head = parts.head()?;
        let (train, k) = (parts.train, parts.values.get("k") as usize);
        let rows = train.len();
        if k >= rows {
            return Err(refused(GraphError::Neighbours { k, rows }));
        }
        Ok(Self {
            head,
            warm_up,
            loss,
            feeds: [parts.feed.clone()],
            epochs: parts.values.get("warm_up") as usize,
            k,
            rows,
            graph: None,
            d1: vec![],
            soft: Vec::with_capacity(parts.feed.batch.min(rows) * train.classes()),
        })
    }
}

fn refused(error: GraphError) -> TrainError {
    TrainError::Setting(format!("procedure smile: {error}"))
}

/// The nearest neighbours of every sample.
fn neighbours(train: &TrainSet<'_>, k: usize) -> Result<NeighbourGraph, TrainError> {
    let (rows, columns) = (train.len(), train.features.columns());
    // Rows that lie side by side are read where they are.
    let side_by_side = || train.rows.iter().enumerate().all(|(i, row)| *row as usize == i);
    let mut gathered: Vec<f32>;
    let features = match train.features.in_memory().filter(|_| side_by_side()) {
        Some(features) => &features.values()[..rows * columns],
        None => {
            gathered = vec![0.0; rows * columns];
            for (id, x) in gathered.chunks_exact_mut(columns).enumerate() {
                train.copy_features(id as u32, x);
            }
            &gathered[..]
        }
    };
    NeighbourGraph::nearest(features, rows, columns, k, Exec::Serial).map_err(refused)
}

impl Procedure for Smile {
    fn feeds(&self) -> &[Feed] {
        &self.feeds
    }

    fn begin_epoch(&mut self, at: At, _: Option<&TrainPass<'_>>) -> Result<(), TrainError> {
        self.warm_up.begin_epoch(at.epoch);
        self.loss.begin_epoch(at.epoch);
        Ok(())
    }

    fn step(&mut self, tape: &mut Tape, batches: &[Batch<'_>], at: At) -> Result<Var, TrainError> {
        let batch = &batches[0];
        let x = batch.x(tape);
        let z = tape.scope("head", |tape| self.head.forward(tape, x, at.mode()));
        if self.d1.is_empty() {
            if self.graph.is_none() && at.epoch + 1 == self.epochs {
                self.graph = Some(neighbours(&batch.train, self.k)?);
            }
            return Ok(record_loss(tape, &mut *self.warm_up, &[z], batch, None, at)?);
        }
        let classes = batch.train.classes();
        self.soft.clear();
        for id in batch.ids {
            self.soft.extend_from_slice(&self.d1[*id as usize * classes..][..classes]);
        }
        let targets = Targets { labels: batch.labels, soft: Some(&self.soft), mix: None, whole: None };
        Ok(record_loss_on(tape, &mut *self.loss, &[z], targets, batch, at)?)
    }

    fn predict(&self, tape: &mut Tape, x: Var) -> Var {
        self.head.forward(tape, x, Mode::Eval)
    }

    fn wants_train_pass(&self, epoch: usize) -> bool {
        epoch + 1 == self.epochs
    }

    fn end_epoch(&mut self, pass: &TrainPass<'_>) -> Result<(), TrainError> {
        pass.check()?;
        let p: Vec<f32> = pass.logits.iter().map(|z| 1.0 / (1.0 + (-z).exp())).collect();
        self.d1.resize(p.len(), 0.0);
        let graph = self.graph.take().expect("made in the steps of this epoch");
        graph.means(&p, &mut self.d1);
        // A mean of numbers up to 1 may round to one above.
        self.d1.iter_mut().for_each(|d1| *d1 = d1.min(1.0));
        Ok(())
    }

    fn state(&self) -> Vec<StateEntry> {
        let values = self.d1.iter().map(|d1| f64::from(*d1)).collect();
        let d1 = StateEntry { name: "d1".to_string(), values };
        prefixed("loss.", self.loss.state()).chain([d1]).collect()
    }

    fn restore(&mut self, entries: &[StateEntry]) -> Result<(), StateError> {
        let entry = entries.iter().find(|entry| entry.name == "d1");
        let entry = entry.ok_or_else(|| StateError::Missing("d1".to_string()))?;
        let unfit =
            |problem: &str| StateError::Unfit { name: entry.name.clone(), problem: problem.to_string() };
        let classes = entry.values.len() / self.rows;
        if entry.values.len() != self.rows * classes {
            return Err(unfit("has another size"));
        }
        if entry.values.iter().any(|d1| !(0.0..=1.0).contains(d1)) {
            return Err(unfit("has a number outside [0, 1]"));
        }
        self.d1.clear();
        self.d1.extend(entry.values.iter().map(|d1| *d1 as f32));
        restore_loss(&mut *self.loss, "loss.", entries)
    }

    fn report(&self) -> Vec<(&'static str, f64)> {
        vec![("rows with a label distribution", if self.d1.is_empty() { 0.0 } else { self.rows as f64 })]
    }
}
