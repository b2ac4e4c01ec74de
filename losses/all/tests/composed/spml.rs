//! Cole et al.: guarded cross-entropies, expected positives, pairwise ranking, ROLE.

use super::{Case, Formula};
use lacuna_engine::Var;
use lacuna_losses::Label;

pub(crate) const FORMULAS: &[(&str, Formula)] = &[
    ("bce-full", |c| known(c, 0.0)),
    ("bce-ls-full", |c| known(c, c.p("ls_coef"))),
    ("an", |c| assumed(c, 0.0, 1.0)),
    ("an-ls", |c| assumed(c, c.p("ls_coef"), 1.0)),
    ("wan", |c| assumed(c, 0.0, 1.0 / (c.classes as f64 - 1.0))),
    ("iu", |c| known(c, 0.0)),
    ("iun", |c| known(c, 0.0)),
    ("epr", epr),
    ("pr", pairwise),
    ("role", role),
];

/// Both guarded logarithms of the prediction.
fn logs(c: &mut Case<'_>) -> (Var, Var) {
    let (z, e) = (c.z[0], c.p("log_epsilon"));
    (c.guarded_lp(z, e), c.guarded_ln(z, e))
}

/// The costs of both targets when a share s of every target is flipped.
fn flipped(c: &mut Case<'_>, s: f64) -> (Var, Var) {
    let (lp, ln) = logs(c);
    (c.blend(1.0 - s, lp, s, ln), c.blend(s, lp, 1.0 - s, ln))
}

fn known(c: &mut Case<'_>, s: f64) -> Var {
    let (positive, negative) = flipped(c, s);
    let nothing = c.zeros();
    let entries = c.by_kind(positive, negative, nothing);
    c.reduced(entries)
}

fn assumed(c: &mut Case<'_>, s: f64, weight: f64) -> Var {
    let (positive, negative) = flipped(c, s);
    let negative = c.times(negative, weight);
    let entries = c.positive_or(positive, negative);
    c.reduced(entries)
}

/// ((1/B) sum p - k)^2 / C^2.
fn regulariser(c: &mut Case<'_>, z: Var) -> Var {
    let (k, rows, classes) = (c.p("expected_positives"), c.rows as f64, c.classes as f64);
    let p = c.sigmoid(z);
    let sum = c.sum(p);
    let mean = c.times(sum, 1.0 / rows);
    let gap = c.plus(mean, -k);
    let share = c.times(gap, 1.0 / classes);
    c.mul(share, share)
}

/// The costs of what was observed, entry by entry.
fn observed(c: &mut Case<'_>, z: Var) -> Var {
    let e = c.p("log_epsilon");
    let (lp, ln, nothing) = (c.guarded_lp(z, e), c.guarded_ln(z, e), c.zeros());
    c.by_kind(lp, ln, nothing)
}

fn epr(c: &mut Case<'_>) -> Var {
    let (z, cells) = (c.z[0], c.labels.len() as f64);
    let entries = observed(c, z);
    let mean = c.mean(entries);
    let expected = regulariser(c, z);
    let loss = c.add(mean, expected);
    let scale = c.factor() * cells;
    c.times(loss, scale)
}

/// p_k - p_j of every pair of a row comes from an outer product with ones.
fn pairwise(c: &mut Case<'_>) -> Var {
    let (z, classes, labels) = (c.z[0], c.classes, c.labels);
    let ones = c.input([classes, 1], &vec![1.0; classes]);
    let p = c.sigmoid(z);
    let mut total = c.input([1, 1], &[0.0]);
    for row in 0..c.rows {
        let of_row = c.slice_rows(p, row..row + 1);
        let across = c.matmul(ones, of_row);
        let down = c.transpose(across);
        let gap = c.sub(across, down);
        let violated = c.plus(gap, 1.0);
        let hinge = c.relu(violated);
        let positive = |class: usize| labels[row * classes + class] == Label::Positive;
        let pairs = (0..classes * classes).map(|i| positive(i / classes) && !positive(i % classes));
        let pairs: Vec<f32> = pairs.map(|pair| f32::from(u8::from(pair))).collect();
        let pairs = c.input([classes, classes], &pairs);
        let ranked = c.mul(pairs, hinge);
        let sum = c.sum(ranked);
        total = c.add(total, sum);
    }
    c.reduced(total)
}

fn role(c: &mut Case<'_>) -> Var {
    let (z, u, e, cells) = (c.z[0], c.z[1], c.p("log_epsilon"), c.labels.len() as f64);
    let cross_entropy = |c: &mut Case<'_>, target: Var, x: Var| {
        let t = c.sigmoid(target);
        let t = c.detach(t);
        let not_t = c.rest(target);
        let not_t = c.detach(not_t);
        let (lp, ln) = (c.guarded_lp(x, e), c.guarded_ln(x, e));
        let (a, b) = (c.mul(t, lp), c.mul(not_t, ln));
        c.add(a, b)
    };
    let (of_z, of_u) = (observed(c, z), observed(c, u));
    let (from_u, from_z) = (cross_entropy(c, u, z), cross_entropy(c, z, u));
    let both = c.add(of_z, of_u);
    let taught = c.add(from_u, from_z);
    let entries = c.add(both, taught);
    let mean = c.mean(entries);
    let (r_z, r_u) = (regulariser(c, z), regulariser(c, u));
    let regularisers = c.add(r_z, r_u);
    let loss = c.add(mean, regularisers);
    let scale = c.factor() * cells / 2.0;
    c.times(loss, scale)
}
