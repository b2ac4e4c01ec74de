//! Balanced accuracy.

use crate::{Confusions, Undefined};

impl Confusions {
    /// The mean over the classes of (recall of the positives + recall of the negatives) / 2. A class without positives or without
    /// negatives has none.
    ///
    /// Brodersen, Ong, Stephan and Buhmann, "The balanced accuracy and its posterior distribution", ICPR 2010.
    pub fn balanced_accuracy(&self, undefined: Undefined) -> f64 {
        undefined.mean(self.per_class.iter().map(|class| {
            let negatives = class.known() - class.positives();
            let of_negatives = (negatives > 0).then(|| class.true_negatives as f64 / negatives as f64)?;
            Some((class.recall()? + of_negatives) / 2.0)
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random_case::RandomCase;
    use crate::{Threshold, oracle};

    #[test]
    fn random_classes_agree_with_the_definition() {
        for seed in RandomCase::seeds() {
            let case = RandomCase::new(seed);
            let found = Confusions::at(Threshold::above(4.0), &case.scores, case.judged()).unwrap();
            let class = |class: usize| {
                let cells = case.of_class(class).into_iter();
                let cells: Vec<oracle::Cell> =
                    cells.map(|(score, positive)| (f64::from(u8::from(score > 4.0)), positive)).collect();
                oracle::balanced_accuracy(&cells)
            };
            let (found, expected) =
                (found.balanced_accuracy(Undefined::Skip), oracle::mean((0..case.classes).map(class)));
            let close = (found - expected).abs() < 1e-12 || (found.is_nan() && expected.is_nan());
            assert!(close, "balanced accuracy, seed {seed}: {found} {expected}");
        }
    }
}
