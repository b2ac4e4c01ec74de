//! A linear head over many classes, of which a step reads the positive ones of its batch and a sample of the others.
//!
//! A loss over C classes whose gradient at a cell looks at no other column is a sum over columns, L = sum_c l_c. With P the
//! classes that are positive in some row of the batch, and S a sample of m of the other C - |P| classes, drawn uniformly without
//! replacement,
//! ```text
//! sum_{c in P} l_c + (C - |P|) / m  sum_{c in S} l_c
//! ```
//! has the expectation L over the draw, and its gradient that of L: each of the other classes is in S with probability
//! m / (C - |P|). Reductions divide by what the whole batch has ([`Whole`]).
//!
//! W is `[C, D]` on the tape, so that the rows of the chosen classes are read and have gradients; what no step reads is left
//! behind until it is drawn again. The model has `[D, C]`, as every linear head.

use super::{At, Build, Layout, Procedure, ProcedureRow};
use crate::named::setting;
use crate::{Batch, Feed, Head, StateError, TrainError, TrainSet};
use lacuna_engine::{Exec, Tape, Tensor, Var};
use lacuna_kernels::{Write, rows::transpose};
use lacuna_labels::Label;
use lacuna_losses::{
    Interval, LossError, LossGrad, LossInput, MultiLabelLoss, StateEntry, Statistics, Takes, Targets,
    TrainPass, Whole,
};
use lacuna_nn::init;
use lacuna_protocols::Stream;
use std::ops::Range;

pub(super) const ROW: ProcedureRow = ProcedureRow {
    name: "sampled-negatives",
    doc: "A linear head over many classes: a step reads the classes that are positive in its batch and a uniform sample of the \
          others, whose loss counts (C - |P|) / m times, so that the gradient has the expectation of that of all classes. \
          Experimental.",
    source: "ours: the sum over classes as Horvitz and Thompson (JASA 1952) estimate a sum from a sample; checked for its expectation, \
             compared with no published numbers",
    settings: &[setting(
        "sampled",
        1000.0,
        Interval::whole_from(1.0),
        "classes m of a step beside the positive ones of the batch",
    )],
    build: |parts| Ok(Box::new(Sampled::new(parts)?)),
};

/// Names on the tape, those of a linear head.
const WEIGHT: &str = "weight";
const BIAS: &str = "bias";

/// A linear head whose classes are sampled.
struct Sampled {
    /// `[C, D]` and `[C, 1]`.
    weight: Var,
    bias: Var,
    loss: Box<dyn MultiLabelLoss>,
    feeds: [Feed; 1],
    classes: Classes,
    /// Known labels of each sample.
    known: Vec<u32>,
    /// Epoch and step of the classes that are chosen.
    chosen_at: Option<At>,
    block: Block,
}

/// The classes of a step.
struct Classes {
    /// Number C of all.
    all: usize,
    /// The most that are drawn, m.
    most: usize,
    /// Positive classes of all samples, and where those of each begin.
    positives: Vec<u32>,
    starts: Vec<usize>,
    /// The classes of the step: first the positive ones, then those that were drawn, both in ascending order.
    chosen: Vec<u32>,
    /// How many are positive.
    positive: usize,
    /// Number of the choice in which a class was last chosen.
    seen: Vec<u64>,
    number: u64,
    /// Memory for the classes that are not positive, where most classes are chosen.
    rest: Vec<u32>,
}

/// Memory for the columns that a loss is shown, `[B, n]`.
#[derive(Default)]
struct Block {
    z: Vec<f32>,
    dz: Vec<f32>,
    labels: Vec<Label>,
}

impl Sampled {
    fn new(parts: &mut Build<'_, '_>) -> Result<Self, TrainError> {
        let loss = parts.loss.build()?;
        parts.takes(&*loss, ROW.name, Takes::Logits)?;
        let row = parts.loss.row;
        let name = row.info.name;
        let wrong = |problem: String| Err(TrainError::Setting(format!("procedure {}: {problem}", ROW.name)));
        if *parts.head != Head::Linear {
            return wrong(format!(
                "the head is {}; only a linear head has a row of weights for each class",
                parts.head
            ));
        }
        if !row.by_column {
            return wrong(format!(
                "the gradient of {name} at a class looks at other classes, of which a step sees a sample"
            ));
        }
        if row.statistics != Statistics::None {
            return wrong(format!(
                "{name} keeps numbers of every class, and a step sees other classes each time; bce, an, wan and hill keep none"
            ));
        }
        if loss.labels_written().is_some() || !loss.state().is_empty() || loss.wants_train_pass(0) {
            return wrong(format!(
                "{name} has a state that belongs to all classes of a row, and a step sees a sample of them"
            ));
        }
        if loss.draws_classes() {
            return wrong(format!("{name} draws classes itself"));
        }
        let train = parts.train;
        let (features, all) = (train.features.columns(), train.classes());
        // The first weights of every linear head, each class in a row of its own.
        let (rng, bound) = (&mut parts.first_weights(), init::default_bound(features));
        let weight = init::uniform([features, all], bound, rng);
        let bias = init::uniform([all, 1], bound, rng);
        let mut by_class = vec![0.0; all * features];
        transpose(Exec::Serial, Write::Set, weight.data(), all, &mut by_class);
        let known = |id| train.labels_of(id).iter().filter(|label| label.is_known()).count() as u32;
        Ok(Self {
            weight: parts.tape.param(WEIGHT, Tensor::new([all, features], by_class)),
            bias: parts.tape.param(BIAS, bias),
            loss,
            feeds: [parts.feed.clone()],
            classes: Classes::new(&train, parts.values.get("sampled") as usize),
            known: (0..train.len() as u32).map(known).collect(),
            chosen_at: None,
            block: Block::default(),
        })
    }
}

impl Classes {
    fn new(train: &TrainSet<'_>, most: usize) -> Self {
        let (mut positives, mut starts) = (Vec::new(), vec![0]);
        for id in 0..train.len() as u32 {
            let labels = train.labels_of(id).iter().zip(0u32..);
            positives.extend(labels.filter(|(label, _)| label.is_positive()).map(|(_, class)| class));
            starts.push(positives.len());
        }
        let all = train.classes();
        Self {
            all,
            most,
            positives,
            starts,
            chosen: Vec::with_capacity(all),
            positive: 0,
            seen: vec![0; all],
            number: 0,
            rest: Vec::with_capacity(all),
        }
    }

    /// Takes a class that was not chosen yet.
    fn choose(&mut self, class: u32) -> bool {
        let new = std::mem::replace(&mut self.seen[class as usize], self.number) != self.number;
        if new {
            self.chosen.push(class);
        }
        new
    }

    /// The positive classes of these samples, and a sample of the others from `stream`.
    fn draw(&mut self, ids: &[u32], stream: &mut Stream) {
        self.number += 1;
        self.chosen.clear();
        for id in ids {
            for i in self.starts[*id as usize]..self.starts[*id as usize + 1] {
                self.choose(self.positives[i]);
            }
        }
        self.positive = self.chosen.len();
        let count = self.most.min(self.others());
        if 2 * (self.positive + count) <= self.all {
            // Every second draw at least is a class that was not chosen yet.
            let mut left = count;
            while left > 0 {
                left -= usize::from(self.choose(stream.below(self.all) as u32));
            }
        } else {
            self.rest.clear();
            let (seen, number) = (&self.seen, self.number);
            self.rest.extend((0..self.all as u32).filter(|class| seen[*class as usize] != number));
            for i in 0..count {
                let at = i + stream.below(self.rest.len() - i);
                self.rest.swap(i, at);
                self.choose(self.rest[i]);
            }
        }
        self.chosen[..self.positive].sort_unstable();
        self.chosen[self.positive..].sort_unstable();
    }

    /// How many classes are not positive in the batch.
    fn others(&self) -> usize {
        self.all - self.positive
    }

    /// Places of the positive classes and of those that were drawn, each with what their loss counts for.
    fn blocks(&self) -> [(Range<usize>, f32); 2] {
        let drawn = self.chosen.len() - self.positive;
        [
            (0..self.positive, 1.0),
            (self.positive..self.chosen.len(), self.others() as f32 / drawn.max(1) as f32),
        ]
    }
}

impl Sampled {
    fn choose(&mut self, batch: &Batch<'_>, at: At) {
        let mut stream = Stream::numbered(at.seed, "sampled classes", at.step);
        self.classes.draw(batch.ids, &mut stream);
        self.chosen_at = Some(at);
    }
}

impl Procedure for Sampled {
    fn feeds(&self) -> &[Feed] {
        &self.feeds
    }

    fn begin_epoch(&mut self, at: At, _: Option<&TrainPass<'_>>) -> Result<(), TrainError> {
        self.loss.begin_epoch(at.epoch);
        Ok(())
    }

    fn rows_read(&mut self, batches: &[Batch<'_>], at: At, read: &mut dyn FnMut(Var, &[u32])) {
        self.choose(&batches[0], at);
        read(self.weight, &self.classes.chosen);
        read(self.bias, &self.classes.chosen);
    }

    fn step(&mut self, tape: &mut Tape, batches: &[Batch<'_>], at: At) -> Result<Var, TrainError> {
        let batch = &batches[0];
        if self.chosen_at != Some(at) {
            self.choose(batch, at);
        }
        let x = batch.x(tape);
        let z = tape.scope("head", |tape| {
            let w = tape.gather_rows(self.weight, &self.classes.chosen);
            let b = tape.gather_rows(self.bias, &self.classes.chosen);
            by_class(tape, x, w, b)
        });
        let whole = Whole {
            cells: batch.rows() * self.classes.all,
            known: batch.ids.iter().map(|id| self.known[*id as usize] as usize).sum(),
        };
        let (loss, block, classes) = (&mut *self.loss, &mut self.block, &self.classes);
        let recorded = tape.fused_loss(&[z], |z, dz| {
            let mut sum = 0.0;
            for (places, factor) in classes.blocks() {
                if !places.is_empty() {
                    let part = block.evaluate(loss, batch, whole, at, z[0], dz[0], classes, places, factor);
                    sum += f64::from(factor) * f64::from(part?);
                }
            }
            Ok::<f32, LossError>(sum as f32)
        });
        Ok(recorded?)
    }

    fn predict(&self, tape: &mut Tape, x: Var) -> Var {
        let z = by_class(tape, x, self.weight, self.bias);
        tape.transpose(z)
    }

    fn state(&self) -> Vec<StateEntry> {
        vec![]
    }

    fn restore(&mut self, entries: &[StateEntry]) -> Result<(), StateError> {
        match entries.first() {
            None => Ok(()),
            Some(entry) => Err(StateError::Unfit {
                name: entry.name.clone(),
                problem: format!("is no state of the procedure {}", ROW.name),
            }),
        }
    }

    fn layout(&self, entry: &str) -> Layout {
        match entry {
            WEIGHT => Layout::Transposed,
            _ => Layout::Column,
        }
    }
}

/// Logits of features `[B, D]` for the classes of w `[n, D]` and b `[n, 1]`: w x^T + b, `[n, B]`.
fn by_class(tape: &mut Tape, x: Var, w: Var, b: Var) -> Var {
    let x = tape.transpose(x);
    let z = tape.matmul(w, x);
    tape.add(z, b)
}

impl Block {
    /// The loss of the classes at `places`, from their logits in z `[n, B]`; its derivatives times `factor` are written to the
    /// same places of dz.
    #[expect(clippy::too_many_arguments, reason = "one caller, which has all of it at hand")]
    fn evaluate(
        &mut self,
        loss: &mut dyn MultiLabelLoss,
        batch: &Batch<'_>,
        whole: Whole,
        at: At,
        z: &[f32],
        dz: &mut [f32],
        classes: &Classes,
        places: Range<usize>,
        factor: f32,
    ) -> Result<f32, LossError> {
        let (rows, all) = (batch.rows(), classes.all);
        let chosen = &classes.chosen[places.clone()];
        let part = places.start * rows..places.end * rows;
        self.z.resize(part.len(), 0.0);
        self.dz.resize(part.len(), 0.0);
        transpose(Exec::Serial, Write::Set, &z[part.clone()], rows, &mut self.z);
        self.labels.clear();
        for labels in batch.labels.chunks_exact(all) {
            self.labels.extend(chosen.iter().map(|class| labels[*class as usize]));
        }
        let input = LossInput {
            logits: &[&self.z],
            rows,
            classes: chosen.len(),
            targets: Targets { labels: &self.labels, soft: None, mix: None, whole: Some(whole) },
            sample_ids: batch.ids,
            epoch: at.epoch,
            step: at.step,
        };
        let value = loss.evaluate(&input, LossGrad::Into(&mut [&mut self.dz]));
        let value = value.map_err(|error| of_class(error, chosen))?;
        self.dz.iter_mut().for_each(|dz| *dz *= factor);
        transpose(Exec::Serial, Write::Set, &self.dz, chosen.len(), &mut dz[part]);
        Ok(value)
    }
}

/// An error about a column of the block, about its class.
fn of_class(mut error: LossError, chosen: &[u32]) -> LossError {
    if let LossError::NonFinite { class, .. } | LossError::Label { class, .. } = &mut error {
        *class = chosen[*class] as usize;
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::procedure::{LossChoice, record_loss};
    use crate::{Named, PROCEDURES, Pool};
    use lacuna_engine::Grad;
    use lacuna_labels::{Features, LabelMatrix, ObservedLabels};
    use lacuna_losses::{LOSSES, Options, Reduction};
    use lacuna_nn::{Layer, Linear, Mode};
    use std::collections::BTreeMap;

    const ROWS: usize = 5;
    const FEATURES: usize = 3;
    const CLASSES: usize = 7;

    /// Rows with positives in classes 2 and 5 alone, and labels of every kind.
    struct Small {
        features: Features,
        observed: ObservedLabels,
        rows: Vec<u32>,
    }

    impl Small {
        fn new(unknown: bool) -> Self {
            let features = (0..ROWS * FEATURES).map(|i| (i as f32 * 1.7).sin()).collect();
            let cells = (0..ROWS * CLASSES).map(|cell| match (cell / CLASSES, cell % CLASSES) {
                (row, 2) if row % 2 == 0 => Label::Positive,
                (1, 5) => Label::Positive,
                (row, class) if unknown && (row + class) % 3 == 0 => Label::Unknown,
                _ => Label::Negative,
            });
            Self {
                features: Features::new(ROWS, FEATURES, features).unwrap(),
                observed: LabelMatrix::new(ROWS, CLASSES, cells.collect()).unwrap().into(),
                rows: (0..ROWS as u32).collect(),
            }
        }

        fn train(&self) -> TrainSet<'_> {
            TrainSet::new(&self.features, &self.observed, &self.rows)
        }

        fn loss(&self, name: &str, reduction: Option<Reduction>) -> LossChoice {
            let mut options = Options { reduction, ..Options::default() };
            options.context.classes = Some(CLASSES);
            options.context.expected_positives = Some(1.5);
            LossChoice::new(name, options, &self.train()).unwrap()
        }

        fn batch(&self) -> Batch<'_> {
            Batch { train: self.train(), ids: &self.rows, labels: self.observed.cells() }
        }

        fn build(&self, loss: &LossChoice, head: &Head, tape: &mut Tape) -> Result<Sampled, TrainError> {
            let (_, values) = Named::new(ROW.name).set("sampled", 2.0).find(PROCEDURES).unwrap();
            let feed = Feed { sampler: Named::new("fixed"), pool: Pool::All, batch: ROWS, keep_last: true };
            let train = self.train();
            let (seed, before, resuming) = (0, None, false);
            Sampled::new(&mut Build {
                tape,
                train,
                head,
                loss,
                feed,
                values: &values,
                seed,
                before,
                resuming,
            })
        }
    }

    const AT: At = At { seed: 0, epoch: 0, step: 0 };

    /// The value and the gradient of all weights and biases, by class.
    fn differentiate(tape: &mut Tape, loss: Var) -> (f64, Vec<f64>) {
        tape.backward(loss);
        let value = f64::from(tape.value(loss)[0]);
        let mut gradients = Vec::new();
        for entry in tape.entries() {
            let (columns, from) = (entry.value.len() / entry.shape.sizes()[0], gradients.len());
            gradients.resize(from + entry.value.len(), 0.0);
            match entry.grad {
                Some(Grad::Rows { rows, data }) => {
                    for row in rows {
                        for i in *row as usize * columns..(*row as usize + 1) * columns {
                            gradients[from + i] = f64::from(data[i]);
                        }
                    }
                }
                _ => panic!("a gradient of rows"),
            }
        }
        (value, gradients)
    }

    /// The same of plain training.
    fn of_all_classes(small: &Small, choice: &LossChoice) -> (f64, Vec<f64>) {
        let mut tape = Tape::new();
        let head = Linear::new(&mut tape, "", FEATURES, CLASSES, &mut Stream::new(0, "first weights"));
        tape.seal();
        let x = small.batch().x(&mut tape);
        let z = head.forward(&mut tape, x, Mode::Train { seed: 0, step: 0 });
        let loss =
            record_loss(&mut tape, &mut *choice.build().unwrap(), &[z], &small.batch(), None, AT).unwrap();
        tape.backward(loss);
        let (w, b) = (tape.grad(head.weight).unwrap(), tape.grad(head.bias).unwrap());
        let by_class =
            (0..CLASSES).flat_map(|class| (0..FEATURES).map(move |f| f64::from(w[f * CLASSES + class])));
        let gradients = by_class.chain(b.iter().map(|b| f64::from(*b))).collect();
        (f64::from(tape.value(loss)[0]), gradients)
    }

    fn close(ours: &[f64], expected: &[f64], what: &str) {
        let largest = expected.iter().fold(0.0f64, |a, b| a.max(b.abs()));
        for (i, (a, b)) in ours.iter().zip(expected).enumerate() {
            assert!((a - b).abs() <= 1e-5 * largest + 1e-7, "{what}, number {i}: {a}, not {b}");
        }
    }

    /// Over every sample of two of the five classes that are not positive, for every loss that is not refused and every
    /// reduction; and all of them at once, which is plain training.
    #[test]
    fn the_mean_over_all_samples_is_the_gradient_of_all_classes() {
        let positive = [2, 5];
        let others: Vec<u32> = (0..CLASSES as u32).filter(|class| !positive.contains(class)).collect();
        let mut accepted = Vec::new();
        for row in LOSSES {
            for unknown in [true, false] {
                for reduction in
                    [None, Some(Reduction::Sum), Some(Reduction::Mean), Some(Reduction::MeanKnown)]
                {
                    let (small, name) = (Small::new(unknown), row.info.name);
                    let choice = small.loss(name, reduction);
                    let mut tape = Tape::new();
                    let Ok(mut sampled) = small.build(&choice, &Head::Linear, &mut tape) else { continue };
                    tape.seal();
                    let mut of = |drawn: &[u32]| {
                        tape.reset();
                        sampled.classes.chosen = [&positive, drawn].concat();
                        sampled.classes.positive = 2;
                        sampled.chosen_at = Some(AT);
                        let loss = sampled.step(&mut tape, &[small.batch()], AT)?;
                        Ok::<_, TrainError>(differentiate(&mut tape, loss))
                    };
                    // Some losses have no meaning for some labels, whoever asks.
                    let Ok((value, all)) = of(&others) else { continue };
                    let what = format!("{name}, {reduction:?}, unknown cells {unknown}");
                    let (plain_value, plain) = of_all_classes(&small, &choice);
                    close(&all, &plain, &what);
                    close(&[value], &[plain_value], &what);
                    let (mut mean, mut mean_value, mut draws) = (vec![0.0; plain.len()], 0.0, 0.0);
                    for i in 0..others.len() {
                        for j in 0..i {
                            let (value, gradients) = of(&[others[j], others[i]]).unwrap();
                            mean.iter_mut().zip(gradients).for_each(|(sum, g)| *sum += g);
                            (mean_value, draws) = (mean_value + value, draws + 1.0);
                        }
                    }
                    mean.iter_mut().for_each(|sum| *sum /= draws);
                    close(&mean, &plain, &what);
                    close(&[mean_value / draws], &[plain_value], &what);
                    if !accepted.contains(&name) {
                        accepted.push(name);
                    }
                }
            }
        }
        for name in ["bce", "an", "wan", "hill", "focal", "asl"] {
            assert!(accepted.contains(&name), "{name}: {accepted:?}");
        }
    }

    /// Every sample comes up as often as any other, whether classes are drawn one by one or from a list of the rest.
    #[test]
    fn samples_are_uniform() {
        for (positives, all, most) in [(1, 7usize, 2usize), (3, 7, 2), (0, 5, 4)] {
            let mut classes = Classes {
                all,
                most,
                positives: (0..positives).collect(),
                starts: vec![0, positives as usize],
                chosen: vec![],
                positive: 0,
                seen: vec![0; all],
                number: 0,
                rest: vec![],
            };
            let mut counts = BTreeMap::new();
            const DRAWS: u64 = 30_000;
            for step in 0..DRAWS {
                classes.draw(&[0], &mut Stream::numbered(1, "sampled classes", step));
                assert_eq!(classes.chosen[..classes.positive], classes.positives);
                let drawn = classes.chosen[classes.positive..].to_vec();
                assert!(drawn.len() == most && drawn.is_sorted_by(|a, b| a < b), "{drawn:?}");
                *counts.entry(drawn).or_insert(0.0) += 1.0;
            }
            let others = all - positives as usize;
            let samples = (0..most).fold(1, |n, i| n * (others - i) / (i + 1));
            assert_eq!(counts.len(), samples, "{counts:?}");
            let expected = DRAWS as f64 / samples as f64;
            for (drawn, count) in &counts {
                // Five standard deviations.
                assert!(
                    (count - expected).abs() < 5.0 * expected.sqrt(),
                    "{drawn:?}: {count}, not {expected}"
                );
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_with_the_reason() {
        let small = Small::new(true);
        let refused = |loss: &str, head: Head| {
            let built = small.build(&small.loss(loss, None), &head, &mut Tape::new());
            built.err().map(|error| error.to_string()).unwrap_or_default()
        };
        assert_eq!(refused("an", Head::Linear), "");
        let mlp = Head::Mlp(crate::MlpSpec::plain(vec![4]));
        assert!(refused("an", mlp).contains("only a linear head"));
        assert!(refused("epr", Head::Linear).contains("epr at a class looks at other classes"));
        assert!(refused("ldam-bce", Head::Linear).contains("ldam-bce keeps numbers of every class"));
        assert!(
            refused("role", Head::Linear).contains("role takes the logits of a head and label estimates")
        );
        for row in LOSSES {
            // A loss that writes labels keeps them by class.
            if small.loss(row.info.name, None).build().unwrap().labels_written().is_some() {
                assert_ne!(refused(row.info.name, Head::Linear), "", "{}", row.info.name);
            }
        }
    }

    #[test]
    fn an_error_names_the_class() {
        let small = Small::new(true);
        let mut tape = Tape::new();
        let mut sampled = small.build(&small.loss("an", None), &Head::Linear, &mut tape).unwrap();
        tape.seal();
        tape.update_entry(sampled.bias, |_, entry| entry.value[6] = f32::NAN);
        (sampled.classes.chosen, sampled.classes.positive) = (vec![2, 5, 3, 6], 2);
        sampled.chosen_at = Some(AT);
        let error = sampled.step(&mut tape, &[small.batch()], AT).err().unwrap().to_string();
        assert!(error.contains("the logit of row 0, class 6 is NaN"), "{error}");
    }
}
