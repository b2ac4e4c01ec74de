//! Errors of benchmarks.

use crate::LabelCounts;
use lacuna_formats::FormatError;
use lacuna_losses::LossError;
use lacuna_protocols::ProtocolError;
use lacuna_source::SourceError;
use lacuna_train::TrainError;
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
    /// The data could not be opened.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Some losses need labels that the data does not have; none are drawn in their place.
    #[error(
        "{data}: its {} labels ({labels}) cannot serve every loss: {}{}{}",
        if *drawn { "training" } else { "observed" },
        refused.join("; "),
        if fit.is_empty() { String::new() } else { format!(". --loss {fit} runs the others") },
        if *drawn { "" } else { ". --mask drawn draws labels from the truth instead" }
    )]
    Labels {
        /// The data as it was named.
        data: String,
        /// Whether the labels were drawn from the truth.
        drawn: bool,
        /// Counts of the labels.
        labels: LabelCounts,
        /// `loss needs what`, one for each loss that was refused.
        refused: Vec<String>,
        /// The losses that the labels can serve, by comma.
        fit: String,
    },
    /// Labels for evaluation are incomplete.
    #[error(
        "{path}: {unknown} of {cells} labels of the {} rows are unknown (the first: row {row}, counted from 0, \
         class `{class}`), and evaluation needs complete labels{}",
        if part.as_str() == "train" { "training" } else { "test" },
        if *unlisted { "" } else {
            ". If the unlisted classes of a row are absent, pass --unlisted negative; observed labels without true \
             labels are not enough here"
        }
    )]
    Incomplete {
        /// The file.
        path: String,
        /// `train` or `test`.
        part: String,
        /// Row of the first unknown label.
        row: usize,
        /// Name of its class, escaped.
        class: String,
        /// Number of unknown labels.
        unknown: usize,
        /// Number of labels.
        cells: usize,
        /// Whether the label of unlisted classes was given.
        unlisted: bool,
    },
    /// Another process writes into the folder.
    #[error("{}: another process is writing here ({holder}); wait for it, or name another folder", folder.display())]
    Locked {
        /// The folder.
        folder: PathBuf,
        /// Process id and host of the holder.
        holder: String,
    },
    /// A folder has the results of another specification.
    #[error("{}: {problem}. Name another folder; --force discards what is there", folder.display())]
    OtherRun {
        /// The folder.
        folder: PathBuf,
        /// The difference.
        problem: String,
    },
    /// A folder is not that of this sweep.
    #[error("{}: {problem}", folder.display())]
    OtherSweep {
        /// The folder.
        folder: PathBuf,
        /// The difference.
        problem: String,
    },
    /// A folder without results that can be read.
    #[error("{}: {problem}", folder.display())]
    NoResults {
        /// The folder.
        folder: PathBuf,
        /// What is missing, and what to do.
        problem: String,
    },
    /// Results on different data, which are not compared.
    #[error(
        "{} has results on data {}, and {} on data {}: name two folders on the same data",
        folders[0].display(), fingerprints[0], folders[1].display(), fingerprints[1]
    )]
    OtherData {
        /// The two folders.
        folders: [PathBuf; 2],
        /// The fingerprints of their data.
        fingerprints: [String; 2],
    },
    /// A file that would be written was read by the same command.
    #[error("{}: this command has read the file and does not overwrite it: name another folder", path.display())]
    WasRead {
        /// The file.
        path: PathBuf,
    },
    /// A stored result cannot be read.
    #[error("{}: line {line}: {problem}", path.display())]
    Record {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// The problem.
        problem: String,
    },
    /// A file or folder.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// A loss by name, its options or its configuration.
    #[error(transparent)]
    Loss(#[from] LossError),
    /// A step, a metric or a saved state was refused.
    #[error(transparent)]
    Training(Box<TrainError>),
    /// A split or mask.
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
    /// The operating system refused to write results.
    #[error("{}: {source}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The threads could not be started.
    #[error("the threads could not be started: {0}")]
    Threads(#[from] rayon::ThreadPoolBuildError),
}
