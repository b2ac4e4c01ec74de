//! A specification whose every setting has been checked against the data, ready to run.

use crate::record::reduction_words;
use crate::{
    Benchmark, Failed, HarnessError, LossReport, LossSpec, MaskSource, Provenance, Report, RunRecord,
    RunResult, RunSettings, Spec, Trainer, TrainingSpec, run_id,
};
use lacuna_losses::{
    BRANCH_LOSSES, ClassStatistics, Context, Label, LabelNeeds, LossError, LossGrad, LossInput, LossRow,
    MultiLabelLoss, Options, Targets,
};
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

    /// Everything two people have to agree on to compare two numbers, one statement a line.
    pub fn conventions(&self) -> Vec<String> {
        let (t, p, d) = (&self.spec.training, &self.spec.protocol, &self.data);
        let reduction = reduction_words(t.reduction().ok().flatten());
        let absent = d.tested_classes().iter().filter(|tested| !**tested).count();
        let plural = |n: u64, one: &str| if n == 1 { format!("{n} {one}") } else { format!("{n} {one}s") };
        let mut lines = vec![
            format!(
                "Data: {} rows to train on, {} to validate, {} to test, {} features as they are, {} classes",
                d.split.train.len(),
                d.split.val.len(),
                d.test.rows(),
                d.train.features.columns(),
                d.classes()
            ),
            format!(
                "Labels: {}; split: {:.0} % of the training rows validate (seed {}); k = {:.4} positives a row",
                self.mask(),
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
                 first of equals); {}",
                lacuna_metrics::MapConvention::SPML,
                match t.seeds {
                    1 => "one seed of first weights and row order".to_string(),
                    n => format!(
                        "mean ± standard deviation (ddof 0) over {n} seeds of first weights and row order"
                    ),
                }
            ),
        ];
        if absent > 0 {
            lines.push(format!(
                "Classes without a test positive: {absent} of {}; they count as 0 in test mAP, and are left out of the \
                 mAP of the other {}",
                d.classes(),
                d.classes() - absent
            ));
        }
        lines.extend(self.empty_classes());
        let parameters = self.parameters();
        if !parameters.is_empty() {
            lines.push(format!("Parameters: {}", parameters.join(", ")));
        }
        lines
    }

    /// Which losses weigh by class frequency where some class has no positive to train on.
    fn empty_classes(&self) -> Option<String> {
        let by_frequency = self.losses.iter().filter(|loss| loss.statistics.is_some());
        let losses: Vec<(&str, usize)> = by_frequency
            .map(|loss| {
                let seen = self.data.observed(loss.row.needs).select(&self.data.split.train);
                (loss.row.info.name, seen.positives_per_class().iter().filter(|n| **n == 0).count())
            })
            .filter(|(_, empty)| *empty > 0)
            .collect();
        let empty = losses.first()?.1;
        let names: Vec<&str> = losses.iter().map(|(name, _)| *name).collect();
        let word = if empty == 1 { "class has" } else { "classes have" };
        Some(format!(
            "Classes without a positive to train on: {empty} {word} none and count as often as the rarest in the weights \
             of {}",
            names.join(", ")
        ))
    }

    /// Where the observed labels come from, in words and numbers.
    fn mask(&self) -> String {
        let (p, d) = (&self.spec.protocol, &self.data);
        let needs = self.losses.iter().map(|loss| loss.row.needs).find(|need| *need != LabelNeeds::FullTruth);
        let counts = needs.map(|need| d.label_counts(need));
        match (d.mask, counts) {
            (MaskSource::File, Some(counts)) => {
                format!("observed labels of the data itself, {counts}")
            }
            (_, Some(_)) => format!(
                "drawn from the true ones, one positive kept of each training row (seed {}), before the split",
                p.mask_seed
            ),
            (_, None) => "all true labels".to_string(),
        }
    }

    /// Losses with parameters that differ from their defaults, `splc.tau = 0.65`.
    fn parameters(&self) -> Vec<String> {
        let of = |loss: &LossSpec| -> Vec<String> {
            loss.params.iter().map(|(name, value)| format!("{}.{name} = {value}", loss.name)).collect()
        };
        self.asked.iter().flat_map(of).collect()
    }

    /// The conventions of one loss as one line: the labels it sees and its parameters included.
    fn conventions_of(&self, loss: &PlannedLoss) -> String {
        let PlannedLoss { row, options, .. } = loss;
        let mut lines = self.conventions();
        lines.retain(|line| !line.starts_with("Parameters"));
        lines.push(format!("{} sees {}", row.info.name, self.data.label_counts(row.needs)));
        for (name, value) in &options.params {
            lines.push(format!("{name} = {value}"));
        }
        lines.join(". ")
    }
}

/// Whether a loss takes several matrices of logits of the prediction.
fn is_branch_loss(row: &LossRow) -> bool {
    BRANCH_LOSSES.iter().any(|branch| branch.info.name == row.info.name)
}

fn with_overrides(spec: &Spec, overrides: &Overrides) -> Result<Spec, HarnessError> {
    let mut spec = spec.clone();
    if let Some(data) = &overrides.data {
        spec.data = match spec.data.fingerprint {
            // A specification that was resolved stays one of the same data, wherever its files lie now.
            Some(_) => spec.data.updated(data),
            None => data.clone(),
        };
    }
    spec.protocol.mask = overrides.mask.unwrap_or(spec.protocol.mask);
    let training = &mut spec.training;
    training.seeds = overrides.seeds.unwrap_or(training.seeds);
    training.lr = overrides.lr.unwrap_or(training.lr);
    training.batch = overrides.batch.unwrap_or(training.batch);
    training.epochs = overrides.epochs.unwrap_or(training.epochs);
    training.check()?;
    spec.protocol.check()?;
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
    Ok(spec)
}

/// A loss with what it is built from, tried out on all labels it will train on.
fn planned(
    row: &'static LossRow,
    options: Options,
    labels: &[Label],
    classes: usize,
) -> Result<PlannedLoss, LossError> {
    let statistics = row.statistics_of(labels, classes)?;
    let planned = PlannedLoss { row, options, statistics };
    try_out(&mut *planned.build()?, labels, classes)?;
    Ok(planned)
}

/// Shows a loss, whose state is thrown away afterwards, labels with logits of 0: what it refuses of them is found before
/// the first run. Rows within an error are those of the rows that train.
fn try_out(loss: &mut dyn MultiLabelLoss, labels: &[Label], classes: usize) -> Result<(), LossError> {
    let zeros = vec![0.0; TRIED_ROWS * classes];
    let ids: Vec<u32> = (0..(labels.len() / classes) as u32).collect();
    let matrices = loss.logit_matrices();
    loss.begin_epoch(0);
    for (labels, ids) in labels.chunks(TRIED_ROWS * classes).zip(ids.chunks(TRIED_ROWS)) {
        let logits = vec![&zeros[..labels.len()]; matrices];
        let input = LossInput {
            logits: &logits,
            rows: ids.len(),
            classes,
            targets: Targets { labels, soft: None, mix: None },
            sample_ids: ids,
            epoch: 0,
            step: 0,
        };
        loss.evaluate(&input, LossGrad::Unneeded).map_err(|error| match error {
            LossError::Label { loss, row, class, label, why } => {
                LossError::Label { loss, row: row + ids[0] as usize, class, label, why }
            }
            error => error,
        })?;
    }
    Ok(())
}

/// Whether there is memory for one run: weights, gradients, two moments and the best weights so far.
fn memory_for(spec: &Spec, data: &Benchmark) -> Result<(), HarnessError> {
    let weights = spec.training.head.weights(data.train.features.columns(), data.classes());
    let mut trial: Vec<f32> = Vec::new();
    trial.try_reserve_exact(5 * weights as usize).map_err(|_| {
        HarnessError::Setting(format!(
            "head: {} has {weights} weights, and a run with their gradients and moments takes {:.1} GB, which is more \
             memory than there is",
            spec.training.head,
            20.0 * weights / 1e9
        ))
    })
}

/// Published numbers that were made as this plan makes its own: same data, same training, same loss.
fn comparable(spec: &Spec, published: &Spec, data: &Benchmark) -> Vec<crate::Published> {
    let (ours, theirs) = (&spec.training, &published.training);
    // The shape of pictures is filled in from the data, which is compared by itself.
    let same_training =
        TrainingSpec { seeds: theirs.seeds, head: theirs.head.clone(), ..ours.clone() } == *theirs;
    let same_protocol = crate::ProtocolSpec { mask: published.protocol.mask, ..spec.protocol.clone() }
        == published.protocol
        && data.mask == MaskSource::Drawn;
    let find = |spec: &Spec, name: &str| spec.losses.iter().find(|l| l.name == name).cloned();
    let same_loss = |name: &str| {
        let ours = find(spec, name);
        ours.is_some() && ours == find(published, name)
    };
    let numbers = published.published.iter().filter(|_| same_training && same_protocol);
    let same_data = |p: &&crate::Published| p.data == data.name && p.train_rows == data.train.rows();
    numbers.filter(same_data).filter(|p| same_loss(&p.loss)).cloned().collect()
}
