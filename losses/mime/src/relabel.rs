//! Positives that are written after an epoch.

use lacuna_loss_api::{Interval, Label, LossError, Real};

/// Writes a positive where a cell is unknown and p = sigma(z) > theta, strictly; gives the number of cells written.
///
/// What was written stays: `labels` is an overlay that accumulates from epoch to epoch and starts as a copy of the observed
/// labels. Observed negatives, which the paper does not have, are not overruled. Rows that an epoch did not visit are left
/// out by the caller.
///
/// Liu et al., ICML 2023; palm-biaoliu/mime@06e15de8, train_mime.py (`set_pseudo_labeling`).
///
/// ```
/// use lacuna_loss_api::Label::{Negative, Positive, Unknown};
/// use lacuna_mime::write_positives;
///
/// let mut labels = [Positive, Unknown, Unknown, Negative];
/// assert_eq!(write_positives(&mut labels, &[-4.0, 4.0, 2.0, 4.0], 0.95)?, 1);
/// assert_eq!(labels, [Positive, Positive, Unknown, Negative]);
/// # Ok::<(), lacuna_loss_api::LossError>(())
/// ```
///
/// # Errors
/// [`LossError::Shape`] unless there is a logit for each label, [`LossError::Parameter`] for a threshold outside [0, 1],
/// [`LossError::NonFinite`] with the number of the cell as its row.
pub fn write_positives(labels: &mut [Label], logits: &[f32], theta: f64) -> Result<usize, LossError> {
    let range = Interval::closed(0.0, 1.0);
    if !range.contains(theta) {
        return Err(LossError::Parameter { loss: "mime", parameter: "theta", value: theta, range });
    }
    if labels.len() != logits.len() {
        let (what, found) = ("the logits", logits.len());
        return Err(LossError::Shape { what, found, rows: labels.len(), classes: 1 });
    }
    if let Some(row) = logits.iter().position(|z| !z.is_finite()) {
        return Err(LossError::NonFinite { row, class: 0, value: logits[row] });
    }
    let mut written = 0;
    for (label, z) in labels.iter_mut().zip(logits) {
        if !label.is_known() && Real::sigmoid(f64::from(*z)) > theta {
            *label = Label::Positive;
            written += 1;
        }
    }
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_threshold_is_strict_and_known_labels_stay() {
        let unknown = [Label::Unknown; 3];
        let mut labels = unknown;
        assert_eq!(write_positives(&mut labels, &[0.0, 1e-6, -1e-6], 0.5), Ok(1));
        assert_eq!(labels, [Label::Unknown, Label::Positive, Label::Unknown]);
        // What is written stays when the model changes its mind.
        assert_eq!(write_positives(&mut labels, &[-9.0, -9.0, 9.0], 0.5), Ok(1));
        assert_eq!(labels, [Label::Unknown, Label::Positive, Label::Positive]);
        // p = 1 is not above 1.
        let mut labels = unknown;
        assert_eq!(write_positives(&mut labels, &[1e4, 50.0, 800.0], 1.0), Ok(0));
        assert_eq!(labels, unknown);
    }

    #[test]
    fn input_is_checked() {
        let mut labels = [Label::Unknown; 2];
        assert!(matches!(write_positives(&mut labels, &[0.0], 0.5), Err(LossError::Shape { .. })));
        let bad = write_positives(&mut labels, &[0.0, f32::NAN], 0.5);
        assert!(matches!(bad, Err(LossError::NonFinite { row: 1, .. })));
        for theta in [-0.1, 1.1, f64::NAN] {
            let bad = write_positives(&mut labels, &[0.0; 2], theta);
            assert!(matches!(bad, Err(LossError::Parameter { .. })));
        }
    }
}
