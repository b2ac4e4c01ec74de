//! Features on disk: the same bits as in memory, and rows that are announced before they are read.

use crate::data::{Case, Known, Set, procedures};
use lacuna_labels::{Features, Store};
use lacuna_train::{
    Data, EvalSet, FeatureRows, LastBatch, LossChoice, Named, Outcome, Run, TrainSet, Training, Transform,
};
use std::ops::Range;
use std::sync::{Arc, Mutex};

/// Values that say they are on disk, and keep what is asked of them.
#[derive(Default)]
struct Disk {
    values: Vec<f32>,
    columns: usize,
    asked: Mutex<Vec<Asked>>,
}

enum Asked {
    Read(usize),
    WillRead(Range<usize>),
}

impl AsRef<[f32]> for Disk {
    fn as_ref(&self) -> &[f32] {
        &self.values
    }
}

impl Store for Disk {
    fn reads(&self, values: Range<usize>) {
        assert_eq!(values.len(), self.columns);
        self.asked.lock().unwrap().push(Asked::Read(values.start / self.columns));
    }

    fn will_read(&self, values: Range<usize>) {
        let rows = values.start / self.columns..values.end / self.columns;
        self.asked.lock().unwrap().push(Asked::WillRead(rows));
    }

    fn is_on_disk(&self) -> bool {
        true
    }
}

fn on_disk(features: &Features) -> (Arc<Disk>, Features) {
    let (rows, columns) = (features.rows(), features.columns());
    let disk = Arc::new(Disk { values: features.values().to_vec(), columns, ..Disk::default() });
    let features = Features::shared(rows, columns, Arc::clone(&disk) as Arc<dyn Store>).unwrap();
    (disk, features)
}

/// The data of a set with these features.
fn with<'a>(set: &'a Set, features: FeatureRows<'a>) -> Data<'a> {
    let data = set.data();
    let of_part = |part: EvalSet<'a>| EvalSet { features, ..part };
    Data {
        train: TrainSet { features, ..data.train },
        val: data.val.map(of_part),
        test: data.test.map(of_part),
        ..data
    }
}

fn run(case: &Case, training: &Training, data: Data<'_>, choice: LossChoice) -> Outcome {
    let mut run = Run::new(data, training, &case.evaluation(), choice, 1).unwrap();
    while !run.is_done() {
        run.epoch().unwrap();
    }
    run.finish().unwrap()
}

#[test]
fn every_procedure_gives_the_bits_that_it_gives_in_memory() {
    for case in procedures() {
        let (_, disk) = on_disk(&case.set.features);
        for name in ["none", "l2-standardise"] {
            let transform = Transform::fit(&Named::new(name), &disk, &case.set.rows).unwrap();
            let in_memory = transform.apply(&case.set.features);
            let rows = FeatureRows::through(&disk, &transform);
            let [there, here] = [rows, (&in_memory).into()]
                .map(|features| run(&case, &case.training, with(&case.set, features), case.choice()));
            assert_eq!(there.weights, here.weights, "{} after {name}", case.name);
            assert_eq!(there.metrics, here.metrics, "{} after {name}", case.name);
        }
    }
}

#[test]
fn blocks_are_announced_before_their_rows_are_read() {
    let training = Training {
        batch: 7,
        epochs: 3,
        lr: 0.01,
        last_batch: LastBatch::Keep,
        sampler: Named::new("blocks").set("block", 8.0).set("blocks", 3.0),
        ..Training::default()
    };
    let case = Case { name: "plain".to_string(), set: Set::new(Known::Half), training, loss: "bce" };
    let (disk, features) = on_disk(&case.set.features);
    let mut run =
        Run::new(with(&case.set, (&features).into()), &case.training, &case.evaluation(), case.choice(), 1)
            .unwrap();
    for _ in 0..3 {
        run.begin_epoch().unwrap();
        disk.asked.lock().unwrap().clear();
        let steps = run.steps_per_epoch();
        let loss: f64 = (0..steps).map(|step| f64::from(run.step(step).unwrap())).sum();
        let (mut announced, mut read) = (vec![0; 96], vec![0; 96]);
        let mut at_once = 0;
        for asked in &*disk.asked.lock().unwrap() {
            match asked {
                Asked::WillRead(rows) => announced[rows.clone()].iter_mut().for_each(|count| *count += 1),
                Asked::Read(row) => {
                    assert_eq!(announced[*row], 1, "row {row}");
                    read[*row] += 1;
                    let begun = (0..12).filter(|block| {
                        let rows = &read[8 * block..8 * (block + 1)];
                        rows.contains(&1) && rows.contains(&0)
                    });
                    at_once = at_once.max(begun.count());
                }
            }
        }
        // Each row was announced and read once, and a batch looks at the blocks of at most two windows.
        assert_eq!((announced, read), (vec![1; 96], vec![1; 96]));
        assert!((2..=6).contains(&at_once), "{at_once} blocks at a time");
        run.end_epoch(loss / steps as f64).unwrap();
    }
}
