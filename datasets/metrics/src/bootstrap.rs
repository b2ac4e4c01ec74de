//! Paired bootstrap over rows, and Holm's correction for several comparisons.

use crate::ranking::packed::Packed;
use crate::{Judged, MetricError};

/// Scores sorted once, so that the average precisions of a resample take no sort.
///
/// A resample gives every row a weight: how often it was drawn.
///
/// ```
/// use lacuna_labels::TrueLabels;
/// use lacuna_metrics::{MapConvention, SortedScores, mean_average_precision};
///
/// let truth = TrueLabels::from_fn(4, 1, |row, _| row % 2 == 0);
/// let scores = [0.9_f32, 0.8, 0.1, 0.3];
/// let sorted = SortedScores::new(&scores, &truth)?;
/// let mut ap = [0.0];
/// sorted.average_precisions(&[1, 1, 1, 1], &mut ap);
/// assert_eq!(ap[0], mean_average_precision(&scores, &truth, MapConvention::SPML)?.map);
///
/// // Row 1 twice and row 3 not at all: the positives are at ranks 1 and 4.
/// sorted.average_precisions(&[1, 2, 1, 0], &mut ap);
/// assert_eq!(ap[0], (1.0 + 2.0 / 4.0) / 2.0);
/// # Ok::<(), lacuna_metrics::MetricError>(())
/// ```
#[derive(Clone, Debug)]
pub struct SortedScores {
    rows: usize,
    /// Of each class the rows from the highest score on, packed as `row << 2 | last of its equals << 1 | positive`.
    classes: Vec<Vec<u32>>,
}

impl SortedScores {
    /// Sorts the scores of each class, `[rows, classes]`; an unknown cell takes its row out of the ranking of its class.
    ///
    /// # Errors
    /// As for [`mean_average_precision`](crate::mean_average_precision).
    pub fn new<'a>(scores: &[f32], truth: impl Into<Judged<'a>>) -> Result<Self, MetricError> {
        let truth = truth.into();
        truth.check(scores)?;
        let classes = truth.classes();
        let mut spare = Vec::new();
        let sorted = |class: usize| {
            let column = scores[class..].iter().step_by(classes);
            let labels = truth.cells()[class..].iter().step_by(classes);
            let packed = column.zip(labels).enumerate().filter(|(_, (_, label))| label.is_known());
            let mut ranking: Vec<u64> =
                packed.map(|(row, (score, label))| score.pack(row, label.is_positive())).collect();
            f32::sort(&mut ranking, &mut spare);
            ranking.reverse();
            let rank = |i: usize| {
                let last = ranking.get(i + 1).is_none_or(|next| !f32::tied(ranking[i], *next));
                // The lower half of a packed score is row and label.
                let (row, positive) = (ranking[i] as u32 >> 1, ranking[i] as u32 & 1);
                row << 2 | u32::from(last) << 1 | positive
            };
            (0..ranking.len()).map(rank).collect()
        };
        Ok(Self { rows: truth.rows(), classes: (0..classes).map(sorted).collect() })
    }

    /// Average precision of each class, as a fraction, with every row counted as often as its weight says: the sum over distinct
    /// scores of the step in recall times the precision. A class without positives has 0.
    ///
    /// # Panics
    /// Unless there is a weight for each row and a place for each class.
    pub fn average_precisions(&self, weights: &[u32], ap: &mut [f64]) {
        assert_eq!(ap.len(), self.classes.len(), "one average precision a class");
        assert_eq!(self.rows, weights.len(), "one weight a row");
        for (ranking, ap) in self.classes.iter().zip(ap) {
            let (mut rows, mut positives, mut step, mut area) = (0u32, 0u32, 0u32, 0.0);
            for packed in ranking {
                let weight = weights[(packed >> 2) as usize];
                let positive = weight * (packed & 1);
                rows += weight;
                step += positive;
                if packed & 2 > 0 && step > 0 {
                    positives += step;
                    area += f64::from(step) * f64::from(positives) / f64::from(rows);
                    step = 0;
                }
            }
            *ap = if positives > 0 { area / f64::from(positives) } else { 0.0 };
        }
    }
}

/// A 95 % interval of a difference.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
    /// Two-sided p of no difference.
    pub p: f64,
}

/// Holm's step-down correction: each p, in their order, such that rejecting those below a level keeps the probability of any false
/// rejection below that level (Holm, Scandinavian Journal of Statistics 6, 1979).
///
/// ```
/// assert_eq!(lacuna_metrics::holm(&[0.01, 0.04, 0.03]), [0.03, 0.06, 0.06]);
/// ```
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|a, b| p[*a].total_cmp(&p[*b]));
    let mut corrected = vec![0.0; p.len()];
    let mut largest: f64 = 0.0;
    for (rank, i) in order.into_iter().enumerate() {
        largest = largest.max((p.len() - rank) as f64 * p[i]).min(1.0);
        corrected[i] = largest;
    }
    corrected
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random_case::RandomCase;
    use crate::{MapConvention, mean_average_precision};
    use lacuna_labels::{ObservedLabels, TrueLabels};
    use lacuna_protocols::Stream;

    /// The rows of a resample, each as often as it was drawn.
    fn repeated(scores: &[f32], truth: &TrueLabels, weights: &[u32]) -> (Vec<f32>, TrueLabels) {
        let rows: Vec<usize> =
            (0..truth.rows()).flat_map(|row| std::iter::repeat_n(row, weights[row] as usize)).collect();
        let classes = truth.classes();
        let scores = rows.iter().flat_map(|row| scores[row * classes..][..classes].to_vec()).collect();
        (scores, truth.select(&rows))
    }

    #[test]
    fn weighted_average_precision_is_that_of_the_repeated_rows() {
        for seed in RandomCase::seeds() {
            let case = RandomCase::new(seed);
            let scores: Vec<f32> = case.scores.iter().map(|score| *score as f32).collect();
            let positive = |row: usize, class: usize| case.cell(row, class).1.is_positive();
            let truth = TrueLabels::from_fn(case.rows, case.classes, positive);
            let sorted = SortedScores::new(&scores, &truth).unwrap();
            let mut stream = Stream::new(seed, "resample");
            // Row 0 at least once: a resample has rows.
            let weights: Vec<u32> =
                (0..case.rows).map(|row| stream.below(4) as u32 + u32::from(row == 0)).collect();
            let (repeated_scores, repeated_truth) = repeated(&scores, &truth, &weights);
            let expected =
                mean_average_precision(&repeated_scores, &repeated_truth, MapConvention::SPML).unwrap();
            let mut ap = vec![0.0; truth.classes()];
            sorted.average_precisions(&weights, &mut ap);
            for (class, (ours, theirs)) in ap.iter().zip(&expected.per_class).enumerate() {
                assert!((ours - theirs).abs() < 1e-12, "seed {seed}, class {class}: {ours} {theirs}");
            }
        }
    }

    #[test]
    fn unknown_cells_have_no_rank() {
        for seed in RandomCase::seeds() {
            let case = RandomCase::new(seed);
            let scores: Vec<f32> = case.scores.iter().map(|score| *score as f32).collect();
            let sorted = SortedScores::new(&scores, case.judged()).unwrap();
            let mut stream = Stream::new(seed, "resample");
            let weights: Vec<u32> =
                (0..case.rows).map(|row| stream.below(4) as u32 + u32::from(row == 0)).collect();
            let rows: Vec<usize> =
                (0..case.rows).flat_map(|row| std::iter::repeat_n(row, weights[row] as usize)).collect();
            let picked = rows.iter().flat_map(|row| scores[row * case.classes..][..case.classes].to_vec());
            let picked: Vec<f32> = picked.collect();
            let cells = rows.iter().flat_map(|&row| (0..case.classes).map(move |class| (row, class)));
            let cells = cells.map(|(row, class)| case.cell(row, class).1).collect();
            let labels = lacuna_labels::LabelMatrix::new(rows.len(), case.classes, cells).unwrap();
            let labels = ObservedLabels::from(labels);
            let expected =
                mean_average_precision(&picked, Judged::known_cells(&labels), MapConvention::SPML).unwrap();
            let mut ap = vec![0.0; case.classes];
            sorted.average_precisions(&weights, &mut ap);
            for (class, (ours, theirs)) in ap.iter().zip(&expected.per_class).enumerate() {
                assert!((ours - theirs).abs() < 1e-12, "seed {seed}, class {class}: {ours} {theirs}");
            }
        }
    }

    #[test]
    fn holm_never_lowers_a_p_and_keeps_their_order() {
        let p = [0.2, 0.001, 0.04, 0.9, 0.012];
        let corrected = holm(&p);
        assert!((corrected[1] - 0.005).abs() < 1e-12 && (corrected[4] - 0.048).abs() < 1e-12);
        for (raw, corrected) in p.iter().zip(&corrected) {
            assert!(corrected >= raw && *corrected <= 1.0);
        }
        assert_eq!(corrected[3], 0.9);
        assert_eq!(holm(&[]), Vec::<f64>::new());
    }
}
