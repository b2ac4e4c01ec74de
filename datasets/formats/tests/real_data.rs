//! Folders as people have them on disk. The files are not part of the repository: they are looked for
//! where `LACUNA_DATA` says, then beside the workspace.

use lacuna_formats::{Dtype, NpyArray, SpmlFolder};
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
        NpyArray::open(&original).unwrap().save(&copy).unwrap();
        assert!(fs::read(&original).unwrap() == fs::read(&copy).unwrap(), "{name}");
    }
}
