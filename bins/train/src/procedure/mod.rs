//! Procedures: the steps of a method, its updates between epochs, and the table of all procedures.
//!
//! A procedure has its layers and losses, says where the rows of a step come from, records forward pass and loss on the
//! tape, and predicts. Everything else (order of the rows, optimiser, schedule, clipping, averaging, evaluation,
//! checkpoints) is the loop's: [`Run`](crate::Run).

mod branches;
mod estimator;
mod l2b;
mod label_contrast;
mod mime;
mod mixup;
mod one_head;
mod plain;
mod presence;
mod relabel;
mod sampled_negatives;
mod semi;
mod smile;
mod two_phase;
mod views;

use crate::named::{NamedRow, SettingInfo, Values};
use crate::{Batch, Feed, Head, Named, StateError, TrainError, TrainSet};
use lacuna_engine::{Tape, Var};
use lacuna_losses::{
    ClassStatistics, LossError, LossGrad, LossInput, LossRow, Mix, MultiLabelLoss, Options, StateEntry,
    Takes, Targets, TrainPass,
};
use lacuna_nn::{Layer, Linear, Mode, ParamGroup};
use lacuna_protocols::Stream;
use std::ops::Range;

/// The position of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct At {
    /// Seed of the run.
    pub seed: u64,
    /// Epoch of the phase, counted from 0.
    pub epoch: usize,
    /// Step of the phase, counted from 0.
    pub step: u64,
}

impl At {
    /// The mode of a training step here.
    pub fn mode(self) -> Mode {
        Mode::Train { seed: self.seed, step: self.step }
    }
}

/// A method.
pub trait Procedure: Send {
    /// A sampler and a batch size for each branch; the first one says how many steps an epoch has.
    fn feeds(&self) -> &[Feed];

    /// Whether [`begin_epoch`](Self::begin_epoch) of this epoch wants predictions for the rows that train, made in
    /// evaluation mode with the averaged weights where weights are averaged.
    fn wants_pass_before(&self, _epoch: usize) -> bool {
        false
    }

    /// Called before the first batch of an epoch.
    ///
    /// # Errors
    /// [`TrainError`] where the predictions are refused.
    fn begin_epoch(&mut self, at: At, pass: Option<&TrainPass<'_>>) -> Result<(), TrainError>;

    /// Says which rows of a parameter this [`step`](Self::step) will read by
    /// [`gather_rows`](lacuna_engine::Tape::gather_rows), by calling `read`. The optimiser moves rows only when they are read
    /// and refuses gradients of rows that were not named here. Nothing by default.
    fn rows_read(&mut self, _batches: &[Batch<'_>], _at: At, _read: &mut dyn FnMut(Var, &[u32])) {}

    /// Records forward pass and loss of a step on a tape that was reset, one batch for each feed; returns the loss, a
    /// scalar.
    ///
    /// # Errors
    /// [`TrainError::Loss`] where a loss refuses the batch, which a learning rate far too high brings about.
    fn step(&mut self, tape: &mut Tape, batches: &[Batch<'_>], at: At) -> Result<Var, TrainError>;

    /// Records the logits `[B, C]` of features `[B, D]` in evaluation mode.
    fn predict(&self, tape: &mut Tape, x: Var) -> Var;

    /// Whether [`end_epoch`](Self::end_epoch) of this epoch is called.
    fn wants_train_pass(&self, _epoch: usize) -> bool {
        false
    }

    /// Shows predictions for the rows that train, made in evaluation mode with the weights at the end of the epoch.
    ///
    /// # Errors
    /// [`TrainError`] where they are refused.
    fn end_epoch(&mut self, _pass: &TrainPass<'_>) -> Result<(), TrainError> {
        Ok(())
    }

    /// Everything beside the entries of the tape that decides the next bits.
    fn state(&self) -> Vec<StateEntry>;

    /// Restores what [`state`](Self::state) gave.
    ///
    /// # Errors
    /// [`StateError`] if it is not of this procedure.
    fn restore(&mut self, entries: &[StateEntry]) -> Result<(), StateError>;

    /// Parameters with rates of their own, before those of the specification.
    fn groups(&self) -> Vec<ParamGroup> {
        vec![]
    }

    /// The name under which an entry of the tape belongs to the model that predicts, `None` if it does not.
    fn predicts_with<'a>(&self, entry: &'a str) -> Option<&'a str> {
        Some(entry)
    }

    /// How such an entry lies on the tape. As in the model by default.
    fn layout(&self, _entry: &str) -> Layout {
        Layout::Model
    }

    /// Numbers about what the procedure did, by name: cells that were corrected, labels that were written.
    fn report(&self) -> Vec<(&'static str, f64)> {
        vec![]
    }
}

/// How an entry lies on the tape, beside how the model that predicts has it. Entries of models are compared, saved and
/// handed on as the model has them; checkpoints hold the tape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// As in the model.
    Model,
    /// A matrix whose rows are the columns of the model's.
    Transposed,
    /// A column `[C, 1]`, where the model has a vector `[C]`.
    Column,
}

/// A loss by name with everything it is built from.
#[derive(Clone, Debug)]
pub struct LossChoice {
    /// Row of the table of losses.
    pub row: &'static LossRow,
    /// Parameters and reduction.
    pub options: Options,
    /// Class frequencies of the rows that train, where the loss is built from them.
    pub statistics: Option<ClassStatistics>,
    /// The classes that the loss is shown, of those that it is built for; all of them without it.
    pub cut: Option<Range<usize>>,
}

impl LossChoice {
    /// The loss of this name for the labels of these rows.
    ///
    /// # Errors
    /// [`TrainError::Loss`] for an unknown name, or labels that have no such statistics.
    pub fn new(name: &str, options: Options, train: &TrainSet<'_>) -> Result<Self, TrainError> {
        let row = lacuna_losses::find(name)?;
        let statistics = row.statistics_of(train.labels().cells(), train.classes())?;
        Ok(Self { row, options, statistics, cut: None })
    }

    /// The loss.
    ///
    /// # Errors
    /// [`TrainError::Loss`] for parameters out of their range.
    pub fn build(&self) -> Result<Box<dyn MultiLabelLoss>, TrainError> {
        let mut loss = match &self.statistics {
            Some(statistics) => self.row.build_for(&self.options, statistics)?,
            None => self.row.build(&self.options)?,
        };
        if let Some(classes) = &self.cut {
            loss.cut(classes.clone());
        }
        Ok(loss)
    }
}

/// The inputs of a procedure.
pub struct Build<'b, 'd> {
    /// The tape, on which parameters are made.
    pub tape: &'b mut Tape,
    /// The rows that train.
    pub train: TrainSet<'d>,
    /// The head on the features.
    pub head: &'b Head,
    /// The loss.
    pub loss: &'b LossChoice,
    /// Sampler, rows and batch size of the specification.
    pub feed: Feed,
    /// Settings of the procedure.
    pub values: &'b Values,
    /// Seed of the run.
    pub seed: u64,
    /// Weights of the phase before, by name, if this one starts from them.
    pub before: Option<&'b [(String, Vec<f32>)]>,
    /// Whether every value is replaced by that of a checkpoint afterwards.
    pub resuming: bool,
}

impl Build<'_, '_> {
    /// The stream of first weights.
    fn first_weights(&self) -> Stream {
        Stream::new(self.seed, "first weights")
    }

    /// The head of the specification, its first weights those of the phase before where there are some.
    fn head(&mut self) -> Result<Box<dyn Layer + Send + Sync>, TrainError> {
        let (features, classes) = (self.train.features.columns(), self.train.classes());
        let rng = &mut self.first_weights();
        if let Some(slice) = self.train.slice {
            let columns = slice.first..slice.first + classes;
            return Ok(Box::new(Linear::columns(self.tape, "", features, slice.all, columns, rng)));
        }
        self.head.build(self.tape, features, classes, rng)
    }

    /// Refuses a loss that takes other logits.
    fn takes(&self, loss: &dyn MultiLabelLoss, procedure: &str, given: Takes) -> Result<(), TrainError> {
        if loss.takes() == given {
            return Ok(());
        }
        Err(TrainError::Setting(format!(
            "{} takes {}; the procedure {procedure} gives it {}",
            self.loss.row.info.name,
            in_words(loss.takes()),
            in_words(given)
        )))
    }
}

pub(crate) fn in_words(takes: Takes) -> &'static str {
    match takes {
        Takes::Logits => "the logits of one head",
        Takes::Estimates => "the logits of a head and label estimates",
        Takes::MixedRows => "the logits of the rows and of mixed rows",
        Takes::Branches => "the logits of three heads",
        Takes::Background => "the logits of the rows and of background rows",
        Takes::Views => "the logits of the weak and of the strong view of the rows",
    }
}

/// One row of [`PROCEDURES`].
#[derive(Debug)]
pub struct ProcedureRow {
    /// Name in a specification.
    pub name: &'static str,
    /// One sentence.
    pub doc: &'static str,
    /// The paper or the code it follows.
    pub source: &'static str,
    /// What it looks at, or has, beside the rows of a batch and the head.
    pub beside: Beside,
    settings: &'static [SettingInfo],
    build: fn(&mut Build<'_, '_>) -> Result<Box<dyn Procedure>, TrainError>,
}

/// What a procedure looks at, or has, beside the rows of a batch and the head of the specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beside {
    /// Nothing; with a setting `strong` above 0, a strong view of the rows.
    Nothing,
    /// Background rows: those of the data's file, else drawn, on the unit sphere where the setting `sphere` is on.
    Background,
    /// A strong view of the rows: the second extraction, else dropout by the setting `strong`.
    StrongView,
    /// Layers of its own, which predict in place of the head.
    OwnLayers,
}

impl NamedRow for ProcedureRow {
    const KIND: &'static str = "procedure";
    fn name(&self) -> &'static str {
        self.name
    }
    fn settings(&self) -> &'static [SettingInfo] {
        self.settings
    }
}

/// Every procedure.
pub static PROCEDURES: &[ProcedureRow] = &[
    plain::ROW,
    estimator::ROW,
    mixup::ROW,
    branches::ROW,
    relabel::ROW,
    relabel::CAP,
    relabel::PERCENTILE,
    semi::ROW,
    two_phase::ROW,
    presence::ROW,
    smile::ROW,
    mime::ROW,
    l2b::ROW,
    sampled_negatives::ROW,
];

/// The procedure `named`. `auto` is the one that hands the loss what it takes: `plain` for the logits of one
/// head, `estimator` for label estimates beside them, `mixup` for mixed rows, `branches` for three heads, `presence` for
/// background rows, `semi` for two views of the features. The loss `smile` has a procedure of its own.
///
/// # Errors
/// [`TrainError::Setting`].
pub(crate) fn resolved(named: &Named, loss: &LossChoice) -> Result<Named, TrainError> {
    if named.name != "auto" {
        named.find(PROCEDURES)?;
        return Ok(named.clone());
    }
    let loss = loss.build()?;
    let name = procedure_for(loss.info().name, loss.takes());
    Ok(Named { name: name.to_string(), settings: named.settings.clone() })
}

/// The procedure that `auto` is for the loss of this name, which takes these logits.
pub fn procedure_for(loss: &str, takes: Takes) -> &'static str {
    match takes {
        Takes::Logits if loss == lacuna_losses::smile::Smile::INFO.name => "smile",
        Takes::Logits => "plain",
        Takes::Estimates => "estimator",
        Takes::MixedRows => "mixup",
        Takes::Branches => "branches",
        Takes::Background => "presence",
        Takes::Views => "semi",
    }
}

/// A procedure as it is run with a loss on some data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvedProcedure {
    /// Its name; never `auto`.
    pub name: String,
    /// Where background rows, a strong view or layers come from, if it has such.
    pub fact: Option<String>,
    /// Whether it looks at the background features of the data, if there are some.
    pub uses_background: bool,
    /// Whether it looks at the second extraction of the features, if there is one.
    pub uses_strong: bool,
    /// Whether the head of the specification predicts, and can be saved as a model.
    pub has_head: bool,
    /// Epochs of the setting `warm_up`, of the procedure or else of the loss, after which what is its own begins; 0 without one.
    pub warm_up: usize,
}

impl ResolvedProcedure {
    /// The procedure of a phase.
    ///
    /// # Errors
    /// [`TrainError::Setting`] for a name or a setting that is none, [`TrainError::Loss`].
    pub fn of(named: &Named, loss: &LossChoice, train: &TrainSet<'_>) -> Result<Self, TrainError> {
        let named = resolved(named, loss)?;
        let (row, values) = named.find(PROCEDURES)?;
        let dropout = |name: &str| values.given(name).unwrap_or_default();
        let is_set =
            || row.settings.iter().any(|setting| setting.name == "strong") && dropout("strong") > 0.0;
        let uses_strong = row.beside == Beside::StrongView || is_set();
        let fact = match row.beside {
            Beside::Background => Some(match (train.background, values.flag("sphere")) {
                (Some(_), _) => "background rows from the file".to_string(),
                (None, true) => "background rows uniform on the unit sphere".to_string(),
                (None, false) => "background rows uniform in the box of the training features".to_string(),
            }),
            _ if uses_strong => Some(match train.strong {
                Some(_) => "strong view from the file".to_string(),
                None => format!("strong view by dropout of the features, p = {}", dropout("strong")),
            }),
            Beside::OwnLayers => Some("layers of its own, which no model file holds".to_string()),
            Beside::Nothing | Beside::StrongView => None,
        };
        let (uses_background, has_head) = (row.beside == Beside::Background, row.beside != Beside::OwnLayers);
        let of_loss = || {
            let given = loss.options.params.get("warm_up").copied();
            given.or_else(|| loss.row.info.param("warm_up")?.default)
        };
        let warm_up = values.given("warm_up").or_else(of_loss).unwrap_or_default() as usize;
        Ok(Self { name: row.name.to_string(), fact, uses_background, uses_strong, has_head, warm_up })
    }
}

/// Builds the procedure.
///
/// # Errors
/// [`TrainError::Setting`] for settings that do not fit, [`TrainError::Loss`].
pub(crate) fn build(named: &Named, mut parts: Build<'_, '_>) -> Result<Box<dyn Procedure>, TrainError> {
    let (row, _) = named.find(PROCEDURES)?;
    (row.build)(&mut parts)
}

/// Records a loss of logits on the tape.
fn record_loss(
    tape: &mut Tape,
    loss: &mut dyn MultiLabelLoss,
    logits: &[Var],
    batch: &Batch<'_>,
    mix: Option<Mix<'_>>,
    at: At,
) -> Result<Var, LossError> {
    record_loss_on(
        tape,
        loss,
        logits,
        Targets { labels: batch.labels, soft: None, mix, whole: None },
        batch,
        at,
    )
}

/// The same with targets of the caller's own.
fn record_loss_on(
    tape: &mut Tape,
    loss: &mut dyn MultiLabelLoss,
    logits: &[Var],
    targets: Targets<'_>,
    batch: &Batch<'_>,
    at: At,
) -> Result<Var, LossError> {
    let (rows, classes) = (batch.rows(), batch.train.classes());
    tape.fused_loss(logits, |logits, grads| {
        let input = LossInput {
            logits,
            rows,
            classes,
            targets: Targets { whole: batch.whole(), ..targets },
            sample_ids: batch.ids,
            epoch: at.epoch,
            step: at.step,
        };
        loss.evaluate(&input, LossGrad::Into(grads))
    })
}

/// State entries of a loss under a prefix.
fn prefixed(prefix: &str, entries: Vec<StateEntry>) -> impl Iterator<Item = StateEntry> + '_ {
    entries
        .into_iter()
        .map(move |StateEntry { name, values }| StateEntry { name: format!("{prefix}{name}"), values })
}

/// The entries with this prefix, without it.
fn without_prefix(prefix: &str, entries: &[StateEntry]) -> Vec<StateEntry> {
    let of = |entry: &StateEntry| {
        let name = entry.name.strip_prefix(prefix)?.to_string();
        Some(StateEntry { name, values: entry.values.clone() })
    };
    entries.iter().filter_map(of).collect()
}

/// Restores a loss from the entries with this prefix.
fn restore_loss(
    loss: &mut dyn MultiLabelLoss,
    prefix: &str,
    entries: &[StateEntry],
) -> Result<(), StateError> {
    loss.restore(&without_prefix(prefix, entries)).map_err(|error| StateError::Unfit {
        name: format!("{prefix}*"),
        problem: format!("is refused: {error}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_documented_and_unique() {
        for (i, row) in PROCEDURES.iter().enumerate() {
            assert!(PROCEDURES[..i].iter().all(|other| other.name != row.name), "{} twice", row.name);
            assert!(row.doc.ends_with('.') && !row.source.is_empty(), "{}", row.name);
            assert!(row.settings.iter().all(|setting| !setting.doc.is_empty()));
        }
    }
}
