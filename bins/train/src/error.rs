//! Errors of training.

use crate::ModelError;
use lacuna_formats::FormatError;
use lacuna_losses::LossError;
use lacuna_metrics::MetricError;

/// Why something cannot be trained, or stopped training.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// A setting is wrong by itself or does not fit the data.
    #[error("{0}")]
    Setting(String),
    /// A loss refused labels, logits or a parameter.
    #[error(transparent)]
    Loss(#[from] LossError),
    /// A step or a pass over the rows failed.
    #[error("{loss}, seed {seed}, epoch {epoch}, step {step}: {source}")]
    Step {
        /// Name of the loss.
        loss: String,
        /// Seed of the run.
        seed: u64,
        /// Epoch, counted from 1.
        epoch: usize,
        /// Step within the phase, counted from 1.
        step: u64,
        /// The cause.
        source: Box<TrainError>,
    },
    /// Predictions could not be measured.
    #[error("{loss}, seed {seed}: {source}")]
    Metric {
        /// Name of the loss.
        loss: String,
        /// Seed of the run.
        seed: u64,
        /// The error of the metric.
        source: MetricError,
    },
    /// Saved state does not fit.
    #[error(transparent)]
    State(#[from] StateError),
    /// Features and labels have rows that cannot be joined.
    #[error("{0}")]
    Rows(String),
    /// The labels have no positives or no negatives to learn from.
    #[error("{0}")]
    Labels(String),
    /// A file of labels lists some cells, and the label of the others is not given.
    #[error(
        "{path}: the file lists only some of the labels: choose the others with .unlisted(Label::Unknown) if they \
         were not annotated, or .unlisted(Label::Negative) if the lists are complete"
    )]
    Unlisted {
        /// The file.
        path: String,
    },
    /// A hook of [`Fit::on_progress`](crate::Fit::on_progress) said that the work is to stop.
    #[error("stopped")]
    Stopped,
    /// A model was refused.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A file cannot be read.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// A file cannot be written.
    #[error("{path}: {source}")]
    Write {
        /// The file or folder.
        path: String,
        /// The error of the operating system.
        source: std::io::Error,
    },
}

/// Why saved state was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// Something that was saved is not there, or there is something that was not.
    #[error("the saved state has no `{0}`")]
    Missing(String),
    /// A saved value has another size, or is not of this run.
    #[error("the saved `{name}` {problem}")]
    Unfit {
        /// The name of the saved state.
        name: String,
        /// The problem.
        problem: String,
    },
    /// The file is damaged.
    #[error("{path}: {problem}")]
    Damaged {
        /// The file.
        path: String,
        /// The problem.
        problem: String,
    },
    /// The state belongs to other settings or other data.
    #[error("{path}: it belongs to another run ({what} differs)")]
    OtherRun {
        /// The file.
        path: String,
        /// The difference.
        what: &'static str,
    },
}
