//! The description of a data set.

use crate::align::{Aligned, Parts, align, is_numbered};
use crate::embedded::{embedded_set, embedded_sets};
use crate::reader::Reader;
use crate::{Convention, Dataset, Match, Missing, SourceError, Unlisted, strong};
use lacuna_formats::{Content, FeatureTable, LabelTable, ReadOptions, Table, recognised, shown};
use lacuna_labels::FeatureSet;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Where rows come from, and how to read what the formats leave open.
///
/// Exactly one of [`embedded`](Self::embedded) and [`path`](Self::path) is set. Paths are kept as they were given, so
/// that a record can be repeated from the same folder; the fingerprint says whether the data is still the same.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DataSource {
    /// Name of a set that is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub embedded: Option<String>,
    /// File or folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Format, where the name of the file does not say it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// Which features, where there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub features: Option<String>,
    /// Labels of the training rows, if they are in a separate file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<String>,
    /// Names of the rows of `path`, if they are in a separate file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub names: Option<String>,
    /// How rows of features and of labels find each other.
    #[serde(rename = "match", skip_serializing_if = "Option::is_none")]
    pub by: Option<Match>,
    /// A second extraction of the features of the training rows, under stronger augmentation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strong: Option<String>,
    /// Background rows: features of points without labels, which the procedure `presence` draws from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub background: Option<String>,
    /// Test rows in a separate file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test: Option<String>,
    /// Labels of the test rows in a separate file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_labels: Option<String>,
    /// Names of the rows of `test`, if they are in a separate file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_names: Option<String>,
    /// What the numbers of the training labels mean. Test labels are always 0 and 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label_convention: Option<Convention>,
    /// What a class is that the list of a row does not name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unlisted: Option<Unlisted>,
    /// The same for the test rows; what `unlisted` says where it is not set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_unlisted: Option<Unlisted>,
    /// Separator of the labels in a cell with several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label_separator: Option<String>,
    /// The columns of a table that are classes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub classes: Option<Vec<String>>,
    /// Columns of a table that are not classes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ignore_columns: Option<Vec<String>>,
    /// The column of a table with the names of rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_column: Option<String>,
    /// Confidences above this are positive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub positive_above: Option<f64>,
    /// What becomes of features that are missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing_features: Option<Missing>,
    /// The fingerprint the data has to have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
}

impl DataSource {
    /// The embedded set of this name.
    pub fn embedded(name: &str) -> Self {
        Self { embedded: Some(name.to_string()), ..Self::default() }
    }

    /// A file or folder; a name for which there is none may be that of an embedded set.
    ///
    /// # Errors
    /// [`SourceError::Nothing`] where there is neither, [`SourceError::Setting`] for a path that is no UTF-8, which a
    /// record could not hold.
    pub fn named(path: &Path) -> Result<Self, SourceError> {
        let name = path.to_str().ok_or_else(|| {
            let path = path.display();
            SourceError::Setting(format!(
                "{path}: the path is not UTF-8, and a record could not name it: rename it"
            ))
        })?;
        if std::fs::symlink_metadata(path).is_ok() {
            return Ok(Self { path: Some(name.to_string()), ..Self::default() });
        }
        if embedded_set(name).is_some() {
            return Ok(Self::embedded(name));
        }
        Err(SourceError::Nothing { name: name.to_string(), known: known_sets() })
    }

    /// This source with what `other` says in place of what this one says. Data of another kind (an embedded set, a file)
    /// takes the place of all of it; the fingerprint stays.
    #[must_use]
    pub fn updated(&self, other: &Self) -> Self {
        let fingerprint = self.fingerprint.clone();
        if other.embedded.is_some() || (self.embedded.is_some() && other.path.is_some()) {
            return Self { fingerprint, ..other.clone() };
        }
        let text = |new: &Option<String>, old: &Option<String>| new.clone().or_else(|| old.clone());
        Self {
            embedded: self.embedded.clone(),
            path: text(&other.path, &self.path),
            format: text(&other.format, &self.format),
            features: text(&other.features, &self.features),
            labels: text(&other.labels, &self.labels),
            names: text(&other.names, &self.names),
            by: other.by.or(self.by),
            strong: text(&other.strong, &self.strong),
            background: text(&other.background, &self.background),
            test: text(&other.test, &self.test),
            test_labels: text(&other.test_labels, &self.test_labels),
            test_names: text(&other.test_names, &self.test_names),
            label_convention: other.label_convention.or(self.label_convention),
            unlisted: other.unlisted.or(self.unlisted),
            test_unlisted: other.test_unlisted.or(self.test_unlisted),
            label_separator: text(&other.label_separator, &self.label_separator),
            classes: other.classes.clone().or_else(|| self.classes.clone()),
            ignore_columns: other.ignore_columns.clone().or_else(|| self.ignore_columns.clone()),
            id_column: text(&other.id_column, &self.id_column),
            positive_above: other.positive_above.or(self.positive_above),
            missing_features: other.missing_features.or(self.missing_features),
            fingerprint,
        }
    }

    /// The given name: the path or that of the embedded set.
    pub fn given(&self) -> &str {
        self.path.as_deref().or(self.embedded.as_deref()).unwrap_or("no data")
    }

    /// The names, on a command line, of the options that are set beside the data itself.
    pub fn options(&self) -> impl Iterator<Item = &'static str> {
        let options = [
            ("format", self.format.is_some()),
            ("features", self.features.is_some()),
            ("labels", self.labels.is_some()),
            ("names", self.names.is_some()),
            ("match", self.by.is_some()),
            ("strong", self.strong.is_some()),
            ("background", self.background.is_some()),
            ("test", self.test.is_some()),
            ("test-labels", self.test_labels.is_some()),
            ("test-names", self.test_names.is_some()),
            ("label-convention", self.label_convention.is_some()),
            ("unlisted", self.unlisted.is_some()),
            ("test-unlisted", self.test_unlisted.is_some()),
            ("label-separator", self.label_separator.is_some()),
            ("classes", self.classes.is_some()),
            ("ignore-columns", self.ignore_columns.is_some()),
            ("id-column", self.id_column.is_some()),
            ("positive-above", self.positive_above.is_some()),
            ("missing-features", self.missing_features.is_some()),
        ];
        options.into_iter().filter(|(_, given)| *given).map(|(option, _)| option)
    }

    /// Reads everything. Where a fingerprint is set, the data has to have it.
    ///
    /// # Errors
    /// What the formats answer, with file, row and column; what does not fit together; another fingerprint.
    pub fn open(&self) -> Result<Dataset, SourceError> {
        let mut data = match (&self.embedded, &self.path) {
            (Some(name), None) => self.open_embedded(name)?,
            (None, Some(path)) => self.open_files(Path::new(path))?,
            _ => {
                let problem = "the data needs either a path or the name of an embedded set".to_string();
                return Err(SourceError::Setting(problem));
            }
        };
        if let Some(path) = &self.strong {
            let (features, files) = strong::read(Path::new(path), &data.train)?;
            data.strong = Some(features);
            data.files.extend(files);
        }
        if let Some(path) = &self.background {
            let (features, files) = strong::background(Path::new(path), &data.train)?;
            data.background = Some(features);
            data.files.extend(files);
        }
        if let Some(expected) = &self.fingerprint {
            let found = data.fingerprint();
            if found != *expected {
                let (name, expected) = (self.given().to_string(), expected.clone());
                return Err(SourceError::Fingerprint { name, expected, found });
            }
        }
        Ok(data)
    }

    fn open_embedded(&self, name: &str) -> Result<Dataset, SourceError> {
        let entry = embedded_set(name)
            .ok_or_else(|| SourceError::Nothing { name: name.to_string(), known: known_sets() })?;
        if let Some(option) = self.options().next() {
            let problem = format!("--{option} has no meaning for the embedded set {name}");
            return Err(SourceError::Setting(problem));
        }
        let (train, test) = entry.build();
        let table = |set: FeatureSet| Table {
            path: PathBuf::from(name),
            names: set.names.map(Into::into),
            features: Some(FeatureTable::Dense(set.features)),
            labels: Some(LabelTable::Dense(set.truth.into())),
            observed: set.observed,
            classes: set.classes.into(),
            image: entry.image,
            ..Table::default()
        };
        Ok(Dataset {
            name: name.to_string(),
            caveat: Some(entry.caveat),
            train: table(train),
            file_labels: None,
            strong: None,
            background: None,
            test: Some(table(test)),
            notes: Vec::new(),
            files: Vec::new(),
            source: Self { fingerprint: None, ..self.clone() },
        })
    }

    fn open_files(&self, path: &Path) -> Result<Dataset, SourceError> {
        let mut reader = Reader {
            source: self,
            notes: Vec::new(),
            files: Vec::new(),
            formats: Vec::new(),
            file_labels: None,
        };
        if embedded_set(self.given()).is_some() {
            reader.notes.push(format!("{}: this is read, not the embedded set of that name", path.display()));
        }
        // Before the first value that is missing ends everything.
        let format = self.format.clone().or_else(|| Some(recognised(path)?.name.to_string()));
        if let (Some(_), Some(format)) = (self.missing_features, format)
            && !MISSING_FEATURES.contains(&format.as_str())
        {
            return Err(in_vain("missing-features", &[&format], MISSING_FEATURES));
        }
        // `--labels` names a file, or an array of a file that has several.
        let array = self.labels.as_ref().filter(|labels| {
            let arrays = ["npz", "safetensors", "mat", "tfrecord", "parquet"];
            let format = self.format.as_deref().or_else(|| recognised(path).map(|format| format.name));
            std::fs::symlink_metadata(labels).is_err()
                && format.is_some_and(|format| arrays.contains(&format))
        });
        let [labels, names, test, test_labels, test_names] =
            [&self.labels, &self.names, &self.test, &self.test_labels, &self.test_names]
                .map(|path| path.as_deref().map(Path::new));
        let labels = labels.filter(|_| array.is_none());
        // The convention is that of the labels of the training rows, wherever they are.
        let plain = ReadOptions {
            features: self.features.clone(),
            label_array: array.cloned(),
            missing_features: self.missing_features.map(Into::into).unwrap_or_default(),
            ..ReadOptions::default()
        };
        let listed = self.listed(&plain);
        let convention = self.label_convention.map(Into::into);
        let of_labels = ReadOptions { convention, labels: true, features: None, ..listed.clone() };
        let own = match labels {
            Some(_) => plain.clone(),
            None => ReadOptions { convention, ..listed.clone() },
        };
        let Content { train, test: own_test } = reader.read(path, &own)?;
        let train_features = train.path.display().to_string();
        let chosen = train.chosen_features.clone();
        let train =
            reader.complete(train, names, labels, |reader, path| Ok(reader.read(path, &of_labels)?.train))?;

        let file_labels = reader.file_labels.take();

        // Test labels are read by their own: no convention, and the classes of the training rows, unless those are
        // numbers.
        let classes = Some(train.classes.clone()).filter(|classes| {
            let numbers = train.absolute && is_numbered(classes);
            !classes.is_empty() && !numbers
        });
        // As many classes without names as the training rows have may be in a smaller file of test rows.
        let mut limits = plain.limits;
        limits.entries = limits.entries.max(train.classes.len() as u64);
        let (plain, listed) = (
            ReadOptions { limits, ..plain },
            ReadOptions { limits, unlisted: self.test_unlisted.or(self.unlisted).map(Into::into), ..listed },
        );
        let test_options = ReadOptions { classes, labels: true, features: None, ..listed.clone() };
        let test = match test {
            Some(path) => {
                let own = match test_labels {
                    Some(_) => plain,
                    None => ReadOptions { classes: test_options.classes.clone(), ..listed },
                };
                let content = reader.read_test(path, &own)?;
                // A folder may have both parts: its training rows are not those to test on.
                Some(match content.test {
                    Some(test) => {
                        let path = path.display();
                        reader.notes.push(format!("{path}: it has two parts, and its test rows are used"));
                        test
                    }
                    None => content.train,
                })
            }
            None => own_test,
        };
        self.used_options(&reader.formats)?;
        let Some(test) = test else {
            if test_labels.is_some() || test_names.is_some() || self.test_unlisted.is_some() {
                let problem =
                    "--test-labels, --test-names and --test-unlisted need test rows: --test FILE".to_string();
                return Err(SourceError::Setting(problem));
            }
            let Reader { notes, files, .. } = reader;
            let data = self.dataset(path, chosen, train, None, notes, files);
            return Ok(Dataset { file_labels, ..data });
        };
        let test_features = test.path.display().to_string();
        let test = reader.complete(test, test_names, test_labels, |reader, path| {
            let content = reader.read_test(path, &test_options)?;
            Ok(content.test.unwrap_or(content.train))
        })?;
        let Aligned { train, test, notes } = align(Parts { train, test, train_features, test_features })?;
        reader.notes.extend(notes);
        if self.missing_features == Some(Missing::Mean)
            && test.notes.iter().any(|note| note.contains("missing"))
        {
            let path = test.path.display();
            reader.notes.push(format!(
                "{path}: missing features became means of these rows, not of the training rows"
            ));
        }
        let Reader { notes, files, .. } = reader;
        let data = self.dataset(path, chosen, train, Some(test), notes, files);
        Ok(Dataset { file_labels, ..data })
    }

    /// What is said of the labels, beside other options.
    fn listed(&self, plain: &ReadOptions) -> ReadOptions {
        ReadOptions {
            unlisted: self.unlisted.map(Into::into),
            label_separator: self.label_separator.clone(),
            class_columns: self.classes.clone(),
            ignored_columns: self.ignore_columns.clone().unwrap_or_default(),
            id_column: self.id_column.clone(),
            positive_above: self.positive_above,
            ..plain.clone()
        }
    }

    /// Reads the file of labels alone: rows without features.
    ///
    /// # Errors
    /// [`SourceError::Setting`] where no labels are named or the file has none, and what the formats answer.
    pub fn open_labels(&self) -> Result<Dataset, SourceError> {
        let Some(labels) = self.labels.clone() else {
            return Err(SourceError::Setting("no labels were named: --labels FILE".to_string()));
        };
        if self.test.is_some() || self.test_labels.is_some() {
            let problem = "test rows need training rows with features: --features FILE".to_string();
            return Err(SourceError::Setting(problem));
        }
        let source = Self { path: Some(labels.clone()), labels: None, ..self.clone() };
        let (notes, files, formats) = (Vec::new(), Vec::new(), Vec::new());
        let mut reader = Reader { source: &source, notes, files, formats, file_labels: None };
        let options = source.listed(&ReadOptions {
            labels: true,
            convention: self.label_convention.map(Into::into),
            ..ReadOptions::default()
        });
        let path = Path::new(&labels);
        let Content { train, test } = reader.read(path, &options)?;
        if train.labels.is_none() {
            return Err(SourceError::Setting(format!("{labels}: there are no labels in this file")));
        }
        let names = self.names.as_deref().map(Path::new);
        let train = reader.complete(Table { features: None, ..train }, names, None, |_, _| unreachable!())?;
        source.used_options(&reader.formats)?;
        let Reader { notes, files, .. } = reader;
        Ok(source.dataset(path, None, train, test, notes, files))
    }

    /// Refuses an option that none of the files has a use for: it would be given in vain, without a word.
    fn used_options(&self, formats: &[&str]) -> Result<(), SourceError> {
        let tables = &["csv", "jsonl", "multi-hot"][..];
        let cells = &["csv", "jsonl"][..];
        let lists = &["csv", "jsonl", "coco", "label-list", "libsvm", "tfrecord", "parquet", "multi-hot"][..];
        let options = [
            ("label-separator", self.label_separator.is_some(), cells),
            ("classes", self.classes.is_some(), tables),
            ("ignore-columns", self.ignore_columns.is_some(), tables),
            ("id-column", self.id_column.is_some(), tables),
            ("positive-above", self.positive_above.is_some(), cells),
            ("missing-features", self.missing_features.is_some(), MISSING_FEATURES),
            ("unlisted", self.unlisted.is_some(), lists),
            ("test-unlisted", self.test_unlisted.is_some(), lists),
        ];
        let vain =
            options.iter().find(|(_, given, of)| *given && formats.iter().all(|format| !of.contains(format)));
        match vain {
            None => Ok(()),
            Some((option, _, of)) => Err(in_vain(option, formats, of)),
        }
    }

    fn dataset(
        &self,
        path: &Path,
        chosen: Option<String>,
        train: Table,
        test: Option<Table>,
        mut notes: Vec<String>,
        files: Vec<PathBuf>,
    ) -> Dataset {
        notes.extend(train.notes.iter().cloned());
        notes.extend(test.iter().flat_map(|test| test.notes.iter().cloned()));
        let mut seen = std::collections::HashSet::new();
        notes.retain(|note| seen.insert(note.clone()));
        notes.extend(in_two_spellings(&train));
        let full = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
        let name = full.file_name().map_or("data".into(), |name| name.to_string_lossy().into_owned());
        let format = self.format.clone().or_else(|| recognised(path).map(|format| format.name.to_string()));
        let features = self.features.clone().or(chosen);
        let resolved = Self { format, features, ..self.clone() };
        Dataset {
            name,
            caveat: None,
            train,
            file_labels: None,
            strong: None,
            background: None,
            test,
            notes,
            files,
            source: resolved,
        }
    }
}

/// A note where names of classes differ in nothing but capital letters and blanks around them.
fn in_two_spellings(table: &Table) -> Option<String> {
    let mut seen = std::collections::HashMap::new();
    let pairs: Vec<(&str, &str)> = table
        .classes
        .iter()
        .filter_map(|name| seen.insert(name.trim().to_lowercase(), name).map(|before| (before, name)))
        .collect();
    let (before, name) = pairs.first()?;
    let others = match pairs.len() {
        1 => String::new(),
        pairs => format!(", and {} other pairs", pairs - 1),
    };
    Some(format!(
        "{}: the classes `{}` and `{}` differ in capital letters or blanks alone{others}: write them in one way if they are one \
         class",
        table.path.display(),
        shown(before),
        shown(name)
    ))
}

/// Formats that have a sign for a feature that is missing.
const MISSING_FEATURES: &[&str] = &["mulan"];

fn in_vain(option: &str, formats: &[&str], of: &[&str]) -> SourceError {
    let instead = match option {
        "unlisted" => "; in a matrix, --label-convention binary-an says that 0 is unknown",
        _ => "",
    };
    SourceError::Setting(format!(
        "--{option} has no meaning for these files ({}); it is for {}{instead}",
        formats.join(", "),
        of.join(", ")
    ))
}

fn known_sets() -> String {
    embedded_sets().map(|set| set.name).collect::<Vec<_>>().join(", ")
}
