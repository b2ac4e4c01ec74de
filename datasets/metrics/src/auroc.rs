//! Area under the receiver operating characteristic of every class.

use crate::{Judged, MetricError, Score, Undefined};
use rayon::prelude::*;

/// The share of pairs of a positive and a negative row in which the positive has the higher score; equal scores
/// count half. `None` for a class whose known rows are all positive or all negative.
///
/// scikit-learn's `roc_auc_score`, class by class; the mean over classes is [`Undefined::mean`] of them.
///
/// ```
/// use lacuna_labels::TrueLabels;
/// use lacuna_metrics::{Undefined, auroc};
///
/// let truth = TrueLabels::from_fn(4, 2, |row, class| class == 0 && row < 2);
/// let found = auroc(&[0.9_f32, 0.1, 0.3, 0.2, 0.3, 0.3, 0.1, 0.4], &truth)?;
/// assert_eq!(found, [Some(3.5 / 4.0), None]);
/// assert_eq!(Undefined::Skip.mean(found), 3.5 / 4.0);
/// # Ok::<(), lacuna_metrics::MetricError>(())
/// ```
///
/// # Errors
/// As for [`mean_average_precision`](crate::mean_average_precision).
pub fn auroc<'a, S: Score>(
    scores: &[S],
    truth: impl Into<Judged<'a>>,
) -> Result<Vec<Option<f64>>, MetricError> {
    let truth = truth.into();
    truth.check(scores)?;
    let (classes, cells) = (truth.classes(), truth.cells());
    let of_class = |(ranking, spare): &mut (Vec<S::Bits>, Vec<S::Bits>), class: usize| {
        ranking.clear();
        for row in 0..truth.rows() {
            let cell = row * classes + class;
            if cells[cell].is_known() {
                ranking.push(scores[cell].pack(row, cells[cell].is_positive()));
            }
        }
        S::sort(ranking, spare);
        // Pairs counted twice, so that the halves of ties are whole numbers.
        let (mut negatives, mut positives, mut pairs) = (0_u128, 0_u128, 0_u128);
        for tied in ranking.chunk_by(|&one, &other| S::tied(one, other)) {
            let of_score = tied.iter().filter(|&&row| S::positive(row)).count() as u128;
            let others = tied.len() as u128 - of_score;
            pairs += of_score * (2 * negatives + others);
            negatives += others;
            positives += of_score;
        }
        (positives > 0 && negatives > 0).then(|| pairs as f64 / (2 * positives * negatives) as f64)
    };
    Ok((0..classes).into_par_iter().map_init(Default::default, of_class).collect())
}

/// Mean of [`auroc`] over the classes.
///
/// # Errors
/// As for [`auroc`].
pub fn mean_auroc<'a, S: Score>(
    scores: &[S],
    truth: impl Into<Judged<'a>>,
    undefined: Undefined,
) -> Result<f64, MetricError> {
    Ok(undefined.mean(auroc(scores, truth)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle;
    use crate::random_case::RandomCase;

    #[test]
    fn random_classes_agree_with_the_definition() {
        for seed in RandomCase::seeds() {
            let case = RandomCase::new(seed);
            let found = auroc(&case.scores, case.judged()).unwrap();
            for (class, found) in found.into_iter().enumerate() {
                let expected = oracle::auroc(&case.of_class(class));
                match (found, expected) {
                    (Some(found), Some(expected)) => assert!((found - expected).abs() < 1e-12, "{seed}"),
                    (found, expected) => assert_eq!(found, expected),
                }
            }
        }
    }
}
