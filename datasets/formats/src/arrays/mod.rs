//! Data sets that are arrays: which array of a file is what, and `.npy` files by themselves.

pub(crate) mod cells;
pub(crate) mod features;
pub(crate) mod range;
pub(crate) mod sparse;

use crate::error::Problem;
use crate::error::within;
use crate::labels::names::numbered_classes;
use crate::labels::names::unique;
use crate::npy::FeatureShape;
use crate::{
    Content, FormatError, LabelConvention, LabelLists, LabelTable, NpyArray, Part, ReadOptions,
    SparseFeatures, Strings, Table,
};
use crate::{FeatureTable, shown};
use features::{finite, npy_features, set_features};
use lacuna_labels::{Features, Label, ObservedLabels};
use std::path::Path;

/// Reads a `.npy` file: text is a list of names, a matrix of numbers features, or labels where
/// [`ReadOptions::labels`] says so: 1 is positive and 0 negative, unless a convention says otherwise.
///
/// Features may have the shapes of [`FeatureShape::of`]; classes are numbered.
pub(crate) fn read_npy(path: &Path, options: &ReadOptions) -> Result<Content, FormatError> {
    if let Some(name) = &options.features {
        let problem =
            format!("the file has one array, and it is not named `{}`: leave --features out", shown(name));
        return Err(FormatError::Array { path: path.into(), problem, found: Vec::new() });
    }
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
    } else if options.labels {
        let labels = labels(&NpyArray::open(path)?, path, options.convention, false)?;
        table.classes = match &options.classes {
            None => numbered_classes(path, labels.classes())?,
            Some(classes) if classes.len() == labels.classes() => classes.clone(),
            Some(classes) => {
                let (named, columns) = (classes.len(), labels.classes());
                let problem = format!("the labels have {columns} columns, and {named} classes were named");
                return Err(FormatError::Unwritable { path: path.into(), problem });
            }
        };
        table.labels = Some(LabelTable::Dense(labels));
    } else {
        let (features, shape) = npy_features(path, &options.limits)?;
        set_features(&mut table, features, &shape, path);
    }
    Ok(table.into())
}

/// A file that has several arrays.
pub(crate) trait ArrayFile {
    fn names(&self) -> Vec<String>;
    fn read(&mut self, name: &str) -> Result<NpyArray, FormatError>;
    /// Shape and values of features, without holding them in their own type besides.
    fn features(&mut self, name: &str) -> Result<(FeatureShape, Vec<f32>), FormatError>;
    /// The array as lists of what is not 0, where the file has it so.
    fn sparse(&mut self, _name: &str) -> Result<Option<SparseFeatures>, FormatError> {
        Ok(None)
    }
}

// Names that are known, without regard to case.
const FEATURES: &[&str] = &[
    "features",
    "feature",
    "feats",
    "feat",
    "x",
    "embeddings",
    "embedding",
    "image_features",
    "img_emb",
    "data",
];
const LABELS: &[&str] = &["labels", "label", "y", "y_true", "targets", "target"];
const OBSERVED: &[&str] =
    &["labels_obs", "obs_labels", "labels_observed", "observed_labels", "observed", "obs", "y_obs"];
const NAMES: &[&str] = &["names", "ids", "images", "filenames", "paths"];
const CLASSES: &[&str] = &["classes", "class_names"];

/// The data set of a file of arrays, by their names: `features` (also `x`, `feats`, `embeddings`), `labels` (`y`,
/// `targets`), `labels_obs` (`observed`, `y_obs`), `names` (`ids`, `images`), `classes`, in any case. With `train_` and
/// `test_` (or `val_`) as prefixes, or `_train` and `_test` as suffixes, there are two parts.
///
/// Another array is chosen with [`ReadOptions::features`] and [`ReadOptions::label_array`]. Arrays that nothing was done
/// with are named in a note; one whose name says that it has observed labels is refused, because leaving it out would put
/// drawn labels in its place.
pub(crate) fn content(
    file: &mut impl ArrayFile,
    path: &Path,
    options: &ReadOptions,
) -> Result<Content, FormatError> {
    let parts = |words: &[&'static str]| -> Vec<String> {
        words.iter().flat_map(|word| [format!("{word}_@"), format!("@_{word}")]).collect()
    };
    let mut used = Vec::new();
    let train = table(file, path, options, (&parts(&["train"]), Part::Train), &mut used)?;
    let content = if train.features.is_none() && train.labels.is_none() {
        let only = table(file, path, options, (&["@".to_string()], Part::Train), &mut used)?;
        Content::from(only)
    } else {
        let test = table(file, path, options, (&parts(&["test", "val"]), Part::Test), &mut used)?;
        let test = Some(test).filter(|test| test.features.is_some() || test.labels.is_some());
        Content { train, test }
    };
    for (name, option, wanted) in
        [(&options.features, "--features", FEATURES), (&options.label_array, "--labels", LABELS)]
    {
        if let Some(name) = name.as_ref().filter(|name| !used.iter().any(|(_, chosen)| chosen == *name)) {
            let (name, wanted) = (shown(name), wanted[0]);
            let problem =
                format!("no array is named `{name}` ({option}; without it `{wanted}` and the like are read)");
            return Err(FormatError::Array { path: path.into(), problem, found: file.names() });
        }
    }
    if content.train.features.is_none() && content.train.labels.is_none() {
        let problem =
            "no array is named features, labels or the like: --features NAME and --labels NAME choose some";
        return Err(FormatError::Array { path: path.into(), problem: problem.into(), found: file.names() });
    }
    leftovers(file, path, content, &used)
}

/// Says which arrays were not used.
fn leftovers(
    file: &mut impl ArrayFile,
    path: &Path,
    mut content: Content,
    used: &[(String, String)],
) -> Result<Content, FormatError> {
    let is_used = |name: &String| used.iter().any(|(array, _)| array == name);
    let left: Vec<String> = file.names().into_iter().filter(|name| !is_used(name)).collect();
    let alone = content.train.observed.is_none() && content.train.labels.is_some();
    let says_observed = |name: &&String| alone && name.to_ascii_lowercase().contains("obs");
    if let Some(name) = left.iter().find(says_observed) {
        let problem = format!(
            "the array `{}` seems to hold observed labels, but its name is not recognised: rename it to labels_obs (with \
             the suffix _train or _test where there are two parts)",
            shown(name)
        );
        return Err(FormatError::Array { path: path.into(), problem, found: file.names() });
    }
    if !left.is_empty() {
        let list: Vec<String> = left.iter().take(8).map(|name| shown(name)).collect();
        let more = if left.len() > 8 { ", ..." } else { "" };
        content.train.notes.push(format!("{}: unused arrays: {}{more}", path.display(), list.join(", ")));
    }
    Ok(content)
}

/// One part. `used` gets the arrays that were read, each with the word it was found by.
fn table(
    file: &mut impl ArrayFile,
    path: &Path,
    options: &ReadOptions,
    (patterns, part): (&[String], Part),
    used: &mut Vec<(String, String)>,
) -> Result<Table, FormatError> {
    let there = file.names();
    // The array that is called exactly so, else without regard to case.
    let same = |wanted: &str| {
        let exact = there.iter().find(|name| *name == wanted);
        exact.or_else(|| there.iter().find(|name| name.eq_ignore_ascii_case(wanted))).cloned()
    };
    // (array, word)
    let find = |words: &[&str]| -> Option<(String, String)> {
        let of_pattern = |pattern: &String| {
            words.iter().find_map(|word| Some((same(&pattern.replace('@', word))?, (*word).to_string())))
        };
        patterns.iter().find_map(of_pattern)
    };
    let named = |name: &Option<String>, words: &[&str]| match name {
        None => find(words),
        Some(name) => find(&[name]),
    };
    let of = |name: &str| within(path, name);
    let mut table = Table { path: path.into(), ..Table::default() };
    if let Some((name, word)) = named(&options.features, FEATURES) {
        match file.sparse(&name)? {
            Some(sparse) => table.features = Some(FeatureTable::Sparse(sparse)),
            None => {
                let (shape, values) = file.features(&name)?;
                let features =
                    Features::new(shape.rows, shape.columns, values).map_err(finite(&of(&name)))?;
                set_features(&mut table, features, &shape, &of(&name));
            }
        }
        table.chosen_features = Some(word.clone());
        used.push((name, word));
    }
    // A convention is that of the observed labels. If there are true labels as well, these are 0 and 1, and so are
    // those of the test rows.
    let observed = find(OBSERVED);
    let true_labels = observed.is_some() || part == Part::Test;
    for (found, is_observed) in [(named(&options.label_array, LABELS), false), (observed, true)] {
        let Some((name, word)) = found else { continue };
        let convention = options.convention.filter(|_| is_observed || !true_labels);
        let labels = match file.sparse(&name)? {
            Some(sparse) => {
                LabelTable::Lists(sparse_labels(&sparse, path, &of(&name), convention, is_observed)?)
            }
            None => LabelTable::Dense(labels(&file.read(&name)?, &of(&name), convention, is_observed)?),
        };
        table.classes = numbered_classes(path, labels.classes())?;
        match is_observed {
            true => table.observed = Some(labels.to_observed(&of(&name), &options.limits)?),
            false => table.labels = Some(labels),
        }
        used.push((name, word));
    }
    for (words, is_names) in [(NAMES, true), (CLASSES, false)] {
        // Names of classes are the same for all parts.
        let for_all = || {
            words.iter().find_map(|word| same(word)).filter(|_| !is_names).map(|name| (name.clone(), name))
        };
        let Some((name, word)) = find(words).or_else(for_all) else { continue };
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
        used.push((name, word));
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

/// The same for a sparse matrix, whose cells that are not written down are 0.
pub(crate) fn sparse_labels(
    matrix: &SparseFeatures,
    file: &Path,
    path: &Path,
    convention: Option<LabelConvention>,
    observed: bool,
) -> Result<LabelLists, FormatError> {
    let label = |row: usize, column: usize, value: f32| {
        let value = f64::from(value);
        label(value, convention, observed)
            .map_err(|problem| FormatError::label(path, row, column, value, problem))
    };
    let unlisted = label(0, 0, 0.0)?;
    let mut lists = LabelLists::new(numbered_classes(file, matrix.columns())?, unlisted);
    for row in 0..matrix.rows() {
        for (column, value) in matrix.row(row) {
            lists.push(column as usize, label(row, column as usize, value)?);
        }
        lists.end_row();
    }
    Ok(lists)
}

/// The numbers of an array as labels. 0 is a negative in a file of labels and unknown in one of observed labels,
/// unless a convention says otherwise.
fn labels(
    array: &NpyArray,
    path: &Path,
    convention: Option<LabelConvention>,
    observed: bool,
) -> Result<ObservedLabels, FormatError> {
    let matrix = cells::cells(array, path, |value| label(value, convention, observed))?;
    Ok(matrix.into())
}

fn label(value: f64, convention: Option<LabelConvention>, observed: bool) -> Result<Label, Problem> {
    use LabelConvention::{BinaryAn, Csl, Spml};
    match (value, convention) {
        (1.0, _) => Ok(Label::Positive),
        (0.0, None) => Ok(if observed { Label::Unknown } else { Label::Negative }),
        (0.0, Some(Csl)) => Ok(Label::Negative),
        (0.0, Some(Spml | BinaryAn)) => Ok(Label::Unknown),
        (-1.0, Some(Spml)) => Ok(Label::Negative),
        (-1.0, Some(Csl)) => Ok(Label::Unknown),
        (-1.0, Some(BinaryAn)) => Err("with the convention binary-an labels are 0 or 1".into()),
        (-1.0, None) => Err(Problem::minus_one()),
        // What is missing in a matrix of labels is written so.
        (value, _) if value.is_nan() => Ok(Label::Unknown),
        _ if value.fract() != 0.0 => {
            let problem = "expected -1, 0 or 1; if these are features, name them with --features, and the labels with --labels";
            Err(problem.into())
        }
        _ => Err("expected -1, 0 or 1".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Compression, Destination, NpyData, write_npz, write_safetensors};
    use Label::{Negative as N, Positive as P, Unknown as U};

    fn save(folder: &Path, shape: &[usize], data: NpyData) -> std::path::PathBuf {
        let path = folder.join("x.npy");
        let array = NpyArray::new(shape.to_vec(), data).unwrap();
        array.save(Destination::replacing(&path)).unwrap();
        path
    }

    #[test]
    fn a_convention_is_that_of_the_observed_labels_and_of_no_others() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.npz");
        let array = |labels: [i8; 2]| NpyArray::new(vec![1, 2], NpyData::I8(labels.to_vec())).unwrap();
        let (y, observed, test) = (array([1, 0]), array([0, -1]), array([0, 1]));
        let options = ReadOptions { convention: Some(LabelConvention::Spml), ..ReadOptions::default() };
        let cells =
            |labels: &LabelTable| labels.to_observed(&path, &options.limits).unwrap().cells().to_vec();
        let all = [("labels_train", &y), ("labels_obs_train", &observed), ("labels_test", &test)];
        write_npz(&path, &all, Compression::Stored).unwrap();
        let Content { train, test: read } = crate::open_data(&path, &options).unwrap();
        assert_eq!(cells(train.labels.as_ref().unwrap()), [P, N], "true labels are 0 and 1");
        assert_eq!(train.observed.unwrap().cells(), [U, N]);
        assert_eq!(cells(read.unwrap().labels.as_ref().unwrap()), [N, P]);
        // Labels alone are those that the convention was given for; test labels never are.
        let alone = [("labels_train", &observed), ("labels_test", &test)];
        write_npz(Destination::replacing(&path), &alone, Compression::Stored).unwrap();
        let Content { train, test: read } = crate::open_data(&path, &options).unwrap();
        assert_eq!(cells(train.labels.as_ref().unwrap()), [U, N]);
        assert_eq!(cells(read.unwrap().labels.as_ref().unwrap()), [N, P]);
    }

    #[test]
    fn numbers_are_labels_where_the_options_say_so() {
        let folder = tempfile::tempdir().unwrap();
        let read = |data, convention| {
            let path = save(folder.path(), &[1, 3], data);
            let options = ReadOptions { labels: true, convention, ..ReadOptions::default() };
            let table = read_npy(&path, &options).map_err(|error| error.to_string())?.train;
            assert!(table.features.is_none());
            assert_eq!(table.classes.to_vec(), ["class 0", "class 1", "class 2"]);
            let Some(LabelTable::Dense(labels)) = table.labels else { panic!("not labels") };
            Ok::<_, String>(labels.cells().to_vec())
        };
        assert_eq!(read(NpyData::Bool(vec![true, false, true]), None).unwrap(), [P, N, P]);
        assert_eq!(read(NpyData::F64(vec![1.0, 0.0, 0.0]), None).unwrap(), [P, N, N]);
        let minus_one = || NpyData::I8(vec![1, 0, -1]);
        assert!(
            read(minus_one(), None).unwrap_err().contains("row 0, column 2 (counted from 0) is -1; -1 means")
        );
        assert_eq!(read(minus_one(), Some(LabelConvention::Spml)).unwrap(), [P, U, N]);
        assert_eq!(read(minus_one(), Some(LabelConvention::Csl)).unwrap(), [P, N, U]);
        assert_eq!(read(NpyData::F32(vec![1.0, f32::NAN, 0.0]), None).unwrap(), [P, U, N]);
        assert!(read(NpyData::U8(vec![1, 2, 0]), None).unwrap_err().contains("is 2; expected -1, 0 or 1"));
    }

    #[test]
    fn classes_that_were_named_are_used_or_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = save(folder.path(), &[2, 2], NpyData::U8(vec![1, 0, 0, 1]));
        let options = |classes: &[&str]| ReadOptions {
            labels: true,
            classes: Some(classes.iter().collect()),
            ..ReadOptions::default()
        };
        assert_eq!(read_npy(&path, &options(&["a", "b"])).unwrap().train.classes.to_vec(), ["a", "b"]);
        let error = read_npy(&path, &options(&["a"])).unwrap_err().to_string();
        assert!(error.ends_with("the labels have 2 columns, and 1 classes were named"), "{error}");
    }

    #[test]
    fn pictures_are_rows_with_a_shape_in_every_format_of_arrays() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let pictures =
            NpyArray::new(vec![2, 3, 2, 1], NpyData::F64((0..12).map(f64::from).collect())).unwrap();
        let squeezed = NpyArray::new(vec![2, 6, 1, 1], NpyData::F32(vec![0.5; 12])).unwrap();
        for (array, image, notes) in [(&pictures, Some([3, 2, 1]), 0), (&squeezed, None, 1)] {
            array.save(Destination::replacing(&path("x.npy"))).unwrap();
            write_npz(Destination::replacing(&path("x.npz")), &[("x", array)], Compression::Deflate).unwrap();
            write_safetensors(Destination::replacing(&path("x.safetensors")), &[("x", array)], &[]).unwrap();
            std::fs::create_dir_all(path("shards")).unwrap();
            array.save(Destination::replacing(&path("shards/img_emb_0.npy"))).unwrap();
            array.save(Destination::replacing(&path("shards/img_emb_1.npy"))).unwrap();
            for (name, rows) in [("x.npy", 2), ("x.npz", 2), ("x.safetensors", 2), ("shards", 4)] {
                let table = crate::open_data(&path(name), &ReadOptions::default()).unwrap().train;
                assert_eq!((table.image, table.notes.len()), (image, notes), "{name}");
                let features = table.features.unwrap();
                assert_eq!((features.rows(), features.columns()), (rows, 6), "{name}");
            }
        }
        NpyArray::new(vec![1, 2, 3, 1], NpyData::F32(vec![0.0; 6]))
            .unwrap()
            .save(&path("shards/img_emb_2.npy"))
            .unwrap();
        pictures.save(Destination::replacing(&path("shards/img_emb_0.npy"))).unwrap();
        pictures.save(Destination::replacing(&path("shards/img_emb_1.npy"))).unwrap();
        let error = crate::open_data(&path("shards"), &ReadOptions::default()).unwrap_err().to_string();
        assert!(error.contains("the rows are pictures of shape (2, 3, 1), and those of"), "{error}");
    }

    #[test]
    fn a_value_beyond_f32_is_named_in_every_format_of_arrays() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let large = NpyArray::new(vec![2, 2], NpyData::F64(vec![0.0, 1.0, 2.0, 1e300])).unwrap();
        large.save(&path("x.npy")).unwrap();
        write_npz(&path("x.npz"), &[("x", &large)], Compression::Stored).unwrap();
        write_safetensors(&path("x.safetensors"), &[("x", &large)], &[]).unwrap();
        std::fs::create_dir(path("shards")).unwrap();
        large.save(&path("shards/img_emb_0.npy")).unwrap();
        for name in ["x.npy", "x.npz", "x.safetensors", "shards"] {
            let error = crate::open_data(&path(name), &ReadOptions::default()).unwrap_err();
            assert!(matches!(error, FormatError::Range { row: 1, column: 1, value: 1e300, .. }), "{error}");
            let text = error.to_string();
            assert!(text.ends_with(
                "row 1, column 1 (counted from 0) is 1e300, which is beyond the range of 32-bit floats; scale the column"
            ));
        }
    }
}
