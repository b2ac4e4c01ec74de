//! Folders as people have them on disk. The files are not part of the repository: they are looked for
//! where `LACUNA_DATA` says, then beside the workspace.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a test says what it skipped")]

use lacuna_formats::{
    Compression, Content, CsvLayout, Destination, Dtype, LabelSheet, LabelTable, Limits, NpyArray, NpyData,
    NpzArchive, Part, ReadOptions, SafetensorsFile, SpmlFolder, Table, open_data, write_label_list,
    write_labels_csv, write_labels_jsonl, write_npz, write_safetensors,
};
use lacuna_labels::{Label, ObservedLabels};
use std::env;
use std::fs;
use std::path::PathBuf;

fn data() -> Option<PathBuf> {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = env::var_os("LACUNA_DATA").map_or_else(beside, PathBuf::from);
    if !folder.is_dir() {
        eprintln!("skipped: there is no folder of data; set LACUNA_DATA");
        return None;
    }
    Some(folder)
}

#[test]
fn folders_of_the_single_positive_layout() {
    let Some(data) = data() else { return };
    for (name, rows, columns, classes, per_row, first_class) in [
        ("ucmerced", [1680, 420], 1280, 17, 3.335, "airplane"),
        ("movieposter", [5781, 1445], 1280, 21, 2.320, ""),
    ] {
        let sets = SpmlFolder::new(data.join(name)).load().unwrap();
        assert_eq!([sets.train.rows(), sets.test.rows()], rows);
        for set in [&sets.train, &sets.test] {
            assert_eq!((set.features.columns(), set.truth.classes()), (columns, classes));
            assert_eq!(set.names.as_ref().map(Vec::len), Some(set.rows()));
            assert!(set.classes[0].starts_with(first_class));
            assert!(set.features.values().iter().all(|value| (0.0..=6.0).contains(value)));
        }
        let positives = sets.train.truth.positives() + sets.test.truth.positives();
        let mean = positives as f64 / (rows[0] + rows[1]) as f64;
        assert!((mean - per_row).abs() < 6e-4, "{name}: {mean} labels a row");
    }
}

#[test]
fn files_written_by_numpy_come_back_byte_for_byte() {
    let Some(data) = data() else { return };
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy.npy");
    for (name, dtype) in [
        ("ucmerced/formatted_train_images.npy", "<U41"),
        ("ucmerced/formatted_train_labels.npy", "<f8"),
        ("ucmerced/val_features_imagenet_mobilenetv2.npy", "<f4"),
        ("movieposter/formatted_val_labels.npy", "<i8"),
        ("movieposter/val_features_imagenet_mobilenetv2.npy", "<f2"),
        ("label_structure/voc2012_trainval_labels.npy", "|u1"),
        ("label_structure/coco_train_full_imgid.npy", "<i4"),
    ] {
        let original = data.join(name);
        assert_eq!(Dtype::of_file(&original).unwrap().to_string(), dtype);
        NpyArray::open(&original).unwrap().save(Destination::replacing(&copy)).unwrap();
        assert!(fs::read(&original).unwrap() == fs::read(&copy).unwrap(), "{name}");
    }
}

#[test]
fn files_of_mulan() {
    let Some(data) = data() else { return };
    for (name, rows, columns, classes, per_row, sparse, first) in [
        ("scene", [1211, 1196], 294, 6, 1.074, false, "Beach"),
        ("corel5k", [4500, 500], 499, 374, 3.522, true, "city"),
    ] {
        let Content { train, test } = open_data(&data.join(name), &ReadOptions::default()).unwrap();
        let test = test.unwrap();
        let mut positives = 0;
        for (table, rows) in [(train, rows[0]), (test, rows[1])] {
            assert_eq!(matches!(table.features, Some(lacuna_formats::FeatureTable::Sparse(_))), sparse);
            let set = table.into_set(&Limits::default()).unwrap();
            assert_eq!((set.rows(), set.features.columns(), set.truth.classes()), (rows, columns, classes));
            assert_eq!((set.observed, set.names), (None, None));
            assert_eq!(set.classes[0], first, "{name}");
            if sparse {
                assert!(set.features.values().iter().all(|&value| value == 0.0 || value == 1.0));
            }
            positives += set.truth.positives();
        }
        let mean = positives as f64 / (rows[0] + rows[1]) as f64;
        assert!((mean - per_row).abs() < 6e-4, "{name}: {mean} labels a row");
    }
}

/// Labels of a table with names, whatever its format.
fn sheet(table: &Table) -> ObservedLabels {
    table.labels.as_ref().unwrap().to_observed(&table.path, &Limits::default()).unwrap()
}

#[test]
fn labels_go_through_every_format_and_come_back() {
    let Some(data) = data() else { return };
    let folder = tempfile::tempdir().unwrap();
    for name in ["ucmerced", "movieposter"] {
        let content = open_data(&data.join(name), &ReadOptions::default()).unwrap();
        let table = content.train;
        let labels = sheet(&table);
        let (names, classes) = (table.names.clone().unwrap(), table.classes.clone());
        let written = LabelSheet { names: &names, classes: &classes, labels: labels.matrix() };
        let path = |file: &str| folder.path().join(format!("{name}-{file}"));
        write_labels_csv(&path("wide.csv"), written, CsvLayout::Wide).unwrap();
        write_labels_csv(&path("long.tsv"), written, CsvLayout::Long).unwrap();
        write_labels_jsonl(&path("x.jsonl"), written).unwrap();
        write_label_list(&path("x.txt"), written).unwrap();
        for file in ["wide.csv", "long.tsv", "x.jsonl", "x.txt"] {
            let unlisted = (file == "x.txt").then_some(Label::Negative);
            let options = ReadOptions { classes: Some(classes.clone()), unlisted, ..ReadOptions::default() };
            let back = open_data(&path(file), &options).unwrap().train;
            assert_eq!(back.names.as_ref(), Some(&names), "{name} {file}");
            assert_eq!(sheet(&back), labels, "{name} {file}");
        }

        // Features and labels as arrays.
        let (rows, columns) = (labels.rows(), table.features.as_ref().unwrap().columns());
        let features = table.features.clone().unwrap().into_dense(&table.path, &Limits::default()).unwrap();
        let array = |shape: Vec<usize>, data| NpyArray::new(shape, data).unwrap();
        let codes: Vec<i8> = labels.cells().iter().map(|label| i8::from(label.is_positive())).collect();
        let arrays = [
            ("features", array(vec![rows, columns], NpyData::F32(features.values().to_vec()))),
            ("labels", array(vec![rows, labels.classes()], NpyData::I8(codes))),
            ("names", array(vec![rows], NpyData::Text(names.clone()))),
        ];
        let all: Vec<(&str, &NpyArray)> = arrays.iter().map(|(name, array)| (*name, array)).collect();
        for compression in [Compression::Stored, Compression::Deflate] {
            let path = path("x.npz");
            write_npz(Destination::replacing(&path), &all, compression).unwrap();
            let mut archive = NpzArchive::open(&path).unwrap();
            for (name, array) in &arrays {
                assert_eq!(&archive.read(name).unwrap(), array);
            }
            let back = open_data(&path, &ReadOptions::default()).unwrap().train;
            assert_eq!((back.names.as_ref(), sheet(&back)), (Some(&names), labels.clone()));
        }
        let path = path("x.safetensors");
        write_safetensors(&path, &all[..2], &[("format", "pt")]).unwrap();
        assert_eq!(SafetensorsFile::open(&path).unwrap().read("labels").unwrap(), arrays[1].1);
        let back = open_data(&path, &ReadOptions::default()).unwrap().train;
        assert_eq!(sheet(&back), labels);
        assert_eq!(back.features, table.features);
    }
}

#[test]
fn a_folder_of_the_single_positive_layout_is_written_and_read() {
    let Some(data) = data() else { return };
    let copy = tempfile::tempdir().unwrap();
    for name in ["formatted_train_labels.npy", "formatted_val_labels.npy"] {
        fs::copy(data.join("movieposter").join(name), copy.path().join(name)).unwrap();
    }
    let content = open_data(&data.join("movieposter"), &ReadOptions::default()).unwrap();
    assert!(matches!(content.train.labels, Some(LabelTable::Dense(_))));
    let labels = sheet(&content.train);
    let path = SpmlFolder::new(copy.path()).write_observed(Part::Train, &labels, false).unwrap();
    assert_eq!(Dtype::of_file(path).unwrap().to_string(), "<i8");
}

#[test]
fn large_features_are_mapped_and_small_ones_are_read() {
    let Some(data) = data() else { return };
    let read = |map_from| {
        let limits = Limits { map_from, ..Limits::default() };
        SpmlFolder::new(data.join("ucmerced")).limits(limits).load().unwrap()
    };
    assert_eq!(read(1 << 20), read(1 << 40));
}
