//! Replacing a file as a whole or not at all.

use crate::destination::exists;
use crate::{Destination, operations, temporary};
use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// Writes a file so that a reader, or the next start after a crash, finds the old file or the new
/// one, never half of it.
///
/// Writes to a temporary file in the same folder, forces it to the disk, renames it to the destination and
/// forces the folder's entry to the disk. If anything fails the old file stays and the temporary one is
/// removed. The temporary file is called `.lacuna-*.tmp` and locked while it is written; see
/// [`sweep_temporary_files`](crate::sweep_temporary_files) for those of a program that was killed.
///
/// A path refuses a file that exists, also one that appears while the new one is written;
/// [`Destination::replacing`] replaces it.
///
/// ```
/// use lacuna_formats::{Destination, write_atomic};
/// use std::io::Write;
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("record.txt");
/// write_atomic(&path, |file| writeln!(file, "first"))?;
/// // A writer that gives up leaves the file as it was.
/// let _ = write_atomic(Destination::replacing(&path), |file| {
///     writeln!(file, "second")?;
///     Err(std::io::Error::other("out of ideas"))
/// });
/// assert_eq!(std::fs::read_to_string(&path)?, "first\n");
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`] for a file that exists and must not be replaced; an error for a directory, a device,
/// a pipe or a socket; whatever `write` or the file system answers.
pub fn write_atomic<'a>(
    destination: impl Into<Destination<'a>>,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let destination = destination.into();
    Staged::new(destination, write)?.commit()?;
    operations::sync_folder(folder_of(destination.path()))
}

/// Writes two files of one folder that belong together: both of them or none.
///
/// As [`write_atomic`]; both are on the disk before either gets its name. A first file that was there is kept beside it until the
/// second has its name, and gets its own back where that fails. A crash between the two renames leaves the new first file and the old
/// second one, so readers have to notice that two files do not belong together.
///
/// # Errors
/// As for [`write_atomic`], with the path that it is about.
pub fn write_atomic_pair<A, B>(
    first: (Destination<'_>, A),
    second: (Destination<'_>, B),
) -> Result<(), (PathBuf, io::Error)>
where
    A: FnOnce(&mut dyn Write) -> io::Result<()>,
    B: FnOnce(&mut dyn Write) -> io::Result<()>,
{
    let (one, two) = (first.0.path(), second.0.path());
    let (of_one, of_two) = (|error| (one.to_path_buf(), error), |error| (two.to_path_buf(), error));
    let folder = folder_of(one);
    let staged = Staged::new(first.0, first.1).map_err(of_one)?;
    let other = Staged::new(second.0, second.1).map_err(of_two)?;
    let old = kept(first.0, folder).map_err(of_one)?;
    if let Err(error) = staged.commit() {
        old.iter().for_each(|old| drop(fs::remove_file(old)));
        return Err(of_one(error));
    }
    if let Err(error) = other.commit() {
        // Where this fails too, the error that came first says more.
        let _ = match old {
            Some(old) => operations::rename(&old, one),
            None => fs::remove_file(one),
        };
        return Err(of_two(error));
    }
    if let Some(old) = old {
        // Under this name a sweep removes it.
        let _ = fs::remove_file(old);
    }
    operations::sync_folder(folder).map_err(of_one)
}

/// Another name for a file that is going to be replaced, if there is one.
fn kept(destination: Destination<'_>, folder: &Path) -> io::Result<Option<PathBuf>> {
    if fs::symlink_metadata(destination.path()).is_err() {
        return Ok(None);
    }
    // The name of a temporary file that is gone: a second name for the file itself, so nothing is copied.
    let name = temporary::create(folder)?.path().to_path_buf();
    match fs::hard_link(destination.path(), &name) {
        Ok(()) => {}
        // A file system without second names.
        Err(_) => drop(fs::copy(destination.path(), &name)?),
    }
    Ok(Some(name))
}

/// A file that is on the disk and has no name yet. Dropped, it is removed.
struct Staged<'a> {
    destination: Destination<'a>,
    file: NamedTempFile,
}

impl<'a> Staged<'a> {
    fn new(
        destination: Destination<'a>,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> io::Result<Self> {
        destination.check()?;
        let folder = folder_of(destination.path());
        // Without the name of the temporary file, which the caller does not know.
        let mut file = temporary::create(folder).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => {
                let problem = format!("there is no folder {}: create it first", folder.display());
                io::Error::new(io::ErrorKind::NotFound, problem)
            }
            kind => io::Error::from(kind),
        })?;
        let mut buffer = BufWriter::with_capacity(1 << 16, operations::Written(file.as_file_mut()));
        write(&mut buffer)?;
        buffer.flush()?;
        drop(buffer);
        operations::sync(file.as_file())?;
        Ok(Self { destination, file })
    }

    fn commit(self) -> io::Result<()> {
        let Self { destination, file } = self;
        match operations::persist(file, destination.path(), destination.replaces()) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(exists()),
            named => named.map(drop),
        }
    }
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_behind_and_the_old_file_survives_a_failure() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        write_atomic(&path, |file| file.write_all(b"one")).unwrap();
        write_atomic(Destination::replacing(&path), |file| file.write_all(b"two")).unwrap();
        let failed = write_atomic(Destination::replacing(&path), |file| {
            file.write_all(b"three")?;
            Err(io::Error::other("no"))
        });
        assert!(failed.is_err());
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        let error = write_atomic(&folder.path().join("missing/a.txt"), |_| Ok(())).unwrap_err().to_string();
        assert!(error.starts_with("there is no folder") && error.contains("missing: create it"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn permissions_are_those_of_an_ordinary_file() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (ordinary, atomic) = (folder.path().join("a"), folder.path().join("b"));
        fs::write(&ordinary, b"").unwrap();
        write_atomic(&atomic, |_| Ok(())).unwrap();
        let mode = |path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&ordinary), mode(&atomic));
    }
}
