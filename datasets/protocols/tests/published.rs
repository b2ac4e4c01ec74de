//! The published masks and splits, bit for bit: small cases printed by NumPy, and whole files by
//! their hash. The inputs are not part of the repository: they are looked for where `LACUNA_GOLDEN` and
//! `LACUNA_DATA` say, then beside the workspace.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a test says what it skipped")]

use lacuna_formats::{NpyArray, NpyData, Part, SpmlFolder};
use lacuna_labels::{Label, ObservedLabels, TrueLabels};
use lacuna_protocols::{
    Holdout, KeepShare, KnownCells, LongTail, MissingnessSummary, NumpyLegacy, SinglePositive,
};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

fn folder(variable: &str, name: &str) -> Option<PathBuf> {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared").join(name);
    let folder = env::var_os(variable).map_or_else(beside, PathBuf::from);
    if !folder.is_dir() {
        eprintln!("skipped: there is no folder {name}; set {variable}");
        return None;
    }
    Some(folder)
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn integers(list: &Value) -> Vec<usize> {
    list.as_array().unwrap().iter().map(|number| number.as_u64().unwrap() as usize).collect()
}

fn matrix(rows: &Value) -> Vec<Vec<usize>> {
    rows.as_array().unwrap().iter().map(integers).collect()
}

/// 1 where the label is `wanted`, row by row.
fn cells(labels: &ObservedLabels, wanted: impl Fn(Label) -> bool) -> Vec<Vec<usize>> {
    (0..labels.rows())
        .map(|row| labels.row(row).iter().map(|&label| usize::from(wanted(label))).collect())
        .collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn small_cases_printed_by_numpy() {
    let Some(golden) = folder("LACUNA_GOLDEN", "golden") else { return };
    for seed in [0_u32, 999, 1200] {
        let case = json(&golden.join(format!("numpy_legacy_rng_seed{seed}.json")));
        let (inputs, outputs) = (&case["inputs"], &case["outputs"]);

        let mut rng = NumpyLegacy::new(seed);
        for expected in outputs["random_sample"].as_array().unwrap() {
            assert_eq!(rng.random_sample(), expected.as_f64().unwrap(), "seed {seed}");
        }
        let mut rng = NumpyLegacy::new(seed);
        for expected in matrix(&outputs["permutation17_then_5"]) {
            assert_eq!(rng.permutation(expected.len()), expected, "seed {seed}");
        }
        let mut rng = NumpyLegacy::new(seed);
        for expected in matrix(&outputs["shuffles_of_1_2_3_5_8"]) {
            let mut list: Vec<usize> = (10..10 + expected.len()).collect();
            rng.shuffle(&mut list);
            assert_eq!(list, expected, "seed {seed}");
        }
        let split = Holdout { val_share: 0.2, seed }.split(23).unwrap();
        assert_eq!(split.train, integers(&outputs["split23_frac0p2_train"]), "seed {seed}");
        assert_eq!(split.val, integers(&outputs["split23_frac0p2_val"]), "seed {seed}");

        let labels = matrix(&inputs["labels"]);
        let truth = TrueLabels::from_fn(labels.len(), labels[0].len(), |row, class| labels[row][class] == 1);
        let observed = SinglePositive { seed, ..SinglePositive::default() }.apply(&truth);
        let expected = matrix(&outputs["single_positive_observed"]);
        assert_eq!(cells(&observed, Label::is_positive), expected, "seed {seed}");
        assert!(observed.cells().iter().all(|&label| label != Label::Negative));
        let known = inputs["keep_proportion"].as_f64().unwrap();
        let observed = KnownCells { known, seed }.apply(&truth).unwrap();
        assert_eq!(cells(&observed, Label::is_known), matrix(&outputs["known_mask"]), "seed {seed}");
    }
}

#[test]
fn whole_files_and_splits_have_the_published_hash() {
    let Some(data) = folder("LACUNA_DATA", "data") else { return };
    let masks = json(&data.join("spml_masks.json"));
    for dataset in masks.as_array().unwrap() {
        let name = dataset["dataset"].as_str().unwrap();
        let sets = SpmlFolder::new(data.join(name)).load().unwrap();

        // The mask file is written beside a copy of the labels, whose type it takes.
        let copy = tempfile::tempdir().unwrap();
        for (part, truth) in [(Part::Train, &sets.train.truth), (Part::Test, &sets.test.truth)] {
            let expected = &dataset[part.word()];
            let labels = format!("formatted_{}_labels.npy", part.word());
            fs::copy(data.join(name).join(&labels), copy.path().join(&labels)).unwrap();
            let observed = SinglePositive::default().apply(truth);
            for (row, first) in matrix(&expected["first_rows"]).into_iter().enumerate() {
                let positives = observed.row(row).iter().enumerate().filter(|(_, label)| label.is_positive());
                assert_eq!(positives.map(|(class, _)| class).collect::<Vec<_>>(), first, "{name}, row {row}");
            }
            let path = SpmlFolder::new(copy.path()).write_observed(part, &observed, false).unwrap();
            let file = fs::read(path).unwrap();
            assert_eq!(file.len() as u64, expected["npy_bytes"].as_u64().unwrap(), "{name}");
            assert_eq!(hex(&Sha256::digest(&file)), expected["sha256"].as_str().unwrap(), "{name}");
        }

        let expected = &dataset["split"];
        let split = Holdout::default().split(sets.train.rows()).unwrap();
        assert_eq!(split.train.len() as u64, expected["train"].as_u64().unwrap(), "{name}");
        assert_eq!(split.val[..20], integers(&expected["val_first"]), "{name}");
        let bytes: Vec<u8> = split.val.iter().flat_map(|&row| (row as i64).to_le_bytes()).collect();
        assert_eq!(hex(&Sha256::digest(&bytes)), expected["val_sha256_le_i64"].as_str().unwrap(), "{name}");
    }
}

/// A matrix of label_structure: an array of 0 and 1, or bits packed row by row.
fn structure(data: &Path, name: &str, classes: usize) -> TrueLabels {
    let array = NpyArray::open(data.join("label_structure").join(name)).unwrap();
    let (rows, columns) = array.matrix_shape().unwrap();
    let NpyData::U8(bytes) = array.into_data() else { panic!("{name}: bytes are expected") };
    let packed = columns != classes;
    TrueLabels::from_fn(rows, classes, |row, class| match packed {
        true => bytes[row * columns + class / 8] >> (7 - class % 8) & 1 == 1,
        false => bytes[row * columns + class] == 1,
    })
}

#[test]
fn the_published_lists_of_coco_and_ours_keep_to_the_same_rules() {
    let Some(data) = folder("LACUNA_DATA", "data") else { return };
    let full = structure(&data, "coco_train_full_packbits.npy", 80);
    assert_eq!((full.rows(), full.positives()), (82_081, 241_035));
    for (name, divisor, positives) in [
        ("coco_train_0p75left_packbits.npy", 2, 181_422),
        ("coco_train_0p4left_packbits.npy", 5, 96_251),
        ("coco_train_singlelabel_packbits.npy", usize::MAX, 82_081),
    ] {
        let published = structure(&data, name, 80);
        let ours = match divisor {
            usize::MAX => SinglePositive::default().apply(&full),
            divisor => KeepShare { divisor, seed: 1 }.apply(&full).unwrap(),
        };
        for (whose, list) in [("published", published.matrix()), ("ours", ours.matrix())] {
            assert_eq!(list.positives(), positives, "{name}, {whose}");
            for row in 0..full.rows() {
                let count = |labels: &[Label]| labels.iter().filter(|label| label.is_positive()).count();
                let (k, kept) = (count(full.row(row)), count(list.row(row)));
                assert_eq!(kept, k / divisor + 1, "{name}, {whose}, row {row}: {kept} of {k}");
                let subset =
                    list.row(row).iter().zip(full.row(row)).all(|(l, f)| !l.is_positive() || f.is_positive());
                assert!(subset, "{name}, {whose}, row {row}");
            }
        }
        // Their summaries say the same.
        let [published, ours] =
            [published.matrix(), ours.matrix()].map(|list| MissingnessSummary::of(&full, list));
        assert_eq!(published.by_cardinality, ours.by_cardinality);
        assert_eq!(
            (published.rows_affected, published.rows_emptied),
            (ours.rows_affected, ours.rows_emptied)
        );
        let [(low, high), (our_low, our_high)] =
            [&published, &ours].map(|summary| summary.keep_range().unwrap());
        println!(
            "{name}: a class keeps {low:.2} to {high:.2} as published, {our_low:.2} to {our_high:.2} here"
        );
        assert!((low - our_low).abs() < 0.05 && (high - our_high).abs() < 0.05);
    }
}

#[test]
fn long_tails_of_voc_and_coco() {
    let Some(data) = folder("LACUNA_DATA", "data") else { return };
    let pool = structure(&data, "voc2012_trainval_labels.npy", 20);
    let rows = LongTail { max: 800, ..LongTail::default() }.select(&pool).unwrap();
    let mut counts = pool.select(&rows).positives_per_class();
    counts.sort_unstable();
    println!("VOC: {} rows, {}..{}; published 1,142 rows, 775..4", rows.len(), counts[19], counts[0]);
    assert!((900..1_700).contains(&rows.len()) && counts[0] >= 1 && counts[19] <= 1_000);
    let pool = structure(&data, "coco_train_full_packbits.npy", 80);
    let rows = LongTail { max: 1_200, ..LongTail::default() }.select(&pool).unwrap();
    let mut counts = pool.select(&rows).positives_per_class();
    counts.sort_unstable();
    println!("COCO: {} rows, {}..{}; published 1,909 rows, 1,128..6", rows.len(), counts[79], counts[0]);
    assert!((1_000..6_000).contains(&rows.len()));
}
