//! Reading the files of a data set and joining features, names and labels of separate files.

use crate::{DataSource, FileLabels, Match, SourceError};
use lacuna_formats::{
    Content, FORMATS, FormatError, LabelTable, Limits, ReadOptions, Strings, Table, files_read, format,
    join_tables, open_data, read_names, recognised, shown,
};
use std::path::{Path, PathBuf};

/// Formats of arrays, which are known by their content.
const ARRAYS: [&str; 4] = ["npy", "npz", "safetensors", "mat"];

/// Reads files and remembers which.
pub(crate) struct Reader<'a> {
    pub(crate) source: &'a DataSource,
    pub(crate) notes: Vec<String>,
    pub(crate) files: Vec<PathBuf>,
    /// Names of the formats of these files.
    pub(crate) formats: Vec<&'static str>,
    /// Those of the file that was joined last.
    pub(crate) file_labels: Option<FileLabels>,
}

impl Reader<'_> {
    /// Reads a file. The format that was named is that of the files whose names do not say one; where all say one, it is
    /// that of separate labels beside an array of features, else that of the data itself.
    pub(crate) fn read(&mut self, path: &Path, options: &ReadOptions) -> Result<Content, SourceError> {
        let source = self.source;
        let is_data = source.path.as_deref().map(Path::new) == Some(path);
        let files = [&source.path, &source.labels, &source.test, &source.test_labels];
        let all_say = files.into_iter().flatten().all(|file| recognised(Path::new(file)).is_some());
        let is_labels = [&source.labels, &source.test_labels]
            .into_iter()
            .flatten()
            .any(|labels| Path::new(labels) == path);
        let array = |file: &String| recognised(Path::new(file)).is_some_and(|of| ARRAYS.contains(&of.name));
        let holds = match all_say {
            true if source.labels.is_some() && source.path.as_ref().is_some_and(array) => is_labels,
            true => is_data,
            false => recognised(path).is_none(),
        };
        let name = source.format.as_deref().filter(|_| holds);
        let content = match name {
            None => open_data(path, options)?,
            Some(name) => {
                let known = || FORMATS.iter().map(|format| format.name).collect::<Vec<_>>().join(", ");
                let format = format(name)
                    .ok_or_else(|| SourceError::UnknownFormat { name: name.to_string(), known: known() })?;
                format.read(path, options)?
            }
        };
        self.files.extend(files_read(path, name));
        self.formats.extend(name.and_then(format).or_else(|| recognised(path)).map(|format| format.name));
        Ok(content)
    }

    /// Reads test rows, for which no convention holds.
    pub(crate) fn read_test(&mut self, path: &Path, options: &ReadOptions) -> Result<Content, SourceError> {
        self.read(path, options).map_err(|error| match error {
            SourceError::Format(FormatError::MissingConvention { .. }) => {
                SourceError::Setting(format!(
                    "{}: -1 among the test labels, which are complete: expected 1 or 0, with 0 for absent classes, because \
                     a label convention applies to training rows only",
                    path.display()
                ))
            }
            error => error,
        })
    }

    /// Joins features, the names of their rows and labels of a separate file. `read` reads
    /// that file.
    pub(crate) fn complete(
        &mut self,
        features: Table,
        names: Option<&Path>,
        labels: Option<&Path>,
        read: impl FnOnce(&mut Self, &Path) -> Result<Table, SourceError>,
    ) -> Result<Table, SourceError> {
        let features = self.named(features, names)?;
        let Some(path) = labels else { return Ok(features) };
        let labels = read(self, path)?;
        self.join(features, labels, path)
    }

    /// Names the rows of features by a separate file.
    fn named(&mut self, mut features: Table, names: Option<&Path>) -> Result<Table, SourceError> {
        let Some(path) = names else { return Ok(features) };
        let mut read = read_names(path, &Limits::default())?;
        self.files.push(path.into());
        // One name for each row of the file, or for each that is left.
        if let Some(rows) = features.kept.as_ref().filter(|rows| rows.of == read.len()) {
            read = rows.kept.iter().map(|&row| &read[row]).collect();
        }
        if read.len() != features.rows() {
            return Err(SourceError::Setting(format!(
                "{} names {} rows, and {} has {}: one name a row is needed",
                path.display(),
                read.len(),
                features.path.display(),
                features.rows()
            )));
        }
        features.names = Some(read);
        Ok(features)
    }

    fn join(&mut self, features: Table, labels: Table, path: &Path) -> Result<Table, SourceError> {
        if labels.labels.is_none() {
            let problem = format!("{}: there are no labels in this file", path.display());
            return Err(SourceError::Setting(problem));
        }
        let (own, other) = (features.path.display().to_string(), path.display());
        if features.observed.is_some() {
            return Err(SourceError::Setting(format!(
                "{own} has observed labels of its own, which the labels of {other} would leave unused: leave --labels out, \
                 or take features from a file without labels"
            )));
        }
        if features.labels.is_some() {
            self.notes.push(format!("{own}: its own labels are not used, those of {other} are"));
        }
        let by = self.source.by.unwrap_or(Match::Name);
        let by_name = by != Match::Row && features.names.is_some() && labels.names.is_some();
        for table in [&features, &labels] {
            if let (false, Some(why)) = (by_name, table.rearranged) {
                return Err(SourceError::Setting(format!(
                    "{}: {why}, so its rows are joined by name only: name the rows of the features with --names FILE",
                    table.path.display()
                )));
            }
        }
        let (of_features, of_labels) = (features.path.clone(), labels.path.clone());
        let named = |names: &Option<Strings>| names.is_some();
        let unnamed = !named(&features.names) && !named(&labels.names);
        let differences = differences(features.names.as_ref(), labels.names.as_ref());
        let lists =
            matches!(labels.labels, Some(LabelTable::Lists(_))) && self.formats.last() == Some(&"csv");
        let file = labels.labels.clone().map(|own| FileLabels {
            path: path.into(),
            names: labels.names.clone(),
            classes: labels.classes.clone(),
            labels: own,
            observed: labels.observed.clone(),
            row_of: Vec::new(),
        });
        let (table, join) = join_tables(features, labels, by.into(), &Limits::default())?;
        self.file_labels = file.map(|file| {
            let row_of = match &join {
                Some(join) => join.pairs.iter().map(|(_, row)| *row).collect(),
                None => (0..table.rows()).collect(),
            };
            FileLabels { row_of, ..file }
        });
        let files = format!("{} and {}", of_features.display(), of_labels.display());
        match join {
            Some(join) => {
                let kept = match (lists, join.features_only.iter().next()) {
                    (true, Some(name)) => format!(
                        "; a line `{},` with an empty label keeps such a row, none of its labels listed",
                        shown(name)
                    ),
                    _ => String::new(),
                };
                self.notes.push(format!("{files} joined by name: {join}{kept}"));
            }
            None if unnamed => {
                self.notes.push(format!("{files} joined by position: neither has names of rows"))
            }
            None => self.notes.push(format!("{files} joined by position, as --match row says{differences}")),
        }
        Ok(table)
    }
}

/// How many names of two sides that are joined by position differ, and the first of them.
fn differences(one: Option<&Strings>, other: Option<&Strings>) -> String {
    let (Some(one), Some(other)) = (one, other) else { return String::new() };
    let mut differ = one.iter().zip(other.iter()).enumerate().filter(|(_, (a, b))| a != b);
    let Some((row, (a, b))) = differ.next() else { return String::new() };
    let count = 1 + differ.count();
    format!(
        "; {count} of {} names differ, the first in row {row}: `{}` and `{}`",
        one.len(),
        shown(a),
        shown(b)
    )
}
