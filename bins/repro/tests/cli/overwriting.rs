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
