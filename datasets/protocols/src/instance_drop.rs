//! Positives that are hard to see are lost first.

use crate::{ProtocolError, keep_positives_of, share};
use lacuna_labels::{Features, ObservedLabels, TrueLabels};

/// Of every row the positives with the weakest evidence are lost: `k` positives keep the `max(1, round((1 - rate) k))`
/// strongest, of equal ones the first class. Everything else is unknown.
///
/// What is lost then depends on the instance, which most methods assume it does not. Nothing is drawn.
///
/// ```
/// use lacuna_labels::TrueLabels;
/// use lacuna_protocols::InstanceDrop;
///
/// let truth = TrueLabels::from_fn(1, 4, |_, class| class != 2);
/// let observed = InstanceDrop { rate: 0.5 }.apply(&truth, &[0.1, 0.9, 1.0, 0.4])?;
/// assert!(observed.get(0, 1).is_positive() && observed.get(0, 3).is_positive());
/// assert!(!observed.get(0, 0).is_known());
/// # Ok::<(), lacuna_protocols::ProtocolError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InstanceDrop {
    /// Share of a row's positives that is lost, in `[0, 1]`.
    pub rate: f64,
}

impl InstanceDrop {
    /// What is left of `truth`, given the evidence of every cell, `[rows, classes]`.
    ///
    /// # Errors
    /// [`ProtocolError::Share`] unless `rate` is between 0 and 1, [`ProtocolError::Evidence`] unless there is a number for
    /// every cell.
    pub fn apply(&self, truth: &TrueLabels, evidence: &[f32]) -> Result<ObservedLabels, ProtocolError> {
        let rate = share("rate", self.rate)?;
        let (cells, found) = (truth.rows() * truth.classes(), evidence.len());
        if cells != found || evidence.iter().any(|value| value.is_nan()) {
            return Err(ProtocolError::Evidence { cells, found });
        }
        Ok(keep_positives_of(truth, |row, positives| {
            let evidence = &evidence[row * truth.classes()..][..truth.classes()];
            positives.sort_by(|&a, &b| evidence[b].total_cmp(&evidence[a]));
            (((1.0 - rate) * positives.len() as f64).round() as usize).max(1)
        }))
    }
}

/// How much a row looks like the mean row of each class: the cosine of the two after the mean of all rows has been taken
/// away, `[rows, classes]`. Evidence for [`InstanceDrop`] where there are features and no model.
///
/// # Panics
/// Unless features and labels have as many rows.
#[track_caller]
pub fn class_mean_evidence(features: &Features, truth: &TrueLabels) -> Vec<f32> {
    let (rows, columns, classes) = (features.rows(), features.columns(), truth.classes());
    assert_eq!(rows, truth.rows(), "as many rows of features as of labels");
    let mut mean = vec![0.0_f64; columns];
    let mut means = vec![0.0_f64; classes * columns];
    let counts = truth.positives_per_class();
    for row in 0..rows {
        let x = features.row(row);
        mean.iter_mut().zip(x).for_each(|(sum, &x)| *sum += f64::from(x) / rows as f64);
        for class in (0..classes).filter(|&class| truth.get(row, class).is_positive()) {
            let of_class = &mut means[class * columns..][..columns];
            of_class.iter_mut().zip(x).for_each(|(sum, &x)| *sum += f64::from(x) / counts[class] as f64);
        }
    }
    for of_class in means.chunks_exact_mut(columns.max(1)) {
        of_class.iter_mut().zip(&mean).for_each(|(value, mean)| *value -= mean);
    }
    let norm = |x: &[f64]| x.iter().map(|x| x * x).sum::<f64>().sqrt();
    let norms: Vec<f64> = means.chunks_exact(columns.max(1)).map(norm).collect();
    let mut evidence = Vec::with_capacity(rows * classes);
    for row in 0..rows {
        let x: Vec<f64> = features.row(row).iter().zip(&mean).map(|(&x, mean)| f64::from(x) - mean).collect();
        let own = norm(&x);
        for class in 0..classes {
            let product: f64 = means[class * columns..][..columns].iter().zip(&x).map(|(a, b)| a * b).sum();
            let scale = own * norms[class];
            evidence.push(if scale > 0.0 { (product / scale) as f32 } else { 0.0 });
        }
    }
    evidence
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The evidence was never held against numbers, so a mask could change without an error.
    #[test]
    fn evidence_is_the_cosine_with_the_mean_row_of_a_class() {
        // Around the mean (1, 1) the rows are (1, 0), (-1, 0), (0, 1) and (0, -1).
        let features = Features::new(4, 2, vec![2.0, 1.0, 0.0, 1.0, 1.0, 2.0, 1.0, 0.0]).unwrap();
        let truth = TrueLabels::from_fn(4, 3, |row, class| match class {
            0 => row == 0 || row == 2, // its mean row is (1/2, 1/2)
            1 => row == 1,             // (-1, 0)
            _ => row < 2,              // (0, 0), which looks like nothing
        });
        let evidence = class_mean_evidence(&features, &truth);
        let half = 0.5_f32.sqrt();
        let expected = [half, -1.0, 0.0, -half, 1.0, 0.0, half, 0.0, 0.0, -half, 0.0, 0.0];
        for (cell, (found, expected)) in evidence.iter().zip(expected).enumerate() {
            assert!((found - expected).abs() < 1e-6, "cell {cell}: {found}, expected {expected}");
        }
        assert_eq!(evidence.len(), expected.len());
        // Row 0 has the classes 0 and 2, row 1 the classes 1 and 2: each keeps the one that it looks like.
        let observed = InstanceDrop { rate: 0.5 }.apply(&truth, &evidence).unwrap();
        let positives =
            |row| -> Vec<usize> { (0..3).filter(|&class| observed.get(row, class).is_positive()).collect() };
        assert_eq!([0, 1, 2, 3].map(positives), [vec![0], vec![1], vec![0], vec![]]);
    }
}
