//! Replacing a file as a whole or not at all.

use crate::destination::exists;
use crate::{Destination, temporary};
#[cfg(unix)]
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

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
    destination.check()?;
    let path = destination.path();
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    // Without the name of the temporary file, which the caller does not know.
    let mut temporary = temporary::create(folder).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            let problem = format!("there is no folder {}: create it first", folder.display());
            io::Error::new(io::ErrorKind::NotFound, problem)
        }
        kind => io::Error::from(kind),
    })?;
    let mut buffer = BufWriter::with_capacity(1 << 16, temporary.as_file_mut());
    write(&mut buffer)?;
    buffer.flush()?;
    drop(buffer);
    temporary.as_file().sync_all()?;
    let persisted = match destination.replaces() {
        true => temporary.persist(path),
        false => temporary.persist_noclobber(path),
    };
    persisted.map_err(|refused| match refused.error.kind() {
        io::ErrorKind::AlreadyExists => exists(),
        _ => refused.error,
    })?;
    sync_folder(folder)
}

/// A rename is on the disk when the folder is.
#[cfg(unix)]
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Elsewhere a folder cannot be opened for this; the file system orders the rename by itself.
#[cfg(not(unix))]
pub(crate) fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

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
