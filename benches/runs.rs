//! Steps of a training run, one after the other, for a benchmark of one of them.

use lacuna_labels::Features;
use lacuna_train::Run;

/// Features between -0.5 and 0.5 without a pattern.
pub fn features(rows: usize, columns: usize) -> Features {
    let x = (0..(rows * columns) as u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 8) as f32 / (1 << 24) as f32 - 0.5);
    Features::new(rows, columns, x.collect()).expect("as many values as cells")
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
