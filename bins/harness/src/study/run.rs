//! Running a study, and deciding its claims and causes.

use super::decide::correct;
use super::record::{DecidedCause, DecidedClaim, StudyHead, StudyRecord, StudyRow};
use super::resample::Resamples;
use super::values::Values;
use crate::plan::DataCache;
use crate::{
    ChosenOn, FirstError, GridPoint, HarnessError, LossSpec, Overrides, Plan, Progress, Provenance,
    RunOptions, RunRecord, Spec, Store, StudySpec, ValRows,
};
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
    pub(super) spec: Spec,
    pub(super) study: StudySpec,
    digest: String,
    pub(super) resamples: Resamples,
    pub(super) rows: Vec<StudiedRow>,
    /// Of each mask its plan, whose rows are the settings of all rows.
    pub(super) masks: Vec<(u64, Plan)>,
}

/// A row of the table with the settings it may choose from.
#[derive(Debug)]
pub(super) struct StudiedRow {
    pub(super) loss: LossSpec,
    pub(super) points: Vec<GridPoint>,
    /// Places of its settings among the rows of a plan.
    pub(super) places: Range<usize>,
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
        let mut values = Values::new(self, &picks, stores);
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
}
