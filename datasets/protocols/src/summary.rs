//! What a mask did, in numbers.

use lacuna_labels::{Label, LabelMatrix, TrueLabels};
use std::fmt;

/// How much of the truth a mask left, by class and by the number of positives of a row.
///
/// ```
/// use lacuna_labels::TrueLabels;
/// use lacuna_protocols::{KeepShare, MissingnessSummary};
///
/// let truth = TrueLabels::from_fn(90, 6, |row, class| class <= row % 3);
/// let observed = KeepShare { divisor: 2, seed: 0 }.apply(&truth)?;
/// let summary = MissingnessSummary::of(&truth, &observed);
/// // "75 % left" touches no row with one or two labels.
/// assert_eq!((summary.rows, summary.rows_affected), (90, 30));
/// assert_eq!(summary.by_cardinality[1].kept, 2.0);
/// # Ok::<(), lacuna_protocols::ProtocolError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct MissingnessSummary {
    /// Rows.
    pub rows: usize,
    /// Rows that lost a positive.
    pub rows_affected: usize,
    /// Rows that had positives and have none left.
    pub rows_emptied: usize,
    /// True positives.
    pub positives: usize,
    /// True positives that are observed.
    pub positives_kept: usize,
    /// Observed positives that are none.
    pub false_positives: usize,
    /// True negatives.
    pub negatives: usize,
    /// True negatives that are observed as such.
    pub negatives_known: usize,
    /// Share of each class's positives that is observed; not a number for a class without.
    pub keep_rates: Vec<f64>,
    /// Rows by their number of positives, ascending.
    pub by_cardinality: Vec<Cardinality>,
}

/// Rows with the same number of positives.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cardinality {
    /// Positives of a row.
    pub positives: usize,
    /// Rows that have as many.
    pub rows: usize,
    /// Mean number of them that is observed.
    pub kept: f64,
    /// Rows that lost one.
    pub affected: usize,
}

impl MissingnessSummary {
    /// Compares a truth with what is observed of it.
    ///
    /// # Panics
    /// Unless both are of one size.
    #[track_caller]
    pub fn of(truth: &TrueLabels, observed: &LabelMatrix) -> Self {
        assert_eq!(
            (truth.rows(), truth.classes()),
            (observed.rows(), observed.classes()),
            "labels of one size"
        );
        let mut summary = Self {
            rows: truth.rows(),
            rows_affected: 0,
            rows_emptied: 0,
            positives: 0,
            positives_kept: 0,
            false_positives: 0,
            negatives: 0,
            negatives_known: 0,
            keep_rates: Vec::new(),
            by_cardinality: Vec::new(),
        };
        let mut kept_of_class = vec![0_usize; truth.classes()];
        let mut by = vec![(0_usize, 0_usize, 0_usize); truth.classes() + 1]; // rows, kept, affected
        for row in 0..truth.rows() {
            let (mut positives, mut kept) = (0, 0);
            for (class, (real, seen)) in truth.row(row).iter().zip(observed.row(row)).enumerate() {
                if real.is_positive() {
                    positives += 1;
                    if seen.is_positive() {
                        kept += 1;
                        kept_of_class[class] += 1;
                    }
                } else {
                    summary.negatives += 1;
                    summary.negatives_known += usize::from(*seen == Label::Negative);
                    summary.false_positives += usize::from(seen.is_positive());
                }
            }
            summary.positives += positives;
            summary.positives_kept += kept;
            summary.rows_affected += usize::from(kept < positives);
            summary.rows_emptied += usize::from(kept == 0 && positives > 0);
            let (rows, all_kept, affected) = &mut by[positives];
            *rows += 1;
            *all_kept += kept;
            *affected += usize::from(kept < positives);
        }
        let counts = truth.positives_per_class();
        summary.keep_rates = kept_of_class.iter().zip(&counts).map(|(&k, &n)| k as f64 / n as f64).collect();
        let used = by.into_iter().enumerate().filter(|(_, (rows, ..))| *rows > 0);
        summary.by_cardinality = used
            .map(|(positives, (rows, kept, affected))| Cardinality {
                positives,
                rows,
                kept: kept as f64 / rows as f64,
                affected,
            })
            .collect();
        summary
    }

    /// Lowest and highest share that a class keeps; `None` without a class that has positives.
    pub fn keep_range(&self) -> Option<(f64, f64)> {
        let rates = self.keep_rates.iter().copied().filter(|rate| !rate.is_nan());
        rates.fold(None, |range, rate| {
            let (low, high) = range.unwrap_or((rate, rate));
            Some((rate.min(low), rate.max(high)))
        })
    }
}

impl fmt::Display for MissingnessSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |part: usize, whole: usize| 100.0 * part as f64 / whole.max(1) as f64;
        writeln!(
            f,
            "positives kept   {} of {} ({:.1} %)",
            self.positives_kept,
            self.positives,
            percent(self.positives_kept, self.positives)
        )?;
        if let Some((low, high)) = self.keep_range() {
            writeln!(f, "kept per class   {low:.2} to {high:.2}")?;
        }
        writeln!(
            f,
            "negatives known  {} of {} ({:.1} %)",
            self.negatives_known,
            self.negatives,
            percent(self.negatives_known, self.negatives)
        )?;
        if self.false_positives > 0 {
            writeln!(f, "false positives  {}", self.false_positives)?;
        }
        writeln!(
            f,
            "rows affected    {} of {} ({:.1} %), {} emptied",
            self.rows_affected,
            self.rows,
            percent(self.rows_affected, self.rows),
            self.rows_emptied
        )?;
        writeln!(f, "positives of a row: rows, mean kept, rows affected")?;
        for of in self.by_cardinality.iter().take(8) {
            writeln!(f, "  {:>3}: {:>7} {:>7.2} {:>7}", of.positives, of.rows, of.kept, of.affected)?;
        }
        match self.by_cardinality.len() {
            0..=8 => Ok(()),
            more => writeln!(f, "  ... {} more", more - 8),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The range of the kept shares could be any constant.
    #[test]
    fn the_range_of_kept_shares_leaves_out_classes_without_positives() {
        // Class 0 keeps 1 of 4, class 1 keeps 2 of 2, class 2 has none, class 3 keeps 1 of 2.
        let truth = TrueLabels::from_fn(4, 4, |row, class| match class {
            0 => true,
            1 | 3 => row < 2,
            _ => false,
        });
        let kept = |row: usize, class: usize| match class {
            0 | 3 => row == 0,
            _ => true,
        };
        let cell =
            |(row, class): (usize, usize)| match truth.get(row, class).is_positive() && kept(row, class) {
                true => Label::Positive,
                false => Label::Unknown,
            };
        let cells = (0..16).map(|i| cell((i / 4, i % 4))).collect();
        let observed = LabelMatrix::new(4, 4, cells).unwrap();
        let summary = MissingnessSummary::of(&truth, &observed);
        assert_eq!(summary.keep_range(), Some((0.25, 1.0)));
        assert!(summary.to_string().contains("kept per class   0.25 to 1.00"), "{summary}");
        let nothing = TrueLabels::from_fn(4, 4, |_, _| false);
        assert_eq!(MissingnessSummary::of(&nothing, &observed).keep_range(), None);
    }

    #[test]
    fn every_number_is_that_of_a_count_by_hand() {
        const P: Label = Label::Positive;
        const N: Label = Label::Negative;
        const U: Label = Label::Unknown;
        // Rows with 2, 2, 1, 0 and 2 positives. The first loses one, the second both, the third none; the fourth gains a false one.
        let truth = [P, P, N, P, P, N, N, P, N, N, N, N, P, N, P];
        let observed = [P, U, N, U, N, U, U, P, U, N, P, U, P, U, P];
        let truth = TrueLabels::from_fn(5, 3, |row, class| truth[row * 3 + class].is_positive());
        let summary = MissingnessSummary::of(&truth, &LabelMatrix::new(5, 3, observed.to_vec()).unwrap());
        let of = |positives, rows, kept, affected| Cardinality { positives, rows, kept, affected };
        let expected = MissingnessSummary {
            rows: 5,
            rows_affected: 2,
            rows_emptied: 1,
            positives: 7,
            positives_kept: 4,
            false_positives: 1,
            negatives: 8,
            negatives_known: 2,
            keep_rates: vec![2.0 / 3.0, 1.0 / 3.0, 1.0],
            by_cardinality: vec![of(0, 1, 0.0, 0), of(1, 1, 1.0, 0), of(2, 3, 1.0, 2)],
        };
        assert_eq!(summary, expected);
    }
}
