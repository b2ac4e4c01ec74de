//! A rows x columns matrix of features, what a head is trained on.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// Finite features of `rows` x `columns`, row-major. Clones share the values.
///
/// ```
/// use lacuna_labels::{FeatureError, Features};
///
/// let features = Features::new(2, 3, vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0])?;
/// assert_eq!(features.row(1), [3.0, 4.0, 5.0]);
/// // Not-a-numbers are found where the data enters, not twenty epochs later.
/// assert!(Features::new(1, 1, vec![f32::NAN]).is_err());
/// # Ok::<(), FeatureError>(())
/// ```
#[derive(Clone)]
pub struct Features {
    rows: usize,
    columns: usize,
    values: Values,
}

/// Where the values are.
#[derive(Clone)]
enum Values {
    Owned(Arc<Vec<f32>>),
    Shared(Arc<dyn Store>),
}

/// Values that stay where they are, for [`Features::shared`]: an array of the caller, a file that is mapped into memory.
///
/// Arrays and vectors implement it with the defaults, which are those of memory. A store whose values are read from a file as
/// they are looked at counts the looks, and gives memory back.
pub trait Store: AsRef<[f32]> + Send + Sync {
    /// Called before these values are read; a store may give back the memory of values that were read before, which is then
    /// filled again when they are looked at.
    fn reads(&self, values: Range<usize>) {
        let _ = values;
    }

    /// Says that these values will be read soon, in any order.
    fn will_read(&self, values: Range<usize>) {
        let _ = values;
    }

    /// Whether the values are on disk, and only some of them in memory at a time.
    fn is_on_disk(&self) -> bool {
        false
    }
}

impl Store for Vec<f32> {}
impl Store for Box<[f32]> {}
impl<const N: usize> Store for [f32; N] {}

impl Values {
    fn as_slice(&self) -> &[f32] {
        match self {
            Values::Owned(values) => values,
            Values::Shared(values) => (**values).as_ref(),
        }
    }
}

/// Why a matrix of features was refused.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FeatureError {
    /// `values` does not have `rows * columns` entries.
    Size {
        /// Rows asked for.
        rows: usize,
        /// Columns asked for.
        columns: usize,
        /// Values given.
        values: usize,
    },
    /// A value is infinite or not a number.
    NotFinite {
        /// Row of the first such value, counted from 0.
        row: usize,
        /// Column of the first such value, counted from 0.
        column: usize,
        /// The value.
        value: f32,
    },
}

impl fmt::Display for FeatureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FeatureError::Size { rows, columns, values } => write!(
                f,
                "{rows} rows x {columns} columns need {} features, not {values}",
                rows.saturating_mul(*columns)
            ),
            FeatureError::NotFinite { row, column, value } => {
                write!(f, "the feature of row {row}, column {column} (counted from 0) is {value}")
            }
        }
    }
}

impl std::error::Error for FeatureError {}

impl Features {
    /// A matrix from its values, row by row.
    ///
    /// # Errors
    /// [`FeatureError::Size`] unless there are exactly `rows * columns` values,
    /// [`FeatureError::NotFinite`] with the first value that is infinite or not a number.
    pub fn new(rows: usize, columns: usize, values: Vec<f32>) -> Result<Self, FeatureError> {
        Self { rows, columns, values: Values::Owned(Arc::new(values)) }.checked()
    }

    /// A matrix whose values stay where they are: a file that is mapped into memory, an array of the caller. They are read
    /// once, to find those that are not finite.
    ///
    /// ```
    /// use lacuna_labels::Features;
    /// use std::sync::Arc;
    ///
    /// let features = Features::shared(1, 2, Arc::new([0.5, 1.0]))?;
    /// assert_eq!(features.row(0), [0.5, 1.0]);
    /// # Ok::<(), lacuna_labels::FeatureError>(())
    /// ```
    ///
    /// # Errors
    /// As for [`Features::new`].
    pub fn shared(rows: usize, columns: usize, values: Arc<dyn Store>) -> Result<Self, FeatureError> {
        Self { rows, columns, values: Values::Shared(values) }.checked()
    }

    fn checked(self) -> Result<Self, FeatureError> {
        let (rows, columns, values) = (self.rows, self.columns, self.values().len());
        if rows.checked_mul(columns) != Some(values) {
            return Err(FeatureError::Size { rows, columns, values });
        }
        for row in 0..if columns == 0 { 0 } else { rows } {
            let x = self.row(row);
            if let Some(column) = x.iter().position(|x| !x.is_finite()) {
                return Err(FeatureError::NotFinite { row, column, value: x[column] });
            }
        }
        Ok(self)
    }

    /// The matrix with every row changed: in place where no clone shares the values, in a copy where one does.
    ///
    /// ```
    /// use lacuna_labels::Features;
    ///
    /// let features = Features::new(2, 1, vec![1.0, 2.0])?;
    /// let doubled = features.map_rows(|row| row[0] *= 2.0)?;
    /// assert_eq!(doubled.values(), [2.0, 4.0]);
    /// # Ok::<(), lacuna_labels::FeatureError>(())
    /// ```
    ///
    /// # Errors
    /// [`FeatureError::NotFinite`] where a changed value is not finite.
    pub fn map_rows(self, change: impl FnMut(&mut [f32])) -> Result<Self, FeatureError> {
        let Self { rows, columns, values } = self;
        let mut values = match values {
            Values::Owned(values) => Arc::unwrap_or_clone(values),
            Values::Shared(values) => (*values).as_ref().to_vec(),
        };
        values.chunks_exact_mut(columns.max(1)).for_each(change);
        Self::new(rows, columns, values)
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of features of a row.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// All values, row-major. Of features [on disk](Self::is_on_disk), whoever goes through them this way brings them all into
    /// memory; [`row`](Self::row) does not.
    pub fn values(&self) -> &[f32] {
        self.values.as_slice()
    }

    /// The features of one row, `[columns]`.
    #[inline]
    pub fn row(&self, row: usize) -> &[f32] {
        let range = row * self.columns..(row + 1) * self.columns;
        if let Values::Shared(values) = &self.values {
            values.reads(range.clone());
        }
        &self.values()[range]
    }

    /// Whether the values are on disk, and only those of some rows in memory at a time.
    pub fn is_on_disk(&self) -> bool {
        match &self.values {
            Values::Owned(_) => false,
            Values::Shared(values) => values.is_on_disk(),
        }
    }

    /// Says that these rows will be read soon, in any order: they are read from disk in one go, if that is where they are.
    pub fn will_read(&self, rows: Range<usize>) {
        if let Values::Shared(values) = &self.values {
            values.will_read(rows.start * self.columns..rows.end * self.columns);
        }
    }

    /// The rows named by `rows`, in that order.
    pub fn select(&self, rows: &[usize]) -> Self {
        let mut values = Vec::with_capacity(rows.len() * self.columns);
        for &row in rows {
            values.extend_from_slice(self.row(row));
        }
        Self { rows: rows.len(), columns: self.columns, values: Values::Owned(Arc::new(values)) }
    }
}

impl PartialEq for Features {
    fn eq(&self, other: &Self) -> bool {
        (self.rows, self.columns) == (other.rows, other.columns) && self.values() == other.values()
    }
}

impl fmt::Debug for Features {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Features {} x {}", self.rows, self.columns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_checked() {
        let error = Features::new(2, 3, vec![0.0; 5]).unwrap_err();
        assert_eq!(error.to_string(), "2 rows x 3 columns need 6 features, not 5");
        assert!(Features::new(usize::MAX, 2, vec![]).is_err());
        assert!(Features::new(0, 0, vec![]).is_ok());
    }

    #[test]
    fn a_value_that_is_not_finite_is_named() {
        let error = Features::new(2, 2, vec![0.0, 1.0, f32::INFINITY, f32::NAN]).unwrap_err();
        assert_eq!(error.to_string(), "the feature of row 1, column 0 (counted from 0) is inf");
    }

    #[test]
    fn rows_are_changed_in_place_unless_a_clone_shares_them() {
        let features = Features::new(2, 2, vec![1.0, 2.0, 3.0, 4.0]).unwrap();
        let place = features.values().as_ptr();
        let features = features.map_rows(|row| row[1] = 0.0).unwrap();
        assert_eq!((features.values().as_ptr(), features.values()), (place, &[1.0, 0.0, 3.0, 0.0][..]));
        let other = features.clone().map_rows(|row| row.fill(5.0)).unwrap();
        assert_eq!((features.values()[0], other.values()[0]), (1.0, 5.0));
        assert!(other.map_rows(|row| row[0] = f32::NAN).is_err());
    }

    #[test]
    fn selection_keeps_the_order_asked_for() {
        let features = Features::new(3, 1, vec![10.0, 11.0, 12.0]).unwrap();
        assert_eq!(features.select(&[2, 0, 2]).values(), [12.0, 10.0, 12.0]);
    }
}
