//! Metrics of yes-or-no predictions: F1, Jaccard, Hamming, subset accuracy, Matthews' correlation.

use crate::{Confusion, Confusions, Undefined};

/// What is averaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Average {
    /// One ratio of the counts of all cells.
    Micro,
    /// The mean of the ratios of the classes.
    Macro,
    /// The mean of the ratios of the rows.
    Samples,
}

impl Average {
    /// Every way.
    pub const ALL: [Self; 3] = [Self::Micro, Self::Macro, Self::Samples];
}

impl Confusions {
    /// F1 = `2 TP / (2 TP + FP + FN)`, averaged. scikit-learn's `f1_score` with `Undefined::Zero`.
    ///
    /// ```
    /// use lacuna_labels::TrueLabels;
    /// use lacuna_metrics::{Average, Confusions, Threshold, Undefined};
    ///
    /// let truth = TrueLabels::from_fn(2, 2, |row, class| row >= class);
    /// let predictions = Confusions::at(Threshold::above(0.5), &[0.9_f32, 0.6, 0.7, 0.4], &truth)?;
    /// assert_eq!(predictions.f1(Average::Micro, Undefined::Zero), 4.0 / 6.0);
    /// assert_eq!(predictions.f1(Average::Macro, Undefined::Zero), 0.5);
    /// # Ok::<(), lacuna_metrics::MetricError>(())
    /// ```
    pub fn f1(&self, average: Average, undefined: Undefined) -> f64 {
        self.average(average, undefined, Confusion::f1)
    }

    /// Jaccard index `TP / (TP + FP + FN)`, averaged; the "accuracy" of Mulan is the one over rows.
    pub fn jaccard(&self, average: Average, undefined: Undefined) -> f64 {
        self.average(average, undefined, Confusion::jaccard)
    }

    /// Matthews' correlation, averaged; see [`Confusion::mcc`].
    pub fn mcc(&self, average: Average, undefined: Undefined) -> f64 {
        self.average(average, undefined, Confusion::mcc)
    }

    /// Precision, averaged.
    pub fn precision(&self, average: Average, undefined: Undefined) -> f64 {
        self.average(average, undefined, Confusion::precision)
    }

    /// Recall, averaged.
    pub fn recall(&self, average: Average, undefined: Undefined) -> f64 {
        self.average(average, undefined, Confusion::recall)
    }

    /// Share of the known cells that are predicted wrong. Not a number where none is known.
    pub fn hamming_loss(&self) -> f64 {
        self.total().accuracy().map_or(f64::NAN, |accuracy| 1.0 - accuracy)
    }

    /// Share of the rows whose known cells are all predicted right; rows without known cells are left out.
    pub fn subset_accuracy(&self) -> f64 {
        let exact = |row: &Confusion| {
            (row.known() > 0).then(|| f64::from(row.false_positives + row.false_negatives == 0))
        };
        Undefined::Skip.mean(self.per_row.iter().map(exact))
    }

    fn average(&self, by: Average, undefined: Undefined, ratio: fn(Confusion) -> Option<f64>) -> f64 {
        match by {
            Average::Micro => undefined.or(ratio(self.total())),
            Average::Macro => undefined.mean(self.per_class.iter().map(|&class| ratio(class))),
            // A row without known labels is excluded under any policy.
            Average::Samples => {
                let rows = self.per_row.iter().filter(|row| row.known() > 0);
                undefined.mean(rows.map(|&row| ratio(row)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Threshold;
    use crate::random_case::RandomCase;
    use lacuna_labels::TrueLabels;

    /// The definitions with sets.
    fn naive(case: &RandomCase, by: Average, jaccard: bool) -> f64 {
        let groups: Vec<Vec<(usize, usize)>> = match by {
            Average::Micro => vec![case.cells().collect()],
            Average::Macro => {
                (0..case.classes).map(|c| case.cells().filter(|cell| cell.1 == c).collect()).collect()
            }
            Average::Samples => {
                (0..case.rows).map(|r| case.cells().filter(|cell| cell.0 == r).collect()).collect()
            }
        };
        let mut values = Vec::new();
        for group in groups {
            let known: Vec<_> = group.into_iter().filter(|&(r, c)| case.cell(r, c).1.is_known()).collect();
            if by == Average::Samples && known.is_empty() {
                continue;
            }
            let positive = |&&(r, c): &&(usize, usize)| case.cell(r, c).1.is_positive();
            let predicted = |&&(r, c): &&(usize, usize)| case.cell(r, c).0 > 4.0;
            let both = known.iter().filter(positive).filter(predicted).count() as f64;
            let (positives, predictions) =
                (known.iter().filter(positive).count() as f64, known.iter().filter(predicted).count() as f64);
            let whole = positives + predictions;
            values.push(match (whole > 0.0, jaccard) {
                (false, _) => 0.0,
                (true, false) => 2.0 * both / whole,
                (true, true) => both / (whole - both),
            });
        }
        values.iter().sum::<f64>() / values.len() as f64
    }

    #[test]
    fn averages_agree_with_the_definitions() {
        for seed in RandomCase::seeds() {
            let case = RandomCase::new(seed);
            let found = Confusions::at(Threshold::above(4.0), &case.scores, case.judged()).unwrap();
            for by in Average::ALL {
                for (value, jaccard) in
                    [(found.f1(by, Undefined::Zero), false), (found.jaccard(by, Undefined::Zero), true)]
                {
                    assert!((value - naive(&case, by, jaccard)).abs() < 1e-12, "{seed} {by:?} {jaccard}");
                }
            }
            let wrong = |&(r, c): &(usize, usize)| {
                let (score, label) = case.cell(r, c);
                label.is_known() && (score > 4.0) != label.is_positive()
            };
            let known = case.cells().filter(|&(r, c)| case.cell(r, c).1.is_known()).count() as f64;
            let hamming = case.cells().filter(wrong).count() as f64 / known;
            assert!((found.hamming_loss() - hamming).abs() < 1e-12);
            let rows: Vec<usize> =
                (0..case.rows).filter(|&r| (0..case.classes).any(|c| case.cell(r, c).1.is_known())).collect();
            let exact = rows.iter().filter(|&&r| !(0..case.classes).any(|c| wrong(&(r, c)))).count();
            assert!((found.subset_accuracy() - exact as f64 / rows.len() as f64).abs() < 1e-12);
        }
    }

    #[test]
    fn policies_for_rows_of_nothing() {
        let truth = TrueLabels::from_fn(2, 1, |row, _| row == 0);
        let found = Confusions::at(Threshold::above(0.5), &[0.9_f64, 0.1], &truth).unwrap();
        let f1 = |undefined| found.f1(Average::Samples, undefined);
        assert_eq!([f1(Undefined::Zero), f1(Undefined::One), f1(Undefined::Skip)], [0.5, 1.0, 1.0]);
        assert!(f1(Undefined::Nan).is_nan());
        assert_eq!(found.subset_accuracy(), 1.0);
    }

    /// Recall and precision by average had no test of their own.
    #[test]
    fn precision_and_recall_agree_with_counts_by_hand() {
        // Truth and predictions of 3 rows x 2 classes: class 0 has TP 1, FN 1, FP 1; class 1 has TP 2, FP 0, FN 0.
        let truth =
            TrueLabels::from_fn(3, 2, |row, class| [[true, true], [true, true], [false, false]][row][class]);
        let scores = [0.9_f64, 0.9, 0.1, 0.9, 0.9, 0.1];
        let found = Confusions::at(Threshold::above(0.5), &scores, &truth).unwrap();
        let recall = |by| found.recall(by, Undefined::Zero);
        let precision = |by| found.precision(by, Undefined::Zero);
        assert_eq!((recall(Average::Micro), precision(Average::Micro)), (0.75, 0.75));
        assert_eq!((recall(Average::Macro), precision(Average::Macro)), (0.75, 0.75));
        // Rows: 2 of 2, 1 of 2, nothing to recall; 2 of 2, 1 of 1, 0 of 1.
        assert_eq!(recall(Average::Samples), 0.5);
        assert_eq!(precision(Average::Samples), 2.0 / 3.0);
    }
}
