//! Files that belong together and are replaced: their old contents are kept until all new ones have their names.
//!
//! The order, where a crash may come between any two steps:
//! 1. the new contents are on the disk as temporary files ([`write_atomic_all`](crate::write_atomic_all) has written them);
//! 2. every old file gets a second name, `.lacuna-*.tmp`;
//! 3. the record, `.lacuna-*.undo`, says which second name belongs to which file;
//! 4. the last file loses its name, so that who reads without asking for the record sees that the set is not whole;
//! 5. the new files get their names, the last one at the end;
//! 6. the record is removed: from here on the new files are the ones that count;
//! 7. the second names are removed.
//!
//! A record that is left names files of a writer that was stopped between 3 and 6, and [`restore_files`] gives the old contents back.

use crate::destination::folder_of;
use crate::operations;
use crate::temporary::{self, Kind};
use crate::{Destination, FormatError};
use serde::{Deserialize, Serialize};
use std::ffi::OsStr;
use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// The format of the record and its version.
const FORMAT: &str = "lacuna undo 1";
/// Most bytes of a record.
const MOST_BYTES: u64 = 1 << 20;

/// What `.lacuna-*.undo` holds, as JSON and a line feed.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    format: String,
    files: Vec<Entry>,
}

/// A file that is replaced. All names are of the folder that the record is in.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    /// The second name of the old file, if there was one.
    old: Option<String>,
    /// BLAKE3 of the new contents, in hexadecimal: a file with others was put there by somebody else.
    new: String,
}

/// BLAKE3 of a regular file, in hexadecimal.
fn digest(path: &Path) -> io::Result<String> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(temporary::open(path)?)?;
    Ok(hasher.finalize().to_hex().to_string())
}

/// A second name of a file that is going to be replaced.
struct Second {
    name: PathBuf,
    /// Locked, so that no sweep of temporary files takes it for one of a dead writer.
    _locked: Option<File>,
}

/// Another name for a file that is going to be replaced, if there is one.
fn second(path: &Path) -> io::Result<Option<Second>> {
    if fs::symlink_metadata(path).is_err() {
        return Ok(None);
    }
    // The name of a temporary file that is gone: a second name for the file itself, so nothing is copied.
    let name = temporary::create(folder_of(path), Kind::File)?.path().to_path_buf();
    match fs::hard_link(path, &name) {
        Ok(()) => {}
        // A file system without second names.
        Err(_) => {
            fs::copy(path, &name)?;
            operations::sync(&File::open(&name)?)?;
        }
    }
    // Who may not read the file, or has no locks, goes without.
    let locked = File::open(&name).ok().filter(|file| file.try_lock_shared().is_ok());
    Ok(Some(Second { name, _locked: locked }))
}

/// The old contents of files that are being replaced.
pub(crate) struct Old {
    /// The files in the order in which they get their names, and their second names.
    files: Vec<(PathBuf, Option<Second>)>,
    record: Option<(PathBuf, File)>,
    /// The last file has its second name alone.
    hidden: bool,
    /// The second names are still needed: a record on the disk refers to them.
    needed: bool,
}

impl Old {
    /// Keeps what is at the destinations; `new` are the temporary files that will replace it.
    ///
    /// There is a record where several files are replaced in one folder. Files of several folders, or with names that are not UTF-8,
    /// go without.
    pub(crate) fn keep(files: &[(Destination<'_>, &Path)]) -> Result<Self, FormatError> {
        let mut old = Self { files: Vec::new(), record: None, hidden: false, needed: false };
        for (destination, _) in files {
            let path = destination.path();
            old.files.push((path.to_path_buf(), second(path).map_err(FormatError::writing(path))?));
        }
        let Some((last, _)) = files.last() else { return Ok(old) };
        let folder = folder_of(last.path());
        let together = files.iter().all(|(destination, _)| folder_of(destination.path()) == folder);
        if files.len() > 1 && together && old.files.iter().any(|(_, second)| second.is_some()) {
            let written = old.write_record(folder, files);
            old.record = written.map_err(FormatError::writing(last.path()))?;
        }
        Ok(old)
    }

    fn write_record(
        &self,
        folder: &Path,
        new: &[(Destination<'_>, &Path)],
    ) -> io::Result<Option<(PathBuf, File)>> {
        let name = |path: &Path| path.file_name().and_then(OsStr::to_str).map(String::from);
        let mut files = Vec::new();
        for ((path, second), (_, new)) in self.files.iter().zip(new) {
            let Some(file) = name(path) else { return Ok(None) };
            let old = second.as_ref().and_then(|second| name(&second.name));
            files.push(Entry { name: file, old, new: digest(new)? });
        }
        let mut text = serde_json::to_vec(&Record { format: FORMAT.to_string(), files })?;
        text.push(b'\n');
        let mut record = temporary::create(folder, Kind::Undo)?;
        operations::Written(record.as_file_mut()).write_all(&text)?;
        operations::sync(record.as_file())?;
        // The second names are on the disk with it.
        operations::sync_folder(folder)?;
        let (file, path) = record.keep().map_err(|error| error.error)?;
        Ok(Some((path, file)))
    }

    /// Takes the name of the last of several files away, and forces that to the disk.
    pub(crate) fn hide_last(&mut self) -> Result<(), FormatError> {
        let [_, .., (path, Some(_))] = &self.files[..] else { return Ok(()) };
        let hidden = operations::remove(path);
        self.hidden = hidden.is_ok();
        hidden.and_then(|()| operations::sync_folder(folder_of(path))).map_err(FormatError::writing(path))
    }

    /// Says that the new files count.
    pub(crate) fn forget(mut self) -> io::Result<()> {
        let Some((path, _)) = &self.record else { return Ok(()) };
        let removed = operations::remove(path);
        let folder = folder_of(path).to_path_buf();
        if removed.is_err() {
            self.restore(self.files.len());
            return removed;
        }
        operations::sync_folder(&folder)
    }

    /// Gives the first `named` files, and one that was hidden, their old contents back.
    pub(crate) fn restore(&mut self, named: usize) {
        let last = self.files.len().saturating_sub(1);
        let replaced = |i: usize| i < named || self.hidden && i == last;
        let files = self.files.iter().enumerate().filter(|(i, _)| replaced(*i));
        let entries: Vec<(&Path, Option<&Path>)> =
            files.map(|(_, (path, second))| (&**path, second.as_ref().map(|second| &*second.name))).collect();
        let restored = give_back(&entries);
        // Where this fails too, the record and the second names are left for the next start. The error that came first says more.
        let removed = match &self.record {
            Some((path, _)) if restored.is_ok() => operations::remove(path),
            _ => Ok(()),
        };
        self.needed = restored.is_err() || removed.is_err();
    }
}

impl Drop for Old {
    fn drop(&mut self) {
        if !self.needed {
            let names = self.files.iter().filter_map(|(_, old)| Some(&old.as_ref()?.name));
            names.for_each(|name| drop(fs::remove_file(name)));
        }
    }
}

/// Gives files their old contents back, each from its second name; without one there was no file, and the new one is removed.
/// The last file goes first and comes back at the end, so that a crash leaves it missing.
fn give_back(files: &[(&Path, Option<&Path>)]) -> io::Result<()> {
    let Some((last, others)) = files.split_last() else { return Ok(()) };
    if let (path, Some(second)) = last
        && !others.is_empty()
        && fs::symlink_metadata(second).is_ok()
        && fs::symlink_metadata(path).is_ok()
    {
        operations::remove(path)?;
        operations::sync_folder(folder_of(path))?;
    }
    for (path, second) in files {
        let given = match second {
            Some(second) => operations::rename(second, path),
            None => operations::remove(path),
        };
        match given {
            // It was given back before, or there is nothing to remove.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            given => given?,
        }
    }
    operations::sync_folder(folder_of(last.0))
}

/// Gives files that a program was replacing when it was killed their old contents back; answers how many sets of files these were.
///
/// A writer of several files that belong together, [`write_atomic_all`](crate::write_atomic_all), leaves a record, `.lacuna-*.undo`, in
/// their folder when it is stopped halfway. Programs that read such a set call [`hold_files`](crate::hold_files), which does this first, and so
/// does every writer, through [`sweep_temporary_files`](crate::sweep_temporary_files). A writer that is still at work holds a lock on its record, and is left
/// alone; so is a file that somebody else has put in the place of one of the set.
///
/// ```
/// use lacuna_formats::restore_files;
///
/// let folder = tempfile::tempdir()?;
/// assert_eq!(restore_files(folder.path())?, 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`FormatError::Io`] with the record, where the folder does not allow it.
pub fn restore_files(folder: &Path) -> Result<usize, FormatError> {
    let mut restored = 0;
    for path in records(folder) {
        restored += usize::from(restore(&path).map_err(|error| {
            let problem = format!(
                "a program was stopped while it replaced files of this folder, and their old contents, which this file \
                 names, cannot be given back: {error}"
            );
            FormatError::Io { path: path.clone(), source: io::Error::new(error.kind(), problem) }
        })?);
    }
    Ok(restored)
}

/// The second names that records in a folder refer to; none where one of them cannot be read.
pub(crate) fn referred(folder: &Path) -> Option<Vec<String>> {
    let mut names = Vec::new();
    for path in records(folder) {
        let mut file = match File::open(&path) {
            // Its writer is done.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            file => file.ok()?,
        };
        let record = parsed(&bytes(&mut file).ok()?).ok()?;
        names.extend(record.into_iter().flat_map(|record| record.files).filter_map(|file| file.old));
    }
    Some(names)
}

/// The records in a folder, in the order of their names.
pub(crate) fn records(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries
        .filter(|entry| temporary::is(Kind::Undo, &entry.file_name()))
        .map(|entry| entry.path())
        .filter(|path| fs::symlink_metadata(path).is_ok_and(|found| found.is_file()))
        .collect();
    paths.sort();
    paths
}

fn bytes(file: &mut File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A record; none if its writer was stopped before it was whole, when nothing had been replaced yet.
fn parsed(bytes: &[u8]) -> Result<Option<Record>, &'static str> {
    if bytes.len() as u64 > MOST_BYTES {
        return Err("it is longer than such a file is");
    }
    if !bytes.ends_with(b"\n") {
        return Ok(None);
    }
    let record: Record =
        serde_json::from_slice(bytes).map_err(|_| "it is not what this version of the program writes")?;
    // No file system has longer names: one could be neither looked for nor given back.
    let plain = |name: &str| {
        name.len() <= 255 && !name.contains('\0') && Path::new(name).file_name() == Some(OsStr::new(name))
    };
    let temporary = |name: &str| temporary::is(Kind::File, OsStr::new(name));
    let fits = |file: &Entry| {
        let old = file.old.as_deref();
        plain(&file.name)
            && !file.name.starts_with(temporary::PREFIX)
            && old.is_none_or(|old| plain(old) && temporary(old))
    };
    if record.format != FORMAT || !record.files.iter().all(fits) {
        return Err("it is not what this version of the program writes");
    }
    Ok(Some(record))
}

/// Does what a record says and removes it; whether there was anything to do.
fn restore(path: &Path) -> io::Result<bool> {
    let mut file = match temporary::open(path) {
        // Another program was faster.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        file => file?,
    };
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(false),
        Err(TryLockError::Error(_)) => {
            return Err(io::Error::other(
                "this file system has no locks that tell whether it is still at work. If it is not, rename the files by hand",
            ));
        }
    }
    if !temporary::is_linked(&file)? {
        return Ok(false);
    }
    let folder = folder_of(path);
    let record =
        parsed(&bytes(&mut file)?).map_err(|problem| io::Error::new(io::ErrorKind::InvalidData, problem))?;
    let files = record.map_or_else(Vec::new, |record| record.files);
    let replaced = undo(folder, &files)?;
    operations::remove(path)?;
    operations::sync_folder(folder)?;
    // Those of files that had not been replaced.
    let seconds = files.iter().filter_map(|file| file.old.as_ref());
    seconds.for_each(|second| drop(fs::remove_file(folder.join(second))));
    Ok(replaced)
}

/// Gives the files of a record that have their new contents, or no name, their old contents back; whether there were any.
fn undo(folder: &Path, files: &[Entry]) -> io::Result<bool> {
    let is_there = |path: &Path| fs::symlink_metadata(path).is_ok();
    let mut replaced: Vec<(PathBuf, Option<PathBuf>)> = Vec::new();
    for file in files {
        let (path, second) = (folder.join(&file.name), file.old.as_ref().map(|old| folder.join(old)));
        let is_new = match digest(&path) {
            Ok(found) => found == file.new,
            // It is missing, or it is a folder or a link, which is of somebody else.
            Err(error) if [io::ErrorKind::NotFound, io::ErrorKind::InvalidInput].contains(&error.kind()) => {
                false
            }
            Err(error) => return Err(error),
        };
        if is_new && second.as_ref().is_some_and(|second| !is_there(second)) {
            // Second names go after the record: this one is back after a power cut, and the new files count.
            return Ok(false);
        }
        if is_new || !is_there(&path) {
            replaced.push((path, second));
        }
    }
    let entries: Vec<(&Path, Option<&Path>)> =
        replaced.iter().map(|(path, second)| (&**path, second.as_deref())).collect();
    give_back(&entries)?;
    Ok(!entries.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Contents, sweep_temporary_files, write_atomic_all};
    use std::collections::BTreeMap;

    const NAMES: [&str; 2] = ["weights", "document"];

    fn contents(folder: &Path) -> BTreeMap<String, String> {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        entries
            .map(|path| {
                (path.file_name().unwrap().to_str().unwrap().into(), fs::read_to_string(path).unwrap())
            })
            .collect()
    }

    fn text(names: &[(&str, &str)]) -> BTreeMap<String, String> {
        names.iter().map(|(name, text)| (name.to_string(), text.to_string())).collect()
    }

    /// A folder in which a writer was stopped when the first of two files had its name.
    fn stopped() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let new = NAMES.map(|name| path(&format!("new-{name}")));
        for (name, new) in NAMES.iter().zip(&new) {
            fs::write(path(name), format!("old {name}")).unwrap();
            fs::write(new, format!("new {name}")).unwrap();
        }
        let paths = NAMES.map(path);
        let files: Vec<_> =
            paths.iter().zip(&new).map(|(path, new)| (Destination::replacing(path), &**new)).collect();
        let mut old = Old::keep(&files).unwrap();
        old.hide_last().unwrap();
        fs::rename(&new[0], &paths[0]).unwrap();
        fs::remove_file(&new[1]).unwrap();
        // As the system closes files of a dead process, and removes none.
        old.needed = true;
        drop(old);
        folder
    }

    #[test]
    fn readers_and_writers_find_the_old_files_of_a_stopped_writer() {
        let old = text(&[("weights", "old weights"), ("document", "old document")]);
        let folder = stopped();
        assert_eq!((restore_files(folder.path()).unwrap(), contents(folder.path())), (1, old.clone()));
        assert_eq!(restore_files(folder.path()).unwrap(), 0);
        let folder = stopped();
        sweep_temporary_files(folder.path());
        assert_eq!(contents(folder.path()), old);
        // A writer of the same files that fails leaves what was there before both.
        let folder = stopped();
        let paths = NAMES.map(|name| folder.path().join(name));
        let fails = |path| -> (Destination<'_>, Contents<'_>) {
            (Destination::replacing(path), Box::new(|_| Err(io::Error::other("no"))))
        };
        write_atomic_all(paths.iter().map(|path| fails(path)).collect()).unwrap_err();
        assert_eq!(contents(folder.path()), old);
    }

    #[test]
    fn a_file_that_somebody_else_has_put_there_stays() {
        let folder = stopped();
        fs::write(folder.path().join("document"), "by hand").unwrap();
        assert_eq!(restore_files(folder.path()).unwrap(), 1);
        assert_eq!(contents(folder.path()), text(&[("weights", "old weights"), ("document", "by hand")]));
    }

    /// The record comes back after a power cut, and the second names do not.
    #[test]
    fn files_of_a_writer_that_was_done_stay() {
        let folder = stopped();
        fs::write(folder.path().join("document"), "new document").unwrap();
        for entry in fs::read_dir(folder.path()).unwrap() {
            let entry = entry.unwrap();
            if temporary::is(Kind::File, &entry.file_name()) {
                fs::remove_file(entry.path()).unwrap();
            }
        }
        assert_eq!(restore_files(folder.path()).unwrap(), 0);
        assert_eq!(
            contents(folder.path()),
            text(&[("weights", "new weights"), ("document", "new document")])
        );
    }

    #[test]
    fn a_writer_at_work_is_left_alone_and_its_second_names_are() {
        let folder = stopped();
        let record = records(folder.path()).remove(0);
        let at_work = File::open(&record).unwrap();
        at_work.try_lock().unwrap();
        let before = contents(folder.path());
        assert_eq!(restore_files(folder.path()).unwrap(), 0);
        assert_eq!(sweep_temporary_files(folder.path()), 0);
        assert_eq!(contents(folder.path()), before);
        drop(at_work);
        assert_eq!(restore_files(folder.path()).unwrap(), 1);
    }

    #[test]
    fn a_record_that_is_not_whole_is_removed_and_one_of_another_version_is_refused() {
        let folder = stopped();
        let record = records(folder.path()).remove(0);
        let whole = fs::read(&record).unwrap();
        let other = String::from_utf8(whole.clone()).unwrap().replace(FORMAT, "lacuna undo 2");
        fs::write(&record, &other).unwrap();
        let before = contents(folder.path());
        let error = restore_files(folder.path()).unwrap_err().to_string();
        assert!(error.contains(record.to_str().unwrap()) && error.contains("this version"), "{error}");
        assert_eq!(sweep_temporary_files(folder.path()), 0);
        assert_eq!(contents(folder.path()), before);
        // Names lead nowhere else.
        let elsewhere = String::from_utf8(whole.clone()).unwrap().replace("\"weights\"", "\"../weights\"");
        fs::write(&record, elsewhere).unwrap();
        restore_files(folder.path()).unwrap_err();
        let long = String::from_utf8(whole.clone())
            .unwrap()
            .replace("\"weights\"", &format!("{:?}", "w".repeat(256)));
        fs::write(&record, long).unwrap();
        let error = restore_files(folder.path()).unwrap_err().to_string();
        assert!(error.contains("this version"), "{error}");
        assert_eq!(sweep_temporary_files(folder.path()), 0);
        fs::write(&record, &whole[..whole.len() - 1]).unwrap();
        assert_eq!(restore_files(folder.path()).unwrap(), 0);
        assert!(records(folder.path()).is_empty());
    }
}
