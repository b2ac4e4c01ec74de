//! The commands on data sets: doctor, mask, make.

use crate::{coco, lacuna};
use lacuna_formats::{Destination, NpyArray, NpyData};
use std::fs;
use std::path::Path;

/// A folder in SPML layout: 40 and 20 rows, 3 features, 4 classes.
fn write_set(folder: &Path) {
    for (part, rows) in [("train", 40_usize), ("val", 20)] {
        let save = |name: String, shape: &[usize], data| {
            NpyArray::new(shape.to_vec(), data).unwrap().save(&folder.join(name)).unwrap();
        };
        let start = if part == "train" { 0 } else { 1_000 };
        let features = (0..rows * 3).map(|i| (start + i * 37 % 101) as f32 + i as f32 / 7.0).collect();
        let labels = (0..rows * 4).map(|i| u8::from(i % 4 <= i / 4 % 3)).collect();
        let names: Vec<String> = (0..rows).map(|i| format!("{part}_{i}.jpg")).collect();
        save(format!("{part}_features_x.npy"), &[rows, 3], NpyData::F32(features));
        save(format!("formatted_{part}_labels.npy"), &[rows, 4], NpyData::U8(labels));
        save(format!("formatted_{part}_images.npy"), &[rows], NpyData::Text(names.into()));
    }
}

#[test]
fn the_doctor_finds_nothing_in_a_good_set_and_says_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    write_set(folder.path());
    let (code, text, error) = lacuna(folder.path(), &["doctor", "."]);
    assert_eq!(code, 0, "{text}{error}");
    for word in ["train: 40 rows, 3 features, 4 classes", "cardinality 1.975", "fingerprint: ", "leakage: 0"]
    {
        assert!(text.contains(word), "{word}: {text}");
    }
    let (_, json, _) = lacuna(folder.path(), &["doctor", ".", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["parts"][0]["rows"], 40);
    assert_eq!(json["fingerprint"].as_str().unwrap().len(), 64);
    // A single changed label shows in the fingerprint.
    let path = folder.path().join("formatted_train_labels.npy");
    let mut bytes = fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&path, bytes).unwrap();
    let (_, other, _) = lacuna(folder.path(), &["doctor", ".", "--json"]);
    let other: serde_json::Value = serde_json::from_str(&other).unwrap();
    assert_ne!(json["fingerprint"], other["fingerprint"]);
}

#[test]
fn the_doctor_ends_with_1_for_errors_in_the_data_and_with_2_for_files_that_cannot_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    write_set(path);
    let train = NpyArray::open(path.join("train_features_x.npy")).unwrap();
    let (_, _, values) = train.into_f32_matrix().unwrap();
    let save = |name: &str, rows: usize, values: Vec<f32>| {
        NpyArray::new(vec![rows, 3], NpyData::F32(values))
            .unwrap()
            .save(Destination::replacing(&path.join(name)))
            .unwrap();
    };
    save("val_features_x.npy", 20, values[..60].to_vec());
    let (code, text, _) = lacuna(path, &["doctor", "."]);
    assert_eq!(code, 1);
    assert!(text.contains("error: 20 of 20 test rows have the features of a training row"), "{text}");

    let mut broken = values.clone();
    broken[7] = f32::NAN;
    save("train_features_x.npy", 40, broken);
    // The same refusal and exit code as from every other command.
    let (code, text, error) = lacuna(path, &["doctor", "."]);
    assert_eq!((code, text.as_str()), (2, ""), "{error}");
    assert!(error.contains("row 2, column 1 (counted from 0) is NaN"), "{error}");

    fs::write(path.join("train_features_x.npy"), b"nothing").unwrap();
    let (code, _, error) = lacuna(path, &["doctor", "."]);
    assert_eq!(code, 2);
    assert!(error.contains("not a .npy file"), "{error}");
    let (code, _, error) = lacuna(path, &["doctor", "nowhere"]);
    assert_eq!(code, 2);
    assert!(error.starts_with("error: nowhere: "), "{error}");
}

#[test]
fn the_doctor_looks_at_observed_labels_and_keeps_to_80_columns() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    write_set(path);
    assert_eq!(lacuna(path, &["mask", ".", "--out", "."]).0, 0);
    let args = ["doctor", ".", "--label-convention", "spml"];
    let (code, text, error) = lacuna(path, &args);
    assert_eq!(code, 0, "{text}{error}");
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let expected = "observed 40 positive (1.000 a row), 0 negative (0.000 a row), 120 unknown (3.000 a row); 0 \
                    contradict the truth";
    assert!(words.contains(expected), "{text}");
    assert!(text.contains("warning: train: no observed label is negative, 40 are positive"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");

    // Labels of other rows: row 0 is positive in class 0 alone.
    let observed = path.join("formatted_train_labels_obs.npy");
    let (rows, classes, mut labels) = NpyArray::open(&observed).unwrap().into_f32_matrix().unwrap();
    labels[..4].copy_from_slice(&[0.0, 0.0, 0.0, 1.0]);
    let labels = labels.into_iter().map(|label| label as i8).collect();
    NpyArray::new(vec![rows, classes], NpyData::I8(labels))
        .unwrap()
        .save(Destination::replacing(&observed))
        .unwrap();
    let (code, json, _) = lacuna(path, &[&args[..], &["--json"]].concat());
    assert_eq!(code, 1);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["parts"][0]["observed"]["contradictions"], 1);
    let kinds: Vec<&str> = json["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| finding["kind"].as_str().unwrap())
        .collect();
    assert!(kinds.contains(&"observed-contradicts-truth"), "{kinds:?}");
    let text = "train: 1 of 40 known observed labels contradict the true ones; the first is that of row 0 \
                (`train_0.jpg`), class 3";
    assert_eq!((&json["errors"][0], &json["leaked_names"]), (&text.into(), &0.into()));
}

#[test]
fn masks_are_written_whole_in_every_form() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    write_set(path);
    let (code, _, error) = lacuna(path, &["mask", "."]);
    assert!(code == 2 && error.contains("--out FILE"), "{error}");
    assert!(!path.join("formatted_train_labels_obs.npy").exists(), "the folder that is read was written to");
    let (code, text, error) = lacuna(path, &["mask", ".", "--out", "."]);
    assert_eq!(code, 0, "{error}");
    assert!(text.contains("single-positive positives=1 negatives=0 seed 1200"), "{text}");
    assert!(text.contains("positives kept   40 of 79"), "{text}");
    assert!(path.join("formatted_train_labels_obs.npy").is_file());
    let args =
        ["mask", ".", "--protocol", "random-drop", "--set", "rate=0.5", "--seed", "3", "--part", "test"];
    for file in ["x.npy", "x.csv", "x.tsv", "x.jsonl", "x.txt"] {
        let (code, _, error) = lacuna(path, &[&args[..], &["--out", file]].concat());
        assert_eq!(code, 0, "{error}");
        assert!(path.join(file).metadata().unwrap().len() > 0);
    }
    let again = fs::read(path.join("x.csv")).unwrap();
    let (code, _, error) = lacuna(path, &[&args[..], &["--out", "x.csv"]].concat());
    assert!(code == 2 && error.contains("--force"), "{error}");
    assert_eq!(lacuna(path, &[&args[..], &["--out", "x.csv", "--force"]].concat()).0, 0);
    assert_eq!(again, fs::read(path.join("x.csv")).unwrap());
    let long_tail = ["mask", ".", "--protocol", "long-tail", "--set", "max=10", "--out", "tail.npy"];
    assert_eq!(lacuna(path, &long_tail).0, 0);
    assert!(path.join("tail.rows.npy").is_file());
    assert_eq!(lacuna(path, &["mask", ".", "--protocol", "instance-drop", "--out", "i.csv"]).0, 0);
}

#[test]
fn one_positive_is_kept_by_the_size_or_the_place_of_its_objects_or_by_weights_of_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    // In each picture the cat is large and at the edge, the dog small and in the middle.
    let images: Vec<String> = (1..=60)
        .map(|id| format!(r#"{{"id":{id},"file_name":"{id:03}.jpg","width":100,"height":100}}"#))
        .collect();
    let objects: Vec<String> = (1..=60)
        .flat_map(|id| {
            [
                format!(r#"{{"image_id":{id},"category_id":1,"area":990,"bbox":[0,0,33,30]}}"#),
                format!(r#"{{"image_id":{id},"category_id":2,"area":10,"bbox":[48,49,5,2]}}"#),
            ]
        })
        .collect();
    fs::write(path.join("instances.json"), coco(&images, &objects)).unwrap();
    let cats = |weights: &str| {
        let args = [
            "mask",
            "instances.json",
            "--format",
            "coco",
            "--unlisted",
            "negative",
            "--protocol",
            "biased-positive",
            "--weights",
            weights,
            "--out",
            "seen.npy",
            "--force",
        ];
        let (code, text, error) = lacuna(path, &args);
        assert_eq!(code, 0, "{text}{error}");
        assert!(text.contains(&format!("weights={weights}")), "{text}");
        let seen = NpyArray::open(path.join("seen.npy")).unwrap();
        let NpyData::I8(cells) = seen.data() else { panic!("labels are of 8 bits") };
        assert!(cells.chunks(2).all(|row| row.iter().sum::<i8>() == 1), "one positive a row");
        cells.iter().step_by(2).filter(|cell| **cell == 1).count()
    };
    // 99 % of the area; and a distance of about 48 against one of .5, so about 1 % of the weight.
    assert!(cats("size") > 50 && cats("location") < 10);
    let weights = |shape: &[usize], weights: Vec<f64>| {
        let array = NpyArray::new(shape.to_vec(), NpyData::F64(weights)).unwrap();
        array.save(Destination::replacing(&path.join("weights.npy"))).unwrap();
    };
    weights(&[2], vec![0.0, 1.0]);
    assert_eq!(cats("weights.npy"), 0);
    weights(&[60, 2], (0..120).map(|i| f64::from(u8::from(i % 2 == 0))).collect());
    assert_eq!(cats("weights.npy"), 60);

    let refused = |args: &[&str], text: &str| {
        let (code, _, error) = lacuna(path, &[&["mask"], args, &["--out", "no.npy"]].concat());
        assert_eq!(code, 2, "{error}");
        assert!(error.contains(text) && !path.join("no.npy").exists(), "{error}");
    };
    let coco = ["instances.json", "--format", "coco", "--unlisted", "negative"];
    refused(&[&coco[..], &["--weights", "size"]].concat(), "single-positive has no weights");
    let biased = [&coco[..], &["--protocol", "biased-positive", "--weights"]].concat();
    let before = std::fs::read(path.join("weights.npy")).unwrap();
    let over = [&biased[..], &["weights.npy"]].concat();
    let (code, _, error) =
        lacuna(path, &[&["mask"], &over[..], &["--out", "weights.npy", "--force"]].concat());
    assert!(code == 2 && error.contains("has read the file and does not overwrite it"), "{error}");
    assert_eq!(std::fs::read(path.join("weights.npy")).unwrap(), before);
    weights(&[3], vec![0.0, 1.0, 2.0]);
    refused(&[&biased[..], &["weights.npy"]].concat(), "its shape is [3], and [60, 2] or [2] is needed");
    weights(&[2], vec![-1.0, 1.0]);
    let place = "--weights weights.npy: the weight of the positive in row 0, class 0 (counted from 0) is -1";
    refused(&[&biased[..], &["weights.npy"]].concat(), place);
    refused(&[&biased[..], &["size", "--set", "exponent=1"]].concat(), "exponent is of the frequencies");
    write_set(path);
    refused(
        &[".", "--protocol", "biased-positive", "--weights", "size"],
        "does not say of every object where it is",
    );
}

#[test]
fn what_cannot_be_done_is_one_sentence_and_exit_code_2() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    write_set(path);
    fs::write(path.join("csl.csv"), "id,cat,dog\na,1,-1\nb,0,1\n").unwrap();
    for (args, expected) in [
        (&["mask", ".", "--protocol", "x"][..], "unknown protocol, expected one of single-positive"),
        (&["mask", ".", "--set", "x=1"], "single-positive has no setting x"),
        (&["mask", ".", "--set", "positives=x"], "invalid number `x`"),
        (
            &["mask", ".", "--protocol", "rps", "--set", "rate=2"],
            "rate is 2, expected a share between 0 and 1",
        ),
        (&["mask", ".", "--out", "x.xls"], "unsupported file extension, expected npy, csv"),
        (&["mask", ".", "--protocol", "long-tail", "--set", "max=5"], "leaves rows out"),
        (&["mask", ".", "--out", "no/such/folder/x.csv"], "no/such/folder/x.csv"),
        (&["doctor", "csl.csv"], "--label-convention spml, binary-an or csl"),
        (&["doctor", ".", "--format", "xls"], "unknown format `xls`"),
    ] {
        let (code, text, error) = lacuna(path, args);
        assert_eq!((code, text.as_str()), (2, ""), "{args:?}: {error}");
        assert!(error.contains(expected), "{args:?}: {error}");
    }
    assert!(!path.join("x.xls").exists());
    assert_eq!(lacuna(path, &["doctor", "csl.csv", "--label-convention", "csl"]).0, 0);
    assert!(lacuna(path, &["mask", ".", "--protocol", "list"]).1.contains("keep-share"));
    let json = |args: &[&str]| -> serde_json::Value {
        let (code, text, error) = lacuna(path, &[args, &["--json"]].concat());
        assert_eq!(code, 0, "{error}");
        serde_json::from_str(&text).unwrap()
    };
    let listed = json(&["mask", "--protocol", "list"]);
    assert_eq!(listed[0]["settings"][0]["name"], "positives");
    let masked = json(&["mask", ".", "--out", "json.npy"]);
    assert_eq!((&masked["out"], &masked["positives_kept"]), (&"json.npy".into(), &40.into()));
    let made = json(&["make", "voc-like", "--train-rows", "200", "--test-rows", "100", "--out", "made"]);
    assert_eq!((&made["train_rows"], &made["test_rows"]), (&200.into(), &100.into()));
}

#[test]
fn embedded_sets_are_written_in_any_size() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let args =
        ["make", "voc-like", "--train-rows", "300", "--test-rows", "200", "--features", "8", "--out", "set"];
    let (code, text, error) = lacuna(path, &args);
    assert_eq!(code, 0, "{error}");
    assert!(
        text.contains("300 + 200 rows, 8 features, 20 classes") && text.contains("no evidence"),
        "{text}"
    );
    let (code, text, _) = lacuna(path, &["doctor", "set"]);
    assert_eq!(code, 0, "{text}");
    let (code, _, error) = lacuna(path, &args);
    let first = "set/train_features_synthetic.npy";
    assert!(code == 2 && error.contains(first) && error.contains("--force"), "{error}");
    assert_eq!(lacuna(path, &[&args[..], &["--force"]].concat()).0, 0);
    // One file of the set is enough to be refused, and nothing is written then.
    fs::create_dir(path.join("half")).unwrap();
    fs::write(path.join("half/classes.txt"), "mine").unwrap();
    let (code, _, error) = lacuna(path, &["make", "voc-like", "--train-rows", "300", "--out", "half"]);
    assert!(code == 2 && error.contains("classes.txt"), "{error}");
    assert_eq!(fs::read_dir(path.join("half")).unwrap().count(), 1);
    for wrong in [&["make", "x", "--out", "y"][..], &["make", "voc-like", "--train-rows", "0", "--out", "y"]]
    {
        assert_eq!(lacuna(path, wrong).0, 2);
    }
    assert!(!path.join("y").exists());
}

#[test]
fn features_and_labels_in_files_of_their_own_are_joined_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let x = NpyArray::new(vec![3, 2], NpyData::F32(vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0])).unwrap();
    x.save(&path.join("x.npy")).unwrap();
    fs::write(path.join("names.txt"), "img/a.jpg\nimg/b.jpg\nimg/c.jpg\n").unwrap();
    fs::write(path.join("y.csv"), "id,cat,dog\nc.jpg,1,0\na.jpg,0,1\nx.jpg,1,1\n").unwrap();
    let args = ["doctor", "x.npy", "--labels", "y.csv", "--names", "names.txt", "--match", "file-name"];
    let (code, text, error) = lacuna(path, &args);
    assert_eq!(code, 0, "{text}{error}");
    assert!(text.contains("train: 2 rows, 2 features, 2 classes"), "{text}");
    let report = "2 rows have features and labels; 1 of 3 rows of features has no labels (img/b.jpg); 1 of 3 rows of labels";
    assert!(error.contains(report), "{error}");
    let (code, _, error) = lacuna(path, &["doctor", "x.npy", "--labels", "y.csv"]);
    assert!(code == 2 && error.contains("x.npy") && error.contains("--match row"), "{error}");
    let (code, _, error) =
        lacuna(path, &["doctor", "--data", "x.npy", "--labels", "y.csv", "--match", "row"]);
    assert!(code == 0 && error.contains("joined by position"), "{error}");
    fs::write(path.join("names.txt"), "a\n").unwrap();
    assert!(lacuna(path, &args).2.contains("names.txt names 1 rows, and x.npy has 3"));
}

#[test]
fn case_11_labels_in_npy() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let save = |name: &str, shape: &[usize], data| {
        NpyArray::new(shape.to_vec(), data).unwrap().save(&path.join(name)).unwrap();
    };
    save("x.npy", &[4, 3], NpyData::F32((0..12).map(|i| i as f32 / 2.0).collect()));
    save("y.npy", &[4, 2], NpyData::I64(vec![1, 0, 0, 1, 1, 1, 0, 1]));
    let (code, text, error) = lacuna(path, &["doctor", "x.npy", "--labels", "y.npy"]);
    assert_eq!(code, 0, "{text}{error}");
    assert!(text.contains("4 rows, 3 features, 2 classes") && text.contains("cardinality 1.250"), "{text}");
    // What is written is read again.
    let mask = ["mask", "x.npy", "--labels", "y.npy", "--out", "observed.npy"];
    assert_eq!(lacuna(path, &mask).0, 0);
    let args = ["doctor", "x.npy", "--labels", "observed.npy", "--label-convention", "spml"];
    let (code, text, error) = lacuna(path, &args);
    assert_eq!(code, 0, "{text}{error}");
    assert!(text.contains("cardinality 1.000") && text.contains("50.0 % of the cells unknown"), "{text}");
}
