//! PLC.

use super::case::sigma;
use super::{Case, Formula};
use lacuna_engine::Var;
use lacuna_losses::Label;

pub(crate) const FORMULAS: &[(&str, Formula)] = &[("plc", plc)];

/// Pseudo-labels are chosen in plain Rust: no derivative flows through them.
fn plc(c: &mut Case<'_>) -> Var {
    let (tau, lambda, cells) = (c.p("tau"), c.p("lambda_plc"), c.labels.len() as f64);
    let (weak, strong, labels) = (c.z[0], c.z[1], c.labels);
    let (lp, ln) = (c.lp(weak), c.ln_rest(weak));
    let observed = c.positive_or(lp, ln);
    let observed = c.mean(observed);
    let q: Vec<f64> = c
        .held()
        .into_iter()
        .zip(labels)
        .map(|(z, label)| match label {
            Label::Positive => sigma(z) + 1.0,
            Label::Unknown => sigma(z),
            Label::Negative => 0.0,
        })
        .collect();
    let positive: Vec<bool> = q.iter().map(|&q| q >= tau).collect();
    let selected: Vec<bool> = q.iter().map(|&q| q >= tau || q < 1.0 - tau).collect();
    let count = selected.iter().filter(|selected| **selected).count().max(1) as f64;
    let (lp, ln) = (c.lp(strong), c.ln_rest(strong));
    let which = c.cells(|i| f64::from(u8::from(positive[i])));
    let entries = c.select(which, lp, ln);
    let mask = c.cells(|i| f64::from(u8::from(selected[i])));
    let entries = c.mul(entries, mask);
    let sum = c.sum(entries);
    let pseudo = c.times(sum, lambda / count);
    let loss = c.add(observed, pseudo);
    let scale = c.factor() * cells;
    c.times(loss, scale)
}
