//! A specification whose every setting has been checked against the data, ready to run.

mod arrays;
mod cache;
mod checks;
mod conventions;
mod notes;
mod slices;

use crate::data::{LabelledRow, LabelsKey};
use crate::{
    Failed, Finished, HarnessError, LabelsSpec, LossReport, LossSpec, MaskSource, Overrides, Provenance,
    Report, RunRecord, RunResult, ScoreFolder, Spec, SplitDataset,
};
use arrays::Arrays;
pub(crate) use cache::DataCache;
use checks::{comparable, memory_for, try_out};
use lacuna_losses::{Context, LabelNeeds, LossError, LossRow, Options};
use lacuna_source::DataSource;
use lacuna_train::{
    CheckpointFolder, Data, EpochRecord, Evaluation, Fingerprints, LossChoice, Model, ModelParts, Outcome,
    ResolvedProcedure, Run, TrainError, TrainedWith, Training,
};
use rayon::prelude::*;
pub use slices::ClassTask;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Progress of a plan.
#[derive(Clone, Debug, PartialEq)]
pub enum Progress {
    /// An epoch of a run is over, here or before the run was resumed.
    Epoch {
        /// Identity of the run.
        id: String,
        /// Name of the loss.
        loss: String,
        /// Seed of the run.
        seed: u64,
        /// The epoch, counted from 1 over all phases.
        epoch: usize,
        /// The same, counted from 1 in its phase.
        epoch_of_phase: usize,
        /// The rows it trained on; 0 for one that was over before the run was resumed.
        rows: usize,
        /// What was measured, by name: `train/loss`, `train/learning_rate` of the last step, the metric of selection on the
        /// validation rows as `val/NAME` and that of averaged weights as `val/NAME.averaged`.
        scalars: Vec<(String, f64)>,
    },
    /// A note: something that is not as it should be, and that no run ends for.
    Note(String),
    /// So many runs of a sweep are with other processes, and nothing else is left.
    Waiting(usize),
    /// A run is over: it ran to its end, or it failed.
    Run(Box<RunRecord>),
}

/// How a plan is run.
#[derive(Clone, Copy, Debug)]
pub struct RunOptions<'a> {
    /// Runs at the same time.
    pub jobs: usize,
    /// Set to stop early; each run then ends its epoch.
    pub stop: &'a AtomicBool,
    /// Where runs that have not ended keep their state, and how often they write it; without it such runs start again.
    pub checkpoints: Option<(&'a Path, Duration)>,
    /// Where the model of each run that ends is saved, in a folder of the run's identity; nowhere without it.
    pub models: Option<&'a Path>,
    /// Where the scores of the test rows of each run that ends are kept; nowhere without it.
    pub scores: Option<&'a ScoreFolder>,
    /// Runs that are there already. Those that ran to their end are not repeated.
    pub kept: &'a [RunRecord],
    /// Where the weights are that tasks have trained for a slice of the classes each: they are joined, and nothing is trained.
    pub classes: Option<&'a Path>,
}

/// Nobody stops a run.
static NEVER: AtomicBool = AtomicBool::new(false);

impl RunOptions<'static> {
    /// All runs, so many at the same time.
    pub fn jobs(jobs: usize) -> Self {
        Self { jobs, stop: &NEVER, checkpoints: None, models: None, scores: None, kept: &[], classes: None }
    }
}

/// A checked benchmark with its data.
#[derive(Debug)]
pub struct Plan {
    /// Every setting resolved: the source of the data with its fingerprint, the mask, all parameters.
    spec: Spec,
    /// Rows as specified, for the conventions of the table.
    asked: Vec<LossSpec>,
    /// Shared with the plans of other points of a sweep.
    split: Arc<cache::Split>,
    arrays: Arc<Arrays>,
    rows: Vec<PlannedRow>,
    notes: Vec<String>,
}

/// A row of the table with everything it is trained with.
#[derive(Debug)]
struct PlannedRow {
    /// Name of the row.
    name: String,
    labels: LabelsKey,
    choice: LossChoice,
    training: Training,
    /// The procedure of each phase.
    procedures: Vec<ResolvedProcedure>,
}

/// Rows that are shown to a loss at once when it is tried out.
const TRIED_ROWS: usize = 256;

/// The labels of a row of the table.
fn need_of(loss: &LossSpec, row: &LossRow) -> LabelNeeds {
    match loss.labels {
        LabelsSpec::Observed => row.needs,
        LabelsSpec::Complete => LabelNeeds::FullTruth,
    }
}

impl Plan {
    /// Checks everything and loads the data.
    ///
    /// # Errors
    /// [`HarnessError`] for whatever would keep the benchmark from running to its end.
    pub fn new(spec: &Spec, overrides: &Overrides) -> Result<Self, HarnessError> {
        Self::sharing(spec, overrides, &mut DataCache::alone(None))
    }

    /// As [`new`](Self::new), for a task that [trains some of the classes](Self::train_classes): where labels are lists, and
    /// neither a protocol nor a loss looks at all of them, only the classes of the task are made dense.
    ///
    /// # Errors
    /// As for [`new`](Self::new).
    pub fn for_classes(spec: &Spec, overrides: &Overrides, task: ClassTask) -> Result<Self, HarnessError> {
        let resolved = overrides.apply(spec)?;
        let looks_at_all = |loss: &LossSpec| {
            let row = lacuna_losses::find(&loss.name)?;
            let drawn = resolved.protocol_of(loss)?.name != "none";
            Ok::<bool, HarnessError>(drawn || row.statistics != lacuna_losses::Statistics::None)
        };
        let all = resolved.losses.iter().map(looks_at_all).collect::<Result<Vec<bool>, _>>()?;
        let task = (!all.contains(&true)).then_some(task);
        Self::sharing(spec, overrides, &mut DataCache::alone(task))
    }

    /// As [`new`](Self::new), with data that other plans may have read already.
    pub(crate) fn sharing(
        spec: &Spec,
        overrides: &Overrides,
        cache: &mut DataCache,
    ) -> Result<Self, HarnessError> {
        let published = spec;
        if spec.sweep.is_some() {
            let problem = "it has a [sweep]: `repro sweep` runs it";
            return Err(HarnessError::Setting(format!("{}: {problem}", spec.name)));
        }
        // Names first: a typing error should not wait for the data.
        let mut spec = overrides.apply(spec)?;
        spec.names_data()?;
        let reduction = spec.training.reduction()?;
        let rows: Vec<&'static LossRow> =
            spec.losses.iter().map(|l| lacuna_losses::find(&l.name)).collect::<Result<_, _>>()?;
        let labelled = |(loss, row): (&LossSpec, &&'static LossRow)| {
            let (name, need) = (loss.row().to_string(), need_of(loss, row));
            Ok(LabelledRow { name, need, protocol: spec.protocol_of(loss)? })
        };
        let labelled: Vec<LabelledRow> =
            spec.losses.iter().zip(&rows).map(labelled).collect::<Result<_, HarnessError>>()?;
        let rows_of_table: Vec<String> = labelled.iter().map(|row| row.name.clone()).collect();
        let (number, mut split) = cache.split(&spec.data, &spec.protocol, labelled)?;
        let (data, _) = &*split;
        let mut notes = data.notes.clone();
        let columns = data.train.features.columns();
        resolve_heads(&mut spec, data)?;
        if let (Some(image), false) = (data.image, matches!(spec.training.head, lacuna_train::Head::Cnn(_))) {
            notes.push(format!(
                "pictures of {image:?} are taken as rows of {columns} numbers: the head is no CNN"
            ));
        }
        if data.tested_classes().contains(&false)
            && !spec.evaluation.metrics.iter().any(|m| m == "map-present")
        {
            spec.evaluation.metrics.push("map-present".to_string());
        }
        let trainings: Vec<Training> =
            spec.losses.iter().map(|loss| spec.training_of(loss)).collect::<Result<_, _>>()?;
        notes.extend(notes::on_disk(data, &spec, &trainings)?);
        notes.extend(notes::of_size(data, &spec));
        cache.transform_in_place(number, &mut split, &trainings)?;
        let (data, keys) = &*split;
        let arrays = cache.arrays(number, data, &spec.evaluation, &trainings)?;

        let context =
            Context { classes: Some(data.classes()), expected_positives: Some(data.expected_positives) };
        let mut planned = Vec::new();
        let mut refused = data.refused.clone();
        for (((row, loss), training), labels) in rows.iter().zip(&spec.losses).zip(trainings).zip(keys) {
            let name = loss.row();
            let reduction = match training.reduction == spec.training.reduction {
                true => reduction,
                false => training.reduction()?,
            };
            let options = Options { params: loss.params.clone(), reduction, context };
            let train = arrays.train(data, *labels, &training);
            let cut = data.cut.as_ref().map(|cut| cut.classes.clone());
            let tried = LossChoice::new(row.info.name, options, &train)
                .map(|choice| LossChoice { cut, ..choice })
                .and_then(|choice| Ok((try_out(&choice, &train)?, choice).1));
            match tried {
                Ok(choice) => {
                    // What does not fit is found now, and not after the runs before it.
                    let set = arrays.data(data, *labels, &training);
                    if refused.iter().all(|(loss, _)| loss != name) {
                        memory_for(&training, data)?;
                        let evaluation = match data.cut {
                            Some(_) => slices::evaluation(&spec.evaluation),
                            None => spec.evaluation.clone(),
                        };
                        Run::new(set, &training, &evaluation, choice.clone(), 0)
                            .map_err(|error| within(error, name, &rows))?;
                    }
                    let phases = training.phases()?;
                    let of_phase =
                        |phase: &Training| ResolvedProcedure::of(&phase.procedure, &choice, &train);
                    let procedures = phases.iter().map(of_phase).collect::<Result<Vec<_>, _>>()?;
                    let (name, labels) = (name.to_string(), *labels);
                    planned.push(PlannedRow { name, labels, choice, training, procedures });
                }
                // What is wrong with a setting is wrong whatever the labels are.
                Err(TrainError::Loss(
                    error @ (LossError::Parameter { .. } | LossError::UnknownParameter { .. }),
                )) => return Err(error.into()),
                Err(_) if refused.iter().any(|(loss, _)| loss == name) => {}
                Err(error) => refused.push((name.to_string(), format!("cannot: {error}"))),
            }
        }
        if !refused.is_empty() {
            let is_refused = |name: &str| refused.iter().any(|(loss, _)| loss == name);
            let names = || rows_of_table.iter().map(String::as_str);
            let fit: Vec<&str> = names().filter(|name| !is_refused(name)).collect();
            let first = names().position(is_refused).expect("one was refused");
            return Err(HarnessError::Labels {
                data: spec.data.given().to_string(),
                drawn: data.mask == MaskSource::Drawn,
                labels: data.counts(keys[first]),
                fit: fit.join(","),
                refused: refused.iter().map(|(loss, why)| format!("{loss} {why}")).collect(),
            });
        }

        notes.extend(notes::of_rows(&planned, &spec));

        // From here on the specification says what is run, so that a record can be repeated from itself.
        spec.protocol.mask = data.mask;
        spec.data = DataSource { fingerprint: Some(data.fingerprint.clone()), ..data.source.clone() };
        spec.published = comparable(&spec, published, data);
        let asked = spec.losses.clone();
        for (loss, planned) in spec.losses.iter_mut().zip(&planned) {
            for param in planned.choice.row.info.params {
                if let Some(default) = param.default {
                    loss.params.entry(param.name.to_string()).or_insert(default);
                }
            }
        }
        Ok(Self { spec, asked, split, arrays, rows: planned, notes })
    }

    /// The specification with every setting resolved.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// Number of runs.
    pub fn runs(&self) -> usize {
        self.rows.len() * self.spec.training.seeds as usize
    }

    /// Number of epochs of all runs together.
    pub fn epochs(&self) -> usize {
        self.spec.training.seeds as usize * (0..self.rows.len()).map(|row| self.epochs_of(row)).sum::<usize>()
    }

    /// Number of epochs of a run of a row.
    pub(crate) fn epochs_of(&self, row: usize) -> usize {
        self.rows[row].training.phases().unwrap_or_default().iter().map(|phase| phase.epochs).sum()
    }

    /// The data.
    pub fn data(&self) -> &SplitDataset {
        &self.split.0
    }

    /// Each row of the table by name, with the key of its labels.
    pub(crate) fn label_keys(&self) -> impl Iterator<Item = (&str, LabelsKey)> {
        self.rows.iter().map(|row| (row.name.as_str(), row.labels))
    }

    /// Bytes of the scores of all runs, which [`RunOptions::scores`] keeps.
    pub fn score_bytes(&self) -> u64 {
        let cells = self.data().tested.len() as u64 * self.data().classes() as u64;
        let of_run = if self.spec.evaluation.also.contains(&lacuna_train::Also::Observed) { 2 } else { 1 };
        4 * cells * of_run * self.runs() as u64
    }

    /// Observed positives of each class among the rows that train, for a row of the table.
    pub(crate) fn train_counts(&self, row: usize) -> Vec<usize> {
        let PlannedRow { labels, training, .. } = &self.rows[row];
        self.arrays.train(self.data(), *labels, training).positives_per_class()
    }

    /// True labels of the test rows.
    pub fn test_truth(&self) -> &lacuna_labels::TrueLabels {
        self.arrays.test_truth()
    }

    /// Rows that predict with layers of their own, of which no head can be saved.
    pub fn rows_without_head(&self) -> Vec<&str> {
        let without = |row: &&PlannedRow| !row.procedures.iter().all(|of| of.has_head);
        self.rows.iter().filter(without).map(|row| row.name.as_str()).collect()
    }

    /// Notes about the data, one sentence each.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Runs everything that is not there yet, each run on one thread. A run that fails leaves the others.
    ///
    /// # Errors
    /// [`HarnessError::Threads`]; [`HarnessError`] of the first run where every run failed.
    pub fn run(
        &self,
        options: RunOptions<'_>,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<Report, HarnessError> {
        let start = Instant::now();
        let jobs = options.jobs.clamp(1, self.runs());
        let finished = options.kept.iter().filter(|run| run.result.finished().is_some());
        let kept: HashMap<&str, &RunRecord> = finished.map(|run| (run.id.as_str(), run)).collect();
        let pool = rayon::ThreadPoolBuilder::new().num_threads(jobs).build()?;
        let seeds = self.spec.training.seeds;
        let tasks: Vec<(usize, u64)> =
            (0..self.rows.len()).flat_map(|l| (0..seeds).map(move |seed| (l, seed))).collect();
        let runs: Vec<Option<RunRecord>> = pool.install(|| {
            let one = |&(l, seed): &(usize, u64)| self.run_one(l, seed, (jobs, options), &kept, progress);
            tasks.par_iter().with_max_len(1).map(one).collect::<Result<_, _>>()
        })?;
        let interrupted = runs.iter().any(Option::is_none);
        let losses = runs
            .chunks(seeds as usize)
            .zip(&self.rows)
            .map(|(runs, row)| {
                let runs: Vec<&RunRecord> = runs.iter().flatten().collect();
                let labels = self.data().counts(row.labels);
                LossReport::of(&row.name, labels, &runs, &self.spec.evaluation, &self.conventions_of(row))
            })
            .collect();
        let absent = self.data().tested_classes().iter().filter(|tested| !**tested).count();
        Ok(Report {
            name: self.spec.name.clone(),
            title: self.spec.title.clone(),
            source: self.spec.source.clone(),
            data: self.data().name.clone(),
            caveat: self.data().caveat.map(str::to_string),
            published: self.spec.published.clone(),
            conventions: self.conventions(),
            columns: self.spec.columns(),
            losses,
            runs: runs.into_iter().flatten().collect(),
            absent_classes: absent,
            classes: self.data().classes(),
            interrupted,
            seconds: start.elapsed().as_secs_f64(),
        })
    }

    /// The identity of a run.
    fn id(&self, row: usize, seed: u64) -> Result<String, HarnessError> {
        self.spec.run_id(&self.spec.losses[row], seed)
    }

    /// One run, or the record of it that is there. `None` where the run was stopped.
    pub(crate) fn run_one(
        &self,
        row: usize,
        seed: u64,
        (jobs, options): (usize, RunOptions<'_>),
        kept: &HashMap<&str, &RunRecord>,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<Option<RunRecord>, HarnessError> {
        let spec = &self.spec;
        let id = self.id(row, seed)?;
        // A run whose model was not saved runs again where one is asked for; the result is the same.
        let models = options.models.filter(|_| self.rows[row].procedures.iter().all(|of| of.has_head));
        let has_model = models.is_none_or(|folder| folder.join(&id).join("head.json").exists());
        if let Some(run) = kept.get(id.as_str()).filter(|_| has_model) {
            return Ok(Some((*run).clone()));
        }
        if options.stop.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let start = Instant::now();
        let folder =
            options.checkpoints.map(|(folder, every)| (CheckpointFolder::new(folder.join(&id)), every));
        let outcome = match options.classes {
            Some(classes) => self.join(row, seed, classes).map(Some),
            None => self.train(row, seed, &id, folder.as_ref(), options.stop, progress),
        };
        let row = &self.rows[row];
        let result = match outcome {
            Ok(Some(outcome)) => {
                if let Some(folder) = models {
                    match self.model(row, seed, &outcome) {
                        Ok(model) => {
                            std::fs::create_dir_all(folder)
                                .map_err(|source| HarnessError::Write { path: folder.into(), source })?;
                            let saved = model.save_replacing(folder.join(&id));
                            saved.map_err(|error| HarnessError::Training(Box::new(error.into())))?;
                        }
                        Err(error) => {
                            let note = format!("{}, seed {seed}: no model is saved: {error}", row.name);
                            progress(Progress::Note(note));
                        }
                    }
                }
                if let Some(scores) = options.scores
                    && let Err(error) = scores.keep(&id, self.data().classes(), &outcome)
                {
                    let note = format!("{}, seed {seed}: its scores are not kept: {error}", row.name);
                    progress(Progress::Note(note));
                }
                let labels = self.data().counts(row.labels);
                RunResult::Finished(Box::new(Finished::of(
                    &row.name,
                    seed,
                    labels,
                    &spec.evaluation,
                    outcome,
                )))
            }
            Ok(None) => return Ok(None),
            // A checkpoint could not be written, which says nothing about the run.
            Err(error @ (TrainError::Write { .. } | TrainError::Format(_))) => return Err(error.into()),
            // Nor does a slice of the classes that is missing.
            Err(error) if options.classes.is_some() => return Err(error.into()),
            Err(error) => {
                RunResult::Failed(Failed { loss: row.name.clone(), seed, failed: error.to_string() })
            }
        };
        let seconds = start.elapsed().as_secs_f64();
        let provenance = Provenance { seconds, ..Provenance::here(spec.data.given(), jobs) };
        let record = RunRecord { id, result, provenance };
        progress(Progress::Run(Box::new(record.clone())));
        if let Some((folder, _)) = folder {
            folder.clear();
        }
        Ok(Some(record))
    }

    /// The model of a run that ended.
    fn model(&self, row: &PlannedRow, seed: u64, outcome: &Outcome) -> Result<Model, TrainError> {
        let phases = row.training.phases()?;
        let last = phases.last().expect("a run has a phase");
        let transform = self.arrays.transform(&row.training);
        let (features, classes) = (self.data().train.features.columns(), &self.data().train.classes);
        let head = last.head.on(transform.columns(features), classes.len(), self.data().image)?;
        let options = &row.choice.options;
        let trained = TrainedWith {
            loss: row.choice.row.info.name.to_string(),
            parameters: options.params.clone(),
            seed,
            fingerprints: Fingerprints {
                features: self.data().fingerprint.clone(),
                labels: self.data().fingerprint.clone(),
            },
        };
        let weights = &outcome.weights;
        let classes = classes.clone();
        Ok(Model::new(ModelParts {
            head: &head,
            transform: &transform,
            weights,
            features,
            classes,
            trained,
        })?)
    }

    /// Trains a row to its end, from its newest checkpoint where there is one. `None` where it was stopped; a checkpoint
    /// of the last whole epoch is then written.
    fn train(
        &self,
        row: usize,
        seed: u64,
        id: &str,
        folder: Option<&(CheckpointFolder, Duration)>,
        stop: &AtomicBool,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<Option<Outcome>, TrainError> {
        let PlannedRow { name, labels, choice, training, .. } = &self.rows[row];
        let (data, evaluation) = (self.arrays.data(self.data(), *labels, training), &self.spec.evaluation);
        let mut run = self.begun(
            data,
            &self.rows[row],
            evaluation,
            choice.clone(),
            seed,
            (id, folder.map(|(folder, _)| folder)),
            progress,
        )?;
        let mut written = Instant::now();
        while !run.is_done() {
            let record = run.epoch()?;
            let mut scalars = scalars(&record, evaluation);
            scalars.push(("train/learning_rate".to_string(), run.learning_rate()));
            let (epoch, rows) = (run.epochs_done(), run.rows_per_epoch());
            let (id_of, loss, epoch_of_phase) = (id.to_string(), name.clone(), record.epoch);
            progress(Progress::Epoch { id: id_of, loss, seed, epoch, epoch_of_phase, rows, scalars });
            let stopped = stop.load(Ordering::Relaxed) && !run.is_done();
            if let Some((folder, every)) = folder
                && (stopped || written.elapsed() >= *every)
                && !run.is_done()
            {
                folder.write(&run.checkpoint().with("id", id))?;
                written = Instant::now();
            }
            if stopped {
                return Ok(None);
            }
        }
        run.finish().map(Some)
    }

    /// A run at its start, or where its newest checkpoint left it.
    #[allow(clippy::too_many_arguments, reason = "everything that a run is made of")]
    fn begun<'d>(
        &self,
        data: Data<'d>,
        PlannedRow { name, training, .. }: &PlannedRow,
        evaluation: &Evaluation,
        choice: LossChoice,
        seed: u64,
        (id, folder): (&str, Option<&CheckpointFolder>),
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<Run<'d>, TrainError> {
        let mut run = None;
        if let Some(folder) = folder {
            let (newest, notes) = folder.newest();
            let next = if newest.is_some() { "the one before it is used" } else { "the run starts again" };
            if !notes.is_empty() {
                progress(Progress::Note(format!("{}; {next}", notes.join("; "))));
            }
            if newest.as_ref().is_some_and(|checkpoint| checkpoint.fact("id") != Some(id)) {
                let note =
                    format!("{name}, seed {seed}: its checkpoints are of another run and are not used");
                progress(Progress::Note(note));
            }
            if let Some(from) = newest.filter(|checkpoint| checkpoint.fact("id") == Some(id)) {
                match Run::resume(data, training, evaluation, choice.clone(), seed, &from) {
                    Ok(resumed) => run = Some(resumed),
                    Err(error) => {
                        progress(Progress::Note(format!("{name}, seed {seed}: {error}; it starts again")))
                    }
                }
            }
        }
        let run = match run {
            Some(run) => run,
            None => Run::new(data, training, evaluation, choice, seed)?,
        };
        for (i, record) in run.history().iter().enumerate() {
            let (id, loss, scalars) = (id.to_string(), name.clone(), scalars(record, evaluation));
            let (epoch, epoch_of_phase) = (i + 1, record.epoch);
            progress(Progress::Epoch { id, loss, seed, epoch, epoch_of_phase, rows: 0, scalars });
        }
        Ok(run)
    }
}

/// What was measured at the end of an epoch.
fn scalars(record: &EpochRecord, evaluation: &Evaluation) -> Vec<(String, f64)> {
    let select = &evaluation.select;
    let loss = Some(("train/loss".to_string(), record.loss));
    let val = record.val.map(|value| (format!("val/{select}"), value));
    let averaged = record.val_averaged.map(|value| (format!("val/{select}.averaged"), value));
    [loss, val, averaged].into_iter().flatten().collect()
}

/// An error of a row, with its name where the text has none and there are several rows.
fn within(error: TrainError, name: &str, rows: &[&'static LossRow]) -> HarnessError {
    match error {
        TrainError::Setting(problem) if rows.len() > 1 && !problem.contains(name) => {
            HarnessError::Setting(format!("{problem} (row {name})"))
        }
        error => error.into(),
    }
}

/// Fills the shape of the data's pictures into every head, and checks heads against the features.
fn resolve_heads(spec: &mut Spec, data: &SplitDataset) -> Result<(), HarnessError> {
    let (columns, classes) = (data.train.features.columns(), data.classes());
    if let lacuna_train::Head::Cnn(_) = &spec.training.head {
        spec.training.head = spec.training.head.on(columns, classes, data.image)?;
    }
    let trainings = spec.losses.iter().map(|loss| spec.training_of(loss)).collect::<Result<Vec<_>, _>>()?;
    for training in std::iter::once(&spec.training).chain(&trainings) {
        for phase in training.phases()? {
            phase.head.on(columns, classes, data.image)?;
        }
    }
    Ok(())
}
