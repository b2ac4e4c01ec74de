//! Cutting validation rows out of the training rows.

use crate::{NumpyLegacy, PUBLISHED_SEED, ProtocolError, share};

/// The published validation split: a share of the training rows, drawn without looking at them.
///
/// `RandomState(seed).permutation(rows)`; the last `round(val_share * rows)` entries validate, the
/// others train, both sorted. Halves are rounded to the even number, as `numpy.round` does.
///
/// The default (seed 1200, 20 %) is the split of the published numbers of the single-positive
/// papers. One difference: where the rounded count is 0 the published script takes *every* row as
/// validation row (its slice `[-0:]` is the whole array); here there is none.
///
/// ```
/// use lacuna_protocols::Holdout;
///
/// let split = Holdout::default().split(23)?;
/// assert_eq!(split.val, [0, 7, 13, 18, 19]);
/// assert_eq!(split.train.len(), 18);
/// # Ok::<(), lacuna_protocols::ProtocolError>(())
/// ```
///
/// Source: Cole et al., "Multi-Label Learning from Single Positive Labels", CVPR 2021, `datasets.py`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Holdout {
    /// Share of the rows that validate, in `[0, 1]`.
    pub val_share: f64,
    /// Seed of the permutation.
    pub seed: u32,
}

/// Row numbers of the two parts, each in ascending order; together every row once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// Training rows.
    pub train: Vec<usize>,
    /// Rows to validate on.
    pub val: Vec<usize>,
}

impl Default for Holdout {
    fn default() -> Self {
        Self { val_share: 0.2, seed: PUBLISHED_SEED }
    }
}

impl Holdout {
    /// The split of `rows` rows.
    ///
    /// # Errors
    /// [`ProtocolError::Share`] unless `val_share` is between 0 and 1.
    pub fn split(&self, rows: usize) -> Result<Split, ProtocolError> {
        let held_out = (share("val_share", self.val_share)? * rows as f64).round_ties_even() as usize;
        let mut train = NumpyLegacy::new(self.seed).permutation(rows);
        let mut val = train.split_off(rows - held_out.min(rows));
        train.sort_unstable();
        val.sort_unstable();
        Ok(Split { train, val })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_are_disjoint_sorted_and_complete() {
        for (rows, val_share) in [(0, 0.2), (1, 0.2), (7, 0.0), (7, 1.0), (5717, 0.2)] {
            let split = Holdout { val_share, seed: 3 }.split(rows).unwrap();
            for part in [&split.train, &split.val] {
                assert!(part.is_sorted());
            }
            let mut all = [split.train, split.val].concat();
            all.sort_unstable();
            assert!(all.into_iter().eq(0..rows), "{rows} rows, share {val_share}");
        }
    }

    #[test]
    fn halves_go_to_the_even_number() {
        let val = |rows| Holdout { val_share: 0.25, seed: 0 }.split(rows).unwrap().val.len();
        // 0.25 * 10 = 2.5 and 0.25 * 14 = 3.5
        assert_eq!((val(10), val(14)), (2, 4));
        // VOC 2012 and COCO 2014, as the papers count them.
        let published = |rows| Holdout::default().split(rows).unwrap().val.len();
        assert_eq!((published(5_717), published(82_081)), (1_143, 16_416));
    }

    #[test]
    fn a_share_outside_0_to_1_is_refused() {
        for val_share in [-0.1, 1.1, f64::NAN] {
            let error = Holdout { val_share, seed: 0 }.split(10).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("val_share is {val_share}, expected a share between 0 and 1")
            );
        }
    }
}
