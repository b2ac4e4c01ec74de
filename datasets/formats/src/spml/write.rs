//! A folder in the SPML layout, written as a whole or not at all.

use super::{CLASSES, Part, SpmlSets};
use crate::destination::folder_of;
use crate::operations;
use crate::temporary::{Folder, Kind, held};
use crate::{Destination, FormatError, NpyArray, NpyData, shown, sweep_temporary_files, write_atomic};
use lacuna_labels::FeatureSet;
use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

impl SpmlSets {
    /// Writes the folder: into a temporary folder beside it, which is forced to the disk and then gets the name.
    ///
    /// `features` is the name of the features in the names of the files. Rows without names get their numbers. An empty folder at the
    /// destination is replaced; one that has files of this layout alone only where the destination
    /// [replaces](Destination::replacing). The two change places in one step, so that a crash leaves the old folder or the new one; where
    /// the system or the file system cannot do that (Windows, some network file systems), the old one is moved away before the new one has
    /// its name, and a crash between the two moves leaves it as `.lacuna-*.old`.
    ///
    /// ```
    /// use lacuna_formats::{NpyArray, NpyData, SpmlFolder, SpmlSets};
    /// use lacuna_labels::{FeatureSet, Features, TrueLabels};
    ///
    /// let set = |rows: usize| FeatureSet {
    ///     features: Features::new(rows, 1, vec![0.5; rows]).unwrap(),
    ///     truth: TrueLabels::from_fn(rows, 2, |row, class| row == class),
    ///     observed: None,
    ///     names: Some((0..rows).map(|row| format!("{row}.jpg")).collect()),
    ///     classes: vec!["cat".to_string(), "dog".to_string()],
    /// };
    /// let sets = SpmlSets { train: set(3), test: set(2), image: None, notes: vec![] };
    /// let folder = tempfile::tempdir()?;
    /// let path = folder.path().join("set");
    /// sets.save(&*path, "clip")?;
    /// assert_eq!(SpmlFolder::new(&path).load()?, sets);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`FormatError::Unwritable`] for names that the layout cannot hold and for a folder with other files,
    /// [`FormatError::Exists`], [`FormatError::Io`].
    pub fn save<'a>(
        &self,
        destination: impl Into<Destination<'a>>,
        features: &str,
    ) -> Result<(), FormatError> {
        let destination = destination.into();
        let path = destination.path();
        self.check(path, features)?;
        let old = replaced(destination)?;
        let parent = folder_of(path);
        sweep_temporary_files(parent);
        let made = Folder::create(parent, Kind::Folder).map_err(FormatError::io(path))?;
        // Every file is forced to the disk, and the folder's entries with it.
        // Errors have the name that a file was to have in the end.
        let named = |error| match error {
            FormatError::Io { path: file, source } => {
                let name = file.file_name().unwrap_or_default();
                FormatError::Io { path: path.join(name), source }
            }
            error => error,
        };
        self.write_part(Part::Test, &self.test, made.path(), features).map_err(named)?;
        self.write_part(Part::Train, &self.train, made.path(), features).map_err(named)?;
        let lines = self.train.classes.iter().map(|class| format!("{class}\n")).collect::<String>();
        write_atomic(&made.path().join(CLASSES), |file| file.write_all(lines.as_bytes()))
            .map_err(FormatError::io(path))?;
        if !old {
            // A folder takes the place of an empty one, and nothing is left under its own name.
            operations::rename(made.path(), path).map_err(FormatError::io(path))?;
            made.keep();
            return operations::sync_folder(parent).map_err(FormatError::io(path));
        }
        // The old folder is removed by us, and not before its new name is on the disk.
        let _old = held(path);
        match operations::exchange(made.path(), path) {
            Ok(()) => operations::sync_folder(parent).map_err(FormatError::io(path)),
            Err(error) if error.kind() == std::io::ErrorKind::Unsupported => move_away(made, path, parent),
            Err(error) => Err(FormatError::io(path)(error)),
        }
    }

    fn check(&self, path: &Path, features: &str) -> Result<(), FormatError> {
        let refuse = |problem: String| Err(FormatError::Unwritable { path: path.into(), problem });
        if features.is_empty() || features.contains(['/', '\\', '\0']) {
            return refuse(format!("`{}` cannot be a part of the name of a file", shown(features)));
        }
        let (train, test) = (&self.train, &self.test);
        if train.classes != test.classes || train.features.columns() != test.features.columns() {
            return refuse("training rows and test rows have other classes or features".to_string());
        }
        let mut seen = HashSet::new();
        for class in &train.classes {
            let is_line = !class.is_empty() && class.trim() == class && !class.contains(['\n', '\r']);
            if !is_line || !seen.insert(class) {
                return refuse(format!(
                    "the class `{}` cannot be a line of classes.txt: rename it",
                    shown(class)
                ));
            }
        }
        if train.classes.first().is_some_and(|class| class.starts_with('\u{feff}')) {
            return refuse("the first class begins with a byte order mark: rename it".to_string());
        }
        for set in [train, test] {
            if let Some(name) = set.names.iter().flatten().find(|name| name.ends_with('\0')) {
                return refuse(format!("the name `{}` ends with NUL, which a .npy file drops", shown(name)));
            }
            if set.rows() == 0 || set.truth.rows() != set.rows() {
                return refuse("an SPML folder has as many rows of features as of labels, and some".into());
            }
        }
        Ok(())
    }

    fn write_part(
        &self,
        part: Part,
        set: &FeatureSet,
        folder: &Path,
        features: &str,
    ) -> Result<(), FormatError> {
        let save = |name: String, shape: Vec<usize>, data| {
            let path = folder.join(name);
            NpyArray::new(shape, data).map_err(FormatError::npy(&path))?.save(&path)
        };
        let (word, rows, classes) = (part.word(), set.rows(), set.truth.classes());
        let shape = match self.image {
            Some([channels, height, width]) => vec![rows, channels, height, width],
            None => vec![rows, set.features.columns()],
        };
        let values = NpyData::F32(set.features.values().to_vec());
        save(format!("{word}_features_{features}.npy"), shape, values)?;
        let names: Vec<String> = match &set.names {
            Some(names) => names.clone(),
            None => (0..rows).map(|row| row.to_string()).collect(),
        };
        save(format!("formatted_{word}_images.npy"), vec![rows], NpyData::Text(names.into()))?;
        if let Some(observed) = &set.observed {
            let codes = NpyData::I8(observed.cells().iter().map(|&label| label as i8).collect());
            save(format!("formatted_{word}_labels_obs.npy"), vec![rows, classes], codes)?;
        }
        let codes = set.truth.cells().iter().map(|label| i8::from(label.is_positive())).collect();
        save(format!("formatted_{word}_labels.npy"), vec![rows, classes], NpyData::I8(codes))
    }
}

/// Moves the folder at `path` away, and gives its name to the one that was made.
fn move_away(made: Folder, path: &Path, parent: &Path) -> Result<(), FormatError> {
    let away = Folder::create(parent, Kind::Old).map_err(FormatError::io(path))?;
    // A folder takes the place of an empty one.
    operations::rename(path, away.path()).map_err(FormatError::io(path))?;
    if let Err(error) = operations::rename(made.path(), path) {
        if operations::rename(away.path(), path).is_err() {
            // The old files are in there.
            away.keep();
        }
        return Err(FormatError::io(path)(error));
    }
    made.keep();
    operations::sync_folder(parent).map_err(FormatError::io(path))
}

/// Whether a folder is in the way that may be replaced.
fn replaced(destination: Destination<'_>) -> Result<bool, FormatError> {
    let path = destination.path();
    let Ok(found) = fs::symlink_metadata(path) else { return Ok(false) };
    let refuse = |problem: String| Err(FormatError::Unwritable { path: path.into(), problem });
    if !found.is_dir() {
        return refuse("there is a file or a link of this name: name a folder".to_string());
    }
    let entries: Result<Vec<PathBuf>, _> =
        fs::read_dir(path).and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect());
    let entries = entries.map_err(FormatError::io(path))?;
    if entries.is_empty() {
        return Ok(false);
    }
    if let Some(other) = entries.iter().find(|entry| !is_own(entry)) {
        let name = shown(&other.file_name().unwrap_or_default().to_string_lossy());
        return refuse(format!("the folder has other files, `{name}` for one: name another folder"));
    }
    if !destination.replaces() {
        return Err(FormatError::Exists { path: path.into() });
    }
    Ok(true)
}

/// Whether a file has a name of the layout.
fn is_own(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let of_part = |part: Part| {
        let word = part.word();
        ["images", "labels", "labels_obs"].iter().any(|kind| name == format!("formatted_{word}_{kind}.npy"))
            || name.starts_with(&format!("{word}_features_")) && name.ends_with(".npy")
    };
    path.is_file() && (name == CLASSES || [Part::Train, Part::Test].into_iter().any(of_part))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{LabelConvention, SpmlFolder};
    use lacuna_labels::{Features, Label, LabelMatrix, TrueLabels};

    fn set(rows: usize, observed: bool) -> FeatureSet {
        let labels = [Label::Positive, Label::Negative, Label::Unknown];
        let cells = (0..rows * 3).map(|i| labels[(i + i / 3) % 3]).collect();
        FeatureSet {
            features: Features::new(rows, 4, (0..rows * 4).map(|i| i as f32 / 3.0).collect()).unwrap(),
            truth: TrueLabels::from_fn(rows, 3, |row, class| (row + class) % 3 == 0),
            observed: observed.then(|| LabelMatrix::new(rows, 3, cells).unwrap().into()),
            names: Some((0..rows).map(|row| format!("é {row}, <b>.jpg")).collect()),
            classes: ["a b", "=c", "d\"'"].map(String::from).to_vec(),
        }
    }

    fn sets(image: Option<[usize; 3]>) -> SpmlSets {
        SpmlSets { train: set(7, true), test: set(4, false), image, notes: vec![] }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("set");
        for image in [None, Some([1, 2, 2])] {
            sets(image).save(Destination::replacing(&path), "clip").unwrap();
            let reader = SpmlFolder::new(&path).convention(LabelConvention::Spml);
            let read = reader.load().unwrap();
            assert_eq!(SpmlSets { notes: vec![], ..read }, sets(image));
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        let unnamed = FeatureSet { names: None, ..set(4, false) };
        SpmlSets { test: unnamed, ..sets(None) }.save(Destination::replacing(&path), "clip").unwrap();
        let read = SpmlFolder::new(&path).convention(LabelConvention::Spml).load().unwrap();
        assert_eq!(read.test.names.unwrap(), ["0", "1", "2", "3"]);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let ordinary = folder.path().join("ordinary");
            fs::create_dir(&ordinary).unwrap();
            let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
            assert_eq!(mode(&ordinary), mode(&path));
        }
    }

    #[test]
    fn what_is_there_is_kept_unless_it_is_such_a_folder_and_may_be_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("set");
        fs::create_dir(&path).unwrap();
        sets(None).save(&path, "clip").unwrap();
        let refused = sets(None).save(&path, "clip").unwrap_err();
        assert!(matches!(refused, FormatError::Exists { .. }), "{refused}");
        // Features of another name do not stay beside the new ones.
        sets(None).save(Destination::replacing(&path), "other").unwrap();
        assert!(!path.join("train_features_clip.npy").exists());
        fs::write(path.join("notes.txt"), "mine").unwrap();
        let refused = sets(None).save(Destination::replacing(&path), "clip").unwrap_err().to_string();
        assert!(refused.contains("notes.txt"), "{refused}");
        assert!(path.join("train_features_other.npy").exists());
        let file = folder.path().join("file");
        fs::write(&file, "x").unwrap();
        assert!(sets(None).save(Destination::replacing(&file), "clip").is_err());
        let mut broken = sets(None);
        for class in ["", " x", "x\ny", "=c"] {
            broken.train.classes[0] = class.to_string();
            broken.test.classes[0] = class.to_string();
            let refused = broken.save(&folder.path().join("new"), "clip").unwrap_err().to_string();
            assert!(refused.contains("classes.txt"), "{refused}");
        }
        assert!(sets(None).save(&folder.path().join("new"), "../x").is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
