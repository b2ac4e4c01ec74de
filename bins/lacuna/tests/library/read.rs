//! What `lacuna::read` makes of files, and how rows find each other.

use lacuna::{FeatureSource, Fit, FormatError, Label, LabelSource, TrainError, read};
use std::path::PathBuf;
use tempfile::TempDir;

const N: Label = Label::Negative;
const U: Label = Label::Unknown;
const P: Label = Label::Positive;

/// A folder with a file of this text.
fn file(name: &str, text: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

fn cells(labels: &read::LabelFile) -> Vec<Label> {
    labels.observed().unwrap().cells().to_vec()
}

#[test]
fn lists_need_a_word_about_what_is_not_listed() {
    let lists = [
        ("tags.csv", "image,label\na,cat\na,dog\nb,cat\n"),
        (
            "tags.jsonl",
            "{\"id\": \"a\", \"labels\": [\"cat\", \"dog\"]}\n{\"id\": \"b\", \"labels\": [\"cat\"]}\n",
        ),
        ("wide.csv", "id,cat,dog\na,1,1\nb,1,\n"),
    ];
    for (name, text) in lists {
        let (_folder, path) = file(name, text);
        let labels = read::labels(&path).unwrap();
        let refused = labels.observed().unwrap_err();
        assert!(matches!(refused, TrainError::Unlisted { .. }), "{name}: {refused}");
        assert!(
            refused.to_string().contains(name) && refused.to_string().contains(".unlisted("),
            "{refused}"
        );
        assert_eq!(cells(&labels.clone().unlisted(U)), [P, P, P, U], "{name}");
        assert_eq!(cells(&labels.clone().unlisted(N)), [P, P, P, N], "{name}");
        let classes: Vec<_> = labels.classes().iter().collect();
        assert_eq!(classes, ["cat", "dog"], "{name}");
        assert_eq!(labels.row_names().unwrap().iter().collect::<Vec<_>>(), ["a", "b"]);
    }
}

#[test]
fn files_that_state_every_cell_need_none() {
    let (_folder, path) = file("all.csv", "id,cat,dog\na,1,0\nb,0,1\n");
    let labels = read::labels(&path).unwrap();
    assert_eq!(cells(&labels), [P, N, N, P]);
    let labels = labels.unlisted(U);
    assert_eq!(cells(&labels), [P, N, N, P]);
    assert!(labels.notes().iter().any(|note| note.contains("states every cell")), "{:?}", labels.notes());
    // An unknown cell that the file states stays one, in either reading.
    let (_folder, path) = file("some.csv", "id,cat,dog\na,1,0\nb,0,1\n");
    let options = read::ReadOptions { unlisted: Some(U), ..Default::default() };
    assert_eq!(cells(&read::labels_with(&path, &options).unwrap()), [P, N, N, P]);
    // LIBSVM lists are complete, unless somebody says otherwise.
    let (_folder, path) = file("x.libsvm", "0,1 0:1.0\n1 1:2.0\n");
    let labels = read::labels(&path).unwrap();
    assert_eq!(cells(&labels), [P, P, N, P]);
    assert_eq!(cells(&labels.unlisted(U)), [P, P, U, P]);
    assert_eq!(read::features(&path).unwrap().features().columns(), 2);
}

#[test]
#[should_panic(expected = "unknown or negative, not positive")]
fn what_is_not_listed_is_never_positive() {
    let (_folder, path) = file("tags.csv", "image,label\na,cat\n");
    let _ = read::labels(&path).unwrap().unlisted(P);
}

/// Features of four rows, `x.npy`, and their names, `names.txt`.
fn features(folder: &TempDir, names: &str) -> read::FeatureFile {
    let values = vec![-2.0, -1.0, 1.0, 2.0];
    let (x, list) = (folder.path().join("x.npy"), folder.path().join("names.txt"));
    let array = lacuna_formats::NpyArray::new(vec![4, 1], lacuna_formats::NpyData::F32(values)).unwrap();
    array.save(lacuna_formats::Destination::replacing(&x)).unwrap();
    std::fs::write(&list, names).unwrap();
    read::features(&x).unwrap().named(&list).unwrap()
}

#[test]
fn rows_are_joined_by_name_else_by_position() {
    let (folder, path) = file("y.csv", "id,big\nd,1\nc,1\nb,0\na,0\n");
    let y = read::labels(&path).unwrap();
    let named = features(&folder, "a\nb\nc\nd\n");
    let model = Fit::new("auto").fit(&named, &y).unwrap();
    let p = model.predict(&named).unwrap();
    assert!(p.get(0, 0) < 0.5 && p.get(3, 0) > 0.5, "{:?}", p.probabilities());
    assert_eq!(model.classes(), ["big"]);
    assert!(model.notes()[0].contains("joined by name"), "{:?}", model.notes());
    // Without names of the features the rows are taken in the order of the files.
    let unnamed = read::features(folder.path().join("x.npy")).unwrap();
    let model = Fit::new("auto").fit(&unnamed, &y).unwrap();
    assert!(model.predict(&unnamed).unwrap().get(0, 0) > 0.5);
    assert!(model.notes()[0].contains("joined by position"), "{:?}", model.notes());
    // Plain matrices are taken too.
    let observed = y.observed().unwrap().into_owned();
    let plain = Fit::new("auto").fit(unnamed.features(), &observed).unwrap();
    assert_eq!(plain.weights(), model.weights());
    assert_eq!(plain.classes(), ["0"]);
}

#[test]
fn rows_that_do_not_fit_are_refused() {
    let (folder, path) = file("y.csv", "id,big\nx,1\ny,0\nz,0\n");
    let y = read::labels(&path).unwrap();
    let named = features(&folder, "a\nb\nc\nd\n");
    let refused = Fit::new("auto").fit(&named, &y).unwrap_err();
    assert!(matches!(&refused, TrainError::Rows(problem) if problem.contains("`a` and `x`")), "{refused}");
    let unnamed = read::features(folder.path().join("x.npy")).unwrap();
    let refused = Fit::new("auto").fit(&unnamed, &y).unwrap_err();
    assert!(matches!(&refused, TrainError::Rows(problem) if problem.contains("4 rows")), "{refused}");
    let three = folder.path().join("three.txt");
    std::fs::write(&three, "a\nb\nc\n").unwrap();
    let refused = read::features(folder.path().join("x.npy")).unwrap().named(&three).unwrap_err();
    assert!(matches!(refused, FormatError::Mismatch { count: 4, other_count: 3, .. }), "{refused}");
    assert!(matches!(read::features(&path).unwrap_err(), FormatError::Empty { what: "features", .. }));
    assert!(read::labels(folder.path().join("missing.csv")).is_err());
}
