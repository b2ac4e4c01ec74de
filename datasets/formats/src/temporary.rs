//! Temporary files: locked while they are written, and removed when their writer is dead.

use crate::operations::{self, Operation};
use crate::undo::{referred, restore_files};
use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;
use tempfile::{NamedTempFile, TempDir};

/// How the names of all temporary files begin.
pub(crate) const PREFIX: &str = ".lacuna-";

/// What a temporary file is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Contents, `.lacuna-*.tmp`.
    File,
    /// A record of files that are being replaced, `.lacuna-*.undo`: see `undo.rs`.
    Undo,
    /// A folder that is being written, or whose place another one has taken, `.lacuna-*.folder`.
    Folder,
    /// A folder that was moved away for another one where two cannot change places, `.lacuna-*.old`. It may hold the only copy of its files,
    /// so nothing removes it but its writer.
    Old,
}

impl Kind {
    /// How their names end.
    pub(crate) fn suffix(self) -> &'static str {
        match self {
            Kind::File => ".tmp",
            Kind::Undo => ".undo",
            Kind::Folder => ".folder",
            Kind::Old => ".old",
        }
    }
}

/// How often a new file is made where a sweep has removed the one before.
const ATTEMPTS: usize = 16;

/// Names of a kind. Temporary files and folders are private by default, and the rename would keep that: `mode` is what making them in the
/// ordinary way would have asked for (the umask still applies).
fn named(kind: Kind, mode: u32) -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(PREFIX).suffix(kind.suffix());
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(mode));
    #[cfg(not(unix))]
    let _ = mode;
    builder
}

/// A temporary file in a folder, locked for its writer.
pub(crate) fn create(folder: &Path, kind: Kind) -> io::Result<NamedTempFile> {
    for _ in 0..ATTEMPTS {
        operations::begin(Operation::Create)?;
        let file = named(kind, 0o666).tempfile_in(folder)?;
        match file.as_file().try_lock() {
            Ok(()) if is_linked(file.as_file())? => return Ok(file),
            // Between its creation and its lock a sweep took the file for one of a dead writer.
            Ok(()) | Err(TryLockError::WouldBlock) => {}
            // A file system without locks: a sweep cannot lock the file either, and leaves it.
            Err(TryLockError::Error(_)) => return Ok(file),
        }
    }
    Err(io::Error::other("the temporary file was repeatedly removed by another program"))
}

/// A temporary folder in another one, locked for its writer where folders have locks. Dropped, it is removed with what is in it.
pub(crate) struct Folder {
    folder: TempDir,
    _lock: Option<File>,
}

impl Folder {
    pub(crate) fn create(parent: &Path, kind: Kind) -> io::Result<Self> {
        for _ in 0..ATTEMPTS {
            operations::begin(Operation::Create)?;
            // Without the name of the folder, which the caller does not know.
            let folder =
                named(kind, 0o777).tempdir_in(parent).map_err(|error| io::Error::from(error.kind()))?;
            // Elsewhere than on Unix a folder cannot be opened, by no sweep either.
            let opened = match File::open(folder.path()) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                opened => opened.ok(),
            };
            match opened.as_ref().map(File::try_lock) {
                // Between its creation and its lock a sweep took the folder for one of a dead writer.
                Some(Err(TryLockError::WouldBlock)) => {}
                Some(Ok(())) if !folder.path().is_dir() => {}
                _ => return Ok(Self { folder, _lock: opened }),
            }
        }
        Err(io::Error::other("the temporary folder was repeatedly removed by another program"))
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Leaves the folder, or nothing where it has got another name.
    pub(crate) fn keep(self) {
        let _ = self.folder.keep();
    }
}

/// A folder that no sweep removes as long as this lives; none where folders have no locks.
pub(crate) fn held(folder: &Path) -> Option<File> {
    File::open(folder).ok().filter(|folder| folder.try_lock().is_ok())
}

/// Whether a file still has a name.
#[cfg(unix)]
pub(crate) fn is_linked(file: &File) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    Ok(file.metadata()?.nlink() > 0)
}

/// Elsewhere a file that is open keeps its name.
#[cfg(not(unix))]
pub(crate) fn is_linked(_file: &File) -> io::Result<bool> {
    Ok(true)
}

/// Removes the temporary files in `folder` whose writer is dead; answers how many there were.
///
/// A writer holds a lock on its file, so a file whose lock is free has no writer. Only regular files called
/// `.lacuna-*.tmp` and folders called `.lacuna-*.folder` are looked at, and no link is followed. What cannot be opened, locked or removed is
/// left. Old contents of files that were being replaced are given back first: see [`restore_files`](crate::restore_files).
///
/// ```
/// use lacuna_formats::sweep_temporary_files;
///
/// let folder = tempfile::tempdir()?;
/// std::fs::write(folder.path().join(".lacuna-left.tmp"), "half a file")?;
/// assert_eq!(sweep_temporary_files(folder.path()), 1);
/// assert_eq!(std::fs::read_dir(folder.path())?.count(), 0);
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn sweep_temporary_files(folder: &Path) -> usize {
    // What cannot be given back now is left for later, with all that it needs.
    let _ = restore_files(folder);
    let Some(needed) = referred(folder) else { return 0 };
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let free = |name: &OsStr| is(Kind::File, name) && !needed.iter().any(|needed| name == needed.as_str());
    let swept = |name: &OsStr, path: &Path| {
        (free(name) && sweep(path).is_some()) || (is(Kind::Folder, name) && sweep_folder(path).is_some())
    };
    entries.filter(|entry| swept(&entry.file_name(), &entry.path())).count()
}

/// Whether a name is one of a temporary file.
pub(crate) fn is(kind: Kind, name: &OsStr) -> bool {
    name.to_str().is_some_and(|name| {
        let suffix = kind.suffix();
        name.len() >= PREFIX.len() + suffix.len() && name.starts_with(PREFIX) && name.ends_with(suffix)
    })
}

/// Opens a regular file, and follows no link.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    let irregular = || io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file");
    if !fs::symlink_metadata(path)?.is_file() {
        return Err(irregular());
    }
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NOFOLLOW | libc::O_NONBLOCK);
    let file = options.open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(irregular()) }
}

/// Removes a file unless its lock is held.
fn sweep(path: &Path) -> Option<()> {
    open(path).ok()?.try_lock().ok()?;
    fs::remove_file(path).ok()
}

/// Removes a folder and what is in it unless its lock is held.
fn sweep_folder(path: &Path) -> Option<()> {
    fs::symlink_metadata(path).ok().filter(|found| found.is_dir())?;
    let _lock = held(path)?;
    fs::remove_dir_all(path).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::write_atomic;
    use std::process::{Command, Stdio};

    const CHILD: &str = "LACUNA_TEST_TEMPORARY_FOLDER";

    #[test]
    fn a_file_without_a_writer_is_removed_and_one_that_is_written_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path(".lacuna-left.tmp"), "half").unwrap();
        fs::write(path(".lacuna-.tm"), "of somebody else").unwrap();
        fs::write(path("lacuna-a.tmp"), "of somebody else").unwrap();
        fs::create_dir(path(".lacuna-folder.tmp")).unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink(path("lacuna-a.tmp"), path(".lacuna-link.tmp")).unwrap();
        write_atomic(&path("a.txt"), |file| {
            file.write_all(b"whole")?;
            assert_eq!(sweep_temporary_files(folder.path()), 1);
            Ok(())
        })
        .unwrap();
        assert_eq!(fs::read(path("a.txt")).unwrap(), b"whole");
        let mut left: Vec<_> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        let mut expected = vec![".lacuna-.tm", ".lacuna-folder.tmp", "a.txt", "lacuna-a.tmp"];
        if cfg!(unix) {
            expected.insert(2, ".lacuna-link.tmp");
        }
        assert_eq!(left, expected);
        assert_eq!(sweep_temporary_files(&path("missing")), 0);
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_without_a_writer_is_removed_and_one_that_is_written_or_moved_away_stays() {
        let parent = tempfile::tempdir().unwrap();
        let left = parent.path().join(".lacuna-left.folder");
        fs::create_dir(&left).unwrap();
        fs::write(left.join("labels.npy"), "half").unwrap();
        let outside = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(outside.path(), parent.path().join(".lacuna-link.folder")).unwrap();
        fs::write(parent.path().join(".lacuna-file.folder"), "of somebody else").unwrap();
        let written = Folder::create(parent.path(), Kind::Folder).unwrap();
        let away = Folder::create(parent.path(), Kind::Old).unwrap();
        assert_eq!(sweep_temporary_files(parent.path()), 1);
        assert!(!left.exists() && outside.path().is_dir() && written.path().is_dir() && away.path().is_dir());
        let path = away.path().to_path_buf();
        away.keep();
        assert_eq!(sweep_temporary_files(parent.path()), 0);
        assert!(path.is_dir());
        drop(written);
        let count = fs::read_dir(parent.path()).unwrap().count();
        assert_eq!(count, 3, "the link, the file and what was moved away");
    }

    /// Runs as a child of the next test alone: writes until it is killed.
    #[test]
    fn child_that_never_ends_its_file() {
        let Some(folder) = std::env::var_os(CHILD) else { return };
        let _ = write_atomic(&Path::new(&folder).join("never.txt"), |file| {
            file.write_all(b"half")?;
            loop {
                std::thread::sleep(std::time::Duration::from_secs(1));
            }
        });
    }

    #[test]
    fn the_file_of_a_killed_writer_is_removed_once_it_is_dead() {
        let folder = tempfile::tempdir().unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "temporary::tests::child_that_never_ends_its_file"])
            .env(CHILD, folder.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let files = || fs::read_dir(folder.path()).unwrap().count();
        // The file is there before its lock is, for the time of two system calls.
        let locked = || {
            let entry = fs::read_dir(folder.path()).unwrap().next();
            entry.is_some_and(|entry| File::open(entry.unwrap().path()).unwrap().try_lock_shared().is_err())
        };
        while !locked() {
            assert_eq!(child.try_wait().unwrap(), None, "the child has ended");
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        assert_eq!((sweep_temporary_files(folder.path()), files()), (0, 1));
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!((sweep_temporary_files(folder.path()), files()), (1, 0));
    }
}
