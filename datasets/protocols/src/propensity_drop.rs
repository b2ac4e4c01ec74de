//! Positives of rare classes are lost more often.

use crate::{ProtocolError, Stream, keep_positives};
use lacuna_labels::{ObservedLabels, TrueLabels};

/// Every positive of class `c` stays with its propensity `p_c`; everything else is unknown.
///
/// `1 / p_c = 1 + (ln N - 1)(B + 1)^A (n_c + B)^-A` for `N` rows, `n_c` of them with the class. A row may lose all of its
/// positives, unless `keep_one` says that one of them, chosen uniformly, stays.
///
/// ```
/// use lacuna_labels::TrueLabels;
/// use lacuna_protocols::PropensityDrop;
///
/// // Class 1 has a hundredth of the rows of class 0.
/// let truth = TrueLabels::from_fn(10_000, 2, |row, class| class == 0 || row % 100 == 0);
/// let kept = PropensityDrop::default().apply(&truth)?.positives_per_class();
/// assert!(kept[0] > 9_000 && kept[1] < 80);
/// # Ok::<(), lacuna_protocols::ProtocolError>(())
/// ```
///
/// Source: Jain, Prabhu and Varma, KDD 2016.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PropensityDrop {
    /// Exponent A; 0.55 unless a data set has its own.
    pub a: f64,
    /// Offset B; 1.5 unless a data set has its own.
    pub b: f64,
    /// Whether a row keeps at least one positive.
    pub keep_one: bool,
    /// Seed of the draws.
    pub seed: u64,
}

impl Default for PropensityDrop {
    fn default() -> Self {
        Self { a: 0.55, b: 1.5, keep_one: false, seed: 0 }
    }
}

impl PropensityDrop {
    /// The propensity of every class.
    ///
    /// # Errors
    /// [`ProtocolError::Setting`] for A below 0, B below 0, or fewer than three rows.
    pub fn propensities(&self, truth: &TrueLabels) -> Result<Vec<f64>, ProtocolError> {
        for (what, value) in [("a", self.a), ("b", self.b)] {
            if !(value >= 0.0 && value.is_finite()) {
                return Err(ProtocolError::Setting { what, value, wanted: "a number from 0 on" });
            }
        }
        let rows = truth.rows() as f64;
        if rows < std::f64::consts::E {
            return Err(ProtocolError::Setting { what: "rows", value: rows, wanted: "at least 3" });
        }
        let scale = (rows.ln() - 1.0) * (self.b + 1.0).powf(self.a);
        let counts = truth.positives_per_class().into_iter();
        Ok(counts.map(|n| 1.0 / (1.0 + scale * (n as f64 + self.b).powf(-self.a))).collect())
    }

    /// What is left of `truth`.
    ///
    /// # Errors
    /// As for [`PropensityDrop::propensities`].
    pub fn apply(&self, truth: &TrueLabels) -> Result<ObservedLabels, ProtocolError> {
        let propensities = self.propensities(truth)?;
        let mut stream = Stream::new(self.seed, "propensity drop");
        Ok(keep_positives(truth, |positives| {
            stream.shuffle(positives);
            // Those that stay come first.
            let mut kept = 0;
            for i in 0..positives.len() {
                if stream.uniform_f64() < propensities[positives[i]] {
                    positives.swap(kept, i);
                    kept += 1;
                }
            }
            kept.max(usize::from(self.keep_one))
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A mask that kept the others would have as many cells where propensities are near one half.
    #[test]
    fn classes_keep_the_share_of_their_propensity() {
        let truth = TrueLabels::from_fn(20_000, 3, |row, class| row % [2, 50, 2000][class] == 0);
        let drop = PropensityDrop::default();
        let observed = drop.apply(&truth).unwrap();
        let of = drop.propensities(&truth).unwrap();
        assert!(of[0] > 0.8 && of[2] < 0.5, "{of:?}");
        for (class, p) in of.iter().enumerate() {
            let n = truth.positives_per_class()[class] as f64;
            let kept = (0..20_000).filter(|row| observed.get(*row, class).is_positive()).count() as f64;
            let deviations = (kept - n * p) / (n * p * (1.0 - p)).sqrt();
            assert!(deviations.abs() < 4.0, "class {class}: {kept} of {n}, expected {p}");
        }
    }
}
