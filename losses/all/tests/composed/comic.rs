//! COMIC: the modifier, the corrector of labels, the balancer of branches.

use super::{Case, Formula, case::sigma};
use lacuna_engine::Var;
use lacuna_losses::Label;

pub(crate) const FORMULAS: &[(&str, Formula)] = &[
    ("mfm-paper", paper),
    ("mfm", |c| {
        let (z, h) = (c.z[0], head_tail(c, c.train.positives()));
        let a = attention(c);
        let (labels, positive) = (c.labels, Label::Positive);
        let entries = modifier(c, z, &h, &a, |i| labels[i] == positive);
        c.reduced(entries)
    }),
    ("mfm-class", |c| {
        let (z, h) = (c.z[0], head_tail(c, c.train.positives()));
        let (labels, positive) = (c.labels, Label::Positive);
        let entries = modifier(c, z, &h, &vec![0.0; labels.len()], |i| labels[i] == positive);
        c.reduced(entries)
    }),
    ("rlc", corrector),
    ("htb", balancer),
];

/// (1 - ln(n_c / max n))^power.
fn head_tail(c: &Case<'_>, counts: &[f64]) -> Vec<f64> {
    let most = counts.iter().copied().fold(0.0, f64::max);
    counts.iter().map(|n| (1.0 - (n / most).ln()).powf(c.p("power"))).collect()
}

fn paper(c: &mut Case<'_>) -> Var {
    let z = c.z[0];
    let h = head_tail(c, c.train.positives());
    let away = c.neg(z);
    let part = |c: &mut Case<'_>, x: Var, g: &str, w: &str| {
        let exponents: Vec<f64> = h.iter().map(|h| -(c.p(g) + c.p(w) * h)).collect();
        let exponents = c.by_class(&exponents);
        // sigma(x)^k = e^(-k lp(x)).
        let lp = c.lp(x);
        let log = c.mul(lp, exponents);
        let (weight, cost) = (c.exp(log), c.softplus(x));
        c.mul(weight, cost)
    };
    let (positive, rest) = (part(c, away, "gamma_pos", "w_pos"), part(c, z, "gamma_neg", "w_neg"));
    let entries = c.positive_or(positive, rest);
    c.reduced(entries)
}

/// The mean of the rows of the co-occurrence matrix, with columns of sum 1, of the positives of each row, with sum 1.
fn attention(c: &Case<'_>) -> Vec<f64> {
    let (classes, together) = (c.classes, c.train.co_occurrence().expect("known"));
    let column = |k: usize| (0..classes).map(|j| together[j * classes + k]).sum::<f64>();
    let sums: Vec<f64> = (0..classes).map(column).collect();
    let mut a = Vec::new();
    for labels in c.labels.chunks(classes) {
        let positive: Vec<usize> = (0..classes).filter(|&j| labels[j] == Label::Positive).collect();
        let raw = |k: usize| positive.iter().map(|j| together[j * classes + k] / sums[k]).sum::<f64>();
        let raw: Vec<f64> = (0..classes).map(raw).collect();
        let sum: f64 = raw.iter().sum();
        a.extend(raw.iter().map(|x| if sum > 0.0 { x / sum } else { 0.0 }));
    }
    a
}

/// Entries of the authors' code at `z`; the focusing weights, which are constants, see the same numbers.
fn modifier(c: &mut Case<'_>, z: Var, h: &[f64], a: &[f64], is_positive: impl Fn(usize) -> bool) -> Var {
    let (gamma_pos, gamma_neg, clip, e) = (c.p("gamma_pos"), c.p("gamma_neg"), c.p("clip"), c.p("eps"));
    let attends = a.iter().any(|&a| a != 0.0);
    let more = if attends { c.p("gamma_class_ng") } else { 1.0 };
    let positive = c.cells(|i| f64::from(u8::from(is_positive(i))));
    let factors = c.by_class(h);
    // Positives: xp = p (1 - a), weight (1 - xp)^g+.
    let (p, n) = (c.sigmoid(z), c.rest(z));
    let open = c.cells(|i| 1.0 - a[i]);
    let xp = c.mul(p, open);
    let away = c.neg(xp);
    let short = c.plus(away, 1.0);
    let weight = c.pow(short, gamma_pos as f32);
    let weight = c.detach(weight);
    let cost = c.clamped_log(xp, e);
    let up = c.mul(weight, cost);
    // The rest: xn = min(n + clip, 1), times 1.2 and held at 1 again where a is not 0; weight (1 - xn)^(g- + h).
    let shifted = c.plus(n, clip);
    let shifted = c.clamp(shifted, 0.0, 1.0);
    let by = c.cells(|i| if a[i] == 0.0 { 1.0 } else { more });
    let stretched = c.mul(by, shifted);
    let xn = c.clamp(stretched, 0.0, 1.0);
    let over = c.plus(p, -clip);
    let plain = c.relu(over);
    let away = c.neg(xn);
    let held = c.plus(away, 1.0);
    let attended = c.cells(|i| f64::from(u8::from(a[i] != 0.0)));
    let easiness = c.select(attended, held, plain);
    let easiness = c.detach(easiness);
    let exponents: Vec<f64> = h.iter().map(|h| gamma_neg + h).collect();
    let exponents = c.by_class(&exponents);
    let log = c.ln(easiness);
    let log = c.mul(log, exponents);
    let weight = c.exp(log);
    let cost = c.clamped_log(xn, e);
    let down = c.mul(weight, cost);
    let entries = c.select(positive, up, down);
    c.mul(entries, factors)
}

/// Which cells are added, and so the counts and the factors, is found outside the tape.
fn corrector(c: &mut Case<'_>) -> Var {
    let (tau, margin, batch, first) = (c.p("tau"), c.p("margin"), c.p("batch_size"), c.p("first_epoch"));
    let (z, labels, classes, rows) = (c.z[0], c.labels, c.classes, c.rows);
    if (c.epoch as f64) < first {
        let nothing = c.times(z, 0.0);
        return c.sum(nothing);
    }
    let observed = |i: usize| labels[i] == Label::Positive;
    let held = c.held();
    let p: Vec<f64> =
        (0..held.len()).map(|i| sigma(if observed(i) { held[i] - margin } else { held[i] })).collect();
    let mean = |class: usize| p[class..].iter().step_by(classes).sum::<f64>() / rows as f64;
    let means: Vec<f64> = (0..classes).map(mean).collect();
    let added = |i: usize| !observed(i) && p[i] > tau && p[i] > means[i % classes];
    let later = c.epoch as f64 > c.entry("epoch")[0];
    let mut counts = if later { c.train.positives().to_vec() } else { c.entry("counts").to_vec() };
    (0..p.len()).filter(|&i| added(i)).for_each(|i| counts[i % classes] += 1.0);
    let positives = (0..p.len()).filter(|&i| observed(i) || added(i)).count() as f64;
    let h = head_tail(c, &counts);
    let shift = c.by_label(-margin, 0.0, 0.0);
    let s = c.add(z, shift);
    let entries = modifier(c, s, &h, &vec![0.0; p.len()], |i| observed(i) || added(i));
    let by = if positives > 0.0 { batch / positives } else { 0.0 };
    let scaled = c.times(entries, by);
    c.reduced(scaled)
}

fn balancer(c: &mut Case<'_>) -> Var {
    let (h, a, alpha, labels) = (head_tail(c, c.train.positives()), attention(c), c.p("alpha"), c.labels);
    let sum = |c: &mut Case<'_>, z: Var| {
        let entries = modifier(c, z, &h, &a, |i| labels[i] == Label::Positive);
        c.sum(entries)
    };
    let [head, tail, balanced] = [c.z[0], c.z[1], c.z[2]];
    let q = c.softmax(balanced);
    let [of_head, of_tail] = [head, tail].map(|z| sum(c, z));
    let [from_head, from_tail] = [head, tail].map(|z| {
        let softmax = c.softmax(z);
        let softmax = c.detach(softmax);
        let product = c.mul(softmax, q);
        sum(c, product)
    });
    let (up, down) = (c.pow(of_head, alpha as f32), c.pow(of_tail, alpha as f32));
    let all = c.add(up, down);
    let (k, rest) = (c.div(up, all), c.div(down, all));
    let (x, y) = (c.mul(k, from_head), c.mul(rest, from_tail));
    let loss = c.add(x, y);
    let factor = c.factor();
    c.times(loss, factor)
}
