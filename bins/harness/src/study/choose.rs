//! Choosing a setting for each row, and what its runs came to.

use super::decide::round;
use super::record::{Chosen, Spread};
use super::run::{StudiedRow, Study};
use crate::{ChosenOn, Finished, GridPoint, HarnessError, RunRecord};
use lacuna_metrics::variance;
use lacuna_train::{MetricRow, metric};
use std::collections::{BTreeMap, HashSet};

/// The setting of a row that was chosen: its place among the points, and the runs with it, `[mask][first weights]`.
pub(super) struct Pick<'r> {
    pub(super) point: usize,
    pub(super) runs: Vec<Vec<(&'r str, &'r Finished)>>,
}

impl Study {
    /// Runs of a place by mask and first weights; `None` where one failed.
    fn runs_at<'r>(
        &self,
        runs: &'r [Vec<RunRecord>],
        place: usize,
    ) -> Option<Vec<Vec<(&'r str, &'r Finished)>>> {
        let inits = self.study.inits as usize;
        let of_mask = |runs: &'r Vec<RunRecord>| {
            let of_place = &runs[place * inits..][..inits];
            of_place.iter().map(|run| Some((run.id.as_str(), run.result.finished()?))).collect()
        };
        runs.iter().map(of_mask).collect()
    }

    /// The setting of a row whose runs have the best mean of the metric of selection on the validation rows. `None` where the
    /// runs have no such metric.
    fn pick<'r>(
        &self,
        row: &StudiedRow,
        runs: &'r [Vec<RunRecord>],
        on: ChosenOn,
    ) -> Result<Option<Pick<'r>>, HarnessError> {
        let select = self.spec.evaluation.select.as_str();
        let judge: Option<&MetricRow> = if select == "last" { None } else { Some(metric(select)?) };
        let name = match on {
            ChosenOn::Clean => format!("val.{select}"),
            ChosenOn::Observed => format!("val.{select}.observed"),
        };
        let mut best: Option<(f64, Pick<'r>)> = None;
        let mut finished = 0;
        for (point, place) in row.places.clone().enumerate() {
            let Some(runs) = self.runs_at(runs, place) else { continue };
            finished += 1;
            let values = runs.iter().flatten().map(|(_, run)| run.metric(&name));
            let value = match values.collect::<Option<Vec<f64>>>() {
                Some(values) => values.iter().sum::<f64>() / values.len() as f64,
                // Trained as it stands, to its last epoch.
                None if on == ChosenOn::Clean && row.points.len() == 1 => f64::NAN,
                None => continue,
            };
            let better =
                best.as_ref().is_none_or(|(best, _)| judge.is_some_and(|judge| judge.better(value, *best)));
            if better {
                best = Some((value, Pick { point, runs }));
            }
        }
        if finished == 0 {
            let why = runs.iter().flatten().find_map(|run| match &run.result {
                crate::RunResult::Failed(failed) => Some(failed.failed.clone()),
                crate::RunResult::Finished(_) => None,
            });
            return Err(HarnessError::Setting(format!(
                "{}: every setting failed: {}",
                row.loss.row(),
                why.unwrap_or_default()
            )));
        }
        Ok(best.map(|(_, pick)| pick))
    }

    pub(super) fn picks<'r>(
        &self,
        runs: &'r [Vec<RunRecord>],
    ) -> Result<Vec<(Pick<'r>, Option<Pick<'r>>)>, HarnessError> {
        let of_row = |row: &StudiedRow| {
            let clean = self.pick(row, runs, ChosenOn::Clean)?.ok_or_else(|| {
                let problem = "its runs have no metric of selection on the validation rows";
                HarnessError::Setting(format!("{}: {problem}", row.loss.row()))
            })?;
            Ok((clean, self.pick(row, runs, ChosenOn::Observed)?))
        };
        self.rows.iter().map(of_row).collect()
    }

    /// Identities of the runs that were chosen for one reason or the other.
    pub(super) fn chosen_ids<'r>(
        &self,
        runs: &'r [Vec<RunRecord>],
    ) -> Result<HashSet<&'r str>, HarnessError> {
        let picks = self.picks(runs)?;
        let all = picks.iter().flat_map(|(clean, observed)| std::iter::once(clean).chain(observed));
        Ok(all.flat_map(|pick| pick.runs.iter().flatten().map(|(id, _)| *id)).collect())
    }

    pub(super) fn failures(&self, row: &StudiedRow, runs: &[Vec<RunRecord>]) -> Vec<String> {
        let inits = self.study.inits as usize;
        let places = row.places.start * inits..row.places.end * inits;
        let failed = runs.iter().flat_map(|runs| &runs[places.clone()]).filter_map(|run| match &run.result {
            crate::RunResult::Failed(failed) => Some(format!("{}: {}", failed.loss, failed.failed)),
            crate::RunResult::Finished(_) => None,
        });
        let mut failed: Vec<String> = failed.collect();
        failed.dedup();
        failed
    }

    pub(super) fn chosen(&self, row: &StudiedRow, pick: &Pick<'_>, on: ChosenOn) -> Chosen {
        let first = pick.runs[0][0].1;
        let named = |name: &String| match on {
            ChosenOn::Clean => (!name.ends_with(".observed")).then(|| name.clone()),
            ChosenOn::Observed => name.strip_suffix(".observed").map(str::to_string),
        };
        let main = self.spec.evaluation.metrics.first();
        let (mut metrics, mut values) = (BTreeMap::new(), vec![]);
        for name in first.metrics.keys() {
            let Some(short) = named(name) else { continue };
            let by_mask: Option<Vec<Vec<f64>>> = pick
                .runs
                .iter()
                .map(|runs| runs.iter().map(|(_, run)| run.metric(name)).collect::<Option<Vec<f64>>>())
                .collect();
            if let Some(by_mask) = by_mask {
                if Some(&short) == main {
                    values = by_mask.iter().map(|of| of.iter().copied().map(round).collect()).collect();
                }
                metrics.insert(short, spread(&by_mask));
            }
        }
        let all = || pick.runs.iter().flatten().map(|(_, run)| *run);
        let epochs = all().map(|run| match on {
            ChosenOn::Clean => run.best_epoch,
            ChosenOn::Observed => run.observed_epoch.unwrap_or(run.best_epoch),
        });
        let count = all().count() as f64;
        let ap = |class: usize| round(all().map(|run| run.test_ap[class]).sum::<f64>() / count);
        Chosen {
            setting: row.points[pick.point].to_string(),
            at_edge: at_edge(&row.points, pick.point),
            metrics,
            values,
            test_ap: match on {
                ChosenOn::Clean => (0..first.test_ap.len()).map(ap).collect(),
                ChosenOn::Observed => vec![],
            },
            epochs: epochs.collect(),
        }
    }
}

/// Mean and both deviations of `[mask][first weights]`.
fn spread(by_mask: &[Vec<f64>]) -> Spread {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let means: Vec<f64> = by_mask.iter().map(|values| mean(values)).collect();
    let within: Vec<f64> = by_mask.iter().map(|values| variance(values)).collect();
    Spread {
        mean: round(mean(&means)),
        masks: round(variance(&means).sqrt()),
        inits: round(mean(&within).sqrt()),
    }
}

/// Numeric keys of a grid whose chosen value is the least or the greatest of several.
fn at_edge(points: &[GridPoint], chosen: usize) -> Vec<String> {
    let number = |value: &toml::Value| value.as_float().or_else(|| value.as_integer().map(|n| n as f64));
    let mut keys = Vec::new();
    for (i, (key, value)) in points[chosen].0.iter().enumerate() {
        let Some(value) = number(value) else { continue };
        let mut values: Vec<f64> = points.iter().filter_map(|point| number(&point.0[i].1)).collect();
        values.sort_by(f64::total_cmp);
        values.dedup();
        // Of two values each is at an end, which says nothing.
        if values.len() > 2 && (value == values[0] || value == values[values.len() - 1]) {
            keys.push(key.clone());
        }
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deviations_of_masks_and_of_first_weights_are_apart() {
        let found = spread(&[vec![1.0, 3.0], vec![5.0, 7.0]]);
        assert_eq!((found.mean, found.inits), (4.0, round(2f64.sqrt())));
        assert_eq!(found.masks, 2.8284);
        assert_eq!(spread(&[vec![2.0]]), Spread { mean: 2.0, masks: 0.0, inits: 0.0 });
    }

    #[test]
    fn a_setting_at_the_end_of_its_grid_is_named() {
        let point = |lr: f64, batch: i64| {
            GridPoint(vec![
                ("batch".into(), toml::Value::Integer(batch)),
                ("lr".into(), toml::Value::Float(lr)),
            ])
        };
        let points = [
            point(0.1, 8),
            point(0.01, 8),
            point(0.001, 8),
            point(0.1, 16),
            point(0.01, 16),
            point(0.001, 16),
        ];
        assert_eq!(at_edge(&points, 0), ["lr"]);
        assert!(at_edge(&points, 4).is_empty());
        assert_eq!(points[4].to_string(), "batch 16, lr 0.01");
    }
}
