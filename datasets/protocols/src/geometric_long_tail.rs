//! A long tail whose class counts fall geometrically, on NumPy's generator.

use crate::{CellDrop, NumpyLegacy, ProtocolError};
use lacuna_labels::{ObservedLabels, TrueLabels};

/// Rows whose class counts are bounded by numbers that fall geometrically from the commonest to the rarest class, and
/// whose positives are then lost at random.
///
/// Classes are ranked by count, the most first (of equal counts the first class first). Rank r of C may have
/// `floor(max (min / max)^(r / (C - 1)))` positives. Rows are visited in the order of `RandomState(seed).permutation(N)`
/// and kept if every class of the row is still below its number. Then [`CellDrop`] with rate `missing` and the same seed
/// hides positives of the rows that are left.
///
/// ```
/// use lacuna_labels::TrueLabels;
/// use lacuna_protocols::GeometricLongTail;
///
/// let truth = TrueLabels::from_fn(2_000, 4, |row, class| row % 4 <= class);
/// let tail = GeometricLongTail { max: 600, min: 6, missing: 0.0, seed: 0 };
/// assert_eq!(tail.bounds(&truth.positives_per_class()), [6, 27, 129, 600]);
/// let (rows, observed) = tail.apply(&truth)?;
/// assert!(observed.positives_per_class()[3] <= 600 && rows.is_sorted());
/// # Ok::<(), lacuna_protocols::ProtocolError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GeometricLongTail {
    /// Most positives of the commonest class.
    pub max: usize,
    /// Most positives of the rarest class.
    pub min: usize,
    /// Probability in `[0, 1]` that a positive is then lost.
    pub missing: f64,
    /// Seed of the order of the rows and of the losses.
    pub seed: u32,
}

impl GeometricLongTail {
    /// Most positives of each class, for classes with these counts.
    pub fn bounds(&self, counts: &[usize]) -> Vec<usize> {
        let mut ranked: Vec<usize> = (0..counts.len()).collect();
        ranked.sort_by_key(|class| std::cmp::Reverse(counts[*class]));
        let (max, ratio) = (self.max as f64, self.min as f64 / self.max as f64);
        let mut bounds = vec![0; counts.len()];
        for (rank, class) in ranked.into_iter().enumerate() {
            let share = rank as f64 / counts.len().saturating_sub(1).max(1) as f64;
            bounds[class] = (max * ratio.powf(share)).floor() as usize;
        }
        bounds
    }

    /// The rows, ascending, and what is left of their labels.
    ///
    /// # Errors
    /// [`ProtocolError::Setting`] unless 0 < `min` <= `max`, [`ProtocolError::Share`] unless `missing` is between 0 and 1.
    pub fn apply(&self, truth: &TrueLabels) -> Result<(Vec<usize>, ObservedLabels), ProtocolError> {
        if self.min == 0 || self.min > self.max {
            let (what, value) = ("min", self.min as f64);
            return Err(ProtocolError::Setting { what, value, wanted: "from 1 to max" });
        }
        let bounds = self.bounds(&truth.positives_per_class());
        let mut counts = vec![0; truth.classes()];
        let mut rows = Vec::new();
        for row in NumpyLegacy::new(self.seed).permutation(truth.rows()) {
            let positives = || (0..truth.classes()).filter(|class| truth.get(row, *class).is_positive());
            if positives().all(|class| counts[class] < bounds[class]) {
                positives().for_each(|class| counts[class] += 1);
                rows.push(row);
            }
        }
        rows.sort_unstable();
        let kept = truth.select(&rows);
        let observed = match self.missing {
            0.0 => kept.into(),
            rate => CellDrop { rate, seed: self.seed }.apply(&kept)?,
        };
        Ok((rows, observed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_class_exceeds_its_bound() {
        let truth = TrueLabels::from_fn(900, 5, |row, class| (row * (class + 3)) % 7 < 3);
        let tail = GeometricLongTail { max: 100, min: 3, missing: 0.0, seed: 4 };
        let (rows, observed) = tail.apply(&truth).unwrap();
        let bounds = tail.bounds(&truth.positives_per_class());
        assert!(observed.positives_per_class().iter().zip(&bounds).all(|(count, bound)| count <= bound));
        assert!(!rows.is_empty() && rows.len() == observed.rows());
        let lossy = GeometricLongTail { missing: 0.4, ..tail }.apply(&truth).unwrap();
        assert!(lossy.0 == rows && lossy.1.positives() < observed.positives());
        assert!(GeometricLongTail { min: 0, ..tail }.apply(&truth).is_err());
        assert!(GeometricLongTail { missing: 2.0, ..tail }.apply(&truth).is_err());
    }
}
