//! Losses of single rows, their weights, and their weighted sum.

use lacuna_loss_api::{LossError, LossGrad, LossInput, MultiLabelLoss, Targets};

/// One row of a batch.
fn row_of<'a>(input: &LossInput<'a>, row: usize, logits: &'a [&'a [f32]]) -> LossInput<'a> {
    let classes = input.classes;
    let part = |x: usize| x..x + classes;
    LossInput {
        logits,
        rows: 1,
        targets: Targets {
            labels: &input.targets.labels[part(row * classes)],
            soft: input.targets.soft.map(|soft| &soft[part(row * classes)]),
            mix: None,
            whole: None,
        },
        sample_ids: input.sample_ids.get(row..row + 1).unwrap_or(&[]),
        ..*input
    }
}

/// The error of a row, with its place in the batch.
fn placed(error: LossError, at: usize) -> LossError {
    match error {
        LossError::NonFinite { row, class, value } => LossError::NonFinite { row: row + at, class, value },
        LossError::Label { loss, row, class, label, why } => {
            LossError::Label { loss, row: row + at, class, label, why }
        }
        LossError::Target { row, class, value } => LossError::Target { row: row + at, class, value },
        error => error,
    }
}

/// The loss of each row of a batch alone, in place of what `out` has.
///
/// # Errors
/// Those of the loss, and [`LossError::Shape`].
pub fn row_losses(
    loss: &mut dyn MultiLabelLoss,
    input: &LossInput<'_>,
    out: &mut Vec<f32>,
) -> Result<(), LossError> {
    input.check(loss.info().name, 1, &LossGrad::Unneeded)?;
    out.clear();
    for (row, z) in input.logits[0].chunks(input.classes).enumerate() {
        let logits = [z];
        let value = loss.evaluate(&row_of(input, row, &logits), LossGrad::Unneeded);
        out.push(value.map_err(|error| placed(error, row))?);
    }
    Ok(())
}

/// sum w_i l_i with constant weights; overwrites `dz` with its derivatives. A row without weight is not evaluated, and its
/// derivatives are 0.
///
/// # Errors
/// Those of the loss, and [`LossError::Shape`].
pub fn weighted_sum(
    loss: &mut dyn MultiLabelLoss,
    input: &LossInput<'_>,
    weights: &[f64],
    dz: &mut [f32],
) -> Result<f64, LossError> {
    input.check(loss.info().name, 1, &LossGrad::Into(&mut [&mut *dz]))?;
    let (rows, classes) = (input.rows, input.classes);
    if weights.len() != rows {
        return Err(LossError::Shape { what: "the weights", found: weights.len(), rows, classes: 1 });
    }
    let mut total = 0.0;
    for (row, (z, dz)) in input.logits[0].chunks(classes).zip(dz.chunks_mut(classes)).enumerate() {
        if weights[row] == 0.0 {
            dz.fill(0.0);
            continue;
        }
        let logits = [z];
        let value = loss.evaluate(&row_of(input, row, &logits), LossGrad::Into(&mut [&mut *dz]));
        total += weights[row] * f64::from(value.map_err(|error| placed(error, row))?);
        let by = weights[row] as f32;
        dz.iter_mut().for_each(|dz| *dz *= by);
    }
    Ok(total)
}

/// (plus - minus) / 2h of every row, in place of what `out` has: derivatives along a direction, from losses with the
/// parameters moved by h times that direction both ways.
///
/// # Panics
/// If the lists differ in length.
pub fn central_differences(plus: &[f32], minus: &[f32], h: f64, out: &mut Vec<f64>) {
    assert_eq!(plus.len(), minus.len(), "a loss of each row both ways");
    out.clear();
    out.extend(plus.iter().zip(minus).map(|(a, b)| (f64::from(*a) - f64::from(*b)) / (2.0 * h)));
}

/// Turns inner products into weights: the positive parts, over their sum and the guard. All of them are 0 where none is
/// positive.
pub fn normalise(inner: &mut [f64], guard: f64) {
    inner.iter_mut().for_each(|u| *u = u.max(0.0));
    let sum: f64 = inner.iter().sum::<f64>() + guard;
    if sum > 0.0 {
        inner.iter_mut().for_each(|u| *u /= sum);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lacuna_loss_api::pointwise::{self, Entry, Pointwise};
    use lacuna_loss_api::{Dual, Label, LabelUse, LossInfo, Reduction, f32x8};

    static INFO: LossInfo = LossInfo {
        name: "square",
        title: "square",
        paper: "none",
        year: 2026,
        experimental: true,
        labels: LabelUse::UnknownAsNegative,
        formula: "l = z^2",
        params: &[],
    };

    /// l = mean of z^2.
    #[derive(Debug)]
    struct Square;

    impl Pointwise for Square {
        fn at(&self, z: f32x8, _: f32x8) -> Entry {
            Entry::new(z * z, z + z)
        }
    }

    impl MultiLabelLoss for Square {
        fn info(&self) -> &'static LossInfo {
            &INFO
        }
        fn evaluate(&mut self, input: &LossInput<'_>, grad: LossGrad<'_, '_>) -> Result<f32, LossError> {
            pointwise::evaluate(INFO.name, &Square, input, grad, Reduction::Mean)
        }
        fn reference(&self, z: &[&[Dual]], _: &LossInput<'_>) -> Dual {
            lacuna_loss_api::Real::sum(z[0].iter().map(|&z| z * z))
        }
    }

    #[test]
    fn rows_are_evaluated_alone_and_summed_by_weight() {
        let z = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        let logits = [&z[..]];
        let labels = [Label::Unknown; 6];
        let input = LossInput::new(&logits, 3, 2, &labels);
        let mut losses = vec![9.0];
        row_losses(&mut Square, &input, &mut losses).unwrap();
        assert_eq!(losses, [2.5, 12.5, 30.5]);
        let mut dz = [f32::NAN; 6];
        let value = weighted_sum(&mut Square, &input, &[0.5, 0.0, 2.0], &mut dz).unwrap();
        assert_eq!((value, dz), (62.25, [0.5, 1.0, 0.0, 0.0, 10.0, 12.0]));
        let short = weighted_sum(&mut Square, &input, &[0.5], &mut dz);
        assert!(matches!(short, Err(LossError::Shape { .. })));
    }

    #[test]
    fn errors_name_the_row_of_the_batch() {
        let z = [1.0, 2.0, 3.0, f32::NAN];
        let logits = [&z[..]];
        let labels = [Label::Unknown; 4];
        let input = LossInput::new(&logits, 2, 2, &labels);
        let error = row_losses(&mut Square, &input, &mut vec![]).unwrap_err();
        assert!(matches!(error, LossError::NonFinite { row: 1, class: 1, .. }));
    }

    /// Whatever the row was called by the loss of one row, it is called by its place in the batch.
    #[test]
    fn every_error_of_a_cell_gets_its_place() {
        let (class, value) = (2, -1.0);
        let found = placed(LossError::Target { row: 1, class, value }, 3);
        assert_eq!(found, LossError::Target { row: 4, class, value });
        let found = placed(LossError::NonFinite { row: 1, class, value }, 3);
        assert_eq!(found, LossError::NonFinite { row: 4, class, value });
        let label = |row| LossError::Label { loss: "square", row, class, label: Label::Negative, why: "no" };
        assert_eq!(placed(label(1), 3), label(4));
        assert_eq!(placed(LossError::State("no".into()), 3), LossError::State("no".into()));
    }

    #[test]
    fn weights_sum_to_one_or_are_nothing() {
        let mut u = [3.0, -1.0, 1.0, 0.0];
        normalise(&mut u, 0.0);
        assert_eq!(u, [0.75, 0.0, 0.25, 0.0]);
        for guard in [0.0, 1e-10] {
            let mut u = [-3.0, -1.0];
            normalise(&mut u, guard);
            assert_eq!(u, [0.0; 2]);
        }
    }
}
