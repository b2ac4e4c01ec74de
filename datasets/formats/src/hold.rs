//! Files that belong together are replaced by one program at a time, and by none while another reads them.
//!
//! The lock is that of the folder itself (`flock`), so that no file is left of it, and a program that is killed holds it no longer. Where a
//! folder has no lock (Windows, some network file systems) everybody goes on without one: a reader may then find a set
//! that is not whole, and says so.

use crate::FormatError;
use crate::undo::{records, restore_files};
use std::fs::{File, TryLockError};
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The longest that anybody waits for others. Files get their names within milliseconds; only a program that was suspended takes longer.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a program waits before it asks again.
const PAUSE: Duration = Duration::from_millis(2);

/// Files of a folder that nobody replaces until this is dropped: see [`hold_files`].
#[derive(Debug)]
#[must_use = "files are held until this is dropped"]
pub struct Held {
    _folder: Option<File>,
}

/// Keeps programs from replacing files of a folder that belong together, as long as the answer lives, so that a reader finds
/// all of the old ones or all of the new ones.
///
/// Waits for a writer of such files, [`write_atomic_all`](crate::write_atomic_all), that is at work, and gives the old contents back that one has
/// left that was killed: see [`restore_files`]. Readers do not wait for each other. After ten seconds, and where a folder has
/// no lock, it goes on without one.
///
/// ```
/// use lacuna_formats::hold_files;
///
/// let folder = tempfile::tempdir()?;
/// let held = hold_files(folder.path())?;
/// // Read the files here.
/// drop(held);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// Those of [`restore_files`].
pub fn hold_files(folder: &Path) -> Result<Held, FormatError> {
    let start = Instant::now();
    loop {
        let held = Held { _folder: locked(folder, File::try_lock_shared) };
        if records(folder).is_empty() || start.elapsed() > PATIENCE {
            return Ok(held);
        }
        drop(held);
        let alone = alone(folder);
        restore_files(folder)?;
        drop(alone);
        // Another program may be giving them back.
        sleep(PAUSE);
    }
}

/// As [`hold_files`], with no other program that reads or replaces: for the writer.
pub(crate) fn alone(folder: &Path) -> Held {
    Held { _folder: locked(folder, File::try_lock) }
}

fn locked(folder: &Path, lock: fn(&File) -> Result<(), TryLockError>) -> Option<File> {
    let file = File::open(folder).ok()?;
    let start = Instant::now();
    loop {
        match lock(&file) {
            Ok(()) => return Some(file),
            Err(TryLockError::WouldBlock) if start.elapsed() <= PATIENCE => sleep(PAUSE),
            Err(_) => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Contents, Destination, write_atomic_all};
    use std::fs;
    use std::sync::atomic::{AtomicBool, Ordering};

    /// A reader between two renames found the first file new and the last one missing.
    #[cfg(unix)]
    #[test]
    fn readers_find_a_whole_set_while_writers_replace_it() {
        let folder = tempfile::tempdir().unwrap();
        let paths = ["one", "two", "three"].map(|name| folder.path().join(name));
        let save = |text: &str| {
            let text = text.as_bytes();
            let file = |path| -> (Destination<'_>, Contents<'_>) {
                (Destination::replacing(path), Box::new(move |file| file.write_all(text)))
            };
            write_atomic_all(paths.iter().map(|path| file(path)).collect()).unwrap();
        };
        save("first");
        let done = AtomicBool::new(false);
        let (done, save, paths) = (&done, &save, &paths);
        std::thread::scope(|scope| {
            let writers = ["a", "b"].map(|writer| {
                scope.spawn(move || (0..60).for_each(|round| save(&format!("{writer} {round}"))))
            });
            let reader = scope.spawn(move || {
                let mut sets = 0;
                while !done.load(Ordering::Relaxed) {
                    let held = hold_files(folder.path()).unwrap();
                    let read = paths.each_ref().map(|path| fs::read_to_string(path).unwrap());
                    drop(held);
                    assert!(read.iter().all(|text| *text == read[0]), "{read:?}");
                    sets += 1;
                    sleep(PAUSE);
                }
                sets
            });
            let written = writers.map(|writer| writer.join());
            done.store(true, Ordering::Relaxed);
            written.into_iter().for_each(|written| written.unwrap());
            assert!(reader.join().unwrap() > 0);
        });
    }
}
