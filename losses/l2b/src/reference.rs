//! The formulas for a linear model z = x W^T + b, scalar.

use lacuna_loss_api::{Label, Real};

/// Logits `[rows, classes]` of features `[rows, columns]`; the parameters are W `[classes, columns]`, then b `[classes]`.
pub fn logits<R: Real>(features: &[f64], parameters: &[R], classes: usize) -> Vec<R> {
    let columns = parameters.len() / classes - 1;
    let (weights, bias) = parameters.split_at(classes * columns);
    let of_row = |x: &[f64]| {
        let class =
            |c: usize| R::sum(x.iter().zip(&weights[c * columns..]).map(|(&x, &w)| R::of(x) * w)) + bias[c];
        (0..classes).map(class).collect::<Vec<R>>()
    };
    features.chunks(columns).flat_map(of_row).collect()
}

/// BCE of a cell, 0 where it is unknown, over the number of classes.
pub fn cell_loss<R: Real>(z: R, label: Label, classes: usize) -> R {
    let cost = match label {
        Label::Positive => (-z).softplus(),
        Label::Negative => z.softplus(),
        Label::Unknown => R::zero(),
    };
    cost / R::of(classes as f64)
}

/// BCE of the known cells of each row over the number of classes.
pub fn row_losses<R: Real>(z: &[R], labels: &[Label], classes: usize) -> Vec<R> {
    let row = |(z, labels): (&[R], &[Label])| {
        R::sum(z.iter().zip(labels).map(|(&z, &label)| cell_loss(z, label, classes)))
    };
    z.chunks(classes).zip(labels.chunks(classes)).map(row).collect()
}

/// The mean of the losses of rows.
pub fn mean<R: Real>(losses: &[R]) -> R {
    R::sum(losses.iter().copied()) / R::of(losses.len() as f64)
}
