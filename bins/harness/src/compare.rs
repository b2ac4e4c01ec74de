//! Rows of a run folder against one of them, by the scores of the test rows.

use crate::study::{RowValues, correct, difference};
use crate::{ChosenOn, Difference, HarnessError, Resamples, RunFolder, RunScores};
use lacuna_labels::TrueLabels;

/// Differences in test mAP to a baseline, row by row of the table: `None` for the baseline and for rows without a run that ended.
/// Or a sentence on why there are none.
pub type Comparison = Result<Vec<Option<Difference>>, String>;

const METRIC: &str = "map";

/// Test mAP of a run.
struct RunValues {
    seed: u64,
    map: f64,
    /// Under each resample.
    resampled: Vec<f64>,
}

/// Those of the seeds that the other row has too.
fn paired(runs: &[RunValues], other: &[RunValues]) -> Option<RowValues> {
    let both = || runs.iter().filter(|run| other.iter().any(|other| other.seed == run.seed));
    let values: Vec<f64> = both().map(|run| run.map).collect();
    let mut resampled = vec![0.0; both().next()?.resampled.len()];
    both().for_each(|run| {
        resampled.iter_mut().zip(&run.resampled).for_each(|(mean, x)| *mean += x / values.len() as f64)
    });
    Some(RowValues { values: vec![values], resampled })
}

impl RunFolder {
    /// Compares every row with the row `baseline` in pairs: the bootstrap over test rows draws them once for all rows of the table, and
    /// the variance between seeds is added. Two rows are compared over the seeds that have ended for both. Holm's correction is over the rows.
    ///
    /// # Errors
    /// [`HarnessError::Format`] for scores that are damaged.
    ///
    /// # Panics
    /// Unless there is a row `baseline`.
    pub fn compare(&self, baseline: usize, resamples: Resamples) -> Result<Comparison, HarnessError> {
        let rows: Vec<&str> = self.spec().losses.iter().map(|loss| loss.row()).collect();
        let Some(truth) = self.scores().labels()? else {
            return Ok(Err("the scores of the test rows are not kept in this folder".to_string()));
        };
        let base = match self.values(rows[baseline], &truth, resamples)? {
            Ok(base) if base.is_empty() => return Ok(Err(format!("no run of {} has ended", rows[baseline]))),
            Ok(base) => base,
            Err(problem) => return Ok(Err(problem)),
        };
        let mut found = vec![None; rows.len()];
        for (place, row) in rows.iter().enumerate().filter(|(place, _)| *place != baseline) {
            let runs = match self.values(row, &truth, resamples)? {
                Ok(runs) => runs,
                Err(problem) => return Ok(Err(problem)),
            };
            if let (Some(ours), Some(theirs)) = (paired(&runs, &base), paired(&base, &runs)) {
                found[place] = Some(difference(row, &[(1.0, &ours), (-1.0, &theirs)])?);
            }
        }
        correct(found.iter_mut().flatten().collect());
        Ok(Ok(found))
    }

    /// Test mAP of the runs of a row that ended, seed by seed; a sentence where the scores of one are missing.
    fn values(
        &self,
        row: &str,
        truth: &TrueLabels,
        resamples: Resamples,
    ) -> Result<Result<Vec<RunValues>, String>, HarnessError> {
        let (mut runs, mut ended) = (Vec::new(), Vec::new());
        for (id, run) in self.finished_of(row) {
            let of = format!("the scores of {row}, seed {},", run.seed);
            let Some(logits) = self.scores().read(id, ChosenOn::Clean)? else {
                return Ok(Err(format!("{of} are not kept in this folder")));
            };
            if logits.len() != truth.rows() * truth.classes() {
                return Ok(Err(format!("{of} are not of the test rows that scores/labels.npy has")));
            }
            let Some(map) = run.test_map() else {
                return Ok(Err(format!("{row}, seed {}, has no test mAP", run.seed)));
            };
            // The metric divides no classes into groups.
            runs.push(RunScores { logits, train_counts: vec![0; truth.classes()] });
            ended.push((run.seed, map));
        }
        let values = resamples.values(METRIC, &runs, truth)?;
        let with = |((seed, map), resampled)| RunValues { seed, map, resampled };
        Ok(Ok(ended.into_iter().zip(values).map(with).collect()))
    }
}
