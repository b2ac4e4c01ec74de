//! What a loss may know of the classes of a training set.

use crate::{Label, LossError};
use std::ops::Range;

/// How often each class was observed to be positive in a training set and, where that was asked for, together with which.
///
/// ```
/// use lacuna_loss_api::{ClassStatistics, Label};
///
/// let (p, u) = (Label::Positive, Label::Unknown);
/// let labels = [p, u, p, p, p, u]; // three rows of two classes
/// let train = ClassStatistics::of(&labels, 2)?;
/// assert_eq!((train.rows(), train.positives()), (3.0, &[3.0, 1.0][..]));
/// assert_eq!(train.co_occurrence(), None);
/// let train = ClassStatistics::with_pairs(&labels, 2)?;
/// assert_eq!(train.co_occurrence(), Some(&[3.0, 1.0, 1.0, 1.0][..]));
/// # Ok::<(), lacuna_loss_api::LossError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ClassStatistics {
    rows: f64,
    positives: Vec<f64>,
    co_occurrence: Option<Vec<f64>>,
}

/// Most pairs of classes that are counted: 1 GiB. A file of a few kilobytes can claim more classes than that.
const MOST_PAIRS: usize = 1 << 27;

impl ClassStatistics {
    /// Counts known from elsewhere: N rows, n_c positives of each class.
    ///
    /// # Errors
    /// [`LossError::Unsupported`] unless there is a class and 0 <= n_c <= N for all of them.
    pub fn new(rows: f64, positives: Vec<f64>) -> Result<Self, LossError> {
        if positives.is_empty() {
            return Err(LossError::Unsupported("there are no classes to count".to_owned()));
        }
        match positives.iter().position(|n| !(0.0..=rows).contains(n)) {
            None if rows.is_finite() => Ok(Self { rows, positives, co_occurrence: None }),
            class => Err(LossError::Unsupported(format!(
                "{:?} positives of class {} in {rows} rows",
                class.map(|c| positives[c]),
                class.unwrap_or_default()
            ))),
        }
    }

    /// Counts of observed labels `[rows, classes]`: rows and positives, without co-occurrence.
    ///
    /// # Errors
    /// [`LossError::Shape`] unless there are whole rows, and at least one.
    pub fn of(labels: &[Label], classes: usize) -> Result<Self, LossError> {
        if classes == 0 || labels.is_empty() || !labels.len().is_multiple_of(classes) {
            let (what, found, rows) = ("the labels", labels.len(), labels.len().div_ceil(classes.max(1)));
            return Err(LossError::Shape { what, found, rows, classes });
        }
        let mut positives = vec![0.0; classes];
        for row in labels.chunks(classes) {
            positives.iter_mut().zip(row).for_each(|(n, label)| *n += f64::from(label.is_positive()));
        }
        Ok(Self { rows: (labels.len() / classes) as f64, positives, co_occurrence: None })
    }

    /// Counts of observed labels `[rows, classes]` with the co-occurrence of every pair of classes, `8 C^2` bytes.
    ///
    /// # Errors
    /// As for [`of`](Self::of), and [`LossError::Memory`] where there are too many classes for `[C, C]` numbers.
    pub fn with_pairs(labels: &[Label], classes: usize) -> Result<Self, LossError> {
        let counts = Self::of(labels, classes)?;
        let mut together: Vec<f64> = Vec::new();
        let entries = classes.checked_mul(classes).filter(|entries| *entries <= MOST_PAIRS);
        match entries.map(|entries| (entries, together.try_reserve_exact(entries))) {
            Some((entries, Ok(()))) => together.resize(entries, 0.0),
            _ => return Err(LossError::Memory { what: "co-occurrence", classes }),
        }
        for row in labels.chunks(classes) {
            let positives = || row.iter().enumerate().filter(|(_, l)| l.is_positive()).map(|(c, _)| c);
            for a in positives() {
                positives().for_each(|b| together[a * classes + b] += 1.0);
            }
        }
        counts.with_co_occurrence(together)
    }

    /// The same with the number of rows in which classes a and b are positive together, `[C, C]`.
    ///
    /// # Errors
    /// [`LossError::Shape`] for another size.
    pub fn with_co_occurrence(mut self, together: Vec<f64>) -> Result<Self, LossError> {
        let classes = self.positives.len();
        if together.len() != classes * classes {
            let (what, found) = ("the co-occurrence matrix", together.len());
            return Err(LossError::Shape { what, found, rows: classes, classes });
        }
        self.co_occurrence = Some(together);
        Ok(self)
    }

    /// The counts of these classes alone.
    #[must_use]
    pub fn cut(&self, classes: Range<usize>) -> Self {
        let all = self.classes();
        let pairs = |together: &Vec<f64>| -> Vec<f64> {
            classes.clone().flat_map(|a| &together[a * all..][classes.clone()]).copied().collect()
        };
        let co_occurrence = self.co_occurrence.as_ref().map(pairs);
        Self { rows: self.rows, positives: self.positives[classes].to_vec(), co_occurrence }
    }

    /// The same with classes without a positive counted as often as the rarest class that has some.
    ///
    /// Weights and margins by frequency are not defined for a class that never occurs, and a single such class would keep
    /// a loss from a whole data set. Its positive term never comes about; its negatives are weighed as those of the rarest
    /// class. Without any positive nothing changes.
    ///
    /// ```
    /// use lacuna_loss_api::ClassStatistics;
    ///
    /// let train = ClassStatistics::new(10.0, vec![5.0, 0.0, 2.0])?.empty_as_rarest();
    /// assert_eq!(train.positives(), [5.0, 2.0, 2.0]);
    /// # Ok::<(), lacuna_loss_api::LossError>(())
    /// ```
    #[must_use]
    pub fn empty_as_rarest(mut self) -> Self {
        let classes = self.classes();
        let rarest = self.positives.iter().copied().filter(|&n| n > 0.0).min_by(f64::total_cmp);
        let Some(rarest) = rarest else { return self };
        for class in 0..classes {
            if self.positives[class] == 0.0 {
                self.positives[class] = rarest;
                if let Some(together) = &mut self.co_occurrence {
                    together[class * (classes + 1)] = rarest;
                }
            }
        }
        self
    }

    /// Rows N of the training set.
    pub fn rows(&self) -> f64 {
        self.rows
    }

    /// Positives n_c of each class.
    pub fn positives(&self) -> &[f64] {
        &self.positives
    }

    /// Rows in which classes a and b are positive together, if known.
    pub fn co_occurrence(&self) -> Option<&[f64]> {
        self.co_occurrence.as_deref()
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.positives.len()
    }

    /// The counts, each of them positive.
    ///
    /// # Errors
    /// [`LossError::Unsupported`] naming the first class without a positive.
    pub fn nonzero(&self, loss: &'static str) -> Result<&[f64], LossError> {
        match self.positives.iter().position(|&n| n == 0.0) {
            Some(class) => Err(LossError::Unsupported(format!(
                "{loss} weighs by class frequency, and class {class} has no positive in the training set"
            ))),
            None => Ok(&self.positives),
        }
    }

    /// The share n_c / N of every class, in (0, 1).
    ///
    /// # Errors
    /// [`LossError::Unsupported`] naming the first class that is positive in no row or in all of them.
    pub fn priors(&self, loss: &'static str) -> Result<Vec<f64>, LossError> {
        let counts = self.nonzero(loss)?;
        match counts.iter().position(|&n| n >= self.rows) {
            Some(class) => Err(LossError::Unsupported(format!(
                "{loss} takes the logit of a class's share, and class {class} is positive in every row"
            ))),
            None => Ok(counts.iter().map(|n| n / self.rows).collect()),
        }
    }

    /// Fails unless a batch has as many classes as were counted.
    ///
    /// # Errors
    /// [`LossError::Unsupported`].
    pub fn check_classes(&self, loss: &'static str, classes: usize) -> Result<(), LossError> {
        if classes == self.classes() {
            return Ok(());
        }
        let counted = self.classes();
        Err(LossError::Unsupported(format!(
            "{loss} was built for {counted} classes, the batch has {classes}"
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_checked() {
        for (rows, positives) in
            [(5.0, vec![]), (5.0, vec![6.0]), (5.0, vec![-1.0]), (f64::NAN, vec![1.0]), (5.0, vec![f64::NAN])]
        {
            assert!(ClassStatistics::new(rows, positives).is_err());
        }
        let train = ClassStatistics::new(5.0, vec![5.0, 0.0, 2.0]).unwrap();
        assert!(train.nonzero("test").is_err() && train.priors("test").is_err());
        assert!(train.check_classes("test", 2).is_err() && train.check_classes("test", 3).is_ok());
        let train = ClassStatistics::new(5.0, vec![4.0, 2.0]).unwrap();
        assert_eq!(train.priors("test").unwrap(), [0.8, 0.4]);
        assert!(train.clone().with_co_occurrence(vec![0.0; 3]).is_err());
        assert!(ClassStatistics::new(5.0, vec![5.0]).unwrap().priors("test").is_err());
        assert!(ClassStatistics::of(&[Label::Positive; 5], 2).is_err());
        assert!(ClassStatistics::with_pairs(&[Label::Positive; 5], 2).is_err());
    }

    #[test]
    fn pairs_of_too_many_classes_are_refused_and_their_counts_are_not() {
        // 2^23 classes: 8 MiB of labels, 512 TiB of pairs.
        let labels = vec![Label::Positive; 1 << 23];
        let counts = ClassStatistics::of(&labels, labels.len()).unwrap();
        assert_eq!((counts.rows(), counts.classes(), counts.co_occurrence()), (1.0, 1 << 23, None));
        let error = ClassStatistics::with_pairs(&labels, labels.len()).unwrap_err();
        assert_eq!(error, LossError::Memory { what: "co-occurrence", classes: 1 << 23 });
    }

    /// Only other crates noticed counts that were put in another place.
    #[test]
    fn pairs_are_counted_where_they_belong() {
        let (p, n, u) = (Label::Positive, Label::Negative, Label::Unknown);
        let labels = [p, p, u, p, n, p, u, p, p, p, p, u];
        let counts = ClassStatistics::with_pairs(&labels, 3).unwrap();
        assert_eq!((counts.rows(), counts.positives()), (4.0, &[3.0, 3.0, 2.0][..]));
        assert_eq!(counts.co_occurrence().unwrap(), [3.0, 2.0, 1.0, 2.0, 3.0, 1.0, 1.0, 1.0, 2.0]);
        let last = counts.cut(1..3);
        assert_eq!(
            (last.positives(), last.co_occurrence().unwrap()),
            (&[3.0, 2.0][..], &[3.0, 1.0, 1.0, 2.0][..])
        );
    }
}
