//! Metrics of rows under resamples of the test rows.

use super::choose::Pick;
use super::decide::{RowValues, difference};
use super::resample::RunScores;
use super::run::Study;
use crate::{ChosenOn, Finished, HarnessError, Store};
use lacuna_train::metric;
use std::collections::HashMap;

/// Values of rows under resamples, each computed once.
pub(super) struct Values<'s> {
    study: &'s Study,
    picks: &'s [(Pick<'s>, Option<Pick<'s>>)],
    stores: &'s [Store],
    known: HashMap<(usize, String, bool), RowValues>,
}

impl<'s> Values<'s> {
    pub(super) fn new(
        study: &'s Study,
        picks: &'s [(Pick<'s>, Option<Pick<'s>>)],
        stores: &'s [Store],
    ) -> Self {
        Self { study, picks, stores, known: HashMap::new() }
    }

    fn place(&self, row: &str) -> usize {
        let place = self.study.rows.iter().position(|studied| studied.loss.row() == row);
        place.expect("rows of claims and causes were checked")
    }

    pub(super) fn has_observed(&self, rows: [&String; 2]) -> bool {
        rows.iter().all(|row| self.picks[self.place(row)].1.is_some())
    }

    /// A sum of gaps, each with its sign, positive where the first row of a gap is better.
    pub(super) fn gap(
        &mut self,
        name: &str,
        gaps: &[(f64, [&String; 2])],
        on: ChosenOn,
    ) -> Result<super::record::Difference, HarnessError> {
        let up = if metric(name)?.larger_is_better { 1.0 } else { -1.0 };
        let mut terms = Vec::new();
        for (sign, [better, worse]) in gaps {
            for (sign, row) in [(sign * up, better), (-sign * up, worse)] {
                let place = self.place(row);
                self.load(place, name, on)?;
                terms.push((sign, (place, name.to_string(), on == ChosenOn::Observed)));
            }
        }
        let terms: Vec<(f64, &RowValues)> =
            terms.iter().map(|(sign, key)| (*sign, &self.known[key])).collect();
        let [better, worse] = gaps[0].1;
        difference(&format!("{better} over {worse}, {name}"), &terms)
    }

    fn load(&mut self, place: usize, name: &str, on: ChosenOn) -> Result<(), HarnessError> {
        let key = (place, name.to_string(), on == ChosenOn::Observed);
        if self.known.contains_key(&key) {
            return Ok(());
        }
        let (clean, observed) = &self.picks[place];
        let pick = match on {
            ChosenOn::Clean => clean,
            ChosenOn::Observed => observed.as_ref().expect("asked for where it is there"),
        };
        let recorded = match on {
            ChosenOn::Clean => name.to_string(),
            ChosenOn::Observed => format!("{name}.observed"),
        };
        let expanded = self.study.rows[place].places.start + pick.point;
        let masks = self.study.masks.len() as f64;
        let mut of_row = RowValues { values: vec![], resampled: vec![0.0; self.study.resamples.count] };
        for (((_, plan), store), runs) in self.study.masks.iter().zip(self.stores).zip(&pick.runs) {
            let train_counts = plan.train_counts(expanded);
            let mut scores = Vec::new();
            for (id, _) in runs {
                let logits = store.scores().read(id, on)?.ok_or_else(|| {
                    HarnessError::Setting(format!(
                        "{}: the scores of run {id} are gone",
                        store.folder().display()
                    ))
                })?;
                scores.push(RunScores { logits, train_counts: train_counts.clone() });
            }
            let of_run = |(_, run): &(&str, &Finished)| run.metric(&recorded).unwrap_or(f64::NAN);
            of_row.values.push(runs.iter().map(of_run).collect());
            let by_run = self.study.resamples.values(name, &scores, plan.test_truth())?;
            let of_resample =
                |i: usize| by_run.iter().map(|values| values[i]).sum::<f64>() / by_run.len() as f64;
            of_row.resampled.iter_mut().enumerate().for_each(|(i, mean)| *mean += of_resample(i) / masks);
        }
        self.known.insert(key, of_row);
        Ok(())
    }
}
