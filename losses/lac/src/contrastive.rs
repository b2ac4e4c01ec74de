//! The supervised contrastive loss over embeddings of (row, class) cells.

use lacuna_loss_api::pointwise::lane_sum;
use lacuna_loss_api::{Interval, LossError, f32x8, lanes, math};

/// Label-aware contrastive loss.
///
/// The rows are embeddings `[cells, views, dimension]` of (row, class) cells that are positive or pseudo-positive. Each
/// cell has the number of its class, counted from 1; 0 is an empty slot of a memory queue and takes no part. With
/// s_ij = f_i f_j / T over all views of all cells and P(i) the others of the same class, to which the other views of the
/// same cell belong:
/// ```text
/// L = mean over i of -(1/|P(i)|) sum_{j in P(i)} (s_ij - ln sum_{k != i} e^s_ik)
/// G_ij = (softmax_ij - [j in P(i)] / |P(i)|) / anchors,   dL/df_i = (1/T) sum_j (G_ij + G_ji) f_j
/// ```
/// An embedding without P(i), which occurs with one view alone, is no anchor; without anchors the loss is 0.
///
/// Xie et al., NeurIPS 2022; xiemk/SPML-LAC@b4af68e6, lib/utils/lacloss.py. The authors hand over embeddings of unit
/// length; this function takes any and does not normalise them.
///
/// ```
/// use lacuna_lac::Contrastive;
///
/// let mut loss = Contrastive::new(0.5)?;
/// // Two cells of two views: the views of each cell agree.
/// let f = [1.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 1.0];
/// let apart = loss.evaluate(&f, &[1, 2], 2, 2, None)?;
/// let together = loss.evaluate(&f, &[1, 1], 2, 2, None)?;
/// assert!(apart < together); // cells of one class should not be apart
/// # Ok::<(), lacuna_loss_api::LossError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Contrastive {
    temperature: f64,
    /// Similarities, then G, `[M, M]` with M embeddings that are not empty.
    similarities: Vec<f32>,
    /// The embeddings that are not empty.
    used: Vec<u32>,
}

impl Contrastive {
    /// The loss with this temperature, 0.5 in the authors' code.
    ///
    /// # Errors
    /// [`LossError::Parameter`] unless it is positive.
    pub fn new(temperature: f64) -> Result<Self, LossError> {
        let range = Interval::above(0.0);
        if !range.contains(temperature) {
            return Err(LossError::Parameter {
                loss: "lac",
                parameter: "temperature",
                value: temperature,
                range,
            });
        }
        Ok(Self { temperature, similarities: Vec::new(), used: Vec::new() })
    }

    /// Memory for so many embeddings that are not empty, so that no later call with as many allocates.
    pub fn reserve(&mut self, embeddings: usize) {
        self.similarities.reserve(embeddings * embeddings);
        self.used.reserve(embeddings);
    }

    /// The loss of embeddings `[labels.len(), views, dimension]`; overwrites `grad`, of the same size, with its
    /// derivatives.
    ///
    /// # Errors
    /// [`LossError::Shape`] for sizes that do not fit, [`LossError::NonFinite`] for an embedding that is not finite; its
    /// row is the number of the cell and view, cell x views + view.
    pub fn evaluate(
        &mut self,
        features: &[f32],
        labels: &[u32],
        views: usize,
        dimension: usize,
        grad: Option<&mut [f32]>,
    ) -> Result<f32, LossError> {
        let rows = labels.len().saturating_mul(views);
        let expected = rows.saturating_mul(dimension);
        let shape = |what, found| Err(LossError::Shape { what, found, rows, classes: dimension });
        if features.len() != expected || expected == 0 {
            return shape("the embeddings", features.len());
        }
        if let Some(grad) = grad.as_deref().filter(|grad| grad.len() != expected) {
            return shape("the gradient", grad.len());
        }
        if let Some(i) = features.iter().position(|x| !x.is_finite()) {
            let (row, class, value) = (i / dimension, i % dimension, features[i]);
            return Err(LossError::NonFinite { row, class, value });
        }
        self.used.clear();
        self.used.extend((0..rows).filter(|i| labels[i / views] > 0).map(|i| i as u32));
        let used = &self.used;
        let m = used.len();
        self.similarities.resize(m * m, 0.0);
        let row = |i: u32| &features[i as usize * dimension..][..dimension];
        let class = |i: u32| labels[i as usize / views];
        let by = (1.0 / self.temperature) as f32;
        for (i, &a) in used.iter().enumerate() {
            for (j, &b) in used.iter().enumerate().take(i) {
                let s = by * dot(row(a), row(b));
                self.similarities[i * m + j] = s;
                self.similarities[j * m + i] = s;
            }
            // e^-inf is 0: an embedding is not compared with itself.
            self.similarities[i * m + i] = f32::NEG_INFINITY;
        }
        let anchors = used.iter().filter(|a| used.iter().any(|b| b != *a && class(*b) == class(**a))).count();
        let mut total = 0.0;
        for (&a, s) in used.iter().zip(self.similarities.chunks_mut(m.max(1))) {
            let positives = used.iter().filter(|b| **b != a && class(**b) == class(a)).count();
            if positives == 0 {
                s.fill(0.0);
                continue;
            }
            let share = 1.0 / positives as f64;
            let of_positives: f64 = (used.iter().zip(&*s))
                .filter(|(b, _)| **b != a && class(**b) == class(a))
                .map(|(_, s)| f64::from(*s))
                .sum();
            let largest = s.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let sum = exponentials(s, largest);
            total += f64::from(largest) + sum.ln() - share * of_positives;
            for (s, &b) in s.iter_mut().zip(used) {
                let target = if b != a && class(b) == class(a) { share } else { 0.0 };
                *s = ((f64::from(*s) / sum - target) / anchors as f64) as f32;
            }
        }
        if let Some(grad) = grad {
            grad.fill(0.0);
            for (i, &a) in used.iter().enumerate() {
                let out = &mut grad[a as usize * dimension..][..dimension];
                for (j, &b) in used.iter().enumerate() {
                    let g = by * (self.similarities[i * m + j] + self.similarities[j * m + i]);
                    add_scaled(g, row(b), out);
                }
            }
        }
        Ok((total / anchors.max(1) as f64) as f32)
    }
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    let products = a.chunks(8).zip(b.chunks(8));
    let sum = products.fold(f32x8::splat(0.0), |sum, (a, b)| lanes::load(a).mul_add(lanes::load(b), sum));
    lane_sum(sum) as f32
}

/// out += by x.
fn add_scaled(by: f32, x: &[f32], out: &mut [f32]) {
    for (x, out) in x.chunks(8).zip(out.chunks_mut(8)) {
        lanes::store(lanes::load(x).mul_add(f32x8::splat(by), lanes::load(out)), out);
    }
}

/// Replaces s by e^(s - largest) and returns the sum.
fn exponentials(s: &mut [f32], largest: f32) -> f64 {
    let mut sum = 0.0;
    for s in s.chunks_mut(8) {
        let e = math::exp(lanes::load_or(s, f32::NEG_INFINITY) - f32x8::splat(largest));
        sum += lane_sum(e);
        lanes::store(e, s);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference;
    use lacuna_loss_api::{Dual, Real};

    fn features(n: usize) -> Vec<f32> {
        (0..n).map(|i| ((i * 37 % 23) as f32 - 11.0) / 12.0).collect()
    }

    #[test]
    fn value_and_gradient_are_those_of_the_formula() {
        for (labels, views, dimension) in [
            (&[1, 2, 1, 3, 0, 2][..], 2, 5),
            (&[1, 1], 1, 9),
            (&[4], 3, 8),
            (&[2, 1, 2, 0, 0], 1, 3),
            (&[1, 2, 3], 1, 4),
            (&[0, 0], 2, 4),
        ] {
            let f = features(labels.len() * views * dimension);
            let mut loss = Contrastive::new(0.3).unwrap();
            let mut grad = vec![f32::NAN; f.len()];
            let value = loss.evaluate(&f, labels, views, dimension, Some(&mut grad)).unwrap();
            assert_eq!(loss.evaluate(&f, labels, views, dimension, None), Ok(value));
            let mut duals: Vec<Dual> = f.iter().map(|&x| Dual::of(f64::from(x))).collect();
            for i in 0..f.len() {
                duals[i] = Dual::variable(f64::from(f[i]));
                let exact = reference::contrastive(&duals, labels, views, dimension, 0.3);
                duals[i] = Dual::of(f64::from(f[i]));
                assert!((f64::from(value) - exact.value()).abs() < 1e-5 * (1.0 + exact.value()));
                let close = (f64::from(grad[i]) - exact.derivative()).abs() < 2e-5;
                assert!(close, "{labels:?}, {i}: {} for {}", grad[i], exact.derivative());
            }
        }
    }

    #[test]
    fn input_is_checked() {
        let mut loss = Contrastive::new(0.5).unwrap();
        assert!(matches!(loss.evaluate(&[0.0; 3], &[1], 2, 2, None), Err(LossError::Shape { .. })));
        assert!(matches!(loss.evaluate(&[], &[], 2, 2, None), Err(LossError::Shape { .. })));
        let bad = loss.evaluate(&[0.0, 0.0, 0.0, f32::NAN], &[1], 2, 2, None);
        assert!(matches!(bad, Err(LossError::NonFinite { row: 1, class: 1, .. })));
        let short = loss.evaluate(&[0.0; 4], &[1], 2, 2, Some(&mut [0.0; 3]));
        assert!(matches!(short, Err(LossError::Shape { .. })));
        for temperature in [0.0, -1.0, f64::NAN] {
            assert!(matches!(Contrastive::new(temperature), Err(LossError::Parameter { .. })));
        }
    }
}
