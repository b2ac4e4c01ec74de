//! Multi-label metrics that carry their convention as an argument. Start with [`mean_average_precision`].
//!
//! "mAP" is not one number. Papers differ in what they do with equal scores, in a term of 1e-8, and in
//! classes that have no positive, and the differences are as large as the gains they report. Here
//! every metric takes its convention, and the convention can be printed: a table without one is not
//! comparable.
//!
//! Metrics take [`TrueLabels`](lacuna_labels::TrueLabels) or, asked for by name, the known cells of observed
//! labels ([`Judged`]), so an unknown label never counts as anything.
//!
//! | what | where | what its convention is |
//! |---|---|---|
//! | AP, mAP | [`mean_average_precision`] | [`ApFlavour`], [`EmptyClass`] |
//! | head, medium, tail | [`ClassGroups`] | counts of training rows |
//! | CP, CR, CF1, OP, OR, OF1 | [`Confusions::overall`] | [`OverallFlavour`], [`Threshold`] |
//! | F1, Jaccard, MCC, precision, recall | [`Confusions::f1`] and its neighbours | [`Average`], [`Undefined`], [`Threshold`] |
//! | Hamming loss, subset accuracy | [`Confusions::hamming_loss`], [`Confusions::subset_accuracy`] | [`Threshold`] |
//! | thresholds chosen by a goal | [`Goal::cut`] | [`Goal`] |
//! | best F1 over thresholds | [`BestThreshold`] | the evaluation set itself: an oracle |
//! | ranking loss, one-error, coverage, LRAP | [`RowRanking`] | [`OneSidedRows`] |
//! | P@k, R@k, top@k, nDCG@k | [`AtK`] | first class first among equals |
//! | PSP@k, PSnDCG@k | [`PropensityAtK`] | propensities |
//! | AUROC | [`auroc`] | [`Undefined`] |
//! | paired bootstrap, Student's t, Holm | [`SortedScores`], [`CrossedMean`], [`holm`] | resamples of rows, masks and seeds |
//! | ECE, Brier, reliability | [`calibration_error`], [`brier`], [`reliability`] | bins, [`Pooling`] |
//!
//! All values are fractions between 0 and 1 unless a name says `percent`.
//!
//! ```
//! use lacuna_labels::TrueLabels;
//! use lacuna_metrics::{MapConvention, mean_average_precision};
//!
//! // Three rows, two classes; class 1 is ranked perfectly.
//! let truth = TrueLabels::from_fn(3, 2, |row, class| row == class || (row, class) == (2, 0));
//! let scores = [0.9_f32, 0.1, 0.8, 0.9, 0.7, 0.3];
//! let result = mean_average_precision(&scores, &truth, MapConvention::SPML)?;
//!
//! // Class 0: precision 1/1 at the first positive, 2/3 at the second.
//! assert!((result.per_class[0] - (1.0 + 2.0 / 3.0) / 2.0).abs() < 1e-12);
//! assert_eq!(result.per_class[1], 1.0);
//! println!("mAP {:.2} ({})", result.percent(), result.convention);
//! assert_eq!(result.convention.to_string(), "AP sklearn, empty class zero");
//! # Ok::<(), lacuna_metrics::MetricError>(())
//! ```

mod agreement;
mod at_k;
mod auroc;
mod average_precision;
mod bootstrap;
mod calibration;
mod confusion;
mod convention;
mod crossed;
mod cut;
mod error;
mod groups;
mod judged;
pub mod oracle;
mod overall;
#[cfg(test)]
mod random_case;
mod ranking;
mod rows;
mod sweep;
mod undefined;

pub use agreement::Average;
pub use at_k::{AtK, PropensityAtK};
pub use auroc::{auroc, mean_auroc};
pub use average_precision::{ApScratch, MapResult, mean_average_precision};
pub use bootstrap::{Interval, SortedScores, holm};
pub use calibration::{Pooling, Reliability, brier, calibration_error, reliability};
pub use confusion::{Confusion, Confusions, Threshold};
pub use convention::{ApFlavour, EmptyClass, MapConvention};
pub use crossed::{CrossedMean, variance};
pub use cut::{Cut, Goal, UnknownGoal};
pub use error::{MetricError, UnknownName};
pub use groups::{ClassGroups, Group, GroupMeans};
pub use judged::Judged;
pub use overall::{Overall, OverallFlavour};
pub use ranking::Score;
pub use rows::{OneSidedRows, RowRanking};
pub use sweep::{BestThreshold, hundredths};
pub use undefined::Undefined;
