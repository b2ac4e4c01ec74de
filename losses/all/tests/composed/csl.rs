//! Class-aware selective loss.

use super::asl::{negative, positive};
use super::{Case, Formula};
use lacuna_engine::Var;
use lacuna_losses::Label;

pub(crate) const FORMULAS: &[(&str, Formula)] = &[
    ("csl-negative", |c| csl(c, |_| 1.0)),
    ("csl-ignore", |c| csl(c, |_| 1.0)),
    ("csl-normalised", normalised),
    ("csl-selective", |c| selective(c, &[])),
    ("csl-selective-prior", |c| {
        let (threshold, priors) = (c.p("prior_threshold"), c.priors());
        selective(c, &priors.iter().map(|&prior| prior > threshold).collect::<Vec<bool>>())
    }),
];

/// omega of every entry comes from outside the tape; it is a constant.
fn csl(c: &mut Case<'_>, omega: impl Fn(usize) -> f64) -> Var {
    let ignores = c.row.info.param("gamma_unann").is_none();
    let (gamma_pos, gamma_neg) = (c.p("gamma_pos"), c.p("gamma_neg"));
    let (alpha_pos, alpha_neg) = (c.p("alpha_pos"), c.p("alpha_neg"));
    let (alpha_unknown, gamma_unknown) =
        if ignores { (0.0, 1.0) } else { (c.p("alpha_unann"), c.p("gamma_unann")) };
    let parts = [
        (positive(c, gamma_pos), alpha_pos),
        (negative(c, gamma_neg), alpha_neg),
        (negative(c, gamma_unknown), alpha_unknown),
    ];
    let [positive, negative, unknown] = parts.map(|((weight, cost), alpha)| {
        let weight = c.detach(weight);
        let weight = c.times(weight, alpha);
        c.mul(weight, cost)
    });
    let entries = c.by_kind(positive, negative, unknown);
    let omega = c.cells(omega);
    let weighted = c.mul(omega, entries);
    c.reduced(weighted)
}

fn normalised(c: &mut Case<'_>) -> Var {
    let known = |labels: &[Label]| labels.iter().filter(|l| **l != Label::Unknown).count() as f64;
    let weights: Vec<f64> =
        c.labels.chunks(c.classes).map(|labels| 1.0 + 1.0 / (1.0 + known(labels))).collect();
    let classes = c.classes;
    csl(c, |i| weights[i / classes])
}

/// The unknown cells with the largest p of the batch, and all of `left_out` classes, do not count.
fn selective(c: &mut Case<'_>, left_out: &[bool]) -> Var {
    let (held, labels, classes) = (c.held(), c.labels, c.classes);
    let mut unknown: Vec<usize> = (0..held.len()).filter(|&i| labels[i] == Label::Unknown).collect();
    unknown.sort_by(|&a, &b| held[b].total_cmp(&held[a]));
    unknown.truncate(c.p("likelihood_topk") as usize * c.rows);
    csl(c, |i| {
        let prior = left_out.get(i % classes) == Some(&true) && labels[i] == Label::Unknown;
        if prior || unknown.contains(&i) { 0.0 } else { 1.0 }
    })
}
