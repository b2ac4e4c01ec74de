//! Missing-label protocols, splits of rows, and their random streams. Start with [`SinglePositive`] for a mask and
//! [`Stream`] for random numbers.
//!
//! A number in this field belongs to a mask: which positives were kept, which rows validate. This
//! crate gives the published masks bit for bit and gives new ones that never change:
//!
//! * [`SinglePositive`] and [`KnownCells`] hide labels, [`Holdout`] splits rows. All three follow the
//!   scripts the papers published, on [`NumpyLegacy`], NumPy's `RandomState` stream. [`biased_positive`] does so on
//!   [`PythonRandom`].
//! * [`Stream`] is the project's own seeded stream, for shuffling, initial weights and synthetic
//!   data. Its bits depend on the seed and on the stream's purpose alone, not on a library version.
//! * [`PROTOCOLS`] lists what there is, with where it comes from.
//!
//! * [`MissingnessSummary`] says what a mask did; [`samplers`] say in which order rows are trained on.
//!
//! No mask ever turns a negative into a positive or the other way round: it may only hide. [`FalsePositives`] is no
//! mask but noise, and says so.
//!
//! ```
//! use lacuna_labels::{Label, TrueLabels};
//! use lacuna_protocols::{Holdout, SinglePositive};
//!
//! let truth = TrueLabels::from_fn(10, 4, |row, class| (row + class) % 2 == 0);
//!
//! // Two positives a row before, one after, and nothing is known about the other cells.
//! let observed = SinglePositive::default().apply(&truth);
//! assert_eq!((truth.positives(), observed.positives()), (20, 10));
//! assert!(observed.cells().iter().all(|&label| label != Label::Negative));
//!
//! let split = Holdout::default().split(truth.rows())?;
//! assert_eq!((split.train.len(), split.val.len()), (8, 2));
//! # Ok::<(), lacuna_protocols::ProtocolError>(())
//! ```

mod biased_positive;
mod cell_drop;
mod csl;
mod false_positives;
mod geometric_long_tail;
mod instance_drop;
mod keep_share;
mod known_cells;
mod labelled_share;
mod long_tail;
mod numpy_legacy;
mod propensity_drop;
mod python_random;
mod random_drop;
pub mod samplers;
mod semi_supervised;
mod single_positive;
mod split;
mod stratified;
mod stream;
mod summary;
mod table;

pub use biased_positive::{Annotation, BoxBias, KeptWeights, biased_positive, box_weights};
pub use cell_drop::CellDrop;
pub use csl::{FixedPerClass, RandomPerSample};
pub use false_positives::FalsePositives;
pub use geometric_long_tail::GeometricLongTail;
pub use instance_drop::{InstanceDrop, class_mean_evidence};
pub use keep_share::KeepShare;
pub use known_cells::KnownCells;
pub use labelled_share::LabelledShare;
pub use long_tail::{LongTail, PartialLongTail};
pub use numpy_legacy::NumpyLegacy;
pub use propensity_drop::PropensityDrop;
pub use python_random::PythonRandom;
pub use random_drop::RandomDrop;
pub use semi_supervised::SemiSupervised;
pub use single_positive::SinglePositive;
pub use split::{Holdout, Split};
pub use stratified::Stratified;
pub use stream::Stream;
pub use summary::{Cardinality, MissingnessSummary};
pub use table::{Outcome, PROTOCOLS, Protocol, Role, Setting, Subject, protocol};

use lacuna_labels::{Label, LabelMatrix, ObservedLabels, TrueLabels};

/// The seed of the published single-positive masks and validation splits.
pub const PUBLISHED_SEED: u32 = 1200;

/// Why a protocol refused its settings.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum ProtocolError {
    /// A share of rows or cells is not between 0 and 1.
    #[error("{what} is {value}, expected a share between 0 and 1")]
    Share {
        /// The setting.
        what: &'static str,
        /// Its value.
        value: f64,
    },
    /// A setting is out of its range.
    #[error("{what} is {value}, expected {wanted}")]
    Setting {
        /// The setting.
        what: &'static str,
        /// Its value.
        value: f64,
        /// What it may be.
        wanted: &'static str,
    },
    /// The weight of a positive is none.
    #[error(
        "the weight of the positive in row {row}, class {class} (counted from 0) is {value}, expected a number of at least 0"
    )]
    Weight {
        /// Its row.
        row: usize,
        /// Its class.
        class: usize,
        /// The weight.
        value: f64,
    },
    /// Evidence does not fit the labels.
    #[error(
        "{cells} cells need as many values of evidence, all of them numbers; found {found} values, or one that is not a number"
    )]
    Evidence {
        /// Cells of the labels.
        cells: usize,
        /// Numbers there are.
        found: usize,
    },
    /// Features are needed to tell which labels are hard to see.
    #[error("this protocol needs features, which are missing")]
    NoFeatures,
    /// A split makes no labels.
    #[error("{name} splits rows and does not change labels")]
    NoLabels {
        /// The protocol.
        name: &'static str,
    },
}

/// Keeps positives of each row: `keep` puts those to keep first and says how many they are. Everything else is
/// unknown.
fn keep_positives(truth: &TrueLabels, mut keep: impl FnMut(&mut [usize]) -> usize) -> ObservedLabels {
    keep_positives_of(truth, |_, positives| keep(positives))
}

/// As [`keep_positives`], with the number of the row. Rows without positives are ignored.
fn keep_positives_of(
    truth: &TrueLabels,
    mut keep: impl FnMut(usize, &mut [usize]) -> usize,
) -> ObservedLabels {
    let mut observed = LabelMatrix::filled(truth.rows(), truth.classes(), Label::Unknown);
    let mut positives = Vec::with_capacity(truth.classes());
    for row in 0..truth.rows() {
        positives.clear();
        positives.extend((0..truth.classes()).filter(|&class| truth.get(row, class).is_positive()));
        if positives.is_empty() {
            continue;
        }
        let kept = keep(row, &mut positives);
        positives.iter().take(kept).for_each(|&class| observed.set(row, class, Label::Positive));
    }
    observed.into()
}

/// `value`, if it is a share.
fn share(what: &'static str, value: f64) -> Result<f64, ProtocolError> {
    // Not-a-number fails the comparison as well.
    if (0.0..=1.0).contains(&value) { Ok(value) } else { Err(ProtocolError::Share { what, value }) }
}
