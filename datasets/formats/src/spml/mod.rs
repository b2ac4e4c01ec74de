//! The folder layout of the single-positive papers and of everything built on their code.

mod labels;
mod write;

use crate::arrays::features::npy_features;
use crate::input::read_bounded;
use crate::npy::FeatureShape;
use crate::shards::same_image;
use crate::{
    Content, Destination, Dtype, FeatureTable, FormatError, LabelConvention, LabelTable, Limits, NpyArray,
    NpyData, ReadOptions, Strings, Table, shown,
};
use labels::{read_observed, read_truth};
use lacuna_labels::{FeatureSet, ObservedLabels};
use std::fs;
use std::path::{Path, PathBuf};

/// A folder with features, labels and names as `.npy` files.
///
/// | file | shape | contents |
/// |---|---|---|
/// | `{train,val}_features_<name>.npy` | rows x features | any numeric type |
/// | `formatted_{train,val}_labels.npy` | rows x classes | 0 and 1, any numeric type |
/// | `formatted_{train,val}_labels_obs.npy` | rows x classes | observed labels; optional |
/// | `formatted_{train,val}_images.npy` | rows | names of the rows |
/// | `classes.txt` | | one class a line; optional |
///
/// **The `val` files are the test set.** That is how the published numbers were made: rows to
/// validate on are split from `train`.
///
/// ```
/// use lacuna_formats::{NpyArray, NpyData, SpmlFolder};
///
/// let folder = tempfile::tempdir()?;
/// for part in ["train", "val"] {
///     let save = |name: String, shape: &[usize], data| {
///         NpyArray::new(shape.to_vec(), data).unwrap().save(&folder.path().join(name))
///     };
///     save(format!("{part}_features_clip.npy"), &[2, 3], NpyData::F32(vec![0.5; 6]))?;
///     save(format!("formatted_{part}_labels.npy"), &[2, 2], NpyData::U8(vec![1, 0, 1, 1]))?;
///     save(format!("formatted_{part}_images.npy"), &[2], NpyData::Text(vec!["a", "b"].into()))?;
/// }
///
/// let sets = SpmlFolder::new(folder.path()).load()?;
/// assert_eq!(sets.train.truth.positives_per_class(), [2, 1]);
/// assert_eq!(sets.test.classes, ["class 0", "class 1"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Source: Cole et al., "Multi-Label Learning from Single Positive Labels", CVPR 2021, `datasets.py`.
#[derive(Clone, Debug)]
pub struct SpmlFolder {
    root: PathBuf,
    features: Option<String>,
    convention: Option<LabelConvention>,
    limits: Limits,
}

/// Which files of the folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// `train`: the rows to train and to validate on.
    Train,
    /// `val`: the test rows.
    Test,
}

/// The two parts of a folder; their classes and features agree.
#[derive(Clone, Debug, PartialEq)]
pub struct SpmlSets {
    /// From the `train` files.
    pub train: FeatureSet,
    /// From the `val` files.
    pub test: FeatureSet,
    /// Channels, height and width of a row, where the features have shape (N, C, H, W).
    pub image: Option<[usize; 3]>,
    /// Notes, one sentence each.
    pub notes: Vec<String>,
}

const LAYOUT: &str = "An SPML folder has, for train and for val, {part}_features_<name>.npy, \
    formatted_{part}_labels.npy and formatted_{part}_images.npy, and may have \
    formatted_{part}_labels_obs.npy and classes.txt";

impl Part {
    /// The word in the names of the files.
    pub fn word(self) -> &'static str {
        match self {
            Part::Train => "train",
            Part::Test => "val",
        }
    }
}

impl SpmlFolder {
    /// The folder at `root`; nothing is read yet.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), features: None, convention: None, limits: Limits::default() }
    }

    /// Names the features to read where the folder has several: the part of the file name after
    /// `features_`, or its last words (`resnet50` finds `train_features_imagenet_resnet50.npy`).
    pub fn features(mut self, name: impl Into<String>) -> Self {
        self.features = Some(name.into());
        self
    }

    /// Says what the numbers of the observed labels mean. Without it 0 is unknown and -1 an error.
    pub fn convention(mut self, convention: LabelConvention) -> Self {
        self.convention = Some(convention);
        self
    }

    /// Changes what a file may claim, and from which size on features are mapped into memory.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Reads both parts.
    ///
    /// # Errors
    /// A [`FormatError`] that names the file and, where there is one, the row and the column: a
    /// missing or broken file, several files of features and none named, labels outside their set
    /// of values, a feature that is not finite, files whose sizes do not agree, no rows.
    pub fn load(&self) -> Result<SpmlSets, FormatError> {
        let classes = self.class_names()?;
        let name = self.features_name()?;
        let (train, shape) = self.read(Part::Train, &name, classes.as_ref())?;
        let (test, test_shape) = self.read(Part::Test, &name, classes.as_ref())?;
        let (labels, features) = (|part| self.labels_path(part), |part| self.features_path(part, &name));
        same(
            "classes",
            (labels(Part::Train), train.truth.classes()),
            (labels(Part::Test), test.truth.classes()),
        )?;
        same(
            "columns",
            (features(Part::Train), train.features.columns()),
            (features(Part::Test), test.features.columns()),
        )?;
        let (train_path, test_path) = (features(Part::Train), features(Part::Test));
        same_image((&train_path, shape.image), (&test_path, test_shape.image))?;
        let notes = [shape.note(&train_path), test_shape.note(&test_path)].into_iter().flatten().collect();
        Ok(SpmlSets { train, test, image: shape.image, notes })
    }

    /// Writes observed labels as `formatted_{part}_labels_obs.npy`, in the type and byte order of the
    /// labels beside it, 1 positive, 0 unknown, -1 observed negative. Returns the path. A file that is there already is
    /// replaced if `replace` says so.
    ///
    /// With the published mask the file is the published one, byte for byte.
    ///
    /// # Errors
    /// [`FormatError::Exists`] where there is such a file and `replace` is false,
    /// [`FormatError::Mismatch`] unless the labels are as many as those in the folder, and
    /// [`FormatError::Label`] for an observed negative where the type of the labels is unsigned.
    pub fn write_observed(
        &self,
        part: Part,
        observed: &ObservedLabels,
        replace: bool,
    ) -> Result<PathBuf, FormatError> {
        let (labels_path, path) = (self.labels_path(part), self.observed_path(part));
        let Dtype { kind, order } = Dtype::of_file(&labels_path).map_err(missing(&labels_path))?;
        let truth = read_truth(&labels_path)?;
        same("rows", (path.clone(), observed.rows()), (labels_path.clone(), truth.rows()))?;
        same("classes", (path.clone(), observed.classes()), (labels_path, truth.classes()))?;
        let codes: Vec<i8> = observed.cells().iter().map(|&label| label as i8).collect();
        let data = NpyData::from_integers(kind, &codes).map_err(|_| {
            let cell = codes.iter().position(|&code| code < 0).unwrap_or_default();
            let (row, column) = (cell / observed.classes(), cell % observed.classes());
            let advice = "the labels beside it are unsigned, so it cannot be written in their type";
            FormatError::label(&path, row, column, -1.0, advice.into())
        })?;
        let array = NpyArray::new(vec![observed.rows(), observed.classes()], data);
        let destination = if replace { Destination::replacing(&path) } else { Destination::new(&path) };
        array.map_err(FormatError::npy(&path))?.save_as(destination, order)?;
        Ok(path)
    }

    fn read(
        &self,
        part: Part,
        name: &str,
        classes: Option<&Strings>,
    ) -> Result<(FeatureSet, FeatureShape), FormatError> {
        let features_path = self.features_path(part, name);
        let (features, shape) =
            npy_features(&features_path, &self.limits).map_err(missing(&features_path))?;
        let labels_path = self.labels_path(part);
        let truth = read_truth(&labels_path)?;
        let rows = (features_path, features.rows());
        same("rows", rows.clone(), (labels_path.clone(), truth.rows()))?;

        let observed_path = self.observed_path(part);
        let observed = match fs::symlink_metadata(&observed_path).is_ok() {
            true => Some(read_observed(&observed_path, self.convention)?),
            false => None,
        };
        if let Some(observed) = &observed {
            same("rows", rows.clone(), (observed_path.clone(), observed.rows()))?;
            same("classes", (labels_path.clone(), truth.classes()), (observed_path, observed.classes()))?;
        }

        let names_path = self.root.join(format!("formatted_{}_images.npy", part.word()));
        let names = NpyArray::open(&names_path).map_err(missing(&names_path))?;
        let names = names.into_strings().map_err(FormatError::npy(&names_path))?;
        same("rows", rows, (names_path, names.len()))?;

        let classes = match classes {
            Some(classes) => {
                let path = self.root.join(CLASSES);
                same("classes", (path, classes.len()), (labels_path, truth.classes()))?;
                classes.to_vec()
            }
            None => (0..truth.classes()).map(|class| format!("class {class}")).collect(),
        };
        let names = Some(names.to_vec());
        Ok((FeatureSet { features, truth, observed, names, classes }, shape))
    }

    fn labels_path(&self, part: Part) -> PathBuf {
        self.root.join(format!("formatted_{}_labels.npy", part.word()))
    }

    fn observed_path(&self, part: Part) -> PathBuf {
        self.root.join(format!("formatted_{}_labels_obs.npy", part.word()))
    }

    fn features_path(&self, part: Part, name: &str) -> PathBuf {
        self.root.join(format!("{}_features_{name}.npy", part.word()))
    }

    /// The name of the features to read, from the files of the train part. The test part must have
    /// features of the same name: those of another network would fit only by accident.
    fn features_name(&self) -> Result<String, FormatError> {
        let prefix = format!("{}_features_", Part::Train.word());
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.root).map_err(FormatError::io(&self.root))? {
            let file = entry.map_err(FormatError::io(&self.root))?.file_name();
            let name = file.to_str().and_then(|file| file.strip_prefix(&prefix)?.strip_suffix(".npy"));
            found.extend(name.map(String::from));
        }
        found.sort_unstable();
        if let Some(wanted) = &self.features {
            // The whole name wins over the last words of another.
            let whole = found.iter().any(|name| name == wanted);
            let last_words = format!("_{wanted}");
            found.retain(|name| name == wanted || (!whole && name.ends_with(&last_words)));
        }
        match &mut found[..] {
            [only] => Ok(std::mem::take(only)),
            [] => {
                let path = self.features_path(Part::Train, self.features.as_deref().unwrap_or("<name>"));
                Err(FormatError::Missing { path, layout: LAYOUT })
            }
            _ => Err(FormatError::Ambiguous { folder: self.root.clone(), found }),
        }
    }

    /// Says which files of labels have a name that is none of the layout. One that seems to have observed labels is refused:
    /// without it, drawn ones would replace it.
    fn unknown_labels(&self) -> Result<Option<String>, FormatError> {
        let mut unknown = Vec::new();
        for entry in fs::read_dir(&self.root).map_err(FormatError::io(&self.root))? {
            let file = entry.map_err(FormatError::io(&self.root))?.file_name();
            let Some(name) = file.to_str() else { continue };
            let known = [Part::Train, Part::Test].iter().any(|part| {
                let word = part.word();
                name == format!("formatted_{word}_labels.npy")
                    || name == format!("formatted_{word}_labels_obs.npy")
            });
            if name.starts_with("formatted_") && name.contains("label") && !known {
                unknown.push(name.to_string());
            }
        }
        unknown.sort_unstable();
        let there = fs::symlink_metadata(self.observed_path(Part::Train)).is_ok();
        if let Some(name) =
            unknown.iter().find(|name| !there && name.contains("train") && name.contains("obs"))
        {
            let problem = format!(
                "`{}` seems to hold observed labels, which are read from formatted_train_labels_obs.npy: rename or remove it",
                shown(name)
            );
            return Err(FormatError::Array { path: self.root.clone(), problem, found: unknown });
        }
        let names: Vec<String> = unknown.iter().map(|name| shown(name)).collect();
        Ok((!names.is_empty()).then(|| {
            format!(
                "{}: unused files of labels, which are not part of the layout: {}",
                self.root.display(),
                names.join(", ")
            )
        }))
    }

    /// The lines of `classes.txt`, if it is there.
    fn class_names(&self) -> Result<Option<Strings>, FormatError> {
        let path = self.root.join(CLASSES);
        // A broken link is not a missing file: opening it returns the error.
        if fs::symlink_metadata(&path).is_err() {
            return Ok(None);
        }
        let bytes = read_bounded(&path, "bytes of class names", self.limits.header)?;
        let text = std::str::from_utf8(&bytes).map_err(|error| {
            let before = &bytes[..error.valid_up_to()];
            let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
            FormatError::ClassName {
                path: path.clone(),
                line,
                problem: "is not UTF-8: save the file as UTF-8",
            }
        })?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let broken = |line, problem| FormatError::ClassName { path: path.clone(), line, problem };
        let mut names = Strings::new();
        for (i, line) in text.trim_end().lines().map(str::trim).enumerate() {
            if line.is_empty() {
                return Err(broken(i + 1, "is empty: expected one class on each line"));
            }
            if !names.push(line) {
                return Err(broken(i + 1, "exceeds the limit of 4 GiB for names"));
            }
        }
        match names.duplicate() {
            Some((later, _)) => Err(broken(later + 1, "repeats the name of a class")),
            None => Ok(Some(names)),
        }
    }
}

const CLASSES: &str = "classes.txt";

/// The two parts of a folder as tables.
pub(crate) fn read(path: &Path, options: &ReadOptions) -> Result<Content, FormatError> {
    let folder = SpmlFolder {
        root: path.into(),
        features: options.features.clone(),
        convention: options.convention,
        limits: options.limits,
    };
    let SpmlSets { train, test, image, mut notes } = folder.load()?;
    let chosen = folder.features_name()?;
    notes.extend(folder.unknown_labels()?);
    let table = |set: FeatureSet, notes| Table {
        path: path.into(),
        names: set.names.map(Into::into),
        features: Some(FeatureTable::Dense(set.features)),
        labels: Some(LabelTable::Dense(set.truth.into())),
        observed: set.observed,
        classes: set.classes.into(),
        image,
        notes,
        chosen_features: Some(chosen.clone()),
        ..Table::default()
    };
    Ok(Content { train: table(train, notes), test: Some(table(test, Vec::new())) })
}

/// Turns "not found" into a sentence about what such a folder has.
fn missing(path: &Path) -> impl FnOnce(FormatError) -> FormatError {
    move |error| match error {
        FormatError::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
            FormatError::Missing { path: path.into(), layout: LAYOUT }
        }
        error => error,
    }
}

/// Whether two files agree on a count.
fn same(what: &'static str, one: (PathBuf, usize), other: (PathBuf, usize)) -> Result<(), FormatError> {
    if one.1 == other.1 {
        return Ok(());
    }
    let ((path, count), (other, other_count)) = (one, other);
    Err(FormatError::Mismatch { what, path, count, other, other_count })
}

#[cfg(test)]
mod tests;
