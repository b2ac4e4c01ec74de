//! Average precision of a class, and its mean over the classes.

use crate::error::{MetricError, UnknownName};
use crate::ranking::Score;
use lacuna_labels::TrueLabels;
use std::fmt;
use std::str::FromStr;

/// How the average precision of one class is computed.
///
/// With `P` positives, precision `p(k)` and recall `r(k)` among the first `k` rows of the ranking:
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ApFlavour {
    /// `sum (r(k) - r(k')) p(k)` over the distinct scores, `k` rows down to this score, `k'` to the one before.
    ///
    /// Rows of equal score are taken together, so their order does not matter. scikit-learn's
    /// `average_precision_score`; the single-positive papers, GR loss, large-loss methods.
    Sklearn,
    /// `sum p(k) / (P + 1e-8)` over the ranks `k` of the positives.
    ///
    /// The asymmetric loss code, which Hill, PU-MLC and COMIC took over. There the order of equal
    /// scores is that of an unstable sort; here the later row comes first (a stable ascending sort,
    /// reversed). Without ties it equals [`ApFlavour::Sklearn`] up to the 1e-8.
    Asl,
    /// `sum max { p(k') : k' >= k } / P` over the ranks `k` of the positives: the area under the
    /// precision made monotone.
    ///
    /// VOC 2010 and later; of equal scores the earlier row comes first (a stable descending sort), as in
    /// the PU-MLC code.
    Voc12,
}

/// What a class without positives counts in the mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EmptyClass {
    /// It counts as 0.
    Zero,
    /// It is left out; its own value is not a number.
    Skip,
    /// It is not a number, and so is the mean.
    Nan,
}

/// Everything two values of mAP must have in common to be comparable.
///
/// ```
/// use lacuna_metrics::{ApFlavour, EmptyClass, MapConvention};
///
/// let convention = MapConvention { flavour: ApFlavour::Asl, empty_class: EmptyClass::Skip };
/// assert_eq!(convention.to_string(), "AP asl, empty class skip");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MapConvention {
    /// How the value of a class is computed.
    pub flavour: ApFlavour,
    /// What a class without positives counts.
    pub empty_class: EmptyClass,
}

impl MapConvention {
    /// The tables of the single-positive papers.
    pub const SPML: Self = Self { flavour: ApFlavour::Sklearn, empty_class: EmptyClass::Zero };
    /// The tables of ASL, Hill, SPLC, PU-MLC and COMIC.
    pub const ASL: Self = Self { flavour: ApFlavour::Asl, empty_class: EmptyClass::Zero };
}

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
/// `scores` are `[rows, classes]`, row-major, logits or probabilities: only their order counts.
///
/// # Errors
/// [`MetricError::Size`] unless there is one score for each label, [`MetricError::NotANumber`] with
/// the first score that is not a number, [`MetricError::Empty`] where there are no labels.
///
/// For a metric that is computed every epoch see [`ApScratch`].
pub fn mean_average_precision<S: Score>(
    scores: &[S],
    truth: &TrueLabels,
    convention: MapConvention,
) -> Result<MapResult, MetricError> {
    let mut scratch = ApScratch::new(convention);
    scratch.evaluate(scores, truth)?;
    Ok(scratch.result)
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
    /// The rows of one class, best last.
    ranking: Vec<S::Bits>,
    /// Room to sort them.
    spare: Vec<S::Bits>,
    result: MapResult,
}

impl<S: Score> ApScratch<S> {
    /// Empty memory; it grows with the first use.
    pub fn new(convention: MapConvention) -> Self {
        let result =
            MapResult { per_class: Vec::new(), map: f64::NAN, empty_classes: Vec::new(), convention };
        Self { ranking: Vec::new(), spare: Vec::new(), result }
    }

    /// As [`mean_average_precision`]. The result stays here until the next call.
    ///
    /// # Errors
    /// As for [`mean_average_precision`].
    pub fn evaluate(&mut self, scores: &[S], truth: &TrueLabels) -> Result<&MapResult, MetricError> {
        let (rows, classes) = (truth.rows(), truth.classes());
        if rows == 0 || classes == 0 {
            return Err(MetricError::Empty { rows, classes });
        }
        if scores.len() != rows * classes {
            return Err(MetricError::Size { rows, classes, scores: scores.len() });
        }
        if let Some(i) = scores.iter().position(|score| score.is_not_a_number()) {
            return Err(MetricError::NotANumber { row: i / classes, class: i % classes });
        }
        let MapResult { per_class, map, empty_classes, convention } = &mut self.result;
        per_class.clear();
        empty_classes.clear();
        for class in 0..classes {
            let column = scores[class..].iter().step_by(classes);
            let labels = truth.cells()[class..].iter().step_by(classes);
            let mut positives = 0;
            self.ranking.clear();
            self.ranking.extend(column.zip(labels).enumerate().map(|(row, (score, label))| {
                positives += usize::from(label.is_positive());
                score.pack(row, label.is_positive())
            }));
            if positives == 0 {
                empty_classes.push(class);
                per_class.push(if convention.empty_class == EmptyClass::Zero { 0.0 } else { f64::NAN });
                continue;
            }
            S::sort(&mut self.ranking, &mut self.spare);
            per_class.push(match convention.flavour {
                ApFlavour::Sklearn => sklearn::<S>(&self.ranking, positives),
                ApFlavour::Asl => asl::<S>(&self.ranking, positives),
                ApFlavour::Voc12 => voc12::<S>(&self.ranking, positives),
            });
        }
        let skipped = if convention.empty_class == EmptyClass::Skip { empty_classes.len() } else { 0 };
        let counted = per_class.iter().filter(|value| skipped == 0 || !value.is_nan());
        *map = counted.sum::<f64>() / (classes - skipped) as f64;
        Ok(&self.result)
    }
}

/// [`ApFlavour::Sklearn`] of a ranking, best last.
fn sklearn<S: Score>(ranking: &[S::Bits], positives: usize) -> f64 {
    let (mut above, mut hits, mut sum) = (0_usize, 0_usize, 0.0);
    let mut new_hits = 0_usize;
    for (place, &row) in ranking.iter().enumerate().rev() {
        above += 1;
        new_hits += usize::from(S::positive(row));
        // A score ends where the next row has another one; only ends with new positives count.
        if new_hits > 0 && (place == 0 || !S::tied(row, ranking[place - 1])) {
            hits += new_hits;
            sum += new_hits as f64 * hits as f64 / above as f64;
            new_hits = 0;
        }
    }
    sum / positives as f64
}

/// [`ApFlavour::Asl`] of a ranking, best last; of equal scores the later row is better.
fn asl<S: Score>(ranking: &[S::Bits], positives: usize) -> f64 {
    let (mut hits, mut sum) = (0, 0.0);
    for (above, &row) in ranking.iter().rev().enumerate() {
        if S::positive(row) {
            hits += 1;
            sum += f64::from(hits) / (above + 1) as f64;
        }
    }
    sum / (positives as f64 + 1e-8)
}

/// [`ApFlavour::Voc12`] of a ranking, best last; of equal scores the earlier row is better.
fn voc12<S: Score>(ranking: &[S::Bits], positives: usize) -> f64 {
    // From the worst row to the best, so that the best precision further down is at hand. Between
    // two positives precision only falls, so its maximum is at a positive.
    let (mut above, mut hits, mut best, mut sum) = (ranking.len(), positives, 0.0_f64, 0.0);
    for tied in ranking.chunk_by(|&one, &other| S::tied(one, other)) {
        for &row in tied.iter().rev() {
            if S::positive(row) {
                best = best.max(hits as f64 / above as f64);
                sum += best;
                hits -= 1;
            }
            above -= 1;
        }
    }
    sum / positives as f64
}

impl ApFlavour {
    /// Every flavour.
    pub const ALL: [Self; 3] = [Self::Sklearn, Self::Asl, Self::Voc12];
}

impl EmptyClass {
    /// Every policy.
    pub const ALL: [Self; 3] = [Self::Zero, Self::Skip, Self::Nan];
}

impl FromStr for ApFlavour {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        let found = Self::ALL.into_iter().find(|flavour| flavour.to_string() == name);
        found.ok_or_else(|| UnknownName::new("AP flavour", name, &Self::ALL))
    }
}

impl FromStr for EmptyClass {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        let found = Self::ALL.into_iter().find(|policy| policy.to_string() == name);
        found.ok_or_else(|| UnknownName::new("policy for empty classes", name, &Self::ALL))
    }
}

impl fmt::Display for ApFlavour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            ApFlavour::Sklearn => "sklearn",
            ApFlavour::Asl => "asl",
            ApFlavour::Voc12 => "voc12",
        })
    }
}

impl fmt::Display for EmptyClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            EmptyClass::Zero => "zero",
            EmptyClass::Skip => "skip",
            EmptyClass::Nan => "nan",
        })
    }
}

impl fmt::Display for MapConvention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("AP {}, empty class {}", self.flavour, self.empty_class))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lacuna_protocols::Stream;

    /// The definitions, without sorting: for each positive, count who stands above it.
    fn naive(scores: &[f64], positive: &[bool], flavour: ApFlavour) -> f64 {
        let rows = || 0..scores.len();
        let positives = positive.iter().filter(|&&p| p).count() as f64;
        let at_least_as_good = |row: usize, other: usize| match flavour {
            ApFlavour::Sklearn => scores[other] >= scores[row],
            ApFlavour::Asl => scores[other] > scores[row] || (scores[other] == scores[row] && other >= row),
            ApFlavour::Voc12 => scores[other] > scores[row] || (scores[other] == scores[row] && other <= row),
        };
        let precision = |row: usize| {
            let above: Vec<usize> = rows().filter(|&other| at_least_as_good(row, other)).collect();
            above.iter().filter(|&&other| positive[other]).count() as f64 / above.len() as f64
        };
        let best_below = |row: usize| {
            let below = rows().filter(|&other| at_least_as_good(other, row));
            below.map(precision).fold(0.0, f64::max)
        };
        let hits = rows().filter(|&row| positive[row]);
        let sum: f64 = match flavour {
            ApFlavour::Sklearn | ApFlavour::Asl => hits.map(precision).sum(),
            ApFlavour::Voc12 => hits.map(best_below).sum(),
        };
        match flavour {
            ApFlavour::Sklearn | ApFlavour::Voc12 => sum / positives,
            ApFlavour::Asl => sum / (positives + 1e-8),
        }
    }

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
                    let column: Vec<f64> = wide[class..].iter().step_by(classes).copied().collect();
                    let positive: Vec<bool> =
                        (0..rows).map(|row| truth.get(row, class).is_positive()).collect();
                    let expected = match positive.contains(&true) {
                        true => naive(&column, &positive, flavour),
                        false => 0.0,
                    };
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
            let mut rankings = [scratch.ranking.as_ptr(), scratch.spare.as_ptr()];
            rankings.sort_unstable();
            (rankings, scratch.result.per_class.as_ptr(), scratch.result.empty_classes.as_ptr())
        };
        assert_eq!(memory(), memory());
    }

    #[test]
    fn names_are_read_as_they_are_shown() {
        for (flavour, policy) in ApFlavour::ALL.into_iter().zip(EmptyClass::ALL) {
            assert_eq!(flavour.to_string().parse(), Ok(flavour));
            assert_eq!(policy.to_string().parse(), Ok(policy));
        }
        let error = "coco".parse::<ApFlavour>().unwrap_err().to_string();
        assert_eq!(error, "there is no AP flavour \"coco\"; there are sklearn, asl, voc12");
    }

    #[test]
    fn conventions_are_shown_as_tables_print_them() {
        assert_eq!(MapConvention::SPML.to_string(), "AP sklearn, empty class zero");
        assert_eq!(MapConvention::ASL.to_string(), "AP asl, empty class zero");
        assert_eq!(format!("{:>8}|{:<8}|", ApFlavour::Sklearn, EmptyClass::Nan), " sklearn|nan     |");
    }
}
