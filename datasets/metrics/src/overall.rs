//! CP, CR, CF1, OP, OR, OF1: two publications, two definitions.

use crate::{Confusion, Confusions};
use std::fmt;

/// Whose CP, CR, CF1, OP, OR and OF1.
///
/// The two CF1 are different quantities; papers compare them with each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OverallFlavour {
    /// A class without true positives counts 0 in CP, CR and CF1; **CF1 is the mean of the F1 of the classes**. OP is not
    /// a number where nothing is predicted, OF1 where there is no true positive.
    ///
    /// Alibaba-MIIL/ASL, `validate.py`; with `score > 0.8` there, `> 0.5` in Hill.
    Asl,
    /// `CF1 = 2 CP CR / (CP + CR)`; a class of which nothing is predicted counts as predicted once, in CP **and**
    /// in OP; CR, and with it CF1, is not a number where a class has no positives. Of 0 and 0 the F1 is 0.
    ///
    /// TAKELAMAG/PU-MLC, `AveragePrecisionMeter.evaluation`; with `score >= t`.
    PuMlc,
}

impl OverallFlavour {
    /// Both definitions.
    pub const ALL: [Self; 2] = [Self::Asl, Self::PuMlc];
}

impl fmt::Display for OverallFlavour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            OverallFlavour::Asl => "asl",
            OverallFlavour::PuMlc => "pu-mlc",
        })
    }
}

/// Per-class and overall precision, recall and F1, as fractions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Overall {
    /// Mean precision of the classes.
    pub cp: f64,
    /// Mean recall of the classes.
    pub cr: f64,
    /// See [`OverallFlavour`].
    pub cf1: f64,
    /// Precision of all cells together.
    pub op: f64,
    /// Recall of all cells together.
    pub or: f64,
    /// Harmonic mean of `op` and `or`.
    pub of1: f64,
}

impl Confusions {
    /// CP, CR, CF1, OP, OR and OF1 after one of the published definitions.
    ///
    /// ```
    /// use lacuna_labels::TrueLabels;
    /// use lacuna_metrics::{Confusions, Threshold, OverallFlavour};
    ///
    /// let truth = TrueLabels::from_fn(4, 2, |row, class| row % 2 == class);
    /// let scores = [0.9_f32, 0.6, 0.2, 0.9, 0.1, 0.3, 0.8, 0.2];
    /// let predictions = Confusions::at(Threshold::above(0.5), &scores, &truth)?;
    /// let [asl, pu_mlc] = OverallFlavour::ALL.map(|flavour| predictions.overall(flavour));
    /// assert_eq!((asl.cp, asl.cr), (pu_mlc.cp, pu_mlc.cr));
    /// # Ok::<(), lacuna_metrics::MetricError>(())
    /// ```
    pub fn overall(&self, flavour: OverallFlavour) -> Overall {
        let classes = self.per_class.len() as f64;
        let mean =
            |ratio: &dyn Fn(&Confusion) -> f64| self.per_class.iter().map(ratio).sum::<f64>() / classes;
        let total = self.total();
        let floor = match flavour {
            OverallFlavour::Asl => 0,
            OverallFlavour::PuMlc => 1,
        };
        let predicted = |class: &Confusion| class.predicted().max(floor);
        let or_zero = |value: f64| if value.is_nan() { 0.0 } else { value };
        let precision = |class: &Confusion| class.true_positives as f64 / predicted(class) as f64;
        let recall = |class: &Confusion| class.true_positives as f64 / class.positives() as f64;
        let harmonic = |one: f64, other: f64| match flavour {
            OverallFlavour::PuMlc if one + other == 0.0 => 0.0,
            _ => 2.0 * one * other / (one + other),
        };
        let f1 = |class: &Confusion| class.f1().unwrap_or(0.0);
        let (cp, cr, cf1) = match flavour {
            OverallFlavour::Asl => {
                (mean(&|class| or_zero(precision(class))), mean(&|class| or_zero(recall(class))), mean(&f1))
            }
            OverallFlavour::PuMlc => {
                let (cp, cr) = (mean(&precision), mean(&recall));
                (cp, cr, harmonic(cp, cr))
            }
        };
        let op = total.true_positives as f64 / self.per_class.iter().map(predicted).sum::<u64>() as f64;
        let or = total.true_positives as f64 / total.positives() as f64;
        Overall { cp, cr, cf1, op, or, of1: harmonic(op, or) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Threshold;
    use lacuna_labels::TrueLabels;

    #[test]
    fn the_two_definitions_part_where_nothing_is_predicted() {
        // Class 0 is predicted perfectly, class 1 never.
        let truth = TrueLabels::from_fn(4, 2, |row, class| class == 1 || row < 2);
        let scores = [0.9, 0.1, 0.9, 0.1, 0.1, 0.1, 0.1, 0.1];
        let found = Confusions::at(Threshold::from(0.5), &scores, &truth).unwrap();
        let asl = found.overall(OverallFlavour::Asl);
        assert_eq!((asl.cp, asl.cr, asl.cf1), (0.5, 0.5, 0.5));
        assert_eq!((asl.op, asl.or, asl.of1), (1.0, 2.0 / 6.0, 0.5));
        let pu_mlc = found.overall(OverallFlavour::PuMlc);
        assert_eq!((pu_mlc.cp, pu_mlc.cr, pu_mlc.cf1), (0.5, 0.5, 0.5));
        assert_eq!((pu_mlc.op, pu_mlc.or), (2.0 / 3.0, 2.0 / 6.0));
    }

    #[test]
    fn what_is_not_a_number_stays_so() {
        let truth = TrueLabels::from_fn(2, 2, |_, class| class == 0);
        let found = Confusions::at(Threshold::above(0.5), &[0.1_f32; 4], &truth).unwrap();
        let asl = found.overall(OverallFlavour::Asl);
        assert_eq!((asl.cp, asl.cr, asl.cf1, asl.or), (0.0, 0.0, 0.0, 0.0));
        assert!(asl.op.is_nan() && asl.of1.is_nan());
        let pu_mlc = found.overall(OverallFlavour::PuMlc);
        assert_eq!((pu_mlc.cp, pu_mlc.op), (0.0, 0.0));
        assert!(pu_mlc.cr.is_nan() && pu_mlc.cf1.is_nan() && pu_mlc.of1 == 0.0);
    }
}
