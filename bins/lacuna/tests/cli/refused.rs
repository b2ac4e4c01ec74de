//! Disks that are full or broken: for every call of every writer that can be refused, the old output or the new one is there.
#![cfg(target_os = "linux")]

use crate::refused_calls::{Case, Files, can_be_refused};
use crate::{XY, data, lacuna, with};

/// Heads, predictions, converted data, masks, embedded sets, exports, thresholds, calibration, and what an audit writes.
#[test]
fn whatever_call_of_a_command_is_refused_the_old_output_or_the_new_one_is_there() {
    if !can_be_refused() {
        println!("skipped: strace is not there or may not trace");
        return;
    }
    let folder = data();
    let path = folder.path();
    let program = assert_cmd::cargo::cargo_bin("lacuna");
    let train =
        |more: &[&'static str]| with("train", &[&["--complete", "--val", "0.25", "--force"], more].concat());
    assert_eq!(lacuna(path, &train(&["--out", "m"])).0, 0);
    assert_eq!(lacuna(path, &train(&["--out", "h", "--seed", "5"])).0, 0);
    let predict =
        |out| [&["predict", "--model", "m", "--features", "x.npy", "--force", "--out"][..], &[out]].concat();
    let convert = |out| {
        [&["convert"][..], &XY, &["--names", "names.txt", "--match=row", "--force", "--out", out]].concat()
    };
    let mask =
        [&["mask"][..], &XY, &["--protocol", "single-positive", "--force", "--out", "mask.csv"]].concat();
    let make = ["make", "voc-like", "--train-rows", "100", "--test-rows", "100", "--force", "--out", "made"];
    let onnx = ["export", "--model", "m", "--force", "--onnx", "m.onnx"];
    assert_eq!(lacuna(path, &train(&["--out", "t"])).0, 0);
    let chosen = |command| with(command, &["--complete", "--model", "t"]);
    let audit = |more: &[&'static str]| {
        let data = ["audit", "--features", "x.npy", "--labels", "tags.csv", "--names", "names.txt"];
        [&data[..], &["--unlisted", "unknown", "--top", "9", "--force"], more].concat()
    };
    let cases: [(Vec<&str>, &[&str]); 14] = [
        (train(&["--out", "h"]), &["h"]),
        (predict("p.csv"), &["p.csv"]),
        (predict("p.npy"), &["p.npy", "p.rows.npy", "p.classes.npy", "p.predicted.npy"]),
        (convert("all.npz"), &["all.npz"]),
        (convert("all.safetensors"), &["all.safetensors"]),
        (mask, &["mask.csv"]),
        (make.to_vec(), &["made"]),
        // A folder that changes places with the old one.
        (vec!["convert", "made", "--force", "--out", "set/"], &["set"]),
        (onnx.to_vec(), &["m.onnx"]),
        (chosen("thresholds"), &["t"]),
        (chosen("calibrate"), &["t"]),
        (audit(&["--out", "list.html"]), &["list.html"]),
        // Its files were whole one by one and not together.
        (audit(&["--apply", "new"]), &["new"]),
        (audit(&["--retrain", "better"]), &["better"]),
    ];
    let mut counts = Vec::new();
    for &(ref args, outputs) in &cases {
        let case = Case { program: &program, folder: path, args, outputs, input: "" };
        // A head of another seed is there already; of other outputs, files of the same names with something else in them.
        let here = case.files();
        let new = case.undisturbed(&here);
        let old: Files = match outputs[0] {
            "h" | "t" => here,
            _ => new.keys().map(|name| (name.clone(), format!("old {name}").into_bytes())).collect(),
        };
        assert_eq!(case.undisturbed(&old), new, "{args:?}");
        assert_ne!(old, new);
        let refused = case.refused(&old);
        for refused in &refused {
            refused.assert_said(&case);
            let call = &refused.call;
            let names: Vec<&String> = refused.left.keys().collect();
            assert!(refused.left == old || refused.left == new, "{args:?}: {call}: {names:?}");
            assert!(refused.file || refused.left == new, "{args:?}: what is printed costs no output: {call}");
        }
        let files = refused.iter().filter(|refused| refused.file).count();
        assert!(files >= 4, "{args:?}: {files} calls");
        counts.push((outputs[0], files));
        let left: Vec<_> = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(
            left.iter().all(|name| !name.to_string_lossy().starts_with(".lacuna-")),
            "{args:?}: {left:?}"
        );
        // What was refused once is done when the same command is given again.
        assert_eq!(case.undisturbed(&old), new, "{args:?}");
    }
    println!("refused calls: {counts:?}");
}

/// Answers are appended: what is stored is the beginning of what was answered, and the next command goes on from it.
#[test]
fn whatever_call_of_an_audit_is_refused_the_answers_before_it_are_kept() {
    if !can_be_refused() {
        println!("skipped: strace is not there or may not trace");
        return;
    }
    let folder = data();
    let program = assert_cmd::cargo::cargo_bin("lacuna");
    let args = ["audit", "--features", "x.npy", "--labels", "seen.npy", "--label-convention", "spml"];
    let args = [&args[..], &["--ask", "20", "--stdin", "--answers", "a.jsonl"]].concat();
    let case = Case {
        program: &program,
        folder: folder.path(),
        args: &args,
        outputs: &["a.jsonl"],
        input: "y\nn\ny\nu\ny\n",
    };
    let lines = |files: &Files| -> Vec<String> {
        let text =
            files.get("a.jsonl").map(|bytes| String::from_utf8(bytes.clone()).unwrap()).unwrap_or_default();
        text.split_inclusive('\n').filter(|line| line.ends_with('\n')).map(str::to_string).collect()
    };
    let all = lines(&case.undisturbed(&Files::new()));
    assert_eq!(all.len(), 6);
    let refused = case.refused(&Files::new());
    let mut kept = Vec::new();
    for refused in refused.iter().filter(|refused| refused.file) {
        refused.assert_said(&case);
        let left = lines(&refused.left);
        assert!(all.starts_with(&left), "{}: {left:?}", refused.call);
        kept.push(left.len());
        let go_on = Case { input: "q\n", ..case };
        assert!(lines(&go_on.undisturbed(&refused.left)).starts_with(&left), "{}", refused.call);
    }
    assert!((0..all.len()).all(|lines| kept.contains(&lines)), "{kept:?}");
    println!("refused calls: {}", kept.len());
}
