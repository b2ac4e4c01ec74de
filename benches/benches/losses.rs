//! Value and gradient of every loss, 1024 rows x 80 classes (the classes of COCO), one core.
//!
//! Labels are what the method is made for: one positive in 25 cells, and where the method looks at known
//! cells only, the rest negative.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use lacuna_benches::pattern::{LABELS, is_positive, logits};
use lacuna_losses::{Context, LOSSES, Label, LabelUse, LossGrad, LossInput, Mix, Options};
use std::hint::black_box;

const ROWS: usize = 1024;
const CLASSES: usize = 80;

fn losses(c: &mut Criterion) {
    let n = ROWS * CLASSES;
    // Series of their own, behind those of inputs and labels.
    let matrices: Vec<Vec<f32>> = (0..3).map(|m| logits(n, LABELS + 1 + m)).collect();
    let mut gradients = [vec![0.0f32; n], vec![0.0f32; n], vec![0.0f32; n]];
    // Half of the rows are mixed with the other half, in losses that mix.
    let half = ROWS / 2;
    let first: Vec<u32> = (0..half as u32).rev().collect();
    let second: Vec<u32> = (half as u32..ROWS as u32).collect();

    let mut group = c.benchmark_group("losses/1024x80");
    group.throughput(Throughput::Elements(n as u64));
    for row in LOSSES {
        let rest = if row.info.labels == LabelUse::KnownOnly { Label::Negative } else { Label::Unknown };
        let mut labels: Vec<Label> =
            (0..n).map(|i| if is_positive(i, 0.04) { Label::Positive } else { rest }).collect();
        let train = row.statistics_of(&labels, CLASSES).expect("whole rows");
        if row.info.labels == LabelUse::OnePositive {
            labels.fill(Label::Unknown);
            (0..ROWS).for_each(|i| labels[i * CLASSES + i * 7 % CLASSES] = Label::Positive);
        }
        let data = Context { classes: Some(CLASSES), expected_positives: Some(2.9) };
        let options = Options::default().within(data);
        let built = match &train {
            Some(train) => row.build_for(&options, train),
            None => row.build(&options),
        };
        let mut loss = built.expect("defaults are legal");
        let (count, mixes) = (loss.logit_matrices(), loss.mixes());
        let entries = |matrix: usize| if mixes && matrix + 1 == count { half * CLASSES } else { n };
        let logits: Vec<&[f32]> = (0..count).map(|m| &matrices[m][..entries(m)]).collect();
        let mut input = LossInput::new(&logits, ROWS, CLASSES, &labels);
        input.epoch = 100; // past every warm-up
        input.targets.mix = mixes.then_some(Mix { first: &first, second: &second, lambda: 0.3 });
        group.bench_function(row.info.name, |b| {
            b.iter(|| {
                let [a, b, c] = &mut gradients;
                let mut buffers = [&mut a[..entries(0)], &mut b[..entries(1)], &mut c[..entries(2)]];
                let grad = LossGrad::Into(&mut buffers[..count]);
                loss.evaluate(black_box(&input), grad)
            });
        });
    }
    group.finish();
}

criterion_group!(benches, losses);
criterion_main!(benches);
