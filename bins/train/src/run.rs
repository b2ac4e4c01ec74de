//! The one training loop.

use crate::hidden::HiddenPositives;
use crate::optimizers::Stepper;
use crate::phase::{Best, Choice, Current, MOST_FEEDS, start_phase};
use crate::procedure::{At, LossChoice};
use crate::slices;
use crate::{
    Also, Batch, Checkpoint, Data, EpochRecord, EvalLabels, EvalSet, Evaluation, MetricRow, MetricValue,
    ObservedChoice, Outcome, Scored, Start, TrainError, Training, Weights, metric,
};
use lacuna_engine::{Observer, Tape};
use lacuna_losses::{Label, TrainPass};
use lacuna_metrics::{ApScratch, MapConvention, MetricError};
use lacuna_nn::clip_grad_norm;
use std::collections::BTreeMap;

/// A run: phases of training, one epoch at a time.
///
/// A step is: reset the tape, bring the rows that the procedure reads up to date, set the rates of the schedule,
/// [`Procedure::step`](crate::Procedure::step), backward pass, clip, optimiser,
/// [`Tape::commit_state`](lacuna_engine::Tape::commit_state), average of the weights. After an epoch the model is measured on the validation rows, with its
/// averaged weights too where weights are averaged. Everything that decides the next bits is a field of this struct and in
/// its [`Checkpoint`].
pub struct Run<'a> {
    pub(crate) data: Data<'a>,
    pub(crate) loss: LossChoice,
    pub(crate) seed: u64,
    pub(crate) phases: Vec<Training>,
    evaluation: Evaluation,
    select: Option<&'static MetricRow>,
    train_counts: Vec<usize>,
    pub(crate) at: Place,
    pub(crate) current: Current,
    pub(crate) best: Choice,
    /// The same by observed labels.
    pub(crate) best_observed: Choice,
    pub(crate) history: Vec<EpochRecord>,
    logits: Vec<f32>,
    hidden: Option<HiddenPositives>,
    pub(crate) converged: bool,
}

/// The position of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) phase: usize,
    /// Epochs of the phase that are over.
    pub(crate) epoch: usize,
    /// Steps of the phase that are over.
    pub(crate) step: u64,
}

impl<'a> Run<'a> {
    /// A run at its start.
    ///
    /// # Errors
    /// [`TrainError::Setting`] for settings that do not fit the data or the loss, [`TrainError::Loss`].
    pub fn new(
        data: Data<'a>,
        training: &Training,
        evaluation: &Evaluation,
        loss: LossChoice,
        seed: u64,
    ) -> Result<Self, TrainError> {
        Self::at_phase(data, training, evaluation, loss, seed, 0, false)
    }

    pub(crate) fn at_phase(
        data: Data<'a>,
        training: &Training,
        evaluation: &Evaluation,
        loss: LossChoice,
        seed: u64,
        phase: usize,
        resuming: bool,
    ) -> Result<Self, TrainError> {
        training.check()?;
        let phases = training.phases()?;
        // Before the checks of an evaluation that a task does not do.
        if data.train.slice.is_some() {
            slices::alone(&phases, evaluation)?;
        }
        evaluation.check()?;
        let select = match evaluation.select.as_str() {
            "last" => None,
            name => Some(metric(name)?),
        };
        if phase >= phases.len() {
            return Err(TrainError::Setting(format!("unknown phase {}", phase.saturating_add(1))));
        }
        let train_counts = data.train.positives_per_class();
        if let (Some(select), Some(set)) = (select, &data.val) {
            selectable(select, set, &train_counts)?;
        }
        let current = start_phase(data, &phases[phase], &loss, seed, None, resuming)?;
        let hidden = data.hidden.filter(|_| evaluation.hidden);
        let hidden = hidden.and_then(|truth| HiddenPositives::of(&data.train, truth));
        Ok(Self {
            hidden,
            train_counts,
            data,
            loss,
            seed,
            phases,
            evaluation: evaluation.clone(),
            select,
            at: Place { phase, ..Place::default() },
            current,
            best: Choice::default(),
            best_observed: Choice::default(),
            history: Vec::new(),
            logits: Vec::new(),
            converged: false,
        })
    }

    /// Whether every epoch of every phase is over.
    pub fn is_done(&self) -> bool {
        self.at.phase + 1 == self.phases.len() && self.phase_is_over()
    }

    /// Whether the present phase has had its epochs, its metric has not improved for as many as
    /// [`Evaluation::patience`] says, or L-BFGS has converged.
    fn phase_is_over(&self) -> bool {
        let best = self.best.model.epoch.max(self.best.averaged.epoch);
        let waits = self.evaluation.patience.filter(|_| best > 0);
        self.at.epoch >= self.phases[self.at.phase].epochs
            || self.converged
            || waits.is_some_and(|patience| self.at.epoch - best >= patience)
    }

    /// Whether the last step was one of L-BFGS that found nothing left to improve: further epochs of the phase change no
    /// prediction, and whoever drives the run may [`finish`](Self::finish) it. Runs of other optimisers never converge.
    pub fn converged(&self) -> bool {
        self.converged
    }

    /// Epochs of all phases together.
    pub fn epochs(&self) -> usize {
        self.phases.iter().map(|phase| phase.epochs).sum()
    }

    /// Epochs that are over.
    pub fn epochs_done(&self) -> usize {
        self.history.len()
    }

    /// Every epoch that is over.
    pub fn history(&self) -> &[EpochRecord] {
        &self.history
    }

    /// Rows of the first feed that an epoch of the present phase trains on.
    pub fn rows_per_epoch(&self) -> usize {
        let source = &self.current.sources[0];
        source.rows().min(source.batches() * source.batch_size())
    }

    /// The learning rate of the last step of the present phase, as its schedule has it.
    pub fn learning_rate(&self) -> f64 {
        self.current.schedule.learning_rate(self.at.step.saturating_sub(1))
    }

    /// Steps of an epoch of the present phase.
    pub fn steps_per_epoch(&self) -> usize {
        self.current.steps_per_epoch()
    }

    /// The tape of the present phase, with the last step as it was recorded.
    pub fn tape(&self) -> &Tape {
        &self.current.tape
    }

    /// Hands every node that the present phase records and differentiates from now on to `observer`; `None` ends it. Returns
    /// the one before.
    pub fn observe(&mut self, observer: Option<Box<dyn Observer>>) -> Option<Box<dyn Observer>> {
        self.current.tape.observe(observer)
    }

    /// Everything that the run looks at.
    pub fn data(&self) -> &Data<'a> {
        &self.data
    }

    /// Logits `[rows, classes]` of the rows that train, in their order, with the weights of the last step. It changes nothing of
    /// the run, and is taken between epochs.
    pub fn train_logits(&mut self) -> &[f32] {
        self.predict_train();
        &self.logits
    }

    /// One metric of a set with the weights of the last step, as [`train_logits`](Self::train_logits).
    ///
    /// # Errors
    /// [`TrainError::Metric`].
    pub fn measured_on(&mut self, metric: &MetricRow, set: &EvalSet<'_>) -> Result<f64, TrainError> {
        self.measure(metric, set)
    }

    /// Trains one epoch and measures it.
    ///
    /// # Errors
    /// [`TrainError::Step`] where a loss refuses a batch, [`TrainError::Metric`].
    ///
    /// # Panics
    /// If the run [is done](Self::is_done).
    pub fn epoch(&mut self) -> Result<EpochRecord, TrainError> {
        assert!(!self.is_done(), "every epoch of the run is over");
        if self.phase_is_over() {
            self.next_phase()?;
        }
        self.begin_epoch()?;
        let steps = self.steps_per_epoch();
        let mut sum = 0.0;
        for step in 0..steps {
            sum += f64::from(self.step(step)?);
        }
        self.end_epoch(sum / steps as f64)
    }

    /// New orders of rows, and what the procedure does before an epoch.
    ///
    /// # Errors
    /// As for [`Run::epoch`].
    pub fn begin_epoch(&mut self) -> Result<(), TrainError> {
        let (epoch, seed) = (self.at.epoch, self.seed);
        self.current.sources.iter_mut().for_each(|source| source.begin_epoch(seed, epoch));
        let at = At { seed, epoch, step: self.at.step };
        let begun = if self.current.procedure.wants_pass_before(epoch) {
            self.swap_averages();
            self.predict_train();
            self.swap_averages();
            let labels = self.data.train.labels();
            let pass = pass(epoch, &self.logits, labels.cells(), self.data.train.classes());
            self.current.procedure.begin_epoch(at, Some(&pass))
        } else {
            self.current.procedure.begin_epoch(at, None)
        };
        begun.map_err(|source| self.failed(source))
    }

    /// One step: batch number `step` of the epoch of each feed. Returns the loss.
    ///
    /// # Errors
    /// As for [`Run::epoch`].
    pub fn step(&mut self, step: usize) -> Result<f32, TrainError> {
        let at = At { seed: self.seed, epoch: self.at.epoch, step: self.at.step };
        let train = self.data.train;
        let Current { tape, procedure, sources, stepper, schedule, group_schedules, clip, .. } =
            &mut self.current;
        let empty = Batch { train, ids: &[], labels: &[], rows_kept: None };
        // One batch of all rows in every step.
        let whole = matches!(stepper, Stepper::Whole(_));
        let mut batches = [empty; MOST_FEEDS];
        let count = sources.len();
        for (feed, (batch, source)) in batches.iter_mut().zip(sources.iter_mut()).enumerate() {
            let (ids, labels) = source.batch(&train, step);
            *batch = Batch { train, ids, labels, rows_kept: whole.then_some(feed as u64) };
        }
        let batches = &batches[..count];
        let value = match stepper {
            Stepper::Batches(optimizer) => {
                tape.reset();
                procedure.rows_read(batches, at, &mut |parameter, rows| {
                    optimizer.catch_up_rows(tape, parameter, rows);
                });
                schedule.apply(at.step, &mut **optimizer);
                for (group, schedule) in group_schedules {
                    optimizer.set_group_learning_rate(*group, schedule.learning_rate(at.step) as f32);
                }
                procedure.step(tape, batches, at).map(|loss| {
                    tape.backward(loss);
                    if let Some(norm) = clip {
                        clip_grad_norm(tape, *norm);
                    }
                    optimizer.step(tape);
                    tape.commit_state();
                    tape.value(loss)[0]
                })
            }
            Stepper::Whole(lbfgs) => lbfgs
                .iterate(tape, |tape| {
                    tape.reset();
                    procedure.step(tape, batches, at)
                })
                .map(|progress| {
                    self.converged = progress.converged;
                    progress.value as f32
                }),
        };
        let value = value.map_err(|source| self.failed(source))?;
        if let Some(ema) = &mut self.current.ema {
            ema.update(&self.current.tape);
        }
        self.at.step += 1;
        Ok(value)
    }

    /// What the procedure does after an epoch, and the measurement on the validation rows.
    ///
    /// # Errors
    /// As for [`Run::epoch`].
    pub fn end_epoch(&mut self, loss: f64) -> Result<EpochRecord, TrainError> {
        let epoch = self.at.epoch;
        self.current.catch_up();
        if self.current.procedure.wants_train_pass(epoch) {
            self.predict_train();
            let labels = self.data.train.labels();
            let pass = pass(epoch, &self.logits, labels.cells(), self.data.train.classes());
            let ended = self.current.procedure.end_epoch(&pass);
            ended.map_err(|source| self.failed(source))?;
        }
        self.judge(loss)
    }

    /// Whether an epoch is chosen on validation rows.
    pub(crate) fn chooses(&self) -> bool {
        self.select.is_some() && self.data.val.is_some()
    }

    /// Measures the weights at the end of an epoch on the validation rows.
    pub(crate) fn judge(&mut self, loss: f64) -> Result<EpochRecord, TrainError> {
        self.at.epoch += 1;
        let (mut val, mut val_averaged) = (None, None);
        if let (Some(select), Some(set)) = (self.select, self.data.val) {
            val = Some(self.judge_weights(select, &set, |choice| &mut choice.model)?);
            if self.current.ema.is_some() {
                self.swap_averages();
                let value = self.judge_weights(select, &set, |choice| &mut choice.averaged);
                self.swap_averages();
                val_averaged = Some(value?);
            }
        }
        let hidden = self.hidden.take().map(|mut hidden| {
            self.predict_train();
            let found = hidden.found(&self.logits);
            self.hidden = Some(hidden);
            found
        });
        let (phase, epoch) = (self.at.phase + 1, self.at.epoch);
        let record = EpochRecord { phase, epoch, loss, val, val_averaged, hidden };
        self.history.push(record);
        Ok(record)
    }

    /// Measures the weights on the tape on the validation rows, and keeps them where they are the best so far; returns the value
    /// on the labels that choose.
    fn judge_weights(
        &mut self,
        select: &MetricRow,
        set: &EvalSet<'_>,
        of: fn(&mut Choice) -> &mut Best,
    ) -> Result<f64, TrainError> {
        let value = self.measure(select, set)?;
        of(&mut self.best).offer(select, self.at.epoch, value, &self.current);
        if let Some(labels) =
            self.data.val_observed.filter(|_| self.evaluation.also.contains(&Also::Observed))
        {
            let value = self.measured(select, labels)?;
            of(&mut self.best_observed).offer(select, self.at.epoch, value, &self.current);
        }
        Ok(value)
    }

    /// Ends the run: the chosen weights measured on the test rows.
    ///
    /// # Errors
    /// [`TrainError::Metric`].
    pub fn finish(mut self) -> Result<Outcome, TrainError> {
        self.current.catch_up();
        let last = self.current.weights();
        let last_averaged = self.current.ema.is_some().then(|| {
            self.swap_averages();
            let weights = self.current.weights();
            self.swap_averages();
            weights
        });
        let (chosen, averaged) = self.best.chosen(self.select);
        let (best_epoch, val, weights) = match chosen.epoch {
            0 => (self.at.epoch, None, last.clone()),
            epoch => (epoch, Some(chosen.value), chosen.weights.clone()),
        };
        let mut observed = None;
        let mut metrics = BTreeMap::new();
        let mut test_ap = Vec::new();
        if let Some(test) = self.data.test {
            for also in self.evaluation.also.clone() {
                let weights = match also {
                    Also::Model if self.best.model.epoch > 0 => Some(self.best.model.weights.clone()),
                    Also::Averaged if self.best.averaged.epoch > 0 => {
                        Some(self.best.averaged.weights.clone())
                    }
                    Also::Observed if self.best_observed.model.epoch > 0 => {
                        Some(self.best_observed.chosen(self.select).0.weights.clone())
                    }
                    Also::Last => Some(last.clone()),
                    Also::LastAveraged => last_averaged.clone(),
                    _ => None,
                };
                if let Some(weights) = weights {
                    self.current.set_weights(&weights);
                    self.measure_all(&test, &format!(".{also}"), &mut metrics)?;
                    if also == Also::Observed {
                        let (Best { epoch, value: val, .. }, _) = self.best_observed.chosen(self.select);
                        let test_logits = self.logits.clone();
                        observed = Some(ObservedChoice { epoch: *epoch, val: *val, test_logits });
                    }
                }
            }
            self.current.set_weights(&weights);
            self.measure_all(&test, "", &mut metrics)?;
            let mut scratch = ApScratch::new(MapConvention::SPML);
            let result = scratch.evaluate(&self.logits, test.labels.judged());
            let result = result.map_err(|source| self.refused(source))?;
            test_ap = result.per_class.iter().map(|ap| 100.0 * ap).collect();
        }
        self.current.set_weights(&weights);
        let test_logits = if self.data.test.is_some() { std::mem::take(&mut self.logits) } else { vec![] };
        let named = self.current.entries().map(|(name, shape, values)| Weights { name, shape, values });
        Ok(Outcome {
            best_epoch,
            averaged,
            converged: self.converged,
            val,
            metrics,
            test_ap,
            test_logits,
            observed,
            weights: named.collect(),
            epochs: self.history,
            report: self.current.procedure.report(),
        })
    }

    /// Ends the present phase and starts the next one.
    fn next_phase(&mut self) -> Result<(), TrainError> {
        let next = &self.phases[self.at.phase + 1];
        let before = match next.start {
            Start::Fresh => None,
            Start::Last => Some(self.current.named_weights(&self.current.weights())),
            Start::Best => Some(match self.best.model.epoch {
                0 => self.current.named_weights(&self.current.weights()),
                _ => self.current.named_weights(&self.best.model.weights),
            }),
            Start::Averaged => {
                if self.current.ema.is_none() {
                    let problem = "start = \"averaged\": the phase before has no `ema`";
                    return Err(TrainError::Setting(problem.to_string()));
                }
                self.swap_averages();
                let weights = self.current.weights();
                self.swap_averages();
                Some(self.current.named_weights(&weights))
            }
        };
        self.current = start_phase(
            self.data,
            &self.phases[self.at.phase + 1],
            &self.loss,
            self.seed,
            before.as_deref(),
            false,
        )?;
        self.at = Place { phase: self.at.phase + 1, epoch: 0, step: 0 };
        self.converged = false;
        (self.best, self.best_observed) = (Choice::default(), Choice::default());
        Ok(())
    }

    fn swap_averages(&mut self) {
        let Current { tape, ema, .. } = &mut self.current;
        if let Some(ema) = ema {
            ema.swap(tape);
        }
    }

    /// Logits of the rows that train, in their order.
    fn predict_train(&mut self) {
        let train = self.data.train;
        let columns = train.features.columns();
        let copy = |i: usize, x: &mut [f32]| train.copy_features(i as u32, x);
        self.current.predict(train.len(), columns, copy, &mut self.logits);
    }

    /// One metric of a set with the weights on the tape.
    fn measure(&mut self, metric: &MetricRow, set: &EvalSet<'_>) -> Result<f64, TrainError> {
        self.predict_set(set);
        self.measured(metric, set.labels)
    }

    /// One metric of the logits that were predicted last.
    fn measured(&self, metric: &MetricRow, labels: EvalLabels<'_>) -> Result<f64, TrainError> {
        let scored = Scored::new(&self.logits, labels, &self.train_counts);
        metric.of(&scored).map_err(|source| self.refused(source))
    }

    /// Every metric of the specification; the logits stay.
    fn measure_all(
        &mut self,
        set: &EvalSet<'_>,
        suffix: &str,
        metrics: &mut BTreeMap<String, MetricValue>,
    ) -> Result<(), TrainError> {
        self.predict_set(set);
        let scored = Scored::new(&self.logits, set.labels, &self.train_counts);
        for name in &self.evaluation.metrics {
            let value = metric(name)?.value(&scored).map_err(|source| self.refused(source))?;
            metrics.insert(format!("{name}{suffix}"), value);
        }
        Ok(())
    }

    fn predict_set(&mut self, set: &EvalSet<'_>) {
        let columns = set.features.columns();
        self.current.predict(set.len(), columns, |i, x| set.copy(i, x), &mut self.logits);
    }

    fn failed(&self, source: TrainError) -> TrainError {
        TrainError::Step {
            loss: self.loss.row.info.name.to_string(),
            seed: self.seed,
            epoch: self.at.epoch + 1,
            step: self.at.step + 1,
            source: Box::new(source),
        }
    }

    fn refused(&self, source: MetricError) -> TrainError {
        TrainError::Metric { loss: self.loss.row.info.name.to_string(), seed: self.seed, source }
    }

    /// A checkpoint of everything that decides the next bits; taken between epochs.
    ///
    /// # Panics
    /// Amid an epoch of a procedure that reads single rows of a parameter, when rows miss steps.
    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint::of(self)
    }
}

/// Refuses a metric by which no epoch can be told from another: one that is not defined on the validation rows, or observed
/// labels without a known negative, of which every ranking is perfect.
fn selectable(select: &MetricRow, set: &EvalSet<'_>, train_counts: &[usize]) -> Result<(), TrainError> {
    let refuse = |problem: &str| {
        Err(TrainError::Setting(format!("evaluation.select = \"{}\": {problem}", select.name)))
    };
    if let EvalLabels::Observed(observed) = set.labels {
        let has = |wanted: Label| observed.cells().contains(&wanted);
        if !has(Label::Negative) || !has(Label::Positive) {
            return refuse(
                "the observed labels of the validation rows have no known negative or no known positive, so that every epoch has \
                 the same value; on = \"complete\" selects by true labels, select = \"last\" takes the last epoch",
            );
        }
    }
    let logits = vec![0.0; set.len() * train_counts.len()];
    let scored = Scored::new(&logits, set.labels, train_counts);
    match select.of(&scored) {
        Ok(value) if value.is_finite() => Ok(()),
        _ => refuse(
            "it is not defined on the validation rows: no class or no row counts; choose another metric",
        ),
    }
}

fn pass<'p>(epoch: usize, logits: &'p [f32], labels: &'p [Label], classes: usize) -> TrainPass<'p> {
    TrainPass { epoch, logits, labels, rows: labels.len() / classes.max(1), classes }
}
