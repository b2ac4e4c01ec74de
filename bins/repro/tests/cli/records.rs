//! A record is repeated from itself.

use crate::{done, records, refused, results, write_set};
use std::fs;

const QUICK: [&str; 8] = ["--seeds", "2", "--epochs", "3", "--batch", "8", "--loss", "an,role,splc"];

#[test]
fn a_stored_specification_repeats_the_results() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    fs::create_dir(&data).unwrap();
    write_set(&data);
    let first =
        [&["run", "spml-linear", "--data", "data", "--set", "splc.tau=0.7", "--out", "first"][..], &QUICK]
            .concat();
    done(dir.path(), &first);
    let spec = fs::read_to_string(dir.path().join("first/spec.toml")).unwrap();
    for line in [
        "path = \"data\"",
        "format = \"spml\"",
        "features = \"test\"",
        "fingerprint = ",
        "mask = \"drawn\"",
        "tau = 0.7",
        "epochs = 3",
    ] {
        assert!(spec.contains(line), "{line}: {spec}");
    }
    done(dir.path(), &["run", "--spec", "first/spec.toml", "--out", "second"]);
    assert_eq!(results(&dir.path().join("first")), results(&dir.path().join("second")));
    let again = records(&dir.path().join("second"));
    assert_eq!(again.len(), 6);
    for record in &again {
        let provenance = record["provenance"].as_object().unwrap();
        for key in ["version", "simd", "jobs", "seconds", "data", "folder"] {
            assert!(provenance.contains_key(key), "{key}: {record}");
        }
        assert_eq!(provenance["data"], "data");
    }
    // The same data elsewhere is the same data.
    fs::rename(&data, dir.path().join("moved")).unwrap();
    let error = done_or_error(dir.path(), &["run", "--spec", "first/spec.toml", "--out", "third"]);
    assert!(error.contains("relative to the folder in which it was run"), "{error}");
    done(dir.path(), &["run", "--spec", "first/spec.toml", "--data", "moved", "--out", "third"]);
    assert_eq!(results(&dir.path().join("first")), results(&dir.path().join("third")));
}

/// Only what has moved has to be said: the rest is in the specification.
#[test]
fn parts_of_the_data_that_were_moved_are_named_one_by_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    fs::create_dir(path.join("data")).unwrap();
    write_set(&path.join("data"));
    for (part, word) in [("train", "train"), ("test", "val")] {
        fs::copy(path.join(format!("data/{word}_features_test.npy")), path.join(format!("{part}.npy")))
            .unwrap();
        fs::copy(path.join(format!("data/formatted_{word}_labels.npy")), path.join(format!("{part}_y.npy")))
            .unwrap();
    }
    let data = [
        "--data",
        "train.npy",
        "--labels",
        "train_y.npy",
        "--test",
        "test.npy",
        "--test-labels",
        "test_y.npy",
    ];
    done(path, &[&["run", "spml-linear", "--out", "first"][..], &data, &QUICK].concat());
    fs::rename(path.join("train_y.npy"), path.join("moved.npy")).unwrap();
    done(path, &["run", "--spec", "first/spec.toml", "--labels", "moved.npy", "--out", "second"]);
    assert_eq!(results(&path.join("first")), results(&path.join("second")));
    fs::rename(path.join("train.npy"), path.join("x.npy")).unwrap();
    let both = ["--labels", "moved.npy", "--data", "x.npy"];
    done(path, &[&["run", "--spec", "first/spec.toml", "--out", "third"][..], &both].concat());
    assert_eq!(results(&path.join("first")), results(&path.join("third")));
}

fn done_or_error(folder: &std::path::Path, args: &[&str]) -> String {
    let output = crate::repro(folder).args(args).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn data_that_changed_is_refused_observed_labels_included() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    fs::create_dir(&data).unwrap();
    write_set(&data);
    let observed = |cell: usize| {
        let mut labels = vec![0_i8; 60 * 4];
        (0..60).for_each(|row| labels[row * 4 + row % 4] = 1);
        labels[cell] = 1 - labels[cell];
        crate::save(&data, "formatted_train_labels_obs.npy", &[60, 4], lacuna_formats::NpyData::I8(labels));
    };
    observed(3);
    let args = [&["run", "spml-linear", "--data", "data", "--out", "kept"][..], &QUICK].concat();
    done(dir.path(), &args);
    let spec = fs::read_to_string(dir.path().join("kept/spec.toml")).unwrap();
    assert!(spec.contains("mask = \"file\""), "{spec}");
    // One observed label is another.
    observed(7);
    let error = refused(dir.path(), &["run", "--spec", "kept/spec.toml"]);
    assert!(error.contains("fingerprint") && error.contains("not the same data"), "{error}");
    // And so the folder is that of other runs.
    let error = refused(dir.path(), &args);
    assert!(error.contains("other runs") && error.contains("--force"), "{error}");
}

#[test]
fn a_specification_that_cannot_be_read_is_named() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("bad.toml"), "name = 3\n").unwrap();
    let error = refused(dir.path(), &["run", "--spec", "bad.toml"]);
    assert!(error.contains("bad.toml") && error.contains("line 1"), "{error}");
    assert!(refused(dir.path(), &["run", "--spec", "nothing.toml"]).contains("nothing.toml"));
    assert!(
        refused(dir.path(), &["run", "spml-linear", "--spec", "bad.toml"]).contains("cannot be used with")
    );
    assert!(refused(dir.path(), &["run"]).contains("NAME"));
    #[cfg(unix)]
    assert!(refused(dir.path(), &["run", "--spec", "/dev/zero"]).contains("regular file"));
}
