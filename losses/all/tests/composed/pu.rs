//! Positive-unlabelled risks, and PU-MLC with its mixup term.

use super::{Case, Formula};
use lacuna_engine::Var;
use lacuna_losses::Label;

pub(crate) const FORMULAS: &[(&str, Formula)] = &[
    ("vpu", vpu),
    ("upu", |c| risk(c, None)),
    ("nnpu", |c| risk(c, Some((c.p("beta"), c.p("gamma"))))),
    ("crisp", crisp),
    ("dist-pu", dist_pu),
    ("pu-mlc", |c| {
        let loss = pu_mlc(c);
        let factor = c.factor();
        c.times(loss, factor)
    }),
    ("pu-mlc-voc", |c| {
        let loss = pu_mlc(c);
        let factor = c.factor();
        c.times(loss, factor)
    }),
    ("pu-mlc-mixup", mixup),
    ("label-frequency", label_frequency),
];

/// -ln(1 - c p) as it stands: ln of 1 - c p.
fn label_frequency(c: &mut Case<'_>) -> Var {
    let (z, share) = (c.z[0], c.p("frequency"));
    let (p, lp, ln) = (c.sigmoid(z), c.lp(z), c.ln_rest(z));
    let one = c.cells(|_| 1.0);
    let rest = c.blend(1.0, one, -share, p);
    let unknown = c.ln(rest);
    let unknown = c.times(unknown, -1.0);
    let entries = c.by_kind(lp, ln, unknown);
    c.reduced(entries)
}

/// Positives of every class.
fn positives(c: &Case<'_>) -> Vec<f64> {
    let of_class = |class: usize| c.labels[class..].iter().step_by(c.classes);
    (0..c.classes).map(|k| of_class(k).filter(|l| **l == Label::Positive).count() as f64).collect()
}

/// Means over the positives of every class `[1, C]`, 0 for a class without.
fn mean_of_positives(c: &mut Case<'_>, x: Var) -> Var {
    let nothing = c.zeros();
    let only = c.positive_or(x, nothing);
    let sums = c.sum_columns(only);
    let by: Vec<f64> = positives(c).iter().map(|n| 1.0 / n.max(1.0)).collect();
    let by = c.by_class(&by);
    c.mul(sums, by)
}

fn vpu(c: &mut Case<'_>) -> Var {
    let z = c.z[0];
    let (p, lp) = (c.sigmoid(z), c.lp(z));
    let mean = c.mean_columns(p);
    let all = c.ln(mean);
    let labelled = mean_of_positives(c, lp);
    let classes = c.add(all, labelled);
    let sum = c.sum(classes);
    let scale = c.factor() * c.rows as f64;
    c.times(sum, scale)
}

fn risk(c: &mut Case<'_>, non_negative: Option<(f64, f64)>) -> Var {
    risk_of(c, non_negative, false, false)
}

/// Which classes walk back is read off the values on the tape. `logistic`: wrong signs cost softplus and not sigma;
/// `all`: positives are among the unlabelled rows.
pub(crate) fn risk_of(c: &mut Case<'_>, non_negative: Option<(f64, f64)>, logistic: bool, all: bool) -> Var {
    let (z, kept, rows) = (c.z[0], c.p("kept"), c.rows as f64);
    let priors: Vec<f64> = c.priors().iter().map(|share| share / kept).collect();
    let priors = c.by_class(&priors);
    let (as_negative, as_positive) =
        if logistic { (c.ln_rest(z), c.lp(z)) } else { (c.sigmoid(z), c.rest(z)) };
    let (right, wrong) = (mean_of_positives(c, as_positive), mean_of_positives(c, as_negative));
    let nothing = c.zeros();
    let others = if all { as_negative } else { c.positive_or(nothing, as_negative) };
    let sums = c.sum_columns(others);
    let others = |n: &f64| if all { rows } else { rows - n };
    let by: Vec<f64> = positives(c).iter().map(|n| 1.0 / others(n).max(1.0)).collect();
    let by = c.by_class(&by);
    let unlabelled = c.mul(sums, by);
    let positive = c.mul(priors, right);
    let less = c.mul(priors, wrong);
    let negative = c.sub(unlabelled, less);
    let mut classes = c.add(positive, negative);
    if let Some((beta, gamma)) = non_negative {
        let back: Vec<f64> =
            c.value(negative).iter().map(|&r| f64::from(u8::from(f64::from(r) < -beta))).collect();
        let back = c.by_class(&back);
        let reported = c.plus(positive, -beta);
        let reported = c.detach(reported);
        let walked = c.times(negative, -gamma);
        let held = c.detach(walked);
        let slope = c.sub(walked, held);
        let walked = c.add(reported, slope);
        classes = c.select(back, walked, classes);
    }
    let sum = c.sum(classes);
    let scale = c.factor() * rows;
    c.times(sum, scale)
}

/// The sum over classes.
fn pu_mlc(c: &mut Case<'_>) -> Var {
    let (z, alpha, gamma, e, rows) = (c.z[0], c.p("alpha"), c.p("gamma"), c.p("eps"), c.rows as f64);
    let mean = c.mean_columns(z);
    let gap = c.sub(z, mean);
    let square = c.mul(gap, gap);
    let variance = c.mean_columns(square);
    let spread = c.sqrt(variance);
    let spread = c.times(spread, alpha);
    // A class whose logits do not differ has the temperature 1.
    let differs = c.plus(spread, -1e-6);
    let capped = c.clamp(spread, 0.0, 1.0);
    let one = c.by_class(&vec![1.0; c.classes]);
    let temperature = c.select(differs, capped, one);
    let temperature = c.detach(temperature);
    let tempered = c.div(z, temperature);
    let s = c.sigmoid(tempered);
    let mean = c.mean_columns(s);
    let weight = c.pow(mean, gamma as f32);
    let weight = c.detach(weight);
    let guarded = c.plus(mean, 2.0 * e);
    let log = c.ln(guarded);
    let unlabelled = c.mul(weight, log);
    let guarded = c.plus(s, 2.0 * e);
    let log = c.ln(guarded);
    let labelled = mean_of_positives(c, log);
    let leak = |n: &f64| if *n > 0.0 { (rows - n) * e.ln_1p() / n } else { 0.0 };
    let leak: Vec<f64> = positives(c).iter().map(leak).collect();
    let leak = c.by_class(&leak);
    let labelled = c.add(labelled, leak);
    let classes = c.sub(unlabelled, labelled);
    c.sum(classes)
}

fn mixup(c: &mut Case<'_>) -> Var {
    let (z, e) = (c.z[0], c.p("eps"));
    let mut loss = pu_mlc(c);
    let mix = c.mix.expect("mixed rows");
    if mix.rows() > 0 {
        let mixed = c.z[1];
        let p = c.sigmoid(z);
        let leaking = c.plus(p, 1e-10);
        let one = c.cells(|_| 1.0);
        let target = c.positive_or(one, leaking);
        let (a, b) = (c.gather_rows(target, mix.first), c.gather_rows(target, mix.second));
        let t = c.blend(mix.lambda, a, 1.0 - mix.lambda, b);
        let p = c.sigmoid(mixed);
        let (t, p) = (c.plus(t, e), c.plus(p, e));
        let (t, p) = (c.ln(t), c.ln(p));
        let gap = c.sub(t, p);
        let square = c.mul(gap, gap);
        let sum = c.sum(square);
        let term = c.times(sum, 1.0 / mix.rows() as f64);
        loss = c.add(loss, term);
    }
    let factor = c.factor();
    c.times(loss, factor)
}

/// 2 pi mean_P n + |mean p - pi|.
fn crisp(c: &mut Case<'_>) -> Var {
    if (c.epoch as f64) < c.p("warm_up") {
        return assume_negative(c);
    }
    let z = c.z[0];
    let priors = estimated(c);
    let twice: Vec<f64> = priors.iter().map(|p| 2.0 * p).collect();
    let twice = c.by_class(&twice);
    let (p, n) = (c.sigmoid(z), c.rest(z));
    let missed = mean_of_positives(c, n);
    let missed = c.mul(twice, missed);
    let mean = c.mean_columns(p);
    let gap = distance(c, mean, &priors);
    let classes = c.add(missed, gap);
    of_classes(c, classes)
}

/// mean_P n + |mean_U p - pi| / (2 pi) + mu mean_U H.
fn dist_pu(c: &mut Case<'_>) -> Var {
    if (c.epoch as f64) < c.p("warm_up") {
        return assume_negative(c);
    }
    let (z, mu, bound) = (c.z[0], c.p("entropy_weight"), c.p("entropy_clamp"));
    let priors = estimated(c);
    let rest: Vec<f64> = positives(c).iter().map(|n| c.rows as f64 - n).collect();
    let (p, n) = (c.sigmoid(z), c.rest(z));
    let missed = mean_of_positives(c, n);
    let mean = mean_of_unlabelled(c, p);
    let gap = distance(c, mean, &priors);
    // A class without unlabelled rows has no distance.
    let weights: Vec<f64> =
        priors.iter().zip(&rest).map(|(pi, n)| if *n > 0.0 { 0.5 / pi } else { 0.0 }).collect();
    let weights = c.by_class(&weights);
    let gap = c.mul(gap, weights);
    let held = c.clamp(z, -bound as f32, bound as f32);
    let (p, n, lp, ln) = (c.sigmoid(held), c.rest(held), c.lp(held), c.ln_rest(held));
    let (yes, no) = (c.mul(p, lp), c.mul(n, ln));
    let entropy = c.add(yes, no);
    let entropy = mean_of_unlabelled(c, entropy);
    let entropy = c.times(entropy, mu);
    let classes = c.add(missed, gap);
    let classes = c.add(classes, entropy);
    of_classes(c, classes)
}

/// The priors that the loss has estimated, else those of the data.
fn estimated(c: &Case<'_>) -> Vec<f64> {
    if c.p("every") > 0.0 {
        return c.entry("priors").to_vec();
    }
    let kept = c.p("kept");
    c.priors().iter().map(|share| share / kept).collect()
}

/// |x - prior| of every class, as x times its sign, which is no variable.
fn distance(c: &mut Case<'_>, mean: Var, priors: &[f64]) -> Var {
    let less: Vec<f64> = priors.iter().map(|p| -p).collect();
    let less = c.by_class(&less);
    let gap = c.add(mean, less);
    let signs: Vec<f64> = c.value(gap).iter().map(|&x| f64::from(x.signum())).collect();
    let signs = c.by_class(&signs);
    c.mul(gap, signs)
}

/// Means over the rows of every class that are not positive, 0 for a class without.
fn mean_of_unlabelled(c: &mut Case<'_>, x: Var) -> Var {
    let nothing = c.zeros();
    let only = c.positive_or(nothing, x);
    let sums = c.sum_columns(only);
    let by: Vec<f64> = positives(c).iter().map(|n| 1.0 / (c.rows as f64 - n).max(1.0)).collect();
    let by = c.by_class(&by);
    c.mul(sums, by)
}

/// The mean over classes of `[1, C]`.
fn of_classes(c: &mut Case<'_>, classes: Var) -> Var {
    let sum = c.sum(classes);
    let scale = c.factor() * c.rows as f64;
    c.times(sum, scale)
}

/// lp on positives, ln elsewhere.
fn assume_negative(c: &mut Case<'_>) -> Var {
    let z = c.z[0];
    let (lp, ln) = (c.lp(z), c.ln_rest(z));
    let entries = c.positive_or(lp, ln);
    c.reduced(entries)
}
