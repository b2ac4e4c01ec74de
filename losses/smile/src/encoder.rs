//! The objective of the model that recovers label distributions.

use crate::{BetaForm, BetaKl};
use lacuna_loss_api::{Interval, Label, LossError, Real};

/// AN(d1; y) + gamma [MSE(x', x) + AN(y'; y) + MSE(y' y'^T, A)] + delta [`BetaKl`], with d1 = sigma(z).
///
/// x' and y' are features and labels that a decoder rebuilds, y' a draw of Beta(d1 + 1e-5, 1 - d1 + 1e-5) in the authors'
/// code, and A the adjacency of the nearest neighbours among the rows of the batch. AN is the mean of -ln(p + e) on positives
/// and -ln(1 - p + e) elsewhere. Computed in f64: it is offered for models of one's own, no procedure of this project trains
/// the encoder.
///
/// Xu et al., NeurIPS 2022; palm-ml/smile@49405dbc, train_smile2.py (`vae_loss`).
///
/// ```
/// use lacuna_loss_api::Label;
/// use lacuna_smile::{Encoder, EncoderInput};
///
/// let input = EncoderInput {
///     logits: &[0.0, 0.0],
///     labels: &[Label::Positive, Label::Unknown],
///     features: &[1.0],
///     adjacency: &[0.0],
///     features_rebuilt: &[1.0],
///     labels_rebuilt: &[0.5, 0.5],
///     rows: 1,
/// };
/// let encoder = Encoder { gamma: 1.0, delta: 0.0, ..Encoder::default() };
/// // Two assume-negative terms of ln 2, and (0.5^2 + 0.5^2)^2 for the rebuilt adjacency of one row.
/// let exact = -2.0 * f64::ln(0.5 + 1e-5) + 0.25;
/// assert!((f64::from(encoder.evaluate(&input, None)?) - exact).abs() < 1e-6);
/// # Ok::<(), lacuna_loss_api::LossError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Encoder {
    /// Weight of what is rebuilt, 0.001 in the authors' code.
    pub gamma: f64,
    /// Weight of the term over d1, 1 in the authors' code.
    pub delta: f64,
    /// Guard of the logarithms, 1e-5.
    pub log_epsilon: f64,
    /// Guard of the Beta distribution, 1e-6.
    pub epsilon: f64,
    /// The term over d1.
    pub form: BetaForm,
}

impl Default for Encoder {
    /// The authors' code.
    fn default() -> Self {
        Self { gamma: 0.001, delta: 1.0, log_epsilon: 1e-5, epsilon: 1e-6, form: BetaForm::Published }
    }
}

/// A batch of B rows with D features and C classes.
#[derive(Clone, Copy, Debug)]
pub struct EncoderInput<'a> {
    /// Logits of d1, `[B, C]`.
    pub logits: &'a [f32],
    /// Observed labels, `[B, C]`.
    pub labels: &'a [Label],
    /// Features, `[B, D]`.
    pub features: &'a [f32],
    /// Adjacency of the rows, `[B, B]`.
    pub adjacency: &'a [f32],
    /// Rebuilt features, `[B, D]`.
    pub features_rebuilt: &'a [f32],
    /// Rebuilt labels, `[B, C]`, in [0, 1].
    pub labels_rebuilt: &'a [f32],
    /// B.
    pub rows: usize,
}

/// Where the derivatives are left; overwritten.
#[derive(Debug)]
pub struct EncoderGradients<'a> {
    /// With respect to the logits, `[B, C]`.
    pub logits: &'a mut [f32],
    /// With respect to the rebuilt features, `[B, D]`.
    pub features: &'a mut [f32],
    /// With respect to the rebuilt labels, `[B, C]`.
    pub labels: &'a mut [f32],
}

impl Encoder {
    /// The objective of a batch, with its derivatives if they are wanted.
    ///
    /// # Errors
    /// [`LossError::Shape`] for sizes that do not fit, [`LossError::Parameter`], [`LossError::Target`] for a rebuilt label
    /// outside [0, 1], [`LossError::NonFinite`] for another number that is not finite.
    pub fn evaluate(
        &self,
        input: &EncoderInput<'_>,
        grad: Option<&mut EncoderGradients<'_>>,
    ) -> Result<f32, LossError> {
        let (classes, columns) = self.check(input, grad.as_deref())?;
        let (b, cells) = (input.rows, input.logits.len() as f64);
        let e = self.log_epsilon;
        let kl = BetaKl::new(self.form, self.epsilon)?;
        let mut grad = grad;
        let (mut observed, mut divergence, mut labels) = (0.0, 0.0, 0.0);
        for i in 0..input.logits.len() {
            let z = f64::from(input.logits[i]);
            let (p, n) = (Real::sigmoid(z), Real::sigmoid(-z));
            let y = f64::from(input.labels_rebuilt[i]);
            // The probability whose logarithm counts, and the sign of its derivative by that of being positive.
            let (of_z, of_y, sign) = match input.labels[i] {
                Label::Positive => (p + e, y + e, -1.0),
                Label::Negative | Label::Unknown => (n + e, 1.0 - y + e, 1.0),
            };
            let (value, slope) = kl.cell(z);
            observed -= of_z.ln();
            labels -= of_y.ln();
            divergence += value;
            if let Some(grad) = &mut grad {
                grad.logits[i] = ((sign * p * n / of_z + self.delta * slope) / cells) as f32;
                grad.labels[i] = (self.gamma * sign / of_y / cells) as f32;
            }
        }
        let mut features = 0.0;
        let size = (b * columns) as f64;
        for (i, (rebuilt, x)) in input.features_rebuilt.iter().zip(input.features).enumerate() {
            let gap = f64::from(*rebuilt) - f64::from(*x);
            features += gap * gap;
            if let Some(grad) = &mut grad {
                grad.features[i] = (2.0 * self.gamma * gap / size) as f32;
            }
        }
        let mut adjacency = 0.0;
        let row = |i: usize| &input.labels_rebuilt[i * classes..][..classes];
        let pairs = (b * b) as f64;
        for i in 0..b {
            for j in 0..b {
                let rebuilt: f64 =
                    row(i).iter().zip(row(j)).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
                let gap = rebuilt - f64::from(input.adjacency[i * b + j]);
                adjacency += gap * gap;
                if let Some(grad) = &mut grad {
                    let by = 2.0 * self.gamma * gap / pairs;
                    for (from, to) in [(j, i), (i, j)] {
                        let target = &mut grad.labels[to * classes..][..classes];
                        target
                            .iter_mut()
                            .zip(row(from))
                            .for_each(|(dy, y)| *dy += (by * f64::from(*y)) as f32);
                    }
                }
            }
        }
        let rebuilt = features / size + labels / cells + adjacency / pairs;
        Ok((observed / cells + self.gamma * rebuilt + self.delta * divergence / cells) as f32)
    }

    /// Sizes and numbers; gives classes and features of a row.
    fn check(
        &self,
        input: &EncoderInput<'_>,
        grad: Option<&EncoderGradients<'_>>,
    ) -> Result<(usize, usize), LossError> {
        for (parameter, value, range) in [
            ("gamma", self.gamma, Interval::at_least(0.0)),
            ("delta", self.delta, Interval::at_least(0.0)),
            ("log_epsilon", self.log_epsilon, Interval::open(0.0, 0.5)),
        ] {
            if !range.contains(value) {
                return Err(LossError::Parameter { loss: "smile", parameter, value, range });
            }
        }
        let rows = input.rows;
        let classes = input.logits.len().checked_div(rows).unwrap_or(0);
        let columns = input.features.len().checked_div(rows).unwrap_or(0);
        let sizes = [
            ("the logits", input.logits.len(), classes),
            ("the labels", input.labels.len(), classes),
            ("the rebuilt labels", input.labels_rebuilt.len(), classes),
            ("the features", input.features.len(), columns),
            ("the rebuilt features", input.features_rebuilt.len(), columns),
            ("the adjacency", input.adjacency.len(), rows),
        ];
        let gradients = grad.map(|grad| {
            [
                ("the gradient of the logits", grad.logits.len(), classes),
                ("the gradient of the rebuilt features", grad.features.len(), columns),
                ("the gradient of the rebuilt labels", grad.labels.len(), classes),
            ]
        });
        for (what, found, wide) in sizes.into_iter().chain(gradients.into_iter().flatten()) {
            if found != rows * wide || found == 0 {
                return Err(LossError::Shape { what, found, rows, classes: wide });
            }
        }
        let finite = |x: &[f32], wide: usize| match x.iter().position(|x| !x.is_finite()) {
            Some(i) => Err(LossError::NonFinite { row: i / wide, class: i % wide, value: x[i] }),
            None => Ok(()),
        };
        finite(input.logits, classes)?;
        finite(input.features, columns)?;
        finite(input.features_rebuilt, columns)?;
        finite(input.adjacency, rows)?;
        match input.labels_rebuilt.iter().position(|y| !(0.0..=1.0).contains(y)) {
            Some(i) => {
                let value = input.labels_rebuilt[i];
                Err(LossError::Target { row: i / classes, class: i % classes, value })
            }
            None => Ok((classes, columns)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lacuna_loss_api::Dual;

    /// Value and derivatives are those of the formula in dual numbers, with weights that let every term count.
    #[test]
    fn the_objective_is_its_formula() {
        let number = |i: usize, phase: f64| (i as f64 * 1.3 + phase).sin();
        let (rows, classes, columns) = (3, 4, 2);
        let z: Vec<f32> = (0..rows * classes).map(|i| 2.0 * number(i, 0.1) as f32).collect();
        let y: Vec<f32> = (0..rows * classes).map(|i| 0.5 + 0.45 * number(i, 0.7) as f32).collect();
        let x: Vec<f32> = (0..rows * columns).map(|i| number(i, 1.1) as f32).collect();
        let rebuilt: Vec<f32> = (0..rows * columns).map(|i| number(i, 2.3) as f32).collect();
        let adjacency: Vec<f32> = (0..rows * rows).map(|i| f32::from(u8::from(i % 2 == 1))).collect();
        let labels: Vec<Label> =
            (0..z.len()).map(|i| if i % 3 == 0 { Label::Positive } else { Label::Unknown }).collect();
        let encoder = Encoder { gamma: 0.7, delta: 0.0, ..Encoder::default() };
        let input = EncoderInput {
            logits: &z,
            labels: &labels,
            features: &x,
            adjacency: &adjacency,
            features_rebuilt: &rebuilt,
            labels_rebuilt: &y,
            rows,
        };
        let mut of = [vec![f32::NAN; z.len()], vec![f32::NAN; x.len()], vec![f32::NAN; y.len()]];
        let [logits, features, of_labels] = &mut of;
        let mut grad = EncoderGradients { logits, features, labels: of_labels };
        let value = encoder.evaluate(&input, Some(&mut grad)).unwrap();

        let wide = |x: &[f32]| x.iter().map(|x| f64::from(*x)).collect::<Vec<f64>>();
        let (wide_x, wide_adjacency) = (wide(&x), wide(&adjacency));
        let data = crate::reference::EncoderData {
            labels: &labels,
            features: &wide_x,
            adjacency: &wide_adjacency,
            gamma: encoder.gamma,
            delta: 0.0,
            log_epsilon: encoder.log_epsilon,
            epsilon: encoder.epsilon,
        };
        let all = [wide(&z), wide(&rebuilt), wide(&y)].concat();
        let at = |moved: usize| {
            let dual = |(i, x): (usize, &f64)| Dual::new(*x, f64::from(u8::from(i == moved)));
            let all: Vec<Dual> = all.iter().enumerate().map(dual).collect();
            let (z, rest) = all.split_at(z.len());
            let (x, y) = rest.split_at(x.len());
            crate::reference::encoder(z, x, y, &data)
        };
        assert!((f64::from(value) - at(0).value()).abs() < 1e-6, "{value} and {}", at(0).value());
        for (i, found) in of.concat().into_iter().enumerate() {
            let expected = at(i).derivative();
            assert!((f64::from(found) - expected).abs() < 1e-6, "{i}: {found} and {expected}");
        }
    }

    #[test]
    fn input_is_checked() {
        let base = EncoderInput {
            logits: &[0.1, 0.2, 0.3, 0.4],
            labels: &[Label::Positive, Label::Unknown, Label::Unknown, Label::Positive],
            features: &[1.0, 2.0],
            adjacency: &[0.0, 1.0, 1.0, 0.0],
            features_rebuilt: &[1.0, 2.0],
            labels_rebuilt: &[0.1, 0.5, 0.4, 0.9],
            rows: 2,
        };
        let run = |input: EncoderInput<'_>| Encoder::default().evaluate(&input, None);
        assert!(run(base).is_ok());
        assert!(matches!(run(EncoderInput { rows: 0, ..base }), Err(LossError::Shape { .. })));
        assert!(matches!(run(EncoderInput { rows: 3, ..base }), Err(LossError::Shape { .. })));
        assert!(matches!(run(EncoderInput { adjacency: &[0.0], ..base }), Err(LossError::Shape { .. })));
        let bad = run(EncoderInput { labels_rebuilt: &[0.1, 1.5, 0.4, 0.9], ..base });
        assert!(matches!(bad, Err(LossError::Target { row: 0, class: 1, .. })));
        let bad = run(EncoderInput { logits: &[0.1, 0.2, f32::NAN, 0.4], ..base });
        assert!(matches!(bad, Err(LossError::NonFinite { row: 1, class: 0, .. })));
        for encoder in [
            Encoder { gamma: -1.0, ..Encoder::default() },
            Encoder { delta: f64::NAN, ..Encoder::default() },
            Encoder { log_epsilon: 0.0, ..Encoder::default() },
            Encoder { epsilon: 0.0, ..Encoder::default() },
        ] {
            assert!(matches!(encoder.evaluate(&base, None), Err(LossError::Parameter { .. })));
        }
    }
}
