//! Data sets that are arrays: which array of a file is what, and `.npy` files by themselves.

use crate::content::numbered_classes;
use crate::convention::MINUS_ONE;
use crate::labels_csv::unique;
use crate::npy::MatrixFile;
use crate::{
    Content, FeatureTable, FormatError, LabelConvention, LabelTable, Limits, NpyArray, ReadOptions, Strings,
    Table, mmap, spml,
};
use lacuna_labels::{FeatureError, Features, Label, ObservedLabels};
use std::path::Path;
use std::sync::Arc;

/// Reads a `.npy` file: text is a list of names, a matrix of numbers features.
pub(crate) fn read_npy(path: &Path, options: &ReadOptions) -> Result<Content, FormatError> {
    let kind = crate::Dtype::of_file(path)?.kind;
    let mut table = Table { path: path.into(), ..Table::default() };
    if matches!(kind, crate::Kind::Text(_) | crate::Kind::Bytes(_)) {
        let array = NpyArray::open(path)?;
        // Strings of one byte cannot be all different if there are more of them than bytes; found out before they are
        // taken apart, which takes several times their memory.
        if let crate::NpyData::Bytes(bytes) = array.data()
            && bytes.width() == 1
            && bytes.len() > 256
        {
            let problem = "names of one byte cannot be different for more than 256 rows".into();
            return Err(FormatError::Unwritable { path: path.into(), problem });
        }
        let names = array.into_strings().map_err(FormatError::npy(path))?;
        unique(path, &names)?;
        table.names = Some(names);
    } else {
        table.features = Some(FeatureTable::Dense(npy_features(path, &options.limits)?));
    }
    Ok(table.into())
}

/// Reads features from a `.npy` file, or maps them into memory where they are `<f4` and the file is large.
pub(crate) fn npy_features(path: &Path, limits: &Limits) -> Result<Features, FormatError> {
    let matrix = MatrixFile::open(path)?;
    let (rows, columns) = (matrix.rows, matrix.columns);
    for (count, what) in [(rows, "rows"), (columns, "columns")] {
        if count == 0 {
            return Err(FormatError::Empty { path: path.into(), what });
        }
    }
    let features = if mmap::can_map(&matrix) && (rows * columns) as u64 * 4 >= limits.map_from {
        Features::shared(rows, columns, Arc::new(mmap::map(&matrix, path)?))
    } else {
        drop(matrix);
        let (rows, columns, values) = NpyArray::open_f32_matrix(path)?;
        Features::new(rows, columns, values)
    };
    features.map_err(finite(path))
}

/// Adds the path to what is wrong with features.
pub(crate) fn finite(path: &Path) -> impl FnOnce(FeatureError) -> FormatError {
    move |error| match error {
        FeatureError::NotFinite { row, column, value } => {
            FormatError::NotFinite { path: path.into(), row, column, value }
        }
        FeatureError::Size { .. } => unreachable!("an array has as many values as its shape says"),
    }
}

/// A file that has several arrays.
pub(crate) trait ArrayFile {
    fn names(&self) -> Vec<String>;
    fn read(&mut self, name: &str) -> Result<NpyArray, FormatError>;
    /// Rows, columns and values of a matrix, without holding it in its own type besides.
    fn read_f32(&mut self, name: &str) -> Result<(usize, usize, Vec<f32>), FormatError>;
}

const FEATURES: &[&str] = &["features", "x", "X", "embeddings", "image_features", "img_emb"];
const LABELS: &[&str] = &["labels", "y", "Y", "targets"];
const OBSERVED: &[&str] = &["labels_obs", "observed"];
const NAMES: &[&str] = &["names", "ids", "images", "filenames"];
const CLASSES: &[&str] = &["classes", "class_names"];

/// The data set of a file of arrays, by their names: `features` (also `x`, `embeddings`), `labels` (`y`), `labels_obs`
/// (`observed`), `names` (`ids`, `images`), `classes`. With `train_` and `test_` (or `val_`) before or `_train` and `_test`
/// behind them there are two parts.
pub(crate) fn content(
    file: &mut impl ArrayFile,
    path: &Path,
    options: &ReadOptions,
) -> Result<Content, FormatError> {
    let parts = |words: &[&'static str]| -> Vec<String> {
        words.iter().flat_map(|word| [format!("{word}_@"), format!("@_{word}")]).collect()
    };
    let train = table(file, path, options, &parts(&["train"]))?;
    if train.features.is_none() && train.labels.is_none() {
        let only = table(file, path, options, &["@".to_string()])?;
        if only.features.is_none() && only.labels.is_none() {
            let problem = "no array is called features, labels or the like".into();
            return Err(FormatError::Array { path: path.into(), problem, found: file.names() });
        }
        return Ok(only.into());
    }
    let test = table(file, path, options, &parts(&["test", "val"]))?;
    let test = Some(test).filter(|test| test.features.is_some() || test.labels.is_some());
    Ok(Content { train, test })
}

fn table(
    file: &mut impl ArrayFile,
    path: &Path,
    options: &ReadOptions,
    patterns: &[String],
) -> Result<Table, FormatError> {
    let there = file.names();
    let find = |words: &[&str]| {
        patterns.iter().find_map(|pattern| {
            let mut named = words.iter().map(|word| pattern.replace('@', word));
            named.find(|name| there.contains(name))
        })
    };
    let of = |name: &str| path.join(name);
    let mut table = Table { path: path.into(), ..Table::default() };
    let named = options.features.as_deref().map(|name| vec![name]);
    if let Some(name) = find(named.as_deref().unwrap_or(FEATURES)) {
        let (rows, columns, values) = file.read_f32(&name)?;
        let features = Features::new(rows, columns, values).map_err(finite(&of(&name)))?;
        table.features = Some(FeatureTable::Dense(features));
    }
    for (words, observed) in [(LABELS, false), (OBSERVED, true)] {
        let Some(name) = find(words) else { continue };
        let labels = labels(&file.read(&name)?, &of(&name), options.convention, observed)?;
        table.classes = numbered_classes(labels.classes());
        match observed {
            true => table.observed = Some(labels),
            false => table.labels = Some(LabelTable::Dense(labels)),
        }
    }
    for (words, is_names) in [(NAMES, true), (CLASSES, false)] {
        // Names of classes are the same for all parts.
        let name = find(words)
            .or_else(|| words.iter().map(ToString::to_string).find(|name| !is_names && there.contains(name)));
        let Some(name) = name else { continue };
        let strings = file.read(&name)?.into_strings().map_err(FormatError::npy(&of(&name)))?;
        let wanted = if is_names { table.rows() } else { table.classes.len() };
        if strings.len() != wanted && wanted > 0 {
            return Err(FormatError::Mismatch {
                what: if is_names { "rows" } else { "classes" },
                path: path.into(),
                count: wanted,
                other: of(&name),
                other_count: strings.len(),
            });
        }
        set(&mut table, is_names, strings);
    }
    Ok(table)
}

fn set(table: &mut Table, is_names: bool, strings: Strings) {
    if is_names {
        table.names = Some(strings);
    } else if !table.classes.is_empty() {
        table.classes = strings;
    }
}

/// The numbers of an array as labels. 0 is a negative in a file of labels and unknown in one of observed labels,
/// unless a convention says otherwise.
fn labels(
    array: &NpyArray,
    path: &Path,
    convention: Option<LabelConvention>,
    observed: bool,
) -> Result<ObservedLabels, FormatError> {
    use LabelConvention::{BinaryAn, Csl, Spml};
    let matrix = spml::cells(array, path, |value| match (value, convention) {
        (1.0, _) => Ok(Label::Positive),
        (0.0, None) => Ok(if observed { Label::Unknown } else { Label::Negative }),
        (0.0, Some(Csl)) => Ok(Label::Negative),
        (0.0, Some(Spml | BinaryAn)) => Ok(Label::Unknown),
        (-1.0, Some(Spml)) => Ok(Label::Negative),
        (-1.0, Some(Csl)) => Ok(Label::Unknown),
        (-1.0, Some(BinaryAn)) => Err("with the convention binary-an labels are 0 or 1"),
        (-1.0, None) => Err(MINUS_ONE),
        _ => Err("labels are -1, 0 or 1"),
    })?;
    Ok(matrix.into())
}
