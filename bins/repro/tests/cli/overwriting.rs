//! Nothing that exists is overwritten unless that was asked for.

use crate::{done, refused, repro, write_set};
use std::fs;

#[test]
fn a_file_that_was_read_is_never_written_even_when_forced() {
    let dir = tempfile::tempdir().unwrap();
    write_set(dir.path());
    let features = dir.path().join("train_features_test.npy");
    let before = fs::read(&features).unwrap();
    fs::hard_link(&features, dir.path().join("linked.npy")).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink("train_features_test.npy", dir.path().join("symbolic.npy")).unwrap();
    let names = ["train_features_test.npy", "./train_features_test.npy", "linked.npy", "symbolic.npy"];
    for name in names.into_iter().filter(|name| dir.path().join(name).exists()) {
        for force in [&[][..], &["--force"]] {
            let args = [&["mask", ".", "--out", name][..], force].concat();
            let error = refused(dir.path(), &args);
            assert!(error.contains("has read the file") || error.contains("exists"), "{error}");
            assert_eq!(fs::read(&features).unwrap(), before, "{name} {force:?}");
        }
    }
    let error = refused(dir.path(), &["mask", ".", "--out", "linked.npy", "--force"]);
    assert!(error.contains("this command has read the file"), "{error}");
}

#[test]
fn a_file_that_exists_is_replaced_when_forced_only() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    fs::create_dir(&data).unwrap();
    write_set(&data);
    for name in ["x.npy", "x.csv", "x.tsv", "x.jsonl", "x.txt"] {
        fs::write(dir.path().join(name), "mine").unwrap();
        let args = ["mask", "data", "--out", name];
        let error = refused(dir.path(), &args);
        assert!(error.contains(name) && error.contains("(--force replaces it)"), "{error}");
        assert_eq!(fs::read_to_string(dir.path().join(name)).unwrap(), "mine");
        let output = repro(dir.path()).args(args).arg("--force").output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        // A row without a positive does not fit into a label list.
        assert!(
            output.status.success() || name == "x.txt" && error.contains("has no positive"),
            "{name}: {error}"
        );
    }
    fs::write(dir.path().join("hill.svg"), "mine").unwrap();
    let args = ["losses", "show", "hill", "--svg", "hill.svg"];
    assert!(refused(dir.path(), &args).contains("--force"));
    assert_eq!(fs::read_to_string(dir.path().join("hill.svg")).unwrap(), "mine");
    done(dir.path(), &[&args[..], &["--force"]].concat());
    assert!(fs::read_to_string(dir.path().join("hill.svg")).unwrap().starts_with("<svg"));
}

#[test]
fn the_folder_that_is_read_is_written_to_only_where_it_is_named() {
    let dir = tempfile::tempdir().unwrap();
    write_set(dir.path());
    let files = || fs::read_dir(dir.path()).unwrap().count();
    let before = files();
    assert!(refused(dir.path(), &["mask", "."]).contains("--out FILE"));
    assert_eq!(files(), before);
    done(dir.path(), &["mask", ".", "--out", "."]);
    assert!(dir.path().join("formatted_train_labels_obs.npy").exists() && files() == before + 1);
    // Now it is one of the files that are read.
    assert!(refused(dir.path(), &["mask", ".", "--out", ".", "--force"]).contains("has read the file"));
}

#[test]
fn a_run_folder_is_not_written_over_what_was_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    fs::create_dir(path.join("data")).unwrap();
    write_set(&path.join("data"));
    let quick = ["--loss", "an", "--seeds", "1", "--epochs", "1", "--batch", "8"];
    let names: Vec<String> = (0..60).map(|i| format!("n{i}")).collect();
    let features = fs::read(path.join("data/train_features_test.npy")).unwrap();
    fs::write(path.join("x.npy"), features).unwrap();
    fs::create_dir(path.join("run")).unwrap();
    fs::write(path.join("run/table.md"), names.join("\n")).unwrap();
    let labels: Vec<String> =
        names.iter().enumerate().map(|(i, name)| format!("{name},{},1", i % 2)).collect();
    fs::write(path.join("y.csv"), format!("id,a,b\n{}\n", labels.join("\n"))).unwrap();
    let args = [
        "run",
        "spml-linear",
        "--data",
        "x.npy",
        "--names",
        "run/table.md",
        "--labels",
        "y.csv",
        "--test",
        "x.npy",
    ];
    let test = ["--test-names", "run/table.md", "--test-labels", "y.csv", "--out", "run", "--force"];
    let error = {
        let output = repro(path).args(args).args(test).args(quick).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(error.contains("run/table.md: this command has read the file"), "{error}");
    assert_eq!(fs::read_to_string(path.join("run/table.md")).unwrap(), names.join("\n"));
    // A specification that was read is continued, and never discarded.
    done(path, &[&["run", "spml-linear", "--data", "data", "--out", "kept"][..], &quick].concat());
    done(path, &["run", "--spec", "kept/spec.toml", "--out", "kept"]);
    let before = fs::read(path.join("kept/spec.toml")).unwrap();
    let args = ["run", "--spec", "kept/spec.toml", "--epochs", "2", "--out", "kept", "--force"];
    let output = repro(path).args(args).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(fs::read(path.join("kept/spec.toml")).unwrap(), before);
}

#[cfg(unix)]
#[test]
fn a_lock_that_is_a_link_is_not_followed() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("run")).unwrap();
    fs::write(dir.path().join("mine.txt"), "mine").unwrap();
    std::os::unix::fs::symlink("../mine.txt", dir.path().join("run/.lacuna-lock")).unwrap();
    let args = ["run", "spml-linear", "--loss", "an", "--seeds", "1", "--epochs", "1", "--out", "run"];
    let output = repro(dir.path()).args(args).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(fs::read_to_string(dir.path().join("mine.txt")).unwrap(), "mine");
}
