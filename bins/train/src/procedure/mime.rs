//! A drawn representation and positives that are written after each epoch: MIME.

use super::relabel::{labels_state, restore_labels};
use super::{At, Beside, Build, Procedure, ProcedureRow, prefixed, record_loss, restore_loss};
use crate::named::{optional, setting};
use crate::{Batch, Feed, Head, StateError, TrainError};
use lacuna_engine::{Tape, Var};
use lacuna_labels::Label;
use lacuna_losses::mime::{GaussianKl, write_positives};
use lacuna_losses::{Interval, MultiLabelLoss, StateEntry, Takes, TrainPass};
use lacuna_nn::{Layer, Linear, Mode, reparametrise};
use lacuna_protocols::Stream;

/// Numbers of a layer.
const WIDTH: Interval = Interval { low: 1.0, high: 65_536.0, open: false, whole: true };

pub(super) const ROW: ProcedureRow = ProcedureRow {
    name: "mime",
    doc: "A hidden layer, mean and deviation of a representation that is drawn in training, and a linear layer on it; a divergence \
          holds the representation near the standard normal one, and unknown cells with p > theta become positives for good after \
          each epoch. Its layers are no head of a specification, so that no model file can be made of them.",
    source: "Liu et al., ICML 2023; palm-biaoliu/mime@06e15de8. Ours: one representation for all classes, because fixed features have no \
             tokens of classes; prediction and relabelling with its mean, where the code draws; the mean of the draws is drawn at once, \
             with the deviation over the root of their number. The authors train with the loss an",
    beside: Beside::OwnLayers,
    settings: &[
        setting("beta", 1e-4, Interval::at_least(0.0), "weight of the divergence; 0 leaves it out"),
        setting(
            "theta",
            0.95,
            Interval::closed(0.0, 1.0),
            "probability above which an unknown cell becomes a positive; 1 writes none",
        ),
        setting(
            "warm_up",
            2.0,
            Interval::whole_from(1.0),
            "epoch, counted from 1, after which labels are first written",
        ),
        setting("z", 256.0, WIDTH, "numbers of the representation"),
        optional("hidden", WIDTH, "units of the hidden layer; as many as features where it is not given"),
        setting("draws", 10.0, Interval::whole_from(1.0), "draws whose mean the representation is"),
    ],
    build: |parts| Ok(Box::new(Mime::new(parts)?)),
};

/// The layers, the loss, and the labels that were observed or written.
struct Mime {
    hidden: Linear,
    /// mu and s of the representation beside each other.
    statistics: Linear,
    classifier: Linear,
    loss: Box<dyn MultiLabelLoss>,
    /// `None` for a weight of 0.
    divergence: Option<GaussianKl>,
    feeds: [Feed; 1],
    z: usize,
    draws: f64,
    theta: f64,
    warm_up: usize,
    /// Labels of every sample, `[N, C]`: observed ones, and positives that were written.
    written: Vec<Label>,
    /// Observed ones among them.
    observed: usize,
    /// Memory of a batch.
    labels: Vec<Label>,
}

impl Mime {
    fn new(parts: &mut Build<'_, '_>) -> Result<Self, TrainError> {
        if *parts.head != Head::Linear {
            return Err(TrainError::Setting(format!(
                "procedure mime: it has layers of its own, sized by hidden and z, so head = \"linear\", not {}",
                parts.head
            )));
        }
        let loss = parts.loss.build()?;
        parts.takes(&*loss, "mime", Takes::Logits)?;
        let values = parts.values;
        let (beta, z) = (values.get("beta"), values.get("z") as usize);
        let divergence = if beta > 0.0 { Some(GaussianKl::new(beta)?) } else { None };
        let (features, classes) = (parts.train.features.columns(), parts.train.classes());
        let units = values.given("hidden").map_or(features, |units| units as usize);
        let rng = &mut parts.first_weights();
        let tape = &mut *parts.tape;
        let written = parts.train.labels().cells().to_vec();
        Ok(Self {
            hidden: Linear::new(tape, "hidden", features, units, rng),
            statistics: Linear::new(tape, "statistics", units, 2 * z, rng),
            classifier: Linear::new(tape, "classifier", z, classes, rng),
            loss,
            divergence,
            feeds: [parts.feed.clone()],
            z,
            draws: values.get("draws"),
            theta: values.get("theta"),
            warm_up: values.get("warm_up") as usize,
            observed: written.iter().filter(|label| label.is_known()).count(),
            written,
            labels: vec![],
        })
    }

    /// mu and s, `[B, z]`.
    fn statistics(&self, tape: &mut Tape, x: Var, mode: Mode) -> (Var, Var) {
        let h = self.hidden.forward(tape, x, mode);
        let h = tape.relu(h);
        let both = self.statistics.forward(tape, h, mode);
        (tape.slice_columns(both, 0..self.z), tape.slice_columns(both, self.z..2 * self.z))
    }
}

impl Procedure for Mime {
    fn feeds(&self) -> &[Feed] {
        &self.feeds
    }

    fn begin_epoch(&mut self, at: At, _: Option<&TrainPass<'_>>) -> Result<(), TrainError> {
        self.loss.begin_epoch(at.epoch);
        Ok(())
    }

    fn step(&mut self, tape: &mut Tape, batches: &[Batch<'_>], at: At) -> Result<Var, TrainError> {
        let classes = batches[0].train.classes();
        self.labels.clear();
        for id in batches[0].ids {
            self.labels.extend_from_slice(&self.written[*id as usize * classes..][..classes]);
        }
        let batch = Batch { labels: &self.labels, ..batches[0] };
        let x = batch.x(tape);
        let (mu, s) = tape.scope("representation", |tape| self.statistics(tape, x, at.mode()));
        let noise = tape.input_with([batch.rows(), self.z], |noise| {
            let stream = &mut Stream::numbered(at.seed, "representations", at.step);
            let deviation = 1.0 / self.draws.sqrt();
            noise.iter_mut().for_each(|noise| *noise = (deviation * stream.normal()) as f32);
        });
        let z = tape.scope("representation", |tape| reparametrise(tape, mu, s, noise));
        let logits = tape.scope("classifier", |tape| self.classifier.forward(tape, z, at.mode()));
        let loss = record_loss(tape, &mut *self.loss, &[logits], &batch, None, at)?;
        let Some(divergence) = &self.divergence else { return Ok(loss) };
        let term = tape.fused_loss(&[mu, s], |x, grads| {
            let [dmu, ds] = grads else { unreachable!("two inputs have two gradients") };
            divergence.evaluate(x[0], x[1], Some([dmu, ds]))
        })?;
        Ok(tape.add(loss, term))
    }

    fn predict(&self, tape: &mut Tape, x: Var) -> Var {
        let (mu, _) = self.statistics(tape, x, Mode::Eval);
        self.classifier.forward(tape, mu, Mode::Eval)
    }

    fn wants_train_pass(&self, epoch: usize) -> bool {
        epoch + 1 >= self.warm_up || self.loss.wants_train_pass(epoch)
    }

    fn end_epoch(&mut self, pass: &TrainPass<'_>) -> Result<(), TrainError> {
        pass.check()?;
        if pass.epoch + 1 >= self.warm_up {
            write_positives(&mut self.written, pass.logits, self.theta)?;
        }
        if self.loss.wants_train_pass(pass.epoch) { Ok(self.loss.end_epoch(pass)?) } else { Ok(()) }
    }

    fn state(&self) -> Vec<StateEntry> {
        prefixed("loss.", self.loss.state()).chain([labels_state(&self.written)]).collect()
    }

    fn restore(&mut self, entries: &[StateEntry]) -> Result<(), StateError> {
        restore_labels(&mut self.written, entries)?;
        restore_loss(&mut *self.loss, "loss.", entries)
    }

    fn report(&self) -> Vec<(&'static str, f64)> {
        let known = self.written.iter().filter(|label| label.is_known()).count();
        vec![("labels written", (known - self.observed) as f64)]
    }
}
