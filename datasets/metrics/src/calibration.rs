//! Whether probabilities mean what they say: expected calibration error and Brier score.

use crate::{Judged, MetricError, Score, Undefined};

/// What is binned together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pooling {
    /// All known cells.
    Pooled,
    /// Every class by itself, then the mean over the classes with a known cell.
    PerClass,
}

/// Expected calibration error: `sum_b (n_b / n) |share of positives in b - mean probability in b|` over `bins` bins
/// of equal width. Bin `b` holds `b / bins <= p < (b + 1) / bins`, the last one 1 as well.
///
/// ```
/// use lacuna_labels::TrueLabels;
/// use lacuna_metrics::{Pooling, calibration_error};
///
/// // Says 80 % four times and is right three times.
/// let truth = TrueLabels::from_fn(4, 1, |row, _| row < 3);
/// let error = calibration_error(&[0.8; 4], &truth, 10, Pooling::Pooled)?;
/// assert!((error - 0.05).abs() < 1e-12);
/// # Ok::<(), lacuna_metrics::MetricError>(())
/// ```
///
/// Guo et al., ICML 2017, applied to every cell.
///
/// # Errors
/// As for [`mean_average_precision`](crate::mean_average_precision); [`MetricError::NoProbability`] for a score
/// outside of [0, 1], [`MetricError::NoPlaces`] for 0 bins.
pub fn calibration_error<'a, S: Score>(
    probabilities: &'a [S],
    truth: impl Into<Judged<'a>>,
    bins: usize,
    pooling: Pooling,
) -> Result<f64, MetricError> {
    let found = binned(probabilities, truth.into(), bins, pooling)?;
    Ok(Undefined::Skip.mean(found.chunks_exact(bins).map(|bins| {
        let cells: u64 = bins.iter().map(|bin| bin.cells).sum();
        let error: f64 = bins.iter().map(|bin| (bin.positives as f64 - bin.probability).abs()).sum();
        (cells > 0).then(|| error / cells as f64)
    })))
}

/// What the cells of a bin of probabilities say: a point of a reliability diagram.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reliability {
    /// The smallest probability that belongs to the bin.
    pub from: f64,
    /// The first one that does not; the last bin has 1 as well.
    pub to: f64,
    /// Known cells in the bin.
    pub cells: u64,
    /// Positive ones among them.
    pub positives: u64,
    /// Mean of their probabilities; not a number where there are none.
    pub mean: f64,
}

impl Reliability {
    /// Share of positives in the bin; `None` where no known cell is in it.
    pub fn share(&self) -> Option<f64> {
        (self.cells > 0).then(|| self.positives as f64 / self.cells as f64)
    }
}

/// The bins of the pooled [`calibration_error`], of all classes together.
///
/// ```
/// use lacuna_labels::TrueLabels;
///
/// let truth = TrueLabels::from_fn(4, 1, |row, _| row < 3);
/// let bins = lacuna_metrics::reliability(&[0.8, 0.8, 0.8, 0.1], &truth, 10)?;
/// assert_eq!((bins[8].cells, bins[8].positives, bins[8].share()), (3, 3, Some(1.0)));
/// assert_eq!((bins[1].cells, bins[0].share()), (1, None));
/// # Ok::<(), lacuna_metrics::MetricError>(())
/// ```
///
/// # Errors
/// As for [`calibration_error`].
pub fn reliability<'a, S: Score>(
    probabilities: &'a [S],
    truth: impl Into<Judged<'a>>,
    bins: usize,
) -> Result<Vec<Reliability>, MetricError> {
    let found = binned(probabilities, truth.into(), bins, Pooling::Pooled)?;
    let of = |(b, bin): (usize, &Bin)| Reliability {
        from: b as f64 / bins as f64,
        to: (b + 1) as f64 / bins as f64,
        cells: bin.cells,
        positives: bin.positives,
        mean: bin.probability / bin.cells as f64,
    };
    Ok(found.iter().enumerate().map(of).collect())
}

/// `[groups, bins]`.
fn binned<S: Score>(
    probabilities: &[S],
    truth: Judged<'_>,
    bins: usize,
    pooling: Pooling,
) -> Result<Vec<Bin>, MetricError> {
    check(probabilities, truth)?;
    if bins == 0 {
        return Err(MetricError::NoPlaces);
    }
    let classes = truth.classes();
    let groups = if pooling == Pooling::Pooled { 1 } else { classes };
    let mut found = vec![Bin::default(); groups * bins];
    for (cell, (&p, label)) in probabilities.iter().zip(truth.cells()).enumerate() {
        if label.is_known() {
            let p: f64 = p.into();
            let group = if pooling == Pooling::Pooled { 0 } else { cell % classes };
            let bin = &mut found[group * bins + ((p * bins as f64) as usize).min(bins - 1)];
            bin.cells += 1;
            bin.positives += u64::from(label.is_positive());
            bin.probability += p;
        }
    }
    Ok(found)
}

#[derive(Clone, Copy, Default)]
struct Bin {
    cells: u64,
    positives: u64,
    probability: f64,
}

/// Brier score: the mean of `(p - y)^2` over the known cells. Not a number where none is known.
///
/// # Errors
/// As for [`calibration_error`].
pub fn brier<'a, S: Score>(probabilities: &'a [S], truth: impl Into<Judged<'a>>) -> Result<f64, MetricError> {
    let truth = truth.into();
    check(probabilities, truth)?;
    let cells = probabilities.iter().zip(truth.cells()).filter(|(_, label)| label.is_known());
    Ok(Undefined::Skip.mean(cells.map(|(&p, label)| {
        let p: f64 = p.into();
        Some((p - f64::from(label.is_positive())).powi(2))
    })))
}

fn check<S: Score>(probabilities: &[S], truth: Judged<'_>) -> Result<(), MetricError> {
    truth.check(probabilities)?;
    let outside = |&p: &S| !(0.0..=1.0).contains(&p.into());
    match probabilities.iter().position(outside) {
        None => Ok(()),
        Some(i) => Err(MetricError::NoProbability {
            row: i / truth.classes(),
            class: i % truth.classes(),
            value: probabilities[i].into(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle;
    use crate::random_case::RandomCase;
    use lacuna_labels::TrueLabels;

    #[test]
    fn random_cells_agree_with_the_definitions() {
        for seed in RandomCase::seeds() {
            let case = RandomCase::new(seed);
            let p: Vec<f64> = case.scores.iter().map(|score| score / 9.0).collect();
            let of = |class: usize| -> Vec<oracle::Cell> {
                case.of_class(class).into_iter().map(|(score, positive)| (score / 9.0, positive)).collect()
            };
            let all: Vec<oracle::Cell> = (0..case.classes).flat_map(of).collect();
            let pooled = calibration_error(&p, case.judged(), 7, Pooling::Pooled).unwrap();
            assert!((pooled - oracle::calibration_error(&all, 7).unwrap()).abs() < 1e-12, "{seed}");
            let expected =
                oracle::mean((0..case.classes).map(|class| oracle::calibration_error(&of(class), 7)));
            let found = calibration_error(&p, case.judged(), 7, Pooling::PerClass).unwrap();
            assert!((found - expected).abs() < 1e-12, "{seed}");
            assert!((brier(&p, case.judged()).unwrap() - oracle::brier(&all).unwrap()).abs() < 1e-12);
        }
    }

    #[test]
    fn a_bin_without_cells_has_no_share() {
        let truth = TrueLabels::from_fn(4, 1, |row, _| row < 2);
        let bins = reliability(&[0.8, 0.8, 0.8, 0.1], &truth, 10).unwrap();
        let shares: Vec<Option<f64>> = bins.iter().map(Reliability::share).collect();
        let mut expected = [None; 10];
        (expected[1], expected[8]) = (Some(0.0), Some(2.0 / 3.0));
        assert_eq!(shares, expected);
    }

    #[test]
    fn logits_are_refused() {
        let truth = TrueLabels::from_fn(1, 2, |_, _| true);
        let error = brier(&[0.5, 1.5], &truth).unwrap_err().to_string();
        assert_eq!(
            error,
            "the score of row 0, class 1 (counted from 0) is 1.5, expected a probability from 0 to 1"
        );
        assert!(calibration_error(&[0.5, 0.5], &truth, 0, Pooling::Pooled).is_err());
    }
}
