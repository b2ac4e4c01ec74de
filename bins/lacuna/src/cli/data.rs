//! The data arguments that all commands share.

use anyhow::bail;
use clap::{Args, ValueEnum};
use lacuna_formats::Table;
use lacuna_source::{Convention, DataSource, Dataset, Match, Missing, SourceError, Unlisted};
use std::path::{Path, PathBuf};

/// A data set, and options for what its format does not determine.
#[derive(Args, Clone, Debug, Default)]
pub struct DataArgs {
    /// File or folder (SPML, Mulan, npy, npz, safetensors, CSV, JSONL, COCO, LIBSVM, ...), or the name of an embedded
    /// set
    #[arg(long, value_name = "DATA")]
    pub data: Option<PathBuf>,
    /// Format, if the file name does not determine it (e.g. label-list, coco, libsvm)
    #[arg(long, value_name = "NAME")]
    pub format: Option<String>,
    /// File or folder of features, instead of DATA; with DATA, the name of its features if there are several, e.g.
    /// resnet50
    #[arg(long, value_name = "FILE|NAME")]
    pub features: Option<String>,
    /// Labels in a separate file, or the name of their array in a file of several. Rows of the features without a row here are
    /// left out; in a CSV a line `NAME,` with an empty label keeps one
    #[arg(long, value_name = "FILE")]
    pub labels: Option<PathBuf>,
    /// Names of the rows of features: a .npy file of text, or one a line
    #[arg(long, value_name = "FILE")]
    pub names: Option<PathBuf>,
    /// How rows of features and labels are joined [default: name]
    #[arg(long = "match", value_name = "HOW")]
    pub by: Option<By>,
    /// A second extraction of the features of the training rows, under stronger augmentation, for procedures with a strong
    /// view
    #[arg(long, value_name = "FILE")]
    pub strong: Option<PathBuf>,
    /// Features of background rows, which nobody labelled, for losses of presence-only data
    #[arg(long, value_name = "FILE")]
    pub background: Option<PathBuf>,
    /// Test rows in a separate file
    #[arg(long, value_name = "FILE")]
    pub test: Option<PathBuf>,
    /// Labels of the test rows in a separate file
    #[arg(long, value_name = "FILE")]
    pub test_labels: Option<PathBuf>,
    /// Names of the test rows in a separate file
    #[arg(long, value_name = "FILE")]
    pub test_names: Option<PathBuf>,
    /// What 0 and -1 mean in the labels of the training rows; needed where -1 occurs
    #[arg(long, value_name = "CONVENTION")]
    pub label_convention: Option<Numbers>,
    /// Label of the classes that a list does not name [default: that of the format]
    #[arg(long, value_name = "LABEL")]
    pub unlisted: Option<Rest>,
    /// The same for the test rows [default: what --unlisted says]
    #[arg(long, value_name = "LABEL")]
    pub test_unlisted: Option<Rest>,
    /// Separator of the labels in a cell with several, e.g. "|"
    #[arg(long, value_name = "TEXT")]
    pub label_separator: Option<String>,
    /// The columns of a table that are classes, by comma [default: all but the first]; for `repro run`, I/N is a slice of the
    /// classes
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub classes: Option<Vec<String>>,
    /// Columns of a table that are not classes, by comma
    #[arg(long, value_name = "A,B", value_delimiter = ',', conflicts_with = "classes")]
    pub ignore_columns: Option<Vec<String>>,
    /// The column of a table with the names of rows
    #[arg(long, value_name = "NAME")]
    pub id_column: Option<String>,
    /// Cells are confidences from 0 to 1, and above this one a label is positive; the others are negatives, and unknown with
    /// --label-convention binary-an
    #[arg(long, value_name = "P")]
    pub positive_above: Option<f64>,
    /// Handling of missing features [default: an error]
    #[arg(long, value_name = "HOW")]
    pub missing_features: Option<Gap>,
}

/// See [`Missing`].
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Gap {
    /// The mean of the column over the rows that have it
    Mean,
    /// 0
    Zero,
    /// The row is left out
    DropRows,
}

/// See [`Match`].
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum By {
    /// By name: the names are the same
    #[value(alias = "exact")]
    Name,
    /// By name: equal after the last slash
    FileName,
    /// By name: the same file name without its extension
    Stem,
    /// By position, whatever the names are
    Row,
}

/// See [`Convention`].
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Numbers {
    /// 1 positive, 0 unknown, -1 observed negative
    Spml,
    /// 1 positive, 0 unknown; for files that have no -1
    BinaryAn,
    /// 1 positive, 0 observed negative, -1 unknown
    Csl,
}

/// See [`Unlisted`].
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Rest {
    /// The list has the observed positives only
    Unknown,
    /// The list is complete
    Negative,
}

impl From<Rest> for Unlisted {
    fn from(rest: Rest) -> Self {
        match rest {
            Rest::Unknown => Self::Unknown,
            Rest::Negative => Self::Negative,
        }
    }
}

impl DataArgs {
    /// The source named on the command line, if any.
    ///
    /// # Errors
    /// Options for data without data; a name that does not exist.
    pub fn source(&self) -> anyhow::Result<Option<DataSource>> {
        if let (None, Some(features)) = (&self.data, &self.features) {
            if std::fs::symlink_metadata(features).is_err() {
                bail!(
                    "--features {features}: there is no such file or folder; without DATA the option names a \
                     file, with DATA the name of its features"
                );
            }
            let data = Some(PathBuf::from(features));
            return Self { data, features: None, ..self.clone() }.source();
        }
        let described = self.described()?;
        if self.data.is_some() {
            return Ok(Some(described));
        }
        match described.options().next() {
            Some(option) => bail!("--{option} needs data: name it with --data DATA or --features FILE"),
            None => Ok(None),
        }
    }

    /// The data options, even if no data was named.
    ///
    /// # Errors
    /// A name that does not exist; a path that is not UTF-8.
    pub fn described(&self) -> anyhow::Result<DataSource> {
        let text = |path: &Option<PathBuf>| -> Result<Option<String>, SourceError> {
            let named = |path: &PathBuf| {
                let problem = || format!("{}: the path is not UTF-8: rename it", path.display());
                path.to_str().map(String::from).ok_or_else(|| SourceError::Setting(problem()))
            };
            path.as_ref().map(named).transpose()
        };
        let DataSource { embedded, path, .. } = match &self.data {
            Some(data) => DataSource::named(data)?,
            None => DataSource::default(),
        };
        Ok(DataSource {
            embedded,
            path,
            format: self.format.clone(),
            features: self.features.clone(),
            labels: text(&self.labels)?,
            names: text(&self.names)?,
            by: self.by.map(|by| match by {
                By::Name => Match::Name,
                By::FileName => Match::FileName,
                By::Stem => Match::Stem,
                By::Row => Match::Row,
            }),
            strong: text(&self.strong)?,
            background: text(&self.background)?,
            test: text(&self.test)?,
            test_labels: text(&self.test_labels)?,
            test_names: text(&self.test_names)?,
            label_convention: self.label_convention.map(|numbers| match numbers {
                Numbers::Spml => Convention::Spml,
                Numbers::BinaryAn => Convention::BinaryAn,
                Numbers::Csl => Convention::Csl,
            }),
            unlisted: self.unlisted.map(Unlisted::from),
            test_unlisted: self.test_unlisted.map(Unlisted::from),
            label_separator: self.label_separator.clone(),
            classes: self.classes.clone(),
            ignore_columns: self.ignore_columns.clone(),
            id_column: self.id_column.clone(),
            positive_above: self.positive_above,
            missing_features: self.missing_features.map(|gap| match gap {
                Gap::Mean => Missing::Mean,
                Gap::Zero => Missing::Zero,
                Gap::DropRows => Missing::DropRows,
            }),
            fingerprint: None,
        })
    }
}

/// Data that may be named without `--data`.
#[derive(Args, Clone, Debug, Default)]
pub struct Input {
    /// The data, as for --data
    #[arg(value_name = "DATA", conflicts_with = "data")]
    path: Option<PathBuf>,
    #[command(flatten)]
    data: DataArgs,
}

impl Input {
    /// Opens the data and prints what was done while reading, a line each, on standard error.
    ///
    /// # Errors
    /// Errors of the formats, with file, line and column; parts that are not of the same rows and classes.
    pub fn open(&self) -> anyhow::Result<Dataset> {
        checked(self.open_unchecked()?)
    }

    /// As [`open`](Self::open), whatever does not fit together, for who says all that does not.
    ///
    /// # Errors
    /// Errors of the formats.
    pub fn open_unchecked(&self) -> anyhow::Result<Dataset> {
        let data = self.path.clone().or_else(|| self.data.data.clone());
        let args = DataArgs { data, ..self.data.clone() };
        let Some(source) = args.source()? else {
            bail!("no data was named: --features FILE with --labels FILE, or DATA of both")
        };
        Ok(noted(source.open()?))
    }

    /// As [`open`](Self::open); where labels alone are named, rows without features.
    ///
    /// # Errors
    /// As for [`open`](Self::open).
    pub fn open_any(&self) -> anyhow::Result<Dataset> {
        let DataArgs { data, features, labels, .. } = &self.data;
        match (self.path.as_ref().or(data.as_ref()), features, labels) {
            (None, None, Some(_)) => checked(noted(self.data.described()?.open_labels()?)),
            _ => self.open(),
        }
    }

    /// The same with another label of what is not listed.
    #[must_use]
    pub fn with_unlisted(&self, rest: Rest) -> Self {
        let data = DataArgs { unlisted: Some(rest), ..self.data.clone() };
        Self { path: self.path.clone(), data }
    }

    /// As [`open`](Self::open), of data that was opened before: nothing is printed twice.
    ///
    /// # Errors
    /// As for [`open`](Self::open).
    pub fn open_again(&self) -> anyhow::Result<Dataset> {
        let data = self.path.clone().or_else(|| self.data.data.clone());
        match (DataArgs { data, ..self.data.clone() }).source()? {
            Some(source) => checked(source.open()?),
            None => self.open(),
        }
    }

    /// The options that were given.
    pub fn args(&self) -> &DataArgs {
        &self.data
    }

    /// The name that was given.
    pub fn given(&self) -> &Path {
        let features = || self.data.features.as_deref().map(Path::new);
        self.path.as_deref().or(self.data.data.as_deref()).or_else(features).unwrap_or(Path::new(""))
    }
}

fn checked(data: Dataset) -> anyhow::Result<Dataset> {
    data.check_parts()?;
    Ok(data)
}

/// Prints what was done while reading.
fn noted(data: Dataset) -> Dataset {
    data.notes.iter().for_each(|note| super::screen::err(&format!("note: {note}")));
    data
}

/// The training rows or the test rows.
///
/// # Errors
/// Where there is no such part.
pub(crate) fn part(data: Dataset, test: bool) -> anyhow::Result<Table> {
    match (test, data.test) {
        (false, _) => Ok(data.train),
        (true, Some(test)) => Ok(test),
        (true, None) => bail!("{} has no test rows: name them with --test FILE", data.train.path.display()),
    }
}
