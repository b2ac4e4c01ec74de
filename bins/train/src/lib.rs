//! Trains heads: the procedures of the papers, the one training loop, checkpoints and fitted models.
//!
//! Start with [`Fit`], which trains on arrays with defaults and gives a [`Model`]; [`audit()`] finds cells that are probably
//! positive. Below them, for those who reproduce a method or write one:
//!
//! A method of a paper is more than its loss. It also decides which rows a step sees, which layers the head has, which rows are mixed, and
//! which labels are written between epochs: that is a [`Procedure`]. [`PROCEDURES`] is the table of them, and [`Run`] the only loop.
//!
//! ```
//! use lacuna_labels::{Features, Label, LabelMatrix, ObservedLabels};
//! use lacuna_losses::Options;
//! use lacuna_train::{Data, Evaluation, LossChoice, Run, TrainSet, Training};
//!
//! // Forty rows of two features; of every third row nothing is known.
//! let features = Features::new(40, 2, (0..80).map(|i| (i as f32 * 0.7).sin()).collect())?;
//! let cells = (0..40).map(|row| match (row % 3, features.row(row)[0] > 0.0) {
//!     (2, _) => Label::Unknown,
//!     (_, true) => Label::Positive,
//!     (_, false) => Label::Negative,
//! });
//! let observed: ObservedLabels = LabelMatrix::new(40, 1, cells.collect())?.into();
//! let rows: Vec<u32> = (0..40).collect();
//! let train = TrainSet::new(&features, &observed, &rows);
//!
//! let data = Data::new(train);
//! let training = Training { lr: 0.1, batch: 10, epochs: 30, ..Training::default() };
//! let evaluation = Evaluation { select: "last".to_string(), ..Evaluation::default() };
//! let loss = LossChoice::new("bce", Options::default(), &train)?;
//! let mut run = Run::new(data, &training, &evaluation, loss, 0)?;
//! while !run.is_done() {
//!     run.epoch()?;
//! }
//! let outcome = run.finish()?;
//! assert!(outcome.epochs[29].loss < outcome.epochs[0].loss);
//! assert_eq!(outcome.weights[0].name, "weight");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The next crate is `lacuna`: files of features and labels, and the programs.

mod audit;
mod batch;
mod checkpoint;
mod compare;
mod data;
mod error;
mod feature_rows;
mod feed;
mod fit;
mod head;
mod hidden;
mod metrics;
mod model;
mod named;
mod optimizers;
mod outcome;
mod pca;
mod phase;
mod procedure;
mod progress;
mod retrain;
mod run;
mod settings;
mod slices;
mod sources;
mod split;
mod transform;

pub use audit::{Audit, AuditOptions, Candidate, HiddenPositives, audit};
pub use batch::Batch;
pub use checkpoint::{Checkpoint, CheckpointFolder};
pub use compare::{CompareOptions, Compared, Comparison, Contestant, compare};
pub use data::{ClassSlice, Data, EvalLabels, EvalRows, EvalSet, TrainSet};
pub use error::{StateError, TrainError};
pub use feature_rows::FeatureRows;
pub use feed::{Feed, Pool, SAMPLERS, SamplerRow};
pub use fit::{Fit, minimises};
pub use head::{CnnSpec, Head, MlpSpec};
pub use lacuna_losses::TrainPass;
pub use lacuna_metrics::Goal;
pub use metrics::{METRICS, MetricRow, MetricValue, Scored, metric};
pub use model::{
    Calibrated, Calibration, CalibrationScores, ChosenThresholds, ClassReport, ClassThreshold, EvalReport,
    Fingerprints, Input, JudgedRows, Model, ModelError, ModelParts, NamedMetric, Predictions, Table,
    TrainedWith,
};
pub use named::{Named, NamedRow, SettingInfo, Values};
pub use optimizers::{GroupSpec, OPTIMIZERS, OptimizerRow, SCHEDULES, ScheduleRow};
pub use outcome::{EpochRecord, ObservedChoice, Outcome, Weights};
pub use procedure::{
    At, Beside, Build, Layout, LossChoice, PROCEDURES, Procedure, ProcedureRow, ResolvedProcedure,
    procedure_for,
};
pub use progress::{Progress, Stage};
pub use retrain::{Gain, Retrained};
pub use run::Run;
pub use settings::{Also, Evaluation, LastBatch, MOST, On, Rows, Start, Training, merge};
pub use slices::{EpochWeights, JoinedEpochs};
pub use sources::{FeatureSource, LabelSource};
pub use split::hold_out;
pub use transform::{TRANSFORMS, Transform, TransformRow};
