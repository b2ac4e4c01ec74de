//! Tasks that train a slice of the classes each, and the head that they have trained together.
//!
//! | file below `classes/` | contents |
//! |---|---|
//! | `I-of-N/ID/epoch-E.safetensors` | weights of the slice at the end of epoch E of the run ID, averages and losses |
//! | `I-of-N/checkpoints/ID/` | the state of a run that has not ended |
//!
//! A file is written for every epoch if an epoch is chosen on validation rows, which needs the scores of all classes, and else
//! for the last one alone.

use super::{Plan, PlannedRow, Progress, RunOptions};
use crate::data::LabelsKey;
use crate::{HarnessError, ValRows};
use lacuna_labels::{Label, LabelMatrix, ObservedLabels};
use lacuna_train::{
    CheckpointFolder, ClassSlice, Data, EpochWeights, Evaluation, JoinedEpochs, LossChoice, Outcome, Run,
    TrainError, TrainSet,
};
use std::fmt;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// A task that trains a slice of the classes: number `task`, from 0, of `tasks`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClassTask {
    /// The number, from 0.
    pub task: usize,
    /// How many there are.
    pub tasks: usize,
}

impl fmt::Display for ClassTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.task, self.tasks)
    }
}

impl FromStr for ClassTask {
    type Err = String;

    /// `I/N`.
    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('/').and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)));
        match parts {
            Some((task, tasks)) if task < tasks => Ok(Self { task, tasks }),
            Some((_, tasks @ 1..)) => {
                Err(format!("tasks are counted from 0, so the last of {tasks} is {}/{tasks}", tasks - 1))
            }
            _ => Err("expected I/N, such as 0/4 for the first of four tasks".to_string()),
        }
    }
}

impl ClassTask {
    /// Its classes, of so many.
    pub fn classes(self, all: usize) -> Range<usize> {
        let start = |task: usize| (task as u128 * all as u128 / self.tasks as u128) as usize;
        start(self.task)..start(self.task + 1)
    }

    /// Its folder.
    pub fn folder(self, classes: &Path) -> PathBuf {
        classes.join(format!("{}-of-{}", self.task, self.tasks))
    }
}

/// Labels of some classes, and known labels of each row over all of them.
struct Sliced {
    key: LabelsKey,
    observed: ObservedLabels,
    known: Vec<u32>,
}

impl Sliced {
    fn of(key: LabelsKey, labels: &ObservedLabels, classes: &Range<usize>) -> Self {
        let rows = labels.rows();
        let cells: Vec<Label> =
            (0..rows).flat_map(|row| &labels.row(row)[classes.clone()]).copied().collect();
        let known = |row| labels.row(row).iter().filter(|label| label.is_known()).count() as u32;
        let observed = LabelMatrix::new(rows, classes.len(), cells).expect("whole rows of so many classes");
        Self { key, observed: observed.into(), known: (0..rows).map(known).collect() }
    }
}

/// File of an epoch, counted from 1.
fn file(folder: &Path, epoch: usize) -> PathBuf {
    folder.join(format!("epoch-{epoch:06}.safetensors"))
}

impl Plan {
    /// Refuses losses and training in which the classes of a task do not stand on their own.
    ///
    /// # Errors
    /// [`HarnessError::Setting`].
    pub fn check_classes(&self, task: ClassTask) -> Result<(), HarnessError> {
        let range = self.classes_of(task)?;
        let (sliced, evaluation) = (self.sliced(&range), evaluation(&self.spec.evaluation));
        for planned in &self.rows {
            let choice = LossChoice { cut: Some(range.clone()), ..planned.choice.clone() };
            let data = self.data_of(planned, &sliced, &range);
            Run::new(data, &planned.training, &evaluation, choice, 0)?;
        }
        Ok(())
    }

    /// The classes of a task, at least one.
    fn classes_of(&self, task: ClassTask) -> Result<Range<usize>, HarnessError> {
        let all = self.data().classes();
        let range = task.classes(all);
        match range.is_empty() {
            true => Err(HarnessError::Setting(format!(
                "--classes {task}: there are {all} classes, and so at most {all} tasks"
            ))),
            false => Ok(range),
        }
    }

    /// The labels of these classes, for each key. None where labels were cut when they were read: those are of the slice already.
    fn sliced(&self, classes: &Range<usize>) -> Vec<Sliced> {
        let is_cut = self.data().cut.is_some();
        let each = self.data().each_observed().filter(|_| !is_cut);
        each.map(|(key, labels)| Sliced::of(key, labels, classes)).collect()
    }

    /// What a run of these classes looks at.
    fn data_of<'a>(&'a self, planned: &PlannedRow, sliced: &'a [Sliced], classes: &Range<usize>) -> Data<'a> {
        let mut train = self.arrays.data(self.data(), planned.labels, &planned.training).train;
        if let Some(labels) = sliced.iter().find(|sliced| sliced.key == planned.labels) {
            let slice = ClassSlice { first: classes.start, all: self.data().classes(), known: &labels.known };
            train = TrainSet { observed: &labels.observed, slice: Some(slice), ..train };
        }
        Data::new(train)
    }

    /// Trains the classes of one task in every run that it has not trained yet, one run after the other, below the folder
    /// `classes`. Returns how many runs it trained, and whether all are there.
    ///
    /// # Errors
    /// [`HarnessError::Setting`] for a loss or training in which classes do not stand on their own; errors of training.
    pub fn train_classes(
        &self,
        task: ClassTask,
        classes: &Path,
        options: RunOptions<'_>,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<(usize, bool), HarnessError> {
        let range = self.classes_of(task)?;
        let sliced = self.sliced(&range);
        let mut trained = 0;
        for row in 0..self.rows.len() {
            for seed in 0..self.spec.training.seeds {
                let folder = task.folder(classes).join(self.id(row, seed)?);
                let epochs = self.epochs_of(row);
                if file(&folder, epochs).exists() {
                    for epoch in 1..=epochs {
                        progress(Progress::Epoch {
                            id: self.id(row, seed)?,
                            loss: self.rows[row].name.clone(),
                            seed,
                            epoch,
                            epoch_of_phase: epoch,
                            rows: 0,
                            scalars: vec![],
                        });
                    }
                    continue;
                }
                if options.stop.load(Ordering::Relaxed) {
                    return Ok((trained, false));
                }
                if !self.train_slice((row, seed), (task, &range), &sliced, classes, options, progress)? {
                    return Ok((trained, false));
                }
                trained += 1;
            }
        }
        Ok((trained, true))
    }

    /// One run of one task. False where it was stopped.
    fn train_slice(
        &self,
        (row, seed): (usize, u64),
        (task, range): (ClassTask, &Range<usize>),
        sliced: &[Sliced],
        classes: &Path,
        options: RunOptions<'_>,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<bool, HarnessError> {
        let planned = &self.rows[row];
        let data = self.data_of(planned, sliced, range);
        let choice = LossChoice { cut: Some(range.clone()), ..planned.choice.clone() };
        let evaluation = evaluation(&self.spec.evaluation);
        let id = self.id(row, seed)?;
        let folder = task.folder(classes).join(&id);
        fs::create_dir_all(&folder).map_err(|source| HarnessError::Write { path: folder.clone(), source })?;
        let state = format!("{id} {task}");
        let checkpoints = CheckpointFolder::new(task.folder(classes).join("checkpoints").join(&id));
        let every = options.checkpoints.map(|(_, every)| every);
        let mut run = self.begun(
            data,
            planned,
            &evaluation,
            choice,
            seed,
            (&state, every.map(|_| &checkpoints)),
            progress,
        )?;
        let of_range = format!("{}..{} of {}", range.start, range.end, self.data().classes());
        let mut written = Instant::now();
        while !run.is_done() {
            let loss = run.epoch()?.loss;
            let (epoch, rows) = (run.epochs_done(), run.rows_per_epoch());
            let scalars = vec![("train/loss".to_string(), loss)];
            let name = planned.name.clone();
            progress(Progress::Epoch {
                id: id.clone(),
                loss: name,
                seed,
                epoch,
                epoch_of_phase: epoch,
                rows,
                scalars,
            });
            if run.is_done() || self.chooses() {
                let number = epoch.to_string();
                let facts = [("id", id.as_str()), ("classes", &of_range), ("epoch", &number)];
                EpochWeights::of(&run, &facts).write(&file(&folder, epoch))?;
            }
            let stopped = options.stop.load(Ordering::Relaxed) && !run.is_done();
            if let Some(every) = every
                && (stopped || written.elapsed() >= every)
                && !run.is_done()
            {
                checkpoints.write(&run.checkpoint().with("id", &state))?;
                written = Instant::now();
            }
            if stopped {
                return Ok(false);
            }
        }
        checkpoints.clear();
        Ok(true)
    }

    /// Whether an epoch is chosen on validation rows.
    fn chooses(&self) -> bool {
        self.spec.evaluation.select != "last" && self.data().val != ValRows::None
    }

    /// Ends a run with the weights that all tasks have trained.
    pub(super) fn join(&self, row: usize, seed: u64, classes: &Path) -> Result<Outcome, TrainError> {
        let planned = &self.rows[row];
        let id = self.id(row, seed).map_err(|error| TrainError::Setting(error.to_string()))?;
        let tasks = tasks_in(classes).map_err(TrainError::Setting)?;
        let all = self.data().classes();
        let mut at = |epoch: usize| -> Result<Vec<EpochWeights>, TrainError> {
            let number = epoch.to_string();
            let slice = |task: usize| {
                let task = ClassTask { task, tasks };
                let range = task.classes(all);
                let of_range = format!("{}..{} of {all}", range.start, range.end);
                let path = file(&task.folder(classes).join(&id), epoch);
                if !path.exists() {
                    return Err(TrainError::Setting(format!(
                        "{}: missing: --classes {task} has not trained {}, seed {seed}, to its end",
                        path.display(),
                        planned.name
                    )));
                }
                EpochWeights::read(&path, &[("id", &id), ("classes", &of_range), ("epoch", &number)])
            };
            (0..tasks).map(slice).collect()
        };
        let data = self.arrays.data(self.data(), planned.labels, &planned.training);
        let epochs = JoinedEpochs { epochs: self.epochs_of(row), at: &mut at };
        Run::join(data, &planned.training, &self.spec.evaluation, planned.choice.clone(), seed, epochs)
    }
}

/// The evaluation of a task: it measures nothing, because that takes all classes.
pub(super) fn evaluation(of: &Evaluation) -> Evaluation {
    Evaluation { select: "last".to_string(), also: vec![], ..of.clone() }
}

/// The number of tasks whose folders are there.
fn tasks_in(classes: &Path) -> Result<usize, String> {
    let mut numbers: Vec<usize> = Vec::new();
    for entry in fs::read_dir(classes).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let tasks: Option<usize> = name.to_str().and_then(|name| name.split_once("-of-")?.1.parse().ok());
        numbers.extend(tasks);
    }
    numbers.sort_unstable();
    numbers.dedup();
    match numbers[..] {
        [tasks] => Ok(tasks),
        [] => Err(format!(
            "{}: no task has trained classes here: `repro run .. --classes I/N` does",
            classes.display()
        )),
        _ => Err(format!(
            "{}: there are slices of tasks that divide the classes by {numbers:?}: remove those of all but one",
            classes.display()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_cover_all_classes_once() {
        for (all, tasks) in [(17, 4), (4, 4), (100_000, 100), (7, 3), (1, 1)] {
            let ranges: Vec<Range<usize>> =
                (0..tasks).map(|task| ClassTask { task, tasks }.classes(all)).collect();
            assert_eq!((ranges[0].start, ranges[tasks - 1].end), (0, all));
            assert!(ranges.windows(2).all(|pair| pair[0].end == pair[1].start));
            assert!(ranges.iter().all(|range| !range.is_empty() && range.len() <= all.div_ceil(tasks)));
        }
    }

    #[test]
    fn numbers_of_tasks_are_read() {
        assert_eq!("2/3".parse(), Ok(ClassTask { task: 2, tasks: 3 }));
        assert!("3/3".parse::<ClassTask>().unwrap_err().contains("the last of 3 is 2/3"));
        for wrong in ["", "1", "a/b", "1/0", "-1/2", "1/2/3"] {
            assert!(wrong.parse::<ClassTask>().unwrap_err().contains("expected I/N"), "{wrong}");
        }
    }
}
