//! Sweeps: one specification at many points, run by any number of independent processes.
//!
//! A point gives every key of `[sweep.keys]` one value. The runs of a point are those that `repro run` with the same
//! `--set` would make, under the same identities. Processes share nothing but a folder: each claims a run, trains it, and
//! stores its record under the identity of the run. So they may be tasks of a batch system that start, end and are killed
//! in any order.

mod claim;
mod collect;
mod folder;
mod points;
mod run;

pub use claim::Holder;
pub use collect::{Collected, CollectedRow, Status, collect, status};
pub use folder::{SweepFolder, SweepPlan, SweepRun};
pub use points::{Point, SweepSpec};
pub use run::{SweepOptions, SweepOutcome, SweepProgress};

use crate::plan::DataCache;
use crate::{HarnessError, Overrides, Plan, Spec};
use std::collections::HashSet;

/// A sweep whose every point has been checked against the data.
#[derive(Debug)]
pub struct Sweep {
    /// The specification, with the fingerprint of its data.
    spec: Spec,
    plan: SweepPlan,
    /// A plan for each point.
    plans: Vec<Plan>,
}

impl Sweep {
    /// Reads the data and checks every point.
    ///
    /// # Errors
    /// [`HarnessError`] for whatever would keep a run of any point from running to its end.
    pub fn new(spec: &Spec, overrides: &Overrides) -> Result<Self, HarnessError> {
        let Some(sweep) = spec.sweep.clone() else {
            let problem = "it has no [sweep.keys]: `repro run` runs it";
            return Err(HarnessError::Setting(format!("{}: {problem}", spec.name)));
        };
        let points = sweep.points()?;
        if let Some((key, _)) = overrides.set.iter().find(|(key, _)| points[0].0.contains_key(key)) {
            let problem = format!("--set {key}: it sets {key}, which the sweep has values for");
            return Err(HarnessError::Setting(problem));
        }
        let mut base = overrides.apply(&Spec { sweep: None, ..spec.clone() })?;
        base.names_data()?;
        // Names and numbers of every point before the data.
        points.iter().try_for_each(|point| point.of(&base).map(|_| ()))?;
        let mut cache = DataCache::default();
        let mut plans = Vec::with_capacity(points.len());
        for point in &points {
            let plan =
                Plan::sharing(&base, &point.overrides(), &mut cache).map_err(|error| point.within(error))?;
            plans.push(plan);
        }
        let mut runs = Vec::new();
        for (number, plan) in plans.iter().enumerate() {
            let spec = plan.spec();
            let mut ids = spec.run_ids()?.into_iter();
            for loss in &spec.losses {
                for seed in 0..spec.training.seeds {
                    let id = ids.next().expect("an identity for each run");
                    runs.push(SweepRun { id, point: number, row: loss.row().to_string(), seed });
                }
            }
        }
        let first = plans.first().expect("a sweep has a point");
        let plan = SweepPlan {
            name: base.name.clone(),
            data: first.data().name.clone(),
            select: base.evaluation.select.clone(),
            metrics: first.spec().evaluation.metrics.clone(),
            points,
            runs,
        };
        base.data = first.spec().data.clone();
        base.sweep = Some(sweep);
        Ok(Self { spec: base, plan, plans })
    }

    /// The specification, with the fingerprint of its data: the same sweep again.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// What is run.
    pub fn plan(&self) -> &SweepPlan {
        &self.plan
    }

    /// The plan of the first point, for what all points have in common.
    pub fn first(&self) -> &Plan {
        &self.plans[0]
    }

    /// Rows that predict with layers of their own at some point, so that no head can be saved.
    pub fn rows_without_head(&self) -> Vec<&str> {
        let mut seen = HashSet::new();
        let rows = self.plans.iter().flat_map(|plan| plan.rows_without_head());
        rows.filter(|row| seen.insert(*row)).collect()
    }

    /// Whether the head of a run can be saved.
    pub fn has_head(&self, run: &SweepRun) -> bool {
        !self.plans[run.point].rows_without_head().contains(&run.row.as_str())
    }

    /// Whether a model of a run is in its folder.
    pub fn has_model(&self, folder: &SweepFolder, run: &SweepRun) -> bool {
        folder.within("models").join(&run.id).join("head.json").exists()
    }

    /// The runs of a task, each once: all of them, or those whose place among all runs leaves the remainder `task.0` when
    /// divided by `task.1`.
    pub fn runs_of(&self, task: Option<(usize, usize)>) -> Vec<&SweepRun> {
        let mut seen = HashSet::new();
        let once = self.plan.runs.iter().filter(|run| seen.insert(run.id.as_str()));
        let (number, tasks) = task.unwrap_or((0, 1));
        once.enumerate().filter(|(i, _)| i % tasks == number).map(|(_, run)| run).collect()
    }

    /// Number of epochs of these runs.
    pub fn epochs(&self, runs: &[&SweepRun]) -> usize {
        let of_run = |run: &&SweepRun| {
            let plan = &self.plans[run.point];
            plan.epochs_of(self.row_of(run))
        };
        runs.iter().map(of_run).sum()
    }

    /// Number of the row of a run in the plan of its point.
    fn row_of(&self, run: &SweepRun) -> usize {
        let losses = &self.plans[run.point].spec().losses;
        losses.iter().position(|loss| loss.row() == run.row).expect("the run is one of this plan")
    }
}
