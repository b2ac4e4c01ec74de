//! The formula, scalar.

use lacuna_loss_api::{Label, Real};

/// t ln sum e^(x/t), `None` for no terms.
pub fn log_sum_exp<R: Real>(x: &[R], t: f64) -> Option<R> {
    let largest = x.iter().map(|x| x.value()).reduce(f64::max)?;
    let terms = x.iter().map(|&x| ((x - R::of(largest)) / R::of(t)).exp());
    Some(R::of(t) * R::sum(terms).ln() + R::of(largest))
}

/// softplus(A + B) over the cells of one class or of one row: 0 without negatives, `None` without positives.
pub fn cost<R: Real>(cells: &[(R, Label)], tp: f64, tn: f64) -> Option<R> {
    let of = |label: Label| cells.iter().filter(move |(_, l)| *l == label).map(|(z, _)| *z);
    let positives: Vec<R> = of(Label::Positive).map(|z| -z).collect();
    let negatives: Vec<R> = of(Label::Negative).collect();
    let a = log_sum_exp(&positives, tp)?;
    Some(log_sum_exp(&negatives, tn).map_or(R::of(0.0), |b| (a + b).softplus()))
}

/// The mean over classes with a positive plus the mean over rows with a positive.
pub fn two_way<R: Real>(z: &[R], labels: &[Label], classes: usize, tp: f64, tn: f64) -> R {
    let cell = |i: usize| (z[i], labels[i]);
    let rows = z.len() / classes;
    let mean = |costs: Vec<R>| {
        let n = costs.len().max(1) as f64;
        R::sum(costs.into_iter()) / R::of(n)
    };
    let of_class = |c: usize| cost(&(0..rows).map(|i| cell(i * classes + c)).collect::<Vec<_>>(), tp, tn);
    let of_row = |i: usize| cost(&(0..classes).map(|c| cell(i * classes + c)).collect::<Vec<_>>(), tp, tn);
    mean((0..classes).filter_map(of_class).collect()) + mean((0..rows).filter_map(of_row).collect())
}
