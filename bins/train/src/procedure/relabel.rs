//! Labels that are assigned between epochs from the predictions for the rows that train.

use super::plain::{Plain, STRONG};
use super::{At, Beside, Build, Procedure, ProcedureRow};
use crate::named::{Values, setting};
use crate::{Batch, Feed, StateError, TrainError};
use lacuna_engine::{Tape, Var};
use lacuna_labels::Label;
use lacuna_losses::cap::{CapConfig, class_aware, percentile_thresholds};
use lacuna_losses::{Interval, StateEntry, TrainPass};
use lacuna_nn::ParamGroup;

pub(super) const ROW: ProcedureRow = ProcedureRow {
    name: "relabel",
    doc: "Plain training with a loss that writes labels itself between epochs or batches: asymmetric pseudo-labels after \
          entropy maximisation (em-apl), large loss correction (ll-cp).",
    source: "Zhou et al., ECCV 2022; Kim et al., CVPR 2022",
    beside: Beside::Nothing,
    settings: &[STRONG],
    build: |parts| {
        let plain = Plain::plain(parts, "relabel")?;
        if plain.loss.labels_written().is_none() {
            return Err(TrainError::Setting(format!(
                "procedure relabel: {} writes no labels; em-apl and ll-cp do, and relabel-cap and relabel-percentile write them \
                 for any loss",
                plain.loss.info().name
            )));
        }
        Ok(Box::new(plain))
    },
};

pub(super) const CAP: ProcedureRow = ProcedureRow {
    name: "relabel-cap",
    doc: "After every epoch from `first_epoch` on, unknown cells become positive or negative by thresholds of each class that \
          give as many as its share of observed positives says.",
    source: "the thresholds of Xie et al. (CAP), NeurIPS 2023, on rows with some known labels",
    beside: Beside::Nothing,
    settings: &[
        STRONG,
        setting(
            "first_epoch",
            1.0,
            Interval::whole_from(1.0),
            "epoch, counted from 1, after which labels are first written",
        ),
        setting(
            "pos_per",
            1.0,
            Interval::closed(0.0, 1.0),
            "share of the expected positives that is written",
        ),
        setting(
            "neg_per",
            0.998,
            Interval::closed(0.0, 1.0),
            "share of the expected negatives that is written",
        ),
    ],
    build: |parts| Ok(Box::new(Relabel::new(parts, Rule::ClassAware)?)),
};

pub(super) const PERCENTILE: ProcedureRow = ProcedureRow {
    name: "relabel-percentile",
    doc: "After every epoch from `first_epoch` on, unknown cells of a class become positive above a percentile of the scores of \
          its observed positives, and negative below one of its observed negatives.",
    source: "Huang et al. (PercentMatch), 2022",
    beside: Beside::Nothing,
    settings: &[
        STRONG,
        setting(
            "first_epoch",
            1.0,
            Interval::whole_from(1.0),
            "epoch, counted from 1, after which labels are first written",
        ),
        setting("kappa_pos", 50.0, Interval::closed(0.0, 100.0), "percentile of the observed positives"),
        setting("kappa_neg", 50.0, Interval::closed(0.0, 100.0), "percentile of the observed negatives"),
    ],
    build: |parts| Ok(Box::new(Relabel::new(parts, Rule::Percentile)?)),
};

/// How thresholds are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    ClassAware,
    Percentile,
}

/// Plain training on observed labels, with unknown cells written over. The observed labels themselves never change.
struct Relabel {
    plain: Plain,
    rule: Rule,
    values: Values,
    /// Labels of every sample, `[N, C]`: observed ones, and written ones where those are unknown.
    written: Vec<Label>,
    /// Memory of a batch.
    labels: Vec<Label>,
}

impl Relabel {
    fn new(parts: &mut Build<'_, '_>, rule: Rule) -> Result<Self, TrainError> {
        let written = parts.train.labels().cells().to_vec();
        Ok(Self {
            plain: Plain::plain(parts, "relabel")?,
            rule,
            values: parts.values.clone(),
            written,
            labels: vec![],
        })
    }

    /// Thresholds of class `class`: positive from the first on, negative up to the second.
    fn thresholds(&self, pass: &TrainPass<'_>, class: usize) -> Result<(f64, f64), TrainError> {
        let column = |wanted: &dyn Fn(Label) -> bool| -> Vec<f64> {
            let cells = pass.logits.iter().zip(pass.labels).skip(class).step_by(pass.classes);
            let probability = |z: f32| 1.0 / (1.0 + (-f64::from(z)).exp());
            cells.filter(|(_, label)| wanted(**label)).map(|(z, _)| probability(*z)).collect()
        };
        let none = (f64::INFINITY, f64::NEG_INFINITY);
        match self.rule {
            Rule::ClassAware => {
                let unknown = column(&|label| !label.is_known());
                if unknown.is_empty() {
                    return Ok(none);
                }
                let share = column(&|label| label.is_positive()).len() as f64 / pass.rows as f64;
                let config = CapConfig {
                    pos_per: self.values.get("pos_per"),
                    neg_per: self.values.get("neg_per"),
                    ..CapConfig::default()
                };
                let found = class_aware(&unknown, &[share], &config)?.thresholds;
                Ok((found.positive[0], found.negative[0]))
            }
            Rule::Percentile => {
                let scores = column(&|_| true);
                let labels: Vec<Label> =
                    pass.labels.iter().skip(class).step_by(pass.classes).copied().collect();
                let (kappa_pos, kappa_neg) = (self.values.get("kappa_pos"), self.values.get("kappa_neg"));
                let (positive, negative) = percentile_thresholds(&scores, &labels, kappa_pos, kappa_neg)?;
                Ok((positive.unwrap_or(none.0), negative.unwrap_or(none.1)))
            }
        }
    }
}

/// Name of the labels of every sample in a state.
const WRITTEN: &str = "written";

/// Labels of every sample as an entry of a state.
pub(super) fn labels_state(written: &[Label]) -> StateEntry {
    let values = written.iter().map(|label| f64::from(*label as i8)).collect();
    StateEntry { name: WRITTEN.to_string(), values }
}

/// Restores them.
pub(super) fn restore_labels(written: &mut [Label], entries: &[StateEntry]) -> Result<(), StateError> {
    let mut found = entries.iter().filter(|entry| entry.name == WRITTEN);
    let (Some(entry), None) = (found.next(), found.next()) else {
        return Err(StateError::Missing(WRITTEN.to_string()));
    };
    let unfit = |problem: &str| StateError::Unfit { name: entry.name.clone(), problem: problem.to_string() };
    if entry.values.len() != written.len() {
        return Err(unfit("has another size"));
    }
    for (label, value) in written.iter_mut().zip(&entry.values) {
        *label = match *value {
            1.0 => Label::Positive,
            0.0 => Label::Unknown,
            -1.0 => Label::Negative,
            _ => return Err(unfit("has an invalid label")),
        };
    }
    Ok(())
}

impl Procedure for Relabel {
    fn feeds(&self) -> &[Feed] {
        self.plain.feeds()
    }

    fn begin_epoch(&mut self, at: At, pass: Option<&TrainPass<'_>>) -> Result<(), TrainError> {
        self.plain.begin_epoch(at, pass)
    }

    fn step(&mut self, tape: &mut Tape, batches: &[Batch<'_>], at: At) -> Result<Var, TrainError> {
        let classes = batches[0].train.classes();
        self.labels.clear();
        for id in batches[0].ids {
            let row = *id as usize * classes;
            self.labels.extend_from_slice(&self.written[row..row + classes]);
        }
        let batch = Batch { labels: &self.labels, ..batches[0] };
        self.plain.step(tape, &[batch], at)
    }

    fn predict(&self, tape: &mut Tape, x: Var) -> Var {
        self.plain.predict(tape, x)
    }

    fn wants_train_pass(&self, epoch: usize) -> bool {
        epoch + 1 >= self.values.get("first_epoch") as usize
    }

    fn end_epoch(&mut self, pass: &TrainPass<'_>) -> Result<(), TrainError> {
        pass.check()?;
        for class in 0..pass.classes {
            let (positive, negative) = self.thresholds(pass, class)?;
            let cells = pass.logits.iter().zip(pass.labels).zip(&mut self.written).skip(class);
            for ((z, observed), written) in
                cells.step_by(pass.classes).filter(|((_, label), _)| !label.is_known())
            {
                let p = 1.0 / (1.0 + (-f64::from(*z)).exp());
                *written = match p {
                    _ if p >= positive => Label::Positive,
                    _ if p <= negative => Label::Negative,
                    _ => *observed,
                };
            }
        }
        if self.plain.wants_train_pass(pass.epoch) { self.plain.end_epoch(pass) } else { Ok(()) }
    }

    fn state(&self) -> Vec<StateEntry> {
        let mut entries = self.plain.state();
        entries.push(labels_state(&self.written));
        entries
    }

    fn restore(&mut self, entries: &[StateEntry]) -> Result<(), StateError> {
        restore_labels(&mut self.written, entries)?;
        let rest: Vec<StateEntry> = entries.iter().filter(|entry| entry.name != WRITTEN).cloned().collect();
        self.plain.restore(&rest)
    }

    fn groups(&self) -> Vec<ParamGroup> {
        self.plain.groups()
    }

    fn report(&self) -> Vec<(&'static str, f64)> {
        // Written cells among all: observed ones are known from the start, so this counts both.
        let known = self.written.iter().filter(|label| label.is_known()).count();
        vec![("known or written labels", known as f64)]
    }
}
