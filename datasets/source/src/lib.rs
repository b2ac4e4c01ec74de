//! A data set as a command line or a specification names it: opened, joined and fingerprinted.
//!
//! [`DataSource`] is the one description of where rows come from. Command lines fill it, specifications store it under
//! `[data]`, and [`DataSource::open`] turns it into a [`Dataset`]: the training rows, the test rows where there
//! are some, and notes.
//!
//! Start with [`DataSource::named`] and [`DataSource::open`].
//!
//! ```
//! use lacuna_source::DataSource;
//!
//! let folder = tempfile::tempdir()?;
//! let path = |name: &str| folder.path().join(name).to_str().unwrap().to_string();
//! std::fs::write(path("labels.csv"), "id,cat,dog\na.jpg,1,0\nb.jpg,0,1\n")?;
//! let source = DataSource { path: Some(path("labels.csv")), ..DataSource::default() };
//! let data = source.open()?;
//! assert_eq!((data.train.rows(), data.train.classes.len()), (2, 2));
//! assert_eq!(data.fingerprint().len(), 64);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod align;
mod choices;
mod dataset;
mod embedded;
mod error;
mod reader;
mod source;
mod strong;
mod whole;

pub use choices::{Convention, Match, Missing, Unlisted};
pub use dataset::{Dataset, FileLabels, with_further};
pub use embedded::{EmbeddedSet, embedded_set, embedded_sets};
pub use error::SourceError;
pub use source::DataSource;
