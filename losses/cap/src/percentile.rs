//! Thresholds from percentiles of scores.

use lacuna_loss_api::{Interval, Label, LossError};

/// The value below which `percent` of 100 of some numbers lie, by linear interpolation between neighbours; `None` of
/// none.
///
/// ```
/// assert_eq!(lacuna_cap::percentile(&[3.0, 1.0, 2.0], 75.0), Some(2.5));
/// ```
pub fn percentile(values: &[f64], percent: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = percent / 100.0 * (sorted.len().checked_sub(1)?) as f64;
    let (low, share) = (place.floor() as usize, place.fract());
    let high = (low + 1).min(sorted.len() - 1);
    let (a, b) = (sorted[low], sorted[high]);
    // From the nearer end, so that a share of 1 gives the end itself.
    Some(if share < 0.5 { a + share * (b - a) } else { b - (1.0 - share) * (b - a) })
}

/// Thresholds of one class from the scores of labelled rows: the `kappa_pos` percentile over its positives and the
/// `kappa_neg` percentile over its negatives; `None` where there are none of a kind. Unknown cells take no part.
///
/// Our reading of PercentMatch (Huang and others, "PercentMatch: Percentile-Based Dynamic Thresholding for Multi-Label
/// Semi-Supervised Classification", 2022), of which no code was seen.
///
/// # Errors
/// [`LossError::Shape`] for another number of labels, [`LossError::NonFinite`] for a score that is no number,
/// [`LossError::Parameter`] for a percentage outside [0, 100].
pub fn percentile_thresholds(
    scores: &[f64],
    labels: &[Label],
    kappa_pos: f64,
    kappa_neg: f64,
) -> Result<(Option<f64>, Option<f64>), LossError> {
    let range = Interval::closed(0.0, 100.0);
    for (parameter, value) in [("kappa_pos", kappa_pos), ("kappa_neg", kappa_neg)] {
        if !range.contains(value) {
            return Err(LossError::Parameter { loss: "percentile thresholds", parameter, value, range });
        }
    }
    if labels.len() != scores.len() {
        let (what, found, rows) = ("the labels", labels.len(), scores.len());
        return Err(LossError::Shape { what, found, rows, classes: 1 });
    }
    if let Some(row) = scores.iter().position(|s| !s.is_finite()) {
        return Err(LossError::NonFinite { row, class: 0, value: scores[row] as f32 });
    }
    let of = |kind: Label| -> Vec<f64> {
        scores.iter().zip(labels).filter(|(_, l)| **l == kind).map(|(&s, _)| s).collect()
    };
    Ok((percentile(&of(Label::Positive), kappa_pos), percentile(&of(Label::Negative), kappa_neg)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_the_definition() {
        let values = [4.0, 1.0, 3.0, 2.0, 5.0];
        for (percent, expected) in
            [(0.0, 1.0), (25.0, 2.0), (30.0, 2.2), (50.0, 3.0), (97.5, 4.9), (100.0, 5.0)]
        {
            let found = percentile(&values, percent).unwrap();
            assert!((found - expected).abs() < 1e-12, "{percent}: {found}");
        }
        assert_eq!(percentile(&[], 50.0), None);
        assert_eq!(percentile(&[7.0], 50.0), Some(7.0));
    }

    #[test]
    fn input_is_checked() {
        let labels = [Label::Positive, Label::Unknown];
        assert_eq!(percentile_thresholds(&[0.5, 0.1], &labels, 30.0, 80.0), Ok((Some(0.5), None)));
        assert!(percentile_thresholds(&[0.5], &labels, 30.0, 80.0).is_err());
        assert!(percentile_thresholds(&[0.5, f64::NAN], &labels, 30.0, 80.0).is_err());
        assert!(percentile_thresholds(&[0.5, 0.1], &labels, -1.0, 80.0).is_err());
        assert!(percentile_thresholds(&[0.5, 0.1], &labels, 30.0, 101.0).is_err());
    }
}
