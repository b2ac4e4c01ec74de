//! The threshold of a class that serves a goal.

use crate::{Confusion, Judged};
use std::fmt;
use std::str::FromStr;

/// What a threshold is chosen for.
///
/// ```
/// use lacuna_metrics::Goal;
///
/// assert_eq!("f-beta:0.5".parse::<Goal>()?, Goal::FBeta(0.5));
/// assert_eq!(Goal::Precision(0.9).to_string(), "precision:0.9");
/// # Ok::<(), lacuna_metrics::UnknownGoal>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Goal {
    /// The largest F1.
    F1,
    /// The largest `(1 + b^2) TP / ((1 + b^2) TP + b^2 FN + FP)`: below 1 precision counts more, above it recall.
    FBeta(f64),
    /// The largest recall with at least this precision.
    Precision(f64),
    /// The largest precision with at least this recall.
    Recall(f64),
    /// As many predictions as positives, or as near to it as equal scores allow.
    Cardinality,
}

/// A threshold with what it does on the cells that it was chosen on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cut {
    /// A class is predicted where its score is above this.
    pub threshold: f32,
    /// Counts of the cells that chose.
    pub counts: Confusion,
}

/// A text that is no goal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown goal `{0}`: expected f1, f-beta:B with B above 0, precision:P or recall:R with a share above 0 and at most 1, or \
     cardinality"
)]
pub struct UnknownGoal(String);

impl FromStr for Goal {
    type Err = UnknownGoal;

    fn from_str(text: &str) -> Result<Self, UnknownGoal> {
        let wrong = || UnknownGoal(text.chars().take(80).collect());
        let (name, value) = match text.split_once(':') {
            Some((name, value)) => (name, Some(value.trim().parse::<f64>().map_err(|_| wrong())?)),
            None => (text, None),
        };
        let share = value.filter(|value| *value > 0.0 && *value <= 1.0);
        match (name, value) {
            ("f1", None) => Ok(Self::F1),
            ("cardinality", None) => Ok(Self::Cardinality),
            ("f-beta", Some(beta)) if beta > 0.0 && beta.is_finite() => Ok(Self::FBeta(beta)),
            ("precision", _) => share.map(Self::Precision).ok_or_else(wrong),
            ("recall", _) => share.map(Self::Recall).ok_or_else(wrong),
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Goal::F1 => f.pad("f1"),
            Goal::FBeta(beta) => f.pad(&format!("f-beta:{beta}")),
            Goal::Precision(share) => f.pad(&format!("precision:{share}")),
            Goal::Recall(share) => f.pad(&format!("recall:{share}")),
            Goal::Cardinality => f.pad("cardinality"),
        }
    }
}

impl Goal {
    /// The threshold for the known cells of one class, or of all classes where none is named. Between two scores it is
    /// their mean; of equally good ones the highest is taken. `None` where the cells are not both positive and negative, and
    /// where no threshold has the precision that was asked for.
    ///
    /// ```
    /// use lacuna_labels::TrueLabels;
    /// use lacuna_metrics::{Goal, Judged};
    ///
    /// let truth = TrueLabels::from_fn(4, 1, |row, _| row == 0 || row == 2);
    /// let scores = [0.9, 0.5, 0.4, 0.1];
    /// let cut = Goal::F1.cut(&scores, Judged::from(&truth), Some(0)).unwrap();
    /// assert_eq!((cut.threshold, cut.counts.true_positives, cut.counts.false_positives), (0.25, 2, 1));
    /// assert_eq!(Goal::Precision(0.9).cut(&scores, Judged::from(&truth), Some(0)).unwrap().threshold, 0.7);
    /// ```
    ///
    /// # Panics
    /// Unless there is a score for each label, and if there is no such class.
    pub fn cut(&self, scores: &[f32], labels: Judged<'_>, class: Option<usize>) -> Option<Cut> {
        let classes = labels.classes();
        assert_eq!(scores.len(), labels.cells().len(), "a score for each label");
        assert!(class.is_none_or(|class| class < classes), "class {class:?} of {classes}");
        let (start, step) = class.map_or((0, 1), |class| (class, classes));
        let cells = scores.iter().zip(labels.cells()).skip(start).step_by(step);
        let mut known: Vec<(f32, bool)> = cells
            .filter(|(_, label)| label.is_known())
            .map(|(score, label)| (*score, label.is_positive()))
            .collect();
        known.sort_by(|one, other| other.0.total_cmp(&one.0));
        let positives = known.iter().filter(|cell| cell.1).count() as u64;
        let negatives = known.len() as u64 - positives;
        if positives == 0 || negatives == 0 {
            return None;
        }
        let counts = |tp: u64, fp: u64| Confusion {
            true_positives: tp,
            false_positives: fp,
            false_negatives: positives - tp,
            true_negatives: negatives - fp,
        };
        let (mut tp, mut fp) = (0, 0);
        // Nothing predicted comes first: the highest score is not above itself.
        let mut best = (self.worth(counts(0, 0)), Cut { threshold: known[0].0, counts: counts(0, 0) });
        for (place, &(score, positive)) in known.iter().enumerate() {
            tp += u64::from(positive);
            fp += u64::from(!positive);
            let below = known.get(place + 1).map(|cell| cell.0);
            if below == Some(score) {
                continue;
            }
            let worth = self.worth(counts(tp, fp));
            if worth > best.0 {
                let threshold = below.map_or_else(|| below_last(score), |below| between(below, score));
                best = (worth, Cut { threshold, counts: counts(tp, fp) });
            }
        }
        (best.0 > Worth::NONE).then_some(best.1)
    }

    fn worth(&self, counts: Confusion) -> Worth {
        let [tp, fp, fn_] =
            [counts.true_positives, counts.false_positives, counts.false_negatives].map(|count| count as f64);
        let f_beta = |beta: f64| {
            let weight = beta * beta;
            Worth((1.0 + weight) * tp / ((1.0 + weight) * tp + weight * fn_ + fp), 0.0)
        };
        match *self {
            Goal::F1 => f_beta(1.0),
            Goal::FBeta(beta) => f_beta(beta),
            // A share of what is not there is none.
            Goal::Precision(least) => match counts.precision() {
                Some(precision) if precision >= least => Worth(tp, precision),
                _ => Worth::NONE,
            },
            Goal::Recall(least) => match (counts.recall(), counts.precision()) {
                (Some(recall), Some(precision)) if recall >= least => Worth(precision, recall),
                _ => Worth::NONE,
            },
            Goal::Cardinality => Worth(-(fp - fn_).abs(), 0.0),
        }
    }
}

/// What is compared first, and what decides between equals.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
struct Worth(f64, f64);

impl Worth {
    const NONE: Self = Self(f64::NEG_INFINITY, 0.0);
}

/// A number from `low` on and below `high`.
fn between(low: f32, high: f32) -> f32 {
    let middle = ((f64::from(low) + f64::from(high)) / 2.0) as f32;
    if middle < high { middle } else { low }
}

/// Below every score, and not below 0 where scores are probabilities above it.
fn below_last(score: f32) -> f32 {
    if score > 0.0 { score / 2.0 } else { score.next_down() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random_case::RandomCase;
    use crate::{Confusions, Threshold};

    const GOALS: [Goal; 7] = [
        Goal::F1,
        Goal::FBeta(0.5),
        Goal::FBeta(2.0),
        Goal::Precision(0.6),
        Goal::Precision(1.0),
        Goal::Recall(0.7),
        Goal::Cardinality,
    ];

    #[test]
    fn no_threshold_of_all_is_better_and_the_counts_are_those_of_the_threshold() {
        for seed in RandomCase::seeds() {
            let case = RandomCase::new(seed);
            let scores: Vec<f32> = case.scores.iter().map(|score| *score as f32 / 10.0).collect();
            for (goal, class) in GOALS.into_iter().flat_map(|g| (0..case.classes).map(move |c| (g, c))) {
                let at = |threshold: f32| {
                    let threshold = Threshold::above(f64::from(threshold));
                    Confusions::at(threshold, &scores, case.judged()).unwrap().per_class[class]
                };
                let known = at(-1.0);
                let cut = goal.cut(&scores, case.judged(), Some(class));
                if known.true_positives == 0 || known.false_positives == 0 {
                    assert_eq!(cut, None);
                    continue;
                }
                // A threshold in every gap.
                let all: Vec<Confusion> = (-1..20).map(|i| at(i as f32 / 20.0 + 0.01)).collect();
                let value = |c: Confusion| {
                    let (p, r) = (c.precision().unwrap_or(0.0), c.recall().unwrap_or(0.0));
                    let f = |b: f64| if p + r > 0.0 { (1.0 + b * b) * p * r / (b * b * p + r) } else { 0.0 };
                    match goal {
                        Goal::F1 => Some(f(1.0)),
                        Goal::FBeta(b) => Some(f(b)),
                        Goal::Precision(least) => (p >= least).then_some(r),
                        Goal::Recall(least) => (r >= least).then_some(p),
                        Goal::Cardinality => Some(-(c.predicted() as f64 - c.positives() as f64).abs()),
                    }
                };
                let best = all
                    .iter()
                    .filter_map(|c| value(*c))
                    .fold(None, |best: Option<f64>, v| Some(best.map_or(v, |best| best.max(v))));
                match (cut, best) {
                    (None, None) => {}
                    (Some(cut), Some(best)) => {
                        assert_eq!(cut.counts, at(cut.threshold), "{goal} {seed} {class}");
                        let ours = value(cut.counts).unwrap();
                        assert!((ours - best).abs() < 1e-12, "{goal} {seed} {class}: {ours} {best}");
                    }
                    other => panic!("{goal} {seed} {class}: {other:?}"),
                }
            }
        }
    }

    #[test]
    fn goals_are_read_as_they_are_shown() {
        for goal in GOALS {
            assert_eq!(goal.to_string().parse(), Ok(goal));
        }
        let wrong = [
            "f2",
            "f-beta",
            "f-beta:0",
            "f-beta:inf",
            "precision",
            "precision:0",
            "precision:1.1",
            "recall:x",
            "f1:1",
            "recall:NaN",
            "",
        ];
        for text in wrong {
            assert!(text.parse::<Goal>().is_err(), "{text}");
        }
    }

    #[test]
    fn neighbouring_scores_are_told_apart() {
        let (low, high) = (0.5_f32, 0.5_f32.next_up());
        let truth = lacuna_labels::TrueLabels::from_fn(2, 1, |row, _| row == 0);
        let cut = Goal::F1.cut(&[high, low], Judged::from(&truth), Some(0)).unwrap();
        assert!(cut.threshold >= low && cut.threshold < high);
    }
}
