//! Average precision of a class, and its mean over the classes.

use crate::ranking::Score;
use crate::{ApFlavour, EmptyClass, Judged, MapConvention, MetricError};
use rayon::prelude::*;

/// Average precisions and their mean.
#[derive(Clone, Debug, PartialEq)]
pub struct MapResult {
    /// Average precision of each class, as a fraction; see [`EmptyClass`] for classes without positives.
    pub per_class: Vec<f64>,
    /// Mean over the classes, as a fraction. Not a number where every class was skipped.
    pub map: f64,
    /// The classes without positives, in ascending order.
    pub empty_classes: Vec<usize>,
    /// How the values were computed.
    pub convention: MapConvention,
}

impl MapResult {
    /// The mean in percent, as tables have it.
    pub fn percent(&self) -> f64 {
        100.0 * self.map
    }
}

/// Average precision of every class and their mean.
///
/// `scores` are `[rows, classes]`, row-major, logits or probabilities: only their order counts. An unknown cell
/// takes its row out of the ranking of its class. Classes are spread over threads; the result does not depend on
/// how many there are.
///
/// # Errors
/// [`MetricError::Size`] unless there is one score for each label, [`MetricError::NotANumber`] with
/// the first score that is not a number, [`MetricError::Empty`] where there are no labels.
///
/// For a metric that is computed every epoch see [`ApScratch`].
pub fn mean_average_precision<'a, S: Score>(
    scores: &[S],
    truth: impl Into<Judged<'a>>,
    convention: MapConvention,
) -> Result<MapResult, MetricError> {
    let truth = truth.into();
    truth.check(scores)?;
    let classes = (0..truth.classes()).into_par_iter();
    let values = classes.map_init(Sorting::default, |sorting, class| {
        sorting.rank(scores, truth, class);
        sorting.average_precision(convention.flavour)
    });
    let values: Vec<Option<f64>> = values.collect();
    let mut result = MapResult::empty(convention);
    result.fill(values.into_iter());
    Ok(result)
}

impl MapResult {
    fn empty(convention: MapConvention) -> Self {
        Self { per_class: Vec::new(), map: f64::NAN, empty_classes: Vec::new(), convention }
    }

    /// Takes over the values of the classes, `None` for one without positives, and their mean.
    fn fill(&mut self, values: impl Iterator<Item = Option<f64>>) {
        let Self { per_class, map, empty_classes, convention } = self;
        per_class.clear();
        empty_classes.clear();
        for (class, value) in values.enumerate() {
            if value.is_none() {
                empty_classes.push(class);
            }
            let empty = if convention.empty_class == EmptyClass::Zero { 0.0 } else { f64::NAN };
            per_class.push(value.unwrap_or(empty));
        }
        let skipped = if convention.empty_class == EmptyClass::Skip { empty_classes.len() } else { 0 };
        let counted = per_class.iter().filter(|value| skipped == 0 || !value.is_nan());
        *map = counted.sum::<f64>() / (per_class.len() - skipped) as f64;
    }
}

/// The rows of one class, and the buffers in which they are sorted.
#[derive(Clone, Debug)]
struct Sorting<S: Score> {
    /// Best last.
    ranking: Vec<S::Bits>,
    spare: Vec<S::Bits>,
    positives: usize,
}

impl<S: Score> Default for Sorting<S> {
    fn default() -> Self {
        Self { ranking: Vec::new(), spare: Vec::new(), positives: 0 }
    }
}

impl<S: Score> Sorting<S> {
    /// Ranks the known rows of a class; without a positive there is nothing to sort.
    fn rank(&mut self, scores: &[S], truth: Judged<'_>, class: usize) {
        let classes = truth.classes();
        let column = scores[class..].iter().step_by(classes);
        let labels = truth.cells()[class..].iter().step_by(classes);
        let mut positives = 0;
        self.ranking.clear();
        self.ranking.extend(column.zip(labels).enumerate().filter(|(_, (_, label))| label.is_known()).map(
            |(row, (score, label))| {
                positives += usize::from(label.is_positive());
                score.pack(row, label.is_positive())
            },
        ));
        self.positives = positives;
        if positives > 0 {
            S::sort(&mut self.ranking, &mut self.spare);
        }
    }

    fn average_precision(&self, flavour: ApFlavour) -> Option<f64> {
        (self.positives > 0).then(|| match flavour {
            ApFlavour::Sklearn => sklearn::<S>(&self.ranking, self.positives),
            ApFlavour::Asl => asl::<S>(&self.ranking, self.positives),
            ApFlavour::Voc07 => voc07::<S>(&self.ranking, self.positives),
            ApFlavour::Voc12 => voc12::<S>(&self.ranking, self.positives),
        })
    }
}

/// Memory for computing [`mean_average_precision`] again and again without allocating.
///
/// ```
/// use lacuna_labels::TrueLabels;
/// use lacuna_metrics::{ApScratch, MapConvention};
///
/// let truth = TrueLabels::from_fn(4, 1, |row, _| row == 2);
/// let mut scratch = ApScratch::new(MapConvention::SPML);
/// for (epoch, scores) in [[0.4_f32, 0.3, 0.2, 0.1], [0.4, 0.3, 0.9, 0.1]].iter().enumerate() {
///     let map = scratch.evaluate(scores, &truth)?.map;
///     println!("epoch {epoch}: {map:.3}");
/// }
/// assert_eq!(scratch.evaluate(&[0.4, 0.3, 0.9, 0.1], &truth)?.map, 1.0);
/// # Ok::<(), lacuna_metrics::MetricError>(())
/// ```
#[derive(Clone, Debug)]
pub struct ApScratch<S: Score = f32> {
    sorting: Sorting<S>,
    result: MapResult,
}

impl<S: Score> ApScratch<S> {
    /// Empty memory; it grows with the first use.
    pub fn new(convention: MapConvention) -> Self {
        Self { sorting: Sorting::default(), result: MapResult::empty(convention) }
    }

    /// As [`mean_average_precision`], on one thread. The result stays here until the next call.
    ///
    /// # Errors
    /// As for [`mean_average_precision`].
    pub fn evaluate<'a>(
        &mut self,
        scores: &[S],
        truth: impl Into<Judged<'a>>,
    ) -> Result<&MapResult, MetricError> {
        let truth = truth.into();
        truth.check(scores)?;
        let (sorting, flavour) = (&mut self.sorting, self.result.convention.flavour);
        self.result.fill((0..truth.classes()).map(|class| {
            sorting.rank(scores, truth, class);
            sorting.average_precision(flavour)
        }));
        Ok(&self.result)
    }
}

/// [`ApFlavour::Sklearn`] of a ranking, best last.
fn sklearn<S: Score>(ranking: &[S::Bits], positives: usize) -> f64 {
    let (mut above, mut tp, mut sum) = (0_usize, 0_usize, 0.0);
    let mut new_tp = 0_usize;
    for (place, &row) in ranking.iter().enumerate().rev() {
        above += 1;
        new_tp += usize::from(S::positive(row));
        // A score ends where the next row has another one; only ends with new positives count.
        if new_tp > 0 && (place == 0 || !S::tied(row, ranking[place - 1])) {
            tp += new_tp;
            sum += new_tp as f64 * tp as f64 / above as f64;
            new_tp = 0;
        }
    }
    sum / positives as f64
}

/// [`ApFlavour::Asl`] of a ranking, best last; of equal scores the later row is better.
fn asl<S: Score>(ranking: &[S::Bits], positives: usize) -> f64 {
    let (mut tp, mut sum) = (0, 0.0);
    for (above, &row) in ranking.iter().rev().enumerate() {
        if S::positive(row) {
            tp += 1;
            sum += f64::from(tp) / (above + 1) as f64;
        }
    }
    sum / (positives as f64 + 1e-8)
}

/// [`ApFlavour::Voc07`] of a ranking, best last; of equal scores the earlier row is better.
fn voc07<S: Score>(ranking: &[S::Bits], positives: usize) -> f64 {
    // From the worst row to the best: `best` is the best precision at this recall or a higher one, and a level of
    // recall is done with once fewer true positives than it needs are left. Levels are compared in whole numbers: with
    // floats a recall of 3/10 does not reach the level 0.3 of `arange(0, 1.1, 0.1)`.
    let (mut above, mut tp, mut best, mut sum) = (ranking.len(), positives, 0.0_f64, 0.0);
    let mut level = LEVELS;
    for tied in ranking.chunk_by(|&one, &other| S::tied(one, other)) {
        for &row in tied.iter().rev() {
            if S::positive(row) {
                best = best.max(tp as f64 / above as f64);
                tp -= 1;
                while level > 0 && LEVELS * tp < level * positives {
                    sum += best;
                    level -= 1;
                }
            }
            above -= 1;
        }
    }
    // Recall 0 is reached everywhere.
    (sum + best) / (LEVELS + 1) as f64
}

/// Levels of recall beside 0.
const LEVELS: usize = 10;

/// [`ApFlavour::Voc12`] of a ranking, best last; of equal scores the earlier row is better.
fn voc12<S: Score>(ranking: &[S::Bits], positives: usize) -> f64 {
    // From the worst row to the best, so that the best precision further down is at hand. Between
    // two positives precision only falls, so its maximum is at a positive.
    let (mut above, mut tp, mut best, mut sum) = (ranking.len(), positives, 0.0_f64, 0.0);
    for tied in ranking.chunk_by(|&one, &other| S::tied(one, other)) {
        for &row in tied.iter().rev() {
            if S::positive(row) {
                best = best.max(tp as f64 / above as f64);
                sum += best;
                tp -= 1;
            }
            above -= 1;
        }
    }
    sum / positives as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle;
    use lacuna_labels::{Label, LabelMatrix, ObservedLabels, TrueLabels};
    use lacuna_protocols::Stream;

    #[test]
    fn random_rankings_with_ties_agree_with_the_definition() {
        let mut stream = Stream::new(21, "average precision");
        let mut scratch = ApScratch::new(MapConvention::SPML);
        for case in 0..200 {
            let (rows, classes) = (1 + stream.below(60), 1 + stream.below(4));
            // Few distinct scores, so that most of them are shared, or many.
            let distinct = if case % 2 == 0 { 5 } else { 1_000_000 };
            let rate = stream.uniform_f64();
            let scores: Vec<f32> =
                (0..rows * classes).map(|_| stream.below(distinct) as f32 / 7.0 - 0.3).collect();
            let truth = TrueLabels::from_fn(rows, classes, |_, _| stream.uniform_f64() < rate);
            let wide: Vec<f64> = scores.iter().map(|&score| score.into()).collect();
            for flavour in ApFlavour::ALL {
                scratch.result.convention.flavour = flavour;
                let convention = scratch.result.convention;
                let fast = scratch.evaluate(&scores, &truth).unwrap();
                assert_eq!(fast, &mean_average_precision(&wide, &truth, convention).unwrap());
                for class in 0..classes {
                    let column = wide[class..].iter().step_by(classes).enumerate();
                    let cells: Vec<oracle::Cell> =
                        column.map(|(row, &score)| (score, truth.get(row, class).is_positive())).collect();
                    let expected = oracle::average_precision(&cells, flavour).unwrap_or(0.0);
                    let error = (fast.per_class[class] - expected).abs();
                    assert!(error < 1e-12, "case {case}, class {class}, {flavour}: {error}");
                }
                let mean = fast.per_class.iter().sum::<f64>() / classes as f64;
                assert!((fast.map - mean).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn numbers_computed_by_the_code_of_the_papers() {
        let truth = TrueLabels::from_fn(10, 1, |row, _| [0, 2, 4, 5].contains(&row));
        let ap = |scores: &[f32]| mean_average_precision(scores, &truth, MapConvention::SPML).unwrap().map;
        assert_eq!(ap(&[0.5; 10]), 0.4);
        let perfect: Vec<f32> = (0..10).map(|row| f32::from([0, 2, 4, 5].contains(&row))).collect();
        assert_eq!(ap(&perfect), 1.0);
        // With ties in a stated order: the later row first, the earlier row first.
        let asl = mean_average_precision(&[0.5_f32; 10], &truth, MapConvention::ASL).unwrap();
        assert!((asl.map - 0.327_083_332_515_625).abs() < 1e-12, "{}", asl.map);
        let voc12 = MapConvention { flavour: ApFlavour::Voc12, empty_class: EmptyClass::Zero };
        let voc12 = mean_average_precision(&[0.5_f32; 10], &truth, voc12).unwrap();
        assert!((voc12.map - 0.75).abs() < 1e-12, "{}", voc12.map);
    }

    #[test]
    fn classes_without_positives() {
        let truth = TrueLabels::from_fn(3, 3, |row, class| class == 1 && row == 0);
        let map = |flavour, empty_class| {
            let convention = MapConvention { flavour, empty_class };
            mean_average_precision(&[0.5_f64, 0.9, 0.1, 0.2, 0.3, 0.1, 0.0, 0.0, 0.0], &truth, convention)
                .unwrap()
        };
        let zero = map(ApFlavour::Sklearn, EmptyClass::Zero);
        assert_eq!((zero.per_class, zero.empty_classes), (vec![0.0, 1.0, 0.0], vec![0, 2]));
        assert_eq!(zero.map, 1.0 / 3.0);
        let skip = map(ApFlavour::Sklearn, EmptyClass::Skip);
        assert_eq!(skip.map, 1.0);
        assert!(skip.per_class[0].is_nan());
        let nan = map(ApFlavour::Asl, EmptyClass::Nan);
        assert!(nan.map.is_nan() && nan.per_class[1] > 0.99 && nan.per_class[2].is_nan());
        let none = TrueLabels::from_fn(1, 1, |_, _| false);
        let convention = MapConvention { flavour: ApFlavour::Sklearn, empty_class: EmptyClass::Skip };
        assert!(mean_average_precision(&[0.5_f32], &none, convention).unwrap().map.is_nan());
    }

    #[test]
    fn what_cannot_be_ranked_is_named() {
        let truth = TrueLabels::from_fn(2, 2, |_, _| true);
        let error = |scores: &[f32]| {
            mean_average_precision(scores, &truth, MapConvention::SPML).unwrap_err().to_string()
        };
        assert_eq!(
            error(&[0.0, 0.0, 0.0, f32::NAN]),
            "the score of row 1, class 1 (counted from 0) is not a number"
        );
        assert_eq!(error(&[0.0; 3]), "2 rows x 2 classes of labels need as many scores, not 3");
        let nothing = TrueLabels::from_fn(0, 2, |_, _| true);
        let error = mean_average_precision::<f32>(&[], &nothing, MapConvention::SPML).unwrap_err();
        assert_eq!(error, MetricError::Empty { rows: 0, classes: 2 });
    }

    #[test]
    fn only_the_order_of_the_scores_counts() {
        let mut stream = Stream::new(22, "monotone");
        let truth = TrueLabels::from_fn(80, 2, |_, _| stream.uniform_f64() < 0.3);
        let logits: Vec<f64> = (0..160).map(|_| stream.normal()).collect();
        let probabilities: Vec<f64> = logits.iter().map(|z| 1.0 / (1.0 + (-z).exp())).collect();
        let map = |scores: &[f64]| mean_average_precision(scores, &truth, MapConvention::SPML).unwrap();
        assert_eq!(map(&logits), map(&probabilities));
        let infinite: Vec<f64> = logits.iter().map(|&z| if z > 2.0 { f64::INFINITY } else { z }).collect();
        assert!(map(&infinite).map > 0.0);
    }

    #[test]
    fn repeating_reuses_the_memory() {
        let mut stream = Stream::new(24, "memory");
        let truth = TrueLabels::from_fn(1_000, 3, |_, class| class > 0 && stream.uniform_f64() < 0.1);
        let scores: Vec<f32> = (0..3_000).map(|_| stream.uniform_f32()).collect();
        let mut scratch = ApScratch::new(MapConvention::SPML);
        let mut memory = || {
            scratch.evaluate(&scores, &truth).unwrap();
            // Sorting may swap the first two.
            let mut rankings = [scratch.sorting.ranking.as_ptr(), scratch.sorting.spare.as_ptr()];
            rankings.sort_unstable();
            (rankings, scratch.result.per_class.as_ptr(), scratch.result.empty_classes.as_ptr())
        };
        assert_eq!(memory(), memory());
    }

    #[test]
    fn unknown_rows_leave_the_ranking() {
        let mut stream = Stream::new(25, "unknown");
        let (rows, classes) = (60, 4);
        let labels = [Label::Positive, Label::Negative, Label::Unknown];
        let cells = (0..rows * classes).map(|_| labels[stream.below(3)]).collect();
        let observed = ObservedLabels::from(LabelMatrix::new(rows, classes, cells).unwrap());
        let scores: Vec<f64> = (0..rows * classes).map(|_| stream.below(15) as f64).collect();
        for flavour in ApFlavour::ALL {
            let convention = MapConvention { flavour, empty_class: EmptyClass::Zero };
            let masked = mean_average_precision(&scores, Judged::known_cells(&observed), convention).unwrap();
            for class in 0..classes {
                let cell =
                    |row: usize| (scores[row * classes + class], observed.get(row, class).is_positive());
                let cells: Vec<oracle::Cell> =
                    (0..rows).filter(|&row| observed.get(row, class).is_known()).map(cell).collect();
                let expected = oracle::average_precision(&cells, flavour).unwrap_or(0.0);
                assert!((masked.per_class[class] - expected).abs() < 1e-12, "{flavour}, class {class}");
            }
        }
    }

    #[test]
    fn the_number_of_threads_does_not_show() {
        let mut stream = Stream::new(26, "threads");
        let truth = TrueLabels::from_fn(700, 9, |_, _| stream.uniform_f64() < 0.1);
        let scores: Vec<f32> = (0..700 * 9).map(|_| stream.uniform_f32()).collect();
        let map = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| mean_average_precision(&scores, &truth, MapConvention::SPML).unwrap())
        };
        let one = map(1);
        assert_eq!(one, map(4));
        assert_eq!(&one, ApScratch::new(MapConvention::SPML).evaluate(&scores, &truth).unwrap());
    }
}
