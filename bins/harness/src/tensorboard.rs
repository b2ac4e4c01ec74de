//! Scalars of runs as event files of TensorBoard, one folder for each run.
//!
//! An event file is a TFRecord file whose records are `Event`s in protocol buffers. Of them three kinds of field are written:
//!
//! ```text
//! Event    wall_time = 1 (double), step = 2 (int64), file_version = 3 (string), summary = 5 (Summary)
//! Summary  value = 1 (Value, repeated)
//! Value    tag = 1 (string), simple_value = 2 (float)
//! ```
//!
//! The first event of a file has the version `brain.Event:2` and nothing else. Source: tensorflow, `core/util/event.proto`,
//! `core/framework/summary.proto`, `core/util/events_writer.cc`.
//!
//! TensorBoard joins all files of a folder. So a run that is resumed goes on in a new file, and nothing that an earlier file has
//! is written a second time: a run that was killed after its last checkpoint repeats epochs whose numbers are there already.

use crate::{HarnessError, Progress, RunResult};
use lacuna_formats::{Limits, TfRecords, tf_record};
use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

/// Longest name of a folder of a run.
const LONGEST: usize = 120;
/// Characters of a run's identity that its files carry.
const ID: usize = 12;

/// A folder with one folder of event files for each run.
#[derive(Debug)]
pub struct TensorBoard {
    folder: PathBuf,
    /// Folders that were made for it, the innermost first.
    made: Vec<PathBuf>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Files of the runs that are at work, by identity; `None` for a run whose file could not be written.
    files: HashMap<String, Option<EventFile>>,
    /// Whether somebody was told that a file could not be written.
    told: bool,
}

/// The file of one run.
#[derive(Debug)]
struct EventFile {
    file: File,
    /// Tags and steps that the folder has.
    there: HashSet<(String, i64)>,
    last_step: i64,
    /// Epochs of the phases before the present one.
    before: i64,
}

impl TensorBoard {
    /// Makes the folder.
    ///
    /// # Errors
    /// [`HarnessError::Write`].
    pub fn at(folder: &Path) -> Result<Self, HarnessError> {
        let wrong = |source| HarnessError::Write { path: folder.into(), source };
        let made = folder.ancestors().filter(|folder| !folder.as_os_str().is_empty());
        let made = made.take_while(|folder| !folder.exists()).map(PathBuf::from).collect();
        fs::create_dir_all(folder).map_err(wrong)?;
        // Existing and full of files of somebody else is fine; not writable is not.
        tempfile::tempfile_in(folder).map_err(wrong)?;
        Ok(Self { folder: folder.into(), made, state: Mutex::default() })
    }

    /// Whether there are events of a run.
    pub fn has(&self, row: &str, seed: u64, point: Option<&str>, id: &str) -> bool {
        let (name, id) = (name_of(row, seed, point), &id[..id.len().min(ID)]);
        let is_of = |file: &PathBuf| file.to_string_lossy().ends_with(&format!(".{id}"));
        let folders = [self.folder.join(&name), self.folder.join(format!("{name}-{id}"))];
        folders.iter().any(|folder| event_files(folder).is_ok_and(|files| files.iter().any(is_of)))
    }

    /// Removes the folders that were made and in which nothing was written.
    pub fn close(self) {
        for folder in &self.made {
            // Fails where something is in it.
            if fs::remove_dir(folder).is_err() {
                return;
            }
        }
    }

    /// Writes what an event of a run says: the scalars of an epoch, and at the end the metrics of the test rows, at the step of
    /// the epoch whose weights were chosen; those of other weights, as `test/map.last`, are at the last step. `point` is the point
    /// of a sweep.
    ///
    /// Returns a sentence the first time that something cannot be written; that run then has no further events, and nothing
    /// else changes.
    pub fn write(&self, point: Option<&str>, event: &Progress) -> Option<String> {
        let mut state = self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let (id, written) = match event {
            Progress::Note(_) | Progress::Waiting(_) => return None,
            Progress::Epoch { id, loss, seed, epoch, epoch_of_phase, scalars, .. } => {
                let file = state.files.entry(id.clone());
                let mut opened = Ok(());
                let file = file.or_insert_with(|| {
                    let file = EventFile::open(&self.folder, &name_of(loss, *seed, point), id);
                    file.map_err(|error| opened = Err(error)).ok()
                });
                let written = match file {
                    Some(file) => {
                        file.before = epoch.saturating_sub(*epoch_of_phase) as i64;
                        file.write(*epoch as i64, scalars.iter().cloned())
                    }
                    None => opened,
                };
                (id, written)
            }
            Progress::Run(run) => {
                let Some(Some(mut file)) = state.files.remove(&run.id) else { return None };
                let RunResult::Finished(end) = &run.result else { return None };
                let test = end.metrics.iter().filter(|(name, _)| !name.starts_with("val."));
                let test = test.filter_map(|(name, value)| Some((format!("test/{name}"), value.value?)));
                let (others, chosen): (Vec<_>, Vec<_>) = test.partition(|(name, _)| name.contains('.'));
                let (last, step) = (file.last_step, file.before + end.best_epoch as i64);
                let written = file.write(step, chosen.into_iter());
                (&run.id, written.and_then(|()| file.write(last, others.into_iter())))
            }
        };
        let error = written.err()?;
        state.files.insert(id.clone(), None);
        let first = !std::mem::replace(&mut state.told, true);
        first.then(|| {
            let folder = self.folder.display();
            format!(
                "{folder}: events for TensorBoard cannot be written: {error}; the runs go on without them"
            )
        })
    }
}

/// `row-seed0`, and the point of a sweep, of characters that every file system takes and of bounded length.
fn name_of(row: &str, seed: u64, point: Option<&str>) -> String {
    let point = point.map_or_else(String::new, |point| format!("-{}", point.replace(' ', ",")));
    let name = format!("{row}-seed{seed}{point}");
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._-=,+".contains(c) { c } else { '_' };
    name.chars().map(plain).take(LONGEST).collect()
}

impl EventFile {
    /// A new file in the folder of a run. A folder of this name with files of another run, which had other settings, is left to
    /// it, and the identity is added to the name.
    fn open(folder: &Path, name: &str, id: &str) -> io::Result<Self> {
        let id = &id[..id.len().min(ID)];
        let mut own = folder.join(name);
        let mut earlier = event_files(&own)?;
        if earlier.iter().any(|file| !file.to_string_lossy().ends_with(&format!(".{id}"))) {
            own = folder.join(format!("{name}-{id}"));
            earlier = event_files(&own)?;
        }
        fs::create_dir_all(&own)?;
        let mut there = HashSet::new();
        // A file that was cut off in the middle of a record is read up to there, as TensorBoard does.
        for path in earlier {
            let Ok(mut records) = TfRecords::open(&path, &Limits::default()) else { continue };
            while let Ok(Some(record)) = records.next_record() {
                there.extend(scalars_of(&record.bytes).unwrap_or_default());
            }
        }
        let seconds = now() as u64;
        let (host, process) = (host(), std::process::id());
        let mut number = 0;
        let mut file = loop {
            let again = if number == 0 { String::new() } else { format!(".{number}") };
            let name = format!("events.out.tfevents.{seconds}.{host}.{process}{again}.{id}");
            match File::create_new(own.join(name)) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && number < 1000 => number += 1,
                file => break file?,
            }
        };
        let version = [double(1, now()), bytes(3, b"brain.Event:2")].concat();
        file.write_all(&tf_record(&version))?;
        Ok(Self { file, there, last_step: 0, before: 0 })
    }

    /// Appends one event with these scalars, without those that are there, by one write to the operating system.
    fn write(&mut self, step: i64, scalars: impl Iterator<Item = (String, f64)>) -> io::Result<()> {
        self.last_step = step;
        let mut summary = Vec::new();
        for (tag, value) in scalars {
            let value = [bytes(1, tag.as_bytes()), float(2, value as f32)].concat();
            if self.there.insert((tag, step)) {
                summary.extend(bytes(1, &value));
            }
        }
        if summary.is_empty() {
            return Ok(());
        }
        let event = [double(1, now()), integer(2, step as u64), bytes(5, &summary)].concat();
        self.file.write_all(&tf_record(&event))
    }
}

/// The event files of a folder, which need not exist.
fn event_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(vec![]),
        entries => entries?,
    };
    let paths = entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<PathBuf>>>()?;
    let is_events =
        |path: &PathBuf| path.file_name().is_some_and(|n| n.to_string_lossy().contains("tfevents"));
    Ok(paths.into_iter().filter(is_events).collect())
}

/// Seconds since 1970.
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64())
}

/// Name of this machine, for the name of a file.
fn host() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").or_else(|_| std::env::var("HOSTNAME"));
    let name = name.unwrap_or_default();
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    let name: String = name.trim().chars().map(plain).take(64).collect();
    if name.is_empty() { "localhost".to_string() } else { name }
}

fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

fn integer(field: u64, number: u64) -> Vec<u8> {
    [varint(field << 3), varint(number)].concat()
}

fn double(field: u64, number: f64) -> Vec<u8> {
    [&varint(field << 3 | 1)[..], &number.to_le_bytes()].concat()
}

fn bytes(field: u64, bytes: &[u8]) -> Vec<u8> {
    [&varint(field << 3 | 2)[..], &varint(bytes.len() as u64), bytes].concat()
}

fn float(field: u64, number: f32) -> Vec<u8> {
    [&varint(field << 3 | 5)[..], &number.to_le_bytes()].concat()
}

/// Tags and steps of an event; `None` for one that is no message.
fn scalars_of(event: &[u8]) -> Option<Vec<(String, i64)>> {
    let fields = fields(event)?;
    let step = fields.iter().find(|field| field.0 == 2).map_or(0, |field| field.1 as i64);
    let mut scalars = Vec::new();
    for (_, _, summary) in fields.iter().filter(|field| field.0 == 5) {
        for (_, _, value) in self::fields(summary)?.iter().filter(|field| field.0 == 1) {
            for (_, _, tag) in self::fields(value)?.iter().filter(|field| field.0 == 1) {
                scalars.push((String::from_utf8_lossy(tag).into_owned(), step));
            }
        }
    }
    Some(scalars)
}

/// The fields of a message: number, value of an integer, bytes of the others.
fn fields(mut message: &[u8]) -> Option<Vec<(u64, u64, &[u8])>> {
    let mut fields = Vec::new();
    while !message.is_empty() {
        let key = take_varint(&mut message)?;
        let (number, length) = match key & 7 {
            0 => (take_varint(&mut message)?, 0),
            1 => (0, 8),
            2 => (0, usize::try_from(take_varint(&mut message)?).ok()?),
            5 => (0, 4),
            _ => return None,
        };
        let (bytes, rest) = message.split_at_checked(length)?;
        message = rest;
        fields.push((key >> 3, number, bytes));
    }
    Some(fields)
}

fn take_varint(message: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = message.split_first()?;
        *message = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epoch(id: &str, epoch: usize, loss: f64) -> Progress {
        Progress::Epoch {
            id: id.to_string(),
            loss: "an/b".to_string(),
            seed: 3,
            epoch,
            epoch_of_phase: epoch,
            rows: 5,
            scalars: vec![("train/loss".to_string(), loss), ("val/map".to_string(), 50.0)],
        }
    }

    /// Tags, steps and values of a folder, from the bytes themselves.
    fn read(folder: &Path) -> Vec<(String, i64, f32)> {
        let mut all = Vec::new();
        let mut files = event_files(folder).unwrap();
        files.sort();
        for path in files {
            let mut records = TfRecords::open(&path, &Limits::default()).unwrap();
            let first = records.next_record().unwrap().unwrap().bytes;
            assert_eq!((first[0], &first[9..]), (0x09, &b"\x1a\x0dbrain.Event:2"[..]));
            while let Some(record) = records.next_record().unwrap() {
                let event = fields(&record.bytes).unwrap();
                assert_eq!(event.iter().map(|field| field.0).collect::<Vec<_>>(), [1, 2, 5]);
                let time = f64::from_le_bytes(event[0].2.try_into().unwrap());
                assert!((now() - time).abs() < 600.0);
                for (_, _, value) in fields(event[2].2).unwrap() {
                    let value = fields(value).unwrap();
                    let number = f32::from_le_bytes(value[1].2.try_into().unwrap());
                    all.push((String::from_utf8(value[0].2.to_vec()).unwrap(), event[1].1 as i64, number));
                }
            }
        }
        all
    }

    #[test]
    fn an_event_has_the_bytes_of_its_fields() {
        // Written down by hand from the numbers of the fields: value = {tag "a", 1.5}, step 300.
        let value = [bytes(1, b"a"), float(2, 1.5)].concat();
        assert_eq!(value, [0x0a, 1, b'a', 0x15, 0, 0, 0xc0, 0x3f]);
        let event = [integer(2, 300), bytes(5, &bytes(1, &value))].concat();
        assert_eq!(event[..7], [0x10, 0xac, 0x02, 0x2a, 10, 0x0a, 8]);
        assert_eq!(double(1, 1.0), [0x09, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f]);
        assert_eq!(scalars_of(&event).unwrap(), [("a".to_string(), 300)]);
        assert_eq!(scalars_of(&event[..9]), None);
    }

    #[test]
    fn a_resumed_run_repeats_nothing_and_another_run_has_a_folder_of_its_own() {
        let root = tempfile::tempdir().unwrap();
        let first = TensorBoard::at(root.path()).unwrap();
        for n in 1..=3 {
            assert_eq!(first.write(Some("a.b=1 c=2"), &epoch("0123456789abcdef", n, n as f64)), None);
        }
        drop(first);
        let folder = root.path().join("an_b-seed3-a.b=1,c=2");
        assert_eq!(read(&folder).len(), 6);
        // Killed inside a record: what stands before it counts.
        let file = event_files(&folder).unwrap().remove(0);
        let whole = fs::read(&file).unwrap();
        fs::write(&file, &whole[..whole.len() - 5]).unwrap();
        let second = TensorBoard::at(root.path()).unwrap();
        for n in 2..=4 {
            assert_eq!(second.write(Some("a.b=1 c=2"), &epoch("0123456789abcdef", n, n as f64)), None);
        }
        // The other settings.
        assert_eq!(second.write(Some("a.b=1 c=2"), &epoch("fedcba9876543210", 1, 9.0)), None);
        let files = event_files(&folder).unwrap();
        assert_eq!(files.len(), 2, "{files:?}");
        fs::remove_file(&file).unwrap();
        let steps: Vec<i64> = read(&folder).into_iter().map(|(_, step, _)| step).collect();
        assert_eq!(steps, [3, 3, 4, 4], "2 was there, 3 was cut off");
        assert_eq!(read(&root.path().join("an_b-seed3-a.b=1,c=2-fedcba987654"))[0].2, 9.0);
    }

    #[test]
    fn folders_without_events_are_removed_and_others_stay() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("a/b");
        let board = TensorBoard::at(&folder).unwrap();
        assert!(folder.is_dir());
        board.close();
        assert!(!root.path().join("a").exists() && root.path().exists());
        let board = TensorBoard::at(&folder).unwrap();
        assert!(!board.has("an/b", 3, None, "0123456789abcdef"));
        board.write(None, &epoch("0123456789abcdef", 1, 1.0));
        assert!(board.has("an/b", 3, None, "0123456789abcdef"));
        assert!(!board.has("an/b", 3, None, "1123456789abcdef"));
        // The same row and seed with other settings.
        board.write(None, &epoch("1123456789abcdef", 1, 1.0));
        assert!(board.has("an/b", 3, None, "1123456789abcdef"));
        board.close();
        assert_eq!(read(&folder.join("an_b-seed3")).len(), 2);
    }

    #[test]
    fn what_cannot_be_written_is_said_once() {
        let root = tempfile::tempdir().unwrap();
        let board = TensorBoard::at(root.path()).unwrap();
        // A file where the folders of the runs would be.
        fs::write(root.path().join("an_b-seed3"), "mine").unwrap();
        let note = board.write(None, &epoch("a", 1, 1.0)).unwrap();
        assert!(note.contains("cannot be written") && note.contains("go on"), "{note}");
        assert_eq!(board.write(None, &epoch("a", 2, 1.0)), None);
        assert_eq!(board.write(None, &epoch("b", 1, 1.0)), None);
        let file = root.path().join("an_b-seed3/below");
        assert!(matches!(TensorBoard::at(&file), Err(HarnessError::Write { .. })));
    }

    #[test]
    fn names_are_of_plain_characters() {
        assert_eq!(name_of("x/../\u{1b}é", 0, None), "x_..___-seed0");
        assert!(name_of("x", 0, Some(&"key=1 ".repeat(100))).len() <= LONGEST);
    }
}
