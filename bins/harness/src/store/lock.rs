//! The lock of a run folder: one process writes; another gets an error that names it.

use crate::HarnessError;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

const NAME: &str = ".lacuna-lock";

/// An exclusive lock on a file of the folder. The system gives it back when the process ends, however it ends, so a file
/// left by a killed process does not lock the folder.
#[derive(Debug)]
pub(super) struct Lock {
    path: PathBuf,
    file: File,
}

impl Lock {
    /// Takes the lock of a folder.
    ///
    /// # Errors
    /// [`HarnessError::Locked`] with what the holder wrote about itself, [`HarnessError::Write`].
    pub(super) fn take(folder: &Path) -> Result<Self, HarnessError> {
        let path = folder.join(NAME);
        let refuse = |source| HarnessError::Write { path: path.clone(), source };
        loop {
            // A link would be followed, and what it leads to written over.
            if fs::symlink_metadata(&path).is_ok_and(|found| !found.is_file()) {
                return Err(refuse(std::io::Error::other("not a regular file: remove it")));
            }
            let mut options = OpenOptions::new();
            let mut file =
                options.read(true).write(true).create(true).truncate(false).open(&path).map_err(refuse)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    let mut holder = String::new();
                    let _ = file.take(200).read_to_string(&mut holder);
                    let holder = holder.trim();
                    let holder = if holder.is_empty() { "unknown process" } else { holder };
                    return Err(HarnessError::Locked { folder: folder.into(), holder: holder.to_string() });
                }
                // A file system without locks: better to work than to refuse everybody.
                Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => {}
                Err(TryLockError::Error(error)) => return Err(refuse(error)),
            }
            // The holder before may have removed the file between our opening and our locking it.
            if !is_still(&path, &file) {
                continue;
            }
            let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
            let line = format!("process {} on {}\n", std::process::id(), host.trim());
            file.set_len(0).and_then(|()| file.write_all(line.as_bytes())).map_err(refuse)?;
            return Ok(Self { path, file });
        }
    }

    /// Gives the lock back and removes its file.
    pub(super) fn release(self) {
        // In this order: while the file is locked nobody else can have taken it.
        let _ = fs::remove_file(&self.path);
        let _ = self.file.unlock();
    }
}

/// Whether a path still leads to a file that was opened.
#[cfg(unix)]
fn is_still(path: &Path, file: &File) -> bool {
    use std::os::unix::fs::MetadataExt;
    let id = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    matches!((fs::metadata(path).map(id), file.metadata().map(id)), (Ok(one), Ok(other)) if one == other)
}

#[cfg(not(unix))]
fn is_still(path: &Path, _file: &File) -> bool {
    path.exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holder_is_told_who_has_it_and_a_stale_file_locks_nobody_out() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(NAME), "process 1 on nowhere\n").unwrap();
        let lock = Lock::take(folder.path()).unwrap();
        let error = Lock::take(folder.path()).unwrap_err().to_string();
        assert!(error.contains(&format!("process {}", std::process::id())), "{error}");
        lock.release();
        assert!(!folder.path().join(NAME).exists());
        Lock::take(folder.path()).unwrap().release();
    }
}
