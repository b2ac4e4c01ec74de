//! Data for training and evaluation: arrays without files, with true labels where they are known.

use crate::FeatureRows;
use lacuna_labels::{Label, ObservedLabels, TrueLabels};
use lacuna_metrics::Judged;

/// Training rows.
///
/// The rows of a set are numbered by their place in `rows`: that number is the sample id which a loss sees, and by which
/// label estimates and pseudo-labels are kept.
#[derive(Clone, Copy, Debug)]
pub struct TrainSet<'a> {
    /// Features, of which `rows` are used.
    pub features: FeatureRows<'a>,
    /// A second extraction of the same rows with stronger augmentation, where there is one.
    pub strong: Option<FeatureRows<'a>>,
    /// Background rows, which have no labels: any number of points of the space of the features.
    pub background: Option<FeatureRows<'a>>,
    /// Observed labels of the same rows as the features.
    pub observed: &'a ObservedLabels,
    /// The rows that train. Samplers that keep the order keep this one.
    pub rows: &'a [u32],
    /// Which classes the labels are of, where they are a slice of all.
    pub slice: Option<ClassSlice<'a>>,
}

/// Some of the classes of a set, which a task trains while others train the rest.
#[derive(Clone, Copy, Debug)]
pub struct ClassSlice<'a> {
    /// The first class.
    pub first: usize,
    /// Number of all classes.
    pub all: usize,
    /// Known labels of each row of the features, over all classes.
    pub known: &'a [u32],
}

impl<'a> TrainSet<'a> {
    /// These rows with all of their classes, and nothing beside them.
    pub fn new(features: impl Into<FeatureRows<'a>>, observed: &'a ObservedLabels, rows: &'a [u32]) -> Self {
        Self { features: features.into(), strong: None, background: None, observed, rows, slice: None }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.observed.classes()
    }

    /// Copies the features of a sample to `x`, `[D]`.
    pub fn copy_features(&self, id: u32, x: &mut [f32]) {
        self.features.copy(self.rows[id as usize] as usize, x);
    }

    /// Observed labels of a sample, `[C]`.
    pub fn labels_of(&self, id: u32) -> &'a [Label] {
        self.observed.row(self.rows[id as usize] as usize)
    }

    /// Observed labels of every sample, `[rows, C]`.
    pub fn labels(&self) -> ObservedLabels {
        let rows: Vec<usize> = self.rows.iter().map(|&row| row as usize).collect();
        self.observed.select(&rows)
    }

    /// Observed positives of each class among these rows.
    pub fn positives_per_class(&self) -> Vec<usize> {
        let mut counts = vec![0; self.classes()];
        for id in 0..self.len() as u32 {
            for (count, label) in counts.iter_mut().zip(self.labels_of(id)) {
                *count += usize::from(label.is_positive());
            }
        }
        counts
    }
}

/// Rows to measure on.
#[derive(Clone, Copy, Debug)]
pub struct EvalSet<'a> {
    /// Features, of which `rows` are used.
    pub features: FeatureRows<'a>,
    /// Labels of the rows in `rows`, in their order.
    pub labels: EvalLabels<'a>,
    /// The rows.
    pub rows: EvalRows<'a>,
}

/// Which rows of a matrix are measured on.
#[derive(Clone, Copy, Debug)]
pub enum EvalRows<'a> {
    /// All of them.
    All,
    /// These, in this order.
    Some(&'a [u32]),
}

impl EvalSet<'_> {
    /// Number of rows.
    pub fn len(&self) -> usize {
        match self.rows {
            EvalRows::All => self.features.rows(),
            EvalRows::Some(rows) => rows.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Copies the features of row i of the set to `x`.
    pub(crate) fn copy(&self, i: usize, x: &mut [f32]) {
        match self.rows {
            EvalRows::All => self.features.copy(i, x),
            EvalRows::Some(rows) => self.features.copy(rows[i] as usize, x),
        }
    }
}

/// Labels to measure by.
#[derive(Clone, Copy, Debug)]
pub enum EvalLabels<'a> {
    /// True ones.
    Complete(&'a TrueLabels),
    /// Observed ones, of which the known cells count.
    Observed(&'a ObservedLabels),
}

impl<'a> EvalLabels<'a> {
    /// As a metric takes them.
    pub(crate) fn judged(self) -> Judged<'a> {
        match self {
            EvalLabels::Complete(truth) => truth.into(),
            EvalLabels::Observed(observed) => Judged::known_cells(observed),
        }
    }
}

/// Everything that a run looks at.
#[derive(Clone, Copy, Debug)]
pub struct Data<'a> {
    /// Training rows.
    pub train: TrainSet<'a>,
    /// Rows to select an epoch by.
    pub val: Option<EvalSet<'a>>,
    /// Observed labels of the same rows, for [`Also::Observed`](crate::Also::Observed).
    pub val_observed: Option<EvalLabels<'a>>,
    /// True labels of the rows of the training features, for [`Evaluation::hidden`](crate::Evaluation::hidden). No loss sees them.
    pub hidden: Option<&'a TrueLabels>,
    /// Rows to report on.
    pub test: Option<EvalSet<'a>>,
}

impl<'a> Data<'a> {
    /// Training rows alone: no epoch is chosen, and nothing is measured.
    pub fn new(train: TrainSet<'a>) -> Self {
        Self { train, val: None, val_observed: None, hidden: None, test: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lacuna_labels::{Features, Label, LabelMatrix};

    #[test]
    fn rows_are_counted() {
        let x = Features::new(3, 1, vec![0.0; 3]).unwrap();
        let y: ObservedLabels = LabelMatrix::new(3, 1, vec![Label::Unknown; 3]).unwrap().into();
        let of = |rows: &[u32]| {
            let set = TrainSet::new(&x, &y, rows);
            (set.len(), set.is_empty(), set.classes())
        };
        assert_eq!(of(&[2, 0]), (2, false, 1));
        assert_eq!(of(&[]), (0, true, 1));
    }
}
