//! Margins by class frequency.

use super::{Case, Twin};
use lacuna_losses::Label;

pub(crate) const TWINS: &[(&str, Twin)] = &[
    ("ldam-bce", |c| {
        let (z, s) = (c.z[0], c.p("s"));
        let margins = margins(c);
        let margins = c.by_class(&margins);
        let led = c.sub(z, margins);
        let (led, plain) = (c.times(led, s), c.times(z, s));
        let (lp, ln) = (c.lp(led), c.ln_rest(plain));
        let entries = c.positive_or(lp, ln);
        c.reduced(entries)
    }),
    ("ldam-softmax", |c| {
        let (margins, classes, labels, s) = (margins(c), c.classes, c.labels, c.p("s"));
        let margin = |i: usize| if labels[i] == Label::Positive { margins[i % classes] } else { 0.0 };
        let margin = c.cells(margin);
        let (z, scale) = (c.z[0], s);
        let led = c.sub(z, margin);
        let x = c.times(led, scale);
        c.exclusive(x)
    }),
];

/// n^(-1/4), the largest of them being max_m.
fn margins(c: &Case<'_>) -> Vec<f64> {
    let rarest = c.train.positives().iter().copied().fold(f64::INFINITY, f64::min);
    c.train.positives().iter().map(|n| c.p("max_m") * (rarest / n).sqrt().sqrt()).collect()
}
