//! A long-tailed subset of a natural set, after the distribution-balanced construction.

use crate::{ProtocolError, RandomDrop, Stream};
use lacuna_labels::{ObservedLabels, TrueLabels};

/// How many rows each class shall have, from the commonest to the rarest, and the rows that come near it.
///
/// The counts follow a Pareto density: `trunc(pdf(x) (max - min) / b + min)` at as many equally spaced `x` as there are
/// classes, between the quantiles 0 and 0.99, `pdf(x) = b x^-(b + 1)`. Classes are ranked by the company they keep: by the sum
/// over the other classes of its probability given them, the most first (person, in VOC). In this order, in **one** pass, rows
/// of a class are added or removed at random towards its target, which is no larger than the supply; rows bring
/// their other labels with them, so later classes change earlier counts, and the result only comes near.
///
/// ```
/// use lacuna_protocols::LongTail;
///
/// let voc = LongTail { max: 800, ..LongTail::default() };
/// assert_eq!(voc.targets(20)[..5], [800, 529, 359, 248, 175]);
/// ```
///
/// Source: Wu et al., ECCV 2020 (wutong16/DistributionBalancedLoss, tools/create_longtail_dataset.py, whose generator is
/// not reproducible; the draws are our own).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LongTail {
    /// Rows of the commonest class.
    pub max: usize,
    /// Rows that are added to every target.
    pub min: usize,
    /// Shape of the Pareto distribution.
    pub b: f64,
    /// Seed of the draws.
    pub seed: u64,
}

impl Default for LongTail {
    fn default() -> Self {
        Self { max: 800, min: 1, b: 6.0, seed: 0 }
    }
}

/// The quantile at which the counts end.
const TAIL: f64 = 0.99;

impl LongTail {
    /// Rows that each class shall have, from the commonest to the rarest.
    pub fn targets(&self, classes: usize) -> Vec<usize> {
        self.targets_to(classes, TAIL)
    }

    /// As [`LongTail::targets`], with the quantile at which the counts end.
    pub fn targets_to(&self, classes: usize, tail: f64) -> Vec<usize> {
        let end = (1.0 - tail).powf(-1.0 / self.b);
        let step = (end - 1.0) / classes.saturating_sub(1).max(1) as f64;
        let count = |i: usize| {
            let x = if i + 1 == classes && classes > 1 { end } else { 1.0 + i as f64 * step };
            let density = self.b * x.powf(-(self.b + 1.0));
            (density * (self.max as f64 - self.min as f64) / self.b + self.min as f64) as usize
        };
        (0..classes).map(count).collect()
    }

    /// The rows of the long-tailed set, in ascending order.
    ///
    /// # Errors
    /// [`ProtocolError::Setting`] unless `min <= max` and `b` is positive.
    pub fn select(&self, truth: &TrueLabels) -> Result<Vec<usize>, ProtocolError> {
        if self.min > self.max {
            return Err(ProtocolError::Setting {
                what: "min",
                value: self.min as f64,
                wanted: "at most max",
            });
        }
        if !(self.b > 0.0 && self.b.is_finite()) {
            return Err(ProtocolError::Setting { what: "b", value: self.b, wanted: "a positive number" });
        }
        let (rows, classes) = (truth.rows(), truth.classes());
        let of_class: Vec<Vec<usize>> = (0..classes)
            .map(|class| (0..rows).filter(|&row| truth.get(row, class).is_positive()).collect())
            .collect();
        let mut order: Vec<(f64, usize)> = company(truth, &of_class).into_iter().zip(0..).collect();
        order.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));

        let mut stream = Stream::new(self.seed, "long tail");
        let mut chosen = vec![false; rows];
        for (&(_, class), target) in order.iter().zip(self.targets(classes)) {
            let target = target.min(of_class[class].len());
            let (mut inside, mut outside): (Vec<usize>, Vec<usize>) =
                of_class[class].iter().partition(|&&row| chosen[row]);
            if inside.len() < target {
                let missing = target - inside.len();
                stream.shuffle(&mut outside);
                outside.iter().take(missing).for_each(|&row| chosen[row] = true);
            } else {
                let spare = inside.len() - target;
                stream.shuffle(&mut inside);
                inside.iter().take(spare).for_each(|&row| chosen[row] = false);
            }
        }
        Ok((0..rows).filter(|&row| chosen[row]).collect())
    }
}

/// For each class the sum over the other classes of its probability given them: how much it keeps them company.
fn company(truth: &TrueLabels, of_class: &[Vec<usize>]) -> Vec<f64> {
    let mut sums = vec![0.0; of_class.len()];
    for (given, rows) in of_class.iter().enumerate() {
        for &row in rows {
            let positives = truth.row(row).iter().enumerate().filter(|(_, label)| label.is_positive());
            positives
                .filter(|(class, _)| *class != given)
                .for_each(|(class, _)| sums[class] += 1.0 / rows.len() as f64);
        }
    }
    sums
}

/// COMIC's setting: a long-tailed set whose positives are then lost at random, with at least one kept.
///
/// ```
/// use lacuna_labels::TrueLabels;
/// use lacuna_protocols::{LongTail, PartialLongTail};
///
/// let truth = TrueLabels::from_fn(500, 5, |row, class| row % (class + 1) == 0);
/// let setting = PartialLongTail { long_tail: LongTail { max: 100, ..LongTail::default() }, missing: 0.4 };
/// let (rows, observed) = setting.apply(&truth)?;
/// assert_eq!(rows.len(), observed.rows());
/// assert!(observed.positives() < truth.select(&rows).positives());
/// # Ok::<(), lacuna_protocols::ProtocolError>(())
/// ```
///
/// Source: Zhang et al., ICCV 2023 (PLT-MLC, 40 % missing); the published script is not available.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PartialLongTail {
    /// How the rows are chosen; its seed is that of the losses as well.
    pub long_tail: LongTail,
    /// Probability that a positive is lost.
    pub missing: f64,
}

impl PartialLongTail {
    /// The rows, and what is left of their labels.
    ///
    /// # Errors
    /// As for [`LongTail::select`] and [`RandomDrop::apply`].
    pub fn apply(&self, truth: &TrueLabels) -> Result<(Vec<usize>, ObservedLabels), ProtocolError> {
        let rows = self.long_tail.select(truth)?;
        let drop = RandomDrop { rate: self.missing, seed: self.long_tail.seed };
        let observed = drop.apply(&truth.select(&rows))?;
        Ok((rows, observed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_fall_and_never_exceed_the_supply() {
        let truth = TrueLabels::from_fn(3_000, 8, |row, class| (row * 7 + class) % (class + 2) == 0);
        let setting = LongTail { max: 600, ..LongTail::default() };
        let rows = setting.select(&truth).unwrap();
        assert!(rows.is_sorted() && rows.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(rows, setting.select(&truth).unwrap());
        assert_ne!(rows, LongTail { seed: 1, ..setting }.select(&truth).unwrap());
        let targets = setting.targets(8);
        assert!(targets.is_sorted_by(|a, b| a >= b) && targets[0] == 600);
        assert_eq!(setting.targets(1), [600]);
        assert!(LongTail { min: 900, ..setting }.select(&truth).is_err());
        assert!(LongTail { b: 0.0, ..setting }.select(&truth).is_err());
    }
}
