//! Features and labels from files.
//!
//! [`features`] and [`labels`] take every format that the project reads: `.npy`, `.npz`, safetensors, CSV, JSON lines, COCO,
//! LIBSVM, Mulan, folders in SPML layout and more; the name says which. Names of rows and of classes come along, and
//! [`Fit`](crate::Fit) joins rows by them where both sides have names.
//!
//! ```
//! use lacuna::{Label, LabelSource, TrainError};
//!
//! let folder = tempfile::tempdir()?;
//! let path = folder.path().join("tags.csv");
//! std::fs::write(&path, "image,label\na.jpg,cat\na.jpg,dog\nb.jpg,cat\n")?;
//! let labels = lacuna::read::labels(&path)?;
//! // The file does not state whether b.jpg has no dog, or was not annotated for dogs.
//! assert!(matches!(labels.observed(), Err(TrainError::Unlisted { .. })));
//! let labels = labels.unlisted(Label::Unknown);
//! assert_eq!(labels.observed()?.row(1), [Label::Positive, Label::Unknown]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub use lacuna_formats::{LabelConvention, ReadOptions, Strings};

use crate::{FeatureSource, LabelSource, TrainError};
use lacuna_formats::{Content, FormatError, LabelTable, Limits, open_data, read_names, recognised};
use lacuna_labels::{Features, Label, ObservedLabels};
use std::borrow::Cow;
use std::path::{Path, PathBuf};

/// Features of a file, with the names of its rows where it has them.
#[derive(Clone, Debug)]
pub struct FeatureFile {
    path: PathBuf,
    features: Features,
    names: Option<Strings>,
    image: Option<[usize; 3]>,
    rearranged: Option<&'static str>,
    notes: Vec<String>,
}

/// Labels of a file, with the names of its rows and classes.
#[derive(Clone, Debug)]
pub struct LabelFile {
    path: PathBuf,
    cells: Cells,
    names: Option<Strings>,
    classes: Strings,
    rearranged: Option<&'static str>,
    notes: Vec<String>,
}

/// Cells of a file that may list only some of them.
#[derive(Clone, Debug)]
struct Cells {
    /// Every cell; `None` if the label of unlisted cells is not given.
    decided: Option<ObservedLabels>,
    /// Every cell with unknown or negative in place of what is not listed, where that makes a difference.
    unknown: Option<ObservedLabels>,
    negative: Option<ObservedLabels>,
}

/// Formats whose lists are complete by default.
const COMPLETE_LISTS: [&str; 3] = ["coco", "libsvm", "tfrecord"];

/// Reads features in any format.
///
/// # Errors
/// [`FormatError`] with path, row and column of what is wrong; [`FormatError::Empty`] where there are no features.
pub fn features(path: impl AsRef<Path>) -> Result<FeatureFile, FormatError> {
    features_with(path, &ReadOptions::default())
}

/// Reads features, with what the format leaves open: for instance which of several features a folder has.
///
/// # Errors
/// As for [`features`].
pub fn features_with(path: impl AsRef<Path>, options: &ReadOptions) -> Result<FeatureFile, FormatError> {
    let path = path.as_ref();
    let Content { train, test } = open_data(path, options)?;
    let empty = || FormatError::Empty { path: path.into(), what: "features" };
    let features = train.features.ok_or_else(empty)?.into_dense(path, &options.limits)?;
    let mut notes = train.notes;
    if test.is_some() {
        notes.push(two_parts(path));
    }
    Ok(FeatureFile {
        path: path.into(),
        features,
        names: train.names,
        image: train.image,
        rearranged: train.rearranged,
        notes,
    })
}

/// Reads labels in any format.
///
/// Where a file lists only some cells (tags, a table with blank cells) and its format does not say what the others are,
/// [`LabelFile::unlisted`] has to, or the labels are refused when they are used.
///
/// # Errors
/// [`FormatError`] with path, row and column of what is wrong; [`FormatError::Empty`] where there are no labels. A file of
/// numbers with -1 is refused: say in [`labels_with`] what 0 and -1 mean.
pub fn labels(path: impl AsRef<Path>) -> Result<LabelFile, FormatError> {
    labels_with(path, &ReadOptions::default())
}

/// Reads labels, with what the format leaves open: for instance what 0 and -1 mean
/// ([`ReadOptions::convention`]).
///
/// # Errors
/// As for [`labels`].
pub fn labels_with(path: impl AsRef<Path>, options: &ReadOptions) -> Result<LabelFile, FormatError> {
    let path = path.as_ref();
    let options = ReadOptions { labels: true, ..options.clone() };
    let Content { train, test } = open_data(path, &options)?;
    let empty = || FormatError::Empty { path: path.into(), what: "labels" };
    let table = train.labels.ok_or_else(empty)?;
    let mut notes = train.notes;
    if test.is_some() {
        notes.push(two_parts(path));
    }
    let cells = match train.observed {
        Some(observed) => {
            notes.push(format!("{}: its observed labels are read, not the true ones", path.display()));
            Cells { decided: Some(observed), unknown: None, negative: None }
        }
        None => cells(path, &options, table)?,
    };
    let (names, classes, rearranged) = (train.names, train.classes, train.rearranged);
    Ok(LabelFile { path: path.into(), cells, names, classes, rearranged, notes })
}

/// What the cells are in either reading.
fn cells(path: &Path, options: &ReadOptions, table: LabelTable) -> Result<Cells, FormatError> {
    let dense = |table: &LabelTable| table.to_observed(path, &options.limits);
    let read = dense(&table)?;
    let decided = |read| Ok(Cells { decided: Some(read), unknown: None, negative: None });
    if options.unlisted.is_some() {
        return decided(read);
    }
    let complete = recognised(path).is_some_and(|format| COMPLETE_LISTS.contains(&format.name));
    if let (LabelTable::Lists(lists), true) = (&table, complete)
        && lists.unlisted == Label::Negative
    {
        let mut lists = lists.clone();
        lists.unlisted = Label::Unknown;
        let unknown = Some(dense(&LabelTable::Lists(lists))?);
        return Ok(Cells { decided: Some(read.clone()), unknown, negative: Some(read) });
    }
    if !read.cells().contains(&Label::Unknown) {
        return decided(read);
    }
    // The file is read once more to see whether the unknown cells are unknown because nothing was said.
    let options = ReadOptions { unlisted: Some(Label::Negative), ..options.clone() };
    let negative = open_data(path, &options)?.train.labels.map(|table| dense(&table)).transpose()?;
    match negative {
        Some(negative) if negative != read => {
            let decided = complete.then(|| read.clone());
            Ok(Cells { decided, unknown: Some(read), negative: Some(negative) })
        }
        _ => decided(read),
    }
}

fn two_parts(path: &Path) -> String {
    format!("{}: it has two parts, and its training rows are read", path.display())
}

impl FeatureFile {
    /// The path that was given.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.features.rows()
    }

    /// Notes of the reader, one sentence each.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The features with the names of rows in a separate file: text in a `.npy` file, or one name a line.
    ///
    /// # Errors
    /// [`FormatError`] where the file cannot be read, [`FormatError::Mismatch`] where it has not one name for each row.
    pub fn named(mut self, path: impl AsRef<Path>) -> Result<Self, FormatError> {
        let path = path.as_ref();
        let names = read_names(path, &Limits::default())?;
        if names.len() != self.features.rows() {
            return Err(FormatError::Mismatch {
                what: "rows",
                path: self.path,
                count: self.features.rows(),
                other: path.into(),
                other_count: names.len(),
            });
        }
        self.names = Some(names);
        Ok(self)
    }
}

impl LabelFile {
    /// The path that was given.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Names of the classes; empty where the file has none.
    pub fn classes(&self) -> &Strings {
        &self.classes
    }

    /// Notes of the reader, one sentence each.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Says what a cell is that the file does not list: [`Label::Unknown`] where the lists name what was seen,
    /// [`Label::Negative`] where they are complete. Where the file states every cell, nothing changes.
    ///
    /// # Panics
    /// For [`Label::Positive`], which would make every cell positive that is not listed.
    #[must_use]
    #[track_caller]
    pub fn unlisted(mut self, label: Label) -> Self {
        let read = match label {
            Label::Unknown => self.cells.unknown.clone(),
            Label::Negative => self.cells.negative.clone(),
            Label::Positive => panic!("a label that is not listed is unknown or negative, not positive"),
        };
        match read {
            Some(read) => self.cells.decided = Some(read),
            None => self.notes.push(format!(
                "{}: the file states every cell, so that `unlisted` changes nothing",
                self.path.display()
            )),
        }
        self
    }
}

impl FeatureSource for FeatureFile {
    fn features(&self) -> &Features {
        &self.features
    }
    fn row_names(&self) -> Option<&Strings> {
        self.names.as_ref()
    }
    fn rearranged(&self) -> Option<&str> {
        self.rearranged
    }
    fn image(&self) -> Option<[usize; 3]> {
        self.image
    }
}

impl LabelSource for LabelFile {
    fn observed(&self) -> Result<Cow<'_, ObservedLabels>, TrainError> {
        let unlisted = || TrainError::Unlisted { path: self.path.display().to_string() };
        self.cells.decided.as_ref().map(Cow::Borrowed).ok_or_else(unlisted)
    }
    fn row_names(&self) -> Option<&Strings> {
        self.names.as_ref()
    }
    fn class_names(&self) -> Option<&Strings> {
        Some(&self.classes).filter(|classes| !classes.is_empty())
    }
    fn rearranged(&self) -> Option<&str> {
        self.rearranged
    }
}
