//! From a benchmark specification to a checked run and its record. Nothing here prints. Start with [`Plan`].
//!
//! ```text
//! Spec (TOML) + Overrides (command line)  ->  Plan (checked, data loaded)  ->  Report (one record a run)
//! ```
//!
//! Everything that can be wrong is found while the [`Plan`] is made: unknown losses, values out of range, files
//! that are missing or do not fit, labels that a loss cannot work with. A plan that exists runs to its end. Runs are spread over threads, each run is serial,
//! and a run's numbers depend on the plan and its seed alone.
//!
//! ```
//! use lacuna_harness::{Overrides, Plan, RunOptions, Spec};
//!
//! let spec = Spec::parse(
//!     r#"
//!     name = "example"
//!     title = "Assume negative, two epochs"
//!     source = "none"
//!     data = "voc-like"
//!     [protocol]
//!     [training]
//!     epochs = 2
//!     batch = 64
//!     lr = 1e-3
//!     seeds = 1
//!     reduction = "mean"
//!     [[losses]]
//!     name = "an"
//!     "#,
//! )?;
//! let plan = Plan::new(&spec, &Overrides::default())?;
//! let report = plan.run(RunOptions::jobs(1), &|_| {})?;
//! assert!(report.losses[0].test_map_mean.unwrap() > 50.0); // percent
//! # Ok::<(), lacuna_harness::HarnessError>(())
//! ```

mod compare;
mod data;
mod data_label;
mod error;
mod first_error;
mod labels;
mod overrides;
mod plan;
mod record;
mod report;
mod run_folder;
mod scores;
mod spec;
mod store;
mod study;
mod sweep;
mod tensorboard;

pub use compare::Comparison;
pub use data::{SplitDataset, ValRows};
pub use data_label::{ClassCounts, DataLabel, FoundInData, SeenLabels};
pub use error::HarnessError;
pub use first_error::FirstError;
pub use labels::LabelCounts;
pub use lacuna_train::{CnnSpec, Evaluation, Head, MetricValue, Training};
pub use overrides::Overrides;
pub use plan::{ClassTask, Plan, Progress, RunOptions};
pub use record::{Failed, Finished, Provenance, RunRecord, RunResult, results_digest, run_id};
pub use report::{Cells, LossReport, MetricReport, Report, column_title};
pub use run_folder::RunFolder;
pub use scores::{ChosenOn, ScoreFolder};
pub use spec::{
    Cause, Claim, GridPoint, KeyDifference, LabelsSpec, LossSpec, MaskSource, Needed, ProtocolSpec,
    Published, Spec, Stage, StudySpec, Unknown, Validation, Variant,
};
pub use store::{Store, TaskFolder};
pub use study::{
    Chosen, DecidedCause, DecidedClaim, Difference, Resamples, RunScores, Spread, Study, StudyEnd, StudyHead,
    StudyLine, StudyOptions, StudyRecord, StudyRow, Verdict,
};
pub use sweep::{
    Collected, CollectedRow, Holder, Point, Status, Sweep, SweepFolder, SweepOptions, SweepOutcome,
    SweepPlan, SweepProgress, SweepRun, SweepSpec, collect, status,
};
pub use tensorboard::TensorBoard;
