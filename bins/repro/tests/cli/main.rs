//! The program as a user meets it.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a test says what it skipped")]

#[path = "../../../lacuna/tests/browser/mod.rs"]
mod browser;
mod cases;
mod class_slices;
mod data_args;
mod diffs;
#[path = "../../../lacuna/tests/soak/growth.rs"]
mod growth;
mod kept;
#[cfg(unix)]
#[path = "../../../lacuna/tests/killed/mod.rs"]
mod killed;
mod kills;
mod overwriting;
mod pages;
mod printing;
mod races;
#[path = "../../../harness/tests/harness/real_data.rs"]
mod real_data;
mod records;
mod refused;
#[cfg(unix)]
#[path = "../../../lacuna/tests/refused_calls/mod.rs"]
mod refused_calls;
mod report_page;
mod reports;
mod resume;
mod runs;
mod same_bits;
mod size;
mod soak;
mod studies;
mod sweeps;
mod tensorboard;

use assert_cmd::Command;
use lacuna_formats::{Destination, NpyArray, NpyData};
use real_data::real_data;
use std::fs;
use std::path::Path;

fn repro(folder: &Path) -> Command {
    let mut command = Command::cargo_bin("repro").expect("the program was built");
    command.current_dir(folder);
    command
}

/// A small folder in SPML layout: 60 + 30 rows, 8 features, 4 classes.
fn write_set(folder: &Path) {
    write_rows(folder, [60, 30]);
}

/// The same with so many rows to train and to test on.
fn write_rows(folder: &Path, [train, test]: [usize; 2]) {
    for (part, rows) in [("train", train), ("val", test)] {
        let features = (0..rows * 8).map(|i| ((i * 37 % 101 + rows) as f32).sin()).collect();
        let labels = (0..rows * 4).map(|i| u8::from((i / 4 + i % 4 * i / 7) % 3 == 0)).collect();
        let names = (0..rows).map(|i| format!("{part}_{i}.jpg")).collect();
        save(folder, &format!("{part}_features_test.npy"), &[rows, 8], NpyData::F32(features));
        save(folder, &format!("formatted_{part}_labels.npy"), &[rows, 4], NpyData::U8(labels));
        save(folder, &format!("formatted_{part}_images.npy"), &[rows], NpyData::Text(names));
    }
}

/// Writes an array, over one that is there.
fn save(folder: &Path, name: &str, shape: &[usize], data: NpyData) {
    let array = NpyArray::new(shape.to_vec(), data).unwrap();
    array.save(Destination::replacing(&folder.join(name))).unwrap();
}

/// Standard error of a run that has to fail with exit code 2, one sentence and no results.
fn refused(folder: &Path, args: &[&str]) -> String {
    let output = repro(folder).args(args).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{args:?}: {error}");
    assert!(!error.contains("panicked"), "{error}");
    if let Some(sentence) = error.strip_prefix("error: ").and_then(|e| e.rsplit(": ").next()) {
        let sentence = sentence.trim();
        assert!(error.matches(sentence).count() == 1, "said twice: {error}");
    }
    assert!(output.stdout.is_empty(), "{args:?}");
    assert!(!folder.join("runs").exists() && !folder.join("out").exists(), "something was left behind");
    error
}

/// Standard output and standard error of a run that has to succeed.
fn done(folder: &Path, args: &[&str]) -> (String, String) {
    let output = repro(folder).args(args).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{args:?}: {error}");
    (String::from_utf8(output.stdout).unwrap(), error)
}

/// The records of a run folder, by id.
fn records(folder: &Path) -> Vec<serde_json::Value> {
    let text = fs::read_to_string(folder.join("results.jsonl")).unwrap();
    let mut records: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("a whole line")).collect();
    records.sort_by_key(|record| record["id"].as_str().expect("an id").to_string());
    records
}

/// The `result`s of a run folder, by id.
fn results(folder: &Path) -> Vec<serde_json::Value> {
    records(folder).into_iter().map(|mut record| record["result"].take()).collect()
}
