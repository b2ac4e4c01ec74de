//! Cross-entropies and focal losses.

use super::{Case, Formula};
use lacuna_engine::Var;
use lacuna_losses::Label;

pub(crate) const FORMULAS: &[(&str, Formula)] = &[
    ("bce", |c| {
        let entries = of_known(c);
        c.reduced(entries)
    }),
    ("weak-negative-bce", weak_negative),
    ("partial-bce", partial),
    ("soft-bootstrap", soft_bootstrap),
    ("multi-label-logistic", multi_label_logistic),
    ("focal", |c| focal(c, c.p("balance"), c.p("balance"))),
    ("focal-alpha", |c| focal(c, c.p("alpha"), 1.0 - c.p("alpha"))),
];

fn of_known(c: &mut Case<'_>) -> Var {
    let z = c.z[0];
    let (lp, ln, nothing) = (c.lp(z), c.ln_rest(z), c.zeros());
    c.by_kind(lp, ln, nothing)
}

fn weak_negative(c: &mut Case<'_>) -> Var {
    let (z, weight) = (c.z[0], c.p("negative_weight"));
    let (lp, ln) = (c.lp(z), c.ln_rest(z));
    let ln = c.times(ln, weight);
    let entries = c.positive_or(lp, ln);
    c.reduced(entries)
}

fn partial(c: &mut Case<'_>) -> Var {
    let (alpha, beta, gamma) = (c.p("alpha"), c.p("beta"), c.p("gamma"));
    let weights = c.labels.chunks(c.classes).map(|labels| {
        let known = labels.iter().filter(|l| **l != Label::Unknown).count() as f32;
        let share = known / labels.len() as f32;
        if known == 0.0 { 0.0 } else { alpha as f32 * share.powf(gamma as f32) + beta as f32 }
    });
    let weights: Vec<f32> = weights.collect();
    let weights = c.input([weights.len(), 1], &weights);
    let entries = of_known(c);
    let weighted = c.mul(weights, entries);
    c.reduced(weighted)
}

fn focal(c: &mut Case<'_>, a: f64, b: f64) -> Var {
    let (z, gamma) = (c.z[0], c.p("gamma"));
    let (positive, rest) = c.focal_pair(z, gamma);
    let (positive, rest) = (c.times(positive, a), c.times(rest, b));
    let entries = c.positive_or(positive, rest);
    c.reduced(entries)
}

fn soft_bootstrap(c: &mut Case<'_>) -> Var {
    let (z, beta) = (c.z[0], c.p("beta"));
    let (p, n, lp, ln) = (c.sigmoid(z), c.rest(z), c.lp(z), c.ln_rest(z));
    let (up, down) = (c.mul(p, lp), c.mul(n, ln));
    let entropy = c.add(up, down);
    let of_labels = c.positive_or(lp, ln);
    let entries = c.blend(beta, of_labels, 1.0 - beta, entropy);
    c.reduced(entries)
}

fn multi_label_logistic(c: &mut Case<'_>) -> Var {
    let share = |labels: &[Label]| {
        let known = labels.iter().filter(|l| **l != Label::Unknown).count().max(1) as f64;
        (known - 1.0) / (2.0 * known)
    };
    let shares: Vec<f64> = c.labels.chunks(c.classes).map(share).collect();
    let (labels, classes) = (c.labels, c.classes);
    let weight = |i: usize, with: bool| match labels[i] {
        Label::Unknown => 0.0,
        label if (label == Label::Positive) == with => 1.0 - shares[i / classes],
        _ => shares[i / classes],
    };
    let (up, down) = (c.cells(|i| weight(i, true)), c.cells(|i| weight(i, false)));
    let z = c.z[0];
    let (lp, ln) = (c.lp(z), c.ln_rest(z));
    let (up, down) = (c.mul(up, lp), c.mul(down, ln));
    let entries = c.add(up, down);
    c.reduced(entries)
}
