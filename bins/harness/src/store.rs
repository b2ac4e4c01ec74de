//! The store of results, which are kept run by run.
//!
//! | file | written | contents |
//! |---|---|---|
//! | `spec.toml` | once, before the first run | every setting, the source of the data and its fingerprint |
//! | `data.json` | with it | the [`DataLabel`]: what is in the data, what is missing, and how |
//! | `results.jsonl` | a line for each run when it ends, forced to the disk | [`RunRecord`]s in the order in which runs end |
//! | `table.md` | at the end, derived from the two | the table with its conventions |
//! | `checkpoints/ID/` | while a run lasts, the last two kept | [`Checkpoint`](lacuna_train::Checkpoint)s of the run |
//! | `classes/I-of-N/ID/` | by tasks that train some of the classes | weights of their classes at the end of epochs |
//! | `scores/` | when a run ends | a [`ScoreFolder`], from which reports compare runs row by row |
//! | `models/ID/` | when a run ends, where it was asked for | `head.safetensors` and `head.json` of a [`Model`](lacuna_train::Model) |
//!
//! A folder is locked while a process writes into it. One with the same runs, or some of them, is continued: runs that are there
//! are not repeated, and `spec.toml` becomes that of all. One with other runs is refused.

mod lock;

use crate::{ClassTask, DataLabel, HarnessError, Report, RunRecord, ScoreFolder, Spec};
use lacuna_formats::{Destination, same_file, sweep_temporary_files, write_atomic};
use lacuna_train::CheckpointFolder;
use lock::Lock;
use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

pub(crate) const SPEC: &str = "spec.toml";
pub(crate) const RESULTS: &str = "results.jsonl";
pub(crate) const DATA: &str = "data.json";
const TABLE: &str = "table.md";
const CHECKPOINTS: &str = "checkpoints";
const MODELS: &str = "models";
const CLASSES: &str = "classes";

/// Largest stored specification, and largest file of results, that is read back.
const LARGEST: u64 = 1 << 30;

/// A locked folder for the results of one specification.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    /// Folders that were made for this store, the innermost first.
    made: Vec<PathBuf>,
    wrote_spec: bool,
    lock: Lock,
    /// `results.jsonl`, opened for appending when the first run ends.
    results: Mutex<Option<File>>,
    kept: Vec<RunRecord>,
    /// Whether a run that ran to its end is kept here.
    finished: AtomicBool,
    notes: Vec<String>,
}

impl Store {
    /// The folder `path`, made if it does not exist. Where it has results of these runs, or of some of them, these are kept; `force`
    /// discards results of others, but no file of `read`, which the program has read.
    ///
    /// # Errors
    /// [`HarnessError::WasRead`], [`HarnessError::Locked`] where another process writes into the folder, [`HarnessError::OtherRun`] where it has
    /// other results, [`HarnessError::Record`] where those are invalid, [`HarnessError::Write`].
    pub fn at(path: &Path, spec: &Spec, force: bool, read: &[PathBuf]) -> Result<Self, HarnessError> {
        // The specification may be one that was read: the same runs go on, and it is not written again.
        let written = if force { &[SPEC, RESULTS, TABLE, DATA][..] } else { &[RESULTS, TABLE, DATA] };
        for file in written.iter().map(|name| path.join(name)) {
            if fs::symlink_metadata(&file).is_ok() && read.iter().any(|read| same_file(read, &file)) {
                return Err(HarnessError::WasRead { path: file });
            }
        }
        let made = make_folders(path)?;
        Self::locked(path.into(), made, spec, force)
    }

    /// A new folder `root/name-001`, `-002`, ...: the first number that is free.
    ///
    /// # Errors
    /// [`HarnessError::Write`].
    pub fn fresh(root: &Path, name: &str, spec: &Spec) -> Result<Self, HarnessError> {
        let mut made = make_folders(root)?;
        for number in 1u32.. {
            let folder = root.join(format!("{name}-{number:03}"));
            match fs::create_dir(&folder) {
                Ok(()) => {
                    made.insert(0, folder.clone());
                    return Self::locked(folder, made, spec, false);
                }
                Err(e) if e.kind() == ErrorKind::AlreadyExists => {}
                Err(source) => {
                    remove_folders(&made);
                    return Err(HarnessError::Write { path: folder, source });
                }
            }
        }
        unreachable!("some number is free")
    }

    /// Prepares the folder `path` for tasks that each train a slice of the classes: `spec.toml` is written unless it is there,
    /// and the folder of this task is locked until what is returned is dropped.
    ///
    /// # Errors
    /// As for [`Store::at`].
    pub fn for_task(path: &Path, spec: &Spec, task: ClassTask) -> Result<TaskFolder, HarnessError> {
        let classes = path.join(CLASSES);
        let folder = task.folder(&classes);
        let file = path.join(SPEC);
        let of_this = || -> Result<(), HarnessError> {
            let stored = String::from_utf8(read(&file)?).ok().and_then(|text| Spec::parse(&text).ok());
            if stored.as_ref().map(Spec::run_ids).transpose()? == Some(spec.run_ids()?) {
                return Ok(());
            }
            let difference = different(stored.as_ref(), spec);
            let problem =
                format!("{}: its {SPEC} describes {difference}; name another folder", path.display());
            Err(HarnessError::Setting(problem))
        };
        // Before anything is made in a folder of something else.
        if fs::symlink_metadata(&file).is_ok() {
            of_this()?;
        }
        make_folders(&folder)?;
        let text = spec.to_toml()?;
        match write_atomic(Destination::new(&file), |file: &mut dyn Write| file.write_all(text.as_bytes())) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => of_this()?,
            Err(source) => return Err(HarnessError::Write { path: file, source }),
            Ok(()) => {}
        }
        let lock = Lock::take(&folder)?;
        sweep_temporary_files(&folder);
        Ok(TaskFolder { classes, lock: Some(lock) })
    }

    /// Where tasks keep the classes that they have trained.
    pub fn classes(&self) -> PathBuf {
        self.folder.join(CLASSES)
    }

    fn locked(folder: PathBuf, made: Vec<PathBuf>, spec: &Spec, force: bool) -> Result<Self, HarnessError> {
        let lock = Lock::take(&folder).inspect_err(|_| remove_folders(&made))?;
        let mut store = Self {
            folder,
            made,
            wrote_spec: false,
            lock,
            results: Mutex::new(None),
            kept: Vec::new(),
            finished: AtomicBool::new(false),
            notes: Vec::new(),
        };
        match store.begin(spec, force) {
            Ok(()) => Ok(store),
            Err(error) => {
                store.close_empty();
                Err(error)
            }
        }
    }

    /// Looks at what is in the folder and writes the specification.
    fn begin(&mut self, spec: &Spec, force: bool) -> Result<(), HarnessError> {
        let swept = sweep_temporary_files(&self.folder) + sweep_temporary_files(self.scores().path());
        if swept > 0 {
            let folder = self.folder.display();
            self.notes
                .push(format!("{folder}: {swept} temporary files of a process that was killed were removed"));
        }
        let other = |problem: String| HarnessError::OtherRun { folder: self.folder.clone(), problem };
        let text = spec.to_toml()?;
        let there = |name: &str| fs::symlink_metadata(self.folder.join(name)).is_ok();
        let same = if there(SPEC) {
            let stored = read(&self.folder.join(SPEC))?;
            let stored = String::from_utf8(stored).ok().and_then(|text| Spec::parse(&text).ok());
            let ids = spec.run_ids()?;
            match stored.as_ref().map(Spec::run_ids) {
                Some(Ok(there)) if there == ids => Ok(true),
                Some(Ok(there)) if there.iter().all(|id| ids.contains(id)) => {
                    self.write_spec(Destination::replacing(&self.folder.join(SPEC)), &text)?;
                    Ok(true)
                }
                _ => Err(other(format!("its {SPEC} describes {}", different(stored.as_ref(), spec)))),
            }
        } else if there(RESULTS) || there(TABLE) {
            Err(other(format!("it has results but no {SPEC} that describes them")))
        } else {
            Ok(false)
        };
        match same {
            Ok(true) => {
                self.kept = self.read_results(&spec.run_ids()?)?;
                let finished = self.kept.iter().any(|run| run.result.finished().is_some());
                self.finished = AtomicBool::new(finished);
                // A run whose result is kept needs its state no longer.
                for run in self.kept.iter().filter(|run| run.result.finished().is_some()) {
                    CheckpointFolder::new(self.checkpoints().join(&run.id)).clear();
                }
                return Ok(());
            }
            Ok(false) => {}
            Err(error) if !force => return Err(error),
            Err(_) => {
                for name in [RESULTS, TABLE, DATA, SPEC] {
                    let path = self.folder.join(name);
                    match fs::remove_file(&path) {
                        Err(source) if source.kind() != ErrorKind::NotFound => {
                            return Err(HarnessError::Write { path, source });
                        }
                        _ => {}
                    }
                }
                for folder in folders_in(&self.checkpoints()) {
                    CheckpointFolder::new(folder).clear();
                }
            }
        }
        self.write_spec(Destination::new(&self.folder.join(SPEC)), &text)?;
        self.wrote_spec = true;
        Ok(())
    }

    fn write_spec(&self, destination: Destination<'_>, text: &str) -> Result<(), HarnessError> {
        let path = destination.path().to_path_buf();
        write_atomic(destination, |file: &mut dyn Write| file.write_all(text.as_bytes()))
            .map_err(|source| HarnessError::Write { path, source })
    }

    /// The stored runs, the last record of each. A truncated last line is removed from the file.
    fn read_results(&mut self, ids: &[String]) -> Result<Vec<RunRecord>, HarnessError> {
        let path = self.folder.join(RESULTS);
        if fs::symlink_metadata(&path).is_err() {
            return Ok(Vec::new());
        }
        let bytes = read(&path)?;
        let (whole, runs) = parse_records(&path, &bytes, ids)?;
        if whole < bytes.len() {
            let cut = OpenOptions::new().write(true).open(&path).and_then(|file| {
                file.set_len(whole as u64)?;
                file.sync_all()
            });
            cut.map_err(|source| HarnessError::Write { path: path.clone(), source })?;
            self.notes.push(format!("{}: {CUT_SHORT}; its run is repeated", path.display()));
        }
        Ok(runs)
    }

    /// The runs that were there already, in the order of the specification.
    pub fn kept(&self) -> &[RunRecord] {
        &self.kept
    }

    /// Repairs made when the folder was opened.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where runs that have not ended keep their state.
    pub fn checkpoints(&self) -> PathBuf {
        self.folder.join(CHECKPOINTS)
    }

    /// Where the scores of test rows are kept, if they are.
    pub fn scores(&self) -> ScoreFolder {
        ScoreFolder::new(self.folder.join("scores"))
    }

    /// Where models of runs that ended are saved, if they are.
    pub fn models(&self) -> PathBuf {
        self.folder.join(MODELS)
    }

    /// Whether there is the state of a run that has not ended.
    pub fn has_checkpoints(&self) -> bool {
        folders_in(&self.checkpoints())
            .iter()
            .any(|folder| fs::read_dir(folder).is_ok_and(|mut files| files.next().is_some()))
    }

    /// Keeps one run: appends its line and forces it to the disk. A line that could not be written whole is taken back.
    ///
    /// # Errors
    /// [`HarnessError::Write`].
    pub fn append(&self, run: &RunRecord) -> Result<(), HarnessError> {
        let path = self.folder.join(RESULTS);
        let mut line = serde_json::to_vec(run).expect("names and numbers turn into JSON");
        line.push(b'\n');
        let mut results = self.results.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let mut write = || -> io::Result<()> {
            let file = match &mut *results {
                Some(file) => file,
                None => {
                    let file = OpenOptions::new().append(true).create(true).open(&path)?;
                    // The entry of a new file is on the disk when its folder is.
                    #[cfg(unix)]
                    File::open(&self.folder)?.sync_all()?;
                    results.insert(file)
                }
            };
            append_line(file, &line)
        };
        write().map_err(|source| HarnessError::Write { path, source })?;
        self.finished.fetch_or(run.result.finished().is_some(), Ordering::Relaxed);
        Ok(())
    }

    /// Writes the table. It is derived, so one that is there is replaced.
    ///
    /// # Errors
    /// [`HarnessError::Write`].
    pub fn write_table(&self, report: &Report) -> Result<(), HarnessError> {
        let path = self.folder.join(TABLE);
        let page = report.markdown();
        write_atomic(Destination::replacing(&path), |file: &mut dyn Write| file.write_all(page.as_bytes()))
            .map_err(|source| HarnessError::Write { path, source })
    }

    /// Writes the data label. It is derived, so one that is there is replaced.
    ///
    /// # Errors
    /// [`HarnessError::Write`].
    pub fn write_data_label(&self, label: &DataLabel) -> Result<(), HarnessError> {
        let path = self.folder.join(DATA);
        let text = serde_json::to_vec(label).expect("names and numbers turn into JSON");
        write_atomic(Destination::replacing(&path), |file: &mut dyn Write| file.write_all(&text))
            .map_err(|source| HarnessError::Write { path, source })
    }

    /// Unlocks the folder. One in which no finished run is kept is taken away if it was made for this.
    pub fn close(self) {
        // Fails if the folder has the state of a run.
        for folder in folders_in(&self.checkpoints()) {
            let _ = fs::remove_dir(folder);
        }
        let _ = fs::remove_dir(self.checkpoints());
        if self.finished.load(Ordering::Relaxed) || self.has_checkpoints() {
            self.lock.release();
        } else {
            self.close_empty();
        }
    }

    /// Removes the files of a store without runs.
    fn close_empty(self) {
        if self.wrote_spec {
            // They have no results worth keeping: the specification has no run.
            for name in [SPEC, RESULTS, TABLE, DATA] {
                let _ = fs::remove_file(self.folder.join(name));
            }
            self.scores().remove_empty();
        }
        self.lock.release();
        remove_folders(&self.made);
    }
}

/// `other runs`, and the first key that differs.
fn different(stored: Option<&Spec>, spec: &Spec) -> String {
    let difference = stored.and_then(|stored| stored.difference(spec));
    difference.map_or_else(|| "other runs".to_string(), |difference| format!("other runs: {difference}"))
}

/// The folder of the classes of all tasks, with that of one of them locked.
#[derive(Debug)]
pub struct TaskFolder {
    classes: PathBuf,
    lock: Option<Lock>,
}

impl TaskFolder {
    /// Where all tasks keep the classes that they have trained.
    pub fn classes(&self) -> &Path {
        &self.classes
    }
}

impl Drop for TaskFolder {
    fn drop(&mut self) {
        if let Some(lock) = self.lock.take() {
            lock.release();
        }
    }
}

/// The folders in a folder.
fn folders_in(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return vec![] };
    entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()).collect()
}

/// A file or its like to which lines are appended.
trait Appending: Write {
    fn length(&self) -> io::Result<u64>;
    fn cut(&mut self, length: u64) -> io::Result<()>;
    fn force(&mut self) -> io::Result<()>;
}

impl Appending for File {
    fn length(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }

    fn force(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}

/// Appends a line and forces it to the disk; where that fails, what was written of it is taken back.
fn append_line(file: &mut impl Appending, line: &[u8]) -> io::Result<()> {
    let before = file.length()?;
    let written = file.write_all(line).and_then(|()| file.force());
    if written.is_err() {
        // If this fails as well, the truncated line is detected when the folder is opened again.
        let _ = file.cut(before);
    }
    written
}

/// What is said of a file of results whose last line has no end.
pub(crate) const CUT_SHORT: &str = "the last line is truncated";

/// The last record of each of the runs `ids`, in their order, and the number of bytes of whole lines.
pub(crate) fn parse_records(
    path: &Path,
    bytes: &[u8],
    ids: &[String],
) -> Result<(usize, Vec<RunRecord>), HarnessError> {
    let whole = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
    let places: HashMap<&str, usize> = ids.iter().enumerate().map(|(i, id)| (id.as_str(), i)).collect();
    let mut runs = BTreeMap::new();
    for (i, line) in bytes[..whole].split(|&byte| byte == b'\n').enumerate() {
        if line.is_empty() {
            continue;
        }
        let wrong = |problem: String| HarnessError::Record { path: path.into(), line: i + 1, problem };
        let run: RunRecord = serde_json::from_slice(line).map_err(|error| {
            wrong(format!("invalid record of a run: {error}; without the line its run is repeated"))
        })?;
        let Some(&place) = places.get(run.id.as_str()) else {
            return Err(wrong(format!("the run {} is not in {SPEC}", run.id)));
        };
        runs.insert(place, run);
    }
    Ok((whole, runs.into_values().collect()))
}

/// Reads a regular file of bounded size.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, HarnessError> {
    let refuse = |source| HarnessError::Write { path: path.into(), source };
    let metadata = fs::metadata(path).map_err(refuse)?;
    if !metadata.is_file() || metadata.len() > LARGEST {
        return Err(refuse(io::Error::other("expected a regular file of at most 1 GiB")));
    }
    fs::read(path).map_err(refuse)
}

/// Creates a folder and its parents; returns those that did not exist, the innermost first.
fn make_folders(path: &Path) -> Result<Vec<PathBuf>, HarnessError> {
    let missing = |path: &&Path| !path.as_os_str().is_empty() && fs::symlink_metadata(path).is_err();
    let made: Vec<PathBuf> = path.ancestors().take_while(missing).map(PathBuf::from).collect();
    if let Err(source) = fs::create_dir_all(path) {
        remove_folders(&made);
        return Err(HarnessError::Write { path: path.into(), source });
    }
    Ok(made)
}

fn remove_folders(made: &[PathBuf]) {
    for folder in made {
        // Fails if the folder is not empty, which is intended.
        let _ = fs::remove_dir(folder);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A disk with a capacity in bytes.
    struct Disk {
        bytes: Vec<u8>,
        capacity: usize,
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let n = bytes.len().min(self.capacity - self.bytes.len());
            if n == 0 {
                return Err(io::Error::from(ErrorKind::StorageFull));
            }
            self.bytes.extend(&bytes[..n]);
            Ok(n)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Appending for Disk {
        fn length(&self) -> io::Result<u64> {
            Ok(self.bytes.len() as u64)
        }

        fn cut(&mut self, length: u64) -> io::Result<()> {
            self.bytes.truncate(length as usize);
            Ok(())
        }

        fn force(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_that_does_not_fit_on_the_disk_is_taken_back() {
        let mut disk = Disk { bytes: Vec::new(), capacity: 10 };
        append_line(&mut disk, b"first\n").unwrap();
        let error = append_line(&mut disk, b"second\n").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StorageFull);
        assert_eq!(disk.bytes, b"first\n");
        append_line(&mut disk, b"ok\n").unwrap();
        assert_eq!(disk.bytes, b"first\nok\n");
    }

    #[test]
    fn folders_that_were_made_are_taken_away_and_others_stay() {
        let root = tempfile::tempdir().unwrap();
        let made = make_folders(&root.path().join("a/b")).unwrap();
        assert_eq!(made, [root.path().join("a/b"), root.path().join("a")]);
        fs::write(root.path().join("a/x"), "").unwrap();
        remove_folders(&made);
        assert!(root.path().join("a").exists() && !root.path().join("a/b").exists());
        assert!(make_folders(root.path()).unwrap().is_empty());
    }
}
