//! Where results are kept.

use crate::{HarnessError, Report};
use lacuna_formats::{Destination, write_atomic};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// A folder for the results of one benchmark.
///
/// `spec.toml` has every setting of the benchmark, `results.jsonl` a line for each run, `table.md` the table
/// with its conventions. Each is written whole or not at all.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    /// Whether this run made the folder.
    made: bool,
}

/// Name of a file that is written and removed to see whether that works.
const PROBE: &str = ".lacuna-probe";

impl Store {
    /// The folder `path`, made if it does not exist. Results that stand there are replaced when new ones are
    /// complete.
    ///
    /// # Errors
    /// [`HarnessError::Write`].
    pub fn at(path: &Path) -> Result<Self, HarnessError> {
        let made = !path.exists();
        std::fs::create_dir_all(path).map_err(|source| HarnessError::Write { path: path.into(), source })?;
        let store = Self { folder: path.into(), made };
        // Found now and not when the runs are over: a folder that cannot be written.
        if let Err(error) = store.put(PROBE, b"") {
            store.discard();
            return Err(error);
        }
        let _ = std::fs::remove_file(store.folder.join(PROBE));
        Ok(store)
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

    /// Writes the three files.
    ///
    /// # Errors
    /// [`HarnessError::Write`].
    pub fn write(&self, report: &Report) -> Result<(), HarnessError> {
        let spec = toml::to_string(&report.spec).expect("a specification turns into TOML");
        let mut lines = Vec::new();
        for run in &report.runs {
            serde_json::to_writer(&mut lines, run).expect("numbers and names turn into JSON");
            lines.push(b'\n');
        }
        self.put("spec.toml", spec.as_bytes())?;
        self.put("results.jsonl", &lines)?;
        self.put("table.md", report.markdown().as_bytes())
    }

    fn put(&self, name: &str, bytes: &[u8]) -> Result<(), HarnessError> {
        let path = self.folder.join(name);
        write_atomic(Destination::replacing(&path), |w: &mut dyn Write| w.write_all(bytes))
            .map_err(|source| HarnessError::Write { path, source })
    }
}
