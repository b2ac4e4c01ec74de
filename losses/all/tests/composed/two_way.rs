//! The two-way loss: which cells a sum has, and its largest exponent, are chosen; the sums are operations.

use super::{Case, Formula};
use lacuna_engine::Var;
use lacuna_losses::Label;

pub(crate) const FORMULAS: &[(&str, Formula)] = &[("two-way", two_way)];

/// Whether the cells of a group are those of a class or of a row.
#[derive(Clone, Copy, PartialEq)]
enum Along {
    Classes,
    Rows,
}

fn two_way(c: &mut Case<'_>) -> Var {
    let (classes, rows) = (part(c, Along::Classes), part(c, Along::Rows));
    let both = c.add(classes, rows);
    let by = c.factor() * c.labels.len() as f64;
    c.times(both, by)
}

/// The cells of every group.
fn groups(c: &Case<'_>, along: Along) -> Vec<Vec<usize>> {
    let (rows, classes) = (c.rows, c.classes);
    match along {
        Along::Classes => (0..classes).map(|k| (0..rows).map(|i| i * classes + k).collect()).collect(),
        Along::Rows => (0..rows).map(|i| (i * classes..(i + 1) * classes).collect()).collect(),
    }
}

/// A number for each group, `[1, C]` or `[B, 1]`.
fn by_group(c: &mut Case<'_>, along: Along, numbers: &[f64]) -> Var {
    let numbers: Vec<f32> = numbers.iter().map(|&x| x as f32).collect();
    let shape = if along == Along::Classes { [1, numbers.len()] } else { [numbers.len(), 1] };
    c.input(shape, &numbers)
}

/// t ln sum e^(sign z / t) over the cells with this label of every group; 0 for a group without any.
fn log_sum_exp(c: &mut Case<'_>, along: Along, label: Label, sign: f64, t: f64) -> Var {
    let groups = groups(c, along);
    let held = c.held();
    let of =
        |group: &[usize]| group.iter().filter(|i| c.labels[**i] == label).map(|i| sign * held[*i]).collect();
    let exponents: Vec<Vec<f64>> = groups.iter().map(|group| of(group)).collect();
    let largest: Vec<f64> =
        exponents.iter().map(|x| x.iter().copied().reduce(f64::max).unwrap_or(0.0)).collect();
    let missing: Vec<f64> = exponents.iter().map(|x| f64::from(u8::from(x.is_empty()))).collect();
    let largest = by_group(c, along, &largest);
    let z = c.z[0];
    let z = c.times(z, sign);
    let gap = c.sub(z, largest);
    let gap = c.times(gap, 1.0 / t);
    // e^-200 is 0 in f32: a cell that is not in the sum, and has no slope.
    let labels = c.labels;
    let chosen = c.cells(|i| f64::from(u8::from(labels[i] == label)));
    let outside = c.cells(|_| -200.0);
    let gap = c.select(chosen, gap, outside);
    let terms = c.exp(gap);
    let sums = if along == Along::Classes { c.sum_columns(terms) } else { c.sum_rows(terms) };
    // ln 1 where there is nothing to sum.
    let missing = by_group(c, along, &missing);
    let sums = c.add(sums, missing);
    let log = c.ln(sums);
    let log = c.times(log, t);
    c.add(log, largest)
}

/// The mean over the groups with a positive; those without negatives cost nothing.
fn part(c: &mut Case<'_>, along: Along) -> Var {
    let (tp, tn) = (c.p("tp"), c.p("tn"));
    let a = log_sum_exp(c, along, Label::Positive, -1.0, tp);
    let b = log_sum_exp(c, along, Label::Negative, 1.0, tn);
    let margin = c.add(a, b);
    let costs = c.softplus(margin);
    let has = |group: &[usize], label| group.iter().any(|i| c.labels[*i] == label);
    let groups = groups(c, along);
    let counted = groups.iter().filter(|group| has(group, Label::Positive)).count().max(1) as f64;
    let both = |group: &Vec<usize>| has(group, Label::Positive) && has(group, Label::Negative);
    let weights: Vec<f64> = groups.iter().map(|g| f64::from(u8::from(both(g))) / counted).collect();
    let weights = by_group(c, along, &weights);
    let costs = c.mul(costs, weights);
    c.sum(costs)
}
