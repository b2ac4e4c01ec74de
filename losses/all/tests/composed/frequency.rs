//! Losses by class frequency: margins, logit adjustment, propensities, distribution-balanced.

use super::{Case, Formula};
use lacuna_engine::Var;
use lacuna_losses::Label;

pub(crate) const FORMULAS: &[(&str, Formula)] = &[
    ("ldam-bce", |c| {
        let (z, s) = (c.z[0], c.p("s"));
        let margins = margins(c);
        let margins = c.by_class(&margins);
        let led = c.sub(z, margins);
        let (led, plain) = (c.times(led, s), c.times(z, s));
        let (lp, ln) = (c.lp(led), c.ln_rest(plain));
        let entries = c.positive_or(lp, ln);
        c.reduced(entries)
    }),
    ("ldam-softmax", |c| {
        let (margins, classes, labels, s) = (margins(c), c.classes, c.labels, c.p("s"));
        let margin = |i: usize| if labels[i] == Label::Positive { margins[i % classes] } else { 0.0 };
        let margin = c.cells(margin);
        let (z, scale) = (c.z[0], s);
        let led = c.sub(z, margin);
        let x = c.times(led, scale);
        exclusive(c, x)
    }),
    ("drop-loss", drop_loss),
    ("logit-adjust", |c| logit_adjust(c, |prior| prior.ln())),
    ("logit-adjust-odds", |c| logit_adjust(c, |prior| (prior / (1.0 - prior)).ln())),
    ("logit-adjust-softmax", |c| {
        let tau = c.p("tau");
        let offsets: Vec<f64> = c.priors().iter().map(|prior| tau * prior.ln()).collect();
        let (z, offsets) = (c.z[0], c.by_class(&offsets));
        let x = c.add(z, offsets);
        exclusive(c, x)
    }),
    ("unbiased-bce", |c| propensity(c, true, false)),
    ("unbiased-hinge", |c| propensity(c, true, true)),
    ("upper-bce", |c| propensity(c, false, false)),
    ("upper-hinge", |c| propensity(c, false, true)),
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

/// n^(-1/4), the largest of them being max_m.
fn margins(c: &Case<'_>) -> Vec<f64> {
    let rarest = c.train.positives().iter().copied().fold(f64::INFINITY, f64::min);
    c.train.positives().iter().map(|n| c.p("max_m") * (rarest / n).sqrt().sqrt()).collect()
}

/// The mean over rows of -ln softmax(x) at the positive.
fn exclusive(c: &mut Case<'_>, x: Var) -> Var {
    let logs = c.log_softmax(x);
    let class = c.by_label(-1.0, 0.0, 0.0);
    let cost = c.mul(class, logs);
    let sum = c.sum(cost);
    let scale = c.factor() * c.classes as f64;
    c.times(sum, scale)
}

fn logit_adjust(c: &mut Case<'_>, of_prior: fn(f64) -> f64) -> Var {
    let tau = c.p("tau");
    let offsets: Vec<f64> = c.priors().into_iter().map(|prior| tau * of_prior(prior)).collect();
    let (z, offsets) = (c.z[0], c.by_class(&offsets));
    let x = c.add(z, offsets);
    let (lp, ln) = (c.lp(x), c.ln_rest(x));
    let entries = c.positive_or(lp, ln);
    c.reduced(entries)
}

fn propensity(c: &mut Case<'_>, unbiased: bool, hinge: bool) -> Var {
    let (z, a, b, rows) = (c.z[0], c.p("a"), c.p("b"), c.train.rows());
    let inverse = |n: &f64| 1.0 + (rows.ln() - 1.0) * ((b + 1.0) / (n + b)).powf(a);
    let inverse: Vec<f64> = c.train.positives().iter().map(inverse).collect();
    let (positive, negative) = if hinge {
        let away = c.neg(z);
        [away, z]
            .map(|x| {
                let over = c.plus(x, 1.0);
                let over = c.relu(over);
                c.mul(over, over)
            })
            .into()
    } else {
        (c.lp(z), c.ln_rest(z))
    };
    let observed = if unbiased {
        let weights = c.by_class(&inverse);
        let gap = c.sub(positive, negative);
        let weighted = c.mul(gap, weights);
        c.add(weighted, negative)
    } else {
        let weights: Vec<f64> = inverse.iter().map(|i| 2.0 * i - 1.0).collect();
        let weights = c.by_class(&weights);
        c.mul(positive, weights)
    };
    let entries = c.positive_or(observed, negative);
    c.reduced(entries)
}

/// alpha + sigma(beta (r - mu)), r the share of the class in 1/n over the positives of the row.
pub(crate) fn rebalance(c: &Case<'_>, i: usize) -> f64 {
    let counts = c.train.positives();
    let (row, class) = (i / c.classes, i % c.classes);
    let positive = (0..c.classes).filter(|&k| c.labels[row * c.classes + k] == Label::Positive);
    // From +0, so that r is +infinite in a row without positives.
    let sum = positive.fold(0.0, |sum, k| sum + counts[k].recip());
    let r = counts[class].recip() / sum;
    c.p("map_alpha") + super::case::sigma(c.p("map_beta") * (r - c.p("map_gamma")))
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

fn drop_loss(c: &mut Case<'_>) -> Var {
    let below = c.p("rare_below");
    let rare: Vec<bool> = c.priors().iter().map(|&share| share < below).collect();
    let (labels, classes) = (c.labels, c.classes);
    let positives: Vec<usize> = (0..labels.len()).filter(|&i| labels[i] == Label::Positive).collect();
    let of_rare = positives.iter().filter(|&&i| rare[i % classes]).count() as f64;
    let kept = of_rare / positives.len().max(1) as f64;
    let weights = c.cells(|i| if rare[i % classes] { kept } else { 1.0 });
    let z = c.z[0];
    let (lp, ln) = (c.lp(z), c.ln_rest(z));
    let ln = c.mul(weights, ln);
    let entries = c.positive_or(lp, ln);
    c.reduced(entries)
}
