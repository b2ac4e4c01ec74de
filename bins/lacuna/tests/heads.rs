//! The commands on heads as a user meets them: train, predict, eval, thresholds, calibrate, export, compare, convert.
#![allow(clippy::print_stdout, reason = "a test says what it skipped")]

use assert_cmd::Command;
use lacuna_formats::{NpyArray, NpyData, SafetensorsFile};
use serde_json::Value;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// Exit code, standard output, standard error.
fn lacuna(folder: &Path, args: &[&str]) -> (i32, String, String) {
    let output = Command::cargo_bin("lacuna").unwrap().current_dir(folder).args(args).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// The JSON output of a command that ends with 0.
fn json(folder: &Path, args: &[&str]) -> Value {
    let (code, text, error) = lacuna(folder, &[args, &["--json"]].concat());
    assert_eq!(code, 0, "{args:?}: {error}");
    serde_json::from_str(&text).unwrap()
}

fn npy(folder: &Path, name: &str, shape: [usize; 2], data: NpyData) {
    NpyArray::new(shape.to_vec(), data).unwrap().save(&*folder.join(name)).unwrap();
}

/// A number from -1 to 1 that looks random.
fn noise(i: usize) -> f32 {
    ((i as f32 * 12.9898).sin() * 43_758.547).fract()
}

const ROWS: usize = 240;

/// `x.npy`, its names, complete labels `y.npy`, the same with unknown cells `seen.npy`, and tags. Three classes, by the signs
/// of three of four features with some noise.
fn data() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let x: Vec<f32> = (0..ROWS * 4).map(noise).collect();
    let truth = |row: usize, class: usize| x[row * 4 + class] + 0.3 * noise(7777 + row * 3 + class) > 0.1;
    let cells = || (0..ROWS * 3).map(|i| truth(i / 3, i % 3));
    let y: Vec<u8> = cells().map(u8::from).collect();
    let seen = cells().enumerate().map(|(i, y)| match (i % 5, y) {
        (0, _) => 0,
        (_, true) => 1,
        (_, false) => -1,
    });
    npy(path, "seen.npy", [ROWS, 3], NpyData::I8(seen.collect()));
    let mut tags = "image,label\n".to_string();
    for (i, _) in cells().enumerate().filter(|(_, y)| *y) {
        tags += &format!("{}.jpg,{}\n", i / 3, ["cat", "dog", "=cmd()"][i % 3]);
    }
    fs::write(path.join("tags.csv"), tags).unwrap();
    let names: String = (0..ROWS).map(|row| format!("{row}.jpg\n")).collect();
    fs::write(path.join("names.txt"), names).unwrap();
    npy(path, "x.npy", [ROWS, 4], NpyData::F32(x));
    npy(path, "y.npy", [ROWS, 3], NpyData::U8(y));
    folder
}

const XY: [&str; 4] = ["--features", "x.npy", "--labels", "y.npy"];

fn with<'a>(command: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&[command], &XY[..], more].concat()
}

#[test]
fn labels_that_may_be_incomplete_are_asked_about() {
    let folder = data();
    let path = folder.path();
    for command in ["train", "eval", "thresholds", "calibrate", "compare"] {
        if command != "train" && !path.join("head").exists() {
            assert_eq!(lacuna(path, &with("train", &["--complete"])).0, 0);
        }
        let (code, text, error) = lacuna(path, &with(command, &[]));
        assert_eq!((code, &*text), (2, ""), "{command}");
        assert!(error.contains("y.npy") && error.contains("--complete"), "{command}: {error}");
        assert!(error.contains("--label-convention binary-an"), "{command}: {error}");
    }
    // Numbers with -1 name the convention that is missing; with it nothing is open.
    let seen = ["train", "--features", "x.npy", "--labels", "seen.npy", "--out", "seen"];
    let (code, _, error) = lacuna(path, &seen);
    assert!(code == 2 && error.contains("--label-convention spml"), "{error}");
    let done = json(path, &[&seen[..], &["--label-convention", "spml"]].concat());
    assert!(done["notes"][0].as_str().unwrap().contains("144 unknown"), "{}", done["notes"]);
    // Lists.
    let tags =
        ["train", "--features", "x.npy", "--names", "names.txt", "--labels", "tags.csv", "--out", "tags"];
    let (code, _, error) = lacuna(path, &tags);
    assert!(code == 2 && error.contains("--unlisted unknown"), "{error}");
    // One row has no tag, so that --unlisted joins fewer rows by name.
    let done = json(path, &[&tags[..], &["--unlisted", "unknown"]].concat());
    assert_eq!(done["classes"], 3);
    // A class that a spreadsheet would take for a formula.
    let predict = ["predict", "--model", "tags", "--features", "x.npy", "--out"];
    assert_eq!(lacuna(path, &[&predict[..], &["wide.csv"]].concat()).0, 0);
    assert_eq!(lacuna(path, &[&predict[..], &["long.csv", "--top", "3"]].concat()).0, 0);
    for file in ["wide.csv", "long.csv"] {
        let csv = fs::read_to_string(path.join(file)).unwrap();
        assert!(csv.contains("'=cmd()") && !csv.contains(",=cmd()"), "{csv}");
    }
    for complete in [&["--unlisted", "negative"][..], &["--complete"]] {
        let done = json(path, &[&tags[..], complete, &["--force"]].concat());
        assert!(done["notes"].to_string().contains("and 0 unknown cells"), "{}", done["notes"]);
    }
    // A table of 1 and 0 without a blank cell: what is said of blank cells is no answer.
    let wide: String = (0..ROWS).map(|row| format!("{row}.jpg,{},{}\n", row % 2, row / 2 % 2)).collect();
    fs::write(path.join("wide01.csv"), format!("id,a,b\n{wide}")).unwrap();
    let table =
        ["train", "--features", "x.npy", "--names", "names.txt", "--labels", "wide01.csv", "--out", "w"];
    let (code, _, error) = lacuna(path, &[&table[..], &["--unlisted", "unknown"]].concat());
    assert!(code == 2 && error.contains("--label-convention binary-an"), "{error}");
    assert_eq!(lacuna(path, &[&table[..], &["--label-convention", "binary-an"]].concat()).0, 0);
    let both = [&tags[..], &["--complete", "--unlisted", "unknown"]].concat();
    assert!(lacuna(path, &both).2.contains("cannot be used with"));
    // Zeros that are unknown, and one positive a row, which is told.
    let single: Vec<u8> = (0..ROWS * 3).map(|i| u8::from(i % 3 == i / 3 % 3)).collect();
    npy(path, "single.npy", [ROWS, 3], NpyData::U8(single));
    let single = ["train", "--features", "x.npy", "--labels", "single.npy", "--out", "single"];
    let (code, _, error) = lacuna(path, &single);
    assert!(code == 2 && error.contains("no row has more than one positive"), "{error}");
    let done = json(path, &[&single[..], &["--label-convention", "binary-an"]].concat());
    assert!(done["notes"][0].as_str().unwrap().contains("480 unknown"), "{}", done["notes"]);
}

#[test]
fn what_is_refused_says_what_to_do() {
    let folder = data();
    let path = folder.path();
    let folders: String = (0..ROWS).map(|row| format!("img/{row}.jpg\n")).collect();
    fs::write(path.join("folders.txt"), folders).unwrap();
    let ones: String = (0..ROWS).step_by(3).map(|row| format!("{row}.jpg,cat\n")).collect();
    fs::write(path.join("one.csv"), format!("image,label\n{ones}")).unwrap();
    npy(path, "transposed.npy", [3, ROWS], NpyData::U8(vec![1; 3 * ROWS]));
    let ids = NpyArray::new(vec![ROWS], NpyData::I64(vec![1; ROWS])).unwrap();
    ids.save(&*path.join("ids.npy")).unwrap();
    let named = "--features x.npy --names names.txt";
    for (command, expected) in [
        (
            "train --features x.npy --names folders.txt --labels tags.csv --unlisted unknown",
            &["`0.jpg` here, `img/0.jpg` there", "--match file-name joins them"][..],
        ),
        (
            &format!("train {named} --labels one.csv --unlisted unknown"),
            &["every label is positive", "`NAME,`"],
        ),
        ("train --features x.npy --labels transposed.npy --complete", &["transposed", "here 240 x 3"]),
        (
            "train --features x.npy --labels ids.npy --complete",
            &["rank 1, expected 2", "columns `id` and `label`"],
        ),
        ("train --features y.npy --labels x.npy --complete", &["expected -1, 0 or 1", "with --features"]),
        (&format!("train {named} --labels names.txt"), &["missing comma", "--names"]),
        (
            &format!("train {named} --labels tags.csv --unlisted unknown --loss nosuch"),
            &["`repro losses list`"],
        ),
        (&format!("train {named} --labels tags.csv --unlisted unknown --out names.txt"), &["it is a file"]),
        ("predict --model h --features x.npy --out nosuch/p.csv", &["there is no folder nosuch: create it"]),
        (
            "thresholds --model h --features x.npy --labels y.npy --complete --out h2",
            &["--force replaces it"],
        ),
        (
            &format!("eval --model cats {named} --labels one.csv --complete"),
            &["no class of the labels", "named as"],
        ),
        ("convert y.npy --labels-only --out z.jsonl", &["--labels FILE"]),
    ] {
        if command.starts_with("predict") {
            for out in ["h", "h2"] {
                assert_eq!(lacuna(path, &with("train", &["--complete", "--out", out])).0, 0);
            }
            fs::write(path.join("two.csv"), "image,label\n1.jpg,a\n2.jpg,b\n3.jpg,b\n4.jpg,a\n").unwrap();
            let two = ["--names", "names.txt", "--unlisted", "negative", "--out", "cats"];
            let (code, _, error) =
                lacuna(path, &[&["train", "--features", "x.npy", "--labels", "two.csv"][..], &two].concat());
            assert_eq!(code, 0, "{error}");
        }
        let (code, text, error) = lacuna(path, &command.split(' ').collect::<Vec<_>>());
        assert_eq!((code, &*text), (2, ""), "{command}: {error}");
        assert!(expected.iter().all(|part| error.contains(part)), "{command}: {error}");
        // One line, where nobody sees it on a terminal.
        assert_eq!(error.lines().filter(|line| line.starts_with("error: ")).count(), 1, "{error}");
    }
}

#[test]
fn smaller_confidences_are_negative_or_unknown_as_is_said() {
    let folder = data();
    let path = folder.path();
    let lines: String =
        (0..ROWS).map(|row| format!("{row}.jpg,0.{},0.{}\n", row % 10, row / 10 % 10)).collect();
    fs::write(path.join("conf.csv"), format!("id,a,b\n{lines}")).unwrap();
    let train =
        ["train", "--features", "x.npy", "--names", "names.txt", "--labels", "conf.csv", "--out", "c"];
    let (code, _, error) = lacuna(path, &train);
    assert!(code == 2 && error.contains("--positive-above P") && error.contains("binary-an"), "{error}");
    let above = [&train[..], &["--positive-above", "0.5"]].concat();
    let (code, _, error) = lacuna(path, &above);
    assert!(code == 2 && error.contains("--complete if they are negatives"), "{error}");
    let (code, _, error) = lacuna(path, &[&above[..], &["--label-convention", "spml"]].concat());
    assert!(code == 2 && error.contains("--complete") && error.contains("binary-an"), "{error}");
    for (more, counts) in [
        (&["--complete"][..], "176 positive, 304 negative and 0 unknown"),
        (&["--label-convention", "binary-an"], "176 positive, 0 negative and 304 unknown"),
    ] {
        let done = json(path, &[&above[..], more, &["--force"]].concat());
        assert!(done["notes"].to_string().contains(counts), "{}", done["notes"]);
    }
}

#[test]
fn test_lists_may_be_complete_beside_training_lists_that_are_not() {
    let folder = data();
    let path = folder.path();
    let data = ["train", "--features", "x.npy", "--names", "names.txt", "--labels", "tags.csv"];
    let test = ["--test", "x.npy", "--test-names", "names.txt", "--test-labels", "tags.csv", "--force"];
    let train = [&data[..], &test, &["--unlisted", "unknown"]].concat();
    let done = json(path, &train);
    assert_eq!(done["measured"][0]["assuming_negative"], true);
    assert!(lacuna(path, &train).1.replace("\n    ", " ").contains("--test-unlisted negative"));
    let done = json(path, &[&train[..], &["--test-unlisted", "negative"]].concat());
    assert_eq!(done["measured"][0]["assuming_negative"], false);
    assert!(done["notes"].to_string().contains(" 0 negative and"), "{}", done["notes"]);
    // What the numbers of the training labels mean says nothing of the lists of the test rows.
    let wide: String = (0..ROWS).map(|row| format!("{row}.jpg,{},{},0\n", row % 2, row / 2 % 2)).collect();
    fs::write(path.join("wide.csv"), format!("id,cat,dog,=cmd()\n{wide}")).unwrap();
    let wide = ["train", "--features", "x.npy", "--names", "names.txt", "--labels", "wide.csv"];
    let wide = [&wide[..], &test, &["--label-convention", "binary-an"]].concat();
    let (code, _, error) = lacuna(path, &wide);
    assert!(code == 2 && error.contains("test labels list positives"), "{error}");
    assert!(error.contains("--test-unlisted negative"), "{error}");
    let done = json(path, &[&wide[..], &["--test-unlisted", "negative"]].concat());
    assert_eq!(done["measured"][0]["assuming_negative"], false);
    let (code, _, error) =
        lacuna(path, &[&data[..], &["--unlisted", "unknown", "--test-unlisted", "negative"]].concat());
    assert!(code == 2 && error.contains("need test rows"), "{error}");
}

#[test]
fn labels_are_converted_without_features() {
    let folder = data();
    let path = folder.path();
    let (code, _, error) = lacuna(path, &["convert", "--labels", "y.npy", "--out", "y.jsonl"]);
    assert_eq!(code, 0, "{error}");
    assert_eq!(fs::read_to_string(path.join("y.jsonl")).unwrap().lines().count(), ROWS);
    let named = ["convert", "--labels", "seen.npy", "--label-convention", "spml", "--names", "names.txt"];
    let (code, _, error) = lacuna(path, &[&named[..], &["--out", "seen.csv"]].concat());
    assert_eq!(code, 0, "{error}");
    let csv = fs::read_to_string(path.join("seen.csv")).unwrap();
    assert!(csv.lines().nth(1).unwrap().starts_with("0.jpg,"), "{csv}");
    let (code, _, error) = lacuna(path, &["convert", "--labels", "seen.csv", "--out", "back.npy"]);
    assert_eq!(code, 0, "{error}");
    let read = |file: &str| NpyArray::open(path.join(file)).unwrap().into_f32_matrix().unwrap();
    assert_eq!(read("back.npy"), read("seen.npy"));
}

#[test]
fn rows_without_a_line_and_classes_in_two_spellings_are_told() {
    let folder = data();
    let path = folder.path();
    fs::write(path.join("few.csv"), "image,label\n0.jpg,Trees\n1.jpg,trees\n2.jpg,\n").unwrap();
    let args = ["doctor", "--features", "x.npy", "--names", "names.txt", "--labels", "few.csv"];
    let (_, text, error) = lacuna(path, &args);
    assert!(
        text.contains("3 rows") && error.contains("a line `3.jpg,` with an empty label keeps"),
        "{text}{error}"
    );
    assert!(error.contains("`Trees` and `trees` differ in capital letters"), "{error}");
}

#[test]
fn features_and_labels_need_no_data_in_any_command() {
    let folder = data();
    let path = folder.path();
    let (code, text, error) = lacuna(path, &with("doctor", &[]));
    assert!(code == 0 && text.contains("240 rows, 4 features, 3 classes"), "{text}{error}");
    assert!(text.starts_with("x.npy\n"), "{text}");
    assert_eq!(lacuna(path, &with("mask", &["--out", "m.npy"])).0, 0);
    assert!(path.join("m.npy").exists());
    let (code, _, error) = lacuna(path, &["doctor", "--features", "resnet50"]);
    assert!(code == 2 && error.contains("--features resnet50: there is no such file"), "{error}");
    let (code, _, error) = lacuna(path, &["doctor", "--labels", "y.npy"]);
    assert!(code == 2 && error.contains("--features FILE"), "{error}");
    // Beside data it is the name of its features.
    let (code, _, error) = lacuna(path, &["doctor", "x.npy", "--features", "resnet50"]);
    assert!(code == 0 || !error.contains("there is no such file"), "{error}");
    let (code, _, error) = lacuna(path, &with("train", &["--complete", "--strong", "x.npy"]));
    assert!(code == 2 && error.contains("--strong"), "{error}");
}

/// `--format` is that of the labels where the features are an array, which says itself what it is.
#[test]
fn a_format_beside_an_array_is_that_of_the_labels() {
    let folder = data();
    let path = folder.path();
    let list: String = (0..ROWS).map(|row| format!("im{row}.png,{}\n", row % 3)).collect();
    fs::write(path.join("list.csv"), list).unwrap();
    let args = ["doctor", "--features", "x.npy", "--labels", "list.csv", "--match", "row"];
    let (code, _, error) = lacuna(path, &[&args[..], &["--unlisted", "unknown"]].concat());
    assert_eq!(code, 2);
    assert!(error.contains("add a line such as `id,cat,dog`"), "{error}");
    let (code, text, error) = lacuna(path, &[&args[..], &["--format", "label-list"]].concat());
    assert_eq!(code, 0, "{text}{error}");
}

#[test]
fn a_head_is_trained_measured_and_used() {
    let folder = data();
    let path = folder.path();
    let train = with("train", &["--complete", "--val", "0.25", "--out", "h", "--seed", "3"]);
    let (code, text, error) = lacuna(path, &train);
    assert_eq!(code, 0, "{error}");
    // A bar is for terminals.
    assert!(!error.contains("training") && text.contains("held-out rows: 60"), "{text}{error}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    let held = fs::read_to_string(path.join("h/held_out.txt")).unwrap();
    assert_eq!(held.lines().count(), 60);
    // The same again is refused, with --force the same bits.
    let weights = fs::read(path.join("h/head.safetensors")).unwrap();
    let (code, _, error) = lacuna(path, &train);
    assert!(code == 2 && error.contains("--force replaces it"), "{error}");
    assert_eq!(
        lacuna(path, &[&train[..], &["--force", "--quiet"]].concat()),
        (0, text.clone(), error_of_notes())
    );
    assert_eq!(fs::read(path.join("h/head.safetensors")).unwrap(), weights);

    // The held-out rows give the numbers that training printed.
    let of_held = ["--model", "h", "--complete", "--rows", "h/held_out.txt"];
    let report = json(path, &with("eval", &of_held));
    assert_eq!((&report["rows"], &report["positives"]), (&60.into(), &report["positives"]));
    let map = report["metrics"].as_array().unwrap().iter().find(|metric| metric["name"] == "map").unwrap();
    let map = format!("map            {:.1}", map["value"].as_f64().unwrap());
    assert!(text.contains(&map), "{map}: {text}");
    let (_, text, error) = lacuna(path, &with("eval", &[&of_held[..], &["--per-class"]].concat()));
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    assert!(text.contains("class 2") && !error.contains("warning"), "{text}{error}");
    let (_, _, error) = lacuna(path, &with("eval", &["--model", "seen", "--complete"]));
    assert!(error.contains("no head could be read"), "{error}");
    assert!(
        lacuna(path, &with("eval", &["--model", "h", "--complete", "--metrics", "mpa"]))
            .2
            .contains("did you mean `map`?")
    );

    // Predictions: p of the logits, by a linear layer that is read by itself.
    let predict = ["predict", "--model", "h", "--features", "x.npy", "--names", "names.txt"];
    for file in ["p.npy", "p.csv", "p.jsonl"] {
        let (code, _, error) = lacuna(path, &[&predict[..], &["--out", file]].concat());
        assert_eq!(code, 0, "{error}");
    }
    let mut file = SafetensorsFile::open(path.join("h/head.safetensors")).unwrap();
    let mut read = |name: &str| match file.read(name).unwrap().into_data() {
        NpyData::F32(values) => values,
        other => panic!("{other:?}"),
    };
    let (w, b) = (read("weight"), read("bias"));
    let (_, _, x) = NpyArray::open(path.join("x.npy")).unwrap().into_f32_matrix().unwrap();
    let (rows, classes, p) = NpyArray::open(path.join("p.npy")).unwrap().into_f32_matrix().unwrap();
    assert_eq!((rows, classes), (ROWS, 3));
    for (cell, p) in p.iter().enumerate() {
        let (x, w) = (&x[cell / 3 * 4..][..4], &w[cell % 3 * 4..][..4]);
        let z = f64::from(b[cell % 3]) + x.iter().zip(w).map(|(x, w)| f64::from(x * w)).sum::<f64>();
        assert!((f64::from(*p) - 1.0 / (1.0 + (-z).exp())).abs() < 1e-6, "{cell}");
    }
    let csv = fs::read_to_string(path.join("p.csv")).unwrap();
    let mut lines = csv.lines();
    assert_eq!(lines.next(), Some("row,predicted,class 0,class 1,class 2"));
    let first: Vec<&str> = lines.next().unwrap().split(',').collect();
    assert_eq!((first[0], first[2].parse::<f32>().unwrap()), ("0.jpg", p[0]));
    let line: Value =
        serde_json::from_str(fs::read_to_string(path.join("p.jsonl")).unwrap().lines().nth(5).unwrap())
            .unwrap();
    assert_eq!(line["row"], "5.jpg");
    assert!((line["classes"][2]["probability"].as_f64().unwrap() - f64::from(p[17])).abs() < 1e-7);
    let (code, _, error) = lacuna(path, &[&predict[..], &["--out", "p.npy"]].concat());
    assert!(code == 2 && error.contains("--force"), "{error}");
    let (code, text, _) = lacuna(path, &[&predict[..], &["--top", "1"]].concat());
    assert!(code == 0 && text.lines().count() == ROWS && text.starts_with("0.jpg "), "{text}");
    let (code, _, error) = lacuna(path, &["predict", "--model", "h", "--features", "y.npy"]);
    assert!(code == 2 && error.contains("expects 4 features for each row, found 3"), "{error}");
}

/// The notes on standard error of a quiet training on unnamed rows.
fn error_of_notes() -> String {
    "note: x.npy and y.npy joined by position: neither has names of rows\n".to_string()
}

#[test]
fn only_known_cells_are_measured() {
    let folder = data();
    let path = folder.path();
    assert_eq!(lacuna(path, &with("train", &["--complete"])).0, 0);
    let (_, _, labels) = NpyArray::open(path.join("y.npy")).unwrap().into_f32_matrix().unwrap();
    // Every cell whose label the head gets wrong becomes unknown: what is known is predicted perfectly.
    assert_eq!(lacuna(path, &["predict", "--features", "x.npy", "--out", "p.npy"]).0, 0);
    let (_, _, p) = NpyArray::open(path.join("p.npy")).unwrap().into_f32_matrix().unwrap();
    let cell = |(p, y): (&f32, &f32)| match (*y > 0.5, (*p > 0.5) == (*y > 0.5)) {
        (_, false) => -1,
        (true, _) => 1,
        (false, _) => 0,
    };
    let known: Vec<i8> = p.iter().zip(&labels).map(cell).collect();
    let wrong = known.iter().filter(|cell| **cell == -1).count();
    assert!(wrong > 5);
    npy(path, "known.npy", [ROWS, 3], NpyData::I8(known));
    let eval = ["eval", "--features", "x.npy", "--labels", "known.npy", "--label-convention", "csl"];
    let report = json(path, &eval);
    assert_eq!(report["unknown"], wrong);
    let value = |name: &str| {
        let metrics = report["metrics"].as_array().unwrap();
        metrics.iter().find(|metric| metric["name"] == name).unwrap()["value"].as_f64().unwrap()
    };
    for name in ["map", "cf1", "of1", "op", "or", "cp", "cr", "f1-micro", "f1-macro", "subset-accuracy"] {
        assert!((value(name) - 100.0).abs() < 1e-9, "{name}: {}", value(name));
    }
    assert_eq!(value("hamming-loss"), 0.0);
    // It is the rows that trained, which is told.
    assert!(lacuna(path, &eval).2.contains("the rows that the head was trained on"));
    // Positives alone judge nothing, which is told too.
    let eval = ["eval", "--features", "x.npy", "--labels", "y.npy", "--label-convention", "binary-an"];
    assert!(lacuna(path, &eval).2.contains("no negative is known"));
    let (code, _, error) = lacuna(path, &[&["thresholds"], &eval[1..]].concat());
    assert!(code == 2 && error.contains("no known negative"), "{error}");
}

#[test]
fn thresholds_and_calibration_are_saved_in_the_head() {
    let folder = data();
    let path = folder.path();
    assert_eq!(lacuna(path, &with("train", &["--complete", "--val", "0.5", "--out", "h"])).0, 0);
    let held = ["--model", "h", "--complete", "--rows", "h/held_out.txt"];
    let chosen =
        json(path, &with("thresholds", &[&held[..], &["--goal", "recall:0.9", "--out", "t"]].concat()));
    for class in chosen["classes"].as_array().unwrap() {
        assert!(class["own"] == true && class["recall"].as_f64().unwrap() >= 0.9, "{class}");
    }
    let head: Value = serde_json::from_str(&fs::read_to_string(path.join("t/head.json")).unwrap()).unwrap();
    assert_eq!(head["thresholds"][1], chosen["classes"][1]["threshold"]);
    // The head that was read has not changed; without --out it is the one that changes.
    assert!(fs::read_to_string(path.join("h/head.json")).unwrap().contains("\"thresholds\": null"));
    // As many predictions as positives.
    let equal = json(path, &with("thresholds", &[&held[..], &["--goal", "cardinality"]].concat()));
    assert!(!fs::read_to_string(path.join("h/head.json")).unwrap().contains("\"thresholds\": null"));
    assert_eq!(equal["classes"][0]["precision"], equal["classes"][0]["recall"]);
    let (code, _, error) = lacuna(path, &with("thresholds", &[&held[..], &["--goal", "f3"]].concat()));
    assert!(code == 2 && error.contains("f-beta:B"), "{error}");
    let rare = json(path, &with("thresholds", &[&held[..], &["--least", "1000", "--out", "rare"]].concat()));
    assert!(rare["notes"][0].as_str().unwrap().contains("3 classes with fewer than 1000"), "{rare}");
    assert_eq!(rare["classes"][0]["threshold"], rare["pooled"]);

    for method in ["temperature", "platt", "isotonic"] {
        let more = ["--method", method, "--out", method, "--plot", &format!("{method}.svg")];
        let done = json(path, &with("calibrate", &[&held[..], &more[..]].concat()));
        assert!(done["after"]["brier"].as_f64().unwrap() < 0.2, "{done}");
        assert!(done["notes"].to_string().contains("thresholds"), "{done}");
        let svg = fs::read_to_string(path.join(format!("{method}.svg"))).unwrap();
        assert!(svg.starts_with("<svg xmlns") && !svg.contains("NaN") && svg.ends_with("</svg>\n"), "{svg}");
        let (code, _, error) =
            lacuna(path, &["export", "--model", method, "--onnx", &format!("{method}.onnx")]);
        match method {
            "isotonic" => assert!(code == 2 && error.contains("isotonic"), "{error}"),
            _ => assert_eq!(code, 0, "{error}"),
        }
    }
    let (code, _, error) = lacuna(path, &["export", "--model", "platt", "--onnx", "platt.onnx"]);
    assert!(code == 2 && error.contains("--force"), "{error}");
}

#[test]
fn rows_of_a_file_are_picked_by_name_and_unknown_ones_are_refused() {
    let folder = data();
    let path = folder.path();
    assert_eq!(lacuna(path, &with("train", &["--complete"])).0, 0);
    fs::write(path.join("rows.txt"), "3\n17\n4\n").unwrap();
    let eval = with("eval", &["--complete", "--rows", "rows.txt"]);
    let report = json(path, &eval);
    assert_eq!(report["rows"], 3);
    // Rows that are named come before test rows, and these before all rows.
    let test = ["--test", "x.npy", "--test-labels", "y.npy", "--match", "row"];
    assert_eq!(json(path, &[&eval[..], &test[..]].concat())["rows"], 3);
    let (_, _, error) = lacuna(path, &[&with("eval", &["--complete"])[..], &test[..]].concat());
    assert!(error.contains("the test rows of the data are used"), "{error}");
    fs::write(path.join("rows.txt"), "3\n999\nx\n").unwrap();
    let (code, _, error) = lacuna(path, &with("eval", &["--complete", "--rows", "rows.txt"]));
    assert!(
        code == 2 && error.contains("`999` is no row of the data, and neither are 1 other lines"),
        "{error}"
    );
}

#[test]
fn losses_are_compared_and_those_that_do_not_fit_say_why() {
    let folder = data();
    let path = folder.path();
    let args =
        with("compare", &["--complete", "--losses", "bce,an,role", "--seeds", "2", "--resamples", "50"]);
    let found = json(path, &args);
    let rows = found["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0]["values"].as_array().unwrap().len(), 2);
    assert!(rows[0]["difference"].is_null() && rows[1]["difference"]["p"].as_f64().unwrap() > 0.0);
    assert!(rows[0]["mean"].as_f64() >= rows[1]["mean"].as_f64());
    assert!(found["refused"][0]["reason"].as_str().unwrap().contains("expected_positives"), "{found}");
    // With the parameter it is trained, with bit-identical numbers for the others.
    let again = json(path, &[&args[..], &["--set", "expected_positives=1.5"]].concat());
    assert_eq!(again["rows"].as_array().unwrap().len(), 3);
    let of = |found: &Value, name: &str| {
        found["rows"].as_array().unwrap().iter().find(|row| row["name"] == name).unwrap()["values"].clone()
    };
    assert_eq!(of(&found, "bce"), of(&again, "bce"));
    let (code, text, error) = lacuna(path, &args);
    assert!(code == 0 && text.lines().all(|line| line.chars().count() <= 80), "{text}");
    assert!(error.contains("6 of 6: ") && error.contains("role, seed 1"), "{error}");
    let (code, _, error) = lacuna(path, &with("compare", &["--complete", "--losses", "bec"]));
    assert!(code == 2 && error.contains("bce"), "{error}");
}

#[test]
fn formats_are_converted_and_what_is_lost_is_told() {
    let folder = data();
    let path = folder.path();
    let named = with("convert", &["--names", "names.txt", "--match", "row"]);
    assert_eq!(lacuna(path, &[&named[..], &["--out", "all.npz"]].concat()).0, 0);
    assert_eq!(lacuna(path, &["convert", "all.npz", "--out", "y.csv"]).0, 0);
    let csv = fs::read_to_string(path.join("y.csv")).unwrap();
    assert_eq!(csv.lines().count(), ROWS + 1);
    assert!(csv.lines().nth(1).unwrap().starts_with("0.jpg,"), "{csv}");
    // There and back again: the same features and labels.
    for file in ["b.libsvm", "b.safetensors"] {
        let (code, _, error) = lacuna(path, &[&named[..], &["--out", file]].concat());
        assert!(code == 0 && error.contains("names"), "{error}");
        assert_eq!(lacuna(path, &["convert", file, "--out", "back.npz", "--force"]).0, 0);
        let array = |file: &str, name: &str| {
            let mut archive = lacuna_formats::NpzArchive::open(path.join(file)).unwrap();
            archive.read(name).unwrap().into_f32_matrix().unwrap()
        };
        for name in ["features", "labels"] {
            assert_eq!(array("all.npz", name), array("back.npz", name), "{file} {name}");
        }
    }
    let seen = ["convert", "--features", "x.npy", "--labels", "seen.npy", "--label-convention", "spml"];
    let (code, _, error) = lacuna(path, &[&seen[..], &["--out", "s.libsvm"]].concat());
    assert!(code == 2 && error.contains("some labels are unknown"), "{error}");
    assert_eq!(lacuna(path, &[&seen[..], &["--out", "s.npy", "--labels-only"]].concat()).0, 0);
    let read = |file: &str| NpyArray::open(path.join(file)).unwrap().into_f32_matrix().unwrap();
    assert_eq!(read("s.npy"), read("seen.npy"));
    let (code, _, error) = lacuna(path, &[&seen[..], &["--out", "seen.npy", "--force"]].concat());
    assert!(code == 2 && error.contains("has read the file"), "{error}");
    let (code, _, error) = lacuna(path, &[&seen[..], &["--out", "s.xyz"]].concat());
    assert!(code == 2 && error.contains("safetensors"), "{error}");
}

#[test]
fn a_terminal_sees_a_bar_unless_it_is_quiet() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    // `script` of util-linux gives a program a terminal; another one has other options.
    let version = std::process::Command::new("script").arg("--version").output();
    if !version.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("util-linux")) {
        println!("skipped: there is no script of util-linux to make a terminal");
        return;
    }
    let program = env!("CARGO_BIN_EXE_lacuna");
    let seen = |more: &str| {
        let command = format!("'{program}' train openclipart --epochs 3 --force {more}");
        let mut script = std::process::Command::new("script");
        let output = script.current_dir(path).args(["-qec", &command, "/dev/null"]).output().unwrap();
        assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stdout));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    // The search takes seconds, and a bar is drawn several times in each.
    let text = seen("");
    assert!(text.contains("of at most 66  choosing settings"), "{text}");
    // Notes and errors are broken between words.
    let command = format!("'{program}' predict --model head --features nosuch --out p.csv");
    let mut script = std::process::Command::new("script");
    let output = script.current_dir(path).args(["-qec", &command, "/dev/null"]).output().unwrap();
    let error = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        error.contains("--features nosuch: there is no such file") && error.lines().count() > 1,
        "{error}"
    );
    assert!(error.lines().all(|line| line.trim_end().chars().count() <= 80), "{error}");
    let text = seen("--quiet");
    assert!(!text.contains("of at most") && !text.contains('\u{1b}'), "{text}");
}

#[test]
fn a_folder_in_spml_layout_has_the_same_rows_labels_and_names() {
    let folder = data();
    let path = folder.path();
    let test: Vec<f32> = (0..30 * 4).map(|i| noise(i + 5_000)).collect();
    npy(path, "xt.npy", [30, 4], NpyData::F32(test.clone()));
    npy(path, "yt.npy", [30, 3], NpyData::U8((0..90).map(|i| u8::from(i % 4 == 0)).collect()));
    let csv: String = (0..ROWS).rev().map(|row| format!("{row}.jpg,{},{}\n", row % 2, row % 3 / 2)).collect();
    fs::write(path.join("y.csv"), format!("image,cat,=dog\n{csv}")).unwrap();
    let csv: String = (0..30).map(|row| format!("t{row},1,{}\n", row % 2)).collect();
    fs::write(path.join("yt.csv"), format!("image,=dog,cat\n{csv}")).unwrap();
    let names: String = (0..30).map(|row| format!("t{row}\n")).collect();
    fs::write(path.join("test_names.txt"), names).unwrap();
    let train = ["--features", "x.npy", "--names", "names.txt", "--labels", "y.csv"];
    let tests = ["--test", "xt.npy", "--test-names", "test_names.txt", "--test-labels", "yt.csv"];
    let given = [&["convert"][..], &train, &tests].concat();
    let (code, text, error) = lacuna(path, &[&given[..], &["--out", "set/"]].concat());
    assert_eq!(code, 0, "{error}");
    assert!(text.contains("240 training rows and 30 test rows"), "{text}");
    let read = lacuna_formats::SpmlFolder::new(path.join("set")).load().unwrap();
    assert_eq!(read.train.classes, ["cat", "=dog"]);
    assert_eq!(read.train.names.unwrap()[3], "3.jpg");
    assert_eq!(read.test.names.unwrap()[29], "t29");
    assert_eq!(read.test.features.values(), test);
    let positive = |row: usize, class: usize| read.train.truth.get(row, class).is_positive();
    assert!((0..ROWS).all(|row| positive(row, 0) == (row % 2 == 1) && positive(row, 1) == (row % 3 == 2)));
    assert!((0..30).all(|row| read.test.truth.get(row, 1).is_positive()));
    assert!(read.train.observed.is_none());
    // Observed labels go along, and the second way of naming the output.
    assert_eq!(lacuna(path, &["mask", "set", "--out", "set", "--seed", "3"]).0, 0);
    for more in [&["set", "again/"][..], &["set", "named", "--to", "spml"]] {
        let (code, _, error) = lacuna(path, &[&["convert"][..], more].concat());
        assert_eq!(code, 0, "{error}");
        let (one, other) = (path.join("set"), path.join(more[1]));
        let load = |path| lacuna_formats::SpmlFolder::new(path).load().unwrap();
        assert_eq!(load(one), load(other));
    }
    assert!(path.join("again/formatted_train_labels_obs.npy").exists());
    // What is there is replaced with --force, what was read never, and a folder with other files never.
    let again = |more: &[&str]| lacuna(path, &[&["convert", "set"][..], more].concat());
    let (code, _, error) = again(&["again"]);
    assert!(code == 2 && error.contains("again") && error.contains("not overwritten"), "{error}");
    assert_eq!(again(&["again", "--force"]).0, 0);
    let (code, _, error) = again(&["set/", "--force"]);
    assert!(code == 2 && error.contains("has read the file"), "{error}");
    let (code, _, error) = again(&[".", "--force"]);
    assert!(code == 2 && error.contains("other files"), "{error}");
    // What the layout cannot hold.
    let complete = ["convert", "--features", "x.npy", "--labels", "y.npy", "--out", "new/"];
    let (code, _, error) = lacuna(path, &complete);
    assert!(code == 2 && error.contains("--test FILE"), "{error}");
    let unknown = ["--test", "xt.npy", "--test-labels", "yt.npy", "--label-convention", "spml"];
    let seen = ["convert", "--features", "x.npy", "--labels", "seen.npy", "--out", "new/"];
    let (code, _, error) = lacuna(path, &[&seen[..], &unknown].concat());
    assert!(code == 2 && error.contains("some labels of") && error.contains("seen.npy"), "{error}");
    assert!(!path.join("new").exists());
    let left = fs::read_dir(path)
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with(".lacuna"));
    assert_eq!(left.count(), 0);
    assert_eq!(lacuna(path, &["convert", "set"]).0, 2);
}

#[test]
fn completions_and_pages_name_every_command() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let commands = [
        "train",
        "predict",
        "eval",
        "thresholds",
        "calibrate",
        "export",
        "compare",
        "audit",
        "convert",
        "doctor",
        "mask",
        "make",
        "completions",
        "man",
    ];
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let (code, text, _) = lacuna(path, &["completions", shell]);
        assert_eq!(code, 0);
        assert!(commands.iter().all(|command| text.contains(command)), "{shell}");
    }
    assert_eq!(lacuna(path, &["man", "pages/man1"]).0, 0);
    let page = |name: &str| fs::read_to_string(path.join("pages/man1").join(name)).unwrap();
    assert!(page("lacuna.1").contains("lacuna\\-train"));
    for command in commands {
        assert!(page(&format!("lacuna-{command}.1")).contains(".SH NAME"), "{command}");
        // The last part of the help: examples and exit codes, in 80 columns.
        let (code, text, _) = lacuna(path, &[command, "--help"]);
        assert_eq!(code, 0);
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{command}: {text}");
        assert!(text.contains("Examples:\n  lacuna"), "{command}");
    }
    fs::write(path.join("file"), "").unwrap();
    assert_eq!(lacuna(path, &["man", "file"]).0, 2);
}

#[test]
fn a_damaged_head_is_refused_by_every_command() {
    let folder = data();
    let path = folder.path();
    assert_eq!(lacuna(path, &with("train", &["--complete"])).0, 0);
    let weights = fs::read(path.join("head/head.safetensors")).unwrap();
    let mut changed = weights.clone();
    *changed.last_mut().unwrap() ^= 1;
    for bytes in [&changed[..], &weights[..weights.len() - 1], b""] {
        fs::write(path.join("head/head.safetensors"), bytes).unwrap();
        for args in [
            &["predict", "--features", "x.npy"][..],
            &["export", "--onnx", "h.onnx"],
            &with("eval", &["--complete"]),
            &with("thresholds", &["--complete"]),
            &with("calibrate", &["--complete"]),
        ] {
            let (code, text, error) = lacuna(path, args);
            assert!(code == 2 && text.is_empty() && error.contains("head.safetensors"), "{args:?}: {error}");
        }
    }
    assert!(!path.join("h.onnx").exists());
}
