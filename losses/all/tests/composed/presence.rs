//! Presence-only losses. Which class an_slds draws is a constant.

use super::{Case, Formula};
use lacuna_engine::Var;
use lacuna_losses::Label;
use lacuna_losses::presence::{ClassWeighting, class_weights, other_class};

pub(crate) const FORMULAS: &[(&str, Formula)] = &[
    ("presence-an-full", an_full),
    ("presence-an-slds", an_slds),
    ("presence-an-ssdl", an_ssdl),
    ("presence-full-weighted", full_weighted),
];

/// An assumed negative: L_e(n), or minus the entropy.
fn absent(c: &mut Case<'_>, z: Var) -> Var {
    let (e, entropy) = (c.p("log_epsilon"), c.row.info.param("entropy").is_some() && c.p("entropy") == 1.0);
    let ln = c.guarded_ln(z, e);
    if !entropy {
        return ln;
    }
    let lp = c.guarded_lp(z, e);
    let (p, n) = (c.sigmoid(z), c.rest(z));
    let (yes, no) = (c.mul(p, lp), c.mul(n, ln));
    let both = c.add(yes, no);
    c.neg(both)
}

fn an_full(c: &mut Case<'_>) -> Var {
    let (z, background, e, weight) = (c.z[0], c.z[1], c.p("log_epsilon"), c.p("pos_weight"));
    let seen = c.guarded_lp(z, e);
    let seen = c.times(seen, weight);
    let rest = absent(c, z);
    let observed = c.positive_or(seen, rest);
    let drawn = absent(c, background);
    let entries = c.add(observed, drawn);
    c.reduced(entries)
}

/// The positives' L_e(p), and assumed negatives of `other` where `chosen`; the mean over rows.
fn pairs(c: &mut Case<'_>, other: Var, chosen: impl Fn(usize) -> bool) -> Var {
    let (z, e) = (c.z[0], c.p("log_epsilon"));
    let nothing = c.zeros();
    let seen = c.guarded_lp(z, e);
    let seen = c.positive_or(seen, nothing);
    let rest = absent(c, other);
    let chosen = c.cells(|i| f64::from(u8::from(chosen(i))));
    let rest = c.select(chosen, rest, nothing);
    let entries = c.add(seen, rest);
    let sum = c.reduced(entries);
    c.times(sum, c.classes as f64)
}

fn an_slds(c: &mut Case<'_>) -> Var {
    let (z, seed, classes) = (c.z[0], c.p("seed") as u64, c.classes);
    let positive =
        |row: usize| c.labels[row * classes..][..classes].iter().position(|l| *l == Label::Positive).unwrap();
    // Batches of these tests are of step 0.
    let others: Vec<usize> =
        (0..c.rows).map(|row| other_class(seed, 0, c.ids[row], positive(row), classes)).collect();
    pairs(c, z, |i| others[i / classes] == i % classes)
}

fn an_ssdl(c: &mut Case<'_>) -> Var {
    let (background, labels) = (c.z[1], c.labels);
    pairs(c, background, |i| labels[i] == Label::Positive)
}

fn full_weighted(c: &mut Case<'_>) -> Var {
    let (z, background, e) = (c.z[0], c.z[1], c.p("log_epsilon"));
    let (l1, l2) = (c.p("lambda_1"), c.p("lambda_2"));
    let weighting = ClassWeighting::ALL[c.p("weighting") as usize];
    let weights = class_weights(c.train.rows(), c.train.positives(), weighting);
    let presence: Vec<f64> = weights.iter().map(|w| l1 * w).collect();
    let absence: Vec<f64> = weights.iter().map(|w| l2 / (1.0 - 1.0 / w)).collect();
    let (presence, absence) = (c.by_class(&presence), c.by_class(&absence));
    let (seen, rest) = (c.guarded_lp(z, e), c.guarded_ln(z, e));
    let (seen, rest) = (c.mul(seen, presence), c.mul(rest, absence));
    let observed = c.positive_or(seen, rest);
    let drawn = c.guarded_ln(background, e);
    let drawn = c.times(drawn, 1.0 - l2);
    let entries = c.add(observed, drawn);
    c.reduced(entries)
}
