//! Finds probable false negatives: cells that are not labelled positive and have a high score.

use crate::sources::{Joined, join};
use crate::{FeatureSource, Fit, LabelSource, TrainError};
use lacuna_labels::Label;
use lacuna_losses::pu::{BbeConfig, bbe_prior};
use lacuna_protocols::Stream;
use std::borrow::Cow;

/// How an audit is made.
#[derive(Clone, Debug)]
pub struct AuditOptions {
    /// The training for each fold.
    pub fit: Fit,
    /// Number of folds, from 2 to the number of rows.
    pub folds: usize,
    /// Seed of the folds and of every fit.
    pub seed: u64,
}

impl Default for AuditOptions {
    /// `Fit::new("auto")`, 5 folds, seed 0.
    fn default() -> Self {
        Self { fit: Fit::new("auto"), folds: 5, seed: 0 }
    }
}

/// Cells that are unknown or negative, ranked by the probability that a model gives which has not seen their rows.
///
/// The rows are divided into folds at random; for each fold a model is trained on the rows of the others and predicts those
/// of the fold. The scores rank cells for review. They are not certified: a probability of 0.9 does not mean
/// that nine of ten such cells are positive, least of all where no negative is known.
#[derive(Clone, Debug, PartialEq)]
pub struct Audit {
    rows: Option<Vec<String>>,
    classes: Vec<String>,
    /// Row, class, label and score; the highest score first.
    cells: Vec<(u32, u32, Label, f32)>,
    hidden: Vec<HiddenPositives>,
    expected_positives: f64,
    notes: Vec<String>,
}

/// A cell that is probably positive.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// Name of the row, or its number, counted from 0, where rows have no names.
    pub row: String,
    /// Name of the class, or its number, counted from 0, where classes have no names.
    pub class: String,
    /// Number of the row among the rows that were joined, counted from 0.
    pub row_index: usize,
    /// Number of the class, counted from 0.
    pub class_index: usize,
    /// The given label: unknown or negative.
    pub label: Label,
    /// Probability by a model that was trained without this row.
    pub score: f32,
}

/// How many of the cells of a class that are unknown or negative are probably positive.
///
/// The estimate is that of [`bbe_prior`](lacuna_losses::pu::bbe_prior) on the out-of-fold scores, times the number of cells. It
/// assumes that labelled positives score as hidden ones do, which a bias towards conspicuous positives violates: then it is too
/// low. Where the highest scores are not of positives alone it is too high.
#[derive(Clone, Debug, PartialEq)]
pub struct HiddenPositives {
    /// Name of the class, or its number, counted from 0, where classes have no names.
    pub class: String,
    /// Number of the class, counted from 0.
    pub class_index: usize,
    /// Cells of the class that are unknown or negative.
    pub cells: usize,
    /// Expected number of positives among them.
    pub expected: f64,
    /// Lower end of the band, which holds with probability 0.9 under the assumptions, at least 0.
    pub lower: f64,
    /// Upper end of the band, at most `cells`.
    pub upper: f64,
}

/// Unknown and negative cells that are probably positive, with [`AuditOptions::default`].
///
/// ```
/// use lacuna_labels::{Features, Label, LabelMatrix, ObservedLabels};
///
/// // The class is the sign of the feature, and the label of row 11, which is positive, was lost.
/// let value = |row: usize| if row % 2 == 0 { -1.0 } else { 1.0 } * (1.0 + row as f32 / 40.0);
/// let x = Features::new(40, 1, (0..40).map(value).collect())?;
/// let label = |row: usize| match (row, value(row) > 0.0) {
///     (11, _) => Label::Unknown,
///     (_, true) => Label::Positive,
///     (_, false) => Label::Negative,
/// };
/// let y = ObservedLabels::from(LabelMatrix::new(40, 1, (0..40).map(label).collect())?);
/// let top = lacuna_train::audit(&x, &y)?.top(1);
/// assert_eq!((top[0].row.as_str(), top[0].label), ("11", Label::Unknown));
/// assert!(top[0].score > 0.9);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As for [`AuditOptions::run`].
pub fn audit<X, Y>(x: &X, y: &Y) -> Result<Audit, TrainError>
where
    X: FeatureSource + ?Sized,
    Y: LabelSource + ?Sized,
{
    AuditOptions::default().run(x, y)
}

impl AuditOptions {
    /// Trains once for each fold. The same data, options and seed give the same bits.
    ///
    /// # Errors
    /// [`TrainError::Setting`] for a number of folds that does not fit the rows, [`TrainError::Labels`] where there is
    /// nothing to learn, also in the rows outside one of the folds, and the other errors of [`Fit::fit`].
    pub fn run<X, Y>(&self, x: &X, y: &Y) -> Result<Audit, TrainError>
    where
        X: FeatureSource + ?Sized,
        Y: LabelSource + ?Sized,
    {
        let joined = join(x, y)?;
        let (count, classes) = (joined.features.rows(), joined.observed.classes());
        if !(2..=count).contains(&self.folds) {
            let problem = format!(
                "invalid number of folds {} for {count} rows: expected 2 to the number of rows",
                self.folds
            );
            return Err(TrainError::Setting(problem));
        }
        let fit = self.fit.clone().seed(self.seed);
        // What is wrong with the labels is said of all rows, not of those of a fold.
        let (fit, decisions) = fit.resolved(&joined)?;
        let mut notes = [joined.notes.clone(), decisions].concat();
        let mut order: Vec<usize> = (0..count).collect();
        Stream::new(self.seed, "audit folds").shuffle(&mut order);
        let mut cells = Vec::new();
        // Scores of the cells of each class: unknown or negative ones, positive ones.
        let mut scores = vec![(Vec::new(), Vec::new()); classes];
        for fold in 0..self.folds {
            let rows = |held: bool| {
                let of = order.iter().enumerate().filter(|(i, _)| (i % self.folds == fold) == held);
                let mut rows: Vec<usize> = of.map(|(_, row)| *row).collect();
                rows.sort_unstable();
                rows
            };
            let (held, train) = (rows(true), rows(false));
            let part = Joined {
                features: Cow::Owned(joined.features.select(&train)),
                observed: Cow::Owned(joined.observed.select(&train)),
                image: joined.image,
                rows: None,
                classes: joined.classes.clone(),
                notes: vec![],
            };
            let model = fit.fit_resolved(&part, vec![]).map_err(|error| match error {
                TrainError::Labels(problem) => TrainError::Labels(format!(
                    "{problem} in the rows outside fold {} of {}",
                    fold + 1,
                    self.folds
                )),
                other => other,
            })?;
            let p = model.predict(&joined.features.select(&held))?;
            for (i, &row) in held.iter().enumerate() {
                for (class, (rest, positives)) in scores.iter_mut().enumerate() {
                    let (label, score) = (joined.observed.get(row, class), p.get(i, class));
                    if label == Label::Positive {
                        positives.push(f64::from(score));
                    } else {
                        rest.push(f64::from(score));
                        cells.push((row as u32, class as u32, label, score));
                    }
                }
            }
        }
        cells.sort_by(|a, b| b.3.total_cmp(&a.3).then((a.0, a.1).cmp(&(b.0, b.1))));
        notes.push(format!(
            "{} cells are unknown or negative; scores are those of {} models that were trained without the rows they score",
            cells.len(),
            self.folds
        ));
        let mut hidden = Vec::new();
        for (class_index, (rest, positives)) in scores.iter().enumerate() {
            let found = bbe_prior(rest, positives, BbeConfig::default())?;
            if found.candidates == 0 {
                continue;
            }
            let cells = rest.len();
            let [expected, lower, upper] =
                [found.prior, found.lower, found.upper].map(|share| share.clamp(0.0, 1.0) * cells as f64);
            let class = joined.classes[class_index].clone();
            hidden.push(HiddenPositives { class, class_index, cells, expected, lower, upper });
        }
        let without = classes - hidden.len();
        if without > 0 {
            notes.push(format!(
                "{without} of {classes} classes have too few positives to estimate how many are hidden"
            ));
        }
        let positives = (count * classes - cells.len()) as f64;
        let expected_positives =
            (positives + hidden.iter().map(|class| class.expected).sum::<f64>()) / count as f64;
        Ok(Audit { rows: joined.rows, classes: joined.classes, cells, hidden, expected_positives, notes })
    }
}

impl Audit {
    /// The `n` cells with the highest scores, the highest first; equal scores in the order of rows and classes.
    pub fn top(&self, n: usize) -> Vec<Candidate> {
        self.cells.iter().take(n).map(|cell| self.candidate(cell)).collect()
    }

    /// Number of cells that are unknown or negative.
    pub fn len(&self) -> usize {
        self.cells.len()
    }

    /// Whether every cell is positive.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// All cells, the highest score first.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Candidate> + '_ {
        self.cells.iter().map(|cell| self.candidate(cell))
    }

    /// Expected number of positives among the unknown and negative cells of every class; classes with too few positives for an
    /// estimate are left out.
    pub fn hidden_positives(&self) -> &[HiddenPositives] {
        &self.hidden
    }

    /// Expected number of positives of a row, labelled and hidden ones: the parameter `expected_positives` of EPR, ROLE and
    /// `imprecise` where true labels are not at hand. Classes without an estimate count with their labelled positives.
    pub fn expected_positives(&self) -> f64 {
        self.expected_positives
    }

    /// Notes, one sentence each.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    fn candidate(&self, &(row, class, label, score): &(u32, u32, Label, f32)) -> Candidate {
        let (row_index, class_index) = (row as usize, class as usize);
        Candidate {
            row: self.rows.as_ref().map_or_else(|| row.to_string(), |names| names[row_index].clone()),
            class: self.classes[class_index].clone(),
            row_index,
            class_index,
            label,
            score,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lacuna_formats::Strings;
    use lacuna_labels::{Features, LabelMatrix, ObservedLabels};

    struct Named<T>(T, Strings);

    impl FeatureSource for Named<Features> {
        fn features(&self) -> &Features {
            &self.0
        }
        fn row_names(&self) -> Option<&Strings> {
            Some(&self.1)
        }
    }

    impl LabelSource for Named<ObservedLabels> {
        fn observed(&self) -> Result<Cow<'_, ObservedLabels>, TrainError> {
            Ok(Cow::Borrowed(&self.0))
        }
        fn row_names(&self) -> Option<&Strings> {
            Some(&self.1)
        }
    }

    /// Two classes by the signs of two features; `hidden` cells are unknown, `wrong` ones negative.
    fn data(rows: usize, hidden: &[(usize, usize)], wrong: &[(usize, usize)]) -> (Features, ObservedLabels) {
        let mut stream = Stream::new(4, "audit");
        let mut value = || stream.normal() as f32;
        let values: Vec<f32> = (0..rows * 2).map(|_| value()).map(|x| x + x.signum()).collect();
        let x = Features::new(rows, 2, values).unwrap();
        let label = |row: usize, class: usize| match x.row(row)[class] > 0.0 {
            _ if hidden.contains(&(row, class)) => Label::Unknown,
            _ if wrong.contains(&(row, class)) => Label::Negative,
            true => Label::Positive,
            false => Label::Negative,
        };
        let cells = (0..rows).flat_map(|row| [label(row, 0), label(row, 1)]).collect();
        let labels = LabelMatrix::new(rows, 2, cells).unwrap();
        (x, labels.into())
    }

    #[test]
    fn positives_that_were_lost_or_called_negative_come_first() {
        let (x, _) = data(120, &[], &[]);
        let lost: Vec<_> =
            (0..120).map(|row| (row, row % 2)).filter(|&(r, c)| x.row(r)[c] > 0.0).take(12).collect();
        let (hidden, wrong) = lost.split_at(6);
        let (x, y) = data(120, hidden, wrong);
        let audit = audit(&x, &y).unwrap();
        let found: Vec<_> = audit.top(12).iter().map(|c| (c.row_index, c.class_index)).collect();
        assert!(lost.iter().all(|cell| found.contains(cell)), "{lost:?} {found:?}");
        assert!(audit.top(12).iter().filter(|c| c.label == Label::Negative).count() == 6);
        assert!(audit.iter().map(|c| c.score).is_sorted_by(|a, b| a >= b));
        assert_eq!(audit.len(), y.cells().iter().filter(|label| **label != Label::Positive).count());
        assert_eq!(audit.top(usize::MAX).len(), audit.len());
    }

    #[test]
    fn the_same_seed_gives_the_same_bits_and_another_one_other_folds() {
        let (x, y) = data(50, &[(3, 0)], &[]);
        let run = |seed| AuditOptions { seed, ..AuditOptions::default() }.run(&x, &y).unwrap();
        assert_eq!(run(1), run(1));
        assert_ne!(run(1).top(20), run(2).top(20));
    }

    #[test]
    fn rows_are_joined_by_name_and_named() {
        let (x, y) = data(40, &[], &[(5, 0)]);
        let names = |order: &[usize]| -> Strings { order.iter().map(|row| format!("row {row}")).collect() };
        let (forward, backward): (Vec<usize>, Vec<usize>) = ((0..40).collect(), (0..40).rev().collect());
        let joined = audit(&Named(x.clone(), names(&forward)), &Named(y.select(&backward), names(&backward)));
        let (joined, plain) = (joined.unwrap(), audit(&x, &y).unwrap());
        let scores = |audit: &Audit| audit.iter().map(|c| (c.row_index, c.score)).collect::<Vec<_>>();
        assert_eq!(scores(&joined), scores(&plain));
        assert_eq!(joined.top(1)[0].row, format!("row {}", plain.top(1)[0].row));
        assert!(joined.notes()[0].contains("joined by name"), "{:?}", joined.notes());
        let others = Named(y, (0..40).map(|row| format!("other {row}")).collect());
        let refused = audit(&Named(x, names(&forward)), &others).unwrap_err();
        assert!(matches!(refused, TrainError::Rows(_)), "{refused}");
    }

    /// 1,500 rows of three classes with 30, 20 and 10 % positives, of which 40 % are labelled at random and nothing else is known.
    /// The estimates are within 3 % of the hidden positives (284 of 289, 191 of 196, 85 of 87) and the bands hold them; a class
    /// with one positive has no estimate.
    #[test]
    fn hidden_positives_are_counted() {
        let (rows, shares) = (1500, [0.3, 0.2, 0.1]);
        let mut stream = Stream::new(8, "hidden positives");
        let (mut features, mut cells, mut hidden) = (vec![], vec![], [0.0; 3]);
        for row in 0..rows {
            for (class, share) in shares.into_iter().enumerate() {
                let positive = stream.uniform_f64() < share;
                features.push(stream.normal() as f32 + if positive { 5.0 } else { 0.0 });
                let labelled = positive && stream.uniform_f64() < 0.4;
                hidden[class] += f64::from(u8::from(positive && !labelled));
                cells.push(if labelled { Label::Positive } else { Label::Unknown });
            }
            cells.push(if row == 7 { Label::Positive } else { Label::Unknown });
        }
        let x = Features::new(rows, 3, features).unwrap();
        let y = ObservedLabels::from(LabelMatrix::new(rows, 4, cells).unwrap());
        let audit = audit(&x, &y).unwrap();
        let found = audit.hidden_positives();
        assert_eq!(found.iter().map(|class| class.class_index).collect::<Vec<_>>(), [0, 1, 2]);
        for (class, hidden) in found.iter().zip(hidden) {
            assert!((class.expected / hidden - 1.0).abs() < 0.03, "{class:?}, {hidden} are hidden");
            assert!(class.lower < hidden && hidden < class.upper, "{class:?}, {hidden} are hidden");
        }
        let positives = y.positives() as f64 + found.iter().map(|class| class.expected).sum::<f64>();
        assert_eq!(audit.expected_positives(), positives / rows as f64);
        assert!(audit.notes().iter().any(|note| note.starts_with("1 of 4 classes")), "{:?}", audit.notes());
    }

    #[test]
    fn folds_that_do_not_fit_are_refused() {
        let (x, y) = data(10, &[], &[]);
        for folds in [0, 1, 11] {
            let options = AuditOptions { folds, ..AuditOptions::default() };
            assert!(matches!(options.run(&x, &y).unwrap_err(), TrainError::Setting(_)), "{folds}");
        }
        // One positive: the fold that has it leaves none to learn from.
        let mut cells = vec![Label::Negative; 10];
        cells[4] = Label::Positive;
        let y = ObservedLabels::from(LabelMatrix::new(10, 1, cells).unwrap());
        let refused = audit(&x, &y).unwrap_err().to_string();
        assert!(refused.starts_with("no label is positive in the rows outside fold"), "{refused}");
    }
}
