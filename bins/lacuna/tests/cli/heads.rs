//! Heads that are trained, measured, used and compared.

use crate::{ROWS, data, json, lacuna, npy, with};
use lacuna_formats::{NpyArray, NpyData, SafetensorsFile};
use serde_json::Value;
use std::fs;

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
        code == 2 && error.contains("`999` is not a row of the data, and neither are 1 other lines"),
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

/// A head that all rows trained stood beside the held-out rows of the one before it.
#[test]
fn held_out_rows_of_an_older_head_are_not_left_beside_a_new_one() {
    let folder = data();
    let path = folder.path();
    let list = path.join("head/held_out.txt");
    let train = |more: &[&'static str]| with("train", &[&["--complete"], more].concat());
    assert_eq!(lacuna(path, &train(&["--val", "0.25"])).0, 0);
    assert!(list.exists());
    assert_eq!(lacuna(path, &train(&["--force"])).0, 0);
    assert!(!list.exists());
    // Without --force it is not removed, and nothing is written beside it.
    fs::remove_dir_all(path.join("head")).unwrap();
    fs::create_dir(path.join("head")).unwrap();
    fs::write(&list, "0\n").unwrap();
    let (code, _, error) = lacuna(path, &train(&[]));
    assert!(code == 2 && error.contains("held_out.txt"), "{error}");
    assert!(list.exists() && !path.join("head/head.json").exists());
}
