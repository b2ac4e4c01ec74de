//! The types of labels and features that all other crates use: positive, negative and **unknown** are three
//! different things, and a matrix of true labels is not a matrix of observed ones.
//!
//! Research code of this field stores labels in one integer whose 0 sometimes means "negative" and
//! sometimes "not annotated". Here metrics take [`TrueLabels`], losses take [`ObservedLabels`], and
//! going from one to the other has a name that says what it assumes. [`Features`] and [`FeatureSet`]
//! are here too, so that files, generators and training loops hand each other the same thing.
//!
//! Start with [`Label`] and [`ObservedLabels`]; [`LabelMatrix`] is what both kinds of labels are made from.
//!
//! ```
//! use lacuna_labels::{Label, LabelMatrix, ObservedLabels, TrueLabels};
//!
//! let observed = ObservedLabels::from(LabelMatrix::new(
//!     1, 3, vec![Label::Positive, Label::Unknown, Label::Negative],
//! )?);
//! // An unknown cell is not a true label ...
//! assert!(TrueLabels::try_from(observed.matrix().clone()).is_err());
//! // ... unless a conversion is called explicitly.
//! assert_eq!(observed.assume_negative().get(0, 1), Label::Negative);
//! # Ok::<(), lacuna_labels::LabelError>(())
//! ```

mod features;
mod matrix;
mod observed;
mod set;
mod truth;

pub use features::{FeatureError, Features, Store};
pub use matrix::{LabelError, LabelMatrix};
pub use observed::ObservedLabels;
pub use set::FeatureSet;
pub use truth::TrueLabels;

/// What is known about one class of one row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(i8)]
pub enum Label {
    /// Somebody looked and the class is absent.
    Negative = -1,
    /// Nobody looked, or the label was lost.
    #[default]
    Unknown = 0,
    /// The class is present.
    Positive = 1,
}

impl Label {
    /// Whether the label is [`Label::Positive`].
    #[inline]
    pub fn is_positive(self) -> bool {
        self == Label::Positive
    }

    /// Whether the label is anything but [`Label::Unknown`].
    #[inline]
    pub fn is_known(self) -> bool {
        self != Label::Unknown
    }
}
