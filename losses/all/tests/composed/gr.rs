//! The generalised robust loss and the simpler losses of its repository.

use super::case::sigma;
use super::{Case, Twin};
use lacuna_engine::Var;
use lacuna_losses::Label;

pub(crate) const TWINS: &[(&str, Twin)] = &[
    ("gr-voc", gr),
    ("gr-coco", gr),
    ("gr-cub", gr),
    ("gpr-self", gpr),
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

fn gr(c: &mut Case<'_>) -> Var {
    let point = point(c);
    gr_at(c, point)
}

/// The loss at w, b, mu and sigma.
pub(crate) fn gr_at(c: &mut Case<'_>, [w, b, mu, width]: [f64; 4]) -> Var {
    let (z, e) = (c.z[0], c.p("log_epsilon"));
    let unknown = undecided(c, [w, b, mu, width]);
    let (lp, nothing) = (c.guarded_lp(z, e), c.zeros());
    let entries = c.by_kind(lp, nothing, unknown);
    c.reduced(entries)
}

/// What every entry would cost as an unknown cell.
fn undecided(c: &mut Case<'_>, [w, b, mu, width]: [f64; 4]) -> Var {
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
    c.add(a, b)
}

/// What is sure, v and w are numbers without a derivative.
fn gpr(c: &mut Case<'_>) -> Var {
    let (z, e, rho, point) = (c.z[0], c.p("log_epsilon"), c.p("rho"), point(c));
    let p: Vec<f64> = c.held().into_iter().map(sigma).collect();
    let [_, _, mu, width] = point;
    let v: Vec<f64> = p.iter().map(|p| (-(p - mu).powi(2) / (2.0 * width * width)).exp()).collect();
    let late = c.epoch as f64 >= c.p("first_epoch");
    let (sure, never, low, high) = (c.p("tau_pos"), c.p("tau_neg"), c.p("weight_low"), c.p("weight_high"));
    let labels = c.labels;
    // Weights of Lp, of Ln and of the cost of GR.
    let weights = |i: usize| match labels[i] {
        Label::Positive => [1.0, 0.0, 0.0],
        Label::Negative => [0.0, v[i], 0.0],
        Label::Unknown if late && p[i] >= sure => {
            let w = (1.0 - v[i]).clamp(low, high);
            [w * rho, w * (1.0 - rho), 0.0]
        }
        Label::Unknown if late && p[i] <= never => [0.0, v[i], 0.0],
        Label::Unknown => [0.0, 0.0, 1.0],
    };
    let (a, b, g) = (c.cells(|i| weights(i)[0]), c.cells(|i| weights(i)[1]), c.cells(|i| weights(i)[2]));
    let (lp, ln, gr) = (c.guarded_lp(z, e), c.guarded_ln(z, e), undecided(c, point));
    let (a, b, g) = (c.mul(a, lp), c.mul(b, ln), c.mul(g, gr));
    let known = c.add(a, b);
    let entries = c.add(known, g);
    let loss = c.reduced(entries);
    let p = c.sigmoid(z);
    let sum = c.sum(p);
    let mean = c.times(sum, 1.0 / c.rows as f64);
    let gap = c.plus(mean, -c.p("expected_positives"));
    let square = c.mul(gap, gap);
    let cells = (c.rows * c.classes) as f64;
    let weight = c.factor() * cells * c.p("reg") / (c.classes * c.classes) as f64;
    let added = c.times(square, weight);
    c.add(loss, added)
}
