//! Values of a metric under resamples of the test rows.

use crate::HarnessError;
use lacuna_labels::TrueLabels;
use lacuna_metrics::{ClassGroups, GroupMeans, MetricError, SortedScores};
use lacuna_protocols::Stream;
use lacuna_train::{EvalLabels, MetricRow, Scored, metric};
use rayon::prelude::*;

/// Test scores of a run.
#[derive(Clone, Debug)]
pub struct RunScores {
    /// Logits, `[test rows, classes]`.
    pub logits: Vec<f32>,
    /// Observed positives of each class among the rows that trained, which divide the classes into groups.
    pub train_counts: Vec<usize>,
}

/// Resamples of test rows: each has as many rows, drawn with replacement. Number `i` is the same for every run, so that runs are
/// compared in pairs.
#[derive(Clone, Copy, Debug)]
pub struct Resamples {
    /// How many.
    pub count: usize,
    /// Seed of the draws.
    pub seed: u64,
}

impl Resamples {
    /// How often each row is drawn in resample `i`.
    fn weights(self, i: usize, rows: usize) -> Vec<u32> {
        Stream::numbered(self.seed, "bootstrap over test rows", i as u64).resample(rows)
    }

    /// A metric of each run under each resample, `[run][resample]`; not a number where it is not defined.
    ///
    /// # Errors
    /// [`HarnessError::Setting`] for an unknown metric, [`HarnessError::Training`] where a metric refuses the scores.
    pub fn values(
        self,
        name: &str,
        runs: &[RunScores],
        truth: &TrueLabels,
    ) -> Result<Vec<Vec<f64>>, HarnessError> {
        let row = metric(name)?;
        let refused =
            |source: MetricError| HarnessError::Setting(format!("{name} of resampled test rows: {source}"));
        let group: Option<fn(&GroupMeans) -> f64> = match name {
            "map" => Some(|means| means.total),
            "map-head" => Some(|means| means.head),
            "map-medium" => Some(|means| means.medium),
            "map-tail" => Some(|means| means.tail),
            _ => None,
        };
        let by_resample: Vec<Vec<f64>> = match group {
            Some(of) => {
                let sorted: Vec<SortedScores> = runs
                    .par_iter()
                    .map(|run| SortedScores::new(&run.logits, truth).map_err(refused))
                    .collect::<Result<_, _>>()?;
                let one = |i: usize| {
                    let weights = self.weights(i, truth.rows());
                    let mut ap = vec![0.0; truth.classes()];
                    let value = |(run, sorted): (&RunScores, &SortedScores)| {
                        sorted.average_precisions(&weights, &mut ap);
                        100.0 * of(&ClassGroups::default().means(&ap, &run.train_counts))
                    };
                    runs.iter().zip(&sorted).map(value).collect()
                };
                (0..self.count).into_par_iter().map(one).collect()
            }
            None if MEANS_OF_ROWS.contains(&name) => {
                let of_run = |run: &RunScores| values_of_rows(row, run, truth).map_err(refused);
                let by_row: Vec<Vec<f64>> = runs.par_iter().map(of_run).collect::<Result<_, _>>()?;
                let one = |i: usize| {
                    let weights = self.weights(i, truth.rows());
                    by_row.iter().map(|values| weighted_mean(values, &weights)).collect()
                };
                (0..self.count).into_par_iter().map(one).collect()
            }
            None => {
                let one = |i: usize| self.repeated(i, row, runs, truth).map_err(refused);
                (0..self.count).into_par_iter().map(one).collect::<Result<_, _>>()?
            }
        };
        Ok((0..runs.len()).map(|run| by_resample.iter().map(|values| values[run]).collect()).collect())
    }

    /// Any metric: the rows of the resample are written out, each as often as it was drawn.
    fn repeated(
        self,
        i: usize,
        row: &MetricRow,
        runs: &[RunScores],
        truth: &TrueLabels,
    ) -> Result<Vec<f64>, MetricError> {
        let (weights, classes) = (self.weights(i, truth.rows()), truth.classes());
        let drawn: Vec<usize> = weights
            .iter()
            .enumerate()
            .flat_map(|(row, times)| std::iter::repeat_n(row, *times as usize))
            .collect();
        let labels = truth.select(&drawn);
        let mut logits = Vec::with_capacity(drawn.len() * classes);
        let value = |run: &RunScores| {
            logits.clear();
            drawn.iter().for_each(|row| logits.extend_from_slice(&run.logits[row * classes..][..classes]));
            let labels = EvalLabels::Complete(&labels);
            row.of(&Scored::new(&logits, labels, &run.train_counts))
        };
        runs.iter().map(value).collect()
    }
}

/// Metrics that are a mean over rows, each of which counts by itself or, with labels of one kind, not at all.
const MEANS_OF_ROWS: [&str; 9] =
    ["hamming-loss", "subset-accuracy", "ranking-loss", "one-error", "coverage", "lrap", "p@1", "p@3", "p@5"];

/// The metric of each row by itself; not a number for a row that does not count.
fn values_of_rows(row: &MetricRow, run: &RunScores, truth: &TrueLabels) -> Result<Vec<f64>, MetricError> {
    let (classes, train_counts) = (truth.classes(), &run.train_counts[..]);
    let value = |i: usize| {
        let labels = truth.select(&[i]);
        let logits = &run.logits[i * classes..][..classes];
        row.of(&Scored::new(logits, EvalLabels::Complete(&labels), train_counts))
    };
    (0..truth.rows()).map(value).collect()
}

fn weighted_mean(values: &[f64], weights: &[u32]) -> f64 {
    let counted = || values.iter().zip(weights).filter(|(value, _)| !value.is_nan());
    let weight: u32 = counted().map(|(_, weight)| weight).sum();
    counted().map(|(value, weight)| value * f64::from(*weight)).sum::<f64>() / f64::from(weight)
}

#[cfg(test)]
mod tests {
    use super::*;
    use lacuna_labels::Label;

    fn run(seed: u64, truth: &TrueLabels) -> RunScores {
        let mut stream = Stream::new(seed, "scores");
        let cell = |label: &Label| f32::from(u8::from(label.is_positive())) + 2.0 * stream.uniform_f32();
        let logits = truth.cells().iter().map(cell).collect();
        RunScores { logits, train_counts: vec![200, 50, 5, 1] }
    }

    #[test]
    fn sorted_and_repeated_rows_give_the_same_values() {
        // Rows 0 to 9 have no positive.
        let truth = TrueLabels::from_fn(60, 4, |row, class| row > 9 && (row * 7 + class * 3) % 5 < 2);
        let runs = [run(0, &truth), run(1, &truth)];
        let resamples = Resamples { count: 20, seed: 3 };
        for name in ["map", "map-head", "map-medium", "map-tail"].into_iter().chain(MEANS_OF_ROWS) {
            let sorted = resamples.values(name, &runs, &truth).unwrap();
            let row = metric(name).unwrap();
            for i in 0..20 {
                let repeated = resamples.repeated(i, row, &runs, &truth).unwrap();
                for (run, (values, value)) in sorted.iter().zip(repeated).enumerate() {
                    assert!((values[i] - value).abs() < 1e-9, "{name} {run} {i}");
                }
            }
        }
    }
}
