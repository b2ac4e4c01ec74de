//! Inputs from public bug reports that need the whole program. Other readers' cases are tested beside the readers.

use crate::{done, refused, repro, results, save};
use lacuna_formats::{Compression, NpyArray, NpyData, write_npz};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// The test file declares the attributes in another order: by position test mAP was 26.5 in place of 91.5.
#[test]
fn case_07_arff_order_of_attributes() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    // f1 large: l1; f2 large: l2; rows by a fixed recurrence.
    let mut seed = 7_u32;
    let mut next = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(seed >> 8) / f64::from(1 << 24) * 3.0
    };
    let rows: Vec<[f64; 2]> = (0..90).map(|_| [next(), next()]).collect();
    let write = |name: &str, rows: &[[f64; 2]], order: [usize; 2]| {
        let mut text = "@relation m\n".to_string();
        order.iter().for_each(|f| writeln!(text, "@attribute f{} numeric", f + 1).unwrap());
        text += "@attribute l1 {0,1}\n@attribute l2 {0,1}\n@data\n";
        for x in rows {
            let y = x.map(|x| u8::from(x > 1.5));
            writeln!(text, "{:.3},{:.3},{},{}", x[order[0]], x[order[1]], y[0], y[1]).unwrap();
        }
        fs::write(path.join(name), text).unwrap();
    };
    fs::write(path.join("m.xml"), "<labels><label name=\"l1\"/><label name=\"l2\"/></labels>").unwrap();
    write("m-train.arff", &rows[..60], [0, 1]);
    let run = |order, out: &str| {
        write("m-test.arff", &rows[60..], order);
        let args =
            ["run", "spml-linear", "--data", ".", "--loss", "bce-full", "--seeds", "1", "--epochs", "30"];
        let (_, error) = done(path, &[&args[..], &["--batch", "8", "--lr", "0.01", "--out", out]].concat());
        (results(&path.join(out)).remove(0)["metrics"]["map"]["value"].as_f64().unwrap(), error)
    };
    let ((same, _), (moved, error)) = (run([0, 1], "same"), run([1, 0], "moved"));
    assert_eq!(same, moved);
    assert!(same > 90.0, "{same}");
    assert!(error.contains("m-test.arff: the features are in another order"), "{error}");
    // Another name is an error that names the first difference.
    let text = fs::read_to_string(path.join("m-test.arff")).unwrap().replace("f2", "f9");
    fs::write(path.join("m-test.arff"), text).unwrap();
    let output = repro(path).args(["run", "spml-linear", "--data", ".", "--loss", "an"]).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(error.contains("the feature `f2` of the training rows is missing"), "{error}");
}

/// The last column does not occur in the test rows: numbers are absolute, so it is 0 there.
#[test]
fn case_09_libsvm_widths() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    let line = |i: usize, columns: usize| {
        let labels: Vec<String> =
            (0..3).filter(|c| (i + c).is_multiple_of(2) || i % 3 == *c).map(|c| c.to_string()).collect();
        let x = |c: usize| ((i * 37 + c * 11) % 101) as f32 / 101.0;
        let features: Vec<String> = (0..columns).map(|c| format!("{c}:{:.3}", x(c))).collect();
        format!("{} {}\n", labels.join(","), features.join(" "))
    };
    let rows = |range: std::ops::Range<usize>, columns| range.map(|i| line(i, columns)).collect::<String>();
    fs::write(path.join("train.svm"), rows(0..60, 6)).unwrap();
    fs::write(path.join("narrow.svm"), rows(60..90, 5)).unwrap();
    // The same rows with the width in a header.
    fs::write(path.join("wide.svm"), format!("30 6 3\n{}", rows(60..90, 5))).unwrap();
    let run = |test: &str, out: &str| {
        let args = [
            "run",
            "spml-linear",
            "--data",
            "train.svm",
            "--test",
            test,
            "--loss",
            "bce-full",
            "--seeds",
            "1",
        ];
        let (_, error) = done(path, &[&args[..], &["--epochs", "3", "--batch", "8", "--out", out]].concat());
        (results(&path.join(out)), error)
    };
    let ((narrow, error), (wide, _)) = (run("narrow.svm", "narrow"), run("wide.svm", "wide"));
    assert_eq!(narrow, wide);
    assert!(
        error.contains("narrow.svm: 1 columns of features of the other rows do not occur and are 0"),
        "{error}"
    );
}

#[test]
fn case_12_train_on_features_and_labels() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    let x = (0..40 * 3).map(|i| (i * 37 % 101) as f32 / 101.0).collect();
    save(path, "x.npy", &[40, 3], NpyData::F32(x));
    let rows: Vec<String> =
        (0..40).map(|i| format!("{i:03}.jpg,{},{}", i % 2, u8::from(i % 3 > 0))).collect();
    fs::write(path.join("labels.csv"), format!("id,cat,dog\n{}\n", rows.join("\n"))).unwrap();
    let args = ["run", "spml-linear", "--data", "x.npy", "--labels", "labels.csv", "--test", "x.npy"];
    let test =
        ["--test-labels", "labels.csv", "--loss", "an", "--seeds", "1", "--epochs", "1", "--batch", "8"];
    // Which row is which has to be said where one side has no names.
    let error = refused(path, &[&args[..], &test].concat());
    assert!(error.contains("--match row") && error.contains("--names FILE"), "{error}");
    done(path, &[&args[..], &test, &["--match", "row", "--out", "rows"]].concat());
    let names: Vec<String> = (0..40).map(|i| format!("pictures/{i:03}.png")).collect();
    fs::write(path.join("names.txt"), names.join("\n")).unwrap();
    let by_name = ["--names", "names.txt", "--test-names", "names.txt", "--match", "stem", "--out", "names"];
    done(path, &[&args[..], &test, &by_name].concat());
    assert_eq!(results(&path.join("rows")), results(&path.join("names")));
}

fn arrays(path: &Path, features: &str, labels: &str) {
    let x = NpyArray::new(vec![4, 3], NpyData::F32((0..12).map(|i| i as f32 / 2.0).collect())).unwrap();
    let y = NpyArray::new(vec![4, 2], NpyData::I64(vec![1, 0, 0, 1, 1, 1, 0, 1])).unwrap();
    write_npz(path, &[(features, &x), (labels, &y)], Compression::Stored).unwrap();
}

#[test]
fn case_13_names_of_arrays() {
    let dir = tempfile::tempdir().unwrap();
    for (i, (features, labels)) in
        [("feat", "label"), ("feature", "labels"), ("X", "Y"), ("feats", "y_true"), ("x", "target")]
            .iter()
            .enumerate()
    {
        let file = format!("{i}.npz");
        arrays(&dir.path().join(&file), features, labels);
        let data = lacuna_source::DataSource::named(&dir.path().join(&file)).unwrap().open().unwrap();
        let checked = lacuna_checks::examine(&data.train, None);
        let part = &checked.parts[0];
        assert_eq!(
            (part.rows, part.columns, part.classes, part.cardinality),
            (4, 3, 2, 1.25),
            "{features} {labels}"
        );
    }
}

/// An option that nothing is done with is as good as a wrong number.
#[test]
fn options_without_a_use_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    arrays(&dir.path().join("x.npz"), "features", "labels");
    for (option, value) in [
        ("--classes", "cat"),
        ("--ignore-columns", "a"),
        ("--unlisted", "unknown"),
        ("--positive-above", "0.5"),
        ("--missing-features", "zero"),
        ("--label-separator", "|"),
    ] {
        let error = refused(dir.path(), &["mask", "x.npz", option, value, "--out", "out"]);
        assert!(error.contains(option) && error.contains("no meaning for these files (npz)"), "{error}");
    }
}

/// Naming one array once switched the other off.
#[test]
fn the_array_that_is_not_named_is_found_by_its_usual_name() {
    let dir = tempfile::tempdir().unwrap();
    arrays(&dir.path().join("x.npz"), "Z", "labels");
    let open = |features: Option<&str>, labels: Option<&str>| {
        let source = lacuna_source::DataSource {
            features: features.map(String::from),
            labels: labels.map(String::from),
            ..lacuna_source::DataSource::named(&dir.path().join("x.npz")).unwrap()
        };
        let train = source.open().unwrap().train;
        (train.features.map(|x| x.columns()), train.labels.map(|y| y.classes()))
    };
    assert_eq!(open(Some("Z"), None), (Some(3), Some(2)));
    assert_eq!(open(Some("Z"), Some("labels")), (Some(3), Some(2)));
}

/// A test set in which a rare class does not occur.
#[test]
fn a_test_set_without_every_class_is_read_with_the_classes_of_the_training_rows() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
    write("train.csv", "id,label\na,cat\nb,dog\nc,bird\n");
    write("test.csv", "id,label\nx,dog\ny,cat\n");
    write("train.txt", "a,0\nb,2\n");
    write("test.txt", "x,1\n");
    for (train, test, classes) in [("train.csv", "test.csv", 3), ("train.txt", "test.txt", 3)] {
        let path = |name: &str| dir.path().join(name).to_str().map(String::from);
        let source = lacuna_source::DataSource { path: path(train), test: path(test), ..Default::default() };
        let data = source.open().unwrap();
        let (train, test) = (data.train, data.test.unwrap());
        assert_eq!((train.classes.len(), &test.classes), (classes, &train.classes));
        assert_eq!(test.labels.unwrap().classes(), classes);
    }
}
