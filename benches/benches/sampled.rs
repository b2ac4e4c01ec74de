//! One training step of a linear head over 100,000 classes, all of them and a sample of 1,000 beside the positive ones: batches
//! of 32 rows with five positives each, 64 and 512 features.

use criterion::{Criterion, criterion_group, criterion_main};
use lacuna_benches::{Steps, features};
use lacuna_labels::{Label, LabelMatrix, ObservedLabels};
use lacuna_losses::Options;
use lacuna_train::{Data, Evaluation, LossChoice, Named, Run, TrainSet, Training};

const ROWS: usize = 512;
const CLASSES: usize = 100_000;

fn sampled(c: &mut Criterion) {
    let mut cells = vec![Label::Unknown; ROWS * CLASSES];
    for i in 0..5 * ROWS {
        cells[i / 5 * CLASSES + (i * 7_919) % CLASSES] = Label::Positive;
    }
    let observed: ObservedLabels = LabelMatrix::new(ROWS, CLASSES, cells).unwrap().into();
    let all: Vec<u32> = (0..ROWS as u32).collect();
    for columns in [64, 512] {
        let mut group = c.benchmark_group(format!("sampled/32x{columns}x{CLASSES}"));
        group.sample_size(10);
        let features = features(ROWS, columns);
        let train = TrainSet::new(&features, &observed, &all);
        for optimizer in ["adam", "sgd"] {
            for (what, procedure, warm_up) in [
                ("all", Named::new("plain"), 2),
                ("sample", Named::new("sampled-negatives").set("sampled", 1000.0), 300),
            ] {
                let mut going = None;
                group.bench_function(format!("{optimizer}, {what}"), |b| {
                    let steps =
                        going.get_or_insert_with(|| Steps::new(start(train, optimizer, procedure.clone())));
                    steps.warm_up(warm_up);
                    b.iter(|| steps.next_loss());
                });
            }
        }
        group.finish();
    }
}

fn start<'a>(train: TrainSet<'a>, optimizer: &str, procedure: Named) -> Run<'a> {
    let loss = LossChoice::new("an", Options::default(), &train).unwrap();
    let training =
        Training { batch: 32, lr: 1e-3, optimizer: Named::new(optimizer), procedure, ..Training::default() };
    let evaluation = Evaluation { select: "last".to_string(), ..Evaluation::default() };
    Run::new(Data::new(train), &training, &evaluation, loss, 0).unwrap()
}

criterion_group!(benches, sampled);
criterion_main!(benches);
