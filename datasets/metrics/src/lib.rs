//! Multi-label metrics that carry their convention as an argument.
//!
//! "mAP" is not one number. Papers differ in what they do with equal scores, in a term of 1e-8, and in
//! classes that have no positive, and the differences are as large as the gains they report. Here
//! every metric takes its convention, and the convention can be printed: a table without one is not
//! comparable.
//!
//! Metrics take [`TrueLabels`](lacuna_labels::TrueLabels), so an unknown label never counts as
//! anything. All values are fractions between 0 and 1 unless a name says `percent`.
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

mod average_precision;
mod error;
mod ranking;

pub use average_precision::{
    ApFlavour, ApScratch, EmptyClass, MapConvention, MapResult, mean_average_precision,
};
pub use error::{MetricError, UnknownName};
pub use ranking::Score;
