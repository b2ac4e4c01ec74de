//! Training runs for benchmarks: a whole one, and the steps of one.

use crate::pattern::{INPUT, is_positive, series};
use lacuna_labels::{Features, Label, LabelMatrix, ObservedLabels};
use lacuna_losses::Options;
use lacuna_train::{Data, Evaluation, LossChoice, Run, TrainSet, Training};

/// Features of [`pattern`](crate::pattern).
pub fn features(rows: usize, columns: usize) -> Features {
    Features::new(rows, columns, series(rows * columns, INPUT)).expect("as many values as cells")
}

/// Rows of fixed features, 4 % of whose cells are observed positives, for runs of a linear head with the loss `an`.
pub struct AssumeNegative {
    features: Features,
    observed: ObservedLabels,
    all: Vec<u32>,
}

impl AssumeNegative {
    /// So many rows, features and classes.
    ///
    /// # Panics
    /// Where one is 0.
    pub fn new(rows: usize, columns: usize, classes: usize) -> Self {
        let label = |i| if is_positive(i, 0.04) { Label::Positive } else { Label::Unknown };
        let labels = (0..rows * classes).map(label).collect();
        Self {
            features: features(rows, columns),
            observed: LabelMatrix::new(rows, classes, labels).expect("as many as cells").into(),
            all: (0..rows as u32).collect(),
        }
    }

    /// A run with Adam at its start. It measures nothing.
    ///
    /// # Panics
    /// If there are fewer rows than a batch has.
    pub fn start(&self, batch: usize, epochs: usize) -> Run<'_> {
        let train = TrainSet::new(&self.features, &self.observed, &self.all);
        let loss = LossChoice::new("an", Options::default(), &train).expect("a row of the table");
        let training = Training { batch, lr: 1e-3, epochs, ..Training::default() };
        let evaluation = Evaluation { select: "last".to_string(), ..Evaluation::default() };
        Run::new(Data::new(train), &training, &evaluation, loss, 0).expect("legal settings")
    }
}

/// A run that goes on over epochs without measuring anything. Criterion calls a benchmark again for every sample: the run is
/// made once, outside.
pub struct Steps<'a> {
    run: Run<'a>,
    at: usize,
}

impl<'a> Steps<'a> {
    /// A run at its start.
    pub fn new(run: Run<'a>) -> Self {
        Self { run, at: 0 }
    }

    /// The next step, and its loss.
    ///
    /// # Panics
    /// Where the step fails.
    pub fn next_loss(&mut self) -> f32 {
        let step = self.at % self.run.steps_per_epoch();
        if step == 0 {
            self.run.begin_epoch().expect("a benchmark trains");
        }
        self.at += 1;
        self.run.step(step).expect("a benchmark trains")
    }

    /// Goes on to step `steps`, unless the benchmark is run once as a test.
    pub fn warm_up(&mut self, steps: usize) {
        let as_test = std::env::args().any(|arg| arg == "--test");
        while self.at < steps && !as_test {
            self.next_loss();
        }
    }
}
