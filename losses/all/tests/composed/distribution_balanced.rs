//! The distribution-balanced code.

use super::{Case, Twin, case::sigma};
use lacuna_engine::Var;
use lacuna_losses::Label;

pub(crate) const TWINS: &[(&str, Twin)] = &[
    ("r-bce", |c| balanced(c, rebalance, Shift::Code)),
    ("r-bce-voc", |c| balanced(c, rebalance, Shift::Code)),
    ("r-bce-focal", |c| balanced(c, rebalance, Shift::Code)),
    ("r-bce-focal-voc", |c| balanced(c, rebalance, Shift::Code)),
    ("db", |c| balanced(c, rebalance, Shift::Code)),
    ("db-voc", |c| balanced(c, rebalance, Shift::Code)),
    ("db-focal", |c| balanced(c, rebalance, Shift::Code)),
    ("db-focal-voc", |c| balanced(c, rebalance, Shift::Code)),
    ("rw-inv", |c| balanced(c, |c, i| 1.0 / c.priors()[i % c.classes], Shift::Code)),
    ("rw-sqrt-inv", |c| balanced(c, |c, i| 1.0 / c.priors()[i % c.classes].sqrt(), Shift::Code)),
    ("cb", |c| balanced(c, effective_number, Shift::Code)),
    ("cb-focal", |c| balanced(c, effective_number, Shift::Code)),
];

/// alpha + sigma(beta (r - mu)), r the share of the class in 1/n over the positives of the row.
pub(crate) fn rebalance(c: &Case<'_>, i: usize) -> f64 {
    let counts = c.train.positives();
    let (row, class) = (i / c.classes, i % c.classes);
    let positive = (0..c.classes).filter(|&k| c.labels[row * c.classes + k] == Label::Positive);
    // From +0, so that r is +infinite in a row without positives.
    let sum = positive.fold(0.0, |sum, k| sum + counts[k].recip());
    let r = counts[class].recip() / sum;
    c.p("map_alpha") + sigma(c.p("map_beta") * (r - c.p("map_gamma")))
}

fn effective_number(c: &Case<'_>, i: usize) -> f64 {
    let (b, n) = (c.p("cb_beta"), c.train.positives()[i % c.classes]);
    (1.0 - b) / (1.0 - b.powf(n))
}

/// Whether the shift of the logits is divided by the negative scale, as in the code, or not, as in the paper.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Shift {
    Code,
    Paper,
}

/// Parameters that the row does not have are those of plain cross-entropy.
pub(crate) fn balanced(c: &mut Case<'_>, weight: fn(&Case<'_>, usize) -> f64, shift: Shift) -> Var {
    let z = c.z[0];
    let has = |c: &Case<'_>, name: &str| c.row.info.param(name).is_some();
    let lambda = if has(c, "neg_scale") { c.p("neg_scale") } else { 1.0 };
    let kappa = if has(c, "init_bias") { c.p("init_bias") } else { 0.0 };
    let by = if shift == Shift::Code { kappa / lambda } else { kappa };
    let shifts: Vec<f64> = c.priors().iter().map(|prior| by * (prior / (1.0 - prior)).ln()).collect();
    let shifts = c.by_class(&shifts);
    let s = c.add(z, shifts);
    let scaled = c.times(s, lambda);
    let (lp, ln) = (c.lp(s), c.ln_rest(scaled));
    let bce = c.positive_or(lp, ln);
    let weights: Vec<f64> = (0..c.labels.len()).map(|i| weight(c, i)).collect();
    let labels = c.labels;
    let weights = c.cells(|i| if labels[i] == Label::Positive { weights[i] } else { weights[i] / lambda });
    let mut entries = c.mul(weights, bce);
    if has(c, "focal_gamma") {
        let (balance, gamma) = (c.p("focal_balance"), c.p("focal_gamma"));
        // u = 1 - e^-bce.
        let away = c.neg(bce);
        let less = c.expm1(away);
        let u = c.neg(less);
        let focus = c.pow(u, gamma as f32);
        let focus = c.times(focus, balance);
        entries = c.mul(focus, entries);
    }
    c.reduced(entries)
}
