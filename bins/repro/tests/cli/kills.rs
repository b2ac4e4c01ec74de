//! Runs, sweeps, studies and reports, killed at any moment: what is stored is whole, and the same command ends with the same bytes.
#![cfg(unix)]

use crate::killed::{Kills, life, loops, temporary};
use crate::refused_calls::{Case, Files};
use crate::resume::SPEC;
use crate::{done, write_rows};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

const SWEEP: &str = r#"
name = "rates"
title = "t"
source = "s"
data = { path = "small" }
[training]
epochs = 6
batch = 8
lr = 1e-3
seeds = 2
reduction = "mean"
[[losses]]
name = "an"
[[losses]]
name = "role"
[sweep.keys]
training.lr = [1e-3, 1e-2]
"#;

/// Commands that are killed, with what they write.
const COMMANDS: [(&[&str], &[&str]); 5] = [
    (&["run", "--spec", "all.toml", "--out", "out", "--checkpoint-every", "0", "--jobs", "1"], &["out"]),
    (&["run", "--spec", "all.toml", "--out", "out", "--checkpoint-every", "0", "--jobs", "2"], &["out"]),
    (&["sweep", "sweep.toml", "--out", "swept", "--jobs", "2"], &["swept"]),
    (
        &[
            "study",
            "spml-methods",
            "--masks",
            "1,2",
            "--inits",
            "1",
            "--resamples",
            "50",
            "--data",
            "small",
            "--loss",
            "an,epr",
            "--epochs",
            "2",
            "--out",
            "studied",
            "--record",
            "record.jsonl",
        ],
        &["studied", "record.jsonl"],
    ),
    (&["report", "ran", "--resamples", "50", "--out", "reported"], &["reported"]),
];

/// What has to be the same bytes: everything but how long runs took, and where and when.
pub(crate) fn lasting(files: &Files) -> BTreeMap<String, String> {
    let record = |line: &str| {
        let mut record: Value = serde_json::from_str(line).expect("a line is a record");
        if let Some(record) = record.as_object_mut() {
            record.remove("provenance");
        }
        record.to_string()
    };
    let of = |(name, bytes): (&String, &Vec<u8>)| {
        let text = String::from_utf8_lossy(bytes);
        let text = match name.rsplit('/').next().unwrap() {
            // Runs that end at the same time are stored in any order.
            "results.jsonl" => {
                let lines: BTreeSet<String> = text.lines().map(record).collect();
                lines.into_iter().map(|line| line + "\n").collect()
            }
            _ if name.contains("/results/") => record(&text),
            // The last column is the seconds of a run.
            "table.md" => {
                text.lines().map(|line| line.rsplit_once(" | ").map_or(line, |cut| cut.0)).collect()
            }
            _ => bytes.iter().map(|byte| char::from(*byte)).collect(),
        };
        (name.clone(), text)
    };
    files.iter().filter(|(name, _)| !name.contains("/claims/")).map(of).collect()
}

/// The whole records that are stored.
pub(crate) fn kept(files: &Files) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (name, bytes) in files.iter().filter(|(name, _)| name.ends_with("/results.jsonl")) {
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let one = [(name.clone(), bytes[..whole].to_vec())].into();
        let lines = lasting(&one).remove(name).unwrap();
        found.extend(lines.lines().map(String::from));
    }
    // A sweep has a file for each run.
    let one = |(name, _): &(&String, &Vec<u8>)| name.contains("/results/") && name.ends_with(".json");
    let swept: Files = files.iter().filter(one).map(|(name, bytes)| (name.clone(), bytes.clone())).collect();
    found.extend(lasting(&swept).into_values());
    found
}

fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    for (name, rows) in [("data", [240, 60]), ("small", [60, 30])] {
        fs::create_dir(path.join(name)).unwrap();
        write_rows(&path.join(name), rows);
    }
    fs::write(path.join("all.toml"), SPEC).unwrap();
    fs::write(path.join("sweep.toml"), SWEEP).unwrap();
    let run = ["run", "spml-linear", "--data", "small", "--loss", "an,hill", "--seeds", "2", "--epochs", "2"];
    done(path, &[&run[..], &["--batch", "8", "--out", "ran"]].concat());
    dir
}

/// Kills the commands in turn, up to three times on a folder, and lets the last process run to its end.
fn kill_commands(rounds: usize) {
    let dir = folder();
    let program = assert_cmd::cargo::cargo_bin("repro");
    let cases = COMMANDS.map(|(args, outputs)| Case {
        program: &program,
        folder: dir.path(),
        args,
        outputs,
        input: "",
    });
    let none = Files::new();
    let expected = cases.map(|case| case.undisturbed(&none));
    let mut lives = cases.map(|case| life(&case, &none));
    let mut kills = Kills::new(0x0dd5);
    for round in 0..rounds {
        let at = round % cases.len();
        let case = &cases[at];
        case.put(&none);
        for _ in 0..=kills.below(3) {
            // One that was faster than the signal leaves nothing to go on with.
            while !kills.kill(case, &mut lives[at]) {
                case.put(&none);
            }
            let known = kept(&expected[at]);
            let left = case.files();
            assert!(kept(&left).is_subset(&known), "{:?}, round {round}: {:?}", case.args, kept(&left));
            // What has its name is whole. (A study removes the scores of runs that were not chosen.)
            for (name, bytes) in
                left.iter().filter(|(name, _)| name.ends_with(".npy") || name.contains("report"))
            {
                assert!(expected[at].get(name).is_none_or(|whole| whole == bytes), "{name}, round {round}");
            }
        }
        let (code, error) = case.ended();
        assert_eq!(code, Some(0), "{:?}, round {round}: {error}", case.args);
        assert!(!error.contains("starts again") && !error.contains("starts anew"), "{error}");
        let (found, expected) = (lasting(&case.files()), lasting(&expected[at]));
        assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>(), "round {round}");
        for (name, text) in &found {
            assert_eq!(text, &expected[name], "{:?}, round {round}: {name}", case.args);
        }
        assert_eq!(temporary(dir.path()), [""; 0], "{:?}, round {round}", case.args);
        kills.resumed += 1;
    }
    println!("{}", kills.said("runs, sweeps, studies and reports of repro"));
    assert!(kills.killed >= rounds, "{} kills in {rounds} rounds", kills.killed);
}

#[test]
fn killed_commands_go_on_to_the_same_bytes() {
    kill_commands(10);
}

#[test]
#[ignore = "takes minutes: the slow set"]
fn killed_commands_go_on_to_the_same_bytes_many_times() {
    kill_commands(loops(500));
}
