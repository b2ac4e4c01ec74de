//! A run that was broken off goes on from its last checkpoint and ends with the same numbers.
#![cfg(unix)]

use crate::kept::{SmallDisk, command, signal, wait_for, wait_somewhere};
use crate::killed::Random;
use crate::{results, write_rows};
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

/// A row for every kind of state: moments, running means, averages, masks of dropout, schedules, cycles of a sampler, label
/// estimates, moving vectors, written labels, pseudo-labels, phases, and the pairs of L-BFGS.
pub(crate) const SPEC: &str = r#"
name = "resumed"
title = "Every kind of state"
source = "none"
[data]
path = "data"
[training]
epochs = 8
batch = 16
lr = 0.01
ema = 0.9
optimizer = "adamw"
schedule = "one-cycle"
[evaluation]
also = ["last", "averaged"]
[[losses]]
name = "an"
row = "norm-and-dropout"
training = { head = { mlp = { hidden = [32], batch_norm = true, dropout = 0.3 } } }
[[losses]]
name = "db-focal"
row = "class-aware"
training = { sampler = "class-aware", optimizer = { name = "sgd", momentum = 0.9 } }
[[losses]]
name = "role"
[[losses]]
name = "pu-mlc-mixup"
[[losses]]
name = "mfm"
row = "branches"
training = { procedure = "branches", head = "cosine" }
[[losses]]
name = "em-apl"
params = { warmup_epoch = 2, num_epochs = 8 }
training = { procedure = "relabel" }
[[losses]]
name = "an"
row = "lbfgs"
training = { optimizer = "lbfgs", schedule = "constant" }
[[losses]]
name = "bce"
row = "phases"
protocol = { name = "semi-supervised", settings = { labelled = 0.3 } }
[[losses.training.phases]]
rows = "labelled"
[[losses.training.phases]]
procedure = "semi"
start = "last"
epochs = 6
"#;
const RUNS: usize = 8;

/// A folder with data and the specification.
fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("data")).unwrap();
    write_rows(&dir.path().join("data"), [240, 60]);
    fs::write(dir.path().join("all.toml"), SPEC).unwrap();
    dir
}

/// Runs the specification; every epoch is kept.
fn all<'a>(out: &'a str, jobs: &'a str) -> [&'a str; 9] {
    ["run", "--spec", "all.toml", "--out", out, "--checkpoint-every", "0", "--jobs", jobs]
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn finished(folder: &Path, args: &[&str]) -> Output {
    let output = command(folder, args).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{args:?}: {}", text(&output.stderr));
    output
}

/// The saved states in a folder of results, the oldest of each run first.
fn states(out: &Path) -> Vec<PathBuf> {
    let files = |path: PathBuf| fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut states: Vec<PathBuf> = files(out.join("checkpoints"))
        .flat_map(files)
        .filter(|path| path.extension().is_some_and(|end| end == "safetensors"))
        .filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("state-"))
        .collect();
    states.sort();
    states
}

/// Epochs that a saved state has behind it, from its name.
fn epochs(state: &Path) -> usize {
    state.file_stem().unwrap().to_str().unwrap().strip_prefix("state-").unwrap().parse().unwrap()
}

/// Only what belongs there.
fn assert_tidy(out: &Path) {
    let mut names: Vec<_> = fs::read_dir(out).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["data.json", "results.jsonl", "scores", "spec.toml", "table.md"], "{}", out.display());
}

/// Processes that are killed between and within runs, several times on a folder, until the last one runs to its end.
#[test]
fn killed_runs_go_on_to_the_same_results() {
    let dir = folder();
    let path = dir.path();
    finished(path, &["run", "--spec", "all.toml", "--out", "undisturbed"]);
    let expected = results(&path.join("undisturbed"));
    assert_eq!(expected.len(), RUNS);
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let (mut kills, mut inside) = (0, 0);
    for round in 0..20_u64 {
        let name = format!("out-{round}");
        let out = path.join(&name);
        let jobs = if round % 2 == 0 { "1" } else { "2" };
        for _ in 0..1 + round % 4 {
            let mut child = command(path, &all(&name, jobs)).stderr(Stdio::null()).spawn().unwrap();
            wait_somewhere(&mut child, &out, RUNS, &mut random);
            let _ = child.kill();
            if child.wait().unwrap().signal() == Some(9) {
                kills += 1;
                inside += usize::from(!states(&out).is_empty());
            }
        }
        finished(path, &all(&name, jobs));
        assert_eq!(results(&out), expected, "round {round}");
        assert_tidy(&out);
        fs::remove_dir_all(&out).unwrap();
    }
    println!("{kills} kills, {inside} of them with a run under way");
    assert!(inside > 0, "no kill came while a run was under way: nothing was tested");
}

/// Runs of one loss that last so many epochs, one at a time.
fn long<'a>(epochs: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let args = ["run", "spml-linear", "--data", "data", "--loss", "an,hill", "--seeds", "1", "--batch", "16"];
    [&args[..], &["--epochs", epochs, "--jobs", "1"], more].concat()
}

/// Sends a signal once a state was saved; answers with what the process wrote to standard error.
fn interrupted(folder: &Path, args: &[&str], name: &str, code: i32) -> String {
    let before = states(&folder.join("out"));
    let mut child = command(folder, args).stdout(Stdio::null()).spawn().unwrap();
    wait_for(&mut child, "no state was saved", || states(&folder.join("out")) != before);
    signal(&child, name);
    let output = child.wait_with_output().unwrap();
    let error = text(&output.stderr);
    assert_eq!((output.status.code(), output.status.signal()), (Some(code), None), "{error}");
    assert!(!states(&folder.join("out")).is_empty(), "the state was not kept: {error}");
    error
}

#[test]
fn signals_end_the_epoch_keep_the_state_and_have_exit_codes_of_their_own() {
    let dir = folder();
    let path = dir.path();
    let every = ["--out", "out", "--checkpoint-every", "0"];
    finished(path, &long("2000", &["--out", "undisturbed"]));
    let expected = results(&path.join("undisturbed"));
    for (name, code) in [("-INT", 130), ("-TERM", 99), ("-USR1", 99)] {
        let error = interrupted(path, &long("2000", &every), name, code);
        assert!(error.contains("interrupted: 0 of 2 runs are kept, and the state of others"), "{error}");
        // The sentence says how to go on: by these words, or by the same command.
        let (_, rest) = error.split_once("`repro ").unwrap();
        let (advice, after) = rest.split_once('`').unwrap();
        assert!(after.starts_with(" resumes the others"), "{error}");
        let advice: Vec<&str> = advice.split(' ').collect();
        let first = states(&path.join("out")).last().map(|state| epochs(state)).unwrap();
        if name == "-INT" {
            finished(path, &advice);
        } else {
            // Broken off once more: what is saved then is further on, so nothing was trained again.
            let error = interrupted(path, &long("2000", &every), name, code);
            let second = states(&path.join("out")).last().map(|state| epochs(state)).unwrap();
            assert!(second > first, "{first} {second}: {error}");
            let again = finished(path, &long("2000", &["--out", "out", "--resume"]));
            assert!(!text(&again.stderr).contains("starts anew"), "{}", text(&again.stderr));
        }
        assert_eq!(results(&path.join("out")), expected, "{name}");
        assert_tidy(&path.join("out"));
        fs::remove_dir_all(path.join("out")).unwrap();
    }
}

#[test]
fn a_second_signal_ends_the_process_at_once_with_the_last_state_kept() {
    let dir = tempfile::tempdir().unwrap();
    let head = "training.head={ mlp = [1024, 1024] }";
    let args = ["run", "spml-linear", "--loss", "an", "--seeds", "1", "--epochs", "500", "--set", head];
    let args = [&args[..], &["--out", "out", "--checkpoint-every", "0"]].concat();
    let mut child = command(dir.path(), &args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let saved = || states(&dir.path().join("out"));
    wait_for(&mut child, "no state was saved", || !saved().is_empty());
    let before = saved();
    // An epoch takes a second or so: the signals come in the middle of one.
    let status = loop {
        signal(&child, "-INT");
        std::thread::sleep(Duration::from_millis(20));
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
    };
    assert_eq!((status.code(), status.signal()), (Some(130), None));
    assert_eq!(saved(), before, "the epoch was not waited for, and what was saved is there");
}

#[test]
fn a_folder_without_anything_starts_anew_and_says_so() {
    let dir = folder();
    fs::create_dir(dir.path().join("empty")).unwrap();
    for out in ["missing", "empty"] {
        let output = finished(dir.path(), &long("3", &["--out", out, "--resume"]));
        let error = text(&output.stderr);
        assert!(
            error.contains(&format!(
                "note: {out} has no results to resume; all runs start from the beginning"
            )),
            "{error}"
        );
    }
    assert_eq!(results(&dir.path().join("missing")), results(&dir.path().join("empty")));
    let output = finished(dir.path(), &long("3", &["--out", "empty", "--resume"]));
    assert!(!text(&output.stderr).contains("note: empty has nothing"), "its results are there");
    let output = command(dir.path(), &long("3", &["--resume"])).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("--out"), "{}", text(&output.stderr));
}

/// One byte in the middle is another.
fn damage(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_damaged_state_is_passed_over_with_a_note() {
    let dir = folder();
    let path = dir.path();
    let args = long("500", &["--out", "out", "--checkpoint-every", "0"]);
    finished(path, &long("500", &["--out", "undisturbed"]));
    let expected = results(&path.join("undisturbed"));
    for damaged in [1, 2] {
        let mut child = command(path, &args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        wait_for(&mut child, "two states were not saved", || states(&path.join("out")).len() >= 2);
        signal(&child, "-TERM");
        assert_eq!(child.wait_with_output().unwrap().status.code(), Some(99));
        let there = states(&path.join("out"));
        assert_eq!(there.len(), 2, "{there:?}");
        there.iter().rev().take(damaged).for_each(|state| damage(state));
        let output = finished(path, &long("500", &["--out", "out"]));
        let error = text(&output.stderr);
        let note = error.lines().find(|line| line.starts_with("note: ") && line.contains("state-"));
        let note = note.unwrap_or_else(|| panic!("{error}"));
        let end = if damaged == 1 { "; the one before it is used" } else { "; the run starts again" };
        assert!(note.ends_with(end), "{note}");
        for (i, state) in there.iter().rev().enumerate() {
            let name = state.file_name().unwrap().to_str().unwrap();
            assert_eq!(note.contains(name), i < damaged, "{note}");
        }
        assert_eq!(results(&path.join("out")), expected);
        assert_tidy(&path.join("out"));
        fs::remove_dir_all(path.join("out")).unwrap();
    }
}

/// The first row ends within its only epoch, the second one has states to save.
const TWO: &str = r#"
name = "two"
title = "A short row and a long one"
source = "none"
[data]
path = "data"
[training]
epochs = 30
batch = 16
lr = 0.01
[[losses]]
name = "an"
training = { epochs = 1 }
[[losses]]
name = "hill"
"#;

#[test]
fn a_state_that_cannot_be_written_is_an_error_and_finished_runs_are_kept() {
    let dir = folder();
    let path = dir.path();
    fs::write(path.join("two.toml"), TWO).unwrap();
    let args = ["run", "--spec", "two.toml", "--out", "out", "--checkpoint-every", "0", "--jobs", "1"];
    let refused = |place: &str| {
        let output = command(path, &args).output().unwrap();
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{error}");
        let last = error.lines().last().unwrap();
        assert!(last.starts_with("error: ") && last.contains(place), "{error}");
        let kept = results(&path.join("out"));
        assert!(kept.len() == 1 && kept[0]["loss"] == "an", "{kept:?}");
        error
    };
    // A file where the folder would be.
    fs::create_dir(path.join("out")).unwrap();
    fs::write(path.join("out/checkpoints"), "mine").unwrap();
    refused("out/checkpoints");
    assert_eq!(fs::read_to_string(path.join("out/checkpoints")).unwrap(), "mine");
    fs::remove_file(path.join("out/checkpoints")).unwrap();
    // A folder on a disk that is read-only, or full.
    if let Some(disk) = SmallDisk::mount(&path.join("out/checkpoints")) {
        let remount = |how: &str| {
            let status = std::process::Command::new("mount").args(["-o", how]).arg(&disk.0).status();
            assert!(status.unwrap().success());
        };
        remount("remount,ro");
        assert!(refused("out/checkpoints").contains("Read-only"));
        remount("remount,rw");
        fs::write(disk.0.join("filler"), vec![0; 60 << 10]).unwrap();
        assert!(refused("state-").contains("No space left"));
    } else {
        println!("skipped in part: no file system could be mounted");
    }
    let _ = fs::remove_dir(path.join("out/checkpoints"));
    finished(path, &args);
    assert_eq!(results(&path.join("out")).len(), 2);
    assert_tidy(&path.join("out"));
}
