//! An epoch and a whole run of a linear head on fixed features, 3,000 x 2048 -> 80, batch 16, with the loss `an`: order of the
//! rows, gathering them, and the steps. Each stands beside the limit of its steps and of the gathered bytes.
#![allow(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use criterion::{Criterion, criterion_group, criterion_main};
use lacuna_benches::training::{CLASSES, FEATURES, Net, Work};
use lacuna_benches::{AssumeNegative, Beside, Rate};
use std::time::Duration;

const ROWS: usize = 3_000;
const BATCH: usize = 16;
/// Epochs of a run.
const EPOCHS: usize = 10;

/// What an epoch has to do: its steps, and reading and writing every row once.
fn epoch_work() -> Work {
    let (steps, step) = ((ROWS / BATCH) as f64, Net::Linear.work(BATCH));
    Work { flop: steps * step.flop, bytes: steps * step.bytes + (8 * ROWS * FEATURES) as f64 }
}

/// Time beside the limit, where a call is `epochs` of them.
fn show(rate: Rate, epochs: usize) -> String {
    let seconds = (epochs * ROWS) as f64 / rate.giga * 1e-9;
    let limit = epochs as f64 * rate.limits.seconds(epoch_work());
    format!("{:.2} ms, {:.2} times the limit of {:.2} ms", seconds * 1e3, seconds / limit, limit * 1e3)
}

fn runs(c: &mut Criterion) {
    let data = AssumeNegative::new(ROWS, FEATURES, CLASSES);
    let losses = |epochs: usize| -> Vec<f64> {
        let mut run = data.start(BATCH, epochs);
        (0..epochs).map(|_| run.epoch().expect("finite logits").loss).collect()
    };
    // A run learns, and is the same each time.
    let first = losses(2);
    assert!(first[1] < first[0] && first[0] < 1.0, "losses {first:?}");
    assert_eq!(losses(2), first);

    let beside = Beside::default();
    let mut group = c.benchmark_group(format!("run/{ROWS}x{FEATURES}x{CLASSES}"));
    // More epochs than criterion asks for.
    let mut run = data.start(BATCH, 100_000);
    let epoch = || {
        run.epoch().expect("finite logits");
    };
    beside.bench(&mut group, "epoch", ROWS as f64, epoch, |rate| show(rate, 1));
    let whole = || {
        losses(EPOCHS);
    };
    beside.bench(&mut group, "whole", (EPOCHS * ROWS) as f64, whole, |rate| show(rate, EPOCHS));
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(3));
    targets = runs
}
criterion_main!(benches);
