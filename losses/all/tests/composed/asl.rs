//! Asymmetric loss.

use super::{Case, Formula};
use lacuna_engine::Var;

pub(crate) const FORMULAS: &[(&str, Formula)] = &[
    ("asl", |c| asl(c, true)),
    ("asl-paper", |c| asl(c, true)),
    ("asl-full-grad", |c| asl(c, false)),
    ("focal-asl", |c| asl(c, true)),
    ("bce-asl", |c| asl(c, true)),
];

/// n^g and -ln max(p, e).
pub(crate) fn positive(c: &mut Case<'_>, gamma: f64) -> (Var, Var) {
    let (z, e) = (c.z[0], c.p("eps"));
    let (p, n) = (c.sigmoid(z), c.rest(z));
    (c.pow(n, gamma as f32), c.clamped_log(p, e))
}

/// (1 - pm)^g and -ln max(pm, e), pm = min(n + clip, 1).
pub(crate) fn negative(c: &mut Case<'_>, gamma: f64) -> (Var, Var) {
    let (z, clip, e) = (c.z[0], c.p("clip"), c.p("eps"));
    let (p, n) = (c.sigmoid(z), c.rest(z));
    let over = c.plus(p, -clip);
    let easiness = c.relu(over);
    let shifted = c.plus(n, clip);
    let shifted = c.clamp(shifted, 0.0, 1.0);
    (c.pow(easiness, gamma as f32), c.clamped_log(shifted, e))
}

fn asl(c: &mut Case<'_>, detached: bool) -> Var {
    let (gamma_pos, gamma_neg) = (c.p("gamma_pos"), c.p("gamma_neg"));
    let mut parts = [positive(c, gamma_pos), negative(c, gamma_neg)];
    if detached {
        parts = parts.map(|(weight, cost)| (c.detach(weight), cost));
    }
    let [positive, negative] = parts.map(|(weight, cost)| c.mul(weight, cost));
    let entries = c.positive_or(positive, negative);
    c.reduced(entries)
}
