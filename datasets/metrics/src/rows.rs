//! Metrics of the ranking of the classes within a row: ranking loss, one-error, coverage, average precision.

use crate::{Judged, MetricError, Score};
use lacuna_labels::Label;

/// What a row counts whose known cells are all positive or all negative: there is nothing to rank in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OneSidedRows {
    /// It is left out: Mulan, the papers on tabular sets.
    Skip,
    /// It is perfect: no ranking loss, no one-error, an average precision of 1; its coverage is the depth at which
    /// its positives end, 0 without any. scikit-learn.
    Perfect,
}

/// Means over rows of how the classes are ranked within a row, for `P` positives and `N` negatives of the row.
///
/// Equal scores are read against the ranking: a positive that ties with a negative is ranked below it.
///
/// ```
/// use lacuna_labels::TrueLabels;
/// use lacuna_metrics::{OneSidedRows, RowRanking};
///
/// let truth = TrueLabels::from_fn(1, 4, |_, class| class == 0 || class == 3);
/// let found = RowRanking::of(&[0.9, 0.5, 0.1, 0.3], &truth, OneSidedRows::Skip)?;
/// // Of the four pairs one is the wrong way round: class 1 is ranked above class 3.
/// assert_eq!((found.ranking_loss, found.one_error, found.coverage), (0.25, 0.0, 2.0));
/// assert_eq!(found.average_precision, (1.0 + 2.0 / 3.0) / 2.0);
/// # Ok::<(), lacuna_metrics::MetricError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RowRanking {
    /// Pairs of a positive and a negative in which the negative is not ranked below, over `P N`.
    pub ranking_loss: f64,
    /// Share of the rows whose best class is not positive; of equal scores the first class is best.
    pub one_error: f64,
    /// Classes to go down beyond the first until all positives are found. scikit-learn's `coverage_error` counts
    /// the first as well, so it is larger by 1.
    pub coverage: f64,
    /// Mean over the positives of the share of positives among the classes ranked at least as high; also
    /// called label ranking average precision and example-based average precision.
    pub average_precision: f64,
    /// Rows that were counted.
    pub rows: usize,
}

impl RowRanking {
    /// The means. `scores` are `[rows, classes]`, row-major. All are not a number where no row counts.
    ///
    /// # Errors
    /// As for [`mean_average_precision`](crate::mean_average_precision).
    pub fn of<'a, S: Score>(
        scores: &'a [S],
        truth: impl Into<Judged<'a>>,
        one_sided: OneSidedRows,
    ) -> Result<Self, MetricError> {
        let truth = truth.into();
        truth.check(scores)?;
        let mut sum =
            Self { ranking_loss: 0.0, one_error: 0.0, coverage: 0.0, average_precision: 0.0, rows: 0 };
        let mut ranking = Vec::with_capacity(truth.classes());
        for (scores, labels) in truth.each_row(scores) {
            rank(scores, labels, &mut ranking);
            let positives = ranking.iter().filter(|class| class.1).count();
            let negatives = ranking.len() - positives;
            if positives == 0 || negatives == 0 {
                if one_sided == OneSidedRows::Perfect {
                    sum.average_precision += 1.0;
                    sum.coverage += positives.saturating_sub(1) as f64;
                    sum.rows += 1;
                }
                continue;
            }
            let (mut above, mut tp, mut wrong) = (0, 0, 0);
            let (mut depth, mut precisions) = (0, 0.0);
            for tied in ranking.chunk_by(|one, other| one.0 == other.0) {
                let of_score = tied.iter().filter(|class| class.1).count();
                above += tied.len();
                tp += of_score;
                if of_score > 0 {
                    wrong += of_score * (above - tp);
                    precisions += of_score as f64 * tp as f64 / above as f64;
                    depth = above;
                }
            }
            sum.ranking_loss += wrong as f64 / (positives as f64 * negatives as f64);
            // Sorting was stable, so the first of the best is first.
            sum.one_error += f64::from(!ranking[0].1);
            sum.coverage += (depth - 1) as f64;
            sum.average_precision += precisions / positives as f64;
            sum.rows += 1;
        }
        let rows = sum.rows as f64;
        Ok(Self {
            ranking_loss: sum.ranking_loss / rows,
            one_error: sum.one_error / rows,
            coverage: sum.coverage / rows,
            average_precision: sum.average_precision / rows,
            rows: sum.rows,
        })
    }
}

/// The known classes of a row, best first, of equal scores the first; with whether they are positive.
pub(crate) fn rank<S: Score>(scores: &[S], labels: &[Label], ranking: &mut Vec<(f64, bool, usize)>) {
    ranking.clear();
    let known = scores.iter().zip(labels).enumerate().filter(|(_, (_, label))| label.is_known());
    // Adding 0 turns -0 into 0, which are equal scores.
    ranking.extend(known.map(|(class, (&score, label))| (score.into() + 0.0, label.is_positive(), class)));
    ranking.sort_by(|one, other| other.0.total_cmp(&one.0));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle;
    use crate::random_case::RandomCase;

    fn naive(case: &RandomCase, one_sided: OneSidedRows) -> RowRanking {
        let mut values = Vec::new();
        for row in 0..case.rows {
            let cells = case.of_row(row);
            let positives = cells.iter().filter(|cell| cell.1).count();
            match oracle::ranking(&cells) {
                Some(of_row) => values.push(of_row),
                None if one_sided == OneSidedRows::Perfect => {
                    values.push([0.0, 0.0, positives.saturating_sub(1) as f64, 1.0]);
                }
                None => {}
            }
        }
        let rows = values.len();
        let mean = |i: usize| values.iter().map(|v| v[i]).sum::<f64>() / rows as f64;
        RowRanking {
            ranking_loss: mean(0),
            one_error: mean(1),
            coverage: mean(2),
            average_precision: mean(3),
            rows,
        }
    }

    #[test]
    fn random_rows_agree_with_the_definitions() {
        for seed in RandomCase::seeds() {
            let case = RandomCase::new(seed);
            for policy in [OneSidedRows::Skip, OneSidedRows::Perfect] {
                let found = RowRanking::of(&case.scores, case.judged(), policy).unwrap();
                let expected = naive(&case, policy);
                assert_eq!(found.rows, expected.rows);
                for (a, b) in [
                    (found.ranking_loss, expected.ranking_loss),
                    (found.one_error, expected.one_error),
                    (found.coverage, expected.coverage),
                    (found.average_precision, expected.average_precision),
                ] {
                    assert!((a - b).abs() < 1e-12 || (a.is_nan() && b.is_nan()), "{seed}: {a} {b}");
                }
            }
        }
    }
}
