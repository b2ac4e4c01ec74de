//! Operations on label sets.

use super::{Case, Formula};
use lacuna_engine::Var;

pub(crate) const FORMULAS: &[(&str, Formula)] = &[("label-set-mixup", union)];

fn union(c: &mut Case<'_>) -> Var {
    let z = c.z[0];
    let (lp, ln, nothing) = (c.lp(z), c.ln_rest(z), c.zeros());
    let whole = c.by_kind(lp, ln, nothing);
    let mut loss = c.sum(whole);
    let mix = c.mix.expect("mixed rows");
    if mix.rows() > 0 {
        let mixed = c.z[1];
        let (positive, negative) = (c.by_label(1.0, 0.0, 0.0), c.by_label(0.0, 1.0, 0.0));
        // Neither not positive; both negative.
        let (a, b) = (c.gather_rows(positive, mix.first), c.gather_rows(positive, mix.second));
        let both = c.mul(a, b);
        let either = c.add(a, b);
        let up = c.sub(either, both);
        let (a, b) = (c.gather_rows(negative, mix.first), c.gather_rows(negative, mix.second));
        let down = c.mul(a, b);
        let (lp, ln) = (c.lp(mixed), c.ln_rest(mixed));
        let (up, down) = (c.mul(up, lp), c.mul(down, ln));
        let entries = c.add(up, down);
        let sum = c.sum(entries);
        let share = c.p("weight") * c.rows as f64 / mix.rows() as f64;
        let term = c.times(sum, share);
        loss = c.add(loss, term);
    }
    let factor = c.factor();
    c.times(loss, factor)
}
