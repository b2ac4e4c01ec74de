//! What writers do with files, in one place, so that a test can refuse any of it.
//!
//! A power cut leaves the old file or the new one because of the order: write a temporary file, force it to the disk, rename it, force
//! the folder's entry to the disk. Tests of this crate see the order, and make the n-th operation fail for every n.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use tempfile::{NamedTempFile, PersistError};

/// One operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    /// A temporary file or folder is made.
    Create,
    /// Bytes are written.
    Write,
    /// What was written is forced to the disk.
    Sync,
    /// A name is given, or given to something else.
    Rename,
    /// Two names change places.
    Exchange,
    /// A name is taken away.
    Remove,
    /// The names in a folder are forced to the disk.
    SyncFolder,
}

/// A file that is written.
pub(crate) struct Written<'a>(pub(crate) &'a mut File);

impl Write for Written<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        begin(Operation::Write)?;
        self.0.write(&bytes[..at_once(bytes.len())])
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

pub(crate) fn sync(file: &File) -> io::Result<()> {
    begin(Operation::Sync)?;
    file.sync_all()
}

/// Gives a temporary file its name; one that is in the way is replaced or kept.
pub(crate) fn persist(file: NamedTempFile, path: &Path, replace: bool) -> io::Result<File> {
    begin(Operation::Rename)?;
    let named = if replace { file.persist(path) } else { file.persist_noclobber(path) };
    named.map_err(|PersistError { error, .. }| error)
}

pub(crate) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    begin(Operation::Rename)?;
    fs::rename(from, to)
}

/// Gives each of two folders the name of the other, in one step; [`io::ErrorKind::Unsupported`] where the system or the file system cannot.
pub(crate) fn exchange(one: &Path, other: &Path) -> io::Result<()> {
    begin(Operation::Exchange)?;
    #[cfg(any(target_os = "linux", target_os = "macos"))]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        use rustix::io::Errno;
        renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE).map_err(|error| match error {
            // The answer of a file system to flags that it does not know.
            Errno::INVAL => io::ErrorKind::Unsupported.into(),
            error => io::Error::from(error),
        })
    }
    #[cfg(not(any(target_os = "linux", target_os = "macos")))]
    {
        let _ = (one, other);
        Err(io::ErrorKind::Unsupported.into())
    }
}

pub(crate) fn remove(path: &Path) -> io::Result<()> {
    begin(Operation::Remove)?;
    fs::remove_file(path)
}

/// A rename is on the disk when the folder is.
#[cfg(unix)]
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    begin(Operation::SyncFolder)?;
    File::open(folder)?.sync_all()
}

/// Elsewhere a folder cannot be opened for this; the file system orders the rename by itself.
#[cfg(not(unix))]
pub(crate) fn sync_folder(_folder: &Path) -> io::Result<()> {
    begin(Operation::SyncFolder)
}

#[cfg(not(test))]
#[inline(always)]
pub(crate) fn begin(_operation: Operation) -> io::Result<()> {
    Ok(())
}

#[cfg(not(test))]
#[inline(always)]
fn at_once(bytes: usize) -> usize {
    bytes
}

#[cfg(test)]
use faults::at_once;
#[cfg(test)]
pub(crate) use faults::begin;

/// Operations that fail where a test says so.
#[cfg(test)]
pub(crate) mod faults {
    use super::Operation;
    use std::cell::RefCell;
    use std::io;

    /// What happens to the operations of a thread.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) enum Fault {
        None,
        /// The operation of this number fails; numbers count from 0.
        At(usize),
        /// It and all that follow it fail.
        From(usize),
        /// A signal interrupts it, if it is a write.
        Interrupted(usize),
        /// Names are not exchanged, and the operation of this number fails.
        NoExchange(usize),
        /// Names are not exchanged, and the operation of this number and all that follow it fail.
        NoExchangeFrom(usize),
    }

    struct State {
        fault: Fault,
        /// Bytes that a write takes at most.
        at_once: usize,
        seen: Vec<Operation>,
    }

    thread_local! {
        static STATE: RefCell<State> = const {
            RefCell::new(State { fault: Fault::None, at_once: usize::MAX, seen: Vec::new() })
        };
    }

    /// What `work` answers under a fault, and its operations.
    pub(crate) fn under<T>(fault: Fault, at_once: usize, work: impl FnOnce() -> T) -> (T, Vec<Operation>) {
        STATE.set(State { fault, at_once, seen: Vec::new() });
        let answer = work();
        let state = STATE.replace(State { fault: Fault::None, at_once: usize::MAX, seen: Vec::new() });
        (answer, state.seen)
    }

    pub(crate) fn begin(operation: Operation) -> io::Result<()> {
        STATE.with_borrow_mut(|state| {
            let number = state.seen.len();
            state.seen.push(operation);
            let fails = match state.fault {
                Fault::None => false,
                Fault::At(n) => number == n,
                Fault::From(n) => number >= n,
                Fault::Interrupted(n) if number == n && operation == Operation::Write => {
                    return Err(io::Error::from_raw_os_error(libc::EINTR));
                }
                Fault::Interrupted(_) => false,
                Fault::NoExchange(_) | Fault::NoExchangeFrom(_) if operation == Operation::Exchange => {
                    return Err(io::ErrorKind::Unsupported.into());
                }
                Fault::NoExchange(n) => number == n,
                Fault::NoExchangeFrom(n) => number >= n,
            };
            let code = if operation == Operation::Write { libc::ENOSPC } else { libc::EIO };
            if fails { Err(io::Error::from_raw_os_error(code)) } else { Ok(()) }
        })
    }

    pub(super) fn at_once(bytes: usize) -> usize {
        STATE.with_borrow(|state| bytes.min(state.at_once))
    }
}

#[cfg(test)]
mod tests {
    use super::Operation::{Create, Exchange, Remove, Rename, Sync, SyncFolder, Write};
    use super::faults::{Fault, under};
    use super::*;
    use crate::{
        Compression, Contents, CsvLayout, Destination, FormatError, LabelSheet, NpyArray, NpyData, SpmlSets,
        Strings, write_atomic_all, write_label_list, write_labels_csv, write_labels_jsonl, write_npz,
        write_safetensors,
    };
    use lacuna_labels::{FeatureSet, Features, Label, LabelMatrix, TrueLabels};
    use std::collections::BTreeMap;

    type Save = Box<dyn Fn(Destination<'_>) -> Result<(), FormatError>>;

    /// Every writer of the crate that makes one file, with contents of several blocks of the buffer.
    fn writers() -> Vec<(&'static str, Save)> {
        let array = || NpyArray::new(vec![200, 300], NpyData::F32(vec![0.5; 60_000])).unwrap();
        fn sheet(write: impl Fn(LabelSheet<'_>) -> Result<(), FormatError>) -> Result<(), FormatError> {
            let names: Strings = (0..9_000).map(|row| format!("{row}.jpg")).collect::<Vec<_>>().into();
            let classes = Strings::from(vec!["cat", "dog"]);
            let labels =
                LabelMatrix::new(9_000, 2, [Label::Positive, Label::Negative].repeat(9_000)).unwrap();
            write(LabelSheet { names: &names, classes: &classes, labels: &labels })
        }
        vec![
            ("npy", Box::new(move |to| array().save(to))),
            ("npz", Box::new(move |to| write_npz(to, &[("x", &array())], Compression::Stored))),
            ("safetensors", Box::new(move |to| write_safetensors(to, &[("x", &array())], &[]))),
            ("wide csv", Box::new(|to| sheet(|sheet| write_labels_csv(to, sheet, CsvLayout::Wide)))),
            ("long csv", Box::new(|to| sheet(|sheet| write_labels_csv(to, sheet, CsvLayout::Long)))),
            ("jsonl", Box::new(|to| sheet(|sheet| write_labels_jsonl(to, sheet)))),
            ("label list", Box::new(|to| sheet(|sheet| write_label_list(to, sheet)))),
        ]
    }

    /// Every file below a folder and what is in it.
    fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
        let mut found = BTreeMap::new();
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_string();
            match path.is_dir() {
                true => found
                    .extend(files(&path).into_iter().map(|(file, bytes)| (format!("{name}/{file}"), bytes))),
                false => drop(found.insert(name, fs::read(&path).unwrap())),
            }
        }
        found
    }

    /// Whether an error says which file it is about and what the system answered.
    fn names_both(error: &str, path: &Path, failed: Operation) -> bool {
        let cause = if failed == Write { "No space left on device" } else { "Input/output error" };
        error.contains(path.to_str().unwrap()) && (error.contains(cause) || failed == Create)
    }

    #[test]
    fn whatever_operation_of_a_writer_fails_the_old_file_or_the_new_one_is_there() {
        for (name, save) in writers() {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("file");
            let (saved, order) = under(Fault::None, usize::MAX, || save(Destination::new(&path)));
            saved.unwrap();
            let whole = fs::read(&path).unwrap();
            let writes = order.iter().filter(|operation| **operation == Write).count();
            assert!(writes > 1, "{name}: {order:?}");
            // What a power cut leaves depends on this order.
            assert_eq!(
                order,
                [&[Create][..], &vec![Write; writes], &[Sync, Rename, SyncFolder]].concat(),
                "{name}"
            );
            for (n, &operation) in order.iter().enumerate() {
                for old in [None, Some(b"the old file".to_vec())] {
                    let _ = fs::remove_file(&path);
                    old.iter().for_each(|old| fs::write(&path, old).unwrap());
                    let (saved, _) = under(Fault::At(n), usize::MAX, || save(Destination::replacing(&path)));
                    let error = saved.expect_err("an operation has failed").to_string();
                    assert!(names_both(&error, &path, operation), "{name}, {:?}: {error}", operation);
                    let expected = if operation == SyncFolder { Some(whole.clone()) } else { old };
                    let expected = expected.into_iter().map(|bytes| ("file".to_string(), bytes)).collect();
                    assert_eq!(files(folder.path()), expected, "{name}, {:?} {n}", operation);
                }
            }
            // Short and interrupted writes are no errors.
            for (fault, at_once) in
                [(Fault::None, 1_000), (Fault::Interrupted(1), usize::MAX), (Fault::Interrupted(2), 7_000)]
            {
                let (saved, seen) = under(fault, at_once, || save(Destination::replacing(&path)));
                saved.unwrap();
                assert!(seen.len() > order.len(), "{name}");
                assert_eq!(fs::read(&path).unwrap(), whole, "{name}");
            }
        }
    }

    fn set(rows: usize) -> FeatureSet {
        FeatureSet {
            features: Features::new(rows, 2, vec![0.5; rows * 2]).unwrap(),
            truth: TrueLabels::from_fn(rows, 2, |row, class| row == class),
            observed: None,
            names: None,
            classes: vec!["cat".to_string(), "dog".to_string()],
        }
    }

    /// A folder that could not be moved back was removed with the temporary folder that it had been moved to.
    #[test]
    fn whatever_operation_of_an_spml_folder_fails_the_old_folder_or_the_new_one_is_there() {
        let sets = |rows| SpmlSets { train: set(rows), test: set(2), image: None, notes: vec![] };
        let inside = |files: &BTreeMap<String, Vec<u8>>| {
            let of = |name: &str| name.split_once('/').map(|(_, file)| file.to_string()).unwrap_or_default();
            files.iter().map(|(name, bytes)| (of(name), bytes.clone())).collect::<BTreeMap<_, _>>()
        };
        let fresh = |rows| {
            let folder = tempfile::tempdir().unwrap();
            sets(rows).save(&folder.path().join("set"), "clip").unwrap();
            folder
        };
        let (old, new) = (files(fresh(3).path()), files(fresh(5).path()));
        // What a writer over the old folder answers, its operations, and what it leaves.
        let written = |fault| {
            let folder = fresh(3);
            let path = folder.path().join("set");
            let save = || sets(5).save(Destination::replacing(&path), "clip");
            let (saved, order) = under(fault, usize::MAX, save);
            (saved.map_err(|error| (error.to_string(), path)), order, files(folder.path()))
        };
        // The n-th of these operations fails: an error that says so, and the old folder, or the new one where only the disk is not asked.
        let expected = |order: &[Operation], n| if n + 1 == order.len() { &new } else { &old };
        let fails = |fault, order: &[Operation], n: usize| {
            let (saved, _, left) = written(fault);
            let (error, path) = saved.expect_err("an operation has failed");
            assert!(names_both(&error, &path, order[n]), "{:?}: {error}", order[n]);
            assert_eq!(&left, expected(order, n), "{fault:?}: {:?}", order[n]);
        };
        let (saved, order, left) = written(Fault::None);
        saved.unwrap();
        assert_eq!(left, new);
        assert!(order.ends_with(&[Exchange, SyncFolder]), "{order:?}");
        for n in 0..order.len() {
            fails(Fault::At(n), &order, n);
            // A disk that answers nothing any more.
            let (saved, _, left) = written(Fault::From(n));
            saved.expect_err("operations have failed");
            assert_eq!(&left, expected(&order, n), "{n}: {:?}", order[n]);
        }
        let (saved, without, left) = written(Fault::NoExchange(usize::MAX));
        saved.unwrap();
        assert_eq!(left, new);
        assert!(without.ends_with(&[Exchange, Create, Rename, Rename, SyncFolder]), "{without:?}");
        for n in order.len() - 1..without.len() {
            fails(Fault::NoExchange(n), &without, n);
            // The old files are there under some name.
            let (saved, _, left) = written(Fault::NoExchangeFrom(n));
            saved.expect_err("operations have failed");
            assert!(
                left == *expected(&without, n) || inside(&left) == inside(&old),
                "{n}: {:?}",
                left.keys()
            );
        }
    }

    /// The weights of a head were replaced before its document could be written: neither the old head nor the new one was left.
    #[test]
    fn whatever_operation_of_files_that_belong_together_fails_all_old_ones_or_all_new_ones_are_there() {
        const NAMES: [&str; 3] = ["weights", "document", "rows"];
        let all = |word: &str| -> BTreeMap<String, Vec<u8>> {
            NAMES.map(|name| (name.to_string(), format!("{word} {name}").into_bytes())).into()
        };
        for replace in [true, false] {
            let folder = tempfile::tempdir().unwrap();
            let paths = NAMES.map(|name| folder.path().join(name));
            let to = |path| if replace { Destination::replacing(path) } else { Destination::new(path) };
            let save = || {
                let file = |i: usize| -> (Destination<'_>, Contents<'_>) {
                    let text = format!("new {}", NAMES[i]);
                    (to(&paths[i]), Box::new(move |file: &mut dyn io::Write| file.write_all(text.as_bytes())))
                };
                write_atomic_all((0..NAMES.len()).map(file).collect())
            };
            let reset = || {
                paths.iter().for_each(|path| drop(fs::remove_file(path)));
                if replace {
                    all("old")
                        .iter()
                        .for_each(|(name, bytes)| fs::write(folder.path().join(name), bytes).unwrap());
                }
            };
            reset();
            let (saved, order) = under(Fault::None, usize::MAX, save);
            saved.unwrap();
            assert_eq!(files(folder.path()), all("new"));
            // Everything is on the disk before the first name is given, with the record of what it replaces, which goes when all of it is.
            let staged = [[Create, Write, Sync]; 3].concat();
            let record = [Create, Create, Create, Create, Write, Sync, SyncFolder, Remove, SyncFolder];
            let named = [Rename, Rename, Rename, SyncFolder];
            let expected = if replace {
                [&staged, &record[..], &named, &[Remove, SyncFolder]].concat()
            } else {
                [&staged, &named[..]].concat()
            };
            assert_eq!(order, expected);
            for n in 0..order.len() {
                reset();
                let before = files(folder.path());
                let (saved, _) = under(Fault::At(n), usize::MAX, save);
                let error = saved.expect_err("an operation has failed").to_string();
                assert!(names_both(&error, folder.path(), order[n]), "{n} {:?}: {error}", order[n]);
                let expected = if replace && n + 1 == order.len() { all("new") } else { before };
                assert_eq!(files(folder.path()), expected, "{n} {:?} of {order:?}", order[n]);
                // A disk that answers nothing any more, or a crash: without its last file a set is none.
                reset();
                let before = files(folder.path());
                let (saved, _) = under(Fault::From(n), usize::MAX, save);
                saved.expect_err("operations have failed");
                let mut left = files(folder.path());
                left.retain(|name, _| !name.starts_with(".lacuna-"));
                let whole = left == before || left == all("new");
                assert!(whole || !left.contains_key(NAMES[2]), "{n} {:?}: {left:?}", order[n]);
                // The next program finds the old files again.
                if replace {
                    crate::restore_files(folder.path()).unwrap();
                    crate::sweep_temporary_files(folder.path());
                    let expected = if n + 1 == order.len() { all("new") } else { before };
                    assert_eq!(files(folder.path()), expected, "{n} {:?} of {order:?}", order[n]);
                }
                crate::sweep_temporary_files(folder.path());
            }
        }
    }
}
