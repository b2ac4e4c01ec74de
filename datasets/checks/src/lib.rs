//! Statistics of data sets and their problems: leakage, contradictions, duplicates, empty classes.
//!
//! [`examine`] looks at one or two tables of [`lacuna_formats`] and answers with counts and [`Finding`]s;
//! [`fingerprint`] is the identity of their contents. Nothing is printed.
//!
//! Start with [`examine`]: the example below is the whole of it.
//!
//! Memory follows the data: lists of labels and sparse features are never made dense, and pairs of classes are counted
//! only while there are few enough of them.
//!
//! ```
//! use lacuna_checks::{Severity, examine, kind};
//! use lacuna_formats::{FeatureTable, LabelTable, Table};
//! use lacuna_labels::{Features, TrueLabels};
//!
//! let table = |values: Vec<f32>| Table {
//!     features: Some(FeatureTable::Dense(Features::new(2, 2, values).unwrap())),
//!     labels: Some(LabelTable::Dense(TrueLabels::from_fn(2, 2, |row, class| row == class).into())),
//!     classes: vec!["cat", "dog"].into(),
//!     ..Table::default()
//! };
//! let (train, test) = (table(vec![0.0, 1.0, 2.0, 3.0]), table(vec![4.0, 5.0, 0.0, 1.0]));
//! let found = examine(&train, Some(&test));
//! assert_eq!((found.leaked_rows, found.parts[0].cardinality), (1, 1.0));
//! let leak = found.findings.iter().find(|finding| finding.kind == kind::TEST_ROWS_IN_TRAIN).unwrap();
//! assert_eq!(leak.severity, Severity::Error);
//! assert!(leak.text.starts_with("1 of 2 test rows has the features of a training row"));
//! ```

mod classes;
mod features;
mod finding;
mod fingerprint;
mod labels;
mod leakage;
mod pairs;
mod part;
mod report;
mod rows;

pub use finding::{Finding, Severity, kind};
use lacuna_formats::shown;
pub use report::{ObservedReport, PartReport};

use lacuna_formats::Table;
use serde::Serialize;

/// What was found in a data set.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Examination {
    /// The parts, train first.
    pub parts: Vec<PartReport>,
    /// Rows of the test part whose features are those of a training row, to the bit.
    pub leaked_rows: usize,
    /// Rows of the test part whose name is the name of a training row.
    pub leaked_names: usize,
    /// BLAKE3 of the contents of all parts, in hexadecimal; see [`fingerprint`].
    pub fingerprint: String,
    /// What is wrong, or may be.
    pub findings: Vec<Finding>,
}

/// Examines a training set, and a test set with it.
///
/// Features are hashed row by row, once; the hash serves for duplicates, for leakage and for the fingerprint. Rows of a
/// dense and of a sparse part are compared as sparse rows, where a 0 that is written down is a 0.
///
/// # Panics
/// For [`LabelLists`](lacuna_formats::LabelLists) that name a class beyond their own list of classes, which no reader
/// makes.
pub fn examine(train: &Table, test: Option<&Table>) -> Examination {
    let parts = part::scan(train, test);
    let mut found = Examination { fingerprint: fingerprint::of(&parts), ..Examination::default() };
    for part in &parts {
        found.parts.push(part.report(&mut found.findings));
    }
    if let [train, test] = &parts[..] {
        leakage::check(train, test, &mut found);
    }
    found
}

/// The identity of a data set: BLAKE3, in hexadecimal, of the names of its rows and classes, labels, observed labels,
/// features and image shape of all parts.
///
/// Paths and notes of the tables do not count, and neither does whether labels are lists or a matrix. Dense features and
/// the same features as sparse rows have different fingerprints. The value is that of [`Examination::fingerprint`].
///
/// ```
/// use lacuna_formats::Table;
///
/// let table = |name: &str| Table { names: Some(vec![name].into()), ..Table::default() };
/// let (a, b) = (table("a.jpg"), table("b.jpg"));
/// assert_eq!(lacuna_checks::fingerprint(&a, None).len(), 64);
/// assert_ne!(lacuna_checks::fingerprint(&a, None), lacuna_checks::fingerprint(&b, None));
/// ```
///
/// # Panics
/// As for [`examine`].
pub fn fingerprint(train: &Table, test: Option<&Table>) -> String {
    fingerprint::of(&part::scan(train, test))
}
