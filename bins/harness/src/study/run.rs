//! Running a study, and choosing a setting for each row.

use super::decide::{RowValues, correct, difference, round};
use super::record::{Chosen, DecidedCause, DecidedClaim, Spread, StudyHead, StudyRecord, StudyRow};
use super::resample::{Resamples, RunScores};
use crate::plan::DataCache;
use crate::{
    ChosenOn, Finished, FirstError, GridPoint, HarnessError, LossSpec, Overrides, Plan, Progress, Provenance,
    RunOptions, RunRecord, Spec, Store, StudySpec, ValRows,
};
use lacuna_train::{MetricRow, metric};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// Seed of the resamples of every study.
const SEED: u64 = 1;

/// A study whose every setting has been checked against the data.
#[derive(Debug)]
pub struct Study {
    /// As the files and the command line have it, without the resolved data.
    spec: Spec,
    study: StudySpec,
    digest: String,
    resamples: Resamples,
    rows: Vec<StudiedRow>,
    /// Of each mask its plan, whose rows are the settings of all rows.
    masks: Vec<(u64, Plan)>,
}

/// A row of the table with the settings it may choose from.
#[derive(Debug)]
struct StudiedRow {
    loss: LossSpec,
    points: Vec<GridPoint>,
    /// Places of its settings among the rows of a plan.
    places: Range<usize>,
}

/// How a study is run.
#[derive(Clone, Copy, Debug)]
pub struct StudyOptions<'a> {
    /// Runs at the same time.
    pub jobs: usize,
    /// Set to stop early.
    pub stop: &'a AtomicBool,
    /// How often a run that has not ended writes its state.
    pub checkpoint_every: Duration,
}

/// The setting of a row that was chosen: its place among the points, and the runs with it, `[mask][first weights]`.
struct Pick<'r> {
    point: usize,
    runs: Vec<Vec<(&'r str, &'r Finished)>>,
}

impl Spec {
    /// Whether a record is of this specification as it is now, with all of its rows or some.
    pub fn is_of(&self, record: &StudyRecord) -> bool {
        let rows: Vec<String> = record.rows.iter().map(|row| row.row.clone()).collect();
        let data = &record.head.data;
        let digest = self.on(data).and_then(|spec| spec.with_rows(&rows).study_digest(data));
        digest.is_ok_and(|digest| digest == record.head.spec)
    }

    /// A digest of everything that decides the runs of a study of this specification, in which the variant of the data has been
    /// taken in, and of what is asked of them on data of this name.
    ///
    /// # Errors
    /// [`HarnessError::Spec`] where it cannot be written so.
    pub fn study_digest(&self, data: &str) -> Result<String, HarnessError> {
        let study = self.study.clone().unwrap_or_default();
        let mut spec = self.deciding();
        spec.data = lacuna_source::DataSource::default();
        spec.losses.iter_mut().for_each(|loss| loss.note.clear());
        let claims = self.claims.iter().filter(|claim| claim.is_on(data));
        let claims: Vec<_> = claims.map(|claim| (&claim.better, &claim.worse, &claim.metric)).collect();
        let causes = self.causes.iter().filter(|cause| cause.is_on(data));
        let causes: Vec<_> = causes.map(|cause| (&cause.gap, &cause.changed, &cause.metric)).collect();
        let text = serde_json::to_string(&(spec, study, claims, causes))
            .map_err(|error| HarnessError::Spec(error.to_string()))?;
        Ok(blake3::hash(text.as_bytes()).to_hex()[..16].to_string())
    }
}

impl Study {
    /// Checks everything and loads the data.
    ///
    /// # Errors
    /// As for [`Plan::new`]; [`HarnessError::Setting`] for several masks of data that has its own.
    pub fn new(spec: &Spec, overrides: &Overrides, resamples: usize) -> Result<Self, HarnessError> {
        let spec = overrides.apply(spec)?;
        let digest = spec.study_digest(&crate::overrides::short_name(&spec.data))?;
        let study = spec.study.clone().unwrap_or_default();
        let mut losses = Vec::new();
        let mut rows = Vec::new();
        for loss in &spec.losses {
            let points = spec.grid_of(loss)?;
            let first = losses.len();
            for point in &points {
                let row = match points.len() {
                    1 => loss.row().to_string(),
                    _ => format!("{} [{point}]", loss.row()),
                };
                losses.push(LossSpec { row: Some(row), ..point.of(loss)? });
            }
            rows.push(StudiedRow { loss: loss.clone(), points, places: first..losses.len() });
        }
        let mut cache = DataCache::default();
        let mut masks = Vec::new();
        for mask in &study.masks {
            // What is asked of the rows names them without their settings.
            let mut of_mask = Spec { losses: losses.clone(), variants: vec![], ..spec.deciding() };
            of_mask.title.clone_from(&spec.title);
            of_mask.source.clone_from(&spec.source);
            of_mask.protocol.seed = Some(*mask);
            of_mask.training.seeds = study.inits;
            let plan = Plan::sharing(&of_mask, &Overrides::default(), &mut cache)?;
            if plan.data().mask == crate::MaskSource::File && study.masks.len() > 1 {
                return Err(HarnessError::Setting(format!(
                    "{}: its labels are missing in one way, its own, and the study has {} masks: give the study one",
                    plan.data().name,
                    study.masks.len()
                )));
            }
            masks.push((*mask, plan));
        }
        let study =
            Self { spec, study, digest, resamples: Resamples { count: resamples, seed: SEED }, rows, masks };
        study.selectable()?;
        Ok(study)
    }

    /// Refuses a grid without validation rows to choose by.
    fn selectable(&self) -> Result<(), HarnessError> {
        let chooses = self.spec.evaluation.select != "last" && self.first().data().val != ValRows::None;
        match self.rows.iter().find(|row| row.points.len() > 1 && !chooses) {
            Some(row) => Err(HarnessError::Setting(format!(
                "grid of {}: without a metric of validation rows nothing chooses a setting",
                row.loss.row()
            ))),
            None => Ok(()),
        }
    }

    fn first(&self) -> &Plan {
        &self.masks[0].1
    }

    /// Names of the benchmark and of the data.
    pub fn identity(&self) -> (&str, &str) {
        (&self.spec.name, &self.first().data().name)
    }

    /// The plan of each mask.
    pub fn plans(&self) -> impl Iterator<Item = (u64, &Plan)> {
        self.masks.iter().map(|(mask, plan)| (*mask, plan))
    }

    /// Epochs of all runs.
    pub fn epochs(&self) -> usize {
        self.plans().map(|(_, plan)| plan.epochs()).sum()
    }

    /// Runs of all masks.
    pub fn runs(&self) -> usize {
        self.plans().map(|(_, plan)| plan.runs()).sum()
    }

    /// Runs everything that is not in `folder` yet, chooses a setting for each row, and decides claims and causes. `None` where it
    /// was stopped.
    ///
    /// # Errors
    /// [`HarnessError`] of the folder or of a run; [`HarnessError::Setting`] for a row whose every setting failed.
    pub fn run(
        &self,
        folder: &Path,
        options: StudyOptions<'_>,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<Option<StudyRecord>, HarnessError> {
        let mut stores = Vec::new();
        let mut runs = Vec::new();
        for (mask, plan) in self.plans() {
            let store = Store::at(&folder.join(format!("mask-{mask}")), plan.spec(), false, &[])?;
            let Some(of_mask) = self.run_mask(plan, &store, store.kept(), options, progress)? else {
                store.close();
                return Ok(None);
            };
            runs.push(of_mask);
            stores.push(store);
        }
        // Scores of settings that were not chosen are removed below, so a study that goes on may lack those of another choice.
        for (i, (_, plan)) in self.masks.iter().enumerate() {
            let chosen = self.chosen_ids(&runs)?;
            let scores = stores[i].scores();
            let lacks = |run: &&RunRecord| chosen.contains(run.id.as_str()) && !scores.has(&run.id);
            if runs[i].iter().any(|run| lacks(&run)) {
                let kept: Vec<RunRecord> = runs[i].iter().filter(|run| !lacks(run)).cloned().collect();
                let Some(again) = self.run_mask(plan, &stores[i], &kept, options, progress)? else {
                    return Ok(None);
                };
                runs[i] = again;
            }
        }
        let record = self.decide(&runs, &stores)?;
        let chosen = self.chosen_ids(&runs)?;
        for (store, runs) in stores.into_iter().zip(&runs) {
            let scores = store.scores();
            runs.iter()
                .filter(|run| !chosen.contains(run.id.as_str()))
                .for_each(|run| scores.remove(&run.id));
            store.close();
        }
        Ok(Some(record))
    }

    fn run_mask(
        &self,
        plan: &Plan,
        store: &Store,
        kept: &[RunRecord],
        options: StudyOptions<'_>,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<Option<Vec<RunRecord>>, HarnessError> {
        let scores = store.scores();
        scores.keep_labels(plan.test_truth())?;
        store.write_data_label(&plan.data_label())?;
        let checkpoints = store.checkpoints();
        let lost = FirstError::default();
        let run_options = RunOptions {
            stop: options.stop,
            checkpoints: Some((&checkpoints, options.checkpoint_every)),
            scores: Some(&scores),
            kept,
            ..RunOptions::jobs(options.jobs)
        };
        let report = plan.run(run_options, &|event| {
            if let Progress::Run(run) = &event {
                lost.ok(store.append(run));
            }
            progress(event);
        })?;
        match lost.into_inner() {
            Some(error) => Err(error),
            None => Ok((!report.interrupted).then_some(report.runs)),
        }
    }

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

    fn picks<'r>(
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
    fn chosen_ids<'r>(&self, runs: &'r [Vec<RunRecord>]) -> Result<HashSet<&'r str>, HarnessError> {
        let picks = self.picks(runs)?;
        let all = picks.iter().flat_map(|(clean, observed)| std::iter::once(clean).chain(observed));
        Ok(all.flat_map(|pick| pick.runs.iter().flatten().map(|(id, _)| *id)).collect())
    }

    /// The record of all runs.
    fn decide(&self, runs: &[Vec<RunRecord>], stores: &[Store]) -> Result<StudyRecord, HarnessError> {
        let picks = self.picks(runs)?;
        let rows = self.rows.iter().zip(&picks).map(|(row, (clean, observed))| StudyRow {
            row: row.loss.row().to_string(),
            loss: row.loss.name.clone(),
            note: row.loss.note.clone(),
            budget: row.points.len(),
            labels: clean.runs[0][0].1.labels,
            clean: self.chosen(row, clean, ChosenOn::Clean),
            observed: observed.as_ref().map(|pick| self.chosen(row, pick, ChosenOn::Observed)),
            failed: self.failures(row, runs),
        });
        let rows = rows.collect();
        let data = self.first().data();
        let mut values = Values { study: self, picks: &picks, stores, known: HashMap::new() };
        let mut claims = Vec::new();
        for claim in self.spec.claims.iter().filter(|claim| claim.is_on(&data.name)) {
            let gap = [&claim.better, &claim.worse];
            let clean = values.gap(&claim.metric, &[(1.0, gap)], ChosenOn::Clean)?;
            let observed = match values.has_observed(gap) {
                true => Some(values.gap(&claim.metric, &[(1.0, gap)], ChosenOn::Observed)?),
                false => None,
            };
            let (better, worse, metric) = (claim.better.clone(), claim.worse.clone(), claim.metric.clone());
            claims.push(DecidedClaim { better, worse, metric, clean, observed });
        }
        correct(claims.iter_mut().map(|claim| &mut claim.clean).collect());
        correct(claims.iter_mut().filter_map(|claim| claim.observed.as_mut()).collect());
        let mut causes = Vec::new();
        for cause in self.spec.causes.iter().filter(|cause| cause.is_on(&data.name)) {
            let [a, b] = &cause.gap;
            let [c, d] = &cause.changed;
            let mut of = |gaps: &[(f64, [&String; 2])]| values.gap(&cause.metric, gaps, ChosenOn::Clean);
            causes.push(DecidedCause {
                says: cause.says.clone(),
                gap: cause.gap.clone(),
                changed: cause.changed.clone(),
                metric: cause.metric.clone(),
                before: of(&[(1.0, [a, b])])?,
                after: of(&[(1.0, [c, d])])?,
                made: of(&[(1.0, [a, b]), (-1.0, [c, d])])?,
            });
        }
        correct(causes.iter_mut().map(|cause| &mut cause.made).collect());
        let validating = match data.val {
            ValRows::Train => data.split.val.len(),
            ValRows::TestEnd(rows) => rows,
            ValRows::None => 0,
        };
        let head = StudyHead {
            benchmark: self.spec.name.clone(),
            data: data.name.clone(),
            fingerprint: data.fingerprint.clone(),
            embedded: self.spec.data.embedded.is_some(),
            caveat: data.caveat.map(str::to_string),
            findings: data.findings.iter().map(|finding| finding.text.clone()).collect(),
            spec: self.digest.clone(),
            version: Provenance::here("", 1).version,
            masks: self.study.masks.clone(),
            inits: self.study.inits,
            resamples: self.resamples.count,
            runs: self.runs(),
            rows: [data.split.train.len(), validating, data.tested.len()],
            train_rows: data.train.rows(),
            features: data.train.features.columns(),
            classes: data.classes(),
            conventions: self.first().shared_conventions().to_vec(),
        };
        Ok(StudyRecord { head, rows, claims, causes })
    }

    fn failures(&self, row: &StudiedRow, runs: &[Vec<RunRecord>]) -> Vec<String> {
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

    fn chosen(&self, row: &StudiedRow, pick: &Pick<'_>, on: ChosenOn) -> Chosen {
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

/// Values of rows under resamples, each computed once.
struct Values<'s> {
    study: &'s Study,
    picks: &'s [(Pick<'s>, Option<Pick<'s>>)],
    stores: &'s [Store],
    known: HashMap<(usize, String, bool), RowValues>,
}

impl Values<'_> {
    fn place(&self, row: &str) -> usize {
        let place = self.study.rows.iter().position(|studied| studied.loss.row() == row);
        place.expect("rows of claims and causes were checked")
    }

    fn has_observed(&self, rows: [&String; 2]) -> bool {
        rows.iter().all(|row| self.picks[self.place(row)].1.is_some())
    }

    /// A sum of gaps, each with its sign, positive where the first row of a gap is better.
    fn gap(
        &mut self,
        name: &str,
        gaps: &[(f64, [&String; 2])],
        on: ChosenOn,
    ) -> Result<super::Difference, HarnessError> {
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

/// Mean and both deviations of `[mask][first weights]`.
fn spread(by_mask: &[Vec<f64>]) -> Spread {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let variance = |values: &[f64]| match values.len() {
        1 => 0.0,
        n => values.iter().map(|x| (x - mean(values)).powi(2)).sum::<f64>() / (n - 1) as f64,
    };
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
