//! Counters of this build against the committed ones, and the plot of the committed history.

use super::{perfgate, run};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

fn committed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../counts.json")
}

#[test]
fn allocations_and_nodes_are_the_committed_ones() {
    let (code, text, error) =
        run(perfgate().args(["counts", "--no-instructions", "--file"]).arg(committed()));
    assert_eq!(code, Some(0), "{text}{error}");
    assert_eq!(text.lines().count(), 5, "{text}");
    assert!(text.contains("linear/16: 0 allocations, "), "{text}");
}

/// The two that take callgrind seconds; `.ci/slow` counts all of them.
#[test]
fn instructions_are_the_committed_ones() {
    let (code, text, error) =
        run(perfgate().args(["counts", "linear/16", "hill/1024x80", "--file"]).arg(committed()));
    assert_eq!(code, Some(0), "{text}{error}");
    match error.contains("valgrind is not installed") {
        true => println!("skipped: valgrind is not installed"),
        false => assert_eq!(text.matches(" instructions a step").count(), 2, "{text}"),
    }
}

#[test]
fn without_valgrind_instructions_are_left_out_and_that_is_printed() {
    let (code, text, error) =
        run(perfgate().args(["counts", "linear/16", "--file"]).arg(committed()).env("PATH", ""));
    assert_eq!(code, Some(0), "{text}{error}");
    assert_eq!(error.lines().next(), Some("valgrind is not installed: instructions are not counted"));
    let (code, _, error) = run(perfgate().args(["counts", "--write", "--file", "x.json"]).env("PATH", ""));
    assert_eq!(code, Some(2));
    assert!(error.contains("without it there are no instructions to write"), "{error}");
}

#[test]
fn a_counter_that_differs_is_named() {
    let mut file: Value = serde_json::from_slice(&fs::read(committed()).unwrap()).unwrap();
    file["counts"]["linear/16"]["nodes"] = 1_000.into();
    file["counts"]["map/2000x80"]["allocations"] = 1.5.into();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("counts.json");
    fs::write(&path, file.to_string()).unwrap();
    let (code, text, error) =
        run(perfgate().args(["counts", "--no-instructions", "--json", "--file"]).arg(&path));
    assert_eq!(code, Some(3), "{error}");
    assert!(error.contains("linear/16: nodes "), "{error}");
    assert!(error.contains("map/2000x80: 0 allocations a step, committed 1.5"), "{error}");
    assert_eq!(error.lines().filter(|line| !line.starts_with("note:")).count(), 2, "{error}");
    let counted: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(counted["counts"].as_object().unwrap().len(), 5);
}

/// All five under callgrind: two minutes.
#[test]
#[ignore = "two minutes of callgrind"]
fn all_instructions_are_the_committed_ones() {
    let (code, text, error) = run(perfgate().args(["counts", "--file"]).arg(committed()));
    assert_eq!(code, Some(0), "{text}{error}");
    println!("{text}{error}");
}

#[test]
fn the_committed_history_is_drawn() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("history.svg");
    let history = committed().with_file_name("history.jsonl");
    let mut plot = perfgate();
    plot.arg("plot").arg("--file").arg(&history).arg("--out").arg(&out);
    let (code, _, error) = run(&mut plot);
    assert_eq!(code, Some(0), "{error}");
    let svg = fs::read_to_string(&out).unwrap();
    assert!(svg.starts_with("<svg") && svg.contains("linear/16"), "{svg}");
    let (code, _, error) = run(plot.args(["--bench", "no such"]));
    assert_eq!(code, Some(2));
    assert!(error.contains("no such benchmark"), "{error}");
}
