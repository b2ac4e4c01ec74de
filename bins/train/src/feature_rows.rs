//! Rows of features as the head sees them.

use crate::{TrainError, Transform};
use lacuna_labels::Features;
use std::ops::Range;

/// Rows of features as the head sees them: those of a matrix, or each through a transform when it is read.
///
/// Most features are transformed once, before training. Where a second matrix of them would take too much memory, they are
/// transformed [each time](Transform::is_applied_when_read); the numbers are the same.
///
/// ```
/// use lacuna_labels::Features;
/// use lacuna_train::{FeatureRows, Named, Transform};
///
/// let features = Features::new(2, 2, vec![3.0, 4.0, 0.0, 2.0])?;
/// let l2 = Transform::fit(&Named::new("l2"), &features, &[0, 1])?;
/// let mut x = [0.0; 2];
/// FeatureRows::through(&features, &l2).copy(0, &mut x);
/// assert_eq!(x, [0.6, 0.8]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct FeatureRows<'a> {
    features: &'a Features,
    transform: Option<&'a Transform>,
}

impl<'a> From<&'a Features> for FeatureRows<'a> {
    fn from(features: &'a Features) -> Self {
        Self { features, transform: None }
    }
}

impl<'a> FeatureRows<'a> {
    /// Rows that are transformed when they are read.
    pub fn through(features: &'a Features, transform: &'a Transform) -> Self {
        Self { features, transform: Some(transform).filter(|transform| !transform.is_none()) }
    }

    /// Reads every row once, to find what the transform cannot take.
    ///
    /// # Errors
    /// [`TrainError::Setting`] where a transformed feature is beyond the range of 32-bit floats.
    pub fn check(&self) -> Result<(), TrainError> {
        let mut x = vec![0.0; self.columns()];
        for row in 0..self.rows() {
            self.copy(row, &mut x);
            if let Some(column) = x.iter().position(|x| !x.is_finite()) {
                return Err(Transform::not_finite(row, column, x[column]));
            }
        }
        Ok(())
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.features.rows()
    }

    /// Number of features of a row, after the transform.
    pub fn columns(&self) -> usize {
        let columns = self.features.columns();
        self.transform.map_or(columns, |transform| transform.columns(columns))
    }

    /// Copies row `row` to `x`, `[columns]`.
    ///
    /// # Panics
    /// If `x` has another length.
    pub fn copy(&self, row: usize, x: &mut [f32]) {
        match self.transform {
            None => x.copy_from_slice(self.features.row(row)),
            Some(transform) => transform.apply_to(self.features.row(row), x),
        }
    }

    /// The matrix, where its rows are seen as they are and are in memory.
    pub fn in_memory(&self) -> Option<&'a Features> {
        Some(self.features).filter(|features| self.transform.is_none() && !features.is_on_disk())
    }

    /// Whether rows are read from disk when they are looked at.
    pub fn are_on_disk(&self) -> bool {
        self.features.is_on_disk()
    }

    /// Says that these rows will be read soon, in any order.
    pub(crate) fn will_read(&self, rows: Range<usize>) {
        self.features.will_read(rows);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Named, TRANSFORMS};

    #[test]
    fn rows_that_are_transformed_when_read_are_those_transformed_at_once() {
        let values = (0..60).map(|i| (i as f32 * 0.7).sin() * 3.0 + 1.0).collect();
        let features = Features::new(10, 6, values).unwrap();
        for row in TRANSFORMS {
            let mut named = Named::new(row.name);
            if row.name == "pca" {
                named = named.set("components", 3.0).set("whiten", 1.0);
            }
            let transform = Transform::fit(&named, &features, &[0, 1, 2, 3, 4, 5, 7]).unwrap();
            let (at_once, when_read) =
                (transform.apply(&features), FeatureRows::through(&features, &transform));
            when_read.check().unwrap();
            assert_eq!((when_read.rows(), when_read.columns()), (at_once.rows(), at_once.columns()));
            assert_eq!(when_read.in_memory().is_some(), row.name == "none");
            let mut x = vec![0.0; when_read.columns()];
            for i in 0..10 {
                when_read.copy(i, &mut x);
                assert_eq!(x, at_once.row(i), "{} {i}", row.name);
            }
        }
    }

    #[test]
    fn what_a_transform_cannot_take_is_refused_with_its_place() {
        let features = Features::new(3, 1, vec![1e-3, 1.1e-3, 3e38]).unwrap();
        let transform = Transform::fit(&Named::new("standardise"), &features, &[0, 1]).unwrap();
        let at_once = transform.try_apply(&features).unwrap_err();
        let when_read = FeatureRows::through(&features, &transform).check().unwrap_err();
        assert_eq!(when_read.to_string(), at_once.to_string());
        assert!(when_read.to_string().contains("row 2, column 0"), "{when_read}");
    }
}
