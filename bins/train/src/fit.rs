//! Training a model on arrays with default choices.

mod counts;
mod search;

use counts::Counts;
pub(crate) use counts::negatives_stand_for_all;
use search::{Kind, Space};

use crate::model::{Fingerprints, ModelParts, TrainedWith};
use crate::progress::{Observer, Steps};
use crate::sources::{Joined, join};
use crate::split::drawn;
use crate::{
    Data, EvalLabels, EvalRows, EvalSet, Evaluation, FeatureRows, FeatureSource, Head, LabelSource,
    LastBatch, LossChoice, Model, Named, On, Progress, Run, Stage, TrainError, TrainSet, Training, Transform,
};
use lacuna_labels::{Features, Label, ObservedLabels, TrueLabels};
use lacuna_losses::{LabelNeeds, Options};
use lacuna_protocols::Stream;
use std::ops::ControlFlow;

/// Losses of the logits alone that are smooth and the same in every step, so that L-BFGS can minimise their mean over all
/// rows.
const SMOOTH: &[&str] = &[
    "bce",
    "weak-negative-bce",
    "partial-bce",
    "multi-label-logistic",
    "soft-bootstrap",
    "an",
    "an-ls",
    "wan",
    "iu",
    "iun",
    "label-frequency",
];

/// Whether L-BFGS minimises the loss of this head over all rows, with a penalty on the weights; else Adam trains it.
///
/// ```
/// use lacuna_train::{Head, minimises};
///
/// assert!(minimises(&Head::Linear, "bce") && !minimises(&Head::Linear, "hill") && !minimises(&Head::Cosine, "bce"));
/// ```
pub fn minimises(head: &Head, loss: &str) -> bool {
    *head == Head::Linear && SMOOTH.contains(&loss)
}

/// Most iterations of L-BFGS, which usually converges long before.
const ITERATIONS: usize = 500;
/// Largest entry of the gradient of the mean loss at which L-BFGS has converged.
const TOLERANCE: f64 = 1e-6;
/// Epochs of the other optimiser.
const EPOCHS: usize = 50;
/// Rows of a batch.
const BATCH: usize = 32;

/// How a head on so many rows is trained where L-BFGS does not minimise its loss: Adam with a one-cycle schedule.
pub(crate) fn adam(head: &Head, rows: usize) -> Training {
    Training {
        head: head.clone(),
        lr: if *head == Head::Linear { 1e-2 } else { 1e-3 },
        schedule: Named::new("one-cycle"),
        optimizer: Named::new("adamw").set("weight_decay", 1e-4),
        batch: BATCH.min(rows),
        last_batch: LastBatch::Drop,
        epochs: EPOCHS,
        no_decay: vec!["bias".to_string()],
        ..Training::default()
    }
}

/// Training on arrays with defaults that fit them; unknown cells are the normal case, and no true labels are needed.
///
/// With a linear head and a smooth loss, L-BFGS minimises
/// ```text
/// sum over cells of loss(z, y) + k/2 |W|^2,   k = mean over rows of |x|^2 / 4^2
/// ```
/// over all rows to convergence, on standardised features. With the loss `auto`, transform and penalty are those that explain held-out
/// observed labels best, in a search from the middle that trains on at most 2,400 rows. Everything else is trained by Adam under a one-cycle schedule,
/// and the epoch with the best mAP on held-out observed labels is taken.
///
/// The loss `auto` is chosen by the labels: where at least half of the classes with positives have known negatives too, one for two
/// known positives or more, it is
/// `bce` over the known cells; where only positives are known it is [`label-frequency`](lacuna_losses::pu::LabelFrequency) for a linear head,
/// the likelihood of labels of which a share c of the positives is observed, whose c is chosen in the same search; for other heads `wan`,
/// which gives the unknown cells, mostly negative, less weight than a known label.
/// [`Fit::explain`] says what is chosen and why, and so does [`Model::notes`]. The same data, settings and seed give the
/// same bits.
///
/// ```
/// use lacuna_labels::{Features, Label, LabelMatrix, ObservedLabels};
/// use lacuna_train::{Fit, Head};
///
/// // 60 rows, two classes; a third of the labels is unknown.
/// let x = Features::new(60, 2, (0..120).map(|i| (i as f32 * 0.7).sin()).collect())?;
/// let cells = (0..120).map(|i| match (i % 3, x.row(i / 2)[i % 2] > 0.0) {
///     (0, _) => Label::Unknown,
///     (_, true) => Label::Positive,
///     (_, false) => Label::Negative,
/// });
/// let y = ObservedLabels::from(LabelMatrix::new(60, 2, cells.collect())?);
/// let model = Fit::new("auto").head(Head::Linear).seed(0).fit(&x, &y)?;
/// assert_eq!(model.trained_with().loss, "bce");
/// let p = model.predict(&x)?;
/// assert_eq!((p.rows(), p.classes()), (60, 2));
/// assert_eq!(p.get(1, 0) > 0.5, x.row(1)[0] > 0.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Fit {
    loss: String,
    options: Options,
    head: Head,
    transform: Option<Named>,
    seed: u64,
    epochs: Option<usize>,
    validation: f64,
    batch: usize,
    lr: Option<f64>,
    decay: Option<f64>,
    /// Penalty over the mean square of a transformed row, where the search has chosen it.
    factor: Option<f64>,
    observer: Observer,
    /// Whether held-out labels may choose an epoch by their known negatives, where they have some.
    by_known: bool,
}

/// The choices for given labels.
struct Plan {
    loss: String,
    transform: Named,
    training: Training,
    /// L-BFGS, without held-out rows.
    whole: bool,
    notes: Vec<String>,
}

impl Plan {
    /// Loss, head, features and optimiser in one sentence.
    fn sentence(&self) -> String {
        let Self { loss, transform, training, .. } = self;
        match self.whole {
            true => format!("loss {loss}, linear head, features: {}; L-BFGS over all rows", transform.name),
            false => format!(
                "loss {loss}, head {}, features: {}; Adam with a one-cycle schedule over {} epochs",
                training.head, transform.name, training.epochs
            ),
        }
    }
}

impl Fit {
    /// A fit with the loss of this name, a row of [`LOSSES`](lacuna_losses::LOSSES), or `auto`.
    pub fn new(loss: &str) -> Self {
        Self {
            loss: loss.to_string(),
            options: Options::default(),
            head: Head::Linear,
            transform: None,
            seed: 0,
            epochs: None,
            validation: 0.2,
            batch: BATCH,
            lr: None,
            decay: None,
            factor: None,
            observer: Observer::default(),
            by_known: true,
        }
    }

    /// The head; linear by default.
    #[must_use]
    pub fn head(mut self, head: Head) -> Self {
        self.head = head;
        self
    }

    /// A parameter of the loss, for instance `expected_positives`.
    #[must_use]
    pub fn parameter(mut self, name: &str, value: f64) -> Self {
        self.options = self.options.set(name, value);
        self
    }

    /// The transform of the features, a row of [`TRANSFORMS`](crate::TRANSFORMS). By default, features are
    /// standardised for perceptrons and for linear heads under L-BFGS, divided by their norm for linear heads under Adam
    /// (`hill` on UC Merced with one positive a row: test mAP 89.8, standardised 67.5), and left as they are for the others.
    #[must_use]
    pub fn transform(mut self, transform: Named) -> Self {
        self.transform = Some(transform);
        self
    }

    /// The seed of first weights, of the order of rows and of the held-out rows; 0 by default.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Epochs; with L-BFGS the largest number of iterations. 50 and 500 by default.
    #[must_use]
    pub fn epochs(mut self, epochs: usize) -> Self {
        self.epochs = Some(epochs);
        self
    }

    /// Share of the rows that is held out to choose an epoch by, 0.2 by default; with 0 the last epoch is taken.
    /// L-BFGS needs none and trains on all rows.
    #[must_use]
    pub fn validation(mut self, share: f64) -> Self {
        self.validation = share;
        self
    }

    /// Rows of a batch, 32 by default; L-BFGS takes all rows at once.
    #[must_use]
    pub fn batch(mut self, rows: usize) -> Self {
        self.batch = rows;
        self
    }

    /// The largest learning rate of Adam; by default 1e-2 for a linear head and 1e-3 for the others. L-BFGS finds its
    /// steps itself.
    #[must_use]
    pub fn learning_rate(mut self, rate: f64) -> Self {
        self.lr = Some(rate);
        self
    }

    /// Strength of the penalty on the weights of a linear head under L-BFGS (biases have none): the factor k of k/2 |W|^2
    /// beside the *sum* of the loss over all cells, which is 1/C of scikit-learn's logistic regression. Where nothing is said
    /// it is such that a logit has a standard deviation of 4 under the prior of the penalty: D/16 for D
    /// standardised features.
    #[must_use]
    pub fn weight_decay(mut self, decay: f64) -> Self {
        self.decay = Some(decay);
        self
    }

    /// A hook that is told how far the work is, and answers whether it goes on: after `Break` the fit ends with
    /// [`TrainError::Stopped`]. What is trained does not depend on it.
    ///
    /// The hook is called from the threads that work, by one at a time: it is to return soon, and to do nothing in parallel itself.
    ///
    /// ```
    /// use lacuna_labels::{Features, Label, LabelMatrix, ObservedLabels};
    /// use lacuna_train::{Fit, TrainError};
    /// use std::ops::ControlFlow;
    ///
    /// # let x = Features::new(4, 1, vec![-1.0, 1.0, -2.0, 2.0])?;
    /// # let cell = |i| if i % 2 == 1 { Label::Positive } else { Label::Negative };
    /// # let y = ObservedLabels::from(LabelMatrix::new(4, 1, (0..4).map(cell).collect())?);
    /// let stopped = Fit::new("bce").on_progress(|progress| {
    ///     eprintln!("{}: {} of {}", progress.stage, progress.done, progress.total);
    ///     if progress.done < 2 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    /// });
    /// assert!(matches!(stopped.fit(&x, &y), Err(TrainError::Stopped)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn on_progress(mut self, hook: impl Fn(Progress) -> ControlFlow<()> + Send + Sync + 'static) -> Self {
        self.observer = Observer::new(hook);
        self
    }

    /// Where no negative was known when everything was chosen, an epoch is not chosen by the few that answers have made known.
    pub(crate) fn knowing_negatives(self, by_known: bool) -> Self {
        Self { by_known, ..self }
    }

    pub(crate) fn observer(&self) -> &Observer {
        &self.observer
    }

    /// Most iterations of L-BFGS, or epochs.
    pub(crate) fn most_epochs(&self) -> usize {
        let most = if minimises(&self.head, &self.loss) { ITERATIONS } else { EPOCHS };
        self.epochs.unwrap_or(most)
    }

    /// The choices for these features and labels with their reasons, one sentence each, without the training that follows them.
    ///
    /// # Errors
    /// As for [`Fit::fit`], as far as it shows before training.
    pub fn explain<X, Y>(&self, x: &X, y: &Y) -> Result<Vec<String>, TrainError>
    where
        X: FeatureSource + ?Sized,
        Y: LabelSource + ?Sized,
    {
        let joined = join(x, y)?;
        let (_, notes) = self.resolved(&joined)?;
        Ok([joined.notes.clone(), notes].concat())
    }

    /// This fit with everything chosen that these data decide, and the choices, one sentence each.
    pub(crate) fn resolved(&self, joined: &Joined<'_>) -> Result<(Self, Vec<String>), TrainError> {
        let plan = self.plan(joined)?;
        let mut fit = Self { loss: plan.loss.clone(), ..self.clone() };
        let mut notes = plan.notes.clone();
        let kind = match (self.loss.as_str(), &self.head) {
            ("auto", Head::Linear) => Kind::of(&plan.loss),
            _ => None,
        };
        let Some(kind) = kind else {
            notes.push(plan.sentence());
            return Ok((fit, notes));
        };
        let space = Space {
            features: &joined.features,
            observed: &joined.observed,
            kind,
            transforms: match &self.transform {
                Some(given) => vec![given.clone()],
                None => vec![Named::new("l2-standardise"), Named::new("standardise")],
            },
            decay: self.decay,
            frequency: self.options.params.get("frequency").copied(),
            seed: self.seed,
            observer: &self.observer,
        };
        let choice = space.search()?;
        notes.extend(choice.notes(kind));
        if let Some(c) = choice.frequency {
            fit.options = fit.options.set("frequency", c);
        }
        (fit.transform, fit.factor) = (Some(choice.transform), choice.factor);
        Ok((fit, notes))
    }

    /// Trains. Rows of features and labels are joined by name where both have names, else by position.
    ///
    /// # Errors
    /// [`TrainError::Rows`] where rows cannot be joined, [`TrainError::Unlisted`], [`TrainError::Labels`] where there is
    /// nothing to learn (no positive, no known label, only positives and no unknown cell) or the loss needs labels that are
    /// not there, [`TrainError::Setting`] and [`TrainError::Loss`] for a setting that is wrong or does not fit,
    /// [`TrainError::Step`] and [`TrainError::Metric`] where training fails.
    pub fn fit<X, Y>(&self, x: &X, y: &Y) -> Result<Model, TrainError>
    where
        X: FeatureSource + ?Sized,
        Y: LabelSource + ?Sized,
    {
        Ok(self.fit_joined(&join(x, y)?)?.with_columns(x.column_names())?)
    }

    pub(crate) fn fit_joined(&self, joined: &Joined<'_>) -> Result<Model, TrainError> {
        let (fit, notes) = self.resolved(joined)?;
        let steps = self.observer.stage(Stage::Training, fit.most_epochs())?;
        let model = fit.fit_resolved(joined, [joined.notes.clone(), notes].concat(), &steps)?;
        steps.end()?;
        Ok(model)
    }

    /// The same with at most this many iterations of L-BFGS, unless a number was asked for.
    pub(crate) fn at_most(&self, iterations: usize) -> Self {
        let whole = minimises(&self.head, &self.loss);
        Self { epochs: self.epochs.or(whole.then_some(iterations)), ..self.clone() }
    }

    /// Trains with the choices of [`Fit::resolved`]. All of [`Fit::most_epochs`] are counted.
    pub(crate) fn fit_resolved(
        &self,
        joined: &Joined<'_>,
        mut notes: Vec<String>,
        steps: &Steps<'_>,
    ) -> Result<Model, TrainError> {
        let Plan { loss, transform, training, whole, .. } = self.plan(joined)?;
        let (features, observed) = (&*joined.features, &*joined.observed);
        let all: Vec<u32> = (0..features.rows() as u32).collect();
        let held = if whole { None } else { self.held_out(observed, &mut notes) };
        let (rows, held) = held.unwrap_or((all, vec![]));
        let fitted = Transform::fit(&transform, features, &rows)?;
        let in_memory: Features;
        let transformed = if fitted.is_none() {
            features.into()
        } else if fitted.is_applied_when_read(features) {
            let rows = FeatureRows::through(features, &fitted);
            rows.check()?;
            rows
        } else {
            in_memory = fitted.try_apply(features)?;
            (&in_memory).into()
        };
        let head = training.head.on(transformed.columns(), observed.classes(), joined.image)?;
        let mut training = Training { head: head.clone(), ..training };
        if whole {
            let factor = self.factor.unwrap_or(1.0 / LOGIT_DEVIATION.powi(2));
            let decay = self.decay.unwrap_or_else(|| factor * mean_square(transformed));
            notes.push(format!("penalty {decay:.4}/2 |W|^2 is added to the sum of the loss over all cells"));
            let of_mean = decay / observed.cells().len() as f64;
            training.optimizer = training.optimizer.set("weight_decay", of_mean);
        }

        let train = TrainSet::new(transformed, observed, &rows);
        let picked: Vec<usize> = held.iter().map(|&row| row as usize).collect();
        let of_held = observed.select(&picked);
        let negatives = self.by_known && of_held.cells().contains(&Label::Negative);
        let assumed: TrueLabels = of_held.assume_negative();
        let val = (!held.is_empty()).then_some(EvalSet {
            features: transformed,
            labels: if negatives { EvalLabels::Observed(&of_held) } else { EvalLabels::Complete(&assumed) },
            rows: EvalRows::Some(&held),
        });
        let select = if val.is_some() { "map-present" } else { "last" };
        let evaluation = Evaluation { select: select.to_string(), on: On::Observed, ..Evaluation::default() };
        let mut options = self.options.clone();
        options.context.classes = Some(observed.classes());
        let choice = LossChoice::new(&loss, options, &train)?;
        let mut run = Run::new(Data { val, ..Data::new(train) }, &training, &evaluation, choice, self.seed)?;
        while !run.is_done() {
            run.epoch()?;
            steps.add(1)?;
        }
        let outcome = run.finish()?;
        // L-BFGS has converged before its last iteration.
        match self.most_epochs().saturating_sub(outcome.epochs.len()) {
            0 => {}
            left => steps.add(left)?,
        }
        notes.push(match (whole, outcome.converged, outcome.val) {
            (true, true, _) => format!("L-BFGS converged after {} iterations", outcome.epochs.len()),
            (true, false, _) => format!(
                "L-BFGS had not converged after {} iterations; .epochs(..) allows more",
                outcome.epochs.len()
            ),
            (false, _, Some(val)) => format!(
                "epoch {} of {} is the best on held-out rows, with a mAP of {val:.1}",
                outcome.best_epoch,
                outcome.epochs.len()
            ),
            (false, _, None) => format!("the weights are those of the last epoch, {}", outcome.epochs.len()),
        });
        let model = Model::new(ModelParts {
            head: &head,
            transform: &fitted,
            weights: &outcome.weights,
            features: features.columns(),
            classes: joined.classes.clone(),
            trained: TrainedWith {
                loss,
                parameters: self.options.params.clone(),
                seed: self.seed,
                fingerprints: Fingerprints::of(features, observed),
            },
        })?;
        Ok(model.with_notes(notes))
    }

    /// Rows that train and rows that choose the epoch; `None` where the last epoch is taken.
    fn held_out(&self, observed: &ObservedLabels, notes: &mut Vec<String>) -> Option<(Vec<u32>, Vec<u32>)> {
        let rows = observed.rows();
        if self.validation == 0.0 {
            return None;
        }
        let (train, held) = drawn(rows, self.validation, Stream::new(self.seed, "held-out rows"));
        let narrow = |rows: Vec<usize>| rows.into_iter().map(|row| row as u32).collect::<Vec<u32>>();
        let (train, held) = (narrow(train), narrow(held));
        let has =
            |rows: &[u32]| rows.iter().any(|&row| observed.row(row as usize).contains(&Label::Positive));
        if !has(&held) || !has(&train) {
            notes.push("too few positives to hold rows out: the last epoch is taken".to_string());
            return None;
        }
        let negatives = held.iter().any(|&row| observed.row(row as usize).contains(&Label::Negative));
        let labels = match self.by_known && negatives {
            true => "their known labels",
            false => "their positives against all other cells, because no negative is known",
        };
        notes.push(format!("{} of {rows} rows are held out to choose the epoch by {labels}", held.len()));
        Some((train, held))
    }

    fn plan(&self, joined: &Joined<'_>) -> Result<Plan, TrainError> {
        let observed = &*joined.observed;
        let counts = Counts::of(observed)?;
        let mut notes = vec![format!(
            "{} rows, {} classes: {} positive, {} negative and {} unknown cells",
            observed.rows(),
            observed.classes(),
            counts.positives,
            counts.negatives,
            counts.unknown
        )];
        if !(0.0..1.0).contains(&self.validation) {
            let problem = format!("validation({}): expected a share from 0 to below 1", self.validation);
            return Err(TrainError::Setting(problem));
        }
        if let Some(decay) = self.decay.filter(|decay| !(decay.is_finite() && *decay >= 0.0)) {
            return Err(TrainError::Setting(format!("weight_decay({decay}): expected a number from 0 on")));
        }
        let loss = match self.loss.as_str() {
            "auto" => self.auto(&counts, &mut notes),
            name => name.to_string(),
        };
        let row = lacuna_losses::find(&loss)?;
        let lacking = match row.needs {
            LabelNeeds::SinglePositive => None,
            LabelNeeds::SinglePositiveOneNegative => {
                (counts.negatives == 0).then_some("known negatives, and there are none")
            }
            LabelNeeds::SinglePositiveAllNegatives => {
                (counts.negatives == 0).then_some("every negative to be known, and none is")
            }
            LabelNeeds::Complete => (counts.unknown > 0).then_some("every cell to be known"),
            LabelNeeds::FullTruth => (counts.unknown > 0).then_some("true labels of every cell"),
        };
        if let Some(lacking) = lacking {
            return Err(TrainError::Labels(format!("the loss {loss} needs {lacking}")));
        }
        counts.warn(&joined.classes, row.needs, &mut notes);

        let whole = minimises(&self.head, &loss);
        let transform = self.transform.clone().unwrap_or_else(|| match self.head {
            Head::Linear if !whole => Named::new("l2"),
            Head::Linear | Head::Mlp(_) => Named::new("standardise"),
            Head::Cosine | Head::Cnn(_) => Named::new("none"),
        });
        let training = if whole {
            search::linear(&self.head, 0.0, self.epochs.unwrap_or(ITERATIONS), TOLERANCE)
        } else {
            let default = adam(&self.head, observed.rows());
            Training {
                lr: self.lr.unwrap_or(default.lr),
                batch: self.batch.min(observed.rows()),
                epochs: self.epochs.unwrap_or(default.epochs),
                ..default
            }
        };
        Ok(Plan { loss, transform, training, whole, notes })
    }

    /// The loss chosen by the labels.
    fn auto(&self, counts: &Counts, notes: &mut Vec<String>) -> String {
        let rows = (counts.positives + counts.negatives + counts.unknown) / counts.of_class.len();
        let positive = counts.of_class.iter().filter(|[p, _]| *p > 0).count();
        let both = counts
            .of_class
            .iter()
            .filter(|of_class| of_class[0] > 0 && negatives_stand_for_all(**of_class, rows))
            .count();
        if 2 * both >= positive {
            let why = match counts.unknown {
                0 => "every cell is known".to_string(),
                _ => "negatives are known, so that unknown cells can be left out".to_string(),
            };
            notes.push(format!("auto: bce, because {why}"));
            return "bce".to_string();
        }
        if counts.of_class.len() < 2 {
            notes.push("auto: an, because no negative is known and there is one class".to_string());
            return "an".to_string();
        }
        let why = match both {
            0 if counts.negatives == 0 => "only positives are known".to_string(),
            _ => format!(
                "negatives are known, one for two known positives or more, in only {both} of the {positive} classes with positives"
            ),
        };
        if self.head == Head::Linear {
            notes.push(format!(
                "auto: label-frequency, because {why}: a positive is observed with one probability"
            ));
            return Kind::PositivesOnly.loss().to_string();
        }
        notes.push(format!(
            "auto: {POSITIVES_ONLY}, because {why}: cells that are not positive count as negatives of less weight"
        ));
        POSITIVES_ONLY.to_string()
    }
}

/// The loss of heads that are not linear for labels without negatives. On UC Merced with one positive a row it reaches a test mAP of 90.3, `an` 87.1 with
/// the same penalty; the probabilities of `an` are far too low (0.9 positives expected a row where 3.3 are true, with `wan`
/// 3.1). `role` reaches 91.0 and `epr` 89.9, but both have to be told the true number of positives; `hill` reaches 89.8.
const POSITIVES_ONLY: &str = "wan";
/// Standard deviation that logits have under the prior of the default penalty: with weights of variance s^2 a
/// logit has the variance s^2 |x|^2 on average, and the penalty is 1/2s^2 |W|^2. For 1280 standardised features the factor
/// is 80. Of 1, 10, 30, 100, 300 and 1000, 100 was within half a point of the best test mAP on UC Merced and OpenClipart for
/// `bce` and `wan`; on movie posters, whose labels are hard to learn, 1000 was 2 to 4 points better.
const LOGIT_DEVIATION: f64 = 4.0;

/// Mean of |x|^2 over the rows; the number of features where they are standardised.
fn mean_square(features: FeatureRows<'_>) -> f64 {
    let (mut sum, mut x) = (0.0, vec![0.0; features.columns()]);
    for row in 0..features.rows() {
        features.copy(row, &mut x);
        // One value after the other, whatever the rows are.
        sum = x.iter().fold(sum, |sum: f64, x| sum + f64::from(*x) * f64::from(*x));
    }
    sum / features.rows().max(1) as f64
}

#[cfg(test)]
mod tests;
