//! Choosing transform, penalty and label frequency of a linear head on rows that were held out, by their observed labels alone.

use super::{TOLERANCE, mean_square};
use crate::model::{ModelParts, TrainedWith};
use crate::progress::{Observer, Steps};
use crate::split::Folds;
use crate::{
    Data, Evaluation, Head, LossChoice, Model, Named, Run, Stage, TrainError, TrainSet, Training, Transform,
};
use lacuna_labels::{Features, Label, ObservedLabels};
use lacuna_losses::Options;
use lacuna_protocols::Stream;
use rayon::prelude::*;
use std::collections::HashMap;

/// Share c of the positives that is observed; 1 takes unknown cells as negative.
const FREQUENCIES: [f64; 10] = [1.0, 0.85, 0.7, 0.55, 0.4, 0.3, 0.2, 0.14, 0.1, 0.07];
/// Penalty over the mean square of a row.
const FACTORS: [f64; 11] =
    [1.0 / 64.0, 1.0 / 32.0, 1.0 / 16.0, 1.0 / 8.0, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0];
/// Folds of the rows.
const FOLDS: usize = 3;
/// Least and most rows that are looked at: the order of settings shows on fewer rows than a good head needs.
const ROWS: [usize; 2] = [600, 2400];
/// Most products of features and classes over the rows, where that leaves the least number of rows.
const PRODUCTS: usize = 75_000_000;
/// Places of the frequency and of the penalty from which a search starts.
const MIDDLE: [usize; 2] = [4, 4];
/// Iterations of a trial, which need not converge.
const TRIAL: usize = 40;

/// What the labels are like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// No negative is known: [`label-frequency`](lacuna_losses::pu::LabelFrequency), whose c is chosen.
    PositivesOnly,
    /// Cross-entropy over known cells.
    Known,
}

impl Kind {
    /// That of a loss which `auto` takes and a search has something to choose for.
    pub(super) fn of(loss: &str) -> Option<Self> {
        [Kind::PositivesOnly, Kind::Known].into_iter().find(|kind| kind.loss() == loss)
    }

    pub(super) fn loss(self) -> &'static str {
        match self {
            Kind::PositivesOnly => "label-frequency",
            Kind::Known => "bce",
        }
    }
}

/// What is chosen from.
pub(super) struct Space<'a> {
    pub(super) features: &'a Features,
    pub(super) observed: &'a ObservedLabels,
    pub(super) kind: Kind,
    pub(super) transforms: Vec<Named>,
    /// The penalty, where it was given.
    pub(super) decay: Option<f64>,
    /// The frequency, where it was given.
    pub(super) frequency: Option<f64>,
    pub(super) seed: u64,
    pub(super) observer: &'a Observer,
}

/// The setting with the least criterion.
#[derive(Clone, Debug)]
pub(super) struct Choice {
    pub(super) transform: Named,
    pub(super) frequency: Option<f64>,
    /// Penalty over the mean square of a transformed row; `None` where the penalty was given.
    pub(super) factor: Option<f64>,
    /// Settings that were tried.
    pub(super) tried: usize,
    /// Rows that were looked at.
    pub(super) rows: usize,
}

impl Choice {
    /// What was chosen, and by what.
    pub(super) fn notes(&self, kind: Kind) -> Vec<String> {
        let by = match kind {
            Kind::PositivesOnly => "which labels of a row are observed, given how many",
            Kind::Known => "their known labels",
        };
        let mut notes = vec![format!(
            "chosen from {} settings, each tried on thirds of {} rows by {by}:",
            self.tried, self.rows
        )];
        notes.extend(self.frequency.map(|c| {
            match c {
                1.0 => "frequency 1: unknown cells count as negative, since few positives seem to be missing"
                    .to_string(),
                _ => format!(
                    "frequency {c}: the head takes about {:.0} % of the positives as observed",
                    100.0 * c
                ),
            }
        }));
        notes.push(format!("features: {}", self.transform.name));
        notes
    }
}

/// Places in the lists of transforms, frequencies and factors.
type Point = [usize; 3];

/// Both criteria of the points that were tried.
type Known = HashMap<Point, [f64; 2]>;

/// What the labels of held-out rows are judged by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Criterion {
    /// -ln P(labels | x), unknown cells being negative where no negative is known.
    Labels,
    /// -ln P(which are observed | how many are, x).
    Which,
}

/// A fold: rows that train, transformed in each way, and rows that judge.
struct Fold {
    train: Vec<Features>,
    judge: Vec<Features>,
    of_train: ObservedLabels,
    of_judge: ObservedLabels,
}

impl Space<'_> {
    /// Searches from the middle, one step at a time, until no neighbour is better.
    ///
    /// Transform and a first penalty are those of the greatest likelihood of the labels of held-out rows, of the known cells or with unknown
    /// ones as negative. Where negatives are not known, penalty and frequency c are then those of the least mean over held-out rows of
    /// ```text
    /// -ln P(which classes of the row are observed | how many are, x)
    /// ```
    /// The condition on their number takes out what the labels of a row say about how many labels its annotator gave: with one
    /// positive a row, the unconditioned likelihood prefers a head that has learned "one a row", and always c = 1. For the
    /// transform it is the other way round: on the set scene, where few labels are missing, the conditioned one prefers the wrong one, by 2.3 mAP.
    ///
    /// # Errors
    /// As for a fit.
    pub(super) fn search(&self) -> Result<Choice, TrainError> {
        let rows = self.rows();
        let count = rows.len();
        let folds = Folds::new(rows, FOLDS);
        let folds = (0..FOLDS).map(|fold| self.fold(folds.of(fold))).collect::<Result<Vec<_>, _>>()?;
        let trials = self.observer.stage(Stage::Search, self.settings() * FOLDS)?;
        let mut known = Known::new();
        let transforms: Vec<usize> = (0..self.transforms.len()).collect();
        let start: Vec<Point> = transforms.iter().map(|transform| [*transform, 0, MIDDLE[1]]).collect();
        let mut best = self.best(&folds, Criterion::Labels, &start, &mut known, &trials)?;
        best = self.climb(&folds, Criterion::Labels, best, &transforms, &mut known, &trials)?;
        if self.kind == Kind::PositivesOnly {
            best[1] = MIDDLE[0];
            best = self.climb(&folds, Criterion::Which, best, &[], &mut known, &trials)?;
        }
        trials.end()?;
        let [transform, frequency, factor] = best;
        Ok(Choice {
            transform: self.transforms[transform].clone(),
            frequency: self.frequency_at(frequency),
            factor: self.decay.is_none().then(|| FACTORS[factor]),
            tried: known.len(),
            rows: count,
        })
    }

    /// Settings there are.
    fn settings(&self) -> usize {
        let frequencies = self.kind == Kind::PositivesOnly && self.frequency.is_none();
        self.transforms.len()
            * if frequencies { FREQUENCIES.len() } else { 1 }
            * if self.decay.is_none() { FACTORS.len() } else { 1 }
    }

    /// The point from which no step along the lists leads to a better one: penalties in steps of four, then of two, frequencies where
    /// [`Criterion::Which`] judges, and any of the given transforms.
    fn climb(
        &self,
        folds: &[Fold],
        by: Criterion,
        mut best: Point,
        transforms: &[usize],
        known: &mut Known,
        trials: &Steps<'_>,
    ) -> Result<Point, TrainError> {
        let along = isize::from(by == Criterion::Which);
        for step in [2, 1] {
            loop {
                let around = [[0, 0, 0], [0, along, 0], [0, -along, 0], [0, 0, step], [0, 0, -step]];
                let moved = around.iter().filter_map(|by| self.moved(best, *by));
                let near: Vec<Point> =
                    moved.chain(transforms.iter().map(|transform| [*transform, best[1], best[2]])).collect();
                let next = self.best(folds, by, &near, known, trials)?;
                if next == best {
                    break;
                }
                best = next;
            }
        }
        Ok(best)
    }

    fn frequency_at(&self, place: usize) -> Option<f64> {
        (self.kind == Kind::PositivesOnly).then(|| self.frequency.unwrap_or(FREQUENCIES[place]))
    }

    /// The point moved along the lists; `None` where there is nothing or nothing to choose.
    fn moved(&self, [transform, frequency, factor]: Point, by: [isize; 3]) -> Option<Point> {
        let free =
            [false, self.kind == Kind::PositivesOnly && self.frequency.is_none(), self.decay.is_none()];
        if (0..3).any(|i| by[i] != 0 && !free[i]) {
            return None;
        }
        let frequency = frequency.checked_add_signed(by[1]).filter(|i| *i < FREQUENCIES.len())?;
        let factor = factor.checked_add_signed(by[2]).filter(|i| *i < FACTORS.len())?;
        Some([transform, frequency, factor])
    }

    /// The point with the least criterion, the first of equals; those that are not known yet are tried.
    fn best(
        &self,
        folds: &[Fold],
        by: Criterion,
        points: &[Point],
        known: &mut Known,
        trials: &Steps<'_>,
    ) -> Result<Point, TrainError> {
        let mut new: Vec<Point> =
            points.iter().filter(|point| !known.contains_key(*point)).copied().collect();
        new.sort_unstable();
        new.dedup();
        let pairs: Vec<(Point, &Fold)> =
            new.iter().flat_map(|point| folds.iter().map(|fold| (*point, fold))).collect();
        let found: Vec<[f64; 2]> = pairs
            .par_iter()
            .map(|(point, fold)| {
                let judged = self.trial(*point, fold)?;
                trials.add(1)?;
                Ok(judged)
            })
            .collect::<Result<_, TrainError>>()?;
        for (point, of_folds) in new.into_iter().zip(found.chunks(folds.len())) {
            known.insert(point, of_folds.iter().fold([0.0; 2], |sum, of| [sum[0] + of[0], sum[1] + of[1]]));
        }
        let least = |a: &&Point, b: &&Point| known[*a][by as usize].total_cmp(&known[*b][by as usize]);
        Ok(*points.iter().min_by(least).expect("a search has points"))
    }

    /// Rows that are looked at: all, or some at random.
    fn rows(&self) -> Vec<usize> {
        let mut rows = Stream::new(self.seed, "search rows").permutation(self.features.rows());
        let most = PRODUCTS / (self.features.columns() * self.observed.classes()).max(1);
        rows.truncate(most.clamp(ROWS[0], ROWS[1]));
        rows
    }

    fn fold(&self, (train, judge): (Vec<usize>, Vec<usize>)) -> Result<Fold, TrainError> {
        let [of_train, of_judge] = [&train, &judge].map(|rows| self.observed.select(rows));
        let [train, judge] = [train, judge].map(|rows| self.features.select(&rows));
        let all: Vec<u32> = (0..train.rows() as u32).collect();
        let mut fold = Fold { train: vec![], judge: vec![], of_train, of_judge };
        for named in &self.transforms {
            let fitted = Transform::fit(named, &train, &all)?;
            fold.train.push(fitted.try_apply(&train)?);
            fold.judge.push(fitted.try_apply(&judge)?);
        }
        Ok(fold)
    }

    /// Trains on the rows of a fold that train; the sum of the criterion over the rows that judge.
    fn trial(&self, [transform, frequency, factor]: Point, fold: &Fold) -> Result<[f64; 2], TrainError> {
        let (x, y) = (&fold.train[transform], &fold.of_train);
        if !y.cells().contains(&Label::Positive) {
            return Ok([0.0; 2]);
        }
        let frequency = self.frequency_at(frequency);
        let decay = self.decay.unwrap_or_else(|| FACTORS[factor] * mean_square(x.into()));
        let head = Head::Linear;
        let training = linear(&head, decay / y.cells().len() as f64, TRIAL, TOLERANCE * 100.0);
        let weights = minimise(x, y, self.kind.loss(), frequency, &training, self.seed)?;
        let model = Model::new(ModelParts {
            head: &head,
            transform: &Transform::default(),
            weights: &weights,
            features: x.columns(),
            classes: (0..y.classes()).map(|class| class.to_string()).collect(),
            trained: TrainedWith::default(),
        })?;
        let z = model.predict(&fold.judge[transform])?;
        let rows = z.logits().chunks(y.classes()).zip(fold.of_judge.cells().chunks(y.classes()));
        let judge = |(z, labels): (&[f32], &[Label])| match frequency {
            Some(c) => [cross_entropy(z, labels, true), which(z, labels, c)],
            None => [cross_entropy(z, labels, false), 0.0],
        };
        Ok(rows.map(judge).fold([0.0; 2], |sum, of| [sum[0] + of[0], sum[1] + of[1]]))
    }
}

/// Training of a linear head by L-BFGS; `decay` beside the mean of the loss.
pub(super) fn linear(head: &Head, decay: f64, epochs: usize, tolerance: f64) -> Training {
    Training {
        head: head.clone(),
        optimizer: Named::new("lbfgs").set("tolerance", tolerance).set("weight_decay", decay),
        epochs,
        no_decay: vec!["bias".to_string()],
        ..Training::default()
    }
}

/// Weights after L-BFGS over all rows.
fn minimise(
    x: &Features,
    y: &ObservedLabels,
    loss: &str,
    frequency: Option<f64>,
    training: &Training,
    seed: u64,
) -> Result<Vec<crate::Weights>, TrainError> {
    let rows: Vec<u32> = (0..x.rows() as u32).collect();
    let train = TrainSet::new(x, y, &rows);
    let mut options = frequency.iter().fold(Options::default(), |options, c| options.set("frequency", *c));
    options.context.classes = Some(y.classes());
    let choice = LossChoice::new(loss, options, &train)?;
    let evaluation = Evaluation { select: "last".to_string(), ..Evaluation::default() };
    let mut run = Run::new(Data::new(train), training, &evaluation, choice, seed)?;
    while !run.is_done() {
        run.epoch()?;
    }
    Ok(run.finish()?.weights)
}

/// -ln P(the observed classes | their number) where class i is observed with probability q_i = c p_i independently: with the odds
/// r_i = q_i / (1 - q_i) it is ln e_k(r) - sum of ln r_i over the k observed classes, e_k the elementary symmetric polynomial.
fn which(z: &[f32], labels: &[Label], c: f64) -> f64 {
    let count = labels.iter().filter(|label| label.is_positive()).count();
    if count == 0 {
        return 0.0;
    }
    // ln r = ln c - softplus(-z) - ln(1 - c p), and for c = 1 it is z.
    let log_odds = |z: f32| {
        let z = f64::from(z);
        let p = 1.0 / (1.0 + (-z).exp());
        if c == 1.0 { z } else { c.ln() - (-z).exp().ln_1p() - (-c * p).ln_1p() }
    };
    let odds: Vec<f64> = z.iter().map(|z| log_odds(*z).max(-700.0)).collect();
    let most = odds.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut e = vec![0.0; count + 1];
    e[0] = 1.0;
    for odds in &odds {
        let r = (odds - most).exp();
        for k in (1..=count).rev() {
            e[k] += r * e[k - 1];
        }
    }
    let observed: f64 =
        odds.iter().zip(labels).filter(|(_, label)| label.is_positive()).map(|(z, _)| z - most).sum();
    e[count].max(f64::MIN_POSITIVE).ln() - observed
}

/// Cross-entropy of the known labels, or of all with unknown ones as negative.
fn cross_entropy(z: &[f32], labels: &[Label], unknown_is_negative: bool) -> f64 {
    let softplus = |z: f64| z.max(0.0) + (-z.abs()).exp().ln_1p();
    let cell = |(z, label): (&f32, &Label)| match label {
        Label::Positive => softplus(-f64::from(*z)),
        Label::Unknown if !unknown_is_negative => 0.0,
        Label::Negative | Label::Unknown => softplus(f64::from(*z)),
    };
    z.iter().zip(labels).map(cell).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By the sum over all sets of as many classes.
    fn by_sets(z: &[f32], labels: &[Label], c: f64) -> f64 {
        let q: Vec<f64> = z.iter().map(|z| c / (1.0 + (-f64::from(*z)).exp())).collect();
        let probability = |set: usize| -> f64 {
            q.iter().enumerate().map(|(i, q)| if set >> i & 1 == 1 { *q } else { 1.0 - q }).product()
        };
        let set: usize = labels.iter().enumerate().map(|(i, l)| usize::from(l.is_positive()) << i).sum();
        let sets = (0..1usize << z.len()).filter(|other| other.count_ones() == set.count_ones());
        -(probability(set) / sets.map(probability).sum::<f64>()).ln()
    }

    #[test]
    fn the_criterion_is_the_probability_among_sets_of_one_size() {
        let z = [0.3, -1.7, 2.5, -0.2, 4.0];
        for set in 1..32_usize {
            let labels: Vec<Label> =
                (0..5).map(|i| if set >> i & 1 == 1 { Label::Positive } else { Label::Unknown }).collect();
            for c in [0.2, 0.7, 1.0] {
                let (ours, exact) = (which(&z, &labels, c), by_sets(&z, &labels, c));
                assert!((ours - exact).abs() < 1e-9, "{set} {c}: {ours} {exact}");
            }
        }
        assert_eq!(which(&z, &[Label::Unknown; 5], 0.5), 0.0);
    }

    #[test]
    fn extreme_logits_give_a_finite_criterion() {
        let labels = [Label::Positive, Label::Unknown, Label::Unknown];
        for z in [[-1e4, 1e4, 0.0], [1e4, 1e4, 1e4], [-1e30, -1e30, -1e30]] {
            for c in [0.1, 1.0] {
                assert!(which(&z, &labels, c).is_finite(), "{z:?} {c}");
            }
        }
        let labels = [Label::Positive, Label::Negative, Label::Unknown];
        assert!(cross_entropy(&[1e30, -1e30, 1e30], &labels, true).is_finite());
        assert_eq!(cross_entropy(&[0.0; 3], &labels, false), 2.0 * 2.0_f64.ln());
    }
}
