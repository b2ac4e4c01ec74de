//! Label sets with a prior on their size: the posterior is a constant, found by enumeration.

use super::case::sigma;
use super::{Case, Formula};
use lacuna_engine::Var;
use lacuna_losses::Label;

pub(crate) const FORMULAS: &[(&str, Formula)] = &[("imprecise", imprecise)];

fn imprecise(c: &mut Case<'_>) -> Var {
    let (z, targets) = (c.z[0], targets(c));
    let t = c.cells(|i| targets[i]);
    let rest = c.cells(|i| 1.0 - targets[i]);
    let (lp, ln) = (c.lp(z), c.ln_rest(z));
    let (of_t, of_rest) = (c.mul(t, lp), c.mul(rest, ln));
    let entries = c.add(of_t, of_rest);
    c.reduced(entries)
}

/// What is known of a cell, else the share of the label sets that have it, by what model and prior make of them.
fn targets(c: &Case<'_>) -> Vec<f64> {
    let (mean, strength) = (c.p("expected_positives"), c.p("strength"));
    let prior = |k: usize| {
        let factorial: f64 = (1..=k).map(|i| i as f64).product();
        (mean.powi(k as i32) / factorial).powf(strength)
    };
    let mut targets: Vec<f64> =
        c.labels.iter().map(|label| f64::from(u8::from(*label == Label::Positive))).collect();
    for row in 0..c.rows {
        let cells = row * c.classes..(row + 1) * c.classes;
        let known = c.labels[cells.clone()].iter().filter(|l| **l == Label::Positive).count();
        let unknown: Vec<usize> = cells.filter(|i| c.labels[*i] == Label::Unknown).collect();
        let p: Vec<f64> = unknown.iter().map(|i| sigma(f64::from(c.logits[0][*i]))).collect();
        let (mut yes, mut all) = (vec![0.0; p.len()], 0.0);
        for set in 0..1u64 << p.len() {
            let has = |j: usize| set >> j & 1 == 1;
            let likelihood: f64 = (0..p.len()).map(|j| if has(j) { p[j] } else { 1.0 - p[j] }).product();
            let weight = likelihood * prior(set.count_ones() as usize + known);
            all += weight;
            (0..p.len()).filter(|j| has(*j)).for_each(|j| yes[j] += weight);
        }
        unknown.iter().zip(yes).for_each(|(i, yes)| targets[*i] = yes / all);
    }
    targets
}
