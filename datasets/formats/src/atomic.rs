//! Replacing a file as a whole or not at all.

use crate::destination::{exists, folder_of};
use crate::temporary::{self, Kind};
use crate::undo::Old;
use crate::{Destination, FormatError, hold, operations, restore_files};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::PathBuf;
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

/// What a file is going to have.
pub type Contents<'a> = Box<dyn FnOnce(&mut dyn Write) -> io::Result<()> + 'a>;

/// Writes files that belong together: all of them or none.
///
/// As [`write_atomic`]; all are on the disk before the first gets its name. Files that were there are kept under second names until all
/// have their names, and get their own back where that fails. Readers that call [`hold_files`](crate::hold_files) and other writers of the folder wait
/// meanwhile. After a crash between two of the renames [`restore_files`] does that, which
/// every writer in the folder calls; until then the set is without its last file, which lost its name before the first was replaced, so
/// that nobody takes it for a whole one. So the last has to be one that no reader does without. Files that have their new contents
/// already stay as they are. Of files that are all new, a crash leaves some without the last. Files of several folders are kept as
/// well, but a crash among them leaves the last missing.
///
/// ```
/// use lacuna_formats::{Destination, FormatError, write_atomic_all};
///
/// let folder = tempfile::tempdir().unwrap();
/// let [one, two] = ["one.txt", "two.txt"].map(|name| folder.path().join(name));
/// write_atomic_all(vec![
///     (Destination::new(&one), Box::new(|file| file.write_all(b"1"))),
///     (Destination::new(&two), Box::new(|file| file.write_all(b"2"))),
/// ])?;
/// assert_eq!(std::fs::read_to_string(&two).unwrap(), "2");
/// # Ok::<(), FormatError>(())
/// ```
///
/// # Errors
/// [`FormatError::Exists`] where there is a file already, [`FormatError::Io`].
pub fn write_atomic_all(files: Vec<(Destination<'_>, Contents<'_>)>) -> Result<(), FormatError> {
    let Some((last, _)) = files.last() else { return Ok(()) };
    let last = folder_of(last.path()).to_path_buf();
    restore_files(&last)?;
    let mut staged = Vec::with_capacity(files.len());
    for (destination, write) in files {
        let path = destination.path();
        staged.push(Staged::new(destination, write).map_err(FormatError::writing(path))?);
    }
    // Until all have their names. Contents are written before, so that nobody waits for them.
    let _alone = hold::alone(&last);
    // Another writer may have been killed in the meantime.
    restore_files(&last)?;
    staged.retain(|file| !file.is_there_already());
    // A folder is named by one of its files, because the caller named files.
    let folders: BTreeMap<PathBuf, PathBuf> = staged
        .iter()
        .rev()
        .map(|file| (folder_of(file.destination.path()).into(), file.destination.path().into()))
        .collect();
    let new: Vec<_> = staged.iter().map(|file| (file.destination, file.file.path())).collect();
    let mut old = Old::keep(&new)?;
    let named = replace(staged, &folders, &mut old);
    if let Err((replaced, error)) = named {
        old.restore(replaced);
        return Err(error);
    }
    let Some(path) = folders.values().next() else { return Ok(()) };
    old.forget().map_err(FormatError::writing(path))
}

/// Gives files their names; an error comes with how many have them.
fn replace(
    staged: Vec<Staged<'_>>,
    folders: &BTreeMap<PathBuf, PathBuf>,
    old: &mut Old,
) -> Result<(), (usize, FormatError)> {
    let files = staged.len();
    old.hide_last().map_err(|error| (0, error))?;
    for (i, file) in staged.into_iter().enumerate() {
        let path = file.destination.path();
        file.commit().map_err(|error| (i, FormatError::writing(path)(error)))?;
    }
    folders.iter().try_for_each(|(folder, path)| {
        operations::sync_folder(folder).map_err(|error| (files, FormatError::io(path)(error)))
    })
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
        let mut file = temporary::create(folder, Kind::File).map_err(|error| match error.kind() {
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

    /// Whether the file that it would replace has the same bytes.
    fn is_there_already(&self) -> bool {
        let Ok(old) = File::open(self.destination.path()) else { return false };
        let length =
            |file: &File| file.metadata().ok().filter(|found| found.is_file()).map(|found| found.len());
        let same = File::open(self.file.path()).and_then(|new| {
            Ok(length(&old).is_some() && length(&old) == length(&new) && same_bytes(old, new)?)
        });
        same.unwrap_or(false)
    }

    fn commit(self) -> io::Result<()> {
        let Self { destination, file } = self;
        match operations::persist(file, destination.path(), destination.replaces()) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(exists()),
            named => named.map(drop),
        }
    }
}

/// Whether two files of one length have the same bytes.
fn same_bytes(one: File, other: File) -> io::Result<bool> {
    let [mut one, mut other] = [one, other].map(|file| BufReader::with_capacity(1 << 16, file));
    loop {
        let (a, b) = (one.fill_buf()?, other.fill_buf()?);
        let bytes = a.len().min(b.len());
        if bytes == 0 {
            return Ok(a.is_empty() && b.is_empty());
        }
        if a[..bytes] != b[..bytes] {
            return Ok(false);
        }
        one.consume(bytes);
        other.consume(bytes);
    }
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

    /// Thresholds that were saved in a head replaced its weights by the same ones as well: a crash left neither.
    #[test]
    fn files_that_do_not_change_are_left_alone() {
        use crate::operations::Operation;
        use crate::operations::faults::{Fault, under};
        let folder = tempfile::tempdir().unwrap();
        let paths = ["weights", "document"].map(|name| folder.path().join(name));
        let save = |document: &'static [u8]| {
            let file = |i: usize, bytes: &'static [u8]| -> (Destination<'_>, Contents<'_>) {
                (Destination::replacing(&paths[i]), Box::new(move |file| file.write_all(bytes)))
            };
            write_atomic_all(vec![file(0, b"weights"), file(1, document)])
        };
        save(b"one").unwrap();
        let (saved, order) = under(Fault::None, usize::MAX, || save(b"two"));
        saved.unwrap();
        let renames = order.iter().filter(|operation| **operation == Operation::Rename).count();
        assert!(renames == 1 && !order.contains(&Operation::Remove), "{order:?}");
        let (saved, order) = under(Fault::None, usize::MAX, || save(b"two"));
        saved.unwrap();
        assert!(!order.contains(&Operation::Rename), "{order:?}");
        assert_eq!(fs::read(&paths[1]).unwrap(), b"two");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
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
