//! Rows of features together with what is known about their labels.

use crate::{Features, ObservedLabels, TrueLabels};

/// The rows of one part of a data set: features, labels, names.
///
/// Row `i` of every member belongs together; whoever builds a set checks that the counts agree.
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureSet {
    /// Features, `[rows, columns]`.
    pub features: Features,
    /// True labels, `[rows, classes]`.
    pub truth: TrueLabels,
    /// Observed labels, `[rows, classes]`; `None` where only the truth is stored.
    pub observed: Option<ObservedLabels>,
    /// One name a row (an image path, an identifier), where the source has them.
    pub names: Option<Vec<String>>,
    /// One name a class.
    pub classes: Vec<String>,
}

impl FeatureSet {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.features.rows()
    }

    /// The rows named by `rows`, in that order.
    pub fn select(&self, rows: &[usize]) -> Self {
        Self {
            features: self.features.select(rows),
            truth: self.truth.select(rows),
            observed: self.observed.as_ref().map(|labels| labels.select(rows)),
            names: self.names.as_ref().map(|names| rows.iter().map(|&row| names[row].clone()).collect()),
            classes: self.classes.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selection_takes_every_member_along() {
        let truth = TrueLabels::from_fn(3, 2, |row, class| row == class);
        let set = FeatureSet {
            features: Features::new(3, 1, vec![0.0, 1.0, 2.0]).unwrap(),
            observed: Some(truth.clone().into()),
            truth,
            names: Some(vec!["a".into(), "b".into(), "c".into()]),
            classes: vec!["x".into(), "y".into()],
        };
        let picked = set.select(&[2, 1]);
        assert_eq!(picked.rows(), 2);
        assert_eq!(picked.features.values(), [2.0, 1.0]);
        assert_eq!(picked.truth.positives_per_class(), [0, 1]);
        assert_eq!(picked.observed.unwrap().positives_per_class(), [0, 1]);
        assert_eq!(picked.names.unwrap(), ["c", "b"]);
        assert_eq!(picked.classes, set.classes);
    }
}
