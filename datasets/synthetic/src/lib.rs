//! Embedded synthetic feature sets with realistic labels, for examples, tests and first runs.
//!
//! A set is made from a seed in a fraction of a second, the same on every machine, so a run needs no
//! download. The labels have the class counts and the co-occurrence of a real benchmark. The features mix the
//! evidence of every object in the row, so a positive whose label is hidden still shows in them, and training it as a
//! negative costs accuracy.
//!
//! **A synthetic set is not evidence about real data.** It orders some methods differently from real
//! features; each set says so in its own documentation.
//!
//! Start with [`synthetic_set`]; [`SETS`] lists what there is.
//!
//! ```
//! use lacuna_synthetic::{DEFAULT_SEED, synthetic_set};
//!
//! let set = synthetic_set("voc-like").expect("the set is in the table").build(DEFAULT_SEED);
//! assert_eq!((set.train.rows(), set.test.rows()), (5717, 5823));
//! assert_eq!(set.train.features.columns(), 256);
//! assert_eq!(set.train.classes[14], "person");
//! ```

mod appearance;
mod coco_like;
mod scenes;
mod shapes;
mod table;
mod voc_like;
mod voc_mlt_like;

use lacuna_labels::FeatureSet;

pub use coco_like::{coco_like, coco_mlt_like};
pub use shapes::{CHANNELS, SIDE, shapes};
pub use table::{SETS, SetEntry, SetSize, synthetic_set};
pub use voc_like::voc_like;
pub use voc_mlt_like::voc_mlt_like;

/// The seed of every number printed about these sets.
pub const DEFAULT_SEED: u64 = 2012;

/// Two parts drawn from one world: same classes, same prototypes, different rows.
#[derive(Clone, Debug, PartialEq)]
pub struct SyntheticSet {
    /// Training rows; validation rows are split from them.
    pub train: FeatureSet,
    /// Test rows.
    pub test: FeatureSet,
}
