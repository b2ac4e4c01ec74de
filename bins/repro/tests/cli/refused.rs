//! Disks that are full or broken while runs are stored: for every call that can be refused.
#![cfg(target_os = "linux")]

use crate::kills::{kept, lasting};
use crate::refused_calls::{Case, Files, can_be_refused};
use crate::{done, write_rows};
use std::fs;

/// The `result`s of whole lines in `out/results.jsonl`, by id.
fn stored(files: &Files) -> Vec<(String, serde_json::Value)> {
    let Some(bytes) = files.get("out/results.jsonl") else { return vec![] };
    let text = String::from_utf8(bytes.clone()).unwrap();
    let lines = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    let record = |line: &str| {
        let mut record: serde_json::Value = serde_json::from_str(line).expect("a whole line is a record");
        (record["id"].as_str().unwrap().to_string(), record["result"].take())
    };
    let mut records: Vec<_> = lines.map(record).collect();
    records.sort_by(|a, b| a.0.cmp(&b.0));
    records
}

#[test]
fn whatever_call_of_a_run_is_refused_what_is_stored_is_right_and_the_run_goes_on() {
    if !can_be_refused() {
        println!("skipped: strace is not there or may not trace");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("data")).unwrap();
    write_rows(&dir.path().join("data"), [60, 30]);
    let program = assert_cmd::cargo::cargo_bin("repro");
    let args = ["run", "spml-linear", "--data", "data", "--loss", "an", "--seeds", "2", "--epochs", "2"];
    let more = ["--batch", "16", "--jobs", "1", "--checkpoint-every", "0", "--out", "out"];
    let args = [&args[..], &more].concat();
    let case = Case { program: &program, folder: dir.path(), args: &args, outputs: &["out"], input: "" };
    let expected = stored(&case.undisturbed(&Files::new()));
    assert_eq!(expected.len(), 2);
    let all = case.refused(&Files::new());
    let mut files = 0;
    for refused in all.iter().filter(|refused| refused.file) {
        let (call, error) = (&refused.call, &refused.error);
        if call.lines().all(|call| call.contains("/scores")) {
            // Scores that cannot be kept cost no run and no table: a note says so.
            let cause = ["No space left", "Input/output error", "Read-only"]
                .iter()
                .any(|cause| error.contains(cause));
            assert!(cause && error.contains("scores"), "{call}: {error}");
        } else {
            refused.assert_said(&case);
        }
        let kept = stored(&refused.left);
        assert!(kept.iter().all(|run| expected.contains(run)), "{call}: {error}");
        // With a disk that works again the same command makes what is missing.
        assert_eq!(stored(&case.undisturbed(&refused.left)), expected, "{call}: {error}");
        files += 1;
    }
    assert!(files >= 20, "{files} calls");
    println!("refused calls: {files}");
}

/// Sweeps, whose processes store one file for each run, studies with their records, and reports.
#[test]
#[ignore = "half a minute: the slow set"]
fn whatever_call_of_a_sweep_a_study_or_a_report_is_refused_what_is_stored_is_right_and_it_goes_on() {
    if !can_be_refused() {
        println!("skipped: strace is not there or may not trace");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    fs::create_dir(path.join("data")).unwrap();
    write_rows(&path.join("data"), [60, 30]);
    fs::write(path.join("sweep.toml"), SWEEP).unwrap();
    let run = ["run", "spml-linear", "--data", "data", "--loss", "an", "--seeds", "1", "--epochs", "1"];
    done(path, &[&run[..], &["--batch", "16", "--out", "ran"]].concat());
    let program = assert_cmd::cargo::cargo_bin("repro");
    let sweep = ["sweep", "sweep.toml", "--out", "swept", "--jobs", "1"];
    let study =
        ["study", "spml-methods", "--masks", "1", "--inits", "1", "--resamples", "20", "--data", "data"];
    let study =
        [&study[..], &["--loss", "an", "--epochs", "1", "--out", "s", "--record", "r.jsonl"]].concat();
    let report = ["report", "ran", "--resamples", "20", "--out", "reported"];
    let cases: [(&[&str], &[&str]); 3] =
        [(&sweep, &["swept"]), (&study, &["s", "r.jsonl"]), (&report, &["reported"])];
    let mut counts = Vec::new();
    for (args, outputs) in cases {
        let case = Case { program: &program, folder: path, args, outputs, input: "" };
        let none = Files::new();
        let expected = case.undisturbed(&none);
        let all = case.refused(&none);
        let mut files = 0;
        for refused in all.iter().filter(|refused| refused.file) {
            let (call, error) = (&refused.call, &refused.error);
            // Scores that cannot be kept cost no run: a note says so. A claim or an empty folder that is left is taken over.
            if refused.code == Some(0) {
                let unneeded = ["/scores", "/claims", "/checkpoints"];
                assert!(
                    call.lines().all(|call| unneeded.iter().any(|name| call.contains(name))),
                    "{call}: {error}"
                );
                assert!(!call.contains("/scores") || error.contains("scores"), "{call}: {error}");
            } else {
                refused.assert_said(&case);
            }
            assert!(kept(&refused.left).is_subset(&kept(&expected)), "{call}: {error}");
            // With a disk that works again the same command makes what is missing.
            assert_eq!(lasting(&case.undisturbed(&refused.left)), lasting(&expected), "{call}: {error}");
            files += 1;
        }
        assert!(files >= 10, "{args:?}: {files} calls");
        counts.push((args[0], files));
    }
    println!("refused calls: {counts:?}");
}

const SWEEP: &str = r#"
name = "rates"
title = "t"
source = "s"
data = { path = "data" }
[training]
epochs = 1
batch = 16
lr = 1e-3
seeds = 1
[[losses]]
name = "an"
[sweep.keys]
training.lr = [1e-3, 1e-2]
"#;
