//! The expectation of the gradient, and what is refused.

use super::*;
use crate::procedure::{LossChoice, record_loss};
use crate::{Named, PROCEDURES, Pool, TrainSet};
use lacuna_engine::Grad;
use lacuna_labels::{Features, LabelMatrix, ObservedLabels};
use lacuna_losses::{LOSSES, Options, Reduction};
use lacuna_nn::{Layer, Linear, Mode};

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
        Batch { train: self.train(), ids: &self.rows, labels: self.observed.cells(), rows_kept: None }
    }

    fn build(&self, loss: &LossChoice, head: &Head, tape: &mut Tape) -> Result<Sampled, TrainError> {
        let (_, values) = Named::new(ROW.name).set("sampled", 2.0).find(PROCEDURES).unwrap();
        let feed = Feed { sampler: Named::new("fixed"), pool: Pool::All, batch: ROWS, keep_last: true };
        let train = self.train();
        let (seed, before, resuming) = (0, None, false);
        Sampled::new(&mut Build { tape, train, head, loss, feed, values: &values, seed, before, resuming })
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
    let loss = record_loss(&mut tape, &mut *choice.build().unwrap(), &[z], &small.batch(), None, AT).unwrap();
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
            for reduction in [None, Some(Reduction::Sum), Some(Reduction::Mean), Some(Reduction::MeanKnown)] {
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
    assert!(refused("role", Head::Linear).contains("role takes the logits of a head and label estimates"));
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
