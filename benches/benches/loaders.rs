//! Reading data files: features from `.npy`, labels from CSV, features and labels from LIBSVM text. Throughput is in bytes of the
//! file, which lies in the page cache.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use lacuna_benches::pattern::{INPUT, is_positive, pattern, series};
use lacuna_benches::training::CLASSES;
use lacuna_formats::{Content, FeatureTable, NpyArray, NpyData, ReadOptions, open_data};
use lacuna_labels::Label;
use std::fmt::Write as _;
use std::path::Path;

fn read(path: &Path) -> Content {
    open_data(path, &ReadOptions::default()).expect("a file that was just written")
}

fn loaders(c: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder for files");
    let mut group = c.benchmark_group("load");
    group.sample_size(10);
    let mut bench = |name: &str, check: &dyn Fn(Content)| {
        let path = folder.path().join(name);
        check(read(&path));
        let bytes = path.metadata().expect("a file that was just written").len();
        group.throughput(Throughput::Bytes(bytes));
        group.bench_function(name, |b| b.iter(|| read(&path)));
    };

    let (rows, columns) = (8_192, 1_024);
    let features = series(rows * columns, INPUT);
    let array = NpyArray::new(vec![rows, columns], NpyData::F32(features.clone())).expect("as many as cells");
    array.save(&folder.path().join("features.npy")).expect("a file can be written");
    bench("features.npy", &|content| match content.train.features {
        Some(FeatureTable::Dense(read)) => assert!(read.values() == features, "features.npy: other numbers"),
        other => panic!("features.npy: {:?}", other.map(|features| features.rows())),
    });

    let rows = 20_000;
    let positive = |cell: usize| is_positive(cell, 0.04);
    let mut text = (0..CLASSES).fold("name".to_string(), |line, class| line + &format!(",c{class}"));
    for row in 0..rows {
        let _ = write!(text, "\nrow{row}");
        (0..CLASSES)
            .for_each(|class| text.push_str(if positive(row * CLASSES + class) { ",1" } else { ",0" }));
    }
    std::fs::write(folder.path().join("labels.csv"), text).expect("a file can be written");
    bench("labels.csv", &|content| {
        let labels = content.train.labels.expect("a file of labels");
        let observed =
            labels.to_observed(&content.train.path, &ReadOptions::default().limits).expect("small");
        assert_eq!(observed.cells().len(), rows * CLASSES);
        let right = |(cell, label): (usize, &Label)| (*label == Label::Positive) == positive(cell);
        assert!(observed.cells().iter().enumerate().all(right), "labels.csv: other labels");
    });

    // A hundred of 10,000 features in each row, and three labels.
    let (rows, named) = (5_000, 100);
    let mut text = String::new();
    for row in 0..rows {
        let _ = write!(text, "{},{},{}", row % 7, 7 + row % 11, 18 + row % 13);
        for i in 0..named {
            let _ = write!(text, " {}:{}", 100 * i + row % 100, pattern(row * named + i, INPUT));
        }
        text.push('\n');
    }
    std::fs::write(folder.path().join("data.svm"), text).expect("a file can be written");
    bench("data.svm", &|content| {
        let features = content.train.features.expect("features");
        assert_eq!((features.rows(), features.columns()), (rows, 10_000));
        assert_eq!(content.train.labels.expect("labels").classes(), 31);
    });
    group.finish();
}

criterion_group!(benches, loaders);
criterion_main!(benches);
