//! One run: a head, a loss, an optimiser and the rows they meet.

use crate::record::weights_digest;
use crate::{Benchmark, Finished, HarnessError, Head, LabelCounts};
use lacuna_engine::{Exec, Tape, Tensor, Var};
use lacuna_labels::{Features, Label, ObservedLabels};
use lacuna_losses::spml::{ESTIMATOR_LR_FACTOR, estimator_init};
use lacuna_losses::{LossGrad, LossInput, MultiLabelLoss, Targets, TrainPass};
use lacuna_metrics::{ApScratch, MapConvention};
use lacuna_nn::{Adam, AdamConfig, Layer, Matches, Mode, Optimizer, ParamGroup};
use lacuna_protocols::Stream;
use std::sync::atomic::{AtomicBool, Ordering};

/// Rows that are predicted at once.
const PREDICT_ROWS: usize = 256;
/// Name of the free label estimates that some losses train beside the head.
const ESTIMATOR: &str = "estimator";

/// What a run needs beside the data and the loss.
#[derive(Clone, Debug, PartialEq)]
pub struct RunSettings {
    /// What stands on the features.
    pub head: Head,
    /// Epochs.
    pub epochs: usize,
    /// Rows of a batch.
    pub batch: usize,
    /// Adam's learning rate.
    pub lr: f32,
    /// Seed of first weights and of the order of rows.
    pub seed: u64,
}

/// A head in training.
pub struct Trainer<'a> {
    data: &'a Benchmark,
    observed: &'a ObservedLabels,
    settings: RunSettings,
    loss: Box<dyn MultiLabelLoss>,
    tape: Tape,
    head: Box<dyn Layer + Send + Sync>,
    /// One row of logits for each row that trains.
    estimator: Option<Var>,
    optimizer: Adam,
    step: u64,
    // Room for one batch, kept from step to step.
    order: Vec<u32>,
    labels: Vec<Label>,
}

impl<'a> Trainer<'a> {
    /// A head with its first weights.
    pub fn new(
        data: &'a Benchmark,
        observed: &'a ObservedLabels,
        loss: Box<dyn MultiLabelLoss>,
        settings: RunSettings,
    ) -> Self {
        let (features, classes) = (data.train.features.columns(), data.classes());
        let mut tape = Tape::with_exec(Exec::Serial);
        let rng = &mut Stream::new(settings.seed, "first weights");
        let head = crate::head::build(&settings.head, &mut tape, features, classes, rng);
        let estimator = (loss.logit_matrices() == 2).then(|| {
            let rng = &mut Stream::new(settings.seed, "label estimates");
            let rows = &data.split.train;
            let cells = rows.iter().flat_map(|row| observed.row(*row));
            let first = cells.map(|label| estimator_init(*label, rng.uniform_f64())).collect();
            tape.param(ESTIMATOR, Tensor::new([rows.len(), classes], first))
        });
        tape.seal();
        let optimizer = Adam::new(AdamConfig {
            lr: settings.lr,
            groups: vec![ParamGroup {
                matches: Matches::Prefix(ESTIMATOR.to_string()),
                lr_factor: ESTIMATOR_LR_FACTOR as f32,
                weight_decay: None,
            }],
            ..AdamConfig::default()
        });
        let order = (0..data.split.train.len() as u32).collect();
        Self {
            data,
            observed,
            settings,
            loss,
            tape,
            head,
            estimator,
            optimizer,
            step: 0,
            order,
            labels: vec![],
        }
    }

    /// Full batches in an epoch.
    pub fn steps_per_epoch(&self) -> usize {
        self.order.len() / self.settings.batch
    }

    /// Starts an epoch: new order of rows, from the seed and the epoch alone.
    pub fn begin_epoch(&mut self, epoch: usize) {
        for (i, row) in self.order.iter_mut().enumerate() {
            *row = i as u32;
        }
        Stream::numbered(self.settings.seed, "row order", epoch as u64).shuffle(&mut self.order);
        self.loss.begin_epoch(epoch);
    }

    /// One step on batch `batch` of the epoch: forward, loss, backward, update. Returns the loss.
    ///
    /// # Errors
    /// [`HarnessError::Training`] if the loss refuses the batch, which a learning rate far too high brings about.
    pub fn step(&mut self, epoch: usize, batch: usize) -> Result<f32, HarnessError> {
        let Self { data, observed, settings, loss, tape, head, estimator, optimizer, step, order, labels } =
            self;
        let ids = &order[batch * settings.batch..(batch + 1) * settings.batch];
        let (rows, classes) = (ids.len(), observed.classes());
        let row_of = |id: u32| data.split.train[id as usize];
        labels.clear();
        for id in ids {
            labels.extend_from_slice(observed.row(row_of(*id)));
        }

        tape.reset();
        let features = &data.train.features;
        let x = tape.input_with([rows, features.columns()], |x| {
            for (x, id) in x.chunks_exact_mut(features.columns()).zip(ids) {
                x.copy_from_slice(features.row(row_of(*id)));
            }
        });
        let mode = Mode::Train { seed: settings.seed, step: *step };
        let z = tape.scope("head", |tape| head.forward(tape, x, mode));
        let mut logits = [z; 2];
        let matrices = match estimator {
            Some(estimator) => {
                logits[1] = tape.gather_rows(*estimator, ids);
                2
            }
            None => 1,
        };
        let evaluated = tape.fused_loss(&logits[..matrices], |logits, grads| {
            let input = LossInput {
                logits,
                rows,
                classes,
                targets: Targets { labels, soft: None, mix: None },
                sample_ids: ids,
                epoch,
                step: *step,
            };
            loss.evaluate(&input, LossGrad::Into(grads))
        });
        let value = evaluated.map_err(|source| HarnessError::Training {
            loss: loss.info().name.to_string(),
            seed: settings.seed,
            epoch: epoch + 1,
            step: *step + 1,
            source,
        })?;
        tape.backward(value);
        optimizer.step(tape);
        *step += 1;
        Ok(tape.value(value)[0])
    }

    /// Shows the loss the predictions of all rows that train, if it relabels after this epoch.
    fn end_epoch(&mut self, epoch: usize, logits: &mut Vec<f32>) -> Result<(), HarnessError> {
        if !self.loss.wants_train_pass(epoch) {
            return Ok(());
        }
        let data = self.data;
        self.predict(&data.train.features, RowSet::Some(&data.split.train), logits);
        let labels = self.observed.select(&data.split.train);
        let (rows, classes) = (labels.rows(), labels.classes());
        let pass = TrainPass { epoch, logits, labels: labels.cells(), rows, classes };
        self.loss.end_epoch(&pass).map_err(|source| HarnessError::Training {
            loss: self.loss.info().name.to_string(),
            seed: self.settings.seed,
            epoch: epoch + 1,
            step: self.step,
            source,
        })
    }

    /// Logits of rows `rows` of `features`, `[rows, classes]`, into `out`.
    pub fn predict(&mut self, features: &Features, rows: RowSet<'_>, out: &mut Vec<f32>) {
        out.clear();
        for from in (0..rows.len()).step_by(PREDICT_ROWS) {
            let count = PREDICT_ROWS.min(rows.len() - from);
            self.tape.reset();
            let x = self.tape.input_with([count, features.columns()], |x| {
                for (i, x) in x.chunks_exact_mut(features.columns()).enumerate() {
                    x.copy_from_slice(features.row(rows.get(from + i)));
                }
            });
            let z = self.head.forward(&mut self.tape, x, Mode::Eval);
            out.extend_from_slice(self.tape.value(z));
        }
    }

    /// Trains all epochs, keeps the weights of the epoch with the best validation mAP (the first of equals),
    /// and tests once, with those. `after_epoch(epoch, validation mAP)` is told of every epoch. Ends at the next step once
    /// `stop` is set.
    ///
    /// # Errors
    /// [`HarnessError::Training`], [`HarnessError::Metric`] and [`HarnessError::Interrupted`].
    pub fn run(
        mut self,
        stop: &AtomicBool,
        mut after_epoch: impl FnMut(usize, f64),
    ) -> Result<Finished, HarnessError> {
        let (name, seed) = (self.loss.info().name.to_string(), self.settings.seed);
        let failed = |source| HarnessError::Metric { loss: name.clone(), seed, source };
        let data = self.data;
        let val_truth = data.train.truth.select(&data.split.val);
        let mut ap = ApScratch::new(MapConvention::SPML);
        let mut logits = Vec::new();
        let mut best = Best::default();
        let mut losses = Vec::with_capacity(self.settings.epochs);
        let mut val_maps = Vec::with_capacity(self.settings.epochs);
        for epoch in 0..self.settings.epochs {
            self.begin_epoch(epoch);
            let mut sum = 0.0;
            for batch in 0..self.steps_per_epoch() {
                if stop.load(Ordering::Relaxed) {
                    return Err(HarnessError::Interrupted);
                }
                sum += f64::from(self.step(epoch, batch)?);
            }
            losses.push(sum / self.steps_per_epoch() as f64);
            self.end_epoch(epoch, &mut logits)?;
            self.predict(&data.train.features, RowSet::Some(&data.split.val), &mut logits);
            let map = ap.evaluate(&logits, &val_truth).map_err(&failed)?.percent();
            val_maps.push(map);
            if best.epoch == 0 || map > best.val_map {
                best.keep(epoch + 1, map, &self.tape);
            }
            after_epoch(epoch + 1, map);
        }
        best.restore(&mut self.tape);
        self.predict(&data.test.features, RowSet::All(data.test.rows()), &mut logits);
        let test = ap.evaluate(&logits, &data.test.truth).map_err(&failed)?;
        let tested = data.tested_classes();
        let present = test.per_class.iter().zip(&tested).filter(|(_, tested)| **tested);
        let present: Vec<f64> = present.map(|(ap, _)| *ap).collect();
        let test_map_present =
            (!present.is_empty()).then(|| 100.0 * present.iter().sum::<f64>() / present.len() as f64);
        Ok(Finished {
            loss: name.clone(),
            seed,
            labels: LabelCounts::of(&self.observed.select(&data.split.train)),
            best_epoch: best.epoch,
            val_map: best.val_map,
            test_map: test.percent(),
            test_map_present,
            test_ap: test.per_class.iter().map(|ap| 100.0 * ap).collect(),
            epoch_losses: losses,
            epoch_val_maps: val_maps,
            weights: weights_digest(&best.weights),
        })
    }
}

/// Rows of a feature matrix: all of the first n, or some by number.
#[derive(Clone, Copy, Debug)]
pub enum RowSet<'a> {
    /// Rows 0 to n - 1.
    All(usize),
    /// These rows, in this order.
    Some(&'a [usize]),
}

impl RowSet<'_> {
    fn len(self) -> usize {
        match self {
            RowSet::All(n) => n,
            RowSet::Some(rows) => rows.len(),
        }
    }

    fn get(self, i: usize) -> usize {
        match self {
            RowSet::All(_) => i,
            RowSet::Some(rows) => rows[i],
        }
    }
}

/// The weights of the best epoch so far.
#[derive(Default)]
struct Best {
    /// Counted from 1; 0 before the first.
    epoch: usize,
    val_map: f64,
    weights: Vec<Vec<f32>>,
}

impl Best {
    fn keep(&mut self, epoch: usize, val_map: f64, tape: &Tape) {
        (self.epoch, self.val_map) = (epoch, val_map);
        let entries = tape.entries().filter(|e| e.name != ESTIMATOR);
        for (i, entry) in entries.enumerate() {
            match self.weights.get_mut(i) {
                Some(kept) => kept.copy_from_slice(entry.value),
                None => self.weights.push(entry.value.to_vec()),
            }
        }
    }

    fn restore(&self, tape: &mut Tape) {
        let mut kept = self.weights.iter();
        tape.update_entries(|_, entry| {
            if entry.name != ESTIMATOR {
                entry.value.copy_from_slice(kept.next().expect("every weight was kept"));
            }
        });
    }
}
