//! Rows of a run folder against one of them, by the scores of the test rows.

use crate::study::{RowValues, correct, difference};
use crate::{ChosenOn, Difference, HarnessError, Resamples, RunFolder, RunScores};
use lacuna_labels::TrueLabels;

/// Differences in test mAP to a baseline, row by row of the table: `None` for the baseline and for rows without a run that ended.
/// Or a sentence on why there are none.
pub type Comparison = Result<Vec<Option<Difference>>, String>;

const METRIC: &str = "map";

impl RunFolder {
    /// Compares every row with the row `baseline` by a paired bootstrap over the test rows: a resample draws them once for all
    /// rows of the table, and the mean over the seeds of each is compared. Holm's correction is over the rows.
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
            Ok(Some(base)) => base,
            Ok(None) => return Ok(Err(format!("no run of {} has ended", rows[baseline]))),
            Err(problem) => return Ok(Err(problem)),
        };
        let mut found = vec![None; rows.len()];
        for (place, row) in rows.iter().enumerate().filter(|(place, _)| *place != baseline) {
            match self.values(row, &truth, resamples)? {
                Ok(Some(values)) => {
                    found[place] = Some(difference(row, &[(1.0, &values), (-1.0, &base)], resamples)?);
                }
                Ok(None) => {}
                Err(problem) => return Ok(Err(problem)),
            }
        }
        correct(found.iter_mut().flatten().collect());
        Ok(Ok(found))
    }

    /// Test mAP of a row, of its runs and under each resample; `None` without a run that ended, and a sentence where the scores
    /// of one are missing.
    fn values(
        &self,
        row: &str,
        truth: &TrueLabels,
        resamples: Resamples,
    ) -> Result<Result<Option<RowValues>, String>, HarnessError> {
        let (mut runs, mut maps) = (Vec::new(), Vec::new());
        for (id, run) in self.finished_of(row) {
            let of = format!("the scores of {row}, seed {},", run.seed);
            let Some(logits) = self.scores().read(id, ChosenOn::Clean)? else {
                return Ok(Err(format!("{of} are not kept in this folder")));
            };
            if logits.len() != truth.rows() * truth.classes() {
                return Ok(Err(format!("{of} are not of the test rows that scores/labels.npy has")));
            }
            // The metric divides no classes into groups.
            runs.push(RunScores { logits, train_counts: vec![0; truth.classes()] });
            maps.extend(run.test_map());
        }
        if maps.is_empty() {
            return Ok(Ok(None));
        }
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let values = resamples.values(METRIC, &runs, truth)?;
        let under = |i: usize| mean(&values.iter().map(|run| run[i]).collect::<Vec<f64>>());
        let resampled = (0..resamples.count).map(under).collect();
        Ok(Ok(Some(RowValues { by_mask: vec![mean(&maps)], resampled: vec![resampled] })))
    }
}
