//! The three groups of training cells that a race looks at.

use anyhow::bail;
use lacuna_labels::TrueLabels;
use lacuna_train::TrainSet;

/// Names of the groups, in the order of their numbers.
pub(super) const NAMES: [&str; 3] = ["observed positives", "hidden positives", "true negatives"];

/// The group of every training cell: every cell is in exactly one.
#[derive(Debug)]
pub(super) struct Groups {
    /// Number of the group of each cell, `[rows, classes]`.
    of: Vec<u8>,
    /// Cells of each group.
    pub(super) cells: [usize; 3],
}

impl Groups {
    /// The groups of the rows that train: positives that are observed, positives that are not, and negatives, by the true labels
    /// of all rows of the features.
    ///
    /// # Errors
    /// An observed positive that is none by the true labels, or a group without a cell.
    pub(super) fn of(train: &TrainSet<'_>, truth: &TrueLabels) -> anyhow::Result<Self> {
        let mut of = Vec::with_capacity(train.len() * train.classes());
        let mut cells = [0; 3];
        for (id, row) in train.rows.iter().enumerate() {
            let truth = truth.row(*row as usize);
            for (class, (observed, truth)) in train.labels_of(id as u32).iter().zip(truth).enumerate() {
                let group = match (observed.is_positive(), truth.is_positive()) {
                    (true, true) => 0,
                    (false, true) => 1,
                    (false, false) => 2,
                    (true, false) => {
                        bail!(
                            "row {row}, class {class}: the observed positive is a negative by the true labels"
                        )
                    }
                };
                of.push(group);
                cells[usize::from(group)] += 1;
            }
        }
        if let Some(empty) = cells.iter().position(|cells| *cells == 0) {
            bail!(
                "the training rows have no {}, so there is nothing to compare; choose another set",
                NAMES[empty]
            );
        }
        Ok(Self { of, cells })
    }

    /// Mean predicted probability of each group.
    pub(super) fn means(&self, logits: &[f32]) -> [f64; 3] {
        assert_eq!(logits.len(), self.of.len(), "a logit for each cell");
        let mut sums = [0.0; 3];
        for (group, z) in self.of.iter().zip(logits) {
            sums[usize::from(*group)] += 1.0 / (1.0 + (-f64::from(*z)).exp());
        }
        [0, 1, 2].map(|group| sums[group] / self.cells[group] as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lacuna_labels::{Features, Label, LabelMatrix};

    fn groups(observed: [Label; 9]) -> anyhow::Result<Groups> {
        // Row 1 does not train.
        let truth = TrueLabels::from_fn(3, 3, |row, class| {
            [[true, true, false], [true; 3], [false, false, true]][row][class]
        });
        let features = Features::new(3, 1, vec![0.0; 3]).unwrap();
        let observed = LabelMatrix::new(3, 3, observed.to_vec()).unwrap().into();
        Groups::of(&TrainSet::new(&features, &observed, &[2, 0]), &truth)
    }

    use Label::{Negative as N, Positive as P, Unknown as U};

    #[test]
    fn every_cell_is_in_the_group_of_its_truth() {
        let groups = groups([P, U, U, P, P, P, N, U, P]).unwrap();
        assert_eq!(groups.of, [2, 2, 0, 0, 1, 2], "the order is that of the rows that train");
        assert_eq!(groups.cells, [2, 1, 3]);
        let logit = |p: f32| (p / (1.0 - p)).ln();
        let means = groups.means(&[0.1, 0.2, 0.9, 0.7, 0.4, 0.3].map(logit));
        for (mean, expected) in means.iter().zip([0.8, 0.4, 0.2]) {
            assert!((mean - expected).abs() < 1e-6, "{means:?}");
        }
    }

    #[test]
    fn a_group_without_cells_and_a_false_positive_are_refused() {
        let error = |observed| groups(observed).unwrap_err().to_string();
        assert!(error([P, P, U, P, P, P, U, U, P]).contains("no hidden positives"));
        assert!(error([U, U, U, P, P, P, U, U, U]).contains("no observed positives"));
        assert!(error([P, U, P, U, U, U, U, U, P]).contains("row 0, class 2"));
    }
}
