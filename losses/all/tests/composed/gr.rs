//! The generalised robust loss and the simpler losses of its repository.

use super::{Case, Twin};
use lacuna_engine::Var;

pub(crate) const TWINS: &[(&str, Twin)] = &[
    ("gr-voc", gr),
    ("gr-coco", gr),
    ("gr-cub", gr),
    ("gr-repo-epr", |c| {
        let nothing = c.zeros();
        repository(c, 1.0, nothing)
    }),
    ("gr-repo-hill", |c| {
        let z = c.z[0];
        let p = c.sigmoid(z);
        let away = c.neg(p);
        let height = c.plus(away, 1.5);
        let square = c.mul(p, p);
        let rest = c.mul(height, square);
        repository(c, 1.0, rest)
    }),
    ("gr-repo-weight", |c| {
        let z = c.z[0];
        let away = c.neg(z);
        let rest = generalised(c, away, 0.99);
        let rest = c.times(rest, 0.9);
        repository(c, 8.0, rest)
    }),
];

fn repository(c: &mut Case<'_>, weight: f64, rest: Var) -> Var {
    let (z, e) = (c.z[0], c.p("log_epsilon"));
    let lp = c.guarded_lp(z, e);
    let lp = c.times(lp, weight);
    let entries = c.positive_or(lp, rest);
    c.reduced(entries)
}

/// (1 - sigma(z)^q) / q.
fn generalised(c: &mut Case<'_>, z: Var, q: f64) -> Var {
    let lp = c.lp(z);
    let exponent = c.times(lp, -q);
    let less = c.expm1(exponent);
    c.times(less, -1.0 / q)
}

fn gr(c: &mut Case<'_>) -> Var {
    let (epochs, still) = (c.p("num_epochs"), c.p("linear_init"));
    let epoch = (c.epoch as f64 + 1.0).min(epochs);
    let at = |name: &str, late: f64| {
        let (start, end) = (c.p(&format!("{name}_start")), c.p(&format!("{name}_end")));
        start + (end - start) * (epoch - still - late).max(0.0) / (epochs - still)
    };
    let point = [at("w", 1.0), at("b", 1.0), at("mu", 0.0), at("sigma", 0.0)];
    gr_at(c, point)
}

/// The loss at w, b, mu and sigma.
pub(crate) fn gr_at(c: &mut Case<'_>, [w, b, mu, width]: [f64; 4]) -> Var {
    let (z, e, q2, q3) = (c.z[0], c.p("log_epsilon"), c.p("q2"), c.p("q3"));
    let p = c.sigmoid(z);
    let line = c.times(p, w);
    let line = c.plus(line, b);
    let (k, not_k) = (c.sigmoid(line), c.rest(line));
    let gap = c.plus(p, -mu);
    let square = c.mul(gap, gap);
    let exponent = c.times(square, -0.5 / (width * width));
    let v = c.exp(exponent);
    let (up, down) = (c.mul(v, k), c.mul(v, not_k));
    let (up, down) = (c.detach(up), c.detach(down));
    let away = c.neg(z);
    let (for_positive, for_negative) = (generalised(c, z, q2), generalised(c, away, q3));
    let (a, b) = (c.mul(up, for_positive), c.mul(down, for_negative));
    let unknown = c.add(a, b);
    let (lp, nothing) = (c.guarded_lp(z, e), c.zeros());
    let entries = c.by_kind(lp, nothing, unknown);
    c.reduced(entries)
}
