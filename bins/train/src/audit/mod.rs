//! Finds probable false negatives: cells that are not labelled positive and have a high score; and probable false positives.

mod list;
mod votes;
mod wrong;

pub use list::{Audit, Candidate, HiddenPositives};

use crate::sources::{Joined, join};
use crate::split::Folds;
use crate::{FeatureSource, Fit, LabelSource, Named, Progress, Stage, TrainError};
use lacuna_labels::Label;
use lacuna_losses::pu::{BbeConfig, bbe_prior};
use lacuna_protocols::Stream;
use list::Sheet;
use rayon::prelude::*;
use std::borrow::Cow;
use std::ops::ControlFlow;
use votes::Votes;

/// Neighbours that vote.
const NEIGHBOURS: usize = 20;
/// Weight of the logarithm of a class's share, which is taken off: how common a class is says less about a cell than the features of
/// its row.
const SHARE: f64 = 0.5;
/// Weight of the votes. From 0.3 to 0.5 the precision on UC Merced, film posters and openclipart differs by 0.5 points at most at N.
const VOTES: f64 = 0.4;
/// Most iterations for a fold: ranks settle before the loss has converged. With 40, 60 and 100 the precision on UC Merced and
/// openclipart is the same within 0.3 points.
const ITERATIONS: usize = 60;
/// Bytes of features from which on folds are trained one after the other.
const LARGE: usize = 192 << 20;

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
/// assert!(top[0].probability > 0.5);
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
    /// A hook that is told how far the work is, and answers whether it goes on: that of [`Fit::on_progress`] of the field `fit`.
    #[must_use]
    pub fn on_progress(mut self, hook: impl Fn(Progress) -> ControlFlow<()> + Send + Sync + 'static) -> Self {
        self.fit = self.fit.on_progress(hook);
        self
    }

    /// Trains once for each fold. The same data, options and seed give the same bits.
    ///
    /// What the fit leaves to the data is chosen once for all folds. A cell is scored by
    /// ```text
    /// (z - mean z - 1/2 ln share of the class) / sd z + 0.4 (v - mean v) / sd v,   v = ln((a + 0.3) / (n + 1))
    /// ```
    /// z is the logit of a model that was trained without the row, a of the n nearest rows (20, by the angle of their standardised features)
    /// are labelled positive, and n counts those whose label is known where negatives are known.
    ///
    /// # Errors
    /// [`TrainError::Setting`] for a number of folds that does not fit the rows, [`TrainError::Labels`] where there is
    /// nothing to learn, also in the rows outside one of the folds, [`TrainError::Stopped`], and the other errors of [`Fit::fit`].
    pub fn run<X, Y>(&self, x: &X, y: &Y) -> Result<Audit, TrainError>
    where
        X: FeatureSource + ?Sized,
        Y: LabelSource + ?Sized,
    {
        let joined = join(x, y)?;
        let observed = &*joined.observed;
        let (count, classes) = (joined.features.rows(), observed.classes());
        if !(2..=count).contains(&self.folds) {
            let problem = format!(
                "invalid number of folds {} for {count} rows: expected 2 to the number of rows",
                self.folds
            );
            return Err(TrainError::Setting(problem));
        }
        if u32::try_from(count * classes).is_err() {
            return Err(TrainError::Setting(format!(
                "{count} rows x {classes} classes: at most 2^32 cells are ranked"
            )));
        }
        // What is wrong with the labels is said of all rows, not of those of a fold.
        let (fit, decisions) = self.fit.clone().seed(self.seed).resolved(&joined)?;
        let mut notes = [joined.notes.clone(), decisions].concat();
        let logits = self.out_of_fold(&fit, &joined)?;
        let step = fit.observer().stage(Stage::Neighbours, 1)?;
        let votes = Votes::of(&joined, NEIGHBOURS, &mut notes)?;
        step.end()?;
        let (scores, deviation) = scores(&logits, &votes);
        let (hidden, without) = hidden(&logits, &joined)?;
        let sheet = Sheet { logits, scores, deviation, votes, observed: observed.clone() };
        let audit = Audit::new(joined.rows.clone(), joined.classes.clone(), sheet, hidden);
        notes.push(format!(
            "{} cells are unknown or negative; scores are those of {} models that were trained without the rows they score",
            audit.len(),
            self.folds
        ));
        if without > 0 {
            notes.push(format!(
                "{without} of {classes} classes have too few positives to estimate how many are hidden"
            ));
        }
        Ok(audit.with_label_rows(joined.label_rows.clone()).with_notes(notes))
    }

    /// The rows of each fold, in ascending order, of as many rows as have features and labels. Other programs compare on the same
    /// folds.
    pub fn rows_of_folds(&self, rows: usize) -> Vec<Vec<usize>> {
        let folds = self.folds_of(rows);
        (0..self.folds).map(|fold| folds.of(fold).1).collect()
    }

    fn folds_of(&self, rows: usize) -> Folds {
        Folds::new(Stream::new(self.seed, "audit folds").permutation(rows), self.folds)
    }

    /// Logits of every row by a model that was trained without it, `[rows, classes]`.
    fn out_of_fold(&self, fit: &Fit, joined: &Joined<'_>) -> Result<Vec<f32>, TrainError> {
        let (count, classes) = (joined.features.rows(), joined.observed.classes());
        let folds = self.folds_of(count);
        let fit = fit.at_most(ITERATIONS);
        let steps = fit.observer().stage(Stage::Folds, self.folds * fit.most_epochs())?;
        let of_fold = |fold: usize| -> Result<(Vec<usize>, Vec<f32>), TrainError> {
            let (train, held) = folds.of(fold);
            let (x, y) = (joined.features.select(&train), joined.observed.select(&train));
            let part = joined.of_rows(Cow::Owned(x), Cow::Owned(y));
            let model = fit.fit_resolved(&part, vec![], &steps).map_err(|error| match error {
                TrainError::Labels(problem) => TrainError::Labels(format!(
                    "{problem} in the rows outside fold {} of {}",
                    fold + 1,
                    self.folds
                )),
                other => other,
            })?;
            let logits = model.predict(&joined.features.select(&held))?.logits().to_vec();
            Ok((held, logits))
        };
        let mut logits = vec![0.0; count * classes];
        let mut take = |(held, of_held): (Vec<usize>, Vec<f32>)| {
            for (row, z) in held.iter().zip(of_held.chunks(classes)) {
                logits[row * classes..][..classes].copy_from_slice(z);
            }
        };
        if 4 * count * joined.features.columns() < LARGE {
            let folds: Result<Vec<_>, _> = (0..self.folds).into_par_iter().map(of_fold).collect();
            folds?.into_iter().for_each(take);
        } else {
            (0..self.folds).try_for_each(|fold| of_fold(fold).map(&mut take))?;
        }
        steps.end()?;
        Ok(logits)
    }
}

/// The formula of [`AuditOptions::run`], and the standard deviation of the logits.
fn scores(logits: &[f32], votes: &Votes) -> (Vec<f32>, f64) {
    let (mean, deviation) = moments(logits.iter().map(|z| f64::from(*z)));
    let (mean_votes, deviation_votes) = moments((0..logits.len()).map(|cell| votes.ln(cell)));
    let score = |(cell, z): (usize, &f32)| {
        let of_model =
            (f64::from(*z) - mean - SHARE * votes.shares[cell % votes.shares.len()].ln()) / deviation;
        (of_model + VOTES * (votes.ln(cell) - mean_votes) / deviation_votes) as f32
    };
    (logits.iter().enumerate().map(score).collect(), deviation)
}

/// The probability of a logit.
fn probability(z: f32) -> f64 {
    1.0 / (1.0 + (-f64::from(z)).exp())
}

/// Mean and standard deviation; the latter is 1 where nothing varies.
fn moments(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let count = values.clone().count().max(1) as f64;
    let mean = values.clone().sum::<f64>() / count;
    let variance = values.map(|x| (x - mean).powi(2)).sum::<f64>() / count;
    (mean, if variance > 0.0 { variance.sqrt() } else { 1.0 })
}

/// How many positives of each class are hidden, and the number of classes without an estimate.
fn hidden(logits: &[f32], joined: &Joined<'_>) -> Result<(Vec<HiddenPositives>, usize), TrainError> {
    let classes = joined.observed.classes();
    let mut hidden = Vec::new();
    for class_index in 0..classes {
        let (mut rest, mut positives) = (Vec::new(), Vec::new());
        for (z, labels) in logits.chunks(classes).zip(joined.observed.cells().chunks(classes)) {
            let p = probability(z[class_index]);
            if labels[class_index] == Label::Positive { positives.push(p) } else { rest.push(p) }
        }
        let found = bbe_prior(&rest, &positives, BbeConfig::default())?;
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
    Ok((hidden, without))
}

/// Angles are those of features with this transform.
fn angles() -> Named {
    Named::new("l2-standardise")
}

#[cfg(test)]
pub(crate) mod tests;
