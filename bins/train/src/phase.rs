//! Everything of one phase of a run: tape, procedure, feeds, optimiser, schedules, averages.

use crate::feed::Source;
use crate::optimizers::{Length, Stepper, optimizer, schedule};
use crate::procedure::{self, Build, Layout, LossChoice, Procedure};
use crate::slices;
use crate::{Data, Feed, Head, LastBatch, MetricRow, Named, Pool, Rows, TrainError, Training};
use lacuna_engine::{EntryKind, Exec, Shape, Tape};
use lacuna_kernels::{Write, rows::transpose};
use lacuna_nn::{ModelEma, ParamGroup, Schedule};

/// Rows that are predicted at once.
const PREDICT_ROWS: usize = 256;
/// Most feeds of a procedure.
pub(crate) const MOST_FEEDS: usize = 3;

/// Everything of the present phase.
pub(crate) struct Current {
    pub(crate) tape: Tape,
    pub(crate) procedure: Box<dyn Procedure>,
    pub(crate) sources: Vec<Source>,
    pub(crate) stepper: Stepper,
    pub(crate) schedule: Box<dyn Schedule + Send>,
    /// Schedules of groups, by the number of the group.
    pub(crate) group_schedules: Vec<(usize, Box<dyn Schedule + Send>)>,
    pub(crate) clip: Option<f64>,
    pub(crate) ema: Option<ModelEma>,
}

/// The weights of the best epoch of the phase so far.
#[derive(Clone, Default)]
pub(crate) struct Best {
    /// Counted from 1; 0 before the first.
    pub(crate) epoch: usize,
    pub(crate) value: f64,
    pub(crate) weights: Vec<Vec<f32>>,
}

/// The best epochs of a phase by one kind of labels: of the model, and of its averages.
#[derive(Clone, Default)]
pub(crate) struct Choice {
    pub(crate) model: Best,
    pub(crate) averaged: Best,
}

impl Choice {
    /// The better of the two, and whether it is the averages: those of equals in the same epoch, else the earlier epoch.
    pub(crate) fn chosen(&self, select: Option<&MetricRow>) -> (&Best, bool) {
        let (model, average) = (&self.model, &self.averaged);
        let averaged = average.epoch > 0
            && select.is_some_and(|select| {
                select.better(average.value, model.value)
                    || (average.value == model.value && average.epoch <= model.epoch)
            });
        (if averaged { average } else { model }, averaged)
    }
}

/// Builds everything of a phase.
pub(crate) fn start_phase(
    data: Data<'_>,
    phase: &Training,
    loss: &LossChoice,
    seed: u64,
    before: Option<&[(String, Vec<f32>)]>,
    resuming: bool,
) -> Result<Current, TrainError> {
    let train = data.train;
    let named = procedure::resolved(&phase.procedure, loss)?;
    let (_, values) = named.find(crate::PROCEDURES)?;
    let head = phase.head.on(train.features.columns(), train.classes(), None)?;
    let pool = match phase.rows {
        Rows::All => Pool::All,
        Rows::Labelled => Pool::Labelled,
    };
    if train.features.columns() == 0 {
        return Err(TrainError::Setting("the training rows have no features".to_string()));
    }
    if named.name == "sampled-negatives" && phase.ema.is_some() {
        return Err(TrainError::Setting(
            "procedure sampled-negatives: an average of the weights would read all classes in every step; remove training.ema"
                .to_string(),
        ));
    }
    if train.slice.is_some() {
        slices::trainable(&head, &named, loss, phase)?;
    }
    let whole = phase.optimizer.name == "lbfgs";
    let mut feed = Feed {
        sampler: phase.sampler.clone(),
        pool,
        batch: phase.batch,
        keep_last: phase.last_batch == LastBatch::Keep,
    };
    if whole {
        searchable(&head, &named, phase)?;
        // One batch of all rows; their order would only change the rounding of sums.
        feed = Feed { sampler: Named::new("fixed"), batch: train.len().max(1), keep_last: true, ..feed };
    }
    let mut tape = Tape::with_exec(Exec::Serial);
    let build =
        Build { tape: &mut tape, train, head: &head, loss, feed, values: &values, seed, before, resuming };
    let procedure = procedure::build(&named, build)?;
    tape.seal();
    if let Some(before) = before
        && named.name != "two-phase"
    {
        start_from(&mut tape, &*procedure, before)?;
    }
    let feeds = procedure.feeds();
    assert!(feeds.len() <= MOST_FEEDS, "a procedure has at most {MOST_FEEDS} feeds");
    let sources = feeds
        .iter()
        .enumerate()
        .map(|(i, feed)| Source::new(feed, i, &train, seed))
        .collect::<Result<Vec<_>, _>>()?;
    normalisable(&head, phase, &sources)?;
    let length =
        Length { lr: phase.lr, steps_per_epoch: sources[0].batches() as u64, epochs: phase.epochs as u64 };
    let mut groups: Vec<ParamGroup> = procedure.groups();
    let mut group_schedules = Vec::new();
    for spec in &phase.groups {
        if let Some(named) = &spec.schedule {
            let length = Length { lr: length.lr * spec.lr_factor, ..length };
            group_schedules.push((groups.len(), schedule(named, length)?));
        }
        let group = spec.group()?;
        matched(&tape, &group, "groups", &spec.matches)?;
        groups.push(group);
    }
    for matches in &phase.no_decay {
        let spec = crate::GroupSpec {
            matches: matches.clone(),
            lr_factor: 1.0,
            weight_decay: Some(0.0),
            schedule: None,
        };
        let group = spec.group()?;
        matched(&tape, &group, "no_decay", matches)?;
        groups.push(group);
    }
    Ok(Current {
        stepper: optimizer(&phase.optimizer, phase.lr, groups)?,
        schedule: schedule(&phase.schedule, length)?,
        group_schedules,
        clip: phase.clip,
        ema: phase
            .ema
            .map(|decay| ModelEma::of(&tape, decay, |entry| procedure.predicts_with(entry.name).is_some())),
        tape,
        procedure,
        sources,
    })
}

/// Refuses a head along whose loss no line can be searched, because it is another function at each evaluation; its running
/// statistics would stay at their first values besides.
fn searchable(head: &Head, procedure: &Named, phase: &Training) -> Result<(), TrainError> {
    let refuse = |problem: String| Err(TrainError::Setting(format!("optimizer lbfgs: {problem}")));
    if !["plain", "two-phase"].contains(&procedure.name.as_str()) {
        return refuse(format!(
            "procedure {} has no loss that is the same function at each evaluation; adam, adamw and sgd train it",
            procedure.name
        ));
    }
    let unused = [
        ("clip", phase.clip.is_some()),
        ("schedule", phase.schedule.name != "constant"),
        ("sampler", phase.sampler.name != "shuffled"),
        ("groups.schedule", phase.groups.iter().any(|group| group.schedule.is_some())),
    ];
    if let Some((key, _)) = unused.iter().find(|(_, given)| *given) {
        return refuse(format!("it takes all rows at once and searches its own step: remove training.{key}"));
    }
    let what = match head {
        Head::Mlp(mlp) if mlp.batch_norm => "batch norm, whose statistics move",
        Head::Mlp(mlp) if mlp.dropout > 0.0 || mlp.nested_dropout > 0.0 => "dropout, which draws new masks",
        _ => return Ok(()),
    };
    refuse(format!("the head has {what}; adam, adamw and sgd train it"))
}

/// Refuses a batch of one row before batch normalisation, which needs the variance of several.
fn normalisable(head: &Head, phase: &Training, sources: &[Source]) -> Result<(), TrainError> {
    let Head::Mlp(mlp) = head else { return Ok(()) };
    match sources.iter().find(|source| source.has_batch_of_one()) {
        Some(source) if mlp.batch_norm => Err(TrainError::Setting(format!(
            "head: batch norm needs at least 2 rows in every batch, and batch = {} leaves one of {} rows with 1; choose \
             another batch{}",
            source.batch_size(),
            source.rows(),
            if phase.last_batch == LastBatch::Keep { ", or last_batch = \"drop\"" } else { "" }
        ))),
        _ => Ok(()),
    }
}

/// Refuses a group that has none of the parameters.
fn matched(tape: &Tape, group: &ParamGroup, key: &str, matches: &str) -> Result<(), TrainError> {
    let params = || tape.entries().filter(|entry| entry.kind == EntryKind::Param);
    // `bias` stands for the biases that there are, which may be none.
    if matches == "bias" || params().any(|entry| group.contains(entry.name, entry.shape)) {
        return Ok(());
    }
    let names: Vec<&str> = params().map(|entry| entry.name).collect();
    Err(TrainError::Setting(format!(
        "training.{key}: no parameter matches `{matches}`; there are {}",
        names.join(", ")
    )))
}

/// Gives entries the values of the phase before.
fn start_from(
    tape: &mut Tape,
    procedure: &dyn Procedure,
    before: &[(String, Vec<f32>)],
) -> Result<(), TrainError> {
    let mut missing = None;
    tape.update_entries(|_, entry| {
        let Some(name) = procedure.predicts_with(entry.name) else { return };
        match before.iter().find(|(known, values)| known == name && values.len() == entry.value.len()) {
            Some((_, values)) => procedure.layout(entry.name).import(entry.shape, values, entry.value),
            None => missing = Some(format!("`{name}` of {} numbers", entry.value.len())),
        }
    });
    match missing {
        None => Ok(()),
        Some(what) => Err(TrainError::Setting(format!(
            "start: the phase before has no {what}; its head is another one"
        ))),
    }
}

impl Layout {
    /// The shape in the model of an entry of this shape.
    fn shape(self, entry: Shape) -> Vec<usize> {
        match (self, entry.sizes()) {
            (Layout::Model, sizes) => sizes.to_vec(),
            (Layout::Transposed, [rows, columns]) => vec![*columns, *rows],
            (Layout::Column, [rows, 1]) => vec![*rows],
            (layout, sizes) => panic!("an entry of shape {sizes:?} does not lie {layout:?}"),
        }
    }

    /// Writes the numbers of an entry as the model has them.
    fn export(self, entry: Shape, values: &[f32], out: &mut [f32]) {
        match self {
            Layout::Model | Layout::Column => out.copy_from_slice(values),
            Layout::Transposed => transpose(Exec::Serial, Write::Set, values, entry.sizes()[1], out),
        }
    }

    /// The way back.
    fn import(self, entry: Shape, values: &[f32], out: &mut [f32]) {
        match self {
            Layout::Model | Layout::Column => out.copy_from_slice(values),
            Layout::Transposed => transpose(Exec::Serial, Write::Set, values, entry.sizes()[0], out),
        }
    }
}

impl Current {
    pub(crate) fn steps_per_epoch(&self) -> usize {
        self.sources[0].batches()
    }

    /// Moves rows of parameters by the steps that they miss, so that every number on the tape may be read.
    pub(crate) fn catch_up(&mut self) {
        if let Stepper::Batches(optimizer) = &mut self.stepper {
            optimizer.catch_up(&mut self.tape);
        }
    }

    /// Entries of the model that predicts: name within the model, shape and values.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (String, Vec<usize>, Vec<f32>)> + '_ {
        self.tape.entries().filter_map(|entry| {
            let name = self.procedure.predicts_with(entry.name)?;
            let layout = self.procedure.layout(entry.name);
            let mut values = vec![0.0; entry.value.len()];
            layout.export(entry.shape, entry.value, &mut values);
            Some((name.to_string(), layout.shape(entry.shape), values))
        })
    }

    /// Values of the model that predicts, in the order of the tape.
    pub(crate) fn weights(&self) -> Vec<Vec<f32>> {
        self.entries().map(|(_, _, values)| values).collect()
    }

    pub(crate) fn named_weights(&self, weights: &[Vec<f32>]) -> Vec<(String, Vec<f32>)> {
        self.entries().zip(weights).map(|((name, _, _), values)| (name, values.clone())).collect()
    }

    pub(crate) fn set_weights(&mut self, weights: &[Vec<f32>]) {
        let mut weights = weights.iter();
        let procedure = &*self.procedure;
        self.tape.update_entries(|_, entry| {
            if procedure.predicts_with(entry.name).is_some() {
                let values = weights.next().expect("a value for each entry");
                procedure.layout(entry.name).import(entry.shape, values, entry.value);
            }
        });
    }

    /// Logits of `count` rows that `copy` writes, `[count, C]`, in evaluation mode.
    pub(crate) fn predict(
        &mut self,
        count: usize,
        columns: usize,
        copy: impl Fn(usize, &mut [f32]),
        out: &mut Vec<f32>,
    ) {
        out.clear();
        for from in (0..count).step_by(PREDICT_ROWS) {
            let rows = PREDICT_ROWS.min(count - from);
            self.tape.reset();
            let x = self.tape.input_with([rows, columns], |x| {
                for (i, x) in x.chunks_exact_mut(columns).enumerate() {
                    copy(from + i, x);
                }
            });
            let z = self.procedure.predict(&mut self.tape, x);
            out.extend_from_slice(self.tape.value(z));
        }
    }
}

impl Best {
    /// Takes the weights over if their value is better than that of the best epoch so far.
    pub(crate) fn offer(&mut self, select: &MetricRow, epoch: usize, value: f64, current: &Current) {
        if self.epoch == 0 || select.better(value, self.value) {
            self.keep(epoch, value, current);
        }
    }

    fn keep(&mut self, epoch: usize, value: f64, current: &Current) {
        (self.epoch, self.value) = (epoch, value);
        let entries = current.tape.entries().filter(|e| current.procedure.predicts_with(e.name).is_some());
        for (i, entry) in entries.enumerate() {
            if self.weights.len() == i {
                self.weights.push(vec![0.0; entry.value.len()]);
            }
            current.procedure.layout(entry.name).export(entry.shape, entry.value, &mut self.weights[i]);
        }
    }
}
