//! Running a plan: one thread a run, records as they end.

use super::{Plan, PlannedRow};
use crate::{
    Failed, Finished, HarnessError, LossReport, Provenance, Report, RunRecord, RunResult, ScoreFolder,
};
use lacuna_train::{
    CheckpointFolder, Data, EpochRecord, Evaluation, Fingerprints, LossChoice, Model, ModelParts, Outcome,
    Run, TrainError, TrainedWith,
};
use rayon::prelude::*;
use std::collections::HashMap;
use std::path::Path;
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
impl Plan {
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
    pub(super) fn id(&self, row: usize, seed: u64) -> Result<String, HarnessError> {
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

    /// A run of a row at its start, to be driven step by step.
    ///
    /// # Errors
    /// [`HarnessError::Setting`] for a row that the plan does not have; [`HarnessError`] of a run that cannot begin.
    pub fn begin(&self, row: &str, seed: u64) -> Result<Run<'_>, HarnessError> {
        let Some(row) = self.rows.iter().find(|planned| planned.name == row) else {
            let rows = self.row_names().collect::<Vec<_>>().join(", ");
            return Err(HarnessError::Setting(format!("no row is named {row}; there are {rows}")));
        };
        let data = self.arrays.data(self.data(), row.labels, &row.training);
        let run = self.begun(data, row, &self.spec.evaluation, row.choice.clone(), seed, ("", None), &|_| {});
        Ok(run?)
    }

    /// Names of the rows in their order.
    pub fn row_names(&self) -> impl Iterator<Item = &str> {
        self.rows.iter().map(|row| row.name.as_str())
    }

    /// A run at its start, or where its newest checkpoint left it.
    #[allow(clippy::too_many_arguments, reason = "everything that a run is made of")]
    pub(super) fn begun<'d>(
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
