//! The classifier of SMILE.

use super::{Case, Formula};
use lacuna_engine::Var;

pub(crate) const FORMULAS: &[(&str, Formula)] = &[("smile", smile)];

/// Without recovered labels d1 is 1 on positives and 0 elsewhere; golden files have others.
fn smile(c: &mut Case<'_>) -> Var {
    let (mu, p, e) = (c.p("mu"), c.p("p"), c.p("log_epsilon"));
    let rest = if c.p("bias") == 1.0 { 1.0 / (c.classes as f64 - 1.0) } else { c.p("rate") };
    let z = c.z[0];
    let s = c.times(z, 1.0 / c.p("temperature"));
    let (lp, ln) = (c.guarded_lp(s, e), c.guarded_ln(s, e));
    let positive = mu + 1.0 - mu;
    let t = c.by_label(positive, 0.0, (1.0 - mu) * p);
    let not = c.by_label(1.0 - positive, 1.0, 1.0 - (1.0 - mu) * p);
    let (a, b) = (c.mul(t, lp), c.mul(not, ln));
    let both = c.add(a, b);
    let w = c.by_label(1.0, rest, rest);
    let entries = c.mul(w, both);
    c.reduced(entries)
}
