//! Metrics as losses.

use super::{Case, Formula};
use lacuna_engine::Var;
use lacuna_losses::Label;

pub(crate) const FORMULAS: &[(&str, Formula)] = &[
    ("anyloss-accuracy", |c| {
        any_loss(
            c,
            0.0,
            |_| true,
            |c, m| {
                let right = c.add(m.tp, m.tn);
                c.div(right, m.n)
            },
        )
    }),
    ("anyloss-fbeta", |c| {
        any_loss(
            c,
            c.p("eps"),
            |[s, _]| s > 0.0,
            |c, m| {
                let (b2, eps) = (c.p("beta").powi(2), c.p("eps"));
                let weighted = c.times(m.s, b2);
                let all = c.add(weighted, m.predicted);
                let all = c.plus(all, eps);
                let right = c.times(m.tp, 1.0 + b2);
                c.div(right, all)
            },
        )
    }),
    ("anyloss-gmean", |c| {
        any_loss(
            c,
            c.p("eps"),
            |[s, others]| s > 0.0 && others > 0.0,
            |c, m| {
                let (eps, root) = (c.p("eps"), c.p("root") == 1.0);
                let (right, all) = (c.mul(m.tp, m.tn), c.mul(m.s, m.others));
                let below = denominator(c, all, eps);
                let square = c.div(right, below);
                if !root {
                    return square;
                }
                // Without one of the two kinds the metric is 0, where a root has no slope.
                let one = c.plus(all, 1.0);
                let held = c.select(all, square, one);
                let mean = c.sqrt(held);
                let nothing = c.times(all, 0.0);
                c.select(all, mean, nothing)
            },
        )
    }),
    ("anyloss-balanced-accuracy", |c| {
        any_loss(
            c,
            c.p("eps"),
            |[s, others]| s > 0.0 && others > 0.0,
            |c, m| {
                let eps = c.p("eps");
                let (a, b, all) = (c.mul(m.others, m.tp), c.mul(m.s, m.tn), c.mul(m.s, m.others));
                let right = c.add(a, b);
                let all = c.times(all, 2.0);
                let below = denominator(c, all, eps);
                c.div(right, below)
            },
        )
    }),
];

/// Counts `[1, K]` of K metrics: one for each class, or one of all cells.
struct Counts {
    n: Var,
    s: Var,
    others: Var,
    tp: Var,
    tn: Var,
    /// Sum of h.
    predicted: Var,
}

type Metric = fn(&mut Case<'_>, &Counts) -> Var;

/// x + eps, and 1 instead of 0 where the metric is not defined and not used.
fn denominator(c: &mut Case<'_>, x: Var, eps: f64) -> Var {
    let whole = c.plus(x, eps);
    let nothing = c.times(x, 0.0);
    let one = c.plus(nothing, 1.0);
    c.select(whole, whole, one)
}

/// 1 - the mean of the metrics that are defined: all of them with eps > 0, else those with the kinds of cells (positives,
/// others) asked for.
fn any_loss(c: &mut Case<'_>, eps: f64, defined: fn([f64; 2]) -> bool, metric: Metric) -> Var {
    let (z, steepness, threshold) = (c.z[0], c.p("amplification"), c.p("threshold"));
    let (micro, labels, classes) = (c.p("micro") == 1.0, c.labels, c.classes);
    let p = c.sigmoid(z);
    let over = c.plus(p, -threshold);
    let x = c.times(over, steepness);
    let (h, not_h) = (c.sigmoid(x), c.rest(x));
    let nothing = c.zeros();
    let (tp, tn) = (c.positive_or(h, nothing), c.positive_or(nothing, not_h));
    let summed = |c: &mut Case<'_>, x: Var| {
        let sums = c.sum_columns(x);
        if micro { c.sum_rows(sums) } else { sums }
    };
    let (tp, tn, predicted) = (summed(c, tp), summed(c, tn), summed(c, h));
    let count = |kind: bool, class: Option<usize>| {
        let cells = labels.iter().enumerate().filter(|(i, _)| class.is_none_or(|class| i % classes == class));
        cells.filter(|(_, l)| (**l == Label::Positive) == kind).count() as f64
    };
    let groups: Vec<Option<usize>> = if micro { vec![None] } else { (0..classes).map(Some).collect() };
    let kinds: Vec<[f64; 2]> = groups.iter().map(|&g| [count(true, g), count(false, g)]).collect();
    let of = |f: fn(&[f64; 2]) -> f64| kinds.iter().map(f).collect::<Vec<f64>>();
    let (n, s, others) = (of(|k| k[0] + k[1]), of(|k| k[0]), of(|k| k[1]));
    let (n, s, others) = (c.by_class(&n), c.by_class(&s), c.by_class(&others));
    let values = metric(c, &Counts { n, s, others, tp, tn, predicted });
    let used: Vec<f64> = kinds.iter().map(|k| f64::from(u8::from(eps > 0.0 || defined(*k)))).collect();
    let count: f64 = used.iter().sum();
    let used = c.by_class(&used);
    let away = c.neg(values);
    let short = c.plus(away, 1.0);
    let none = c.times(used, 0.0);
    let short = c.select(used, short, none);
    let sum = c.sum(short);
    let scale = c.factor() * labels.len() as f64 / count.max(1.0);
    c.times(sum, scale)
}
