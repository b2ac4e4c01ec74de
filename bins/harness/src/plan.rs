//! A specification whose every setting has been checked against the data, ready to run.

use crate::{
    Benchmark, DataSource, HarnessError, LossReport, LossSpec, MaskSource, Published, Report, RunRecord,
    RunSettings, Spec, Trainer, TrainingSpec,
};
use lacuna_losses::{ClassStatistics, Context, LabelNeeds, LossRow, MultiLabelLoss, Options, Reduction};
use rayon::prelude::*;
use std::time::Instant;

/// What a command line may change.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overrides {
    /// Rows from a folder or another embedded set.
    pub data: Option<DataSource>,
    /// Where observed labels come from.
    pub mask: MaskSource,
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
    /// A run is over.
    Run(Box<RunRecord>),
}

/// A checked benchmark with its data.
#[derive(Debug)]
pub struct Plan {
    spec: Spec,
    /// The specification as it was written, with which published numbers compare.
    published: Spec,
    data: Benchmark,
    losses: Vec<PlannedLoss>,
}

/// A loss with everything it is built from.
#[derive(Debug)]
struct PlannedLoss {
    row: &'static LossRow,
    options: Options,
    /// Class frequencies among the labels it sees, where it is built from them.
    statistics: Option<ClassStatistics>,
}

impl PlannedLoss {
    fn build(&self) -> Result<Box<dyn MultiLabelLoss>, HarnessError> {
        Ok(match &self.statistics {
            Some(statistics) => self.row.build_for(&self.options, statistics)?,
            None => self.row.build(&self.options)?,
        })
    }
}

impl Plan {
    /// Checks everything and loads the data.
    ///
    /// # Errors
    /// [`HarnessError`] for whatever would keep the benchmark from running.
    pub fn new(spec: &Spec, overrides: &Overrides) -> Result<Self, HarnessError> {
        let published = spec.clone();
        let mut spec = spec.clone();
        let training = &mut spec.training;
        training.seeds = overrides.seeds.unwrap_or(training.seeds);
        training.lr = overrides.lr.unwrap_or(training.lr);
        training.batch = overrides.batch.unwrap_or(training.batch);
        training.epochs = overrides.epochs.unwrap_or(training.epochs);
        training.check()?;
        if let Some(names) = &overrides.losses {
            let of_spec = |name: &String| spec.losses.iter().find(|l| l.name == *name).cloned();
            let chosen = names.iter().map(|name| {
                of_spec(name).unwrap_or_else(|| LossSpec { name: name.clone(), params: Default::default() })
            });
            spec.losses = chosen.collect();
        }
        if spec.losses.is_empty() {
            return Err(HarnessError::Setting("no loss to run".to_string()));
        }
        for (i, loss) in spec.losses.iter().enumerate() {
            if spec.losses[..i].iter().any(|l| l.name == loss.name) {
                return Err(HarnessError::Setting(format!("the loss {} is named twice", loss.name)));
            }
        }
        for (name, parameter, value) in &overrides.params {
            lacuna_losses::find(name)?;
            let loss = spec.losses.iter_mut().find(|l| l.name == *name).ok_or_else(|| {
                HarnessError::Setting(format!("{name}.{parameter}: the loss {name} is not run"))
            })?;
            loss.params.insert(parameter.clone(), *value);
        }

        // Names first: a typing error should not wait for the data.
        let reduction = spec.training.reduction()?;
        let rows: Vec<&'static LossRow> =
            spec.losses.iter().map(|l| lacuna_losses::find(&l.name)).collect::<Result<_, _>>()?;
        let source = overrides.data.clone().unwrap_or_else(|| DataSource::Embedded(spec.data.clone()));
        let needs: Vec<_> = rows.iter().map(|row| row.needs).collect();
        let data = Benchmark::load(&source, overrides.mask, &spec.protocol, &needs)?;

        let context =
            Context { classes: Some(data.classes()), expected_positives: Some(data.expected_positives) };
        let mut losses = Vec::new();
        for (row, loss) in rows.into_iter().zip(&spec.losses) {
            let options = Options { params: loss.params.clone(), reduction, context };
            let seen = data.observed(row.needs).select(&data.split.train);
            let statistics = row.statistics_of(seen.cells(), data.classes())?;
            let planned = PlannedLoss { row, options, statistics };
            planned.build()?; // found now, not in the middle of the grid
            losses.push(planned);
        }
        spec.training.head.check(data.train.features.columns())?;
        let train = data.split.train.len();
        if spec.training.batch > train {
            return Err(HarnessError::Setting(format!(
                "batch = {}: there are only {train} rows to train on, and incomplete batches are dropped",
                spec.training.batch
            )));
        }
        Ok(Self { spec, published, data, losses })
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

    /// Runs everything on `jobs` threads, each run on one of them.
    ///
    /// # Errors
    /// [`HarnessError`] of the first run that fails.
    pub fn run(&self, jobs: usize, progress: &(dyn Fn(Progress) + Sync)) -> Result<Report, HarnessError> {
        let start = Instant::now();
        let pool = rayon::ThreadPoolBuilder::new().num_threads(jobs.clamp(1, self.runs())).build()?;
        let seeds = self.spec.training.seeds;
        let tasks: Vec<(usize, u64)> =
            (0..self.losses.len()).flat_map(|l| (0..seeds).map(move |seed| (l, seed))).collect();
        let runs: Vec<RunRecord> = pool.install(|| {
            tasks
                .par_iter()
                .with_max_len(1)
                .map(|&(l, seed)| self.run_one(l, seed, progress))
                .collect::<Result<_, _>>()
        })?;
        let losses = runs
            .chunks(seeds as usize)
            .zip(&self.losses)
            .map(|(runs, loss)| LossReport::of(runs, sees(loss.row.needs), &self.conventions_of(loss)))
            .collect();
        Ok(Report {
            name: self.spec.name.clone(),
            title: self.spec.title.clone(),
            source: self.spec.source.clone(),
            data: self.data.name.clone(),
            caveat: self.data.caveat.map(str::to_string),
            published: self.comparable(),
            conventions: self.conventions(),
            spec: self.spec.clone(),
            losses,
            runs,
            seconds: start.elapsed().as_secs_f64(),
        })
    }

    fn run_one(
        &self,
        loss: usize,
        seed: u64,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<RunRecord, HarnessError> {
        let loss = &self.losses[loss];
        let row = loss.row;
        let training = &self.spec.training;
        let settings = RunSettings {
            head: training.head.clone(),
            epochs: training.epochs,
            batch: training.batch,
            lr: training.lr,
            seed,
        };
        let trainer = Trainer::new(&self.data, self.data.observed(row.needs), loss.build()?, settings);
        let record = trainer.run(|epoch, val_map| {
            progress(Progress::Epoch { loss: row.info.name.to_string(), seed, epoch, val_map });
        })?;
        progress(Progress::Run(Box::new(record.clone())));
        Ok(record)
    }

    /// Everything two people have to agree on to compare two numbers, one statement a line.
    pub fn conventions(&self) -> Vec<String> {
        let (t, p, d) = (&self.spec.training, &self.spec.protocol, &self.data);
        let reduction = match t.reduction().ok().flatten() {
            Some(Reduction::Mean) => "mean over rows x classes",
            Some(Reduction::Sum) => "sum over rows x classes",
            Some(Reduction::MeanKnown) => "mean over known labels",
            None => "each method's own",
        };
        let empty = d.test.truth.positives_per_class().iter().filter(|n| **n == 0).count();
        let empty =
            if empty > 0 { format!(", {empty} of them without a test positive") } else { String::new() };
        let plural = |n: u64, one: &str| if n == 1 { format!("{n} {one}") } else { format!("{n} {one}s") };
        let mut lines = vec![
            format!(
                "Data: {} rows to train on, {} to validate, {} to test, {} features as they are, {} classes{empty}",
                d.split.train.len(),
                d.split.val.len(),
                d.test.rows(),
                d.train.features.columns(),
                d.classes()
            ),
            format!(
                "Labels: {}; split: {:.0} % of the training rows validate (seed {}); k = {:.4} positives a row",
                d.mask,
                100.0 * p.val_share,
                p.split_seed,
                d.expected_positives
            ),
            format!(
                "Training: {} head, Adam lr {}, batch {} (last incomplete batch dropped), {}, loss \
                 reduction {reduction}",
                t.head,
                t.lr,
                t.batch,
                plural(t.epochs as u64, "epoch")
            ),
            format!(
                "Metric: test mAP in percent, {}, at the epoch with the best validation mAP on true labels (the \
                 first of equals); mean ± standard deviation (ddof 0) over {} of first weights and row order",
                lacuna_metrics::MapConvention::SPML,
                plural(t.seeds, "seed")
            ),
        ];
        let parameters = self.parameters();
        if !parameters.is_empty() {
            lines.push(format!("Parameters: {}", parameters.join(", ")));
        }
        lines
    }

    /// Published numbers that were made as this plan makes its own: same data, same training, same loss.
    fn comparable(&self) -> Vec<(String, String)> {
        let (ours, theirs) = (&self.spec.training, &self.published.training);
        let same_training = TrainingSpec { seeds: theirs.seeds, ..ours.clone() } == *theirs
            && self.spec.protocol == self.published.protocol
            && self.data.mask_is_drawn;
        let same_loss = |name: &str| {
            let find = |spec: &Spec| spec.losses.iter().find(|l| l.name == name).cloned();
            find(&self.spec).is_some() && find(&self.spec) == find(&self.published)
        };
        let same_data = |p: &&Published| {
            p.data == self.data.name && p.train_rows == self.data.train.rows() && same_loss(&p.loss)
        };
        let numbers = self.published.published.iter().filter(|_| same_training).filter(same_data);
        numbers.map(|p| (p.loss.clone(), format!("{:.2} ({})", p.test_map, p.source))).collect()
    }

    /// Losses with parameters that differ from their defaults, `splc.tau = 0.65`.
    fn parameters(&self) -> Vec<String> {
        let of = |loss: &LossSpec| -> Vec<String> {
            loss.params.iter().map(|(name, value)| format!("{}.{name} = {value}", loss.name)).collect()
        };
        self.spec.losses.iter().flat_map(of).collect()
    }

    /// The conventions of one loss as one line: the labels it sees and its parameters included.
    fn conventions_of(&self, loss: &PlannedLoss) -> String {
        let PlannedLoss { row, options, .. } = loss;
        let mut lines = self.conventions();
        lines.retain(|line| !line.starts_with("Parameters"));
        lines.push(format!("{} sees {}", row.info.name, sees(row.needs)));
        for (name, value) in &options.params {
            lines.push(format!("{name} = {value}"));
        }
        lines.join(". ")
    }
}

/// The labels a loss is handed, in words.
pub fn sees(needs: LabelNeeds) -> &'static str {
    match needs {
        LabelNeeds::SinglePositive => "one positive a row",
        LabelNeeds::SinglePositiveOneNegative => "one positive and one negative a row",
        LabelNeeds::SinglePositiveAllNegatives => "one positive and all negatives",
        LabelNeeds::Complete | LabelNeeds::FullTruth => "all labels",
    }
}
