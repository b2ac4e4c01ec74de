//! Small files that describe large matrices: how much memory their examination takes.
//!
//! Tests of this file run one at a time, because they share the counting allocator.

use lacuna_checks::{Examination, examine};
use lacuna_formats::{ReadOptions, open_data};
use peak_alloc::PeakAlloc;
use std::fmt::Write;
use std::sync::Mutex;

#[global_allocator]
static PEAK: PeakAlloc = PeakAlloc;

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

const MIB: usize = 1 << 20;

/// The examination of a file, and how many bytes beyond those of its table it held at most.
fn measured(name: &str, text: &str) -> (Examination, usize) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    let table = open_data(&path, &ReadOptions::default()).unwrap().train;
    let before = PEAK.current_usage();
    PEAK.reset_peak_usage();
    let found = examine(&table, None);
    (found, PEAK.peak_usage().saturating_sub(before))
}

#[test]
fn a_label_list_of_one_line_with_a_large_class_number() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(|e| e.into_inner());
    let (found, bytes) = measured("x.txt", "a.jpg,30000\n");
    let part = &found.parts[0];
    assert_eq!((part.rows, part.classes, part.empty_classes), (1, 30_001, 30_000));
    assert_eq!(part.class_counts[0], ("class 30000".to_string(), 1));
    // A table of pairs would take gigabytes; 30,001 names with their counts take three megabytes.
    assert!(bytes < 4 * MIB, "{bytes} bytes");
}

#[test]
fn a_long_csv_file_of_100_000_classes() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(|e| e.into_inner());
    let mut text = String::from("id,label\n");
    for class in 0..100_000 {
        writeln!(text, "{}.jpg,tag {class}", class / 2).unwrap();
    }
    let (found, bytes) = measured("x.csv", &text);
    let part = &found.parts[0];
    assert_eq!((part.rows, part.classes, part.empty_classes), (50_000, 100_000, 0));
    assert_eq!((part.label_sets, part.together.len(), part.notes.len()), (50_000, 10, 0));
    assert_eq!(part.together[0], ("tag 0".to_string(), "tag 1".to_string(), 1));
    assert!(bytes < 16 * MIB, "{bytes} bytes for a file of {}", text.len());
}

#[test]
fn one_row_of_30_000_positives() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(|e| e.into_inner());
    let classes: Vec<String> = (0..30_000).map(|class| class.to_string()).collect();
    let text = format!("a.jpg,{}\n", classes.join(" "));
    let (found, bytes) = measured("x.txt", &text);
    let part = &found.parts[0];
    assert_eq!((part.cardinality, part.together.len(), part.notes.len()), (30_000.0, 0, 1));
    assert!(bytes < 4 * MIB, "{bytes} bytes for a file of {}", text.len());
}

#[test]
fn sparse_features_with_one_column_far_out() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(|e| e.into_inner());
    let (found, bytes) = measured("x.svm", "0 5:1 1000000000:1\n1 5:1\n");
    let part = &found.parts[0];
    assert_eq!((part.columns, part.constant_columns), (1_000_000_001, 1_000_000_000));
    assert!(bytes < MIB, "{bytes} bytes");
}
