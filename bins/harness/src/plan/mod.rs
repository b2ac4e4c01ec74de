//! A specification whose every setting has been checked against the data, ready to run.

mod arrays;
mod cache;
mod checks;
mod conventions;
mod notes;
mod run;
mod slices;

use crate::data::{LabelledRow, LabelsKey};
use crate::{HarnessError, LabelsSpec, LossSpec, MaskSource, Overrides, Spec, SplitDataset};
use arrays::Arrays;
pub(crate) use cache::DataCache;
use checks::{comparable, memory_for, try_out};
use lacuna_losses::{Context, LabelNeeds, LossError, LossRow, Options};
use lacuna_source::DataSource;
use lacuna_train::{LossChoice, ResolvedProcedure, Run, TrainError, Training};
pub use run::{Progress, RunOptions};
pub use slices::ClassTask;
use std::sync::Arc;

/// A checked benchmark with its data.
#[derive(Debug)]
pub struct Plan {
    /// Every setting resolved: the source of the data with its fingerprint, the mask, all parameters.
    spec: Spec,
    /// Rows as specified, for the conventions of the table.
    asked: Vec<LossSpec>,
    /// Shared with the plans of other points of a sweep.
    split: Arc<cache::Split>,
    arrays: Arc<Arrays>,
    rows: Vec<PlannedRow>,
    notes: Vec<String>,
}

/// A row of the table with everything it is trained with.
#[derive(Debug)]
struct PlannedRow {
    /// Name of the row.
    name: String,
    labels: LabelsKey,
    choice: LossChoice,
    training: Training,
    /// The procedure of each phase.
    procedures: Vec<ResolvedProcedure>,
}

/// Rows that are shown to a loss at once when it is tried out.
const TRIED_ROWS: usize = 256;

/// The labels of a row of the table.
fn need_of(loss: &LossSpec, row: &LossRow) -> LabelNeeds {
    match loss.labels {
        LabelsSpec::Observed => row.needs,
        LabelsSpec::Complete => LabelNeeds::FullTruth,
    }
}

impl Plan {
    /// Checks everything and loads the data.
    ///
    /// # Errors
    /// [`HarnessError`] for whatever would keep the benchmark from running to its end.
    pub fn new(spec: &Spec, overrides: &Overrides) -> Result<Self, HarnessError> {
        Self::sharing(spec, overrides, &mut DataCache::alone(None))
    }

    /// As [`new`](Self::new), for a task that [trains some of the classes](Self::train_classes): where labels are lists, and
    /// neither a protocol nor a loss looks at all of them, only the classes of the task are made dense.
    ///
    /// # Errors
    /// As for [`new`](Self::new).
    pub fn for_classes(spec: &Spec, overrides: &Overrides, task: ClassTask) -> Result<Self, HarnessError> {
        let resolved = overrides.apply(spec)?;
        let looks_at_all = |loss: &LossSpec| {
            let row = lacuna_losses::find(&loss.name)?;
            let drawn = resolved.protocol_of(loss)?.name != "none";
            Ok::<bool, HarnessError>(drawn || row.statistics != lacuna_losses::Statistics::None)
        };
        let all = resolved.losses.iter().map(looks_at_all).collect::<Result<Vec<bool>, _>>()?;
        let task = (!all.contains(&true)).then_some(task);
        Self::sharing(spec, overrides, &mut DataCache::alone(task))
    }

    /// As [`new`](Self::new), with data that other plans may have read already.
    pub(crate) fn sharing(
        spec: &Spec,
        overrides: &Overrides,
        cache: &mut DataCache,
    ) -> Result<Self, HarnessError> {
        let published = spec;
        if spec.sweep.is_some() {
            let problem = "it has a [sweep]: `repro sweep` runs it";
            return Err(HarnessError::Setting(format!("{}: {problem}", spec.name)));
        }
        // Names first: a typing error should not wait for the data.
        let mut spec = overrides.apply(spec)?;
        spec.names_data()?;
        let reduction = spec.training.reduction()?;
        let rows: Vec<&'static LossRow> =
            spec.losses.iter().map(|l| lacuna_losses::find(&l.name)).collect::<Result<_, _>>()?;
        let labelled = |(loss, row): (&LossSpec, &&'static LossRow)| {
            let (name, need) = (loss.row().to_string(), need_of(loss, row));
            Ok(LabelledRow { name, need, protocol: spec.protocol_of(loss)? })
        };
        let labelled: Vec<LabelledRow> =
            spec.losses.iter().zip(&rows).map(labelled).collect::<Result<_, HarnessError>>()?;
        let rows_of_table: Vec<String> = labelled.iter().map(|row| row.name.clone()).collect();
        let (number, mut split) = cache.split(&spec.data, &spec.protocol, labelled)?;
        let (data, _) = &*split;
        let mut notes = data.notes.clone();
        let columns = data.train.features.columns();
        resolve_heads(&mut spec, data)?;
        if let (Some(image), false) = (data.image, matches!(spec.training.head, lacuna_train::Head::Cnn(_))) {
            notes.push(format!(
                "pictures of {image:?} are taken as rows of {columns} numbers: the head is not a CNN"
            ));
        }
        if data.tested_classes().contains(&false)
            && !spec.evaluation.metrics.iter().any(|m| m == "map-present")
        {
            spec.evaluation.metrics.push("map-present".to_string());
        }
        let trainings: Vec<Training> =
            spec.losses.iter().map(|loss| spec.training_of(loss)).collect::<Result<_, _>>()?;
        notes.extend(notes::on_disk(data, &spec, &trainings)?);
        notes.extend(notes::of_size(data, &spec));
        cache.transform_in_place(number, &mut split, &trainings)?;
        let (data, keys) = &*split;
        let arrays = cache.arrays(number, data, &spec.evaluation, &trainings)?;

        let context =
            Context { classes: Some(data.classes()), expected_positives: Some(data.expected_positives) };
        let mut planned = Vec::new();
        let mut refused = data.refused.clone();
        for (((row, loss), training), labels) in rows.iter().zip(&spec.losses).zip(trainings).zip(keys) {
            let name = loss.row();
            let reduction = match training.reduction == spec.training.reduction {
                true => reduction,
                false => training.reduction()?,
            };
            let options = Options { params: loss.params.clone(), reduction, context };
            let train = arrays.train(data, *labels, &training);
            let cut = data.cut.as_ref().map(|cut| cut.classes.clone());
            let tried = LossChoice::new(row.info.name, options, &train)
                .map(|choice| LossChoice { cut, ..choice })
                .and_then(|choice| Ok((try_out(&choice, &train)?, choice).1));
            match tried {
                Ok(choice) => {
                    // What does not fit is found now, and not after the runs before it.
                    let set = arrays.data(data, *labels, &training);
                    if refused.iter().all(|(loss, _)| loss != name) {
                        memory_for(&training, data)?;
                        let evaluation = match data.cut {
                            Some(_) => slices::evaluation(&spec.evaluation),
                            None => spec.evaluation.clone(),
                        };
                        Run::new(set, &training, &evaluation, choice.clone(), 0)
                            .map_err(|error| within(error, name, &rows))?;
                    }
                    let phases = training.phases()?;
                    let of_phase =
                        |phase: &Training| ResolvedProcedure::of(&phase.procedure, &choice, &train);
                    let procedures = phases.iter().map(of_phase).collect::<Result<Vec<_>, _>>()?;
                    let (name, labels) = (name.to_string(), *labels);
                    planned.push(PlannedRow { name, labels, choice, training, procedures });
                }
                // What is wrong with a setting is wrong whatever the labels are.
                Err(TrainError::Loss(
                    error @ (LossError::Parameter { .. } | LossError::UnknownParameter { .. }),
                )) => return Err(error.into()),
                Err(_) if refused.iter().any(|(loss, _)| loss == name) => {}
                Err(error) => refused.push((name.to_string(), format!("cannot: {error}"))),
            }
        }
        if !refused.is_empty() {
            let is_refused = |name: &str| refused.iter().any(|(loss, _)| loss == name);
            let names = || rows_of_table.iter().map(String::as_str);
            let fit: Vec<&str> = names().filter(|name| !is_refused(name)).collect();
            let first = names().position(is_refused).expect("one was refused");
            return Err(HarnessError::Labels {
                data: spec.data.given().to_string(),
                drawn: data.mask == MaskSource::Drawn,
                labels: data.counts(keys[first]),
                fit: fit.join(","),
                refused: refused.iter().map(|(loss, why)| format!("{loss} {why}")).collect(),
            });
        }

        notes.extend(notes::of_rows(&planned, &spec));

        // From here on the specification says what is run, so that a record can be repeated from itself.
        spec.protocol.mask = data.mask;
        spec.data = DataSource { fingerprint: Some(data.fingerprint.clone()), ..data.source.clone() };
        spec.published = comparable(&spec, published, data);
        let asked = spec.losses.clone();
        for (loss, planned) in spec.losses.iter_mut().zip(&planned) {
            for param in planned.choice.row.info.params {
                if let Some(default) = param.default {
                    loss.params.entry(param.name.to_string()).or_insert(default);
                }
            }
        }
        Ok(Self { spec, asked, split, arrays, rows: planned, notes })
    }

    /// The specification with every setting resolved.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// Number of runs.
    pub fn runs(&self) -> usize {
        self.rows.len() * self.spec.training.seeds as usize
    }

    /// Number of epochs of all runs together.
    pub fn epochs(&self) -> usize {
        self.spec.training.seeds as usize * (0..self.rows.len()).map(|row| self.epochs_of(row)).sum::<usize>()
    }

    /// Number of epochs of a run of a row.
    pub(crate) fn epochs_of(&self, row: usize) -> usize {
        self.rows[row].training.phases().unwrap_or_default().iter().map(|phase| phase.epochs).sum()
    }

    /// The data.
    pub fn data(&self) -> &SplitDataset {
        &self.split.0
    }

    /// Each row of the table by name, with the key of its labels.
    pub(crate) fn label_keys(&self) -> impl Iterator<Item = (&str, LabelsKey)> {
        self.rows.iter().map(|row| (row.name.as_str(), row.labels))
    }

    /// Bytes of the scores of all runs, which [`RunOptions::scores`] keeps.
    pub fn score_bytes(&self) -> u64 {
        let cells = self.data().tested.len() as u64 * self.data().classes() as u64;
        let of_run = if self.spec.evaluation.also.contains(&lacuna_train::Also::Observed) { 2 } else { 1 };
        4 * cells * of_run * self.runs() as u64
    }

    /// Observed positives of each class among the rows that train, for a row of the table.
    pub(crate) fn train_counts(&self, row: usize) -> Vec<usize> {
        let PlannedRow { labels, training, .. } = &self.rows[row];
        self.arrays.train(self.data(), *labels, training).positives_per_class()
    }

    /// True labels of the test rows.
    pub fn test_truth(&self) -> &lacuna_labels::TrueLabels {
        self.arrays.test_truth()
    }

    /// Rows that predict with layers of their own, of which no head can be saved.
    pub fn rows_without_head(&self) -> Vec<&str> {
        let without = |row: &&PlannedRow| !row.procedures.iter().all(|of| of.has_head);
        self.rows.iter().filter(without).map(|row| row.name.as_str()).collect()
    }

    /// Notes about the data, one sentence each.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }
}

/// An error of a row, with its name where the text has none and there are several rows.
fn within(error: TrainError, name: &str, rows: &[&'static LossRow]) -> HarnessError {
    match error {
        TrainError::Setting(problem) if rows.len() > 1 && !problem.contains(name) => {
            HarnessError::Setting(format!("{problem} (row {name})"))
        }
        error => error.into(),
    }
}

/// Fills the shape of the data's pictures into every head, and checks heads against the features.
fn resolve_heads(spec: &mut Spec, data: &SplitDataset) -> Result<(), HarnessError> {
    let (columns, classes) = (data.train.features.columns(), data.classes());
    if let lacuna_train::Head::Cnn(_) = &spec.training.head {
        spec.training.head = spec.training.head.on(columns, classes, data.image)?;
    }
    let trainings = spec.losses.iter().map(|loss| spec.training_of(loss)).collect::<Result<Vec<_>, _>>()?;
    for training in std::iter::once(&spec.training).chain(&trainings) {
        for phase in training.phases()? {
            phase.head.on(columns, classes, data.image)?;
        }
    }
    Ok(())
}
