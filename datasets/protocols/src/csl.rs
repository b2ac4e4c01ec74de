//! The two ways in which class-aware selective loss hides labels: by cell, and by class.

use crate::{ProtocolError, Stream, share};
use lacuna_labels::{Label, LabelMatrix, ObservedLabels, TrueLabels};

/// Random per sample (RPS): every label, positive or negative, becomes unknown with probability `rate`.
///
/// ```
/// use lacuna_labels::TrueLabels;
/// use lacuna_protocols::RandomPerSample;
///
/// let truth = TrueLabels::from_fn(100, 10, |row, class| row % 10 == class);
/// let observed = RandomPerSample { rate: 0.7, seed: 1 }.apply(&truth)?;
/// let known = observed.cells().iter().filter(|label| label.is_known()).count();
/// assert!((240..360).contains(&known));
/// # Ok::<(), lacuna_protocols::ProtocolError>(())
/// ```
///
/// Source: Ben-Baruch et al., CVPR 2022 (Alibaba-MIIL/PartialLabelingCSL).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RandomPerSample {
    /// Probability that a label is hidden, in `[0, 1]`.
    pub rate: f64,
    /// Seed of the draws.
    pub seed: u64,
}

impl RandomPerSample {
    /// What is left of `truth`.
    ///
    /// # Errors
    /// [`ProtocolError::Share`] unless `rate` is between 0 and 1.
    pub fn apply(&self, truth: &TrueLabels) -> Result<ObservedLabels, ProtocolError> {
        let rate = share("rate", self.rate)?;
        let mut stream = Stream::new(self.seed, "random per sample");
        let cells = truth.cells().iter();
        let cells = cells.map(|&label| if stream.uniform_f64() < rate { Label::Unknown } else { label });
        let matrix = LabelMatrix::new(truth.rows(), truth.classes(), cells.collect());
        Ok(matrix.expect("one cell for each true cell").into())
    }
}

/// Fixed per class (FPC): every class keeps `labels` positives and `labels` negatives, chosen uniformly; a class with fewer
/// keeps all. Everything else is unknown.
///
/// ```
/// use lacuna_labels::TrueLabels;
/// use lacuna_protocols::FixedPerClass;
///
/// let truth = TrueLabels::from_fn(100, 2, |row, class| row % 20 <= 10 * class);
/// let observed = FixedPerClass { labels: 7, seed: 1 }.apply(&truth);
/// assert_eq!(observed.positives_per_class(), [5, 7]);
/// ```
///
/// Source: Ben-Baruch et al., CVPR 2022 (Alibaba-MIIL/PartialLabelingCSL).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FixedPerClass {
    /// Positives, and negatives, that a class keeps.
    pub labels: usize,
    /// Seed of the choice.
    pub seed: u64,
}

impl FixedPerClass {
    /// What is left of `truth`.
    pub fn apply(&self, truth: &TrueLabels) -> ObservedLabels {
        let mut observed = LabelMatrix::filled(truth.rows(), truth.classes(), Label::Unknown);
        for class in 0..truth.classes() {
            // A stream for each class: one class more does not move the others.
            let mut stream = Stream::numbered(self.seed, "fixed per class", class as u64);
            for label in [Label::Positive, Label::Negative] {
                let mut rows: Vec<usize> =
                    (0..truth.rows()).filter(|&r| truth.get(r, class) == label).collect();
                stream.shuffle(&mut rows);
                rows.iter().take(self.labels).for_each(|&row| observed.set(row, class, label));
            }
        }
        observed.into()
    }
}
