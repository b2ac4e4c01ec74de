//! Every run that ended is kept, whatever happens to the program.
#![cfg(unix)]

use crate::killed::Random;
use crate::{records, results, write_set};
use std::fs;
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

/// Six losses with three seeds each.
const RUN: [&str; 14] = [
    "run",
    "spml-linear",
    "--data",
    "data",
    "--loss",
    "an,an-ls,wan,epr,role,hill",
    "--seeds",
    "3",
    "--epochs",
    "4",
    "--batch",
    "8",
    "--out",
    "out",
];
const RUNS: usize = 18;

fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("data")).unwrap();
    write_set(&dir.path().join("data"));
    dir
}

pub(crate) fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin("repro"));
    command.current_dir(folder).args(args).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn run(folder: &Path) -> Output {
    command(folder, &RUN).output().unwrap()
}

/// What a process that is gone had written to standard error.
fn said(mut child: Child) -> String {
    let mut text = String::new();
    child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
    child.wait().unwrap();
    text
}

/// The runs that a process said had ended: `an, seed 0: test mAP ...`.
fn ended(said: &str) -> Vec<(String, u64)> {
    let run = |line: &str| {
        let (run, _) = line.split_once(": test mAP")?;
        let (loss, seed) = run.split_once(", seed ")?;
        Some((loss.to_string(), seed.parse().unwrap()))
    };
    said.lines().filter_map(run).collect()
}

/// Waits until a random number of the runs have ended, or the process has, and then for a moment within a run.
pub(crate) fn wait_somewhere(child: &mut Child, out: &Path, runs: usize, random: &mut Random) {
    let lines =
        || fs::read(out.join("results.jsonl")).map_or(0, |text| text.iter().filter(|b| **b == b'\n').count());
    let until = random.below(runs as u64) as usize;
    while lines() < until && child.try_wait().unwrap().is_none() {
        std::thread::yield_now();
    }
    std::thread::sleep(Duration::from_micros(random.below(2_000)));
}

/// 100 kills with SIGKILL: half of them at any moment, half right after the first file has got its name.
#[test]
fn a_killed_process_loses_no_finished_run() {
    let undisturbed = folder();
    assert!(run(undisturbed.path()).status.success());
    let expected = results(&undisturbed.path().join("out"));
    assert_eq!(expected.len(), RUNS);

    let mut random = Random(12_345);
    let (mut partial, mut kills) = (0, 0);
    for round in 0..100 {
        // Folders are used several times, so that what is continued is killed as well.
        let dir = folder();
        let out = dir.path().join("out");
        for _ in 0..1 + round % 2 {
            let mut child = command(dir.path(), &RUN).spawn().unwrap();
            if round % 4 < 2 {
                wait_somewhere(&mut child, &out, RUNS, &mut random);
            } else {
                while !out.join("spec.toml").exists() && child.try_wait().unwrap().is_none() {
                    std::thread::yield_now();
                }
            }
            let _ = child.kill();
            kills += 1;
            let said = said(child);
            if out.join("results.jsonl").exists() {
                let text = fs::read_to_string(out.join("results.jsonl")).unwrap();
                let kept: Vec<serde_json::Value> =
                    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
                partial += usize::from((1..RUNS).contains(&kept.len()));
                for (loss, seed) in ended(&said) {
                    let is_it =
                        |r: &serde_json::Value| r["result"]["loss"] == loss && r["result"]["seed"] == seed;
                    assert!(kept.iter().any(is_it), "{loss}, seed {seed} had ended and is not kept");
                }
            } else {
                assert!(ended(&said).is_empty(), "{said}");
            }
        }
        // Not every round is run to its end: it costs most of the time.
        if round % 5 == 0 {
            let output = run(dir.path());
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            assert_eq!(results(&out), expected, "round {round}");
            let mut names: Vec<_> = fs::read_dir(&out).unwrap().map(|e| e.unwrap().file_name()).collect();
            names.sort();
            assert_eq!(names, ["data.json", "results.jsonl", "scores", "spec.toml", "table.md"]);
        }
    }
    println!("{kills} kills, {partial} with some runs kept");
    assert!(partial > 0, "no kill came between two runs: nothing was tested");
}

#[test]
fn the_second_process_on_a_folder_is_told_who_holds_it() {
    let dir = folder();
    let long = [&RUN[..], &["--epochs", "4000"]].concat();
    let long: Vec<&str> =
        long.iter().enumerate().filter(|(i, _)| ![8, 9].contains(i)).map(|(_, arg)| *arg).collect();
    let mut first = command(dir.path(), &long).spawn().unwrap();
    wait_for(&mut first, "the first process did not start", || dir.path().join("out/spec.toml").exists());
    let second = command(dir.path(), &long).output().unwrap();
    let error = String::from_utf8(second.stderr).unwrap();
    assert_eq!(second.status.code(), Some(2), "{error}");
    assert!(error.contains(&format!("process {}", first.id())), "{error}");
    first.kill().unwrap();
    first.wait().unwrap();
}

/// Waits until something is the case; the process that brings it about has to live until then.
pub(crate) fn wait_for(child: &mut Child, what: &str, done: impl Fn() -> bool) {
    while !done() {
        let ended = child.try_wait().unwrap();
        assert!(ended.is_none() || done(), "{what}: the process ended with {ended:?}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Sends a signal.
pub(crate) fn signal(child: &Child, name: &str) {
    let status = Command::new("kill").args([name, &child.id().to_string()]).status().unwrap();
    assert!(status.success());
}

/// The arguments of runs that take long.
fn long<'a>(seeds: &'a str, epochs: &'a str) -> Vec<&'a str> {
    let data = ["run", "spml-linear", "--data", "data", "--loss", "an", "--batch", "8"];
    [&data[..], &["--seeds", seeds, "--epochs", epochs]].concat()
}

#[test]
fn ctrl_c_keeps_what_has_ended_and_leaves_no_empty_folder() {
    // The first loss ends soon, the second takes long: a run has ended when the signal comes.
    let dir = folder();
    let args = long("2000", "9");
    let mut child = command(dir.path(), &args).spawn().unwrap();
    let results = || {
        let runs = fs::read_dir(dir.path().join("runs")).ok()?;
        runs.flatten().map(|entry| entry.path().join("results.jsonl")).find(|path| path.exists())
    };
    wait_for(&mut child, "no run ended", || {
        results().is_some_and(|path| fs::metadata(path).unwrap().len() > 0)
    });
    signal(&child, "-INT");
    let mut text = String::new();
    child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    let mut error = String::new();
    child.stderr.take().unwrap().read_to_string(&mut error).unwrap();
    let status = child.wait().unwrap();
    assert_eq!((status.code(), status.signal()), (Some(130), None), "{error}");
    assert!(text.contains("interrupted: some runs are missing") && text.contains("| an "), "{text}");
    assert!(error.contains("runs are kept") && error.contains("--spec"), "{error}");
    let path = results().unwrap();
    let kept = records(path.parent().unwrap()).len();
    assert!(kept > 0 && error.contains(&format!("{kept} of 2000 runs are kept")), "{kept}: {error}");

    // Nothing has ended: the state of the run is kept. The handlers are there before the folder is.
    let dir = folder();
    let args = long("1", "99999");
    let mut child = command(dir.path(), &args).spawn().unwrap();
    wait_for(&mut child, "no folder was made", || {
        dir.path().join("runs/spml-linear-data-001/spec.toml").exists()
    });
    signal(&child, "-INT");
    let output = child.wait_with_output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{error}");
    // A signal before the first epoch leaves nothing, the folder above included.
    let begun = error.contains("interrupted: 0 of 1 runs are kept, and the state of others");
    assert!(begun || error.contains("interrupted: no run has finished"), "{error}");
    assert_eq!(dir.path().join("runs").exists(), begun, "{error}");
    assert_eq!(dir.path().join("runs/spml-linear-data-001/checkpoints").exists(), begun, "{error}");
}

/// A file system of a few kilobytes, taken away at the end.
pub(crate) struct SmallDisk(pub(crate) std::path::PathBuf);

impl SmallDisk {
    pub(crate) fn mount(path: &Path) -> Option<Self> {
        Self::of(path, "64k")
    }

    pub(crate) fn of(path: &Path, size: &str) -> Option<Self> {
        fs::create_dir(path).unwrap();
        let size = format!("size={size}");
        let options = ["-t", "tmpfs", "-o", &size, "none"];
        let mounted = Command::new("mount").args(options).arg(path).stderr(Stdio::null()).status();
        mounted.is_ok_and(|status| status.success()).then(|| Self(path.into()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_costs_no_table_and_no_run_that_was_stored() {
    let dir = folder();
    let Some(disk) = SmallDisk::of(&dir.path().join("small"), "256k") else {
        println!(
            "skipped: no file system could be mounted; the failing writer of the store is tested by itself"
        );
        return;
    };
    // Room for the specification and a few runs with their scores.
    fs::write(disk.0.join("filler"), vec![0; 216 << 10]).unwrap();
    let mut args = RUN;
    args[13] = "small/out";
    let output = command(dir.path(), &args).output().unwrap();
    let (text, error) =
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(error.contains("results could not be stored") && error.contains("No space left"), "{error}");
    assert!(text.contains("| hill ") && !text.contains("not run"), "the table is on the screen: {text}");
    let kept = records(&disk.0.join("out")).len();
    assert!(kept < RUNS, "{kept} runs fitted");
    // With free space again the missing runs are made.
    fs::remove_file(disk.0.join("filler")).unwrap();
    let output = command(dir.path(), &args).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let undisturbed = folder();
    assert!(run(undisturbed.path()).status.success());
    assert_eq!(results(&disk.0.join("out")), results(&undisturbed.path().join("out")));
}

#[test]
fn a_folder_that_is_read_only_is_refused_before_the_first_run() {
    let dir = folder();
    let Some(disk) = SmallDisk::mount(&dir.path().join("small")) else {
        println!("skipped: no file system could be mounted");
        return;
    };
    let remounted = Command::new("mount").args(["-o", "remount,ro"]).arg(&disk.0).status().unwrap();
    assert!(remounted.success());
    let mut args = RUN;
    args[13] = "small/out";
    let output = command(dir.path(), &args).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(error.starts_with("error: small/out: ") && output.stdout.is_empty(), "{error}");
}
