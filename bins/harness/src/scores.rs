//! Scores of test rows, which are kept so that runs can be compared row by row.
//!
//! | file | contents |
//! |---|---|
//! | `labels.npy` | `u8`, `[test rows, classes]`, 1 for a positive |
//! | `ID.npy` | `f32`, `[test rows, classes]`: logits with the chosen weights of a run |
//! | `ID.observed.npy` | the same with the weights that [`Also::Observed`](lacuna_train::Also::Observed) chooses |

use crate::HarnessError;
use lacuna_formats::{Destination, FormatError, NpyArray, NpyData};
use lacuna_labels::TrueLabels;
use lacuna_train::Outcome;
use std::fs;
use std::path::{Path, PathBuf};

const LABELS: &str = "labels.npy";

/// The two choices of an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChosenOn {
    /// On true labels of the validation rows.
    Clean,
    /// On observed ones.
    Observed,
}

/// A folder of scores.
#[derive(Clone, Debug)]
pub struct ScoreFolder {
    folder: PathBuf,
}

impl ScoreFolder {
    /// The scores in a folder, which is made when the first are kept.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.folder
    }

    fn file(&self, id: &str, on: ChosenOn) -> PathBuf {
        let suffix = match on {
            ChosenOn::Clean => "",
            ChosenOn::Observed => ".observed",
        };
        self.folder.join(format!("{id}{suffix}.npy"))
    }

    /// Whether the scores of a run are there.
    pub fn has(&self, id: &str) -> bool {
        self.file(id, ChosenOn::Clean).exists()
    }

    /// Keeps the true labels of the test rows, once.
    ///
    /// # Errors
    /// [`HarnessError::Write`], [`HarnessError::Format`].
    pub fn keep_labels(&self, truth: &TrueLabels) -> Result<(), HarnessError> {
        let path = self.folder.join(LABELS);
        if path.exists() {
            return Ok(());
        }
        let cells = truth.cells().iter().map(|label| u8::from(label.is_positive())).collect();
        self.write(&path, vec![truth.rows(), truth.classes()], NpyData::U8(cells))
    }

    /// Keeps the scores of a run over `classes` classes.
    ///
    /// # Errors
    /// [`HarnessError::Write`], [`HarnessError::Format`].
    pub fn keep(&self, id: &str, classes: usize, outcome: &Outcome) -> Result<(), HarnessError> {
        let write = |on: ChosenOn, logits: &[f32]| {
            let shape = vec![logits.len() / classes, classes];
            self.write(&self.file(id, on), shape, NpyData::F32(logits.to_vec()))
        };
        // The file that says that the scores are there comes last.
        if let Some(observed) = &outcome.observed {
            write(ChosenOn::Observed, &observed.test_logits)?;
        }
        write(ChosenOn::Clean, &outcome.test_logits)
    }

    fn write(&self, path: &Path, shape: Vec<usize>, data: NpyData) -> Result<(), HarnessError> {
        fs::create_dir_all(&self.folder)
            .map_err(|source| HarnessError::Write { path: self.folder.clone(), source })?;
        let array = NpyArray::new(shape, data).expect("as many numbers as the shape says");
        Ok(array.save_as(Destination::replacing(path), lacuna_formats::ByteOrder::Little)?)
    }

    /// The scores of a run, `[test rows, classes]`; `None` where they were not kept.
    ///
    /// # Errors
    /// [`HarnessError::Format`] for a file that is damaged.
    pub fn read(&self, id: &str, on: ChosenOn) -> Result<Option<Vec<f32>>, HarnessError> {
        let path = self.file(id, on);
        if !path.exists() {
            return Ok(None);
        }
        Ok(Some(matrix(&path)?.2))
    }

    /// The true labels of the test rows; `None` where none were kept.
    ///
    /// # Errors
    /// [`HarnessError::Format`] for a file that is damaged.
    pub fn labels(&self) -> Result<Option<TrueLabels>, HarnessError> {
        let path = self.folder.join(LABELS);
        if !path.exists() {
            return Ok(None);
        }
        let (rows, classes, cells) = matrix(&path)?;
        Ok(Some(TrueLabels::from_fn(rows, classes, |row, class| cells[row * classes + class] > 0.5)))
    }

    /// Removes the labels and the folder, unless there are scores.
    pub(crate) fn remove_empty(&self) {
        let mut files = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        if files.all(|entry| entry.file_name() == LABELS) {
            let _ = fs::remove_file(self.folder.join(LABELS));
            let _ = fs::remove_dir(&self.folder);
        }
    }

    /// Removes the scores of a run.
    pub fn remove(&self, id: &str) {
        for on in [ChosenOn::Clean, ChosenOn::Observed] {
            let _ = fs::remove_file(self.file(id, on));
        }
    }
}

/// Rows, columns and numbers of a file.
fn matrix(path: &Path) -> Result<(usize, usize, Vec<f32>), FormatError> {
    let within = |source| FormatError::Npy { path: path.into(), source };
    NpyArray::open(path)?.into_f32_matrix().map_err(within)
}
