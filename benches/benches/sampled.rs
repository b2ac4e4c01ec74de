//! One training step of a linear head over 100,000 classes, all of them and a sample of 1,000 beside the positive ones: batches
//! of 32 rows with five positives each, 64 and 512 features.

use criterion::{Criterion, criterion_group, criterion_main};
use lacuna_labels::{Features, Label, LabelMatrix, ObservedLabels};
use lacuna_losses::Options;
use lacuna_train::{Data, Evaluation, LossChoice, Named, Run, TrainSet, Training};

const ROWS: usize = 512;
const CLASSES: usize = 100_000;

fn sampled(c: &mut Criterion) {
    let as_test = std::env::args().any(|arg| arg == "--test");
    let mut cells = vec![Label::Unknown; ROWS * CLASSES];
    for i in 0..5 * ROWS {
        cells[i / 5 * CLASSES + (i * 7_919) % CLASSES] = Label::Positive;
    }
    let observed: ObservedLabels = LabelMatrix::new(ROWS, CLASSES, cells).unwrap().into();
    let all: Vec<u32> = (0..ROWS as u32).collect();
    for columns in [64, 512] {
        let mut group = c.benchmark_group(format!("sampled/32x{columns}x{CLASSES}"));
        group.sample_size(10);
        let x = (0..(ROWS * columns) as u32)
            .map(|i| (i.wrapping_mul(2_654_435_761) >> 8) as f32 / (1 << 24) as f32 - 0.5);
        let features = Features::new(ROWS, columns, x.collect()).unwrap();
        let train = TrainSet::new(&features, &observed, &all);
        for optimizer in ["adam", "sgd"] {
            for (what, procedure, warm_up) in [
                ("all", Named::new("plain"), 2),
                ("sample", Named::new("sampled-negatives").set("sampled", 1000.0), 300),
            ] {
                // Criterion calls the closure for every sample; the run goes on.
                let mut going = None;
                group.bench_function(format!("{optimizer}, {what}"), |b| {
                    let (run, at) = going.get_or_insert_with(|| {
                        let loss = LossChoice::new("an", Options::default(), &train).unwrap();
                        let (optimizer, procedure) = (Named::new(optimizer), procedure.clone());
                        let training =
                            Training { batch: 32, lr: 1e-3, optimizer, procedure, ..Training::default() };
                        let evaluation = Evaluation { select: "last".to_string(), ..Evaluation::default() };
                        let data = Data { train, val: None, test: None };
                        (Run::new(data, &training, &evaluation, loss, 0).unwrap(), 0usize)
                    });
                    let per_epoch = run.steps_per_epoch();
                    let mut step = |at: &mut usize| {
                        if at.is_multiple_of(per_epoch) {
                            run.begin_epoch().unwrap();
                        }
                        *at += 1;
                        run.step((*at - 1) % per_epoch).unwrap()
                    };
                    // Not where the benchmark is run once as a test.
                    while *at < warm_up && !as_test {
                        step(at);
                    }
                    b.iter(|| step(at));
                });
            }
        }
        group.finish();
    }
}

criterion_group!(benches, sampled);
criterion_main!(benches);
