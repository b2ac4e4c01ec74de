//! Imprecise labels with a prior on the number of positives.

use super::case::sigma;
use super::{Case, Twin};
use lacuna_engine::Var;
use lacuna_losses::Label;

pub(crate) const TWINS: &[(&str, Twin)] = &[("ill-count", count_prior)];

/// The posterior is no operation of the tape; it is summed over numbers of positives here, by tables of all unknown cells
/// and of all but one.
fn count_prior(c: &mut Case<'_>) -> Var {
    let (k, z, classes) = (c.p("expected_positives"), c.held(), c.classes);
    let mut targets = vec![0.0; z.len()];
    for row in 0..c.rows {
        let cells = row * classes..(row + 1) * classes;
        let observed = c.labels[cells.clone()].iter().filter(|l| **l == Label::Positive).count();
        let unknown: Vec<usize> = cells.clone().filter(|&i| c.labels[i] == Label::Unknown).collect();
        let prior = |s: usize| (1..=observed + s).map(|j| k / j as f64).product::<f64>();
        let total: f64 = (0..=unknown.len()).map(prior).sum();
        let whole = numbers(&z, unknown.iter().copied());
        for i in cells {
            targets[i] = match c.labels[i] {
                Label::Positive => 1.0,
                Label::Negative => 0.0,
                Label::Unknown => {
                    let others = numbers(&z, unknown.iter().copied().filter(|&j| j != i));
                    let given = |s: usize| prior(s) / total * sigma(z[i]) * others[s - 1] / whole[s];
                    (1..=unknown.len()).map(given).sum()
                }
            };
        }
    }
    let (t, rest) = (c.cells(|i| targets[i]), c.cells(|i| 1.0 - targets[i]));
    let z = c.z[0];
    let (lp, ln) = (c.lp(z), c.ln_rest(z));
    let (up, down) = (c.mul(t, lp), c.mul(rest, ln));
    let entries = c.add(up, down);
    c.reduced(entries)
}

/// The probability of 0, 1, ... positives among these cells.
fn numbers(z: &[f64], cells: impl Iterator<Item = usize>) -> Vec<f64> {
    cells.fold(vec![1.0], |of: Vec<f64>, i| {
        let p = sigma(z[i]);
        let at = |s: usize| of.get(s).copied().unwrap_or(0.0);
        (0..=of.len()).map(|s| (1.0 - p) * at(s) + if s > 0 { p * at(s - 1) } else { 0.0 }).collect()
    })
}
