//! Value and gradient of every loss of the table, 1024 rows x 80 classes (the classes of COCO), one core.
//!
//! Labels are what the method is made for: one positive in 25 cells, and where the method looks at known
//! cells only, the rest negative.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use lacuna_losses::{Context, LOSSES, Label, LabelUse, LossGrad, LossInput, Options};
use std::hint::black_box;

const ROWS: usize = 1024;
const CLASSES: usize = 80;

fn losses(c: &mut Criterion) {
    let n = ROWS * CLASSES;
    // Logits in (-6, 2), as a trained head gives them, without a pattern that a branch could learn.
    let noise = |i: usize, salt: u32| {
        let hash = (i as u32 ^ salt).wrapping_mul(2_654_435_761);
        f64::from(hash ^ (hash >> 15)) / f64::from(u32::MAX)
    };
    let matrices: Vec<Vec<f32>> =
        (0..2).map(|m| (0..n).map(|i| (8.0 * noise(i, m) - 6.0) as f32).collect()).collect();
    let mut gradients = [vec![0.0f32; n], vec![0.0f32; n]];

    let mut group = c.benchmark_group("losses/1024x80");
    group.throughput(Throughput::Elements(n as u64));
    for row in LOSSES {
        let rest = if row.info.labels == LabelUse::KnownOnly { Label::Negative } else { Label::Unknown };
        let labels: Vec<Label> =
            (0..n).map(|i| if noise(i, 7) < 0.04 { Label::Positive } else { rest }).collect();
        let data = Context { classes: Some(CLASSES), expected_positives: Some(2.9) };
        let mut loss = row.build(&Options::default().within(data)).expect("defaults are legal");
        let logits: Vec<&[f32]> = matrices[..loss.logit_matrices()].iter().map(Vec::as_slice).collect();
        let mut input = LossInput::new(&logits, ROWS, CLASSES, &labels);
        input.epoch = 100; // past every warm-up
        group.bench_function(row.info.name, |b| {
            b.iter(|| {
                let [dz, du] = &mut gradients;
                let mut buffers = [dz.as_mut_slice(), du.as_mut_slice()];
                let grad = LossGrad::Into(&mut buffers[..logits.len()]);
                loss.evaluate(black_box(&input), grad)
            });
        });
    }
    group.finish();
}

criterion_group!(benches, losses);
criterion_main!(benches);
