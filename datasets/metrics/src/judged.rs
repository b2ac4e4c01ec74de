//! Labels that scores are held against: true ones, or the known cells of observed ones.

use crate::{MetricError, Score};
use lacuna_labels::{Label, LabelMatrix, ObservedLabels, TrueLabels};

/// Labels that scores are held against; unknown cells are looked at by no metric.
///
/// True labels become one by themselves. Observed labels have to be asked for by name, because what is known is
/// seldom a fair sample: measure on all cells where you can.
///
/// ```
/// use lacuna_labels::{Label, LabelMatrix, ObservedLabels};
/// use lacuna_metrics::{Judged, MapConvention, mean_average_precision};
///
/// let cells = vec![Label::Positive, Label::Unknown, Label::Negative];
/// let observed = ObservedLabels::from(LabelMatrix::new(3, 1, cells)?);
/// // The row in the middle would change the ranking, and its label is unknown.
/// let judged = Judged::known_cells(&observed);
/// let result = mean_average_precision(&[0.6_f32, 0.9, 0.1], judged, MapConvention::SPML)?;
/// assert_eq!(result.map, 1.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Judged<'a>(&'a LabelMatrix);

impl<'a> Judged<'a> {
    /// The known cells of observed labels; the others are masked.
    pub fn known_cells(observed: &'a ObservedLabels) -> Self {
        Self(observed.matrix())
    }

    /// Number of rows.
    pub fn rows(self) -> usize {
        self.0.rows()
    }

    /// Number of classes.
    pub fn classes(self) -> usize {
        self.0.classes()
    }

    pub(crate) fn cells(self) -> &'a [Label] {
        self.0.cells()
    }

    /// Whether there is a score that is a number for each cell, and a cell at all.
    pub(crate) fn check<S: Score>(self, scores: &[S]) -> Result<(), MetricError> {
        let (rows, classes) = (self.rows(), self.classes());
        if rows == 0 || classes == 0 {
            return Err(MetricError::Empty { rows, classes });
        }
        if scores.len() != rows * classes {
            return Err(MetricError::Size { rows, classes, scores: scores.len() });
        }
        match scores.iter().position(|score| score.is_not_a_number()) {
            Some(i) => Err(MetricError::NotANumber { row: i / classes, class: i % classes }),
            None => Ok(()),
        }
    }

    /// Scores and labels of each row.
    pub(crate) fn each_row<S: Score>(self, scores: &'a [S]) -> impl Iterator<Item = (&'a [S], &'a [Label])> {
        scores.chunks_exact(self.classes()).zip(self.cells().chunks_exact(self.classes()))
    }
}

impl<'a> From<&'a TrueLabels> for Judged<'a> {
    fn from(truth: &'a TrueLabels) -> Self {
        Self(truth.matrix())
    }
}
