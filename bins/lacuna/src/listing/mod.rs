//! The list of an audit for people: its lines, what is known about it in plain words, and a page.
//!
//! ```
//! use lacuna::listing::{Entry, Page, page, sentences_of_ranking};
//! use lacuna::{Features, Label, LabelMatrix, ObservedLabels};
//!
//! // The class is the sign of the feature, and the label of row 11, which is positive, was lost.
//! let value = |row: usize| if row % 2 == 0 { -1.0 } else { 1.0 } * (1.0 + row as f32 / 40.0);
//! let x = Features::new(40, 1, (0..40).map(value).collect())?;
//! let label = |row: usize| match (row, value(row) > 0.0) {
//!     (11, _) => Label::Unknown,
//!     (_, true) => Label::Positive,
//!     (_, false) => Label::Negative,
//! };
//! let y = ObservedLabels::from(LabelMatrix::new(40, 1, (0..40).map(label).collect())?);
//! let audit = lacuna::audit(&x, &y)?;
//! let entries = Entry::top(&audit.top(10), 10);
//! assert_eq!((entries[0].rank, entries[0].row.as_str(), entries[0].probability), (1, "11", None));
//! let sentences = sentences_of_ranking(audit.len(), "Review::answer");
//! let text = page(&Page { data: "x.npy", sentences: &sentences, wrong: false }, &entries, |_| None);
//! assert!(text.starts_with("<!doctype html>") && text.contains("rank 1,"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod entry;
mod page;
mod pictures;
mod sentences;

pub use crate::visible::clean;
pub use entry::Entry;
pub use page::{Page, page};
pub use pictures::Pictures;
pub use sentences::{cuts, sentences_of_certificate, sentences_of_ranking, sentences_of_wrong};
