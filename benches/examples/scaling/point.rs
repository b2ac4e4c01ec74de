//! One point: some epochs of a linear head in a process of its own.

use crate::{Outcome, system};
use lacuna_benches::training::{Net, Training};
use lacuna_benches::{AssumeNegative, fma_peak};
use lacuna_engine::Exec;
use serde_json::{Value, json};
use std::sync::Barrier;
use std::time::Instant;

/// What is trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Nothing: the memory of a process that does nothing.
    Empty,
    /// A run for each thread, all at once on the same data, as the harness does it.
    Runs,
    /// Steps on the same batch, each of which the threads share: the first network of `lacuna_benches::training`.
    Steps,
}

/// What is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Point {
    pub(crate) kind: Kind,
    pub(crate) rows: usize,
    pub(crate) features: usize,
    pub(crate) classes: usize,
    pub(crate) batch: usize,
    pub(crate) threads: usize,
}

/// Seconds of measured epochs, and the least and the largest number of them.
const SECONDS: f64 = 0.4;
const EPOCHS: (usize, usize) = (3, 25);

impl Point {
    pub(crate) const EMPTY: Self = Self { kind: Kind::Empty, ..Self::BASE };
    /// Where all axes meet.
    pub(crate) const BASE: Self =
        Self { kind: Kind::Runs, rows: 8_192, features: 1_024, classes: 80, batch: 128, threads: 1 };

    pub(crate) fn arguments(&self) -> Vec<String> {
        let kind = match self.kind {
            Kind::Empty => "empty",
            Kind::Runs => "runs",
            Kind::Steps => "steps",
        };
        let numbers = [self.rows, self.features, self.classes, self.batch, self.threads];
        let words = ["--point", kind].map(str::to_string);
        words.into_iter().chain(numbers.map(|number| number.to_string())).collect()
    }

    pub(crate) fn of_arguments(words: &[&str]) -> Outcome<Self> {
        let wrong = || format!("--point {}: expected a kind and five numbers", words.join(" "));
        let (&kind, numbers) = words.split_first().ok_or_else(wrong)?;
        let kind = match kind {
            "empty" => Kind::Empty,
            "runs" => Kind::Runs,
            "steps" => Kind::Steps,
            _ => return Err(wrong().into()),
        };
        let numbers: Vec<usize> = numbers.iter().map(|word| word.parse()).collect::<Result<_, _>>()?;
        let &[rows, features, classes, batch, threads] = &numbers[..] else { return Err(wrong().into()) };
        Ok(Self { kind, rows, features, classes, batch, threads })
    }

    /// Whether it is measured in the first round only.
    pub(crate) fn is_expensive(&self) -> bool {
        self.classes > 1_000
    }

    /// Multiplications and additions of the products of an epoch: logits and gradient of the weights.
    pub(crate) fn flop(&self) -> f64 {
        4.0 * (self.rows * self.features) as f64 * self.classes as f64
    }

    /// Bytes of features, labels and, of each run, weights with gradient and two moments.
    pub(crate) fn held(&self) -> f64 {
        let parameters = 16 * (self.features + 1) * self.classes;
        match self.kind {
            Kind::Empty => 0.0,
            Kind::Runs => (self.rows * (4 * self.features + self.classes) + self.threads * parameters) as f64,
            Kind::Steps => (parameters + self.batch * (4 * self.features + self.classes)) as f64,
        }
    }

    /// Seconds of epochs, for each run, with the peak beside each of them.
    pub(crate) fn measure(&self) -> Value {
        let epochs: Vec<(f64, f64)> = match self.kind {
            Kind::Empty => vec![],
            Kind::Runs => self.runs(),
            Kind::Steps => self.steps(),
        };
        let (seconds, peaks): (Vec<f64>, Vec<f64>) = epochs.into_iter().unzip();
        json!({ "seconds": seconds, "peaks": peaks, "memory": system::peak_memory() })
    }

    fn runs(&self) -> Vec<(f64, f64)> {
        let data = AssumeNegative::new(self.rows, self.features, self.classes);
        let barrier = Barrier::new(self.threads);
        let work = || {
            let mut run = data.start(self.batch, 1_000);
            barrier.wait();
            epochs(|| {
                run.epoch().expect("finite logits");
            })
        };
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..self.threads).map(|_| scope.spawn(work)).collect();
            let all = threads.into_iter().flat_map(|thread| thread.join().expect("no run panics"));
            // So many epochs were trained in that time.
            all.map(|(seconds, peak)| (seconds / self.threads as f64, peak)).collect()
        })
    }

    fn steps(&self) -> Vec<(f64, f64)> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(self.threads).build().expect("threads start");
        let exec = if self.threads > 1 { Exec::Rayon } else { Exec::Serial };
        let mut training = Training::new(Net::Linear, self.batch, exec);
        pool.install(|| {
            epochs(|| {
                for _ in 0..self.rows / self.batch {
                    training.step();
                }
            })
        })
    }
}

/// Seconds of epochs after the first one, which warms up, and the mean of the peaks before and after each.
fn epochs(mut epoch: impl FnMut()) -> Vec<(f64, f64)> {
    let mut timed = || {
        let start = Instant::now();
        epoch();
        start.elapsed().as_secs_f64()
    };
    let count = ((SECONDS / timed()) as usize).clamp(EPOCHS.0, EPOCHS.1);
    let mut before = fma_peak();
    let one = |_| {
        let (seconds, after) = (timed(), fma_peak());
        let peak = 0.5 * (before + after);
        before = after;
        (seconds, peak)
    };
    (0..count).map(one).collect()
}
