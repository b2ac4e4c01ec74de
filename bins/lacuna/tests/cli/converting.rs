//! Data from one format into another.

use crate::{ROWS, data, lacuna, noise, npy, with};
use lacuna_formats::{NpyArray, NpyData};
use std::fs;

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
