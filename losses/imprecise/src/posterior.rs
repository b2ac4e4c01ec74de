//! The posterior of a row in time of unknown cells times numbers of positives.

use crate::reference::{HELD, LEAST};
use lacuna_loss_api::Label;

/// Finds q for the unknown cells of a row; the buffers are kept from row to row.
///
/// With F_i(s) the probability of s positives among the first i cells, P(S = s) = F_U(s). Let a_s = P(s) / P(S = s).
/// q_i = p_i sum_s a_s P(S without i = s - 1), in which the cells behind i are summed over by
/// A_U(s) = a_s, A_i(s) = n_i A_{i+1}(s) + p_i A_{i+1}(s + 1): it is p_i sum_s F_i(s) A_{i+1}(s + 1).
/// Every term is positive, so nothing cancels.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Posterior {
    expected: f64,
    /// Cells that are unknown, and what they are predicted to be: p and n.
    cells: Vec<(usize, [f64; 2])>,
    /// F_i(s), `[U + 1, counts]`.
    first: Vec<f64>,
    /// A_i(s), `[counts]`, one cell at a time.
    adjoint: Vec<f64>,
}

impl Posterior {
    pub(crate) fn new(expected: f64) -> Self {
        Self { expected, cells: Vec::new(), first: Vec::new(), adjoint: Vec::new() }
    }

    /// Targets of a row: 1 and 0 for known cells, q for the others.
    pub(crate) fn fill(&mut self, z: &[f32], labels: &[Label], targets: &mut [f32]) {
        let Self { expected, cells, first, adjoint } = self;
        cells.clear();
        let mut observed = 0;
        for (i, (&label, target)) in labels.iter().zip(&mut *targets).enumerate() {
            *target = f32::from(u8::from(label.is_positive()));
            observed += usize::from(label.is_positive());
            if !label.is_known() {
                // One exponential serves both: e = e^-|z|, and 1 / (1 + e) belongs to the likelier side.
                let z = f64::from(z[i]).clamp(-HELD, HELD);
                let e = (-z.abs()).exp();
                let (likely, other) = (1.0 / (1.0 + e), e / (1.0 + e));
                cells.push((i, if z > 0.0 { [likely, other] } else { [other, likely] }));
            }
        }
        let counts = counts(*expected, observed, cells.len());
        first.clear();
        first.resize((cells.len() + 1) * counts, 0.0);
        first[0] = 1.0;
        for (i, &(_, [p, n])) in cells.iter().enumerate() {
            let (before, after) = first[i * counts..(i + 2) * counts].split_at_mut(counts);
            after[0] = n * before[0];
            for s in 1..counts {
                after[s] = n * before[s] + p * before[s - 1];
            }
        }
        // A_U: the prior over the probability, scaled so that the prior of what is possible adds up to 1. As logarithms,
        // because with many cells what is possible can lie far from where the prior is.
        adjoint.clear();
        adjoint.resize(counts + 1, f64::NEG_INFINITY);
        let whole = &first[cells.len() * counts..];
        let mut log = 0.0;
        for s in 0..counts {
            if whole[s] >= LEAST {
                adjoint[s] = log;
            }
            log += (*expected / (observed + s + 1) as f64).ln();
        }
        let largest = adjoint.iter().fold(f64::NEG_INFINITY, |m, &log| m.max(log));
        let mut total = 0.0;
        for (a, whole) in adjoint.iter_mut().zip(whole) {
            let prior = if *a == f64::NEG_INFINITY { 0.0 } else { (*a - largest).exp() };
            total += prior;
            *a = if prior == 0.0 { 0.0 } else { prior / whole };
        }
        adjoint[counts] = 0.0;
        if total == 0.0 {
            return cells.iter().for_each(|&(i, [p, _])| targets[i] = p as f32);
        }
        adjoint.iter_mut().for_each(|a| *a /= total);
        for (i, &(cell, [p, n])) in cells.iter().enumerate().rev() {
            let before = &first[i * counts..(i + 1) * counts];
            let q: f64 = before.iter().zip(&adjoint[1..]).map(|(f, a)| f * a).sum();
            targets[cell] = ((p * q).min(1.0)) as f32;
            for s in 0..counts {
                adjoint[s] = n * adjoint[s] + p * adjoint[s + 1];
            }
        }
    }
}

/// How many numbers s = 0, 1, ... of positives among the unknown cells are looked at: up to all of them, but not beyond
/// where the prior has lost all weight against its largest.
pub(crate) fn counts(expected: f64, observed: usize, unknown: usize) -> usize {
    let far = expected + 10.0 * expected.sqrt() + 20.0;
    (far as usize).saturating_sub(observed).max(20).min(unknown) + 1
}
