//! Train, kill, resume, report, audit and predict, over and over in the same folders: nothing is left behind, and the process that starts
//! all of it does not grow.
#![cfg(target_os = "linux")]

use crate::growth::{Growth, seconds};
use crate::killed::{Kills, life, temporary};
use crate::refused_calls::{Case, Files};
use crate::{done, results, write_rows};
use std::fs;
use std::path::Path;
use std::process::Command;

const RUN: [&str; 16] = [
    "run",
    "spml-linear",
    "--data",
    "data",
    "--loss",
    "an,role,hill",
    "--seeds",
    "2",
    "--epochs",
    "12",
    "--batch",
    "8",
    "--checkpoint-every",
    "0",
    "--out",
    "out",
];

/// The commands of `lacuna` in a round, with what each writes.
const OTHERS: [(&[&str], &str); 4] = [
    (
        &[
            "train",
            "data",
            "--label-convention",
            "binary-an",
            "--epochs",
            "3",
            "--val",
            "0.2",
            "--force",
            "--out",
            "head",
        ],
        "head",
    ),
    (
        &[
            "predict",
            "--model",
            "head",
            "--features",
            "data/val_features_test.npy",
            "--force",
            "--out",
            "p.csv",
        ],
        "p.csv",
    ),
    (
        &[
            "audit",
            "data",
            "--label-convention",
            "binary-an",
            "--top",
            "20",
            "--force",
            "--out",
            "list.html",
            "--apply",
            "new",
        ],
        "new",
    ),
    (
        &[
            "audit",
            "data",
            "--label-convention",
            "binary-an",
            "--ask",
            "20",
            "--stdin",
            "--force",
            "--answers",
            "a.jsonl",
            "--out",
            "b.html",
        ],
        "a.jsonl",
    ),
];

#[test]
#[ignore = "an hour: LACUNA_SOAK_SECONDS"]
fn programs_that_are_killed_and_go_on_leave_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    fs::create_dir(path.join("data")).unwrap();
    write_rows(&path.join("data"), [60, 30]);
    let repro = assert_cmd::cargo::cargo_bin("repro");
    let lacuna = assert_cmd::cargo::cargo_bin("lacuna");
    assert!(lacuna.is_file(), "the program lacuna is not built: cargo test -p lacuna -p lacuna-repro");
    let case = Case { program: &repro, folder: path, args: &RUN, outputs: &["out"], input: "" };
    let mut whole = life(&case, &Files::new());
    let expected = results(&path.join("out"));
    let mut kills = Kills::new(0x50a4);
    let mut growth = Growth::new("train, kill, resume, report, audit and predict");
    let mut names: Option<Vec<String>> = None;
    let total = seconds("LACUNA_SOAK_SECONDS");
    while growth.seconds() < total {
        case.put(&Files::new());
        for _ in 0..2 {
            kills.kill(&case, &mut whole);
        }
        let (code, error) = case.ended();
        assert_eq!(code, Some(0), "{error}");
        assert_eq!(results(&path.join("out")), expected);
        kills.resumed += 1;
        done(path, &["report", "out", "--resamples", "20", "--out", "report"]);
        for (args, output) in OTHERS {
            let _ = fs::remove_file(path.join("a.jsonl"));
            let input = "y\nn\n".repeat(10);
            let case = Case { program: &lacuna, folder: path, args, outputs: &[output], input: &input };
            let (code, error) = case.ended();
            assert_eq!(code, Some(0), "{args:?}: {error}");
        }
        let found = listed(path);
        assert_eq!(names.get_or_insert_with(|| found.clone()), &found);
        assert_eq!(temporary(path), [""; 0]);
        growth.sample();
    }
    println!("{}", kills.said("the soak"));
    growth.assert_none();
    // No process of a round is left.
    let children =
        Command::new("ps").args(["--ppid", &std::process::id().to_string(), "-o", "comm="]).output();
    if let Ok(children) = children {
        let text = String::from_utf8_lossy(&children.stdout).into_owned();
        assert!(!text.contains("repro") && !text.contains("lacuna"), "{text}");
    }
}

/// The files in the folder, below it as well.
fn listed(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(listed(&path)) } else { found.push(path.display().to_string()) }
    }
    found.sort();
    found
}
