//! How labels go missing, how rows are split, and the random streams behind both.
//!
//! A number in this field belongs to a mask: which positives were kept, which rows validate. This
//! crate gives the published masks bit for bit and gives new ones that never change:
//!
//! * [`SinglePositive`] and [`KnownCells`] hide labels, [`Holdout`] splits rows. All three follow the
//!   scripts the papers published, on [`NumpyLegacy`], NumPy's `RandomState` stream.
//! * [`Stream`] is the project's own seeded stream, for shuffling, initial weights and synthetic
//!   data. Its bits depend on the seed and on the stream's purpose alone, not on a library version.
//! * [`PROTOCOLS`] lists what there is, with where it comes from.
//!
//! No protocol ever turns a negative into a positive or the other way round: it may only hide.
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

mod known_cells;
mod numpy_legacy;
mod single_positive;
mod split;
mod stream;
mod table;

pub use known_cells::KnownCells;
pub use numpy_legacy::NumpyLegacy;
pub use single_positive::SinglePositive;
pub use split::{Holdout, Split};
pub use stream::Stream;
pub use table::{PROTOCOLS, Protocol, Role, protocol};

/// The seed of the published single-positive masks and validation splits.
pub const PUBLISHED_SEED: u32 = 1200;

/// Why a protocol refused its settings.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum ProtocolError {
    /// A share of rows or cells is not between 0 and 1.
    #[error("{what} is a share between 0 and 1, not {value}")]
    Share {
        /// The setting.
        what: &'static str,
        /// Its value.
        value: f64,
    },
}

/// `value`, if it is a share.
fn share(what: &'static str, value: f64) -> Result<f64, ProtocolError> {
    // Not-a-number fails the comparison as well.
    if (0.0..=1.0).contains(&value) { Ok(value) } else { Err(ProtocolError::Share { what, value }) }
}
