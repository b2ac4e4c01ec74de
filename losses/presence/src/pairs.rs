//! One assumed negative for each positive.

use crate::reference::{self, Complement};
use crate::{ENTROPY, LOG_EPSILON, PresenceConfig, SINR, both};
use lacuna_loss_api::random::philox4x32;
use lacuna_loss_api::{
    Dual, Interval, LabelUse, LossError, LossGrad, LossInfo, LossInput, MultiLabelLoss, ParamInfo, Real,
    Takes,
};

static SLDS: LossInfo = LossInfo {
    name: "presence-an-slds",
    title: "assume one other class of the row negative (SINR)",
    paper: SINR,
    year: 2023,
    experimental: false,
    labels: LabelUse::OnePositive,
    formula: "L = mean over rows of Lp(p) at the positive + Ln(p) at one other class, drawn at random",
    params: &[
        ENTROPY,
        LOG_EPSILON,
        ParamInfo {
            name: "seed",
            default: Some(0.0),
            range: Interval::whole_from(0.0),
            doc: "seed of the draws of the other class; they also depend on the step and on the row of the training set",
        },
    ],
};

static SSDL: LossInfo = LossInfo {
    name: "presence-an-ssdl",
    title: "assume the class negative at a background row (SINR)",
    paper: SINR,
    year: 2023,
    experimental: false,
    labels: LabelUse::OnePositive,
    formula: "L = mean over rows of Lp(p) at the positive + Ln(p) at the same class of the background row of the same index",
    params: &[ENTROPY, LOG_EPSILON],
};

/// Value and slope of L_e(p), in f64: there are two entries in a row.
fn present(z: f64, e: f64) -> (f64, f64) {
    let (p, n) = (z.sigmoid(), (-z).sigmoid());
    if e == 0.0 { ((-z).softplus(), -n) } else { (-(p + e).ln(), -p * n / (p + e)) }
}

/// Value and slope of an assumed negative.
fn absent(z: f64, e: f64, entropy: bool) -> (f64, f64) {
    let (p, n) = (z.sigmoid(), (-z).sigmoid());
    let (log_n, slope) = present(-z, e);
    if !entropy {
        return (log_n, -slope);
    }
    let (log_p, _) = present(z, e);
    let of_guard = if e == 0.0 { 0.0 } else { p * n * e * (n - p) / ((p + e) * (n + e)) };
    (-(p * log_p + n * log_n), -(p * n * (log_p - log_n) + of_guard))
}

/// Place of the positive of every row.
fn positives<'a>(input: &LossInput<'a>) -> impl Iterator<Item = usize> + use<'a> {
    let rows = input.targets.labels.chunks(input.classes);
    rows.map(|row| row.iter().position(|l| l.is_positive()).expect("checked above"))
}

/// What the sum over rows is multiplied with, 1 / B for the mean.
fn scale(config: &PresenceConfig, input: &LossInput<'_>) -> f64 {
    config.reduction.factor(&input.targets) * input.classes as f64
}

/// Another class of a row than its positive, uniform among the others: the hash Philox4x32-10 of seed, step and index of the row
/// in the training set, its first 64 bits times C - 1 over 2^64.
///
/// ```
/// use lacuna_presence::other_class;
///
/// let drawn: Vec<usize> = (0..1000).map(|sample| other_class(0, 7, sample, 2, 5)).collect();
/// assert!([0, 1, 3, 4].iter().all(|class| (200..300).contains(&drawn.iter().filter(|c| *c == class).count())));
/// assert_eq!(drawn[..4], [0, 1, 0, 4]);
/// ```
///
/// # Panics
/// With fewer than two classes.
pub fn other_class(seed: u64, step: u64, sample: u32, positive: usize, classes: usize) -> usize {
    assert!(classes > 1, "another class of {classes}");
    /// Tells these draws from those of other methods: "slds" in ASCII.
    const PURPOSE: u32 = 0x736c_6473;
    let halves = |x: u64| [x as u32, (x >> 32) as u32];
    let [low, high] = halves(step);
    let [a, b, ..] = philox4x32([sample, PURPOSE, low, high], halves(seed));
    let bits = u128::from(a) | u128::from(b) << 32;
    let other = ((bits * (classes as u128 - 1)) >> 64) as usize;
    other + usize::from(other >= positive)
}

/// Where [`AnSlds`] has its other classes from.
#[derive(Clone, Debug, PartialEq)]
pub enum OtherClass {
    /// [`other_class`] with this seed.
    Drawn {
        /// Seed of the draws.
        seed: u64,
    },
    /// One for each row of the batch.
    Given(Vec<u32>),
}

/// The observed class of a row and one other class of it ("same location, different species").
///
/// ```text
/// L = 1/B sum over rows of [L_e(p) at the positive + L_e(n) at one other class]
/// ```
/// with L_e(x) = -ln(x + e). With `entropy` L_e(n) is -[p L_e(p) + n L_e(n)]. Every row has exactly one positive. The other class
/// is drawn anew in every step ([`other_class`]); a batch without sample ids takes the place in the batch for the row.
///
/// Cole et al., ICML 2023; elijahcole/sinr@700956fdc0c4, losses.py (`an_slds`, `an_slds_me`).
///
/// ```
/// use lacuna_loss_api::{Label, LossGrad, LossInput, MultiLabelLoss};
/// use lacuna_presence::{AnSlds, OtherClass, PresenceConfig};
///
/// let z = [0.5, -1.0, 3.0];
/// let labels = [Label::Positive, Label::Unknown, Label::Unknown];
/// let (logits, mut dz) = ([&z[..]], [0.0; 3]);
/// let mut loss = AnSlds::new(PresenceConfig::default(), OtherClass::Given(vec![2]))?;
/// loss.evaluate(&LossInput::new(&logits, 1, 3, &labels), LossGrad::Into(&mut [&mut dz]))?;
/// assert!(dz[0] < 0.0 && dz[1] == 0.0 && dz[2] > 0.0);
/// # Ok::<(), lacuna_loss_api::LossError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct AnSlds {
    config: PresenceConfig,
    others: OtherClass,
}

impl AnSlds {
    /// Loss metadata.
    pub const INFO: &LossInfo = &SLDS;

    /// The loss with these parameters.
    ///
    /// # Errors
    /// [`LossError::Parameter`] if one is out of its range.
    pub fn new(config: PresenceConfig, others: OtherClass) -> Result<Self, LossError> {
        Ok(Self { config: config.check(&SLDS)?, others })
    }

    /// The other class of a row.
    fn other(&self, input: &LossInput<'_>, row: usize, positive: usize) -> usize {
        match &self.others {
            OtherClass::Drawn { seed } => {
                let sample = input.sample_ids.get(row).copied().unwrap_or(row as u32);
                other_class(*seed, input.step, sample, positive, input.classes)
            }
            OtherClass::Given(others) => others[row] as usize,
        }
    }

    fn check_given(&self, input: &LossInput<'_>) -> Result<(), LossError> {
        let OtherClass::Given(others) = &self.others else { return Ok(()) };
        let wrong = |text: String| Err(LossError::Unsupported(format!("{}: {text}", SLDS.name)));
        if others.len() != input.rows {
            return wrong(format!("{} other classes were given for {} rows", others.len(), input.rows));
        }
        for (row, (positive, &other)) in positives(input).zip(others).enumerate() {
            if other as usize >= input.classes || other as usize == positive {
                return wrong(format!(
                    "the other class of row {row} is {other}; it has to be one that is not positive"
                ));
            }
        }
        Ok(())
    }
}

impl MultiLabelLoss for AnSlds {
    fn info(&self) -> &'static LossInfo {
        &SLDS
    }

    fn draws_classes(&self) -> bool {
        true
    }

    fn evaluate(&mut self, input: &LossInput<'_>, grad: LossGrad<'_, '_>) -> Result<f32, LossError> {
        input.check(SLDS.name, 1, &grad)?;
        input.check_hard(SLDS.name)?;
        if input.classes < 2 {
            return Err(LossError::Classes { loss: SLDS.name, needed: 2, found: input.classes });
        }
        input.check_one_positive(SLDS.name)?;
        self.check_given(input)?;
        if let Some(error) = input.first_non_finite() {
            return Err(error);
        }
        let (by, classes, z) = (scale(&self.config, input), input.classes, input.logits[0]);
        let PresenceConfig { entropy, log_epsilon: e, .. } = self.config;
        let mut dz = grad.into_single();
        if let Some(dz) = &mut dz {
            dz.fill(0.0);
        }
        let mut total = 0.0;
        for (row, positive) in positives(input).enumerate() {
            let (seen, other) = (row * classes + positive, row * classes + self.other(input, row, positive));
            let (value, slope) = present(f64::from(z[seen]), e);
            let (of_other, slope_of_other) = absent(f64::from(z[other]), e, entropy);
            total += value + of_other;
            if let Some(dz) = &mut dz {
                (dz[seen], dz[other]) = ((by * slope) as f32, (by * slope_of_other) as f32);
            }
        }
        Ok((by * total) as f32)
    }

    fn reference(&self, z: &[&[Dual]], input: &LossInput<'_>) -> Dual {
        let place = |row: usize, class: usize| z[0][row * input.classes + class];
        let seen: Vec<Dual> = positives(input).enumerate().map(|(row, class)| place(row, class)).collect();
        let others =
            positives(input).enumerate().map(|(row, class)| place(row, self.other(input, row, class)));
        let PresenceConfig { entropy, log_epsilon, .. } = self.config;
        let sum = reference::pairs(
            &seen,
            &others.collect::<Vec<Dual>>(),
            (log_epsilon, entropy),
            Complement::Exact,
        );
        sum * Dual::of(scale(&self.config, input))
    }
}

/// The observed class of a row and the same class of a background row ("same species, different location").
///
/// ```text
/// L = 1/B sum over rows of [L_e(p) at the positive + L_e(n') at the same class of the background row of the same index]
/// ```
/// The second logit matrix is that of the background rows; the rest is as in [`AnSlds`].
///
/// Cole et al., ICML 2023; elijahcole/sinr@700956fdc0c4, losses.py (`an_ssdl`, `an_ssdl_me`).
#[derive(Clone, Debug, PartialEq)]
pub struct AnSsdl {
    config: PresenceConfig,
}

impl AnSsdl {
    /// Loss metadata.
    pub const INFO: &LossInfo = &SSDL;

    /// The loss with these parameters.
    ///
    /// # Errors
    /// [`LossError::Parameter`] if one is out of its range.
    pub fn new(config: PresenceConfig) -> Result<Self, LossError> {
        Ok(Self { config: config.check(&SSDL)? })
    }
}

impl MultiLabelLoss for AnSsdl {
    fn info(&self) -> &'static LossInfo {
        &SSDL
    }

    fn takes(&self) -> Takes {
        Takes::Background
    }

    fn evaluate(&mut self, input: &LossInput<'_>, grad: LossGrad<'_, '_>) -> Result<f32, LossError> {
        input.check(SSDL.name, 2, &grad)?;
        input.check_hard(SSDL.name)?;
        input.check_one_positive(SSDL.name)?;
        if let Some(error) = input.first_non_finite() {
            return Err(error);
        }
        let (by, [z, background]) = (scale(&self.config, input), [input.logits[0], input.logits[1]]);
        let PresenceConfig { entropy, log_epsilon: e, .. } = self.config;
        let (mut dz, mut db) = both(grad);
        for gradient in [&mut dz, &mut db].into_iter().flatten() {
            gradient.fill(0.0);
        }
        let mut total = 0.0;
        for (row, positive) in positives(input).enumerate() {
            let cell = row * input.classes + positive;
            let (value, slope) = present(f64::from(z[cell]), e);
            let (of_background, slope_of_background) = absent(f64::from(background[cell]), e, entropy);
            total += value + of_background;
            if let (Some(dz), Some(db)) = (&mut dz, &mut db) {
                (dz[cell], db[cell]) = ((by * slope) as f32, (by * slope_of_background) as f32);
            }
        }
        Ok((by * total) as f32)
    }

    fn reference(&self, z: &[&[Dual]], input: &LossInput<'_>) -> Dual {
        let of = |z: &[Dual]| -> Vec<Dual> {
            positives(input).enumerate().map(|(row, class)| z[row * input.classes + class]).collect()
        };
        let PresenceConfig { entropy, log_epsilon, .. } = self.config;
        let sum = reference::pairs(&of(z[0]), &of(z[1]), (log_epsilon, entropy), Complement::Exact);
        sum * Dual::of(scale(&self.config, input))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lacuna_loss_api::{Label, conformance};

    #[test]
    fn conforms() {
        for entropy in [false, true] {
            for log_epsilon in [1e-5, 0.0, 0.1] {
                let config = PresenceConfig { entropy, log_epsilon, ..Default::default() };
                let others = OtherClass::Drawn { seed: 3 };
                conformance::check(&|_| Box::new(AnSlds::new(config.clone(), others.clone()).unwrap()));
                conformance::check(&|_| Box::new(AnSsdl::new(config.clone()).unwrap()));
            }
        }
    }

    /// Draws differ between seeds, steps and rows, and do not depend on where a row stands in its batch.
    #[test]
    fn draws_belong_to_the_seed_the_step_and_the_row() {
        let draws =
            |seed, step| -> Vec<usize> { (0..50).map(|i| other_class(seed, step, i, 3, 40)).collect() };
        assert_eq!(draws(1, 2), draws(1, 2));
        assert!(draws(1, 2) != draws(1, 3) && draws(1, 2) != draws(2, 2));
        assert!(draws(1, 2).iter().all(|class| *class < 40 && *class != 3));
        let mut loss = AnSlds::new(PresenceConfig::default(), OtherClass::Drawn { seed: 0 }).unwrap();
        let mut gradient = |ids: &[u32], step| {
            let (z, mut labels) = (vec![0.3; 40], vec![Label::Unknown; 40]);
            (labels[0], labels[20]) = (Label::Positive, Label::Positive);
            let (logits, mut dz) = ([&z[..]], vec![0.0; 40]);
            let mut input = LossInput::new(&logits, 2, 20, &labels);
            (input.sample_ids, input.step) = (ids, step);
            loss.evaluate(&input, LossGrad::Into(&mut [&mut dz])).unwrap();
            [dz[..20].to_vec(), dz[20..].to_vec()]
        };
        let [a, b] = gradient(&[8, 6], 0);
        assert_eq!(gradient(&[6, 8], 0), [b.clone(), a.clone()]);
        assert!(a != b && gradient(&[8, 6], 1) != [a, b]);
    }

    #[test]
    fn other_classes_that_are_given_are_checked() {
        let z = [0.5, -1.0, 3.0];
        let labels = [Label::Positive, Label::Unknown, Label::Unknown];
        let logits = [&z[..]];
        let input = LossInput::new(&logits, 1, 3, &labels);
        for others in [vec![], vec![0], vec![3], vec![1, 2]] {
            let mut loss = AnSlds::new(PresenceConfig::default(), OtherClass::Given(others)).unwrap();
            let result = loss.evaluate(&input, LossGrad::Unneeded);
            assert!(matches!(result, Err(LossError::Unsupported(_))), "{result:?}");
        }
    }
}
