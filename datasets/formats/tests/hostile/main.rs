//! Files that were made to hurt: what every reader of the table answers, and how much memory it takes to say so.
//!
//! Tests of this file run one at a time, because they share the counting allocator.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a test says what it skipped and counted")]

mod archives;
mod bombs;
#[path = "../../../../fuzz/folder.rs"]
#[allow(dead_code, reason = "other targets have several files")]
mod folder;
mod memory;
#[path = "../../../../fuzz/round_trips.rs"]
#[allow(unreachable_pub, reason = "public for the fuzz targets")]
mod round_trips;
mod samples;

use folder::in_folder;

use lacuna_formats::{
    Compression, Destination, FORMATS, Format, Limits, MissingFeatures, NpyArray, NpyData, ReadOptions,
    Truncation, open_data, read_names, write_npz,
};
use peak_alloc::PeakAlloc;
use samples::{names, sample, write_sample};
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

#[global_allocator]
static PEAK: PeakAlloc = PeakAlloc;

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// What `work` answers, and how many bytes beyond those in use before it held at most.
fn measured<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = PEAK.current_usage();
    PEAK.reset_peak_usage();
    let answer = work();
    (answer, PEAK.peak_usage().saturating_sub(before))
}

const MIB: usize = 1 << 20;

#[test]
fn every_strict_prefix_is_an_error_or_a_shorter_file_where_the_table_says_so() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(|e| e.into_inner());
    for format in FORMATS {
        let folder = tempfile::tempdir().unwrap();
        let path = write_sample(format, folder.path());
        let options = ReadOptions::default();
        let whole = open_data(&path, &options).unwrap_or_else(|error| panic!("{}: {error}", format.name));
        let files = sample(format.name);
        for (name, bytes) in &files {
            let cut = folder.path().join(name);
            for length in 0..bytes.len() {
                fs::write(&cut, &bytes[..length]).unwrap();
                let read = format.read(&path, &options);
                // The XML list of labels ends with its last tag, whatever the ARFF does.
                let always = format.truncation == Truncation::Always || name.ends_with(".xml");
                match read {
                    Err(error) => {
                        let message = error.to_string();
                        assert!(message.contains(folder.path().to_str().unwrap()), "no path: {message}");
                        assert!(message.len() < 600, "{message}");
                    }
                    Ok(_) if always => panic!("{}: {length} of {} bytes of {name}", format.name, bytes.len()),
                    Ok(content) => {
                        let lines = bytes[..length].iter().filter(|&&byte| byte == b'\n').count();
                        assert!(content.train.rows() <= lines + 1, "{}: {length}", format.name);
                        assert!(content.train.rows() <= whole.train.rows(), "{}: {length}", format.name);
                    }
                }
            }
            fs::write(&cut, bytes).unwrap();
        }
        format.read(&path, &options).unwrap();
    }
}

/// A file of lines that was cut inside its last line is often still a file; the missing line end is what is left to see.
#[test]
fn a_last_line_without_an_end_is_noted() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(|e| e.into_inner());
    let mut formats = 0;
    let lines =
        |format: &&Format| matches!(format.truncation, Truncation::BetweenLines | Truncation::WithoutHeader);
    for format in FORMATS.iter().filter(lines) {
        let folder = tempfile::tempdir().unwrap();
        let path = write_sample(format, folder.path());
        let notes = || format.read(&path, &ReadOptions::default()).unwrap().train.notes;
        let before = notes();
        assert!(before.iter().all(|note| !note.contains("line end")), "{}", format.name);
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, bytes.strip_suffix(b"\n").unwrap()).unwrap();
        let expected =
            format!("{}: the last line has no line end: the file may be truncated", path.display());
        assert_eq!(notes(), [before, vec![expected]].concat(), "{}", format.name);
        formats += 1;
    }
    assert_eq!(formats, 6);
}

#[test]
fn no_changed_byte_makes_a_reader_panic() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(|e| e.into_inner());
    for format in FORMATS {
        let folder = tempfile::tempdir().unwrap();
        let path = write_sample(format, folder.path());
        // Folders of arrays are what their arrays are.
        for (name, bytes) in sample(format.name).into_iter().take(2) {
            let file = folder.path().join(name);
            for at in 0..bytes.len() {
                for byte in [b'\n', b'"', b'9', 0xff, bytes[at] ^ 1] {
                    let mut changed = bytes.clone();
                    changed[at] = byte;
                    fs::write(&file, changed).unwrap();
                    // Either answer is fine; what counts is that there is one.
                    let (_, peak) = measured(|| format.read(&path, &ReadOptions::default()).map(drop));
                    assert!(peak < 2 * MIB, "{}: byte {at} = {byte} takes {peak} bytes", format.name);
                }
            }
            fs::write(&file, bytes).unwrap();
        }
    }
}

/// What the fuzzer started from and what it found: every file of a corpus is read or refused, within four times its size
/// and 1 MiB.
#[test]
fn the_corpus_of_the_fuzzer_is_replayed() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(|e| e.into_inner());
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    for format in FORMATS {
        let folder = tempfile::tempdir().unwrap();
        let path = write_sample(format, folder.path());
        let files = sample(format.name);
        let target = format.name.replace('-', "_");
        let mut targets = vec![(target.clone(), files[0].0)];
        if let Some((name, _)) = files.iter().find(|(name, _)| name.ends_with(".xml")) {
            targets.push((target + "_xml", name));
        }
        for (target, name) in targets {
            let entries =
                fs::read_dir(corpus.join(&target)).unwrap_or_else(|e| panic!("{target} has no corpus: {e}"));
            let mut count = 0;
            for entry in entries {
                let bytes = fs::read(entry.unwrap().path()).unwrap();
                fs::write(folder.path().join(name), &bytes).unwrap();
                let (_, peak) = measured(|| format.read(&path, &ReadOptions::default()).map(drop));
                assert!(peak <= 4 * bytes.len() + MIB, "{target}: {peak} bytes");
                count += 1;
            }
            assert!(count > 0, "{target} has an empty corpus");
            fs::write(folder.path().join(name), &files.iter().find(|(other, _)| *other == name).unwrap().1)
                .unwrap();
        }
    }
}

/// Names of rows and records of sheets, which no format reads, and arrays and labels that are written and read again.
#[test]
fn the_corpus_of_what_is_no_format_is_replayed() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(|e| e.into_inner());
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    let replayed = |target: &str, spare: usize, work: &dyn Fn(&Path, &[u8])| {
        let mut count = 0;
        for entry in fs::read_dir(corpus.join(target)).unwrap_or_else(|e| panic!("{target}: {e}")) {
            let path = entry.unwrap().path();
            let bytes = fs::read(&path).unwrap();
            let ((), peak) = measured(|| work(&path, &bytes));
            assert!(peak <= 4 * bytes.len() + spare, "{}: {peak} bytes", path.display());
            count += 1;
        }
        assert!(count > 0, "{target} has an empty corpus");
    };
    replayed("names", MIB, &|path, _| drop(read_names(path, &Limits::default())));
    // They write several files, each through a buffer.
    replayed("round_trip_arrays", 4 * MIB, &|_, bytes| round_trips::arrays(bytes));
    replayed("round_trip_labels", 4 * MIB, &|_, bytes| round_trips::labels(bytes));
}

/// The folder of lists that each have a class, as the file of a format is.
#[test]
fn lists_of_classes_are_cut_changed_and_long() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(|e| e.into_inner());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let lists = ["cat_train.txt", "dog_train.txt"];
    let text = b"2008_1 -1\n2008_2  1\n2008_3  0\n";
    lists.iter().for_each(|list| fs::write(path.join(list), text).unwrap());
    let read = || measured(|| open_data(path, &ReadOptions::default()));
    assert_eq!(read().0.unwrap().train.rows(), 3);
    for at in 0..text.len() {
        fs::write(path.join(lists[0]), &text[..at]).unwrap();
        let (answer, peak) = read();
        assert!(peak < 2 * MIB, "{peak}");
        match answer {
            Err(error) => assert!(error.to_string().contains("cat_train.txt"), "{error}"),
            // A row that one list has not is in the other one.
            Ok(content) => assert!(content.train.rows() <= 4, "{at}"),
        }
        for byte in [b'\n', b'"', b'9', 0xff, text[at] ^ 1] {
            let mut changed = text.to_vec();
            changed[at] = byte;
            fs::write(path.join(lists[0]), changed).unwrap();
            let (_, peak) = read();
            assert!(peak < 2 * MIB, "byte {at} = {byte} takes {peak} bytes");
        }
    }
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/multi_hot_folder");
    let entries: Vec<PathBuf> = fs::read_dir(corpus).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(!entries.is_empty());
    for entry in entries {
        fs::copy(entry, path.join(lists[0])).unwrap();
        let (_, peak) = read();
        assert!(peak < 2 * MIB, "{peak}");
    }
    let mut size = 0;
    for list in lists {
        let text: String = names().take(300_000).map(|name| format!("{name} 1\n")).collect();
        size += text.len();
        fs::write(path.join(list), text).unwrap();
    }
    let (answer, peak) = read();
    assert_eq!(answer.unwrap().train.rows(), 300_000);
    assert!(peak <= 4 * size + MIB, "{peak} bytes for {size}");
}
