//! Good runs, lists, and bad input.

use crate::{refused, repro, results, save, write_set};
use lacuna_formats::{NpyArray, NpyData};
use std::fs;
use std::path::Path;

#[test]
fn a_folder_runs_and_prints_json() {
    let dir = tempfile::tempdir().unwrap();
    write_set(dir.path());
    let args = [
        "run",
        "spml-linear",
        "--data",
        ".",
        "--json",
        "--seeds",
        "2",
        "--epochs",
        "3",
        "--batch",
        "8",
        "--jobs",
        "99999999",
    ];
    let output = repro(dir.path()).args(args).args(["--loss", "an,role", "--out", "out"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<serde_json::Value> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    for (line, loss) in lines.iter().zip(["an", "role"]) {
        assert_eq!(line["loss"], loss);
        assert!((0.0..=100.0).contains(&line["test_map_mean"].as_f64().unwrap()));
        assert!(line["test_map_std"].as_f64().unwrap() >= 0.0);
        assert_eq!(line["best_epochs"].as_array().unwrap().len(), 2);
        assert!(line["seconds_per_run"].as_f64().unwrap() > 0.0);
        assert!(line["conventions"].as_str().unwrap().contains("AP sklearn"));
    }
    assert_eq!(fs::read_to_string(dir.path().join("out/results.jsonl")).unwrap().lines().count(), 4);
    let spec = fs::read_to_string(dir.path().join("out/spec.toml")).unwrap();
    assert!(spec.contains("batch = 8") && spec.contains("epochs = 3"), "{spec}");
    let mut names: Vec<_> =
        fs::read_dir(dir.path().join("out")).unwrap().map(|e| e.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["data.json", "results.jsonl", "scores", "spec.toml", "table.md"]);
    assert!(fs::read_to_string(dir.path().join("out/table.md")).unwrap().contains("| role |"));
}

#[test]
fn the_list_names_everything() {
    let dir = tempfile::tempdir().unwrap();
    let output = repro(dir.path()).arg("list").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    for word in ["spml-linear", "voc-like", "bce-full", "an-ls", "role", "splc", "complete labels", "htb"] {
        assert!(text.contains(word), "{word}: {text}");
    }
}

#[test]
fn names_that_do_not_exist_are_refused_with_the_nearest() {
    let dir = tempfile::tempdir().unwrap();
    assert!(refused(dir.path(), &["run", "spml-linear", "--loss", "hil"]).contains("did you mean `hill`"));
    assert!(refused(dir.path(), &["run", "spml"]).contains("spml-linear"));
    let error = refused(dir.path(), &["run", "spml-linear", "--set", "splc.taau=0.65"]);
    assert!(error.contains("did you mean `tau`"), "{error}");
    let error = refused(dir.path(), &["run", "spml-linear", "--set", "splc=1"]);
    assert!(error.contains("expected KEY=VALUE, e.g. splc.tau=0.65"), "{error}");
    assert!(refused(dir.path(), &["run", "spml-linear", "--set", "splc.tau=x"]).contains("invalid number"));
    assert!(refused(dir.path(), &["run", "spml-linear", "--jobs", "0"]).contains("--jobs"));
    assert!(refused(dir.path(), &["run", "spml-linear", "--lr", "-1"]).contains("lr"));
    let huge = "18446744073709551615";
    assert!(refused(dir.path(), &["run", "spml-linear", "--seeds", huge]).contains("seeds"));
    assert!(refused(dir.path(), &["run", "spml-linear", "--epochs", huge]).contains("epochs"));
    assert!(refused(dir.path(), &["run", "spml-linear", "--loss", "an,"]).contains("missing name"));
    assert!(refused(dir.path(), &["run", "spml-linear", "--out", "/proc"]).contains("/proc"));
}

#[test]
fn bad_files_are_refused_with_file_row_and_column() {
    let bad = |spoil: &dyn Fn(&Path)| {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        fs::create_dir(&data).unwrap();
        write_set(&data);
        spoil(&data);
        refused(dir.path(), &["run", "spml-linear", "--data", "data", "--batch", "8", "--out", "out"])
    };
    let error = bad(&|d| fs::remove_file(d.join("formatted_val_labels.npy")).unwrap());
    assert!(error.contains("formatted_val_labels.npy") && error.contains("missing file"), "{error}");

    let error = bad(&|d| {
        let path = d.join("train_features_test.npy");
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() - 5]).unwrap();
    });
    assert!(error.contains("train_features_test.npy") && error.contains("bytes"), "{error}");

    let error = bad(&|d| save(d, "train_features_test.npy", &[59, 8], NpyData::F32(vec![0.5; 59 * 8])));
    assert!(error.contains("59") && error.contains("60"), "{error}");

    let error = bad(&|d| {
        let mut x = vec![0.5; 60 * 8];
        x[3 * 8 + 2] = f32::NAN;
        save(d, "train_features_test.npy", &[60, 8], NpyData::F32(x));
    });
    assert!(error.contains("row 3, column 2") && error.contains("NaN"), "{error}");

    let error = bad(&|d| {
        let mut y = vec![0u8; 30 * 4];
        y[7 * 4 + 1] = 2;
        save(d, "formatted_val_labels.npy", &[30, 4], NpyData::U8(y));
    });
    assert!(error.contains("formatted_val_labels.npy") && error.contains("row 7, column 1"), "{error}");

    let error = bad(&|d| {
        let mut y = vec![0i8; 60 * 4];
        y[2] = -1;
        save(d, "formatted_train_labels_obs.npy", &[60, 4], NpyData::I8(y));
    });
    assert!(error.contains("row 0, column 2") && error.contains("--label-convention"), "{error}");

    let error = bad(&|d| fs::write(d.join("train_features_test.npy"), b"not an array").unwrap());
    assert!(error.contains("train_features_test.npy"), "{error}");

    let dir = tempfile::tempdir().unwrap();
    let error = refused(dir.path(), &["run", "spml-linear", "--data", "nowhere"]);
    assert!(error.contains("nowhere"), "{error}");
}

#[test]
fn observed_labels_with_a_stated_convention_are_used() {
    let dir = tempfile::tempdir().unwrap();
    write_set(dir.path());
    let labels = NpyArray::open(dir.path().join("formatted_train_labels.npy")).unwrap();
    let truth = labels.data().to_f64().unwrap();
    // Everything observed: positives 1, negatives -1.
    let observed = truth.iter().map(|y| if *y > 0.0 { 1 } else { -1 }).collect();
    save(dir.path(), "formatted_train_labels_obs.npy", &[60, 4], NpyData::I8(observed));
    let run = |extra: &[&str]| {
        let args = ["run", "spml-linear", "--data", ".", "--json", "--seeds", "1", "--epochs", "4"];
        let output = repro(dir.path())
            .args(args)
            .args([
                "--batch",
                "8",
                "--loss",
                "an,bce-full",
                "--label-convention",
                "spml",
                "--out",
                "out",
                "--force",
            ])
            .args(extra)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines()
            .map(|l| serde_json::from_str::<serde_json::Value>(l).unwrap()["test_map_mean"].as_f64().unwrap())
            .collect::<Vec<_>>()
    };
    let own = run(&[]);
    assert_eq!(own[0], own[1], "with every label observed, assuming negatives is training on the truth");
    let drawn = run(&["--mask", "drawn"]);
    assert_ne!(drawn[0], drawn[1], "a drawn mask hides labels");
    assert_eq!(drawn[1], own[1]);
}

#[test]
fn a_processor_without_the_instructions_gets_one_sentence() {
    let dir = tempfile::tempdir().unwrap();
    let output = repro(dir.path()).env("LACUNA_CPU_MASK", "fma,avx2").arg("list").output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    let version = repro(dir.path()).arg("--version").output().unwrap();
    let version = String::from_utf8(version.stdout).unwrap();
    if version.contains("AVX2") {
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(error.contains("avx2, fma") && error.contains("RUSTFLAGS"), "{error}");
    } else {
        assert!(output.status.success(), "a portable build needs none of them: {error}");
    }
}

#[test]
fn wide_vectors_do_not_change_a_result() {
    let dir = tempfile::tempdir().unwrap();
    let version = |level: &str| {
        let output = repro(dir.path()).env("LACUNA_SIMD", level).arg("--version").output().unwrap();
        let [text, error] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        (output.status.code(), text, error)
    };
    let (code, text, error) = version("avx512");
    if code == Some(2) {
        assert!(error.contains("LACUNA_SIMD=avx512") && error.contains("remove the variable"), "{error}");
        println!("skipped: {error}");
        return;
    }
    assert!(text.contains("AVX-512"), "{text}");
    assert!(!version("avx2").1.contains("AVX-512"));
    let (code, _, error) = version("sse9");
    assert!(code == Some(2) && error.contains("LACUNA_SIMD=sse9: expected avx2 or avx512"), "{error}");
    for (spec, of) in [
        ("spml-linear", &["--data", "openclipart", "--loss", "an,hill"][..]),
        ("shapes-cnn", &["--loss", "an"]),
    ] {
        let run = |level: &str| {
            let args = ["run", spec, "--seeds", "1", "--epochs", "1", "--out", level];
            let command = repro(dir.path()).env("LACUNA_SIMD", level).args(args).args(of).output().unwrap();
            assert!(command.status.success(), "{}", String::from_utf8_lossy(&command.stderr));
            let results = results(&dir.path().join(level));
            std::fs::remove_dir_all(dir.path().join(level)).unwrap();
            results
        };
        let eight = run("avx2");
        assert!(!eight.is_empty());
        assert_eq!(eight, run("avx512"), "{spec}");
    }
}

#[test]
fn masks_are_written_as_by_the_program_for_data() {
    let dir = tempfile::tempdir().unwrap();
    write_set(dir.path());
    let args = ["mask", ".", "--protocol", "random-drop", "--set", "rate=0.5", "--out", "observed.npy"];
    let output = repro(dir.path()).args(args).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8(output.stdout).unwrap().contains("rows affected"));
    assert_eq!(NpyArray::open(dir.path().join("observed.npy")).unwrap().shape(), [60, 4]);
    assert!(refused(dir.path(), &["mask", ".", "--protocol", "nothing"]).contains("unknown protocol"));
}

/// An ARFF file with 3 features and 2 labels, the labels as the last attributes and named in an XML file.
fn write_mulan(folder: &Path, part: &str, rows: usize) {
    let mut text = format!("@relation '{part}'\n");
    for name in ["a", "b", "c"] {
        text += &format!("@attribute {name} numeric\n");
    }
    text += "@attribute cat {0,1}\n@attribute dog {0,1}\n@data\n";
    for i in 0..rows {
        let x = |k: usize| ((i * 37 + k * 11) % 101) as f32 / 101.0;
        text += &format!("{},{},{},{},{}\n", x(0), x(1), x(2), i % 2, usize::from(i % 3 > 0));
    }
    fs::write(folder.join(format!("pets-{part}.arff")), text).unwrap();
    let labels = r#"<labels xmlns="http://mulan.sourceforge.net/labels"><label name="cat"/><label name="dog"/></labels>"#;
    fs::write(folder.join("pets.xml"), labels).unwrap();
}

#[test]
fn other_formats_train_too() {
    let dir = tempfile::tempdir().unwrap();
    write_mulan(dir.path(), "train", 40);
    write_mulan(dir.path(), "test", 20);
    let settings = ["--loss", "an", "--epochs", "2", "--seeds", "1", "--out", "out", "--json"];
    for data in [&["--data", "."][..], &["--data", "pets-train.arff", "--test", "pets-test.arff"]] {
        let args = [&["run", "spml-linear"], data, &settings].concat();
        let output = repro(dir.path()).args(&args).output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{data:?}: {error}");
        assert!(String::from_utf8(output.stdout).unwrap().contains(", 20 to test"), "{data:?}");
    }
    fs::remove_dir_all(dir.path().join("out")).unwrap();
    let error = refused(dir.path(), &["run", "spml-linear", "--data", "pets-train.arff"]);
    assert!(error.contains("--test FILE"), "{error}");
    fs::write(dir.path().join("other.csv"), "id,cat,dog\na,1,0\n").unwrap();
    let error =
        refused(dir.path(), &["run", "spml-linear", "--data", "pets-train.arff", "--test", "other.csv"]);
    assert!(error.contains("other.csv") && error.contains("features"), "{error}");
}

#[test]
fn losses_are_listed_and_shown() {
    let dir = tempfile::tempdir().unwrap();
    let run = |args: &[&str]| {
        let output = repro(dir.path()).args(args).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let list = run(&["losses"]);
    let names: Vec<&str> = lacuna_losses::LOSSES.iter().map(|row| row.info.name).collect();
    for name in &names {
        assert!(list.lines().any(|line| line.split(' ').next() == Some(name)), "{name} is not listed");
    }
    // Hill at its default: the slope of a positive at 8 is nearly 0, at -8 the focal weight is nearly 1.
    let shown = run(&["losses", "show", "hill", "--svg", "hill.svg"]);
    assert!(shown.contains("(lambda-p) p^2") && shown.contains("2112.07368"), "{shown}");
    assert!(shown.contains("lambda = 1.5, in (0, inf)") && shown.contains("one entry"), "{shown}");
    let picture = fs::read_to_string(dir.path().join("hill.svg")).unwrap();
    assert!(picture.starts_with("<svg") && picture.trim_end().ends_with("</svg>"), "{picture}");
    assert!(!picture.contains("NaN") && !picture.contains("inf"));
    // A parameter moves the curve: with gamma 0 a positive at -8 costs lp(-9) = 9.0001 and its slope is -1.
    let steep = run(&["losses", "show", "hill", "--set", "gamma=0"]);
    assert!(steep.contains("    9.000 |") && steep.contains("   -1.000 |"), "{steep}");
}

#[test]
fn every_loss_can_be_shown() {
    let dir = tempfile::tempdir().unwrap();
    for row in lacuna_losses::LOSSES {
        let name = row.info.name;
        let output = repro(dir.path()).args(["losses", "show", name]).output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{name}: {error}");
        let text = String::from_utf8(output.stdout).unwrap();
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words(&text).contains(&words(row.info.paper)), "{name}");
        assert!(words(&text).contains(&words(row.info.formula)), "{name}");
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{name}: {text}");
        assert!(!text.contains("NaN") && text.contains("+ positive"), "{name}: {text}");
    }
}

#[test]
fn losses_that_cannot_be_shown_say_why() {
    let dir = tempfile::tempdir().unwrap();
    let error = refused(dir.path(), &["losses", "show", "hil"]);
    assert!(error.contains("hill"), "{error}");
    let error = refused(dir.path(), &["losses", "show", "hill", "--set", "lambda=-1"]);
    assert!(error.contains("lambda") && error.contains("(0, inf)"), "{error}");
    let error = refused(dir.path(), &["losses", "show", "hill", "--set", "gama=1"]);
    assert!(error.contains("gamma"), "{error}");
    let error = refused(dir.path(), &["losses", "show", "hill", "--set", "gamma"]);
    assert!(error.contains("PARAM=VALUE"), "{error}");
    let error = refused(dir.path(), &["losses", "show", "hill", "--svg", "no/such/folder/x.svg"]);
    assert!(error.contains("no/such/folder"), "{error}");
}
