//! One training step with a table of label estimates, which has a row for each training sample (ROLE): its time must not
//! depend on the number of rows. 80 classes, batches of 16 rows of 64 features; with and without an average of the weights.
//! Weight decay moves every row in every step, and there its time is that of all rows.
//!
//! A table takes its time to become steady: a row moves for some 700 steps after its last gradient.

use criterion::{Criterion, criterion_group, criterion_main};
use lacuna_benches::{Steps, features};
use lacuna_labels::{Label, LabelMatrix, ObservedLabels};
use lacuna_losses::Options;
use lacuna_train::{Data, Evaluation, LossChoice, Named, Run, TrainSet, Training};

const CLASSES: usize = 80;
const FEATURES: usize = 64;

fn estimates(c: &mut Criterion) {
    let mut group = c.benchmark_group("estimates/16x80");
    for rows in [5_000, 65_665, 500_000] {
        let features = features(rows, FEATURES);
        let label = |cell: usize| match (cell / CLASSES * 7) % CLASSES == cell % CLASSES {
            true => Label::Positive,
            false => Label::Unknown,
        };
        let cells = (0..rows * CLASSES).map(label).collect();
        let observed: ObservedLabels = LabelMatrix::new(rows, CLASSES, cells).unwrap().into();
        let all: Vec<u32> = (0..rows as u32).collect();
        let train = TrainSet::new(&features, &observed, &all);
        for (what, ema, weight_decay, warm_up) in
            [("", None, 0.0, 2_000), (", averaged", Some(0.9997), 0.0, 1_200), (", decay", None, 1e-3, 1_200)]
        {
            let mut going = None;
            group.bench_function(format!("{rows} rows{what}"), |b| {
                let steps = going.get_or_insert_with(|| Steps::new(start(train, ema, weight_decay)));
                steps.warm_up(warm_up);
                b.iter(|| steps.next_loss());
            });
        }
    }
    group.finish();
}

fn start<'a>(train: TrainSet<'a>, ema: Option<f64>, weight_decay: f64) -> Run<'a> {
    let mut options = Options::default();
    options.context.classes = Some(CLASSES);
    options.context.expected_positives = Some(3.0);
    let loss = LossChoice::new("role", options, &train).unwrap();
    let optimizer = Named::new("adam").set("weight_decay", weight_decay);
    let training = Training { batch: 16, lr: 1e-3, ema, optimizer, ..Training::default() };
    let evaluation = Evaluation { select: "last".to_string(), ..Evaluation::default() };
    Run::new(Data::new(train), &training, &evaluation, loss, 0).unwrap()
}

criterion_group!(benches, estimates);
criterion_main!(benches);
