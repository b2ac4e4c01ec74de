//! What can be wrong with a benchmark, for the person who has to mend it.

use lacuna_formats::FormatError;
use lacuna_losses::LossError;
use lacuna_metrics::MetricError;
use lacuna_protocols::ProtocolError;
use std::io;
use std::path::PathBuf;

/// Why a benchmark was not run, or stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HarnessError {
    /// A specification is not what it should be.
    #[error("the specification: {0}")]
    Spec(String),
    /// A setting is outside its range or does not fit the data.
    #[error("{0}")]
    Setting(String),
    /// There is no embedded set of this name.
    #[error("there is no embedded set `{name}`; there are: {known}. A folder is given with --data DIR")]
    UnknownSet {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: String,
    },
    /// A file or folder.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// A loss by name, its options or its configuration.
    #[error(transparent)]
    Loss(#[from] LossError),
    /// A loss refused a batch.
    #[error("{loss}, seed {seed}, epoch {epoch}, step {step}: {source}")]
    Training {
        /// Name of the loss.
        loss: String,
        /// Seed of the run.
        seed: u64,
        /// Epoch, counted from 1.
        epoch: usize,
        /// Step within the run, counted from 1.
        step: u64,
        /// What the loss said.
        source: LossError,
    },
    /// Predictions could not be ranked.
    #[error("{loss}, seed {seed}: {source}")]
    Metric {
        /// Name of the loss.
        loss: String,
        /// Seed of the run.
        seed: u64,
        /// What the metric said.
        source: MetricError,
    },
    /// A split or mask.
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
    /// The operating system refused to write results.
    #[error("{}: {source}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The threads could not be started.
    #[error("the threads could not be started: {0}")]
    Threads(#[from] rayon::ThreadPoolBuildError),
}
