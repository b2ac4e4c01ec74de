//! What ended with a wrong number, or another file, without a word.

use crate::{ROWS, data, json, lacuna, noise, npy, with};
use lacuna_formats::{Compression, NpyArray, NpyData, write_npz};
use std::fs;
use std::path::Path;

/// An archive of features, labels and further arrays.
fn npz(folder: &Path, name: &str, arrays: &[(&str, Vec<usize>, NpyData)]) {
    let arrays: Vec<(&str, NpyArray)> = arrays
        .iter()
        .map(|(name, shape, data)| (*name, NpyArray::new(shape.clone(), data.clone()).unwrap()))
        .collect();
    let named: Vec<(&str, &NpyArray)> = arrays.iter().map(|(name, array)| (*name, array)).collect();
    write_npz(&*folder.join(name), &named, Compression::Stored).unwrap();
}

fn refused(folder: &Path, args: &[&str], says: &[&str]) {
    let (code, text, error) = lacuna(folder, args);
    assert_eq!((code, &*text), (2, ""), "{args:?}: {error}");
    assert!(says.iter().all(|says| error.contains(says)), "{args:?}: {error}");
}

/// A head was measured on a file whose columns stand in another order: a mAP of 53 in place of 95.
#[test]
fn columns_in_another_order_are_refused_by_a_head() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let write = |file: &str, columns: [&str; 2], values: &str| {
        let rows = (0..40).map(|row| {
            let (a, b) = (noise(row), ["red", "blue"][row % 2]);
            let features = if columns[0] == "a" { format!("{a},{b}") } else { format!("{b},{a}") };
            format!("{features},{}\n", u8::from(a > 0.0))
        });
        let header = columns.map(|name| match name {
            "colour" => format!("@attribute colour {{{values}}}\n"),
            name => format!("@attribute {name} numeric\n"),
        });
        let text = format!(
            "@relation 'r: -C -1'\n{}@attribute cat {{0,1}}\n@data\n{}",
            header.concat(),
            rows.collect::<String>()
        );
        fs::write(path.join(file), text).unwrap();
    };
    write("a.arff", ["a", "colour"], "red,blue");
    write("order.arff", ["colour", "a"], "red,blue");
    write("values.arff", ["a", "colour"], "blue,red");
    let (code, _, error) = lacuna(path, &["train", "a.arff", "--complete"]);
    assert_eq!(code, 0, "{error}");
    for command in ["eval", "thresholds", "calibrate"] {
        refused(path, &[command, "order.arff", "--complete"], &["column 0", "`a`", "head.json"]);
        refused(path, &[command, "values.arff", "--complete"], &["column 1", "colour {red, blue}"]);
    }
    refused(path, &["predict", "order.arff"], &["column 0", "`a`"]);
    assert_eq!(lacuna(path, &["eval", "a.arff", "--complete"]).0, 0);
    assert_eq!(lacuna(path, &["calibrate", "a.arff", "--complete"]).0, 0);
    refused(path, &["predict", "values.arff"], &["column 1"]);
}

/// True labels became the observed ones on the way through a file with several arrays.
#[test]
fn unknown_cells_and_true_labels_survive_a_conversion() {
    let folder = data();
    let path = folder.path();
    let set = with("convert", &["--test", "x.npy", "--test-labels", "y.npy", "--out", "d/"]);
    assert_eq!(lacuna(path, &set).0, 0);
    for part in ["train", "test"] {
        let (code, _, error) = lacuna(path, &["mask", "d/", "--part", part, "--out", "d/"]);
        assert_eq!(code, 0, "{error}");
    }
    for file in ["npz", "safetensors"] {
        let (both, test, again) = (&*format!("b.{file}"), &*format!("t.{file}"), &*format!("again-{file}/"));
        assert_eq!(lacuna(path, &["convert", "d/", "--out", both]).0, 0);
        assert_eq!(lacuna(path, &["convert", "d/", "--test-rows", "--out", test]).0, 0);
        let (code, _, error) = lacuna(path, &["convert", both, "--test", test, "--out", again]);
        assert_eq!(code, 0, "{error}");
        for name in ["train_labels", "train_labels_obs", "val_labels", "val_labels_obs"] {
            let read = |folder: &str| {
                let file = path.join(folder).join(format!("formatted_{name}.npy"));
                NpyArray::open(file).unwrap().into_f32_matrix().unwrap()
            };
            assert_eq!(read("d"), read(again), "{file} {name}");
        }
    }
    // What holds the observed labels alone says so, and which cells are unknown.
    let (code, _, error) = lacuna(path, &["convert", "d/", "--labels-only", "--out", "seen.npy", "--force"]);
    assert!(code == 0 && error.contains("the true ones are not"), "{error}");
    let trained = json(path, &["train", "--features", "x.npy", "--labels", "seen.npy"]);
    assert!(trained["notes"].to_string().contains(" 0 negative and"), "{}", trained["notes"]);
}

/// A row of the file of held-out rows was taken for another one of its name, which may be a training row.
#[test]
fn a_name_of_several_rows_names_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let names = NpyData::Text((0..40).map(|row| format!("{}.jpg", row / 2)).collect());
    let x = NpyData::F32((0..80).map(noise).collect());
    let y = NpyData::U8((0..40).map(|row| u8::from(noise(2 * row) > 0.0)).collect());
    npz(
        path,
        "x.npz",
        &[("features", vec![40, 2], x), ("labels", vec![40, 1], y), ("names", vec![40], names)],
    );
    refused(path, &["train", "x.npz", "--complete", "--val", "0.2"], &["several rows", ".jpg"]);
    assert!(!path.join("head").exists());
    assert_eq!(lacuna(path, &["train", "x.npz", "--complete"]).0, 0);
    fs::write(path.join("rows.txt"), "3.jpg\n").unwrap();
    refused(path, &["eval", "x.npz", "--complete", "--rows", "rows.txt"], &["several rows", "`3.jpg`"]);
}

/// Rows of which most had trained were measured without a word.
#[test]
fn rows_that_trained_among_those_that_did_not_are_told() {
    let folder = data();
    let path = folder.path();
    let named = ["--names", "names.txt", "--match", "row", "--complete"];
    assert_eq!(lacuna(path, &with("train", &[&named[..], &["--val", "0.2"]].concat())).0, 0);
    let said = |more: &[&str]| {
        let (code, _, error) = lacuna(path, &with("eval", &[&named[..], more].concat()));
        assert_eq!(code, 0, "{error}");
        error.contains("were kept out")
    };
    assert!(said(&[]));
    assert!(!said(&["--rows", "head/held_out.txt"]));
}

/// The picture took the place of the labels, and a head was calibrated before the folder of its picture was found missing.
#[test]
fn a_plot_overwrites_nothing_that_was_read_and_comes_first() {
    let folder = data();
    let path = folder.path();
    assert_eq!(lacuna(path, &with("train", &["--complete"])).0, 0);
    let file = |name: &str| fs::read(path.join(name)).unwrap();
    let names = ["x.npy", "y.npy", "head/head.json", "head/head.safetensors"];
    let before = names.map(file);
    for plot in names {
        let args = ["--complete", "--plot", plot, "--force", "--out", "h2"];
        refused(path, &with("calibrate", &args), &["does not overwrite it"]);
    }
    refused(path, &with("calibrate", &["--complete", "--plot", "nowhere/p.svg"]), &["nowhere"]);
    assert_eq!(names.map(file), before);
}

/// Cells that are written as unknown became negatives.
#[test]
fn a_cell_that_is_written_as_unknown_is_not_complete() {
    let folder = data();
    let path = folder.path();
    let y: Vec<f32> =
        (0..ROWS * 3).map(|i| if i == 7 { f32::NAN } else { f32::from(noise(i) > 0.0) }).collect();
    let table = |missing: &str| {
        let cell = |i: usize| if i == 7 { missing.to_string() } else { y[i].to_string() };
        let rows = (0..ROWS)
            .map(|row| format!("{row}.jpg,{},{},{}\n", cell(3 * row), cell(3 * row + 1), cell(3 * row + 2)));
        format!("id,a,b,c\n{}", rows.collect::<String>())
    };
    for (file, missing) in [("nan.csv", "nan"), ("asked.csv", "?"), ("blank.csv", "")] {
        fs::write(path.join(file), table(missing)).unwrap();
    }
    npy(path, "nan.npy", [ROWS, 3], NpyData::F32(y));
    let train = |labels| {
        [
            "train",
            "--features",
            "x.npy",
            "--names",
            "names.txt",
            "--match",
            "row",
            "--labels",
            labels,
            "--complete",
        ]
    };
    for (labels, row) in
        [("nan.csv", "row `2.jpg`"), ("asked.csv", "row `2.jpg`"), ("nan.npy", "row `2.jpg`")]
    {
        refused(path, &train(labels), &[labels, row, "--complete"]);
    }
    assert_eq!(lacuna(path, &train("blank.csv")).0, 0);
}

/// Features of more rows than labels were written beside them, or ended the program.
#[test]
fn arrays_of_different_rows_or_classes_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let x = |rows: usize| ("features", vec![rows, 2], NpyData::F32((0..rows * 2).map(noise).collect()));
    let y = |name, rows: usize, classes: usize| {
        let cells = (0..rows * classes).map(|i| u8::from(i % 3 == 0));
        (name, vec![rows, classes], NpyData::U8(cells.collect()))
    };
    npz(path, "rows.npz", &[x(9), y("labels", 8, 2)]);
    npz(path, "observed.npz", &[x(9), y("labels", 9, 3), y("labels_obs", 9, 2)]);
    let twice = NpyData::Text(["cat", "cat"].into_iter().map(String::from).collect());
    npz(path, "twice.npz", &[x(9), y("labels", 9, 2), ("classes", vec![2], twice)]);
    for (file, says) in [
        ("rows.npz", ["9 rows", "labels 8"]),
        ("observed.npz", ["3 classes", "observed labels 2"]),
        ("twice.npz", ["two classes", "`cat`"]),
    ] {
        for out in ["o.npz", "o.safetensors", "o.csv", "o.libsvm"] {
            refused(path, &["convert", file, "--out", out], &says);
        }
        refused(path, &["mask", file, "--protocol", "instance-drop", "--out", "m.npy"], &says);
        refused(path, &["train", file, "--complete"], &says);
        // Who asks what is wrong is told all of it.
        assert_ne!(lacuna(path, &["doctor", file]).0, 0);
    }
    assert_eq!(fs::read_dir(path).unwrap().count(), 3);
}

/// Row 0 of a prediction was row 1 of a file whose row 0 had been left out, and names of all its rows did not fit.
#[test]
fn rows_keep_their_numbers_where_others_are_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let rows = (0..40).map(|row| match row % 10 {
        0 => format!("?,{}\n", row % 2),
        _ => format!("{},{}\n", noise(row), u8::from(noise(row) > 0.0)),
    });
    let header = "@relation 'r: -C -1'\n@attribute a numeric\n@attribute cat {0,1}\n@data\n";
    fs::write(path.join("a.arff"), format!("{header}{}", rows.collect::<String>())).unwrap();
    let drop = ["--missing-features", "drop-rows"];
    assert_eq!(lacuna(path, &[&["train", "a.arff", "--complete"][..], &drop].concat()).0, 0);
    let predict = |more: &[&str], out: &str| {
        let (code, _, error) =
            lacuna(path, &[&["predict", "a.arff", "--out", out][..], &drop, more].concat());
        assert_eq!(code, 0, "{error}");
        let text = fs::read_to_string(path.join(out)).unwrap();
        let names: Vec<String> =
            text.lines().skip(1).map(|line| line.split(',').next().unwrap().into()).collect();
        (names, error)
    };
    let kept: Vec<usize> = (0..40).filter(|row| row % 10 != 0).collect();
    let (numbers, error) = predict(&[], "p.csv");
    assert_eq!(numbers, kept.iter().map(usize::to_string).collect::<Vec<_>>());
    assert!(error.contains("4 rows with a missing feature are left out"), "{error}");
    let all: String = (0..40).map(|row| format!("{row}.jpg\n")).collect();
    fs::write(path.join("names.txt"), all).unwrap();
    let (names, _) = predict(&["--names", "names.txt"], "q.csv");
    assert_eq!(names, kept.iter().map(|row| format!("{row}.jpg")).collect::<Vec<_>>());
}

/// Classes that no row lists were not in a file of lists, without a word.
#[test]
fn classes_that_a_file_of_lists_has_not_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    fs::write(path.join("y.csv"), "id,cat,dog,cow\na,1,0,\nb,1,1,\n").unwrap();
    let convert = |out: &str| {
        let (code, _, error) = lacuna(path, &["convert", "--labels", "y.csv", "--labels-only", "--out", out]);
        assert_eq!(code, 0, "{error}");
        error
    };
    let error = convert("y.jsonl");
    assert!(error.contains("1 classes without such a row are not in it (the first is `cow`)"), "{error}");
    let error = convert("y.txt");
    assert!(error.contains("their names are not in it") && error.contains("(the first is 2)"), "{error}");
    assert!(!convert("z.csv").contains("not in it"));
}

/// A sparse file in which the last columns do not occur has zeros there, as test rows of `repro` have.
#[test]
fn sparse_rows_without_the_last_columns_fit_a_head() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let rows = |rows: std::ops::Range<usize>, columns: usize| -> String {
        rows.map(|row| {
            let values: Vec<f32> = (0..columns).map(|column| noise(4 * row + column)).collect();
            let features: Vec<String> = values.iter().enumerate().map(|(i, x)| format!("{i}:{x}")).collect();
            let classes = if values[0] > 0.0 { "0,1" } else { "1" };
            format!("{classes} {}\n", features.join(" "))
        })
        .collect()
    };
    fs::write(path.join("a.libsvm"), rows(0..40, 4)).unwrap();
    fs::write(path.join("b.libsvm"), rows(40..60, 2)).unwrap();
    let zeros: String = rows(40..60, 2).lines().map(|line| format!("{line} 3:0\n")).collect();
    fs::write(path.join("c.libsvm"), zeros).unwrap();
    let (code, _, error) = lacuna(path, &["train", "a.libsvm"]);
    assert_eq!(code, 0, "{error}");
    for command in ["eval", "predict"] {
        let (code, text, error) = lacuna(path, &[command, "b.libsvm"]);
        assert!(
            code == 0 && error.contains("the last 2 columns of features do not occur and are 0"),
            "{error}"
        );
        let (_, same, _) = lacuna(path, &[command, "c.libsvm"]);
        assert_eq!(text, same);
    }
    // More columns than the head has are others.
    fs::write(path.join("d.libsvm"), rows(40..60, 4).replace(" 3:", " 9:")).unwrap();
    refused(path, &["predict", "d.libsvm"], &["10", "4"]);
}
