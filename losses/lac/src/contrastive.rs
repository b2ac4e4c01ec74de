//! The supervised contrastive loss over embeddings of (row, class) cells.

use lacuna_loss_api::pointwise::lane_sum;
use lacuna_loss_api::{Exec, Interval, LossError, Matrix, Write, f32x8, gemm, lanes, math};

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
    /// Their classes.
    classes: Vec<u32>,
    /// Their numbers, `[M, dimension]`.
    gathered: Vec<f32>,
    /// G + G^T of the embeddings whose derivatives are wanted, and these derivatives.
    both: Vec<f32>,
    derivatives: Vec<f32>,
    /// Number of embeddings of each class, by its number.
    counts: Vec<u32>,
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
        Ok(Self {
            temperature,
            similarities: vec![],
            used: vec![],
            classes: vec![],
            gathered: vec![],
            both: vec![],
            derivatives: vec![],
            counts: vec![],
        })
    }

    /// Memory for so many embeddings that are not empty, `wanted` of which need derivatives, in `classes` classes, so that no later
    /// call with as many allocates.
    pub fn reserve(&mut self, embeddings: usize, wanted: usize, dimension: usize, classes: usize) {
        self.similarities.reserve(embeddings * embeddings);
        self.used.reserve(embeddings);
        self.classes.reserve(embeddings);
        self.gathered.reserve(embeddings * dimension);
        self.both.reserve(wanted * embeddings);
        self.derivatives.reserve(wanted * dimension);
        self.counts.reserve(classes + 1);
    }

    /// The loss of embeddings `[labels.len(), views, dimension]`; overwrites `grad` with its derivatives by the first embeddings, as
    /// many as its length says: those of a memory queue, which stands at the end, are constants.
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
        let whole = |grad: &[f32]| grad.len() <= expected && grad.len().is_multiple_of(dimension);
        if let Some(grad) = grad.as_deref().filter(|grad| !whole(grad)) {
            return shape("the gradient", grad.len());
        }
        if let Some(i) = features.iter().position(|x| !x.is_finite()) {
            let (row, class, value) = (i / dimension, i % dimension, features[i]);
            return Err(LossError::NonFinite { row, class, value });
        }
        self.gather(features, labels, views, dimension);
        let m = self.used.len();
        self.similarities.resize(m * m, 0.0);
        if m > 0 {
            let f = Matrix::new(&self.gathered, m, dimension);
            gemm(Exec::Serial, Write::Set, f, f.transposed(), &mut self.similarities);
        }
        let total = self.softmax();
        let anchors = self.classes.iter().filter(|class| self.counts[**class as usize] > 1).count();
        if let Some(grad) = grad {
            self.differentiate(grad, dimension, anchors);
        }
        Ok((total / anchors.max(1) as f64) as f32)
    }

    /// Copies the embeddings that are not empty, and counts those of each class.
    fn gather(&mut self, features: &[f32], labels: &[u32], views: usize, dimension: usize) {
        let Self { used, classes, gathered, counts, .. } = self;
        for list in [&mut *used, classes, counts] {
            list.clear();
        }
        gathered.clear();
        counts.resize(labels.iter().max().map_or(0, |label| *label as usize) + 1, 0);
        for (i, x) in features.chunks_exact(dimension).enumerate() {
            let label = labels[i / views];
            if label > 0 {
                used.push(i as u32);
                classes.push(label);
                gathered.extend_from_slice(x);
                counts[label as usize] += 1;
            }
        }
    }

    /// Replaces the products f_i f_j by G_ij without its division by the number of anchors; the sum of the losses of all anchors.
    fn softmax(&mut self) -> f64 {
        let by = (1.0 / self.temperature) as f32;
        let m = self.used.len();
        let mut total = 0.0;
        for (i, (s, &class)) in self.similarities.chunks_mut(m.max(1)).zip(&self.classes).enumerate() {
            let positives = self.counts[class as usize] - 1;
            if positives == 0 {
                s.fill(0.0);
                continue;
            }
            // e^-inf is 0: an embedding is not compared with itself.
            s.iter_mut().for_each(|s| *s *= by);
            s[i] = f32::NEG_INFINITY;
            let share = 1.0 / f64::from(positives);
            let of_positives: f64 = (self.classes.iter().zip(&*s).enumerate())
                .filter(|(j, (other, _))| **other == class && *j != i)
                .map(|(_, (_, s))| f64::from(*s))
                .sum();
            let largest = s.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let sum = exponentials(s, largest);
            total += f64::from(largest) + sum.ln() - share * of_positives;
            let (by_sum, target) = ((1.0 / sum) as f32, share as f32);
            for (s, &other) in s.iter_mut().zip(&self.classes) {
                *s = *s * by_sum - if other == class { target } else { 0.0 };
            }
            s[i] = 0.0;
        }
        total
    }

    /// dL/df_i = (1/T) sum_j (G_ij + G_ji) f_j of the first embeddings.
    fn differentiate(&mut self, grad: &mut [f32], dimension: usize, anchors: usize) {
        grad.fill(0.0);
        let m = self.used.len();
        let wanted = self.used.iter().filter(|i| (**i as usize) < grad.len() / dimension).count();
        if wanted == 0 || anchors == 0 {
            return;
        }
        let by = (1.0 / (self.temperature * anchors as f64)) as f32;
        let g = &self.similarities;
        self.both.clear();
        for i in 0..wanted {
            self.both.extend((0..m).map(|j| by * (g[i * m + j] + g[j * m + i])));
        }
        self.derivatives.resize(wanted * dimension, 0.0);
        let (both, f) = (Matrix::new(&self.both, wanted, m), Matrix::new(&self.gathered, m, dimension));
        gemm(Exec::Serial, Write::Set, both, f, &mut self.derivatives);
        for (&i, derivatives) in self.used.iter().zip(self.derivatives.chunks_exact(dimension)) {
            grad[i as usize * dimension..][..dimension].copy_from_slice(derivatives);
        }
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
            // Without the last cell, as if it were of a queue.
            let mut first = vec![f32::NAN; f.len() - views * dimension];
            assert_eq!(loss.evaluate(&f, labels, views, dimension, Some(&mut first)), Ok(value));
            assert_eq!(first, grad[..first.len()]);
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
    fn what_is_reserved_is_enough() {
        let (labels, views, dimension) = ([1, 2, 1, 3, 2, 1, 3], 2, 5);
        let f = features(labels.len() * views * dimension);
        let mut loss = Contrastive::new(0.3).unwrap();
        let capacities = |loss: &Contrastive| {
            let numbers =
                [&loss.similarities, &loss.gathered, &loss.both, &loss.derivatives].map(Vec::capacity);
            (numbers, [&loss.used, &loss.classes, &loss.counts].map(Vec::capacity))
        };
        // The last cell is of a queue.
        let mut grad = vec![0.0; f.len() - views * dimension];
        loss.reserve(labels.len() * views, grad.len() / dimension, dimension, 3);
        let before = capacities(&loss);
        loss.evaluate(&f, &labels, views, dimension, Some(&mut grad)).unwrap();
        assert_eq!(capacities(&loss), before);
    }

    #[test]
    fn input_is_checked() {
        let mut loss = Contrastive::new(0.5).unwrap();
        assert!(matches!(loss.evaluate(&[0.0; 3], &[1], 2, 2, None), Err(LossError::Shape { .. })));
        assert!(matches!(loss.evaluate(&[], &[], 2, 2, None), Err(LossError::Shape { .. })));
        let bad = loss.evaluate(&[0.0, 0.0, 0.0, f32::NAN], &[1], 2, 2, None);
        assert!(matches!(bad, Err(LossError::NonFinite { row: 1, class: 1, .. })));
        for grad in [&mut [0.0; 3][..], &mut [0.0; 6]] {
            let result = loss.evaluate(&[0.0; 4], &[1], 2, 2, Some(grad));
            assert!(matches!(result, Err(LossError::Shape { .. })));
        }
        for temperature in [0.0, -1.0, f64::NAN] {
            assert!(matches!(Contrastive::new(temperature), Err(LossError::Parameter { .. })));
        }
    }
}
