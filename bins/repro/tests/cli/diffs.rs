//! Two run folders beside each other.

use crate::{done, refused, repro, write_rows};
use std::fs;

const QUICK: [&str; 8] = ["run", "spml-linear", "--epochs", "2", "--batch", "8", "--data", "data"];

#[test]
fn equal_results_end_with_0_and_others_with_1() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    fs::create_dir(&data).unwrap();
    write_rows(&data, [60, 30]);
    let run = |more: &[&str]| done(dir.path(), &[&QUICK[..], more].concat());
    run(&["--loss", "an,hill", "--seeds", "2", "--out", "a"]);
    run(&["--loss", "hill,an", "--seeds", "2", "--out", "same"]);
    run(&["--loss", "an,splc", "--seeds", "1", "--lr", "0.01", "--out", "b"]);
    let (text, _) = done(dir.path(), &["diff", "a", "same"]);
    assert!(text.contains("losses is an, hill in A and hill, an in B"), "{text}");
    assert!(text.ends_with("4 runs: 4 identical\n"), "{text}");
    let diff = |args: &[&str]| {
        let output = repro(dir.path()).args(args).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let text = diff(&["diff", "a", "b"]);
    for line in ["training.lr is 0.001", "training.seeds is 2 in A and 1 in B", "only in A", "only in B"] {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert!(text.ends_with("5 runs: 1 different, 3 in A alone, 1 in B alone\n"), "{text}");
    let json: serde_json::Value = serde_json::from_str(&diff(&["diff", "a", "b", "--json"])).unwrap();
    assert_eq!(json["equal"], false);
    let run = &json["runs"][0];
    assert_eq!(
        (&run["row"], &run["status"], &run["same_weights"]),
        (&"an".into(), &"different".into(), &false.into())
    );
    let map = &run["metrics"]["map"];
    let number = |key: &str| map[key].as_f64().unwrap();
    assert_eq!(number("difference"), number("b") - number("a"));
    let mean = json["means"].as_array().unwrap().iter().find(|mean| mean["metric"] == "map").unwrap();
    assert_eq!((mean["row"].as_str(), mean["seeds"].as_u64(), &mean["a"]), (Some("an"), Some(1), &map["a"]));
}

#[test]
fn results_on_other_data_are_refused_with_both_fingerprints() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    fs::create_dir(&data).unwrap();
    for (rows, out) in [(60, "a"), (64, "b")] {
        write_rows(&data, [rows, 30]);
        done(dir.path(), &[&QUICK[..], &["--loss", "an", "--seeds", "1", "--out", out]].concat());
    }
    let error = refused(dir.path(), &["diff", "a", "b"]);
    let fingerprint = |folder: &str| {
        let label = fs::read_to_string(dir.path().join(folder).join("data.json")).unwrap();
        let label: serde_json::Value = serde_json::from_str(&label).unwrap();
        label["fingerprint"].as_str().unwrap().to_string()
    };
    assert_ne!(fingerprint("a"), fingerprint("b"));
    for folder in ["a", "b"] {
        assert!(error.contains(&fingerprint(folder)), "{error}");
    }
    assert!(refused(dir.path(), &["diff", "a", "missing"]).contains("missing: there is no such folder"));
}
