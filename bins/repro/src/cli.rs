//! The command line.

use anyhow::{Context, bail};
use clap::{Args, Parser, Subcommand, ValueEnum};
use lacuna::cli::screen::WIDTH;
use lacuna::cli::{DataArgs, exit};
use lacuna_harness::{ClassTask, MaskSource, Overrides};
use lacuna_source::DataSource;
use std::path::PathBuf;

/// Version and instruction level.
fn version() -> &'static str {
    Box::leak(format!("{} {}", env!("CARGO_PKG_VERSION"), lacuna_kernels::cpu::running()).into_boxed_str())
}

/// Reproduces the missing-label benchmarks on precomputed features
///
/// Without arguments: trains linear heads with eleven losses on the embedded set of real drawings, three seeds
/// each, and prints a table of test mAP. Takes a few seconds and needs no files.
#[derive(Parser)]
#[command(name = "repro", version = version(), max_term_width = WIDTH, after_help = format!("{EXAMPLES}\n\n{}", exit::codes("some runs failed")))]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

const EXAMPLES: &str = "Examples:
  repro                                      the benchmark on embedded data
  repro list                                 benchmarks, losses, embedded data
  repro losses show hill --svg hill.svg      formula, source, value and slope
  repro run spml-linear --data features/     the benchmark on your features
  repro run spml-linear --data features/ --loss an,hill --set hill.lambda=1.2
  repro run spml-linear --set training.schedule=cosine --set training.epochs=50
  repro config check my-benchmark.toml
  repro sweep learning-rates.toml --data features/ --jobs 8 --out rates/
  repro run spml-linear --tensorboard events/ --quiet   for TensorBoard
  repro run spml-linear --data features/ --json > losses.jsonl
  repro run spml-linear --data x.npy --labels y.csv --match row \\
      --test x_test.npy --test-labels y_test.csv --loss an
  repro report runs/spml-linear-features-001 --out report/
  repro diff runs/before runs/after
  repro run --spec big.toml --out big/ --classes 0/100        one of 100 tasks
  repro run --spec runs/spml-linear-features-001/spec.toml     once more";

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Lists benchmarks, losses and embedded data sets
    List,
    /// Shows a benchmark: its analysis, data, rows, published numbers and claims
    Show {
        /// Name of the benchmark
        name: String,
        /// A variant of it
        #[arg(long, value_name = "NAME")]
        variant: Option<String>,
    },
    /// Lists every loss with its source, assumptions and parameters, or shows one with its plot
    Losses(crate::losses::LossesArgs),
    /// Hides labels by a protocol and writes the observed labels
    Mask(Box<lacuna::cli::mask::MaskArgs>),
    /// Checks specifications
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Runs benchmarks and compares their numbers with the references of their specifications
    ///
    /// Exit code 1 where a number is outside its tolerance.
    Verify {
        /// Names of the benchmarks [default: all that have references for the data]
        #[arg(value_name = "NAME")]
        names: Vec<String>,
        #[command(flatten)]
        args: Box<RunArgs>,
    },
    /// Runs a benchmark and prints its table
    ///
    /// With --classes I/N, trains a slice of the classes: that of task I, counted from 0, of N tasks. It is for linear
    /// heads and losses whose gradient at a class depends on no other; `repro collect` joins what all tasks have trained. Where an epoch
    /// is chosen on validation rows, OUT/classes has the weights of every epoch until you remove it; evaluation.select = "last" keeps
    /// those of the last one.
    Run {
        /// Name of the benchmark, e.g. spml-linear; with --quick, `all` names every one with all of its variants
        #[arg(required_unless_present = "spec", conflicts_with = "spec")]
        name: Option<String>,
        #[command(flatten)]
        args: Box<RunArgs>,
    },
    Sweep(Box<SweepArgs>),
    Study(Box<StudyArgs>),
    /// Writes a report of run folders and studies: report.html, report.md, report.tex, report.csv
    ///
    /// report.html is one page without scripts that needs no network. A file of an earlier report is replaced.
    #[command(after_help = REPORTS)]
    Report(ReportArgs),
    /// Compares two run folders on the same data, run by run, and lists the settings that differ
    ///
    /// Exit code 0 where all results are equal, 1 where some differ or are in one folder alone, 2 for different data.
    #[command(after_help = DIFFS)]
    Diff(DiffArgs),
    /// Prints the page of verdicts of records that `repro study` made, in Markdown
    Verdicts {
        /// Records: files study.jsonl, or those of bins/repro/records
        #[arg(required = true, value_name = "FILE")]
        records: Vec<PathBuf>,
    },
    /// Joins the slices of classes that `repro run --classes I/N` has trained, and prints the table
    ///
    /// The head is, bit for bit, that of one run over all classes; it is saved as FOLDER/models/ID.
    Collect {
        /// Folder of the tasks: their --out
        folder: PathBuf,
        /// Prints one JSON line for each loss
        #[arg(long)]
        json: bool,
    },
}

#[derive(Subcommand)]
pub(crate) enum ConfigCommand {
    /// Checks every key, name and number of a specification, without its data
    Check {
        /// A file, or the name of a benchmark
        #[arg(value_name = "FILE|NAME")]
        what: String,
    },
}

/// Data, and changes to a specification.
#[derive(Args, Default)]
pub(crate) struct SpecArgs {
    #[command(flatten)]
    data: DataArgs,
    /// Observed labels: the data's own, or drawn from the truth [default: its own if it has any]
    #[arg(long, value_name = "WHERE")]
    mask: Option<Mask>,
    /// Losses to run, by comma [default: all of the benchmark]
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    loss: Vec<String>,
    /// Changes a key of the specification or a parameter of a loss, e.g. training.optimizer=sgd, splc.tau=0.65; may be
    /// given several times
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Number of seeds: the key training.seeds [default: that of the benchmark; also for the next three options]
    #[arg(long, value_name = "N")]
    seeds: Option<u64>,
    /// Learning rate: the key training.lr
    #[arg(long, value_name = "X", allow_negative_numbers = true, value_parser = rate)]
    lr: Option<f32>,
    /// Rows of a batch: the key training.batch
    #[arg(long, value_name = "N")]
    batch: Option<usize>,
    /// Epochs: the key training.epochs
    #[arg(long, value_name = "N")]
    epochs: Option<usize>,
}

/// How runs are worked on, and what is kept and shown of them.
#[derive(Args, Default)]
pub(crate) struct WorkArgs {
    /// Runs at the same time, at most one for each core [default: one for each core]
    #[arg(long, value_name = "N", value_parser = positive)]
    pub(crate) jobs: Option<usize>,
    /// Seconds between checkpoints of a run, written at the end of an epoch; 0 for every epoch
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0, value_parser = seconds)]
    pub(crate) checkpoint_every: f64,
    /// Saves the head of every run as OUT/models/ID/head.safetensors, which torch.nn loads, and head.json
    #[arg(long)]
    pub(crate) save_models: bool,
    /// Keeps the scores of the test rows of every run, by which reports compare runs; up to 64 MiB are kept without this
    /// option
    #[arg(long)]
    pub(crate) save_scores: bool,
    /// Writes losses, learning rates and metrics as event files for TensorBoard, in a folder of DIR for each run; a resumed run
    /// adds what is missing. Test metrics are at the step of the epoch whose weights were chosen. Once the runs have
    /// begun, events that cannot be written give a note and do not change the exit code
    #[arg(long, value_name = "DIR")]
    pub(crate) tensorboard: Option<PathBuf>,
    /// No progress and no settings on standard error, only errors and what changes the meaning of the data
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

#[derive(Args, Default)]
pub(crate) struct RunArgs {
    /// A variant of the benchmark, e.g. --variant coco-40; `NAME-VARIANT` names it too
    #[arg(long, value_name = "NAME", conflicts_with = "spec")]
    pub(crate) variant: Option<String>,
    #[command(flatten)]
    pub(crate) changes: SpecArgs,
    /// Runs a specification again: a file such as runs/X/spec.toml in place of the name of a benchmark
    #[arg(long, value_name = "FILE")]
    pub(crate) spec: Option<PathBuf>,
    /// Folder for spec.toml, results.jsonl and table.md. A folder with results of these runs, or of some of them, is continued; one with
    /// results of other runs is an error [default: a new one under runs/]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Discards results of other runs in the folder of --out
    #[arg(long, requires = "out")]
    pub(crate) force: bool,
    /// Resumes the runs of --out from their last checkpoints, which is also the default; with this option an empty or missing
    /// folder gives a note
    #[arg(long, requires = "out")]
    pub(crate) resume: bool,
    #[command(flatten)]
    pub(crate) work: WorkArgs,
    /// Prints one JSON line for each loss on standard output instead of the table
    #[arg(long)]
    pub(crate) json: bool,
    /// Only checks that everything runs: one seed and at most two epochs a phase. Results are not kept, and the numbers mean
    /// nothing
    #[arg(long, conflicts_with_all = ["out", "force", "resume"])]
    pub(crate) quick: bool,
}

/// Runs every row of a benchmark with every setting of its grid, on several masks, and decides each of its claims
///
/// Each row has the same number of settings to choose from, on true labels of the validation rows and, as a second column, on
/// observed ones. Differences have the interval of a paired bootstrap over test rows, masks and first weights, with Holm's correction over the
/// claims. A study that was interrupted goes on where it was.
#[derive(Args)]
#[command(after_help = STUDIES)]
pub(crate) struct StudyArgs {
    /// Name of the benchmark, e.g. spml-methods
    pub(crate) name: String,
    /// A variant of the benchmark
    #[arg(long, value_name = "NAME")]
    pub(crate) variant: Option<String>,
    #[command(flatten)]
    changes: SpecArgs,
    /// Seeds of the masks, by comma [default: those of the benchmark]
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub(crate) masks: Vec<u64>,
    /// First weights for each mask [default: those of the benchmark]
    #[arg(long, value_name = "N")]
    pub(crate) inits: Option<u64>,
    /// Resamples of the bootstrap
    #[arg(long, value_name = "N", default_value_t = 2000, value_parser = resamples)]
    pub(crate) resamples: usize,
    /// Folder of the study [default: runs/NAME-DATA-study]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Writes the record into this file too
    #[arg(long, value_name = "FILE")]
    pub(crate) record: Option<PathBuf>,
    /// Runs at the same time, at most one for each core [default: one for each core]
    #[arg(long, value_name = "N", value_parser = positive)]
    pub(crate) jobs: Option<usize>,
    /// No progress and no settings on standard error
    #[arg(long, short)]
    pub(crate) quiet: bool,
    /// Prints the record, JSON lines, on standard output instead of tables
    #[arg(long)]
    pub(crate) json: bool,
}

const STUDIES: &str = "Examples:
  repro study spml-methods                  on its embedded set
  repro study spml-methods --data features/ --out study/
  repro study db-longtail-study --record long-tail.jsonl
docs/verdicts.md has the verdicts of the records that come with the program.";

/// Which folders a report is of, and where it goes.
#[derive(Args)]
pub(crate) struct ReportArgs {
    /// Folders of `repro run` or `repro study`
    #[arg(required = true, value_name = "RUNS")]
    pub(crate) runs: Vec<PathBuf>,
    /// Folder for the files [default: that of the run; with several, report]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// The row of the table that others are compared with [default: an if it is there, else the first]
    #[arg(long, value_name = "ROW")]
    pub(crate) baseline: Option<String>,
    /// Resamples of the bootstrap over the test rows and the seeds
    #[arg(long, value_name = "N", default_value_t = 2000, value_parser = resamples)]
    pub(crate) resamples: usize,
    /// Replaces files of these names that no report has written
    #[arg(long)]
    pub(crate) force: bool,
}

/// Two folders that are compared.
#[derive(Args)]
pub(crate) struct DiffArgs {
    /// Folder of `repro run`
    #[arg(value_name = "A")]
    pub(crate) a: PathBuf,
    /// Another one
    #[arg(value_name = "B")]
    pub(crate) b: PathBuf,
    /// Prints one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

const DIFFS: &str = "Examples:
  repro diff runs/before runs/after
  repro diff runs/before runs/after --json";

const REPORTS: &str = "Examples:
  repro report runs/spml-linear-openclipart-001
  repro report runs/a runs/b runs/c-study --out report/
  repro report runs/a --baseline bce-full --out report/";

/// Runs every point of a sweep, or shows its state
///
/// A sweep is a specification with a table of keys and their values:
///
///     [sweep.keys]
///     training.lr = [1e-4, 1e-3, 1e-2]
///     hill.lambda = [1.0, 1.5]
///
/// All combinations are run. With `draws = 20` in the table sweep, 20 random ones
/// are, and a key may have a range in place of a list:
///
///     training.lr = { from = 1e-5, to = 1e-1, scale = "log" }
///
/// Any number of processes may work in the same folder, on several machines
/// that share it too. Each claims runs, takes over those whose process has
/// ended or has written no heartbeat for too long, and waits until every run
/// has a record. Runs that have one are skipped.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true, after_help = SWEEPS, verbatim_doc_comment)]
pub(crate) struct SweepArgs {
    #[command(subcommand)]
    pub(crate) command: Option<SweepCommand>,
    /// A specification with a table `sweep.keys`
    #[arg(required = true)]
    pub(crate) file: Option<PathBuf>,
    #[command(flatten)]
    changes: SpecArgs,
    /// Number of this task, from 0: it does the runs I, I + N, I + 2 N, ... of N tasks
    #[arg(long, value_name = "I", requires = "tasks")]
    task: Option<usize>,
    /// Number of tasks among which the runs are divided
    #[arg(long, value_name = "N", requires = "task", value_parser = positive)]
    tasks: Option<usize>,
    /// Folder of the sweep, which all its processes share [default: runs/NAME-DATA-sweep]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Runs everything again. A record stays until its run has ended, and a result that differs is reported
    #[arg(long)]
    pub(crate) fresh: bool,
    /// Seconds without a heartbeat after which the runs of a process are taken over; runs of processes of this machine
    /// that have ended are taken over at once
    #[arg(long, value_name = "SECONDS", default_value_t = 60.0, value_parser = silence)]
    pub(crate) stalled: f64,
    #[command(flatten)]
    pub(crate) work: WorkArgs,
    /// Prints one JSON line for each row and point on standard output instead of the table
    #[arg(long)]
    pub(crate) json: bool,
}

const SWEEPS: &str = "Examples:
  repro sweep lr.toml --data features/ --jobs 8 --out lr/
  repro sweep lr.toml --out lr/ --task $SLURM_ARRAY_TASK_ID --tasks 100
  seq 0 7 | parallel -j 8 repro sweep lr.toml --out lr/ --jobs 1 --task {} --tasks 8
  repro sweep lr.toml --out lr/ --tensorboard lr/events --quiet
  repro sweep status lr/
  repro sweep collect lr/
Files for Slurm arrays and Kubernetes indexed jobs are in bins/repro/examples.";

#[derive(Subcommand)]
pub(crate) enum SweepCommand {
    /// Shows how many runs have ended, and which processes run the others
    Status {
        /// Folder of the sweep
        folder: PathBuf,
        /// Seconds without a heartbeat after which a process counts as stalled
        #[arg(long, value_name = "SECONDS", default_value_t = 60.0, value_parser = silence)]
        stalled: f64,
        /// Prints one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Writes results.jsonl and table.md of the runs that have ended, and prints the table
    ///
    /// Exit code 1 where runs are missing or failed.
    Collect {
        /// Folder of the sweep
        folder: PathBuf,
        /// Prints one JSON line for each row and point
        #[arg(long)]
        json: bool,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Mask {
    /// One positive of each row, seed 1200, as published
    Drawn,
    /// The data's own, e.g. formatted_train_labels_obs.npy
    File,
}

impl RunArgs {
    /// The task of `--classes I/N`, which then names no columns of a table.
    ///
    /// # Errors
    /// For a number of a task that there is not, and without `--out`.
    pub(crate) fn take_class_task(&mut self) -> anyhow::Result<Option<ClassTask>> {
        let classes = &mut self.changes.data.classes;
        let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let text = match classes.as_deref() {
            Some([text]) if text.split('/').count() == 2 && text.split('/').all(is_number) => text.clone(),
            _ => return Ok(None),
        };
        *classes = None;
        let task = text.parse().map_err(|problem| anyhow::anyhow!("--classes {text}: {problem}"))?;
        if self.out.is_none() {
            bail!(
                "--classes {text}: tasks that train some of the classes share a folder: name it with --out"
            );
        }
        Ok(Some(task))
    }

    /// The overrides of the command line.
    pub(crate) fn overrides(&self) -> anyhow::Result<Overrides> {
        self.changes.overrides(self.spec.is_some())
    }
}

impl StudyArgs {
    /// The overrides of the command line.
    pub(crate) fn overrides(&self) -> anyhow::Result<Overrides> {
        self.changes.overrides(false)
    }
}

impl SweepArgs {
    /// The overrides of the command line.
    pub(crate) fn overrides(&self) -> anyhow::Result<Overrides> {
        self.changes.overrides(true)
    }

    /// Number of the task and of tasks.
    pub(crate) fn task(&self) -> anyhow::Result<Option<(usize, usize)>> {
        match (self.task, self.tasks) {
            (Some(task), Some(tasks)) if task >= tasks => {
                bail!(
                    "--task {task} --tasks {tasks}: tasks are counted from 0, so the last one is {}",
                    tasks - 1
                )
            }
            (task, tasks) => Ok(task.zip(tasks)),
        }
    }
}

impl SpecArgs {
    /// The overrides of the command line for the name of a benchmark, or for a file, whose own data is changed by what is said
    /// about it.
    fn overrides(&self, of_file: bool) -> anyhow::Result<Overrides> {
        Ok(Overrides {
            data: match of_file {
                true => Some(self.data.described()?).filter(|data| *data != DataSource::default()),
                false => self.data.source()?,
            },
            mask: self.mask.map(|mask| match mask {
                Mask::Drawn => MaskSource::Drawn,
                Mask::File => MaskSource::File,
            }),
            losses: self.losses()?,
            set: self.set.iter().map(|s| key(s)).collect::<anyhow::Result<_>>()?,
            params: vec![],
            seeds: self.seeds,
            lr: self.lr,
            batch: self.batch,
            epochs: self.epochs,
        })
    }

    /// The losses named on the command line; `None` for all of the benchmark.
    fn losses(&self) -> anyhow::Result<Option<Vec<String>>> {
        let names: Vec<String> = self.loss.iter().map(|name| name.trim().to_string()).collect();
        if names.iter().any(String::is_empty) {
            bail!("--loss {}: missing name between or after the commas", self.loss.join(","));
        }
        Ok((!names.is_empty()).then_some(names))
    }
}

/// `key=value`.
fn key(text: &str) -> anyhow::Result<(String, String)> {
    let form = || format!("--set {text}: expected KEY=VALUE, e.g. splc.tau=0.65 or training.optimizer=sgd");
    let (key, value) = text.split_once('=').with_context(form)?;
    if !key.contains('.') {
        bail!("{}", form());
    }
    Ok((key.trim().to_string(), value.trim().to_string()))
}

/// A time of at least 0 seconds.
fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.0..=1e9).contains(&seconds) => Ok(seconds),
        _ => Err("expected a number of seconds from 0 to 1e9".to_string()),
    }
}

/// A time after which a process counts as stalled: several of the two seconds between its signs of life.
fn silence(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (6.0..=1e9).contains(&seconds) => Ok(seconds),
        _ => Err("expected a number of seconds from 6 to 1e9".to_string()),
    }
}

/// A number in the range of 32-bit floats.
fn rate(text: &str) -> Result<f32, String> {
    let Ok(number) = text.parse::<f64>() else { return Err("invalid number".to_string()) };
    let narrow = number as f32;
    if number.is_finite() && (narrow.is_infinite() || (narrow == 0.0 && number != 0.0)) {
        return Err("the number is outside the range of 32-bit floats".to_string());
    }
    Ok(narrow)
}

/// A whole number from 1 on.
/// Resamples, whose values are kept in memory.
fn resamples(text: &str) -> Result<usize, String> {
    positive(text)
        .ok()
        .filter(|n| *n <= 100_000)
        .ok_or_else(|| "expected an integer from 1 to 100000".to_string())
}

fn positive(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(n) if n > 0 => Ok(n),
        _ => Err("expected an integer from 1 on".to_string()),
    }
}
