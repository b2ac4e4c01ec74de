//! Hill, focal margin, SPLC.

use super::{Case, Formula, case::sigma};
use lacuna_engine::Var;
use lacuna_losses::Label;

pub(crate) const FORMULAS: &[(&str, Formula)] =
    &[("hill", hill), ("focal-margin", focal_margin), ("splc", splc)];

fn hill(c: &mut Case<'_>) -> Var {
    let (z, lambda, margin, gamma) = (c.z[0], c.p("lambda"), c.p("margin"), c.p("gamma"));
    let s = c.plus(z, -margin);
    let (positive, _) = c.focal_pair(s, gamma);
    let p = c.sigmoid(z);
    let away = c.neg(p);
    let height = c.plus(away, lambda);
    let square = c.mul(p, p);
    let rest = c.mul(height, square);
    let entries = c.positive_or(positive, rest);
    c.reduced(entries)
}

fn focal_margin(c: &mut Case<'_>) -> Var {
    let (z, margin, gamma) = (c.z[0], c.p("margin"), c.p("gamma"));
    let s = c.plus(z, -margin);
    let (positive, _) = c.focal_pair(s, gamma);
    let (_, rest) = c.focal_pair(z, gamma);
    let entries = c.positive_or(positive, rest);
    c.reduced(entries)
}

/// Which unknown cells are corrected is chosen outside the tape.
fn splc(c: &mut Case<'_>) -> Var {
    let (z, margin, gamma, tau) = (c.z[0], c.p("margin"), c.p("gamma"), c.p("tau"));
    let active = c.epoch as f64 >= c.p("change_epoch");
    let (held, labels) = (c.held(), c.labels);
    let corrected = |i: usize| active && labels[i] == Label::Unknown && sigma(held[i]) > tau;
    let corrected = c.cells(|i| f64::from(u8::from(corrected(i))));
    let shift = c.by_label(-margin, 0.0, 0.0);
    let s = c.add(z, shift);
    let (positive, rest) = c.focal_pair(s, gamma);
    let unobserved = c.select(corrected, positive, rest);
    let entries = c.positive_or(positive, unobserved);
    c.reduced(entries)
}
