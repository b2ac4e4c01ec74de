//! Large-loss methods. Which entries are kept is chosen outside the tape.

use super::{Case, Formula};
use lacuna_engine::Var;
use lacuna_losses::Label;

pub(crate) const FORMULAS: &[(&str, Formula)] = &[
    ("ll-r", |c| large_loss(c, false, |c| 1.0 - rate(c))),
    ("ll-ct", |c| large_loss(c, true, |c| 1.0 - rate(c))),
    ("ll-cp", |c| large_loss(c, true, |c| c.p("delta_rel") / 100.0)),
];

/// 1 in the first epoch, less after each, by repeated subtraction.
fn rate(c: &Case<'_>) -> f64 {
    (0..c.epoch).fold(1.0, |rate, _| f64::max(rate - c.p("delta_rel") / 100.0, 0.0))
}

/// What is rejected of a share of the entries counts with the other target if `flip`, else nothing.
fn large_loss(c: &mut Case<'_>, flip: bool, share: fn(&Case<'_>) -> f64) -> Var {
    let (z, classes) = (c.z[0], c.classes);
    let corrected = c.entry("corrected")[1..].to_vec();
    let label = |i: usize| {
        let cell = f64::from(c.ids[i / classes]) * classes as f64 + (i % classes) as f64;
        match c.labels[i] {
            Label::Unknown if corrected.contains(&cell) => Label::Positive,
            label => label,
        }
    };
    let labels: Vec<Label> = (0..c.labels.len()).map(label).collect();
    let costs: Vec<f64> = c.held().iter().zip(&labels).map(|(z, l)| unobserved(*z, *l)).collect();
    let kept: Vec<bool> = if rate(c) == 1.0 {
        vec![true; costs.len()]
    } else {
        let count = (costs.len() as f64 * share(c)).ceil() as usize;
        let mut ranked = costs.clone();
        ranked.sort_by(|a, b| b.total_cmp(a));
        let theta = ranked[count.clamp(1, costs.len()) - 1];
        costs.iter().map(|cost| *cost < theta).collect()
    };
    let positive = c.cells(|i| f64::from(u8::from(labels[i] == Label::Positive)));
    let (lp, ln) = (c.lp(z), c.ln_rest(z));
    let (plain, flipped) = (c.select(positive, lp, ln), c.select(positive, ln, lp));
    let kept = c.cells(|i| f64::from(u8::from(kept[i])));
    let nothing = c.zeros();
    let entries = c.select(kept, plain, if flip { flipped } else { nothing });
    c.reduced(entries)
}

/// The cost of an unknown cell as a negative, 0 elsewhere.
fn unobserved(z: f64, label: Label) -> f64 {
    if label == Label::Unknown { z.max(0.0) + (-z.abs()).exp().ln_1p() } else { 0.0 }
}
