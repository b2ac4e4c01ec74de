//! Where results are kept.

use crate::{HarnessError, Report};
use lacuna_formats::write_atomic;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// A folder for the results of one benchmark.
///
/// `results.jsonl` has a line for each run, `table.md` the table with its conventions. Both are written whole
/// or not at all.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    /// Whether this run made the folder.
    made: bool,
}

impl Store {
    /// The folder `path`, made if it does not exist. Results that stand there are replaced when new ones are
    /// complete.
    ///
    /// # Errors
    /// [`HarnessError::Write`].
    pub fn at(path: &Path) -> Result<Self, HarnessError> {
        let made = !path.exists();
        std::fs::create_dir_all(path).map_err(|source| HarnessError::Write { path: path.into(), source })?;
        Ok(Self { folder: path.into(), made })
    }

    /// A new folder `root/name-001`, `-002`, ...: the first number that is free.
    ///
    /// # Errors
    /// [`HarnessError::Write`].
    pub fn fresh(root: &Path, name: &str) -> Result<Self, HarnessError> {
        std::fs::create_dir_all(root).map_err(|source| HarnessError::Write { path: root.into(), source })?;
        for number in 1u32.. {
            let folder = root.join(format!("{name}-{number:03}"));
            match std::fs::create_dir(&folder) {
                Ok(()) => return Ok(Self { folder, made: true }),
                Err(e) if e.kind() == ErrorKind::AlreadyExists => {}
                Err(source) => return Err(HarnessError::Write { path: folder, source }),
            }
        }
        unreachable!("some number is free")
    }

    /// Takes the folder away again after a run that failed, if the run made it and it is empty.
    pub fn discard(self) {
        if self.made {
            // Refused by the system if anything stands in it, which is what we want.
            let _ = std::fs::remove_dir(&self.folder);
        }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes both files.
    ///
    /// # Errors
    /// [`HarnessError::Write`].
    pub fn write(&self, report: &Report) -> Result<(), HarnessError> {
        let mut lines = Vec::new();
        for run in &report.runs {
            serde_json::to_writer(&mut lines, run).expect("numbers and names turn into JSON");
            lines.push(b'\n');
        }
        for (name, bytes) in [("results.jsonl", lines), ("table.md", report.markdown().into_bytes())] {
            let path = self.folder.join(name);
            write_atomic(&path, |w: &mut dyn Write| w.write_all(&bytes))
                .map_err(|source| HarnessError::Write { path, source })?;
        }
        Ok(())
    }
}
