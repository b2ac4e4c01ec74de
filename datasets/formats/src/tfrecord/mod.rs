//! TFRecord files of `tf.Example`s with features of whole rows, as YouTube-8M ships its video-level features.
//!
//! A row is one example: a list of floats (`mean_rgb`), a list of integers with its classes (`labels`) and bytes that name it
//! (`id`, `video_id`).
//!
//! Source: tensorflow, `core/example/example.proto`, `core/lib/io/record_reader.cc`.

mod example;
mod records;

use crate::labels::names::{numbered_classes, unique};
use crate::memory::reserve;
use crate::{Content, FeatureTable, FormatError, LabelLists, LabelTable, ReadOptions, Strings, Table, shown};
use example::{Example, Value};
use lacuna_labels::{Features, Label};
pub use records::{TfRecord, TfRecords, tf_record};
use std::fs;
use std::path::{Path, PathBuf};

const ENDING: &str = "tfrecord";

/// Whether a folder has such files.
pub(crate) fn recognises(path: &Path) -> bool {
    path.is_file() || files(path).is_ok_and(|files| !files.is_empty())
}

/// The files of a folder in the order of their names.
fn files(folder: &Path) -> Result<Vec<PathBuf>, FormatError> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(FormatError::io(folder))? {
        let path = entry.map_err(FormatError::io(folder))?.path();
        if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case(ENDING)) {
            files.push(path);
        }
    }
    files.sort_unstable();
    Ok(files)
}

/// Reads a file, or all files of a folder.
///
/// [`ReadOptions::features`] names the list of floats, or several joined by `+` (`mean_rgb+mean_audio`); it is needed where
/// the examples have more than one. Classes are numbers; what is not listed is negative, because the lists of YouTube-8M are
/// those of a machine that looked at every class, unless [`ReadOptions::unlisted`] says otherwise.
pub(crate) fn read(path: &Path, options: &ReadOptions) -> Result<Content, FormatError> {
    let files = if path.is_dir() { files(path)? } else { vec![path.to_path_buf()] };
    let mut rows = Rows {
        path: path.into(),
        wanted: options.features.as_ref().map(|names| names.split('+').map(String::from).collect()),
        columns: None,
        values: Vec::new(),
        names: Strings::new(),
        lists: LabelLists::new(Strings::new(), options.unlisted.unwrap_or(Label::Negative)),
        classes: 0,
        labelled: false,
    };
    for file in files {
        let mut records = TfRecords::open(&file, &options.limits)?;
        while let Some(record) = records.next_record()? {
            let place = |problem: String| FormatError::bytes(&file, record.offset, problem);
            rows.push(&Example::parse(&record.bytes).map_err(place)?, &file, record.offset, options)?;
        }
    }
    rows.table()
}

/// Rows while they are read.
struct Rows {
    path: PathBuf,
    /// The lists of floats to read; chosen with the first example where none were named.
    wanted: Option<Vec<String>>,
    columns: Option<usize>,
    values: Vec<f32>,
    names: Strings,
    lists: LabelLists,
    classes: u64,
    labelled: bool,
}

impl Rows {
    fn push(
        &mut self,
        example: &Example<'_>,
        file: &Path,
        offset: u64,
        options: &ReadOptions,
    ) -> Result<(), FormatError> {
        let refuse = |problem: String| Err(FormatError::bytes(file, offset, problem));
        if self.wanted.is_none() {
            let floats: Vec<&str> = example.floats().collect();
            match floats[..] {
                [one] => self.wanted = Some(vec![one.to_string()]),
                [] => return refuse("an example has no list of floats".into()),
                _ => {
                    let found = floats.iter().map(|name| (*name).to_string()).collect();
                    let problem =
                        "examples have several lists of floats: --features NAME, or A+B to concatenate \
                                   two"
                        .into();
                    return Err(FormatError::Array { path: file.into(), problem, found });
                }
            }
        }
        let row = self.names.len();
        let start = self.values.len();
        for name in self.wanted.iter().flatten() {
            let Some(Value::Floats(floats)) = example.get(name) else {
                return refuse(format!("row {row} (counted from 0) has no list of floats `{}`", shown(name)));
            };
            let memory = |bytes| FormatError::memory(file, "features", bytes);
            if self.values.capacity() - self.values.len() < floats.len() {
                // Half as much again: doubling would hold three times the file.
                let more = (self.values.len() / 2).max(floats.len()).max(1 << 14);
                reserve(&mut self.values, more).map_err(memory)?;
            }
            for float in floats.iter() {
                if !float.is_finite() {
                    let column = self.values.len() - start;
                    return Err(FormatError::NotFinite { path: file.into(), row, column, value: float });
                }
                self.values.push(float);
            }
        }
        let columns = self.values.len() - start;
        if columns == 0 || *self.columns.get_or_insert(columns) != columns {
            let expected = self.columns.unwrap_or_default();
            return refuse(format!(
                "row {row} (counted from 0) has {columns} features, expected {expected} as in the first row"
            ));
        }
        let name = ["id", "video_id", "name"].into_iter().find_map(|key| match example.get(key) {
            Some(Value::Bytes(bytes)) => std::str::from_utf8(bytes).ok().map(String::from),
            _ => None,
        });
        if !self.names.push(&name.unwrap_or_else(|| format!("row {row}"))) {
            return refuse("names take more than 4 GiB".into());
        }
        let named = options.label_array.as_deref();
        let labels = match named {
            Some(name) => example.get(name),
            None => ["labels", "label", "classes"].into_iter().find_map(|key| example.get(key)),
        };
        match labels {
            None if named.is_some() => {
                return refuse(format!(
                    "row {row} (counted from 0) has no list `{}`",
                    shown(named.unwrap_or_default())
                ));
            }
            None => {}
            Some(Value::Integers(labels)) => {
                self.labelled = true;
                let mut classes: Vec<u64> = labels
                    .collect::<Result<_, _>>()
                    .map_err(|problem: String| FormatError::bytes(file, offset, problem))?;
                classes.sort_unstable();
                if let Some(pair) = classes.windows(2).find(|pair| pair[0] == pair[1]) {
                    return refuse(format!(
                        "row {row} (counted from 0) lists class {} twice: lists of a 0 or 1 for each class are not read, \
                         write the numbers of the classes",
                        pair[0]
                    ));
                }
                for class in classes {
                    if class > i64::MAX as u64 {
                        return refuse(format!("row {row} (counted from 0) lists class {}", class as i64));
                    }
                    if class >= options.limits.entries {
                        let (found, limit) = (class + 1, options.limits.entries);
                        let what = "classes without names";
                        return Err(FormatError::Limit { path: file.into(), what, found, limit });
                    }
                    self.classes = self.classes.max(class + 1);
                    self.lists.push(class as usize, Label::Positive);
                }
            }
            Some(_) => {
                return refuse(format!(
                    "the labels of row {row} (counted from 0) are not a list of integers"
                ));
            }
        }
        self.lists.end_row();
        Ok(())
    }

    fn table(mut self) -> Result<Content, FormatError> {
        let path = self.path;
        let rows = self.names.len();
        let Some(columns) = self.columns.filter(|_| rows > 0) else {
            return Err(FormatError::Empty { path, what: "rows" });
        };
        unique(&path, &self.names)?;
        let features = Features::new(rows, columns, self.values).expect("as many finite values in every row");
        let mut table = Table {
            names: Some(self.names),
            features: Some(FeatureTable::Dense(features)),
            chosen_features: self.wanted.map(|names| names.join("+")),
            ..Table::default()
        };
        if self.labelled {
            self.lists.classes = numbered_classes(&path, self.classes as usize)?;
            table.classes = self.lists.classes.clone();
            table.labels = Some(LabelTable::Lists(self.lists));
            table.absolute = true;
        }
        table.path = path;
        Ok(table.into())
    }
}

#[cfg(test)]
mod tests;
