//! Training some of the classes, and the head that all such tasks have trained together.
//!
//! If the gradient of a loss at (row, class) looks at no other column, then a column of a linear head is trained by its own
//! labels, by the order of the rows, and by numbers that a task can know of all classes: how many there are, by which a mean
//! divides, and the first weights, which are drawn for all and kept for some. So N tasks that train a slice each end with the
//! bits of one that trains them all, for as long as nothing else in a step looks across columns: clipping by the norm does, and
//! a search along a line, and the choice of an epoch. The last is made when the slices are joined.

use crate::named::Named;
use crate::procedure::{LossChoice, in_words};
use crate::{Checkpoint, Data, Evaluation, Head, Outcome, Rows, Run, SAMPLERS, TrainError, Training};
use lacuna_formats::Destination;
use lacuna_losses::Takes;
use std::path::Path;

/// Refuses training in which a column is not on its own.
pub(crate) fn trainable(
    head: &Head,
    procedure: &Named,
    loss: &LossChoice,
    phase: &Training,
) -> Result<(), TrainError> {
    let refuse = |problem: String| Err(TrainError::Setting(format!("a slice of the classes: {problem}")));
    if procedure.name != "plain" {
        let (name, takes) = (loss.row.info.name, loss.build()?.takes());
        let why = match takes {
            Takes::Logits => String::new(),
            takes => format!(", because {name} takes {}", in_words(takes)),
        };
        return refuse(format!(
            "training.procedure: {name} is trained by the procedure {}{why}; only plain training has nothing that classes share",
            procedure.name
        ));
    }
    if !loss.row.by_column {
        return refuse(format!(
            "the gradient of {} at a class looks at other classes, which other tasks train",
            loss.row.info.name
        ));
    }
    let across = [
        ("head", *head != Head::Linear, "a linear head has a column of weights for each class"),
        ("clip", phase.clip.is_some(), "the norm of the gradient is one of all classes"),
        ("optimizer", phase.optimizer.name == "lbfgs", "its search looks at the loss of all classes"),
        ("sampler", phase.sampler.find(SAMPLERS)?.0.looks_at_labels, "it looks at the labels of all classes"),
        ("rows", phase.rows != Rows::All, "whether a row is labelled depends on all classes"),
    ];
    match across.iter().find(|(_, given, _)| *given) {
        Some((key, _, why)) => refuse(format!("training.{key}: {why}")),
        None => Ok(()),
    }
}

/// Refuses a run over some classes that would choose by them alone.
pub(crate) fn alone(phases: &[Training], evaluation: &Evaluation) -> Result<(), TrainError> {
    let refuse = |problem: &str| Err(TrainError::Setting(format!("a slice of the classes: {problem}")));
    if phases.len() > 1 {
        return refuse("training.phases: one phase is trained");
    }
    if evaluation.patience.is_some() {
        return refuse(
            "evaluation.patience: a task does not know the metric of all classes, so it cannot tell when to stop; remove the key",
        );
    }
    Ok(())
}

/// The weights of a slice at the end of an epoch.
#[derive(Clone, Debug, PartialEq)]
pub struct EpochWeights(Checkpoint);

impl EpochWeights {
    /// The weights of a run, with facts that say what they are.
    pub fn of(run: &Run<'_>, facts: &[(&str, &str)]) -> Self {
        let weights = Checkpoint::weights_of(run);
        Self(facts.iter().fold(weights, |weights, (key, value)| weights.with(key, value)))
    }

    /// Writes the file, whole or not at all, over one that is there.
    ///
    /// # Errors
    /// [`TrainError::Format`].
    pub fn write(&self, path: &Path) -> Result<(), TrainError> {
        self.0.write(Destination::replacing(path))
    }

    /// Reads a file, verifies its checksum and the facts.
    ///
    /// # Errors
    /// [`TrainError::State`] for a file of something else, [`TrainError::Format`].
    pub fn read(path: &Path, facts: &[(&str, &str)]) -> Result<Self, TrainError> {
        let weights = Checkpoint::read(path)?;
        for (key, value) in facts {
            if weights.fact(key) != Some(*value) {
                let found = weights.fact(key).unwrap_or("nothing").to_string();
                return Err(TrainError::Setting(format!(
                    "{}: its {key} is {found}, and {value} is needed: it belongs to other runs",
                    path.display()
                )));
            }
        }
        Ok(Self(weights))
    }

    /// Mean training loss of every epoch so far; of a loss with the mean over all classes, the share of these.
    pub fn losses(&self) -> &[f64] {
        self.0.losses()
    }

    fn matrix(&self, prefix: &str, name: &str) -> Result<&[f32], TrainError> {
        let missing = || TrainError::Setting(format!("weights of a slice: there is no {prefix}/{name}"));
        self.0.numbers(&format!("{prefix}/{name}")).ok_or_else(missing)
    }
}

/// Where the weights of all slices come from.
pub struct JoinedEpochs<'a> {
    /// Number of epochs.
    pub epochs: usize,
    /// The weights of every slice, in the order of the classes, at the end of an epoch, counted from 1.
    pub at: &'a mut dyn FnMut(usize) -> Result<Vec<EpochWeights>, TrainError>,
}

impl Run<'_> {
    /// Ends a run that was trained in slices of the classes as one run would end: the weights of all slices are put side by
    /// side, measured on the validation rows after every epoch, and the chosen ones on the test rows.
    ///
    /// # Errors
    /// As for [`Run::new`] and [`Run::finish`]; [`TrainError::Setting`] for slices that do not fit.
    pub fn join(
        data: Data<'_>,
        training: &Training,
        evaluation: &Evaluation,
        loss: LossChoice,
        seed: u64,
        slices: JoinedEpochs<'_>,
    ) -> Result<Outcome, TrainError> {
        let mut run = Run::new(data, training, evaluation, loss, seed)?;
        let last = (slices.at)(slices.epochs)?;
        let losses: Vec<f64> = (0..slices.epochs)
            .map(|epoch| {
                last.iter().map(|slice| slice.losses().get(epoch).copied().unwrap_or(f64::NAN)).sum()
            })
            .collect();
        let mut last = Some(last);
        for (epoch, loss) in (1..=slices.epochs).zip(losses) {
            let is_last = epoch == slices.epochs;
            // Without a choice, only the last epoch is looked at.
            if is_last || run.chooses() {
                let weights = match last.take() {
                    Some(weights) if is_last => weights,
                    kept => {
                        last = kept;
                        (slices.at)(epoch)?
                    }
                };
                run.take_weights(&weights)?;
            }
            run.judge(loss)?;
        }
        run.finish()
    }

    fn take_weights(&mut self, slices: &[EpochWeights]) -> Result<(), TrainError> {
        let classes = self.data.train.classes();
        let features = self.data.train.features.columns();
        let weight = |prefix| joined(slices, prefix, "weight", features, classes);
        let bias = |prefix| joined(slices, prefix, "bias", 1, classes);
        self.current.set_weights(&[weight("entry")?, bias("entry")?]);
        if let Some(ema) = &mut self.current.ema {
            let (weight, bias) = (weight("ema")?, bias("ema")?);
            ema.restore([("weight", &weight[..]), ("bias", &bias[..])]).map_err(TrainError::Setting)?;
        }
        Ok(())
    }
}

/// The columns of all slices side by side, `[rows, classes]`.
fn joined(
    slices: &[EpochWeights],
    prefix: &str,
    name: &str,
    rows: usize,
    classes: usize,
) -> Result<Vec<f32>, TrainError> {
    let parts: Vec<&[f32]> =
        slices.iter().map(|slice| slice.matrix(prefix, name)).collect::<Result<_, TrainError>>()?;
    let numbers: usize = parts.iter().map(|part| part.len()).sum();
    if numbers != rows * classes || parts.iter().any(|part| !part.len().is_multiple_of(rows)) {
        return Err(TrainError::Setting(format!(
            "slices of the classes: {prefix}/{name} has {numbers} numbers, and a head of {classes} classes has {}",
            rows * classes
        )));
    }
    let mut all = Vec::with_capacity(numbers);
    for row in 0..rows {
        for part in &parts {
            let width = part.len() / rows;
            all.extend_from_slice(&part[row * width..][..width]);
        }
    }
    Ok(all)
}
