//! Weights of rows from the gradient of held-out rows: L2B.

use super::one_head::BoxedHead;
use super::{At, Beside, Build, Procedure, ProcedureRow, prefixed, restore_loss};
use crate::named::setting;
use crate::{Batch, Feed, StateError, TrainError, TrainSet};
use lacuna_engine::{Tape, Var};
use lacuna_labels::Label;
use lacuna_losses::bce::Bce;
use lacuna_losses::l2b::{GUARD, central_differences, normalise, row_losses, weighted_sum};
use lacuna_losses::{Interval, LossGrad, LossInput, MultiLabelLoss, Reduction, StateEntry, Takes, TrainPass};
use lacuna_nn::{Direction, Mode};
use lacuna_protocols::Stream;

/// A setting that is on or off.
const SWITCH: Interval = Interval { low: 0.0, high: 1.0, open: false, whole: true };

pub(super) const ROW: ProcedureRow = ProcedureRow {
    name: "l2b",
    doc: "Some rows with known labels are set aside; every other row counts by the inner product of its gradient with theirs, for its \
          observed labels and for the model's own pseudo-labels, with weights that sum to 1 over both. Experimental.",
    source: "Ren et al., ICML 2018; Zhou et al. (L2B), CVPR 2024; yuyinzhou/L2B@1f73e29b, which has one label a row. Ours: the loss of a \
             row over several classes, pseudo-labels p > 0.5, and inner products by a central difference along the held-out gradient \
             instead of a derivative through a step",
    beside: Beside::Nothing,
    settings: &[
        setting(
            "held",
            0.1,
            Interval::open(0.0, 1.0),
            "share of the rows with a known label that is set aside and not trained on",
        ),
        setting("held_batch", 32.0, Interval::whole_from(1.0), "held-out rows of a step"),
        setting("observed", 1.0, SWITCH, "0 leaves the observed labels out: weights of pseudo-labels alone"),
        setting("pseudo", 1.0, SWITCH, "0 leaves the pseudo-labels out: the weights of Ren et al."),
        setting(
            "distance",
            0.01,
            Interval::open(0.0, 1.0),
            "how far the parameters move along the held-out gradient and against it, for the difference",
        ),
    ],
    build: |parts| Ok(Box::new(L2b::new(parts)?)),
};

/// A head, a loss of rows, and the rows that are set aside.
struct L2b {
    head: BoxedHead,
    loss: Box<dyn MultiLabelLoss>,
    /// Of held-out rows and of pseudo-labels: known BCE over the number of classes.
    bce: Bce,
    feeds: [Feed; 1],
    /// Samples that are set aside.
    held: Vec<u32>,
    is_held: Vec<bool>,
    held_batch: usize,
    /// Whether observed and pseudo-labels take part.
    parts: [bool; 2],
    distance: f64,
    // Memory of a step.
    direction: Direction,
    ids: Vec<u32>,
    labels: Vec<Label>,
    pseudo: Vec<Label>,
    /// Losses of rows with the parameters moved both ways, of observed and of pseudo-labels.
    moved: [Vec<f32>; 2],
    losses: Vec<f32>,
    weights: Vec<f64>,
}

impl L2b {
    fn new(parts: &mut Build<'_, '_>) -> Result<Self, TrainError> {
        let loss = parts.loss.build()?;
        parts.takes(&*loss, "l2b", Takes::Logits)?;
        let wrong = |problem: String| Err(TrainError::Setting(format!("procedure l2b: {problem}")));
        if loss.labels_written().is_some() || !loss.state().is_empty() {
            return wrong(format!(
                "{} has a state that belongs to whole batches, and here it is evaluated row by row",
                loss.info().name
            ));
        }
        let values = parts.values;
        let takes_part = ["observed", "pseudo"].map(|name| values.get(name) == 1.0);
        if takes_part == [false; 2] {
            return wrong("observed = 0 and pseudo = 0 leave nothing to train on".to_string());
        }
        let train = parts.train;
        let mut known: Vec<u32> = (0..train.len() as u32)
            .filter(|id| train.labels_of(*id).iter().any(|label| label.is_known()))
            .collect();
        let count = (values.get("held") * known.len() as f64).round() as usize;
        if count == 0 || count >= train.len() {
            return wrong(format!(
                "held = {} sets {count} of {} rows with a known label aside; at least one, and one of {} to train on are needed",
                values.get("held"),
                known.len(),
                train.len()
            ));
        }
        Stream::new(parts.seed, "held-out rows of l2b").shuffle(&mut known);
        known.truncate(count);
        for (label, word) in [(Label::Positive, "positive"), (Label::Negative, "negative")] {
            if !known.iter().any(|id| train.labels_of(*id).contains(&label)) {
                return wrong(format!(
                    "the {count} rows that are set aside have no known {word} label, so that a constant fits them; labels of both kinds \
                     tell rows apart"
                ));
            }
        }
        let mut is_held = vec![false; train.len()];
        known.iter().for_each(|id| is_held[*id as usize] = true);
        Ok(Self {
            head: parts.head()?,
            loss,
            bce: Bce::new(Reduction::Mean),
            feeds: [parts.feed.clone()],
            held_batch: (values.get("held_batch") as usize).min(known.len()),
            held: known,
            is_held,
            parts: takes_part,
            distance: values.get("distance"),
            direction: Direction::default(),
            ids: vec![],
            labels: vec![],
            pseudo: vec![],
            moved: [vec![], vec![]],
            losses: vec![],
            weights: vec![],
        })
    }

    /// Draws held-out rows without repetition, from the seed and the step alone.
    fn draw(&mut self, train: &TrainSet<'_>, at: At) {
        let stream = &mut Stream::numbered(at.seed, "held-out rows", at.step);
        self.ids.clear();
        self.ids.extend_from_slice(&self.held);
        for i in 0..self.held_batch {
            let other = i + stream.below(self.ids.len() - i);
            self.ids.swap(i, other);
        }
        self.ids.truncate(self.held_batch);
        self.labels.clear();
        for id in &self.ids {
            self.labels.extend_from_slice(train.labels_of(*id));
        }
    }

    fn forward(&self, tape: &mut Tape, batch: &Batch<'_>, at: At) -> Var {
        let x = batch.x(tape);
        tape.scope("head", |tape| self.head.forward(tape, x, at.mode()))
    }

    /// The held-out gradient at the present parameters, and pseudo-labels of the batch.
    fn held_gradient(&mut self, tape: &mut Tape, batch: &Batch<'_>, at: At) -> Result<(), TrainError> {
        let z = self.forward(tape, batch, at);
        self.pseudo.clear();
        self.pseudo
            .extend(tape.value(z).iter().map(|z| if *z > 0.0 { Label::Positive } else { Label::Negative }));
        let held = Batch { ids: &self.ids, labels: &self.labels, rows_kept: None, ..*batch };
        let z = self.forward(tape, &held, at);
        let (rows, classes) = (held.rows(), batch.train.classes());
        let bce = &mut self.bce;
        let loss = tape.fused_loss(&[z], |z, dz| {
            bce.evaluate(&LossInput::new(z, rows, classes, held.labels), LossGrad::Into(dz))
        })?;
        tape.backward(loss);
        self.direction.take(tape);
        Ok(())
    }

    /// Losses of the rows at the parameters that the tape has, of observed and of pseudo-labels.
    fn losses(&mut self, tape: &mut Tape, batch: &Batch<'_>, at: At, minus: bool) -> Result<(), TrainError> {
        tape.reset();
        let z = self.forward(tape, batch, at);
        let logits = [tape.value(z)];
        let into = &mut self.moved[usize::from(minus)];
        into.clear();
        if self.parts[0] {
            row_losses(&mut *self.loss, &input(&logits, batch, batch.labels, at), &mut self.losses)?;
            into.extend_from_slice(&self.losses);
        }
        if self.parts[1] {
            row_losses(&mut self.bce, &input(&logits, batch, &self.pseudo, at), &mut self.losses)?;
            into.extend_from_slice(&self.losses);
        }
        Ok(())
    }

    /// Weights of the rows, of observed and of pseudo-labels; those of held-out rows are 0.
    fn weigh(&mut self, tape: &mut Tape, batch: &Batch<'_>, at: At) -> Result<(), TrainError> {
        self.draw(&batch.train, at);
        self.held_gradient(tape, batch, at)?;
        let norm = self.direction.norm();
        let h = self.distance / norm;
        if !(h > 0.0 && h.is_finite()) {
            // No direction, so that no row lowers the loss along it. Not finite: the loss refuses the batch.
            self.weights.clear();
            self.weights.resize(self.parts.iter().filter(|part| **part).count() * batch.rows(), 0.0);
            return Ok(());
        }
        self.direction.shift(tape, h);
        let plus = self.losses(tape, batch, at, false);
        self.direction.shift(tape, -h);
        let minus = plus.and_then(|()| self.losses(tape, batch, at, true));
        self.direction.shift(tape, 0.0);
        minus?;
        central_differences(&self.moved[0], &self.moved[1], h, &mut self.weights);
        for (weight, id) in self.weights.iter_mut().zip(batch.ids.iter().cycle()) {
            if self.is_held[*id as usize] {
                *weight = 0.0;
            }
        }
        normalise(&mut self.weights, GUARD);
        Ok(())
    }
}

/// The batch as a loss sees it, with other labels.
fn input<'a>(logits: &'a [&'a [f32]], batch: &'a Batch<'_>, labels: &'a [Label], at: At) -> LossInput<'a> {
    LossInput {
        sample_ids: batch.ids,
        epoch: at.epoch,
        step: at.step,
        ..LossInput::new(logits, batch.rows(), batch.train.classes(), labels)
    }
}

impl Procedure for L2b {
    fn feeds(&self) -> &[Feed] {
        &self.feeds
    }

    fn begin_epoch(&mut self, at: At, _: Option<&TrainPass<'_>>) -> Result<(), TrainError> {
        self.loss.begin_epoch(at.epoch);
        Ok(())
    }

    fn step(&mut self, tape: &mut Tape, batches: &[Batch<'_>], at: At) -> Result<Var, TrainError> {
        let batch = &batches[0];
        self.weigh(tape, batch, at)?;
        tape.reset();
        let z = self.forward(tape, batch, at);
        let rows = batch.rows();
        let Self { loss, bce, weights, pseudo, parts, .. } = self;
        let [observed, pseudo_part] = *parts;
        let mut of_observed = None;
        if observed {
            let weights = &weights[..rows];
            of_observed = Some(tape.fused_loss(&[z], |z, dz| {
                let sum = weighted_sum(&mut **loss, &input(z, batch, batch.labels, at), weights, dz[0]);
                sum.map(|sum| sum as f32)
            })?);
        }
        if !pseudo_part {
            return Ok(of_observed.expect("one of them takes part"));
        }
        let weights = &weights[weights.len() - rows..];
        let of_pseudo = tape.fused_loss(&[z], |z, dz| {
            weighted_sum(bce, &input(z, batch, pseudo, at), weights, dz[0]).map(|sum| sum as f32)
        })?;
        Ok(match of_observed {
            Some(of_observed) => tape.add(of_observed, of_pseudo),
            None => of_pseudo,
        })
    }

    fn predict(&self, tape: &mut Tape, x: Var) -> Var {
        self.head.forward(tape, x, Mode::Eval)
    }

    fn state(&self) -> Vec<StateEntry> {
        prefixed("loss.", self.loss.state()).collect()
    }

    fn restore(&mut self, entries: &[StateEntry]) -> Result<(), StateError> {
        restore_loss(&mut *self.loss, "loss.", entries)
    }

    fn report(&self) -> Vec<(&'static str, f64)> {
        vec![("rows set aside", self.held.len() as f64)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::procedure::LossChoice;
    use crate::{Head, Named, PROCEDURES, Pool};
    use lacuna_labels::{Features, LabelMatrix, ObservedLabels};
    use lacuna_losses::Options;

    /// 30 rows on both sides of a plane, every third with the label of the other side, and 10 held-out rows that are right.
    #[test]
    fn rows_with_wrong_labels_have_no_weight_and_nothing_moves() {
        const ROWS: usize = 40;
        let is_right = |row: usize| row >= 30 || !row.is_multiple_of(3);
        let side = |row: usize| if row.is_multiple_of(2) { 1.0 } else { -1.0 };
        let features = (0..ROWS).flat_map(|row| [side(row), 0.1 * (row % 7) as f32 - 0.3]).collect();
        let features = Features::new(ROWS, 2, features).unwrap();
        let cells = (0..ROWS).map(|row| match (side(row) > 0.0) == is_right(row) {
            true => Label::Positive,
            false => Label::Negative,
        });
        let observed: ObservedLabels = LabelMatrix::new(ROWS, 1, cells.collect()).unwrap().into();
        let rows: Vec<u32> = (0..ROWS as u32).collect();
        let train = TrainSet::new(&features, &observed, &rows);
        let loss = LossChoice::new("bce", Options::default(), &train).unwrap();
        for (settings, parts) in [(Named::new("l2b").set("pseudo", 0.0), 1), (Named::new("l2b"), 2)] {
            let (_, values) = settings.find(PROCEDURES).unwrap();
            let mut tape = Tape::new();
            let feed = Feed { sampler: Named::new("fixed"), pool: Pool::All, batch: ROWS, keep_last: true };
            let mut l2b = L2b::new(&mut Build {
                tape: &mut tape,
                train,
                head: &Head::Linear,
                loss: &loss,
                feed,
                values: &values,
                seed: 0,
                before: None,
                resuming: false,
            })
            .unwrap();
            assert_eq!(l2b.report(), [("rows set aside", 4.0)]);
            l2b.held = (30..40).collect();
            l2b.is_held = (0..ROWS).map(|row| row >= 30).collect();
            l2b.held_batch = 10;
            tape.seal();
            let bits = |tape: &Tape| -> Vec<u32> {
                tape.entries().flat_map(|entry| entry.value.to_vec()).map(f32::to_bits).collect()
            };
            let before = bits(&tape);
            let batch = Batch { train, ids: &rows, labels: observed.cells(), rows_kept: None };
            tape.reset();
            l2b.weigh(&mut tape, &batch, At { seed: 0, epoch: 0, step: 0 }).unwrap();
            assert_eq!(bits(&tape), before, "the parameters are where they were");
            assert_eq!(l2b.weights.len(), parts * ROWS);
            for (row, weight) in l2b.weights[..ROWS].iter().enumerate() {
                assert_eq!(*weight > 0.0, row < 30 && is_right(row), "row {row}: {weight}");
            }
            assert!(l2b.weights.iter().all(|weight| (0.0..=1.0).contains(weight)));
            assert!((l2b.weights.iter().sum::<f64>() - 1.0).abs() < 1e-6);
        }
    }

    #[test]
    fn what_leaves_nothing_to_train_on_is_refused() {
        let features = Features::new(4, 1, vec![0.0; 4]).unwrap();
        let labels = |first: [Label; 2]| -> ObservedLabels {
            let cells = [&first[..], &[Label::Unknown; 6]].concat();
            LabelMatrix::new(4, 2, cells).unwrap().into()
        };
        let rows = [0, 1, 2, 3];
        let refused_on = |observed: &ObservedLabels, loss: &str, named: Named| {
            let train = TrainSet::new(&features, observed, &rows);
            let loss = LossChoice::new(loss, Options::default(), &train).unwrap();
            let (_, values) = named.find(PROCEDURES).unwrap();
            let feed = Feed { sampler: Named::new("fixed"), pool: Pool::All, batch: 2, keep_last: true };
            let built = L2b::new(&mut Build {
                tape: &mut Tape::new(),
                train,
                head: &Head::Linear,
                loss: &loss,
                feed,
                values: &values,
                seed: 0,
                before: None,
                resuming: false,
            });
            built.err().map(|error| error.to_string()).unwrap_or_default()
        };
        let both = labels([Label::Positive, Label::Negative]);
        let refused = |loss: &str, named: Named| refused_on(&both, loss, named);
        let l2b = || Named::new("l2b").set("held", 0.9);
        assert_eq!(refused("bce", l2b()), "");
        let positive = labels([Label::Positive, Label::Unknown]);
        assert!(
            refused_on(&positive, "an", l2b())
                .contains("1 rows that are set aside have no known negative label")
        );
        let negative = labels([Label::Unknown, Label::Negative]);
        assert!(refused_on(&negative, "an", l2b()).contains("no known positive label"));
        assert!(
            refused("bce", Named::new("l2b"))
                .contains("held = 0.1 sets 0 of 1 rows with a known label aside")
        );
        let nothing = l2b().set("observed", 0.0).set("pseudo", 0.0);
        assert!(refused("bce", nothing).contains("leave nothing to train on"));
        assert!(refused("ll-cp", l2b()).contains("evaluated row by row"));
    }
}
