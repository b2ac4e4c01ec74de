//! Metrics of the first k classes of every row, plain and propensity-scored.

use crate::rows::rank;
use crate::{Judged, MetricError, Score};

/// Means over all rows of what the first `k` classes of a row are worth.
///
/// Classes are ranked by score, of equal scores the first class first; unknown cells take no place. A row with
/// fewer than `k` known classes is still divided by `k`. A row without positives counts 0.
///
/// ```
/// use lacuna_labels::TrueLabels;
/// use lacuna_metrics::AtK;
///
/// let truth = TrueLabels::from_fn(1, 4, |_, class| class == 0 || class == 3);
/// let found = AtK::of(3, &[0.9, 0.5, 0.1, 0.3], &truth)?;
/// assert_eq!((found.precision, found.recall, found.top), (2.0 / 3.0, 1.0, 1.0));
/// // 1 / log2(2) + 1 / log2(4) of the best possible 1 / log2(2) + 1 / log2(3)
/// assert!((found.ndcg - 1.5 / (1.0 + 1.0 / 3_f64.log2())).abs() < 1e-12);
/// # Ok::<(), lacuna_metrics::MetricError>(())
/// ```
///
/// elijahcole/single-positive-multi-label, `metrics.py` (which leaves the order of equal scores open).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AtK {
    /// Positives among the first `k`, over `k`.
    pub precision: f64,
    /// Positives among the first `k`, over all positives of the row.
    pub recall: f64,
    /// Share of the rows with at least one positive among the first `k`.
    pub top: f64,
    /// `sum 1 / log2(1 + rank)` over the positives among the first `k`, over the most that the row allows.
    pub ndcg: f64,
}

impl AtK {
    /// The means for one `k`. `scores` are `[rows, classes]`, row-major.
    ///
    /// # Errors
    /// As for [`mean_average_precision`](crate::mean_average_precision); [`MetricError::NoPlaces`] for a `k` of 0.
    pub fn of<'a, S: Score>(
        k: usize,
        scores: &'a [S],
        truth: impl Into<Judged<'a>>,
    ) -> Result<Self, MetricError> {
        let truth = truth.into();
        check(k, scores, truth)?;
        let mut sum = Self { precision: 0.0, recall: 0.0, top: 0.0, ndcg: 0.0 };
        let mut ranking = Vec::with_capacity(truth.classes());
        for (scores, labels) in truth.each_row(scores) {
            rank(scores, labels, &mut ranking);
            let positives = ranking.iter().filter(|class| class.1).count();
            if positives == 0 {
                continue;
            }
            let tp = ranking.iter().take(k).filter(|class| class.1).count();
            let gain: f64 = ranking
                .iter()
                .take(k)
                .enumerate()
                .filter(|(_, class)| class.1)
                .map(|(i, _)| discount(i))
                .sum();
            let best: f64 = (0..k.min(positives)).map(discount).sum();
            sum.precision += tp as f64 / k as f64;
            sum.recall += tp as f64 / positives as f64;
            sum.top += f64::from(tp > 0);
            sum.ndcg += gain / best;
        }
        let rows = truth.rows() as f64;
        Ok(Self {
            precision: sum.precision / rows,
            recall: sum.recall / rows,
            top: sum.top / rows,
            ndcg: sum.ndcg / rows,
        })
    }
}

/// Propensity-scored precision and nDCG of the first `k`: a true positive of a class whose labels seldom survive counts more.
///
/// Both are normalised over the whole set: the sum over all rows of the true positives, divided by the largest
/// sum that was possible.
///
/// ```text
/// PSP@k    = sum_i sum_{positives c in top k} 1/p_c  /  sum_i (the k largest 1/p_c of the row's positives)
/// PSnDCG@k = the same with 1 / log2(1 + rank) on every place
/// ```
///
/// Jain et al., KDD 2016; kunaldahiya/pyxclib, `xc_metrics.py`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PropensityAtK {
    /// PSP@k; not a number where there are no positives.
    pub precision: f64,
    /// PSnDCG@k; not a number where there are no positives.
    pub ndcg: f64,
}

impl PropensityAtK {
    /// The values for one `k`; `inverse_propensity` is 1/p of every class.
    ///
    /// ```
    /// use lacuna_labels::TrueLabels;
    /// use lacuna_metrics::PropensityAtK;
    ///
    /// // The first row predicts the common class, the second does not predict the rare one.
    /// let truth = TrueLabels::from_fn(2, 2, |row, class| row == class);
    /// let found = PropensityAtK::of(1, &[0.9, 0.1, 0.8, 0.2], &truth, &[1.0, 4.0])?;
    /// assert_eq!(found.precision, 1.0 / 5.0);
    /// # Ok::<(), lacuna_metrics::MetricError>(())
    /// ```
    ///
    /// # Errors
    /// As for [`AtK::of`]; [`MetricError::Propensity`] unless there is a number of at least 1 for each class.
    pub fn of<'a, S: Score>(
        k: usize,
        scores: &'a [S],
        truth: impl Into<Judged<'a>>,
        inverse_propensity: &[f64],
    ) -> Result<Self, MetricError> {
        let truth = truth.into();
        check(k, scores, truth)?;
        let wrong = inverse_propensity.iter().position(|&w| !(w >= 1.0 && w.is_finite()));
        if wrong.is_some() || inverse_propensity.len() != truth.classes() {
            return Err(MetricError::Propensity {
                class: wrong.unwrap_or(inverse_propensity.len().min(truth.classes())),
                classes: truth.classes(),
            });
        }
        let (mut found, mut possible) = ([0.0; 2], [0.0; 2]);
        let (mut ranking, mut best) = (Vec::with_capacity(truth.classes()), Vec::new());
        for (scores, labels) in truth.each_row(scores) {
            rank(scores, labels, &mut ranking);
            for (i, &(_, _, class)) in ranking.iter().take(k).enumerate().filter(|(_, class)| class.1) {
                found[0] += inverse_propensity[class];
                found[1] += inverse_propensity[class] * discount(i);
            }
            best.clear();
            best.extend(ranking.iter().filter(|class| class.1).map(|class| inverse_propensity[class.2]));
            best.sort_by(|one: &f64, other| other.total_cmp(one));
            for (i, weight) in best.iter().take(k).enumerate() {
                possible[0] += weight;
                possible[1] += weight * discount(i);
            }
        }
        Ok(Self { precision: found[0] / possible[0], ndcg: found[1] / possible[1] })
    }
}

/// What place `i`, counted from 0, is worth.
fn discount(i: usize) -> f64 {
    1.0 / ((i + 2) as f64).log2()
}

fn check<S: Score>(k: usize, scores: &[S], truth: Judged<'_>) -> Result<(), MetricError> {
    truth.check(scores)?;
    if k == 0 { Err(MetricError::NoPlaces) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random_case::RandomCase;
    use lacuna_labels::TrueLabels;

    /// The place of a class in its row, counted from 1, by comparing it with every other.
    fn place(case: &RandomCase, row: usize, class: usize) -> usize {
        let (score, _) = case.cell(row, class);
        let before = |&other: &usize| {
            let (theirs, label) = case.cell(row, other);
            label.is_known() && (theirs > score || (theirs == score && other < class))
        };
        1 + (0..case.classes).filter(before).count()
    }

    #[test]
    fn random_rows_agree_with_the_definitions() {
        for seed in RandomCase::seeds() {
            let case = RandomCase::new(seed);
            let weights: Vec<f64> = (0..case.classes).map(|class| 1.0 + class as f64 / 2.0).collect();
            for k in [1, 2, 5, 9] {
                let mut sums = [0.0; 4];
                let (mut gained, mut possible) = ([0.0; 2], [0.0; 2]);
                for row in 0..case.rows {
                    let positives: Vec<usize> =
                        (0..case.classes).filter(|&class| case.cell(row, class).1.is_positive()).collect();
                    let places: Vec<usize> = positives
                        .iter()
                        .map(|&class| place(&case, row, class))
                        .filter(|&place| place <= k)
                        .collect();
                    let gain = |place: usize| 1.0 / (1.0 + place as f64).log2();
                    for &class in &positives {
                        let place = place(&case, row, class);
                        if place <= k {
                            gained[0] += weights[class];
                            gained[1] += weights[class] * gain(place);
                        }
                    }
                    let mut best: Vec<f64> = positives.iter().map(|&class| weights[class]).collect();
                    best.sort_by(|a, b| b.partial_cmp(a).unwrap());
                    for (i, weight) in best.iter().take(k).enumerate() {
                        possible[0] += weight;
                        possible[1] += weight * gain(i + 1);
                    }
                    if positives.is_empty() {
                        continue;
                    }
                    let most: f64 = (1..=k.min(positives.len())).map(gain).sum();
                    sums[0] += places.len() as f64 / k as f64;
                    sums[1] += places.len() as f64 / positives.len() as f64;
                    sums[2] += f64::from(!places.is_empty());
                    sums[3] += places.iter().map(|&place| gain(place)).sum::<f64>() / most;
                }
                let found = AtK::of(k, &case.scores, case.judged()).unwrap();
                let values = [found.precision, found.recall, found.top, found.ndcg];
                for (value, sum) in values.iter().zip(sums) {
                    assert!((value - sum / case.rows as f64).abs() < 1e-12, "{seed}, k = {k}");
                }
                let scored = PropensityAtK::of(k, &case.scores, case.judged(), &weights).unwrap();
                if possible[0] > 0.0 {
                    assert!((scored.precision - gained[0] / possible[0]).abs() < 1e-12, "{seed}, k = {k}");
                    assert!((scored.ndcg - gained[1] / possible[1]).abs() < 1e-12, "{seed}, k = {k}");
                }
            }
        }
    }

    #[test]
    fn weights_that_are_no_inverse_propensities_are_refused() {
        let truth = TrueLabels::from_fn(1, 2, |_, _| true);
        for (weights, message) in [
            (&[1.0, 0.5][..], "class 1"),
            (&[1.0][..], "class 1"),
            (&[f64::INFINITY, 1.0][..], "class 0"),
            (&[1.0, 1.0, 1.0][..], "class 2"),
        ] {
            let error = PropensityAtK::of(1, &[0.1, 0.2], &truth, weights).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
        assert_eq!(AtK::of(0, &[0.1, 0.2], &truth).unwrap_err(), MetricError::NoPlaces);
    }
}
