//! Entropy maximisation, with and without pseudo-labels.

use super::{Case, Formula};
use lacuna_engine::Var;
use lacuna_losses::Label;

pub(crate) const FORMULAS: &[(&str, Formula)] = &[
    ("em", em),
    ("em-coco", em),
    ("em-nus", em),
    ("em-cub", em),
    ("em-apl", em_apl),
    ("em-apl-coco", em_apl),
    ("em-apl-nus", em_apl),
    ("em-apl-cub", em_apl),
];

/// Costs of the entries without pseudo-labels, and both guarded logarithms.
fn entries(c: &mut Case<'_>) -> (Var, Var, Var) {
    let (z, alpha, e) = (c.z[0], c.p("alpha"), c.p("log_epsilon"));
    let (p, n) = (c.sigmoid(z), c.rest(z));
    let (lp, ln) = (c.guarded_lp(z, e), c.guarded_ln(z, e));
    let (a, b) = (c.mul(p, lp), c.mul(n, ln));
    let entropy = c.add(a, b);
    let unknown = c.times(entropy, -alpha);
    (c.by_kind(lp, ln, unknown), lp, ln)
}

fn em(c: &mut Case<'_>) -> Var {
    let (entries, _, _) = entries(c);
    c.reduced(entries)
}

fn em_apl(c: &mut Case<'_>) -> Var {
    let beta = c.p("beta");
    let classes = c.classes;
    let mut soft = vec![0.0; c.labels.len()];
    for pair in c.entry("pseudo_labels")[2..].chunks(2) {
        let (sample, class) = (pair[0] as usize / classes, pair[0] as usize % classes);
        if let Some(row) = c.ids.iter().position(|&id| id as usize == sample)
            && c.labels[row * classes + class] == Label::Unknown
        {
            soft[row * classes + class] = -pair[1];
        }
    }
    let (plain, lp, ln) = entries(c);
    let (target, not_target) = (c.cells(|i| soft[i]), c.cells(|i| 1.0 - soft[i]));
    let (a, b) = (c.mul(target, lp), c.mul(not_target, ln));
    let cost = c.add(a, b);
    let pseudo = c.times(cost, beta);
    let entries = c.select(target, pseudo, plain);
    c.reduced(entries)
}
