//! The contents of a file or folder in any format.

use crate::{Annotations, FormatError, LabelConvention, LabelLists, Limits, SparseFeatures, Strings, shown};
use lacuna_labels::{FeatureSet, Features, Label, LabelMatrix, ObservedLabels, TrueLabels};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Options for what a format does not determine.
#[derive(Clone, Debug, Default)]
pub struct ReadOptions {
    /// What 0 and -1 mean; needed where -1 occurs.
    pub convention: Option<LabelConvention>,
    /// Label of the classes that a list does not name; each format documents its default.
    pub unlisted: Option<Label>,
    /// Which features, where there are several.
    pub features: Option<String>,
    /// The classes, for formats that only mention those they need; another one is then an error.
    pub classes: Option<Strings>,
    /// Whether the numbers of an array without a name that says so (a `.npy` file) are labels, not features.
    pub labels: bool,
    /// Which array the labels are, where a file has several.
    pub label_array: Option<String>,
    /// Separator of the labels in a cell with several.
    pub label_separator: Option<String>,
    /// The columns that are classes, for tables that have others as well.
    pub class_columns: Option<Vec<String>>,
    /// Columns that are not classes.
    pub ignored_columns: Vec<String>,
    /// The column with the names of rows.
    pub id_column: Option<String>,
    /// Numbers between 0 and 1 are confidences: above this one a label is positive.
    pub positive_above: Option<f64>,
    /// Handling of missing features.
    pub missing_features: MissingFeatures,
    /// Whether columns of LIBSVM rows are counted from 1.
    pub one_based: bool,
    /// Limits on sizes in a file.
    pub limits: Limits,
}

/// Handling of missing features.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum MissingFeatures {
    /// The file is refused.
    #[default]
    Refuse,
    /// It becomes the mean of its column over the rows that have it.
    Mean,
    /// It becomes 0.
    Zero,
    /// Its row is left out.
    DropRows,
}

/// Rows of one part of a data set, as read from a file.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// The file or folder, for messages.
    pub path: PathBuf,
    /// One name a row.
    pub names: Option<Strings>,
    /// Features.
    pub features: Option<FeatureTable>,
    /// Labels; true ones where no cell is unknown.
    pub labels: Option<LabelTable>,
    /// Observed labels, where a format keeps them beside the true ones.
    pub observed: Option<ObservedLabels>,
    /// One name a class.
    pub classes: Strings,
    /// One name a column of the features, where the file has them: columns of other tables are matched by them.
    pub feature_names: Option<Strings>,
    /// The values of nominal features, `(column, values in the order of their numbers)`: other tables may order them
    /// otherwise.
    pub nominal: Vec<(usize, Strings)>,
    /// Whether the numbers of classes, and of the columns of sparse features, are absolute, so that a table with fewer has
    /// zeros in the others.
    pub absolute: bool,
    /// Which of several features these are, by the name that chooses them again.
    pub chosen_features: Option<String>,
    /// Areas and positions of the annotated objects, where a file has them.
    pub annotations: Option<Arc<Annotations>>,
    /// Channels, height and width of a row, where the file has features of shape [N, C, H, W].
    pub image: Option<[usize; 3]>,
    /// Why the rows are in another order than in the file, if they are: such rows can be joined by name only.
    pub rearranged: Option<&'static str>,
    /// The rows of the file that these are, where some are left out.
    pub kept: Option<KeptRows>,
    /// Notes of the reader, one sentence each; programs print them.
    pub notes: Vec<String>,
}

/// Rows of a file of which some are left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptRows {
    /// The numbers of those that are left, from 0.
    pub kept: Vec<usize>,
    /// How many there were.
    pub of: usize,
}

/// Features as a file has them.
#[derive(Clone, Debug, PartialEq)]
pub enum FeatureTable {
    /// Every value.
    Dense(Features),
    /// The values that are not 0.
    Sparse(SparseFeatures),
}

/// Labels as a file has them.
#[derive(Clone, Debug, PartialEq)]
pub enum LabelTable {
    /// Every cell.
    Dense(ObservedLabels),
    /// The cells that are named.
    Lists(LabelLists),
}

/// The parts of a data set.
#[derive(Clone, Debug)]
pub struct Content {
    /// The rows of a file; of a folder with two parts those to train on.
    pub train: Table,
    /// The test rows, where they are apart.
    pub test: Option<Table>,
}

impl From<Table> for Content {
    fn from(train: Table) -> Self {
        Self { train, test: None }
    }
}

impl FeatureTable {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        match self {
            FeatureTable::Dense(features) => features.rows(),
            FeatureTable::Sparse(features) => features.rows(),
        }
    }

    /// Number of columns.
    pub fn columns(&self) -> usize {
        match self {
            FeatureTable::Dense(features) => features.columns(),
            FeatureTable::Sparse(features) => features.columns(),
        }
    }

    /// Every value.
    ///
    /// # Errors
    /// As for [`SparseFeatures::to_dense`].
    pub fn into_dense(self, path: &Path, limits: &Limits) -> Result<Features, FormatError> {
        match self {
            FeatureTable::Dense(features) => Ok(features),
            FeatureTable::Sparse(features) => features.to_dense(path, limits),
        }
    }
}

impl LabelTable {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        match self {
            LabelTable::Dense(labels) => labels.rows(),
            LabelTable::Lists(labels) => labels.rows(),
        }
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        match self {
            LabelTable::Dense(labels) => labels.classes(),
            LabelTable::Lists(labels) => labels.classes.len(),
        }
    }

    /// Every cell.
    ///
    /// # Errors
    /// As for [`LabelLists::to_observed`].
    pub fn to_observed(&self, path: &Path, limits: &Limits) -> Result<ObservedLabels, FormatError> {
        match self {
            LabelTable::Dense(labels) => Ok(labels.clone()),
            LabelTable::Lists(labels) => labels.to_observed(path, limits),
        }
    }
}

impl LabelTable {
    /// The labels of some of the classes.
    ///
    /// # Panics
    /// For a class that is not there.
    pub fn columns(&self, classes: Range<usize>) -> Self {
        match self {
            LabelTable::Dense(labels) => LabelTable::Dense(labels.columns(classes)),
            LabelTable::Lists(labels) => LabelTable::Lists(labels.columns(classes)),
        }
    }
}

impl Table {
    /// Number of rows: of the features, else of the labels, else of the names.
    pub fn rows(&self) -> usize {
        let features = self.features.as_ref().map(FeatureTable::rows);
        let labels = || self.labels.as_ref().map(LabelTable::rows);
        features.or_else(labels).or_else(|| self.names.as_ref().map(Strings::len)).unwrap_or_default()
    }

    /// A table of labels in lists, with their names and classes.
    pub(crate) fn of_lists(path: &Path, names: Option<Strings>, labels: LabelLists) -> Self {
        let classes = labels.classes.clone();
        let labels = Some(LabelTable::Lists(labels));
        Self { path: path.into(), names, labels, classes, ..Self::default() }
    }

    /// The table with one more note, if there is one.
    pub(crate) fn noted(mut self, note: Option<String>) -> Self {
        self.notes.extend(note);
        self
    }

    /// Features, labels, names and classes as one set. Where cells are unknown the labels are observed ones and
    /// their unknown cells negative in the truth.
    ///
    /// # Errors
    /// [`FormatError::Empty`] where features or labels are missing, [`FormatError::Limit`] where they are too many to
    /// be made dense, [`FormatError::Mismatch`] where their rows differ.
    pub fn into_set(self, limits: &Limits) -> Result<FeatureSet, FormatError> {
        let path = self.path;
        let empty = |what| FormatError::Empty { path: path.clone(), what };
        let features = self.features.ok_or_else(|| empty("features"))?.into_dense(&path, limits)?;
        let labels = self.labels.ok_or_else(|| empty("labels"))?.to_observed(&path, limits)?;
        if features.rows() != labels.rows() {
            return Err(FormatError::Mismatch {
                what: "rows",
                path: path.clone(),
                count: features.rows(),
                other: path.clone(),
                other_count: labels.rows(),
            });
        }
        let (truth, observed) = match TrueLabels::try_from(labels.matrix().clone()) {
            Ok(truth) => (truth, self.observed),
            Err(_) => (labels.assume_negative(), Some(labels)),
        };
        let names = self.names.map(|names| names.to_vec());
        Ok(FeatureSet { features, truth, observed, names, classes: self.classes.to_vec() })
    }
}

/// Labels to write: a name for each row, a name for each class, a label for each cell.
#[derive(Clone, Copy, Debug)]
pub struct LabelSheet<'a> {
    /// One name a row.
    pub names: &'a Strings,
    /// One name a class.
    pub classes: &'a Strings,
    /// `[rows, classes]`.
    pub labels: &'a LabelMatrix,
}

impl LabelSheet<'_> {
    /// Whether the parts fit and every name occurs once.
    pub(crate) fn check(&self, path: &Path) -> Result<(), FormatError> {
        let refuse = |problem| Err(FormatError::Unwritable { path: path.into(), problem });
        let Self { names, classes, labels } = *self;
        if (names.len(), classes.len()) != (labels.rows(), labels.classes()) {
            return refuse(format!(
                "{} rows x {} classes of labels need as many names, not {} and {}",
                labels.rows(),
                labels.classes(),
                names.len(),
                classes.len()
            ));
        }
        for (list, what) in [(names, "row"), (classes, "class")] {
            if let Some((later, earlier)) = list.duplicate() {
                return refuse(format!(
                    "duplicate name `{}`: {what} {earlier} and {what} {later} (counted from 0)",
                    shown(&list[later])
                ));
            }
        }
        Ok(())
    }
}
