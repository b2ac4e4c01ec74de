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
    /// Hides labels as a protocol says and writes what is left
    Mask(Box<lacuna::cli::mask::MaskArgs>),
    /// Runs a benchmark and prints its table
    Run {
        /// Name of the benchmark, e.g. spml-linear
        #[arg(required_unless_present = "spec", conflicts_with = "spec")]
        name: Option<String>,
        #[command(flatten)]
        args: Box<RunArgs>,
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
    /// Sets a parameter of a loss, e.g. splc.tau=0.65; may be given several times
    #[arg(long, value_name = "LOSS.PARAM=VALUE")]
    set: Vec<String>,
    /// Number of seeds; they vary first weights and row order [default: that of the benchmark, as for the next three]
    #[arg(long, value_name = "N")]
    seeds: Option<u64>,
    /// Adam's learning rate
    #[arg(long, value_name = "X", allow_negative_numbers = true, value_parser = rate)]
    lr: Option<f32>,
    /// Rows of a batch
    #[arg(long, value_name = "N")]
    batch: Option<usize>,
    /// Epochs
    #[arg(long, value_name = "N")]
    epochs: Option<usize>,
    /// Runs at the same time, at most one for each core [default: one for each core]
    #[arg(long, value_name = "N", value_parser = positive)]
    pub(crate) jobs: Option<usize>,
    /// Folder for spec.toml, results.jsonl and table.md. One that has results of the same runs is continued, one with others
    /// is refused [default: a new one under runs/]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Discards results of other runs in the folder of --out
    #[arg(long, requires = "out")]
    pub(crate) force: bool,
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
    /// What the command line changes about the benchmark.
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
            params: self.set.iter().map(|s| parameter(s)).collect::<anyhow::Result<_>>()?,
            seeds: self.seeds,
            lr: self.lr,
            batch: self.batch,
            epochs: self.epochs,
        })
    }
}

impl RunArgs {
    /// The losses that were named, `None` for all of the benchmark.
    fn losses(&self) -> anyhow::Result<Option<Vec<String>>> {
        let names: Vec<String> = self.loss.iter().map(|name| name.trim().to_string()).collect();
        if names.iter().any(String::is_empty) {
            bail!("--loss {}: a name is missing between or behind the commas", self.loss.join(","));
        }
        Ok((!names.is_empty()).then_some(names))
    }
}

/// `loss.param=value`.
fn parameter(text: &str) -> anyhow::Result<(String, String, f64)> {
    let form = || format!("--set {text}: the form is LOSS.PARAM=VALUE, e.g. splc.tau=0.65");
    let (name, value) = text.split_once('=').with_context(form)?;
    let (loss, param) = name.split_once('.').with_context(form)?;
    let Ok(number) = value.trim().parse() else { bail!("--set {text}: `{value}` is no number") };
    Ok((loss.trim().to_string(), param.trim().to_string(), number))
}

/// A number that 32-bit floats have room for.
fn rate(text: &str) -> Result<f32, String> {
    let Ok(number) = text.parse::<f64>() else { return Err("this is no number".to_string()) };
    let narrow = number as f32;
    if number.is_finite() && (narrow.is_infinite() || (narrow == 0.0 && number != 0.0)) {
        return Err("this is beyond the range of 32-bit floats".to_string());
    }
    Ok(narrow)
}

/// A whole number from 1 on.
fn positive(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(n) if n > 0 => Ok(n),
        _ => Err("a whole number from 1 on is needed".to_string()),
    }
}
