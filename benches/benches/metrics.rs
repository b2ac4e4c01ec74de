//! Metrics at the size of COCO's validation set: 40,000 rows x 80 classes, 3.6 % positives.
//!
//! `benches/peers/run.py` measures scikit-learn at metrics of this size, beside ours.

use criterion::{Criterion, criterion_group, criterion_main};
use lacuna_labels::TrueLabels;
use lacuna_metrics::{
    ApScratch, AtK, Average, Confusions, MapConvention, OneSidedRows, RowRanking, Threshold, Undefined,
    auroc, mean_average_precision,
};
use lacuna_protocols::Stream;
use std::hint::black_box;

const ROWS: usize = 40_000;
const CLASSES: usize = 80;

fn metrics(criterion: &mut Criterion) {
    let mut stream = Stream::new(80, "bench metrics");
    let truth = TrueLabels::from_fn(ROWS, CLASSES, |_, _| stream.uniform_f64() < 0.036);
    let wide: Vec<f64> =
        truth.cells().iter().map(|label| stream.normal() + f64::from(label.is_positive())).collect();
    let scores: Vec<f32> = wide.iter().map(|&score| score as f32).collect();
    let mut group = criterion.benchmark_group("metrics/40000x80");
    group.sample_size(10);
    group.bench_function("map f32", |bench| {
        bench.iter(|| mean_average_precision(black_box(&scores), &truth, MapConvention::SPML).unwrap().map);
    });
    group.bench_function("map f32 one thread", |bench| {
        let mut scratch = ApScratch::new(MapConvention::SPML);
        bench.iter(|| scratch.evaluate(black_box(&scores), &truth).unwrap().map);
    });
    group.bench_function("map f64", |bench| {
        bench.iter(|| mean_average_precision(black_box(&wide), &truth, MapConvention::SPML).unwrap().map);
    });
    group.bench_function("auroc", |bench| bench.iter(|| auroc(black_box(&scores), &truth).unwrap()));
    group.bench_function("f1 macro", |bench| {
        bench.iter(|| {
            let found = Confusions::at(Threshold::above(0.5), black_box(&scores), &truth).unwrap();
            found.f1(Average::Macro, Undefined::Zero)
        });
    });
    group.bench_function("ranking loss, lrap, coverage", |bench| {
        bench.iter(|| RowRanking::of(black_box(&scores), &truth, OneSidedRows::Perfect).unwrap());
    });
    group.bench_function("precision, recall, ndcg at 5", |bench| {
        bench.iter(|| AtK::of(5, black_box(&scores), &truth).unwrap());
    });
    group.finish();
}

criterion_group!(benches, metrics);
criterion_main!(benches);
