//! Logit adjustment.

use super::{Case, Twin};
use lacuna_engine::Var;

pub(crate) const TWINS: &[(&str, Twin)] = &[
    ("logit-adjust", |c| logit_adjust(c, |prior| prior.ln())),
    ("logit-adjust-odds", |c| logit_adjust(c, |prior| (prior / (1.0 - prior)).ln())),
    ("logit-adjust-softmax", |c| {
        let tau = c.p("tau");
        let offsets: Vec<f64> = c.priors().iter().map(|prior| tau * prior.ln()).collect();
        let (z, offsets) = (c.z[0], c.by_class(&offsets));
        let x = c.add(z, offsets);
        c.exclusive(x)
    }),
];

fn logit_adjust(c: &mut Case<'_>, of_prior: fn(f64) -> f64) -> Var {
    let tau = c.p("tau");
    let offsets: Vec<f64> = c.priors().into_iter().map(|prior| tau * of_prior(prior)).collect();
    let (z, offsets) = (c.z[0], c.by_class(&offsets));
    let x = c.add(z, offsets);
    let (lp, ln) = (c.lp(x), c.ln_rest(x));
    let entries = c.positive_or(lp, ln);
    c.reduced(entries)
}
