//! Propensities.

use super::{Case, Twin};
use lacuna_engine::Var;

pub(crate) const TWINS: &[(&str, Twin)] = &[
    ("unbiased-bce", |c| propensity(c, true, false)),
    ("unbiased-hinge", |c| propensity(c, true, true)),
    ("upper-bce", |c| propensity(c, false, false)),
    ("upper-hinge", |c| propensity(c, false, true)),
];

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
