//! The generalised robust loss and the simpler losses of its repository.

use super::case::sigma;
use super::{Case, Formula};
use lacuna_engine::Var;

pub(crate) const FORMULAS: &[(&str, Formula)] = &[
    ("gr-voc", gr),
    ("gr-coco", gr),
    ("gr-cub", gr),
    ("gpr-voc", gpr),
    ("gpr-coco", gpr),
    ("gpr-nus", gpr),
    ("gpr-cub", gpr),
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
    let point = point(c);
    gr_at(c, point)
}

/// w, b, mu and sigma of the epoch.
fn point(c: &Case<'_>) -> [f64; 4] {
    let (epochs, still) = (c.p("num_epochs"), c.p("linear_init"));
    let epoch = (c.epoch as f64 + 1.0).min(epochs);
    let at = |name: &str, late: f64| {
        let (start, end) = (c.p(&format!("{name}_start")), c.p(&format!("{name}_end")));
        start + (end - start) * (epoch - still - late).max(0.0) / (epochs - still)
    };
    [at("w", 1.0), at("b", 1.0), at("mu", 0.0), at("sigma", 0.0)]
}

/// The loss at w, b, mu and sigma.
pub(crate) fn gr_at(c: &mut Case<'_>, point: [f64; 4]) -> Var {
    let (_, unknown) = robust(c, point);
    let (z, e) = (c.z[0], c.p("log_epsilon"));
    let (lp, nothing) = (c.guarded_lp(z, e), c.zeros());
    let entries = c.by_kind(lp, nothing, unknown);
    c.reduced(entries)
}

/// v, and the loss of an unknown cell.
fn robust(c: &mut Case<'_>, [w, b, mu, width]: [f64; 4]) -> (Var, Var) {
    let (z, q2, q3) = (c.z[0], c.p("q2"), c.p("q3"));
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
    (v, c.add(a, b))
}

/// Which cells are pseudo-positives is read off the numbers.
fn gpr(c: &mut Case<'_>) -> Var {
    let point = point(c);
    let (v, unknown) = robust(c, point);
    let (z, e, rho, threshold) = (c.z[0], c.p("log_epsilon"), c.p("rho"), c.p("threshold"));
    let (lp, ln) = (c.guarded_lp(z, e), c.guarded_ln(z, e));
    let away = c.neg(v);
    let doubt = c.plus(away, 1.0);
    let (least, most) = (c.p("lam_2") as f32, c.p("lam_1") as f32);
    let weight = c.clamp(doubt, least, most);
    let (v, weight) = (c.detach(v), c.detach(weight));
    let target = c.blend(rho, lp, 1.0 - rho, ln);
    let pseudo = c.mul(weight, target);
    let held = c.held();
    let likely = c.cells(|i| f64::from(u8::from(sigma(held[i]) >= threshold)));
    let unknown = c.select(likely, pseudo, unknown);
    let negative = c.mul(v, ln);
    let entries = c.by_kind(lp, negative, unknown);
    let sum = c.sum(entries);
    let (rows, classes) = (c.rows as f64, c.classes as f64);
    let p = c.sigmoid(z);
    let positives = c.sum(p);
    let mean = c.times(positives, 1.0 / rows);
    let expected = c.p("expected_positives");
    let gap = c.plus(mean, -expected);
    let square = c.mul(gap, gap);
    let reg = c.p("reg");
    let regulariser = c.times(square, reg * rows / classes);
    let loss = c.add(sum, regulariser);
    let factor = c.factor();
    c.times(loss, factor)
}
