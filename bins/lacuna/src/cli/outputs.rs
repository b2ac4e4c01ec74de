//! Checks of output files.

use anyhow::bail;
use lacuna_formats::{Destination, FormatError, same_file, sweep_temporary_files};
use std::path::{Path, PathBuf};

/// The rule for every file that a command writes: one that exists is refused unless `--force` was given, and one that the
/// same command has read is refused always.
#[derive(Debug, Default)]
pub struct Outputs {
    force: bool,
    read: Vec<PathBuf>,
}

impl Outputs {
    /// With `--force` or without, and the files that were read.
    pub fn new(force: bool, read: Vec<PathBuf>) -> Self {
        Self { force, read }
    }

    /// The destination `path`, if the rule allows it.
    ///
    /// # Errors
    /// The rule's refusal.
    pub fn to<'a>(&self, path: &'a Path) -> anyhow::Result<Destination<'a>> {
        if self.read.iter().any(|read| same_file(read, path)) {
            bail!(
                "{}: this command has read the file and does not overwrite it: name another one",
                path.display()
            );
        }
        if !self.force && std::fs::symlink_metadata(path).is_ok() {
            return Err(FormatError::Exists { path: path.into() }.into());
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        sweep_temporary_files(folder.unwrap_or(Path::new(".")));
        Ok(if self.force { Destination::replacing(path) } else { Destination::new(path) })
    }
}
