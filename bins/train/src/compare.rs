//! Losses and procedures side by side on a user's data.

use crate::fit::adam;
use crate::model::{ModelParts, TrainedWith};
use crate::sources::{Joined, join};
use crate::{
    Data, Evaluation, FeatureSource, Fit, Head, JudgedRows, LabelSource, LossChoice, Model, Named,
    PROCEDURES, Run, TrainError, TrainSet, Training, Transform, hold_out,
};
use lacuna_labels::{Features, Label, ObservedLabels};
use lacuna_losses::{LOSSES, Options};
use lacuna_metrics::{CrossedMean, Interval, SortedScores, holm, variance};
use lacuna_protocols::Stream;
use rayon::prelude::*;
use std::borrow::Cow;
use std::fmt;
use std::time::Instant;

/// A row of a comparison: a loss trained by [`Fit`], or a procedure with a loss.
#[derive(Clone, Debug, PartialEq)]
pub struct Contestant {
    /// Name of the loss, or `auto`.
    pub loss: String,
    /// The procedure, where it is not the one that the loss takes.
    pub procedure: Option<Named>,
}

impl fmt::Display for Contestant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.procedure {
            Some(procedure) => f.pad(&format!("{procedure} with {}", self.loss)),
            None => f.pad(&self.loss),
        }
    }
}

impl Contestant {
    /// A loss.
    pub fn loss(name: &str) -> Self {
        Self { loss: name.to_string(), procedure: None }
    }

    /// Every loss there is.
    pub fn losses() -> Vec<Self> {
        LOSSES.iter().map(|row| Self::loss(row.info.name)).collect()
    }

    /// Every procedure there is, with this loss.
    pub fn procedures(loss: &str) -> Vec<Self> {
        let of = |name| Self { loss: loss.to_string(), procedure: Some(Named::new(name)) };
        PROCEDURES.iter().map(|row| of(row.name)).collect()
    }
}

/// How a comparison is made.
#[derive(Clone, Debug)]
pub struct CompareOptions {
    /// Seeds: each draws the rows that are held out, first weights and orders.
    pub seeds: u64,
    /// Share of the rows that is held out.
    pub held_out: f64,
    /// The head of every fit of a loss; procedures train a linear one.
    pub head: Head,
    /// The transform of every fit of a loss; chosen by default.
    pub transform: Option<Named>,
    /// Parameters, each of every loss that has one of this name.
    pub parameters: Vec<(String, f64)>,
    /// Resamples of the held-out rows.
    pub resamples: usize,
}

impl Default for CompareOptions {
    /// 3 seeds, a fifth of the rows, a linear head, 1000 resamples.
    fn default() -> Self {
        Self {
            seeds: 3,
            held_out: 0.2,
            head: Head::Linear,
            transform: None,
            parameters: vec![],
            resamples: 1000,
        }
    }
}

/// Losses and procedures, the best first.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// Those that could be trained, by mean, the largest first.
    pub rows: Vec<Compared>,
    /// Those that could not, with the reason.
    pub refused: Vec<(Contestant, String)>,
    /// Whether unknown cells counted as negatives in the metric, because no negative is known.
    pub assuming_negative: bool,
    /// The metric with its convention.
    pub metric: String,
    /// Number of held-out rows of a seed.
    pub held_out: usize,
}

/// A row of a comparison.
#[derive(Clone, Debug)]
pub struct Compared {
    /// What was trained.
    pub contestant: Contestant,
    /// The metric of each seed, in percent.
    pub values: Vec<f64>,
    /// Their mean.
    pub mean: f64,
    /// Their standard deviation, with n - 1; 0 for one seed.
    pub deviation: f64,
    /// Seconds of a fit, on average.
    pub seconds: f64,
    /// The difference to the best row; none for the best. Its variance is that of resamples of the held-out rows, the same ones for every
    /// row of the table, plus that between seeds ([`CrossedMean`]).
    pub difference: Option<Interval>,
    /// The p of the difference, corrected for as many comparisons as there are rows (Holm).
    pub corrected: Option<f64>,
}

/// Trains every contestant on the same rows and measures it on the same held-out rows, by the mean of the average precisions
/// of the classes that have a positive there. Unknown cells do not count; where no negative is known, they count as negatives,
/// which is all that such labels allow. Fits run in parallel; `each` is called after every one with its
/// contestant and seed.
///
/// ```
/// use lacuna_labels::{Features, Label, LabelMatrix, ObservedLabels};
/// use lacuna_train::{CompareOptions, Contestant, compare};
///
/// let x = Features::new(100, 2, (0..200).map(|i| (i as f32 * 0.7).sin()).collect())?;
/// let cells = (0..200).map(|i| if x.values()[i] > 0.0 { Label::Positive } else { Label::Negative });
/// let y = ObservedLabels::from(LabelMatrix::new(100, 2, cells.collect())?);
/// let both = [Contestant::loss("bce"), Contestant::loss("an")];
/// let options = CompareOptions { seeds: 2, ..CompareOptions::default() };
/// let found = compare(&x, &y, &both, &options, |_, _| {})?;
/// assert_eq!((found.rows.len(), found.rows[0].values.len()), (2, 2));
/// assert!(found.rows[0].mean > 90.0 && found.rows[0].difference.is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`TrainError::Rows`], [`TrainError::Unlisted`], [`TrainError::Setting`] for options that leave nothing to train or measure on,
/// [`TrainError::Labels`] where no contestant can be trained: with the reason of the first.
pub fn compare<X, Y>(
    x: &X,
    y: &Y,
    contestants: &[Contestant],
    options: &CompareOptions,
    each: impl Fn(&Contestant, u64) + Sync,
) -> Result<Comparison, TrainError>
where
    X: FeatureSource + ?Sized,
    Y: LabelSource + ?Sized,
{
    let joined = join(x, y)?;
    let setting = |problem: String| Err(TrainError::Setting(problem));
    if options.seeds == 0 || options.resamples == 0 || contestants.is_empty() {
        return setting("a comparison needs at least one seed, one resample and one loss".to_string());
    }
    if !(options.held_out > 0.0 && options.held_out < 1.0) {
        return setting(format!("held_out {}: expected a share above 0 and below 1", options.held_out));
    }
    let assuming_negative = !joined.observed.cells().contains(&Label::Negative);
    let splits: Vec<Split<'_>> = (0..options.seeds)
        .map(|seed| Split::new(&joined, options.held_out, seed, assuming_negative))
        .collect::<Result<_, _>>()?;
    // Every fit by itself, so that the numbers do not depend on which run at the same time.
    let jobs: Vec<(&Contestant, u64)> = contestants
        .iter()
        .flat_map(|contestant| (0..options.seeds).map(move |seed| (contestant, seed)))
        .collect();
    let measured = jobs.into_par_iter().map(|(contestant, seed)| {
        let start = Instant::now();
        let done = splits[seed as usize].measure(contestant, options, seed);
        each(contestant, seed);
        (done, start.elapsed().as_secs_f64())
    });
    let measured: Vec<_> = measured.collect();
    let mut measured = measured.into_iter();
    let (mut rows, mut refused): (Vec<(Compared, Vec<SortedScores>)>, _) = (Vec::new(), Vec::new());
    for contestant in contestants {
        let (mut values, mut sorted, mut seconds, mut why) = (Vec::new(), Vec::new(), 0.0, None);
        for (done, took) in measured.by_ref().take(options.seeds as usize) {
            seconds += took;
            match done {
                Ok((value, scores)) => {
                    values.push(value);
                    sorted.push(scores);
                }
                Err(error) => why = why.or(Some(error.to_string())),
            }
        }
        if let Some(why) = why {
            refused.push((contestant.clone(), why));
            continue;
        }
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let deviation = if count > 1.0 { (squares / (count - 1.0)).sqrt() } else { 0.0 };
        let (contestant, seconds) = (contestant.clone(), seconds / count);
        rows.push((
            Compared { contestant, values, mean, deviation, seconds, difference: None, corrected: None },
            sorted,
        ));
    }
    if rows.is_empty() {
        let (first, why) = &refused[0];
        return Err(TrainError::Labels(format!("nothing could be trained; {first}: {why}")));
    }
    rows.sort_by(|one, other| other.0.mean.total_cmp(&one.0.mean));
    let resampled = resampled(&rows, &splits, options.resamples);
    let best = rows[0].0.values.clone();
    for (row, values) in rows.iter_mut().zip(&resampled).skip(1) {
        let differences: Vec<f64> = values.iter().zip(&resampled[0]).map(|(own, best)| own - best).collect();
        let by_seed = row.0.values.iter().zip(&best).map(|(own, best)| vec![own - best]).collect::<Vec<_>>();
        row.0.difference = Some(CrossedMean::of(&by_seed).with_variance(variance(&differences)).interval());
    }
    let p: Vec<f64> = rows.iter().filter_map(|(row, _)| Some(row.difference?.p)).collect();
    for (row, p) in rows.iter_mut().skip(1).zip(holm(&p)) {
        row.0.corrected = Some(p);
    }
    let known = if assuming_negative { "unknown cells as negatives" } else { "over known cells only" };
    Ok(Comparison {
        rows: rows.into_iter().map(|(row, _)| row).collect(),
        refused,
        assuming_negative,
        metric: format!(
            "map-present: percent, AP sklearn, classes with a positive in the held-out rows, {known}"
        ),
        held_out: splits[0].held.rows(),
    })
}

/// Rows that train and rows that measure, of one seed.
struct Split<'a> {
    joined: &'a Joined<'a>,
    train: Features,
    observed: ObservedLabels,
    held: Features,
    labels: ObservedLabels,
    /// Classes with a positive among the held-out rows.
    present: Vec<usize>,
    assuming_negative: bool,
}

impl<'a> Split<'a> {
    fn new(
        joined: &'a Joined<'a>,
        share: f64,
        seed: u64,
        assuming_negative: bool,
    ) -> Result<Self, TrainError> {
        let (train, held) = hold_out(joined.features.rows(), share, seed);
        let labels = joined.observed.select(&held);
        let counts = labels.positives_per_class();
        let present: Vec<usize> = (0..counts.len()).filter(|&class| counts[class] > 0).collect();
        if present.is_empty() || train.is_empty() {
            return Err(TrainError::Setting(format!(
                "seed {seed}: {} held-out rows have no positive, or no row is left to train on: hold out another share",
                held.len()
            )));
        }
        Ok(Self {
            joined,
            train: joined.features.select(&train),
            observed: joined.observed.select(&train),
            held: joined.features.select(&held),
            labels,
            present,
            assuming_negative,
        })
    }

    fn measure(
        &self,
        contestant: &Contestant,
        options: &CompareOptions,
        seed: u64,
    ) -> Result<(f64, SortedScores), TrainError> {
        let model = match &contestant.procedure {
            None => {
                let fit = Fit::new(&contestant.loss).head(options.head.clone()).seed(seed);
                let fit = options.transform.iter().fold(fit, |fit, named| fit.transform(named.clone()));
                let has = |name: &str| {
                    let row = lacuna_losses::find(&contestant.loss).ok();
                    row.is_some_and(|row| row.info.params.iter().any(|info| info.name == name))
                };
                let own = options.parameters.iter().filter(|(name, _)| has(name));
                let fit = own.fold(fit, |fit, (name, value)| fit.parameter(name, *value));
                fit.fit_joined(&self.training())?
            }
            Some(procedure) => self.through(procedure, &contestant.loss, seed)?,
        };
        let rows: JudgedRows = model.judge(&self.held, &self.labels)?;
        let rows = if self.assuming_negative { rows.assuming_negative() } else { rows };
        rows.average_precision(&contestant.loss, seed)
    }

    fn training(&self) -> Joined<'_> {
        self.joined.of_rows(Cow::Borrowed(&self.train), Cow::Borrowed(&self.observed))
    }

    /// A linear head by a procedure: Adam with a one-cycle schedule on rows of length 1, as [`Fit`] trains losses that L-BFGS
    /// cannot.
    fn through(&self, procedure: &Named, loss: &str, seed: u64) -> Result<Model, TrainError> {
        let loss = match loss {
            "auto" if self.assuming_negative => "an",
            "auto" => "bce",
            loss => loss,
        };
        let rows: Vec<u32> = (0..self.train.rows() as u32).collect();
        let transform = Transform::fit(&Named::new("l2"), &self.train, &rows)?;
        let features = transform.try_apply(&self.train)?;
        let training = Training { procedure: procedure.clone(), ..adam(&Head::Linear, self.train.rows()) };
        let train = TrainSet::new(&features, &self.observed, &rows);
        let mut options = Options::default();
        options.context.classes = Some(self.observed.classes());
        let choice = LossChoice::new(loss, options, &train)?;
        let evaluation = Evaluation { select: "last".to_string(), ..Evaluation::default() };
        let mut run = Run::new(Data::new(train), &training, &evaluation, choice, seed)?;
        while !run.is_done() {
            run.epoch()?;
        }
        let outcome = run.finish()?;
        Ok(Model::new(ModelParts {
            head: &training.head,
            transform: &transform,
            weights: &outcome.weights,
            features: self.train.columns(),
            classes: self.joined.classes.clone(),
            trained: TrainedWith { loss: loss.to_string(), seed, ..TrainedWith::default() },
        })?)
    }
}

/// The mean metric of every row for each resample of the held-out rows; all rows see the same resamples.
fn resampled(
    rows: &[(Compared, Vec<SortedScores>)],
    splits: &[Split<'_>],
    resamples: usize,
) -> Vec<Vec<f64>> {
    let mut values = vec![Vec::with_capacity(resamples); rows.len()];
    let mut ap = vec![0.0; splits[0].labels.classes()];
    for resample in 0..resamples {
        let mut sums = vec![0.0; rows.len()];
        for (seed, split) in splits.iter().enumerate() {
            let held = split.held.rows();
            let mut stream = Stream::numbered(seed as u64, "resamples of held-out rows", resample as u64);
            let weights = stream.resample(held);
            for (sum, (_, sorted)) in sums.iter_mut().zip(rows) {
                sorted[seed].average_precisions(&weights, &mut ap);
                let present = split.present.iter().map(|&class| ap[class]).sum::<f64>();
                *sum += 100.0 * present / split.present.len() as f64 / splits.len() as f64;
            }
        }
        values.iter_mut().zip(sums).for_each(|(values, sum)| values.push(sum));
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;
    use lacuna_labels::LabelMatrix;

    /// 120 rows of 3 features, two classes by the signs of the first two with noise, a fifth of the cells unknown.
    fn data() -> (Features, ObservedLabels) {
        let mut stream = Stream::new(2, "compare");
        let values: Vec<f32> = (0..360).map(|_| stream.normal() as f32).collect();
        let cells = (0..240).map(|i| match values[i / 2 * 3 + i % 2] + 0.5 * stream.normal() as f32 > 0.0 {
            _ if i % 5 == 0 => Label::Unknown,
            true => Label::Positive,
            false => Label::Negative,
        });
        let labels = LabelMatrix::new(120, 2, cells.collect()).unwrap();
        (Features::new(120, 3, values).unwrap(), labels.into())
    }

    #[test]
    fn a_row_has_the_numbers_of_its_own_fits_whatever_stands_beside_it() {
        let (x, y) = data();
        let options = CompareOptions { seeds: 2, resamples: 200, ..CompareOptions::default() };
        let names = ["bce", "an", "bce-full", "no-such-loss"];
        let found = compare(&x, &y, &names.map(Contestant::loss), &options, |_, _| {}).unwrap();
        let reasons: Vec<String> =
            found.refused.iter().map(|(contestant, why)| format!("{contestant}: {why}")).collect();
        assert!(reasons[0].starts_with("bce-full: ") && reasons[1].contains("no-such-loss"), "{reasons:?}");
        for row in &found.rows {
            for (seed, value) in row.values.iter().enumerate() {
                let (train, held) = hold_out(120, 0.2, seed as u64);
                let fit = Fit::new(&row.contestant.loss).seed(seed as u64);
                let model = fit.fit(&x.select(&train), &y.select(&train)).unwrap();
                let rows = model.judge(&x.select(&held), &y.select(&held)).unwrap();
                assert_eq!(rows.report(Some(&["map-present"])).unwrap().value("map-present"), Some(*value));
            }
            assert!((row.mean - (row.values[0] + row.values[1]) / 2.0).abs() < 1e-9);
            assert!((row.deviation - (row.values[0] - row.values[1]).abs() / 2f64.sqrt()).abs() < 1e-9);
        }
        let (best, other) = (&found.rows[0], &found.rows[1]);
        let interval = other.difference.unwrap();
        assert!(best.difference.is_none() && best.mean >= other.mean && other.corrected == Some(interval.p));
        let difference = other.mean - best.mean;
        assert!(interval.low <= difference && difference <= interval.high, "{interval:?} {difference}");
        let again = compare(&x, &y, &[Contestant::loss("an")], &options, |_, _| {}).unwrap();
        let an = found.rows.iter().find(|row| row.contestant.loss == "an").unwrap();
        assert_eq!(again.rows[0].values, an.values);
    }

    #[test]
    fn a_procedure_trains_as_a_fit_that_holds_no_rows_out() {
        let (x, y) = data();
        let joined = join(&x, &y).unwrap();
        let split = Split::new(&joined, 0.2, 3, false).unwrap();
        let through = split.through(&Named::new("plain"), "hill", 3).unwrap();
        let fit = Fit::new("hill").seed(3).validation(0.0).fit(&split.train, &split.observed).unwrap();
        assert_eq!(through.weights(), fit.weights());
    }

    #[test]
    fn what_leaves_nothing_to_compare_is_refused() {
        let (x, y) = data();
        let run = |options: CompareOptions, names: &[&str]| {
            let contestants: Vec<Contestant> = names.iter().map(|name| Contestant::loss(name)).collect();
            compare(&x, &y, &contestants, &options, |_, _| {}).unwrap_err().to_string()
        };
        let options = CompareOptions::default();
        assert!(run(CompareOptions { held_out: 1.0, ..options.clone() }, &["bce"]).contains("share"));
        assert!(
            run(CompareOptions { held_out: 0.001, ..options.clone() }, &["bce"]).contains("another share")
        );
        assert!(run(CompareOptions { seeds: 0, ..options.clone() }, &["bce"]).contains("at least one seed"));
        assert!(run(options.clone(), &[]).contains("at least one"));
        assert!(run(options, &["bce-full"]).contains("nothing could be trained; bce-full"));
    }
}
