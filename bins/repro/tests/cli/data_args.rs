//! Data as people have it: features here, labels there.

use crate::{done, real_data, records, refused, results, save};
use lacuna_formats::{NpyArray, NpyData};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

const QUICK: [&str; 8] = ["--seeds", "1", "--epochs", "3", "--batch", "8", "--loss", "an"];
const CLASSES: [&str; 3] = ["cat", "dog", "cow"];

/// Features of a row, and its labels.
fn row(i: usize) -> ([f32; 4], [bool; 3]) {
    // Every row has a label: a label list has no other rows.
    let labels = [i.is_multiple_of(2), i.is_multiple_of(3), i % 5 < 2 || i % 6 == 1 || i % 6 == 5];
    let x =
        [0, 1, 2, 3].map(|k| ((i * 37 + k * 11) % 101) as f32 / 101.0 + f32::from(u8::from(labels[k % 3])));
    (x, labels)
}

/// The rows of a part: 60 to train on, 30 to test on.
fn rows(part: &str) -> std::ops::Range<usize> {
    if part == "train" { 0..60 } else { 100..130 }
}

fn features(part: &str) -> Vec<f32> {
    rows(part).flat_map(|i| row(i).0).collect()
}

fn labels(part: &str) -> Vec<u8> {
    rows(part).flat_map(|i| row(i).1.map(u8::from)).collect()
}

/// `train.npy` and `test.npy`.
fn write_features(folder: &Path) {
    for part in ["train", "test"] {
        save(folder, &format!("{part}.npy"), &[rows(part).len(), 4], NpyData::F32(features(part)));
    }
}

/// A folder in SPML layout with the same rows.
fn write_spml(folder: &Path) {
    fs::create_dir(folder).unwrap();
    for (part, word) in [("train", "train"), ("test", "val")] {
        let n = rows(part).len();
        save(folder, &format!("{word}_features_x.npy"), &[n, 4], NpyData::F32(features(part)));
        save(folder, &format!("formatted_{word}_labels.npy"), &[n, 3], NpyData::U8(labels(part)));
        let names = rows(part).map(|i| format!("{i}.jpg")).collect();
        save(folder, &format!("formatted_{word}_images.npy"), &[n], NpyData::Text(names));
    }
    fs::write(folder.join("classes.txt"), CLASSES.join("\n")).unwrap();
}

fn positives(i: usize) -> Vec<usize> {
    (0..3).filter(|&class| row(i).1[class]).collect()
}

/// Labels of a part as text in a format.
fn text(format: &str, part: &str) -> String {
    let mut out = String::new();
    match format {
        "csv" => out += "id,cat,dog,cow\n",
        "coco" => {
            let images: Vec<String> =
                rows(part).map(|i| format!(r#"{{"id":{i},"file_name":"{i}.jpg"}}"#)).collect();
            let annotations: Vec<String> = rows(part)
                .flat_map(|i| positives(i).into_iter().map(move |class| (i, class)))
                .enumerate()
                .map(|(id, (i, class))| format!(r#"{{"id":{id},"image_id":{i},"category_id":{class}}}"#))
                .collect();
            let categories: Vec<String> = CLASSES
                .iter()
                .enumerate()
                .map(|(id, name)| format!(r#"{{"id":{id},"name":"{name}"}}"#))
                .collect();
            return format!(
                r#"{{"images":[{}],"annotations":[{}],"categories":[{}]}}"#,
                images.join(","),
                annotations.join(","),
                categories.join(",")
            );
        }
        _ => {}
    }
    for i in rows(part) {
        let names: Vec<String> =
            positives(i).iter().map(|&class| format!("\"{}\"", CLASSES[class])).collect();
        let numbers: Vec<String> = positives(i).iter().map(usize::to_string).collect();
        let cells: Vec<String> = row(i).1.map(|positive| u8::from(positive).to_string()).to_vec();
        let _ = match format {
            "csv" => writeln!(out, "{i}.jpg,{}", cells.join(",")),
            "jsonl" => writeln!(out, r#"{{"id":"{i}.jpg","labels":[{}]}}"#, names.join(",")),
            "txt" => writeln!(out, "{i}.jpg,{}", numbers.join(" ")),
            other => panic!("no format {other}"),
        };
    }
    out
}

/// Test AP and everything else of a run, but not under which id.
fn result(folder: &Path) -> serde_json::Value {
    let mut all = results(folder);
    assert_eq!(all.len(), 1);
    all.remove(0)
}

#[test]
fn labels_in_every_format_beside_features_give_the_results_of_the_folder() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    write_spml(&path.join("folder"));
    write_features(path);
    done(path, &[&["run", "spml-linear", "--data", "folder", "--out", "expected"][..], &QUICK].concat());
    let expected = result(&path.join("expected"));
    fs::create_dir(path.join("shards")).unwrap();
    for (shard, from) in [(0, 0), (1, 20), (2, 40)] {
        let x = features("train")[from * 4..(from + 20) * 4].to_vec();
        save(path, &format!("shards/img_emb_{shard}.npy"), &[20, 4], NpyData::F32(x));
    }
    for part in ["train", "test"] {
        for format in ["csv", "jsonl", "txt", "coco"] {
            let ending = if format == "coco" { "json" } else { format };
            fs::write(path.join(format!("{part}.{ending}")), text(format, part)).unwrap();
        }
        save(path, &format!("{part}_y.npy"), &[rows(part).len(), 3], NpyData::U8(labels(part)));
        let names: Vec<String> = rows(part).map(|i| format!("pictures/{i}.png")).collect();
        fs::write(path.join(format!("{part}_names.txt")), names.join("\n")).unwrap();
    }
    let by_row = &["--match", "row"][..];
    let by_name = &["--match", "stem", "--names", "train_names.txt", "--test-names", "test_names.txt"][..];
    let cases: [(&str, &str, &str, &[&str]); 8] = [
        ("train.npy", "train.csv", "test.csv", by_row),
        ("train.npy", "train.csv", "test.csv", by_name),
        ("train.npy", "train.jsonl", "test.jsonl", &[by_row, &["--unlisted", "negative"]].concat()),
        ("train.npy", "train.txt", "test.txt", &[by_row, &["--unlisted", "negative"]].concat()),
        ("train.npy", "train.json", "test.json", &[by_name, &["--unlisted", "negative"]].concat()),
        ("train.npy", "train_y.npy", "test_y.npy", &[]),
        ("train.npy", "train_y.npy", "test_y.npy", by_row),
        ("shards", "train.csv", "test.csv", by_row),
    ];
    for (i, (data, labels, test_labels, options)) in cases.into_iter().enumerate() {
        let out = format!("case-{i}");
        let args =
            ["run", "spml-linear", "--data", data, "--labels", labels, "--test", "test.npy", "--out", &out];
        done(path, &[&args[..], &["--test-labels", test_labels], options, &QUICK].concat());
        assert_eq!(result(&path.join(&out)), expected, "{data} {labels} {options:?}");
    }
}

/// The reader of COCO orders images by their ids as text, as the published lists are. Row i of the features is then
/// another picture: such labels were once taken for those of row i, without a word.
#[test]
fn rows_that_a_reader_has_rearranged_are_not_joined_by_position() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    write_features(path);
    for part in ["train", "test"] {
        fs::write(path.join(format!("{part}.json")), text("coco", part)).unwrap();
    }
    let args = ["run", "spml-linear", "--data", "train.npy", "--labels", "train.json", "--test", "test.npy"];
    let by_row = ["--test-labels", "test.json", "--match", "row", "--unlisted", "negative"];
    let error = refused(path, &[&args[..], &by_row, &QUICK].concat());
    assert!(error.contains("train.json") && error.contains("sorted by their ids as text"), "{error}");
}

#[test]
fn classes_in_another_order_are_matched_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    write_features(path);
    fs::write(path.join("train.csv"), text("csv", "train")).unwrap();
    fs::write(path.join("test.csv"), text("csv", "test")).unwrap();
    let mut moved = "id,cow,cat,dog\n".to_string();
    for i in rows("test") {
        let [cat, dog, cow] = row(i).1.map(u8::from);
        let _ = writeln!(moved, "{i}.jpg,{cow},{cat},{dog}");
    }
    fs::write(path.join("moved.csv"), moved).unwrap();
    let args = ["run", "spml-linear", "--data", "train.npy", "--labels", "train.csv", "--test", "test.npy"];
    let run = |labels: &str| {
        let out = labels.replace(".csv", "");
        let (_, error) = done(
            path,
            &[&args[..], &["--match", "row", "--test-labels", labels, "--out", &out], &QUICK].concat(),
        );
        (result(&path.join(&out)), error)
    };
    let ((expected, _), (moved, error)) = (run("test.csv"), run("moved.csv"));
    assert_eq!(moved, expected);
    assert!(error.contains("another order") && error.contains("moved.csv"), "{error}");
    fs::write(path.join("other.csv"), text("csv", "test").replace("cow", "fox")).unwrap();
    let error =
        refused(path, &[&args[..], &["--match", "row", "--test-labels", "other.csv"], &QUICK].concat());
    assert!(
        error.contains("other.csv") && error.contains("`cow` of the training rows is missing"),
        "{error}"
    );
}

#[test]
fn incomplete_labels_are_asked_about_and_not_taken_for_the_truth() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    write_features(path);
    for part in ["train", "test"] {
        fs::write(path.join(format!("{part}.jsonl")), text("jsonl", part)).unwrap();
        fs::write(path.join(format!("{part}.csv")), text("csv", part)).unwrap();
    }
    let run = |labels: &str, test_labels: &str| {
        let args = ["run", "spml-linear", "--data", "train.npy", "--labels", labels, "--match", "row"];
        refused(path, &[&args[..], &["--test", "test.npy", "--test-labels", test_labels], &QUICK].concat())
    };
    let error = run("train.jsonl", "test.csv");
    assert!(error.contains("train.jsonl") && error.contains("training rows are unknown"), "{error}");
    assert!(error.contains("--unlisted negative"), "{error}");
    let error = run("train.csv", "test.jsonl");
    assert!(error.contains("test.jsonl") && error.contains("test rows are unknown"), "{error}");
    // A blank cell.
    let blank = text("csv", "train").replacen("0.jpg,1,1", "0.jpg,,1", 1);
    fs::write(path.join("blank.csv"), blank).unwrap();
    let error = run("blank.csv", "test.csv");
    assert!(
        error.contains("1 of 180 labels") && error.contains("row 0") && error.contains("`cat`"),
        "{error}"
    );
}

#[test]
fn a_label_convention_holds_for_the_training_rows_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    write_features(path);
    // Training labels with -1 for what is absent; test labels with 0.
    let train = text("csv", "train").replace(",0", ",-1");
    fs::write(path.join("train.csv"), &train).unwrap();
    fs::write(path.join("test.csv"), text("csv", "test")).unwrap();
    fs::write(path.join("minus.csv"), text("csv", "test").replacen(",0", ",-1", 1)).unwrap();
    let args =
        ["run", "spml-linear", "--data", "train.npy", "--labels", "train.csv", "--match", "row", "--test"];
    fn run<'a>(args: &[&'a str], rest: &[&'a str]) -> Vec<&'a str> {
        [args, &["test.npy"], rest, &QUICK].concat()
    }
    let error = refused(path, &run(&args, &["--test-labels", "test.csv"]));
    assert!(error.contains("train.csv") && error.contains("--label-convention"), "{error}");
    let spml = ["--label-convention", "spml", "--test-labels"];
    done(path, &run(&args, &[&spml[..], &["test.csv", "--out", "kept"]].concat()));
    assert_eq!(records(&path.join("kept")).len(), 1);
    let error = refused(path, &run(&args, &[&spml[..], &["minus.csv"]].concat()));
    assert!(error.contains("minus.csv") && !error.contains("train.csv"), "{error}");
}

#[test]
fn what_belongs_to_no_data_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    write_features(path);
    fs::write(path.join("train.csv"), text("csv", "train")).unwrap();
    let error = |args: &[&str]| refused(path, &[&["run", "spml-linear"], args].concat());
    assert!(
        error(&["--labels", "train.csv"]).contains("--labels")
            && error(&["--unlisted", "negative"]).contains("--data")
    );
    assert!(
        error(&["--data", "voc-like", "--labels", "train.csv"])
            .contains("--labels has no meaning for the embedded")
    );
    assert!(error(&["--data", "nosuch"]).contains("voc-like"));
    assert!(error(&["--data", "train.npy"]).contains("--test FILE"));
    let both = ["--data", "train.npy", "--labels", "train.csv", "--match", "row"];
    assert!(error(&[&both[..], &["--test-labels", "train.csv"]].concat()).contains("--test FILE"));
    assert!(error(&[&both[..], &["--test", "test.npy"]].concat()).contains("labels"));
    // One side has names and the other has not: nobody knows which row is which.
    let error = error(&[
        "--data",
        "train.npy",
        "--labels",
        "train.csv",
        "--test",
        "test.npy",
        "--test-labels",
        "train.csv",
    ]);
    assert!(error.contains("train.npy") && error.contains("--match row"), "{error}");
}

#[test]
fn an_embedded_set_is_named_like_data() {
    let dir = tempfile::tempdir().unwrap();
    let args =
        ["run", "spml-linear", "--data", "voc-mlt-like", "--seeds", "1", "--epochs", "1", "--loss", "an"];
    let (text, _) = done(dir.path(), &args);
    assert!(text.starts_with("spml-linear on voc-mlt-like"), "{text}");
    let spec = fs::read_to_string(dir.path().join("runs/spml-linear-voc-mlt-like-001/spec.toml")).unwrap();
    assert!(spec.contains("embedded = \"voc-mlt-like\"") && !spec.contains("data = \"voc-like\""), "{spec}");
}

#[test]
fn pictures_serve_a_cnn_and_single_pixels_are_rows() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    for part in ["train", "test"] {
        let n = rows(part).len();
        let pixels =
            rows(part).flat_map(|i| (0..64).map(move |p| ((i * 31 + p * 7) % 17) as f32 / 17.0)).collect();
        save(path, &format!("{part}.npy"), &[n, 1, 8, 8], NpyData::F32(pixels));
        save(path, &format!("{part}_y.npy"), &[n, 3], NpyData::U8(labels(part)));
        save(path, &format!("{part}_11.npy"), &[n, 4, 1, 1], NpyData::F32(features(part)));
        save(path, &format!("{part}_flat.npy"), &[n, 4], NpyData::F32(features(part)));
    }
    let run = |benchmark: &'static str, data: &str, out: &str| {
        let (train, test) = (format!("train{data}.npy"), format!("test{data}.npy"));
        let args =
            ["run", benchmark, "--data", &train, "--labels", "train_y.npy", "--test", &test, "--out", out];
        let (_, error) = done(path, &[&args[..], &["--test-labels", "test_y.npy"], &QUICK].concat());
        (result(&path.join(out)), error)
    };
    let (_, _) = run("shapes-cnn", "", "cnn");
    let spec = fs::read_to_string(path.join("cnn/spec.toml")).unwrap();
    assert!(spec.contains("image = [1, 8, 8]") || spec.contains("8,\n"), "{spec}");
    let ((squeezed, error), (flat, _)) =
        (run("spml-linear", "_11", "squeezed"), run("spml-linear", "_flat", "flat"));
    assert_eq!(squeezed, flat);
    assert!(error.contains("note: train_11.npy: shape (60, 4, 1, 1) is read as (60, 4)"), "{error}");
    // Rows of numbers are no pictures.
    let args = [
        "run",
        "shapes-cnn",
        "--data",
        "train_flat.npy",
        "--labels",
        "train_y.npy",
        "--test",
        "test_flat.npy",
    ];
    let error = refused(path, &[&args[..], &["--test-labels", "test_y.npy"], &QUICK].concat());
    assert!(error.contains("[N, C, H, W]"), "{error}");
}

#[test]
fn real_features_as_npy_and_csv_give_the_same_test_map_bit_for_bit() {
    let Some(folder) = real_data("ucmerced") else { return };
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    let classes = fs::read_to_string(folder.join("classes.txt")).unwrap();
    for (part, word) in [("train", "train"), ("test", "val")] {
        let x = folder.join(format!("{word}_features_imagenet_mobilenetv2.npy"));
        fs::copy(x, path.join(format!("{part}.npy"))).unwrap();
        let open = |name: String| NpyArray::open(folder.join(name)).unwrap();
        let names = open(format!("formatted_{word}_images.npy")).into_strings().unwrap();
        let labels = open(format!("formatted_{word}_labels.npy")).data().to_f64().unwrap();
        let mut csv = format!("id,{}\n", classes.trim_end().lines().collect::<Vec<_>>().join(","));
        for (name, labels) in names.iter().zip(labels.chunks(labels.len() / names.len())) {
            let cells: Vec<String> = labels.iter().map(f64::to_string).collect();
            let _ = writeln!(csv, "{name},{}", cells.join(","));
        }
        fs::write(path.join(format!("{part}.csv")), csv).unwrap();
    }
    let loss = ["--loss", "an", "--seeds", "1"];
    let data = folder.to_str().unwrap();
    done(path, &[&["run", "spml-linear", "--data", data, "--out", "folder"][..], &loss].concat());
    let args = ["run", "spml-linear", "--data", "train.npy", "--labels", "train.csv", "--match", "row"];
    let test = ["--test", "test.npy", "--test-labels", "test.csv", "--out", "files"];
    done(path, &[&args[..], &test, &loss].concat());
    assert_eq!(result(&path.join("files")), result(&path.join("folder")));
    // The fingerprint is that of rows, classes and labels, not that of files.
    let ids = |out: &str| records(&path.join(out))[0]["id"].clone();
    assert_eq!(ids("files"), ids("folder"));
}

/// The arrays of an npz: what was once read from a file of another name was drawn from the truth, without a word.
#[test]
fn arrays_that_seem_to_have_observed_labels_are_never_left_out() {
    use lacuna_formats::{Compression, write_npz};
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    let array = |shape: &[usize], data| NpyArray::new(shape.to_vec(), data).unwrap();
    let x = |part| array(&[rows(part).len(), 4], NpyData::F32(features(part)));
    let y = |part| array(&[rows(part).len(), 3], NpyData::U8(labels(part)));
    let observed = array(&[60, 3], NpyData::U8([1, 0, 0].repeat(60)));
    let (x_train, x_test, y_train, y_test) = (x("train"), x("test"), y("train"), y("test"));
    let write = |file: &str, name: &str| {
        let arrays = [
            ("features_train", &x_train),
            ("features_test", &x_test),
            ("labels_train", &y_train),
            ("labels_test", &y_test),
            (name, &observed),
        ];
        write_npz(&path.join(file), &arrays, Compression::Deflate).unwrap();
    };
    let loss = ["--loss", "an", "--epochs", "1", "--batch", "8", "--seeds", "1"];
    for (i, name) in
        ["labels_obs_train", "Labels_Obs_train", "train_observed_labels", "y_obs_train"].iter().enumerate()
    {
        let (file, out) = (format!("{i}.npz"), format!("known-{i}"));
        write(&file, name);
        done(path, &[&["run", "spml-linear", "--data", &file, "--out", &out][..], &loss].concat());
        let spec = fs::read_to_string(path.join(out).join("spec.toml")).unwrap();
        assert!(spec.contains("mask = \"file\"") && spec.contains("format = \"npz\""), "{name}: {spec}");
    }
    write("strange.npz", "my_obs_mask");
    let error = refused_here(path, &[&["run", "spml-linear", "--data", "strange.npz"][..], &loss].concat());
    assert!(error.contains("`my_obs_mask`") && error.contains("labels_obs"), "{error}");
    write("other.npz", "weights");
    let (_, error) =
        done(path, &[&["run", "spml-linear", "--data", "other.npz", "--out", "other"][..], &loss].concat());
    assert!(error.contains("unused arrays: weights"), "{error}");
    let error = refused_here(path, &["run", "spml-linear", "--data", "other.npz", "--features", "nosuch"]);
    assert!(error.contains("no array is named `nosuch`"), "{error}");
    // Any array can be named.
    let (_, _) = done(
        path,
        &[&["run", "spml-linear", "--data", "other.npz", "--labels", "labels", "--out", "named"][..], &loss]
            .concat(),
    );
}

fn refused_here(folder: &Path, args: &[&str]) -> String {
    let output = crate::repro(folder).args(args).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{args:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[cfg(unix)]
#[test]
fn links_that_lead_nowhere_are_no_absent_files() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("folder");
    write_spml(&folder);
    let args = [&["run", "spml-linear", "--data", "folder"][..], &QUICK].concat();
    for name in ["formatted_train_labels_obs.npy", "classes.txt"] {
        let _ = fs::remove_file(folder.join(name));
        std::os::unix::fs::symlink("/nowhere/at/all", folder.join(name)).unwrap();
        let error = refused(dir.path(), &args);
        assert!(error.contains(name), "{error}");
        fs::remove_file(folder.join(name)).unwrap();
    }
    fs::write(folder.join("formatted_train_labels_observed.npy"), "").unwrap();
    let error = refused(dir.path(), &args);
    assert!(error.contains("formatted_train_labels_observed.npy") && error.contains("rename"), "{error}");
}

#[test]
fn a_folder_to_test_on_gives_its_rows_to_test_on() {
    let dir = tempfile::tempdir().unwrap();
    write_spml(&dir.path().join("folder"));
    let run = |args: &[&str], out: &str| {
        let (_, error) = done(
            dir.path(),
            &[&["run", "spml-linear", "--data", "folder", "--out", out][..], args, &QUICK].concat(),
        );
        (result(&dir.path().join(out)), error)
    };
    let ((own, _), (named, error)) = (run(&[], "own"), run(&["--test", "folder"], "named"));
    assert_eq!(own, named);
    assert!(error.contains("its test rows are used"), "{error}");
}

#[test]
fn names_that_differ_are_counted_where_rows_are_joined_by_position() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    write_features(path);
    for part in ["train", "test"] {
        let list: Vec<String> = rows(part).map(|i| format!("{i}.jpg")).collect();
        fs::write(path.join(format!("{part}.txt")), list.join("\n")).unwrap();
        let mut csv: Vec<String> = text("csv", part).lines().map(String::from).collect();
        csv.swap(2, 3);
        fs::write(path.join(format!("{part}.csv")), csv.join("\n") + "\n").unwrap();
    }
    let args = ["run", "spml-linear", "--data", "train.npy", "--names", "train.txt", "--labels", "train.csv"];
    let test =
        ["--test", "test.npy", "--test-names", "test.txt", "--test-labels", "test.csv", "--match", "row"];
    let (_, error) = done(path, &[&args[..], &test, &QUICK].concat());
    assert!(error.contains("2 of 60 names differ, the first in row 1: `1.jpg` and `2.jpg`"), "{error}");
}

/// Labels in a file of their own beside a folder with observed ones once dropped these and drew others.
#[test]
fn observed_labels_are_not_dropped_for_labels_of_another_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    write_spml(&path.join("folder"));
    save(path, "folder/formatted_train_labels_obs.npy", &[60, 3], NpyData::U8([1, 0, 0].repeat(60)));
    fs::write(path.join("train.csv"), text("csv", "train")).unwrap();
    let error = refused(
        path,
        &[&["run", "spml-linear", "--data", "folder", "--labels", "train.csv"][..], &QUICK].concat(),
    );
    assert!(error.contains("has observed labels of its own"), "{error}");
}

#[test]
fn attributes_in_another_order_are_matched_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    // f0 decides the label; in the moved file it stands last.
    let arff = |order: [usize; 3], part: &str| {
        let mut out = "@relation x\n".to_string();
        order.iter().for_each(|f| out += &format!("@attribute f{f} numeric\n"));
        out += "@attribute cat {0,1}\n@attribute dog {0,1}\n@data\n";
        for i in rows(part) {
            let x = row(i).0;
            let y = row(i).1.map(u8::from);
            order.iter().for_each(|&f| out += &format!("{},", x[f]));
            out += &format!("{},{}\n", y[0], y[1]);
        }
        out
    };
    let xml = "<labels xmlns=\"http://mulan.sourceforge.net/labels\"><label name=\"cat\"/><label name=\"dog\"/></labels>";
    fs::write(path.join("x.xml"), xml).unwrap();
    fs::write(path.join("x-train.arff"), arff([0, 1, 2], "train")).unwrap();
    let run = |order, out: &str| {
        fs::write(path.join("x-test.arff"), arff(order, "test")).unwrap();
        let args = ["run", "spml-linear", "--data", "x-train.arff", "--test", "x-test.arff", "--out", out];
        let (_, error) = done(path, &[&args[..], &QUICK].concat());
        (result(&path.join(out)), error)
    };
    let ((same, _), (moved, error)) = (run([0, 1, 2], "same"), run([2, 1, 0], "moved"));
    assert_eq!(same, moved);
    assert!(error.contains("matched by name"), "{error}");
}
