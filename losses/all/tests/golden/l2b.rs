//! `meta_inner_product`.

use crate::case::{Case, Tolerance};
use crate::loss::{derivatives, labels, minus_one_is_unknown, only};
use lacuna_engine::{Tape, Tensor};
use lacuna_losses::bce::Bce;
use lacuna_losses::l2b::{central_differences, normalise, reference, row_losses, weighted_sum};
use lacuna_losses::{Dual, Label, LossGrad, LossInput, MultiLabelLoss, Real, Reduction};
use lacuna_nn::{Direction, Layer, Linear, Mode};

/// What differences of losses in f32 are held to.
const DIFFERENCES: Tolerance = Tolerance { relative: 1e-3, absolute: 1e-5 };

/// A linear model on a batch and on held-out rows.
struct Problem {
    classes: usize,
    columns: usize,
    features: Vec<f64>,
    labels: Vec<Label>,
    held_features: Vec<f64>,
    held_labels: Vec<Label>,
    /// W `[classes, columns]`, then b.
    parameters: Vec<f64>,
    pseudo: bool,
    guard: f64,
}

/// Everything that a file has about a problem.
struct Answer {
    row_losses: Vec<f64>,
    held_loss: f64,
    grad_held: Vec<f64>,
    inner: Vec<f64>,
    /// Of observed labels, then of pseudo-labels where there are some.
    weights: Vec<f64>,
    inner_pseudo: Vec<f64>,
    pseudo_row_losses: Vec<f64>,
    loss: f64,
    grad: Vec<f64>,
}

pub(crate) fn inner_product(case: &Case) -> Result<(), String> {
    only(case, &["pseudo", "guard"])?;
    let (x, held) = (case.matrix("inputs", "features")?, case.matrix("inputs", "held_features")?);
    let w = case.matrix("inputs", "weights")?;
    let problem = Problem {
        classes: w.rows,
        columns: w.columns,
        features: x.data,
        labels: labels(case, "labels", minus_one_is_unknown)?,
        held_features: held.data,
        held_labels: labels(case, "held_labels", minus_one_is_unknown)?,
        parameters: [&w.data[..], &case.numbers("inputs", "bias")?].concat(),
        pseudo: case.number("params", "pseudo")? == 1.0,
        guard: case.number("params", "guard")?,
    };
    let pseudo = problem.pseudo_labels();
    if problem.pseudo {
        let found: Vec<f64> = pseudo.iter().map(|label| f64::from(u8::from(label.is_positive()))).collect();
        case.check("pseudo_labels", &found)?;
    }
    problem.check_cells(case)?;
    problem.exact(&pseudo, None).check(case, None).map_err(|e| format!("formula, {e}"))?;
    for h in [1e-5, 1e-4, 1e-3, 1e-2] {
        let found = problem.exact(&pseudo, Some(h));
        found.check(case, None).map_err(|e| format!("difference in f64, h = {h}, {e}"))?;
    }
    let found = problem.on_the_tape(&pseudo, 0.03).map_err(|e| e.to_string())?;
    found.check(case, Some(DIFFERENCES)).map_err(|e| format!("tape, {e}"))
}

impl Answer {
    fn check(&self, case: &Case, within: Option<Tolerance>) -> Result<(), String> {
        let check = |output: &str, found: &[f64]| match within {
            Some(tolerance) => case.check_within(output, found, tolerance),
            None => case.check(output, found),
        };
        let rows = self.row_losses.len();
        let of_weights = self.grad.len() - case.numbers("inputs", "bias")?.len();
        check("row_losses", &self.row_losses)?;
        check("held_loss", &[self.held_loss])?;
        check("grad_held_weights", &self.grad_held[..of_weights])?;
        check("grad_held_bias", &self.grad_held[of_weights..])?;
        check("inner", &self.inner)?;
        check("row_weights", &self.weights[..rows])?;
        check("loss", &[self.loss])?;
        check("grad_weights", &self.grad[..of_weights])?;
        check("grad_bias", &self.grad[of_weights..])?;
        if self.pseudo_row_losses.is_empty() {
            return Ok(());
        }
        check("pseudo_row_losses", &self.pseudo_row_losses)?;
        check("inner_pseudo", &self.inner_pseudo)?;
        check("pseudo_row_weights", &self.weights[rows..])
    }
}

impl Problem {
    fn pseudo_labels(&self) -> Vec<Label> {
        let z = reference::logits(&self.features, &self.parameters, self.classes);
        z.iter().map(|z| if *z > 0.0 { Label::Positive } else { Label::Negative }).collect()
    }

    fn row_losses<R: Real>(&self, parameters: &[R], labels: &[Label]) -> Vec<R> {
        let z = reference::logits(&self.features, parameters, self.classes);
        reference::row_losses(&z, labels, self.classes)
    }

    fn held_loss<R: Real>(&self, parameters: &[R]) -> R {
        let z = reference::logits(&self.held_features, parameters, self.classes);
        reference::mean(&reference::row_losses(&z, &self.held_labels, self.classes))
    }

    /// Parameters that move along g.
    fn along(&self, g: &[f64]) -> Vec<Dual> {
        self.parameters.iter().zip(g).map(|(&theta, &g)| Dual::new(theta, g)).collect()
    }

    fn check_cells(&self, case: &Case) -> Result<(), String> {
        let (_, g) = derivatives(&self.parameters, |parameters| self.held_loss(parameters));
        let z = reference::logits(&self.features, &self.along(&g), self.classes);
        let cells = z.iter().zip(&self.labels);
        let inner = cells.map(|(&z, &label)| reference::cell_loss(z, label, self.classes).derivative());
        case.check("inner_cells", &inner.collect::<Vec<f64>>())
    }

    /// In f64: inner products by dual numbers, or by a central difference.
    fn exact(&self, pseudo: &[Label], h: Option<f64>) -> Answer {
        let (held_loss, g) = derivatives(&self.parameters, |parameters| self.held_loss(parameters));
        let inner = |labels: &[Label]| -> Vec<f64> {
            let Some(h) = h else {
                return self.row_losses(&self.along(&g), labels).iter().map(|l| l.derivative()).collect();
            };
            let at = |h: f64| -> Vec<f64> {
                let moved: Vec<f64> =
                    self.parameters.iter().zip(&g).map(|(theta, g)| theta + h * g).collect();
                self.row_losses(&moved, labels)
            };
            at(h).iter().zip(at(-h)).map(|(plus, minus)| (plus - minus) / (2.0 * h)).collect()
        };
        let of_observed = inner(&self.labels);
        let of_pseudo = if self.pseudo { inner(pseudo) } else { vec![] };
        let mut weights = [&of_observed[..], &of_pseudo].concat();
        normalise(&mut weights, self.guard);
        let (loss, grad) = derivatives(&self.parameters, |parameters| {
            let mut losses = self.row_losses(parameters, &self.labels);
            if self.pseudo {
                losses.extend(self.row_losses(parameters, pseudo));
            }
            Real::sum(losses.iter().zip(&weights).map(|(&l, &w)| l * Dual::of(w)))
        });
        Answer {
            row_losses: self.row_losses(&self.parameters, &self.labels),
            held_loss,
            grad_held: g,
            inner: of_observed,
            pseudo_row_losses: if self.pseudo { self.row_losses(&self.parameters, pseudo) } else { vec![] },
            inner_pseudo: of_pseudo,
            weights,
            loss,
            grad,
        }
    }

    /// In f32, as the procedure computes it.
    fn on_the_tape(&self, pseudo: &[Label], h: f64) -> Result<Answer, lacuna_losses::LossError> {
        let (classes, columns) = (self.classes, self.columns);
        let single = |x: &[f64]| x.iter().map(|&x| x as f32).collect::<Vec<f32>>();
        let double = |x: &[f32]| x.iter().map(|&x| f64::from(x)).collect::<Vec<f64>>();
        // The tape has W features by classes.
        let (w, b) = self.parameters.split_at(classes * columns);
        let across: Vec<f64> = (0..w.len()).map(|i| w[i % classes * columns + i / classes]).collect();
        let mut tape = Tape::new();
        let weight = tape.param("weight", Tensor::new([columns, classes], single(&across)));
        let bias = tape.param("bias", Tensor::new([classes], single(b)));
        let head = Linear { weight, bias };
        tape.seal();
        let gradient = |tape: &Tape| -> Vec<f64> {
            let w = double(tape.grad(weight).expect("a gradient"));
            let back = (0..w.len()).map(|i| w[i % columns * classes + i / columns]);
            back.chain(double(tape.grad(bias).expect("a gradient"))).collect()
        };
        let mut bce = Bce::new(Reduction::Mean);
        let rows = self.labels.len() / classes;
        let held_rows = self.held_labels.len() / classes;

        let x = tape.input([held_rows, columns], &single(&self.held_features));
        let z = head.forward(&mut tape, x, Mode::Eval);
        // The mean over rows of known BCE over C.
        let held = tape.fused_loss(&[z], |z, dz| {
            bce.evaluate(&LossInput::new(z, held_rows, classes, &self.held_labels), LossGrad::Into(dz))
        })?;
        tape.backward(held);
        let held_loss = f64::from(tape.value(held)[0]);
        let grad_held = gradient(&tape);
        let mut direction = Direction::default();
        direction.take(&tape);

        let mut losses = |tape: &mut Tape, h: f64, labels: &[Label]| {
            direction.shift(tape, h);
            tape.reset();
            let x = tape.input([rows, columns], &single(&self.features));
            let z = head.forward(tape, x, Mode::Eval);
            let logits = [tape.value(z)];
            let mut out = vec![];
            row_losses(&mut bce, &LossInput::new(&logits, rows, classes, labels), &mut out)?;
            Ok(out)
        };
        let mut inner = |tape: &mut Tape, labels: &[Label]| {
            let (plus, minus) = (losses(tape, h, labels)?, losses(tape, -h, labels)?);
            let mut inner = vec![];
            central_differences(&plus, &minus, h, &mut inner);
            Ok((inner, losses(tape, 0.0, labels)?))
        };
        let (of_observed, losses_observed) = inner(&mut tape, &self.labels)?;
        let (of_pseudo, losses_pseudo) =
            if self.pseudo { inner(&mut tape, pseudo)? } else { Default::default() };
        let mut weights = [&of_observed[..], &of_pseudo].concat();
        normalise(&mut weights, self.guard);

        tape.reset();
        let x = tape.input([rows, columns], &single(&self.features));
        let z = head.forward(&mut tape, x, Mode::Eval);
        let mut bce = Bce::new(Reduction::Mean);
        let mut total = tape.fused_loss(&[z], |z, dz| {
            let input = LossInput::new(z, rows, classes, &self.labels);
            weighted_sum(&mut bce, &input, &weights[..rows], dz[0]).map(|sum| sum as f32)
        })?;
        if self.pseudo {
            let of_pseudo = tape.fused_loss(&[z], |z, dz| {
                let input = LossInput::new(z, rows, classes, pseudo);
                weighted_sum(&mut bce, &input, &weights[rows..], dz[0]).map(|sum| sum as f32)
            })?;
            total = tape.add(total, of_pseudo);
        }
        tape.backward(total);
        Ok(Answer {
            row_losses: double(&losses_observed),
            held_loss,
            grad_held,
            inner: of_observed,
            inner_pseudo: of_pseudo,
            pseudo_row_losses: double(&losses_pseudo),
            weights,
            loss: f64::from(tape.value(total)[0]),
            grad: gradient(&tape),
        })
    }
}
