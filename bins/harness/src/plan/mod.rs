//! A specification whose every setting has been checked against the data, ready to run.

mod checks;
mod conventions;

use crate::{
    Benchmark, Failed, HarnessError, LossReport, LossSpec, MaskSource, Provenance, Report, RunRecord,
    RunResult, RunSettings, Spec, Trainer, run_id,
};
use checks::{comparable, is_branch_loss, memory_for, planned, with_overrides};
use lacuna_losses::{ClassStatistics, Context, LossError, LossRow, MultiLabelLoss, Options};
use lacuna_source::DataSource;
use rayon::prelude::*;
use std::collections::HashMap;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

/// What a command line may change.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overrides {
    /// Rows from elsewhere; for a specification that was resolved, what has changed about where they are.
    pub data: Option<DataSource>,
    /// Where observed labels come from.
    pub mask: Option<MaskSource>,
    /// Only these losses, in this order.
    pub losses: Option<Vec<String>>,
    /// Parameters of losses: (loss, parameter, value).
    pub params: Vec<(String, String, f64)>,
    /// Number of seeds.
    pub seeds: Option<u64>,
    /// Learning rate.
    pub lr: Option<f32>,
    /// Rows of a batch.
    pub batch: Option<usize>,
    /// Epochs.
    pub epochs: Option<usize>,
}

/// What is reported while a plan runs.
#[derive(Clone, Debug, PartialEq)]
pub enum Progress {
    /// An epoch of a run is over.
    Epoch {
        /// Name of the loss.
        loss: String,
        /// Seed of the run.
        seed: u64,
        /// The epoch, counted from 1.
        epoch: usize,
        /// Validation mAP, percent.
        val_map: f64,
    },
    /// A run is over: it ran to its end, or it failed.
    Run(Box<RunRecord>),
}

/// How a plan is run.
#[derive(Clone, Copy, Debug)]
pub struct RunOptions<'a> {
    /// Runs at the same time.
    pub jobs: usize,
    /// Set by whoever wants the runs to end early; those that have not ended then are dropped.
    pub stop: &'a AtomicBool,
    /// Runs that are there already. Those that ran to their end are not repeated.
    pub kept: &'a [RunRecord],
}

/// Nobody stops a run.
static NEVER: AtomicBool = AtomicBool::new(false);

impl RunOptions<'static> {
    /// All runs, so many at the same time.
    pub fn jobs(jobs: usize) -> Self {
        Self { jobs, stop: &NEVER, kept: &[] }
    }
}

/// A checked benchmark with its data.
#[derive(Debug)]
pub struct Plan {
    /// Every setting resolved: the source of the data with its fingerprint, the mask, all parameters.
    spec: Spec,
    /// Parameters as they were asked for, for the lines beside the table.
    asked: Vec<LossSpec>,
    data: Benchmark,
    losses: Vec<PlannedLoss>,
}

/// A loss with everything it is built from.
#[derive(Debug)]
struct PlannedLoss {
    row: &'static LossRow,
    options: Options,
    /// What it is built from beside its options.
    statistics: Option<ClassStatistics>,
}

impl PlannedLoss {
    fn build(&self) -> Result<Box<dyn MultiLabelLoss>, LossError> {
        match &self.statistics {
            Some(statistics) => self.row.build_for(&self.options, statistics),
            None => self.row.build(&self.options),
        }
    }
}

/// Rows that are shown to a loss at once when it is tried out.
const TRIED_ROWS: usize = 256;

impl Plan {
    /// Checks everything and loads the data.
    ///
    /// # Errors
    /// [`HarnessError`] for whatever would keep the benchmark from running to its end.
    pub fn new(spec: &Spec, overrides: &Overrides) -> Result<Self, HarnessError> {
        let published = spec;
        let mut spec = with_overrides(spec, overrides)?;

        // Names first: a typing error should not wait for the data.
        let reduction = spec.training.reduction()?;
        let rows: Vec<&'static LossRow> =
            spec.losses.iter().map(|l| lacuna_losses::find(&l.name)).collect::<Result<_, _>>()?;
        if let Some(row) = rows.iter().find(|row| is_branch_loss(row)) {
            return Err(HarnessError::Branches { loss: row.info.name.to_string() });
        }
        let mut data = Benchmark::load(&spec.data, &spec.protocol, &rows)?;
        spec.training.head =
            spec.training.head.on(data.train.features.columns(), data.classes(), data.image)?;
        if let (Some(image), false) = (data.image, matches!(spec.training.head, crate::Head::Cnn(_))) {
            let columns = data.train.features.columns();
            data.notes.push(format!(
                "pictures of {image:?} are taken as rows of {columns} numbers: the head is no CNN"
            ));
        }
        let train = data.split.train.len();
        if spec.training.batch > train {
            return Err(HarnessError::Setting(format!(
                "batch = {}: there are only {train} rows to train on, and incomplete batches are dropped",
                spec.training.batch
            )));
        }

        let context =
            Context { classes: Some(data.classes()), expected_positives: Some(data.expected_positives) };
        let mut losses = Vec::new();
        let mut refused = std::mem::take(&mut data.refused);
        for (row, loss) in rows.iter().zip(&spec.losses) {
            let options = Options { params: loss.params.clone(), reduction, context };
            let seen = data.observed(row.needs).select(&data.split.train);
            match planned(row, options, seen.cells(), data.classes()) {
                Ok(planned) => losses.push(planned),
                // What is wrong with a setting is wrong whatever the labels are.
                Err(error @ (LossError::Parameter { .. } | LossError::UnknownParameter { .. })) => {
                    return Err(error.into());
                }
                Err(_) if refused.iter().any(|(loss, _)| *loss == row.info.name) => {}
                Err(error) => refused.push((row.info.name, format!("cannot: {error}"))),
            }
        }
        if !refused.is_empty() {
            let is_refused = |name: &str| refused.iter().any(|(loss, _)| *loss == name);
            let fit: Vec<&str> =
                rows.iter().map(|row| row.info.name).filter(|name| !is_refused(name)).collect();
            return Err(HarnessError::Labels {
                data: spec.data.given().to_string(),
                drawn: data.mask == MaskSource::Drawn,
                labels: data
                    .label_counts(rows.iter().find(|row| is_refused(row.info.name)).expect("one").needs),
                fit: fit.join(","),
                refused: refused.iter().map(|(loss, why)| format!("{loss} {why}")).collect(),
            });
        }
        memory_for(&spec, &data)?;

        // From here on the specification says what is run, so that a record can be repeated from itself.
        spec.protocol.mask = data.mask;
        spec.data = DataSource { fingerprint: Some(data.fingerprint.clone()), ..data.source.clone() };
        spec.published = comparable(&spec, published, &data);
        let asked = spec.losses.clone();
        for (loss, planned) in spec.losses.iter_mut().zip(&losses) {
            for param in planned.row.info.params {
                if let Some(default) = param.default {
                    loss.params.entry(param.name.to_string()).or_insert(default);
                }
            }
        }
        Ok(Self { spec, asked, data, losses })
    }

    /// The specification with every setting resolved.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// Number of runs.
    pub fn runs(&self) -> usize {
        self.losses.len() * self.spec.training.seeds as usize
    }

    /// Number of epochs of all runs together.
    pub fn epochs(&self) -> usize {
        self.runs() * self.spec.training.epochs
    }

    /// The data.
    pub fn data(&self) -> &Benchmark {
        &self.data
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
            (0..self.losses.len()).flat_map(|l| (0..seeds).map(move |seed| (l, seed))).collect();
        let runs: Vec<Option<RunRecord>> = pool.install(|| {
            let one =
                |&(l, seed): &(usize, u64)| self.run_one(l, seed, (jobs, options.stop), &kept, progress);
            tasks.par_iter().with_max_len(1).map(one).collect::<Result<_, _>>()
        })?;
        let interrupted = runs.iter().any(Option::is_none);
        let losses = runs
            .chunks(seeds as usize)
            .zip(&self.losses)
            .map(|(runs, loss)| {
                let runs: Vec<&RunRecord> = runs.iter().flatten().collect();
                let name = loss.row.info.name;
                LossReport::of(
                    name,
                    self.data.label_counts(loss.row.needs),
                    &runs,
                    &self.conventions_of(loss),
                )
            })
            .collect();
        let absent = self.data.tested_classes().iter().filter(|tested| !**tested).count();
        Ok(Report {
            name: self.spec.name.clone(),
            title: self.spec.title.clone(),
            source: self.spec.source.clone(),
            data: self.data.name.clone(),
            caveat: self.data.caveat.map(str::to_string),
            published: self.spec.published.clone(),
            conventions: self.conventions(),
            losses,
            runs: runs.into_iter().flatten().collect(),
            absent_classes: absent,
            classes: self.data.classes(),
            interrupted,
            seconds: start.elapsed().as_secs_f64(),
        })
    }

    /// One run, or the record of it that is there. `None` where the run was stopped.
    fn run_one(
        &self,
        loss: usize,
        seed: u64,
        (jobs, stop): (usize, &AtomicBool),
        kept: &HashMap<&str, &RunRecord>,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<Option<RunRecord>, HarnessError> {
        let (planned, spec) = (&self.losses[loss], &self.spec);
        let fingerprint = &self.data.fingerprint;
        let id = run_id(fingerprint, &spec.protocol, &spec.training, &spec.losses[loss], seed)?;
        if let Some(run) = kept.get(id.as_str()) {
            return Ok(Some((*run).clone()));
        }
        let (row, training) = (planned.row, &spec.training);
        let settings = RunSettings {
            head: training.head.clone(),
            epochs: training.epochs,
            batch: training.batch,
            lr: training.lr,
            seed,
        };
        let start = Instant::now();
        let name = row.info.name;
        let loss = planned.build().map_err(HarnessError::Loss)?;
        let trainer = Trainer::new(&self.data, self.data.observed(row.needs), loss, settings);
        let outcome = trainer.run(stop, |epoch, val_map| {
            progress(Progress::Epoch { loss: name.to_string(), seed, epoch, val_map });
        });
        let result = match outcome {
            Ok(run) => RunResult::Finished(Box::new(run)),
            Err(HarnessError::Interrupted) => return Ok(None),
            Err(error) => {
                RunResult::Failed(Failed { loss: name.to_string(), seed, failed: error.to_string() })
            }
        };
        let seconds = start.elapsed().as_secs_f64();
        let provenance = Provenance { seconds, ..Provenance::here(spec.data.given(), jobs) };
        let record = RunRecord { id, result, provenance };
        progress(Progress::Run(Box::new(record.clone())));
        Ok(Some(record))
    }
}
