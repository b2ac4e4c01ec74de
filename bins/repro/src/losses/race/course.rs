//! The race: runs of several losses, a step of each in turn, measured after every epoch.

use super::groups::Groups;
use crate::specs;
use anyhow::{Context, bail};
use lacuna_harness::{MaskSource, Overrides, Plan};
use lacuna_losses::{LabelNeeds, LossRow, find, suggest};
use lacuna_source::{DataSource, embedded_set, embedded_sets};
use lacuna_train::{Run, metric};

/// The benchmark whose settings the losses are trained with.
const BENCHMARK: &str = "spml-linear";
/// The row whose labels say what is observed: one positive of each row.
const OBSERVED: &str = "an";

/// What is raced on what.
#[derive(Clone, Debug)]
pub(crate) struct Entries {
    pub(crate) losses: Vec<String>,
    /// Name of an embedded set.
    pub(crate) data: String,
    pub(crate) epochs: Option<usize>,
    pub(crate) seed: u64,
}

/// A loss with everything that was measured of it.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) row: &'static LossRow,
    /// Before the first step, and after every epoch.
    pub(super) points: Vec<Point>,
}

/// The state of a run after an epoch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    /// Mean predicted probability of observed positives, hidden positives and true negatives of the rows that train.
    pub(super) p: [f64; 3],
    /// mAP on the validation rows and on the test rows, in percent.
    pub(super) map: [f64; 2],
}

/// A race that is under way, or over.
#[derive(Debug)]
pub(super) struct Race {
    pub(super) data: String,
    pub(super) synthetic: bool,
    pub(super) seed: u64,
    pub(super) epochs: usize,
    /// Rows that train, that validate, that test.
    pub(super) rows: [usize; 3],
    pub(super) classes: usize,
    /// Cells of each group.
    pub(super) cells: [usize; 3],
    pub(super) lanes: Vec<Lane>,
    /// How the losses are trained.
    pub(super) training: String,
}

/// What a race says while it goes on.
pub(super) enum Event {
    /// So many steps of an epoch, counted from 1, are over.
    Step { epoch: usize, step: usize, steps: usize },
    /// Everything was measured: before the first step and after every epoch.
    Measured,
}

impl Race {
    /// Trains the losses to their end. `None` where `watch` said to stop by returning `false`.
    ///
    /// # Errors
    /// Unknown or repeated losses, a set that is not embedded, losses that the labels do not serve.
    pub(super) fn run(
        entries: &Entries,
        watch: &mut dyn FnMut(&Self, &Event) -> bool,
    ) -> anyhow::Result<Option<Self>> {
        let plan = plan(entries)?;
        let begin = |name: &str| plan.begin(name, entries.seed);
        let groups = Groups::of(&begin(OBSERVED)?.data().train, &plan.data().train.truth)
            .with_context(|| entries.data.clone())?;
        let mut runs = entries.losses.iter().map(|name| begin(name)).collect::<Result<Vec<_>, _>>()?;
        let lane = |name: &String| Ok(Lane { row: find(name)?, points: Vec::new() });
        let lanes = entries.losses.iter().map(lane).collect::<anyhow::Result<Vec<_>>>()?;
        let data = *runs[0].data();
        let training = &plan.spec().training;
        let mut race = Self {
            data: entries.data.clone(),
            synthetic: embedded_set(&entries.data).is_some_and(|set| set.is_synthetic()),
            seed: entries.seed,
            epochs: runs[0].epochs(),
            rows: [
                data.train.len(),
                data.val.map_or(0, |set| set.len()),
                data.test.map_or(0, |set| set.len()),
            ],
            classes: data.train.classes(),
            cells: groups.cells,
            lanes,
            training: format!(
                "linear heads, Adam with rate {}, batches of {}, the settings of {BENCHMARK}",
                training.lr, training.batch
            ),
        };
        race.measure(&mut runs, &groups)?;
        if !watch(&race, &Event::Measured) {
            return Ok(None);
        }
        for epoch in 1..=race.epochs {
            runs.iter_mut().try_for_each(Run::begin_epoch)?;
            let steps: Vec<usize> = runs.iter().map(Run::steps_per_epoch).collect();
            let most = steps.iter().copied().max().unwrap_or(0);
            let mut sums = vec![0.0; runs.len()];
            for step in 0..most {
                for ((run, sum), _) in
                    runs.iter_mut().zip(&mut sums).zip(&steps).filter(|(_, steps)| step < **steps)
                {
                    *sum += f64::from(run.step(step)?);
                }
                if !watch(&race, &Event::Step { epoch, step: step + 1, steps: most }) {
                    return Ok(None);
                }
            }
            for ((run, sum), steps) in runs.iter_mut().zip(sums).zip(steps) {
                run.end_epoch(sum / steps as f64)?;
            }
            race.measure(&mut runs, &groups)?;
            if !watch(&race, &Event::Measured) {
                return Ok(None);
            }
        }
        Ok(Some(race))
    }

    /// Measures every run as it is now.
    fn measure(&mut self, runs: &mut [Run<'_>], groups: &Groups) -> anyhow::Result<()> {
        let map = metric("map")?;
        for (lane, run) in self.lanes.iter_mut().zip(runs) {
            let p = groups.means(run.train_logits());
            let (val, test) = (run.data().val, run.data().test);
            let mut on = |set: Option<_>| set.map_or(Ok(f64::NAN), |set| run.measured_on(map, &set));
            lane.points.push(Point { p, map: [on(val)?, on(test)?] });
        }
        Ok(())
    }

    /// Epochs that are over.
    pub(super) fn over(&self) -> usize {
        self.lanes[0].points.len() - 1
    }

    /// What the losses know of the true labels, in sentences.
    pub(super) fn told(&self) -> String {
        let names = |is: &dyn Fn(&LossRow) -> bool| -> Option<String> {
            let names: Vec<&str> =
                self.lanes.iter().map(|l| l.row).filter(|row| is(row)).map(|row| row.info.name).collect();
            (!names.is_empty()).then(|| names.join(", "))
        };
        let needs = |need: LabelNeeds| names(&|row| row.needs == need);
        let mut text = String::new();
        let mut exception = |names: Option<String>, what: &str| {
            if let Some(names) = names {
                text += &format!(" Exception: {what}: {names}.");
            }
        };
        exception(needs(LabelNeeds::FullTruth), "trained on all true labels, as a reference");
        exception(needs(LabelNeeds::SinglePositiveAllNegatives), "told every true negative");
        exception(needs(LabelNeeds::SinglePositiveOneNegative), "told one true negative of each row");
        let count = |row: &LossRow| {
            row.info.params.iter().any(|p| p.name == "expected_positives" && p.default.is_none())
        };
        exception(names(&count), "told the mean number of true positives of a row, and no cell");
        format!(
            "True labels are used for these measurements alone: a loss is trained on one positive of each row, and no epoch is \
             chosen.{text}"
        )
    }
}

/// The runs of the losses on the set, and of the row that says what is observed.
fn plan(entries: &Entries) -> anyhow::Result<Plan> {
    for (i, name) in entries.losses.iter().enumerate() {
        find(name)?;
        if entries.losses[..i].contains(name) {
            bail!("{name} is named twice");
        }
    }
    let names = || embedded_sets().map(|set| set.name);
    if embedded_set(&entries.data).is_none() {
        let near = match suggest(&entries.data, names()).to_string() {
            near if near.starts_with("did") => format!("; {near}"),
            _ => String::new(),
        };
        bail!(
            "--data {}: a race is on an embedded set, of which the true labels are known{near}; there are {}",
            entries.data,
            names().collect::<Vec<_>>().join(", ")
        );
    }
    let mut losses = entries.losses.clone();
    if !losses.iter().any(|name| name == OBSERVED) {
        losses.push(OBSERVED.to_string());
    }
    let overrides = Overrides {
        data: Some(DataSource { embedded: Some(entries.data.clone()), ..DataSource::default() }),
        losses: Some(losses),
        mask: Some(MaskSource::Drawn),
        // No epoch is chosen: the picture has all of them.
        set: vec![("evaluation.select".to_string(), "last".to_string())],
        seeds: Some(1),
        epochs: entries.epochs,
        ..Overrides::default()
    };
    Ok(Plan::new(&specs::find(BENCHMARK)?, &overrides)?)
}
