//! The command line.

use anyhow::{Context, bail};
use clap::{Args, Parser, Subcommand, ValueEnum};
use lacuna::cli::screen::WIDTH;
use lacuna::cli::{DataArgs, exit};
use lacuna_harness::{MaskSource, Overrides};
use lacuna_source::DataSource;
use std::path::PathBuf;

/// Version and instruction level.
fn version() -> &'static str {
    Box::leak(format!("{} {}", env!("CARGO_PKG_VERSION"), lacuna_kernels::cpu::simd_level()).into_boxed_str())
}

/// Reproduces the missing-label benchmarks on precomputed features.
///
/// Without arguments: trains linear heads with every loss on an embedded synthetic set, three seeds each, and
/// prints a table of test mAP. Takes a few seconds and needs no files.
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
  repro run spml-linear --data features/ --json > losses.jsonl
  repro run spml-linear --data x.npy --labels y.csv --match row \\
      --test x_test.npy --test-labels y_test.csv --loss an
  repro run --spec runs/spml-linear-features-001/spec.toml     once more";

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Lists benchmarks, losses and embedded data sets
    List,
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
    Run {
        /// Name of the benchmark, e.g. spml-linear
        #[arg(required_unless_present = "spec", conflicts_with = "spec")]
        name: Option<String>,
        #[command(flatten)]
        args: Box<RunArgs>,
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

#[derive(Args, Default)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    data: DataArgs,
    /// Runs a specification again: a file such as runs/X/spec.toml in place of the name of a benchmark
    #[arg(long, value_name = "FILE")]
    pub(crate) spec: Option<PathBuf>,
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
    /// Number of seeds: the key training.seeds [default: that of the benchmark, as for the next three]
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
    /// Runs at the same time, at most one for each core [default: one for each core]
    #[arg(long, value_name = "N", value_parser = positive)]
    pub(crate) jobs: Option<usize>,
    /// Folder for spec.toml, results.jsonl and table.md. A folder with results of the same runs is resumed; one with
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
    /// Seconds between checkpoints of a run, written at the end of an epoch; 0 for every epoch
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0, value_parser = seconds)]
    pub(crate) checkpoint_every: f64,
    /// Saves the head of every run as OUT/models/ID/head.safetensors, which torch.nn loads, and head.json
    #[arg(long)]
    pub(crate) save_models: bool,
    /// Prints one JSON line for each loss on standard output instead of the table
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Mask {
    /// One positive of each row, seed 1200, as published
    Drawn,
    /// The data's own, e.g. formatted_train_labels_obs.npy
    File,
}

impl RunArgs {
    /// The overrides of the command line.
    pub(crate) fn overrides(&self) -> anyhow::Result<Overrides> {
        Ok(Overrides {
            data: match &self.spec {
                // What is said about the data changes what the specification says.
                Some(_) => Some(self.data.described()?).filter(|data| *data != DataSource::default()),
                None => self.data.source()?,
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
}

impl RunArgs {
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
fn positive(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(n) if n > 0 => Ok(n),
        _ => Err("expected an integer from 1 on".to_string()),
    }
}
