//! The full weighted loss.

use crate::reference::{self, Complement};
use crate::{LOG_EPSILON, absent, both, present};
use lacuna_loss_api::pointwise::{self, ByClass, ClassVector, Entry, Pointwise};
use lacuna_loss_api::{
    Dual, Interval, LabelUse, LossError, LossGrad, LossInfo, LossInput, MultiLabelLoss, ParamInfo, Real,
    Reduction, Takes, f32x8,
};

static INFO: LossInfo = LossInfo {
    name: "presence-full-weighted",
    title: "full weighted loss of presences, pseudo-absences and background rows",
    paper: "Zbinden, van Tiel, Kellenberger, Hughes and Tuia, On the selection and effectiveness of pseudo-absences for species \
            distribution modeling with deep learning, Ecological Informatics",
    year: 2024,
    experimental: false,
    labels: LabelUse::UnknownAsNegative,
    formula: "L = mean of [l1 w Lp(p) observed, l2/(1-1/w) Ln(p) elsewhere] + (1-l2) mean of Ln(p) at background rows",
    params: &[
        ParamInfo {
            name: "lambda_1",
            default: Some(1.0),
            range: Interval::at_least(0.0),
            doc: "weight l1 of presences. 1 in the authors' code",
        },
        ParamInfo {
            name: "lambda_2",
            default: Some(0.8),
            range: Interval::closed(0.0, 1.0),
            doc: "share l2 of the cells of the batch in the absences; the background rows have the rest. 0.8 in the authors' code",
        },
        ParamInfo {
            name: "weighting",
            default: Some(0.0),
            range: Interval { low: 0.0, high: 3.0, open: false, whole: true },
            doc: "weights w of the classes: 0 rows / (positives + 1e-5), 1 the same within 0.05..20, 2 its square root, 3 all 2. \
                  0 in the authors' code",
        },
        LOG_EPSILON,
    ],
};

/// How class weights come from the number of positives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClassWeighting {
    /// rows / (positives + 1e-5).
    InverselyProportional,
    /// The same within 0.05..20.
    Clipped,
    /// Its square root.
    SquareRoot,
    /// 2 for every class, so that presences and absences weigh the same.
    Uniform,
}

impl ClassWeighting {
    /// All of them, in the order of the parameter `weighting`.
    pub const ALL: [Self; 4] = [Self::InverselyProportional, Self::Clipped, Self::SquareRoot, Self::Uniform];
}

/// The weights w of the classes.
///
/// eceo-epfl/SDM-full-weighted-loss@56e1a2b7ee15, losses.py (`get_species_weights`).
///
/// ```
/// use lacuna_presence::{ClassWeighting, class_weights};
///
/// let weights = class_weights(100.0, &[50.0, 1.0], ClassWeighting::Clipped);
/// assert!((weights[0] - 2.0).abs() < 1e-6 && weights[1] == 20.0);
/// ```
pub fn class_weights(rows: f64, positives: &[f64], weighting: ClassWeighting) -> Vec<f64> {
    let weight = |n: &f64| {
        let inverse = rows / (n + 1e-5);
        match weighting {
            ClassWeighting::InverselyProportional => inverse,
            ClassWeighting::Clipped => inverse.clamp(0.05, 20.0),
            ClassWeighting::SquareRoot => inverse.sqrt(),
            ClassWeighting::Uniform => 2.0,
        }
    };
    positives.iter().map(weight).collect()
}

/// Parameters of [`FullWeighted`].
#[derive(Clone, Debug, PartialEq)]
pub struct FullWeightedConfig {
    /// Weight >= 0 of presences.
    pub lambda_1: f64,
    /// Share in [0, 1] of the cells of the batch in the absences.
    pub lambda_2: f64,
    /// Guard e of the logarithms, in [0, 0.5]; 0 is the stable form.
    pub log_epsilon: f64,
    /// How the entries become one number.
    pub reduction: Reduction,
}

impl Default for FullWeightedConfig {
    /// The published parameters: 1, 0.8, 1e-5, mean.
    fn default() -> Self {
        Self { lambda_1: 1.0, lambda_2: 0.8, log_epsilon: 1e-5, reduction: Reduction::Mean }
    }
}

/// Presences, cells of the same rows assumed absent, and background rows assumed absent, weighted by class.
///
/// ```text
/// L = 1/BC sum [l1 w_c L_e(p) at positives, l2 / (1 - 1/w_c) L_e(n) elsewhere] + (1 - l2)/BC sum L_e(n')
/// ```
/// with L_e(x) = -ln(x + e), n' = sigma(-z') at the second logit matrix, that of background rows, and w_c from
/// [`class_weights`]. Observed negatives and unknown cells are the same. Every w_c has to be above 1: in the authors' code a class
/// that is positive in (nearly) every row gets an infinite or negative weight of its absences, which is an error here.
///
/// Zbinden et al., 2024; eceo-epfl/SDM-full-weighted-loss@56e1a2b7ee15, losses.py (`full_weighted_loss`).
///
/// ```
/// use lacuna_loss_api::{Label, LossGrad, LossInput, MultiLabelLoss};
/// use lacuna_presence::{FullWeighted, FullWeightedConfig};
///
/// let (z, background) = ([0.5, -1.0], [0.0, 2.0]);
/// let labels = [Label::Positive, Label::Unknown];
/// let logits = [&z[..], &background[..]];
/// let (mut dz, mut db) = ([0.0; 2], [0.0; 2]);
/// let mut loss = FullWeighted::new(FullWeightedConfig::default(), &[3.0, 30.0])?;
/// loss.evaluate(&LossInput::new(&logits, 1, 2, &labels), LossGrad::Into(&mut [&mut dz, &mut db]))?;
/// assert!(dz[0] < 0.0 && dz[1] > 0.0 && db[0] > 0.0 && db[1] > db[0]);
/// # Ok::<(), lacuna_loss_api::LossError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct FullWeighted {
    config: FullWeightedConfig,
    class_weights: Vec<f64>,
    /// Weights of presences and of absences.
    presence: ClassVector,
    absence: ClassVector,
}

impl FullWeighted {
    /// Loss metadata.
    pub const INFO: &LossInfo = &INFO;

    /// The loss for classes of these weights.
    ///
    /// # Errors
    /// [`LossError::Parameter`] if a parameter is out of its range or a weight is not above 1, [`LossError::Classes`] without any
    /// class.
    pub fn new(config: FullWeightedConfig, class_weights: &[f64]) -> Result<Self, LossError> {
        let FullWeightedConfig { lambda_1, lambda_2, log_epsilon, .. } = config;
        INFO.check("lambda_1", lambda_1)?;
        INFO.check("lambda_2", lambda_2)?;
        INFO.check("log_epsilon", log_epsilon)?;
        if class_weights.is_empty() {
            return Err(LossError::Classes { loss: INFO.name, needed: 1, found: 0 });
        }
        let range = Interval::above(1.0);
        if let Some(class) = class_weights.iter().position(|w| !range.contains(*w)) {
            let weight = class_weights[class];
            return Err(LossError::Unsupported(format!(
                "{}: the weight of class {class} is {weight}, and that of its absences would be 1 / (1 - 1/{weight}); weights have \
                 to be in {range}. The class is positive in every row: `weighting = 3` weights all classes alike",
                INFO.name
            )));
        }
        let presence = class_weights.iter().map(|w| lambda_1 * w).collect::<Vec<f64>>();
        let absence = class_weights.iter().map(|w| lambda_2 / (1.0 - 1.0 / w)).collect::<Vec<f64>>();
        let (presence, absence) = (ClassVector::new(&presence), ClassVector::new(&absence));
        Ok(Self { config, class_weights: class_weights.to_vec(), presence, absence })
    }
}

/// A cell of a batch.
struct Cell<'a, const GUARDED: bool> {
    guard: f32x8,
    presence: &'a ClassVector,
    absence: &'a ClassVector,
}

impl<const GUARDED: bool> ByClass for Cell<'_, GUARDED> {
    #[inline(always)]
    fn at(&self, class: usize, z: f32x8, label: f32x8) -> Entry {
        let (seen, rest) = (present::<GUARDED>(z, self.guard), absent::<GUARDED>(z, self.guard, false));
        let (yes, no) = (self.presence.at(class), self.absence.at(class));
        let positive = label.simd_gt(f32x8::splat(0.0));
        Entry::new(
            positive.select(yes * seen.value, no * rest.value),
            positive.select(yes * seen.slope, no * rest.slope),
        )
    }
}

/// A cell of a background row.
struct Background<const GUARDED: bool> {
    guard: f32x8,
}

impl<const GUARDED: bool> Pointwise for Background<GUARDED> {
    #[inline(always)]
    fn at(&self, z: f32x8, _: f32x8) -> Entry {
        absent::<GUARDED>(z, self.guard, false)
    }
}

impl FullWeighted {
    fn sums<const GUARDED: bool>(
        &self,
        input: &LossInput<'_>,
        grad: LossGrad<'_, '_>,
        factor: f64,
    ) -> Option<f64> {
        let (classes, labels) = (input.classes, input.targets.labels);
        let guard = f32x8::splat(self.config.log_epsilon as f32);
        let cell = Cell::<GUARDED> { guard, presence: &self.presence, absence: &self.absence };
        let (dz, db) = both(grad);
        let mut dz = dz.map(|dz| dz.chunks_mut(classes));
        let mut total = 0.0;
        for (z, labels) in input.logits[0].chunks(classes).zip(labels.chunks(classes)) {
            let dz = dz.as_mut().and_then(Iterator::next);
            total += factor * pointwise::sum(&cell, z, labels, dz, factor as f32)?;
        }
        let by = factor * (1.0 - self.config.lambda_2);
        let background = Background::<GUARDED> { guard };
        Some(total + by * pointwise::sum(&background, input.logits[1], labels, db, by as f32)?)
    }
}

impl MultiLabelLoss for FullWeighted {
    fn info(&self) -> &'static LossInfo {
        &INFO
    }

    fn takes(&self) -> Takes {
        Takes::Background
    }

    fn evaluate(&mut self, input: &LossInput<'_>, grad: LossGrad<'_, '_>) -> Result<f32, LossError> {
        input.check(INFO.name, 2, &grad)?;
        input.check_hard(INFO.name)?;
        let built = self.class_weights.len();
        if input.classes != built {
            return Err(LossError::Unsupported(format!(
                "{} was built for {built} classes, the batch has {}",
                INFO.name, input.classes
            )));
        }
        let factor = self.config.reduction.factor(&input.targets);
        let total = if self.config.log_epsilon > 0.0 {
            self.sums::<true>(input, grad, factor)
        } else {
            self.sums::<false>(input, grad, factor)
        };
        total.map(|total| total as f32).ok_or_else(|| pointwise::non_finite(input))
    }

    fn reference(&self, z: &[&[Dual]], input: &LossInput<'_>) -> Dual {
        let FullWeightedConfig { lambda_1, lambda_2, log_epsilon, reduction } = self.config;
        let (labels, weights) = (input.targets.labels, &self.class_weights);
        let (lambdas, both) = ((lambda_1, lambda_2), [z[0], z[1]]);
        let sum = reference::full_weighted(both, labels, weights, lambdas, log_epsilon, Complement::Exact);
        sum * Dual::of(reduction.factor(&input.targets))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lacuna_loss_api::conformance;

    #[test]
    fn conforms() {
        for (lambda_1, lambda_2, log_epsilon) in [(1.0, 0.8, 1e-5), (0.7, 1.0, 0.0), (0.0, 0.0, 0.1)] {
            let config = FullWeightedConfig { lambda_1, lambda_2, log_epsilon, ..Default::default() };
            let build = |step: f64| {
                let config = config.clone();
                move |classes: usize| {
                    let weights: Vec<f64> = (0..classes).map(|c| 1.5 + step * (c % 9) as f64).collect();
                    Box::new(FullWeighted::new(config.clone(), &weights).unwrap()) as Box<_>
                }
            };
            conformance::check_by_class(&build(3.0));
            conformance::check(&build(0.0));
        }
    }

    #[test]
    fn parameters_and_weights_are_checked() {
        let base = FullWeightedConfig::default;
        for config in [
            FullWeightedConfig { lambda_1: -1.0, ..base() },
            FullWeightedConfig { lambda_2: 1.1, ..base() },
            FullWeightedConfig { log_epsilon: f64::NAN, ..base() },
        ] {
            assert!(matches!(FullWeighted::new(config, &[2.0]), Err(LossError::Parameter { .. })));
        }
        // A class that is positive in every row: rows / (rows + 1e-5).
        let weights = class_weights(10.0, &[3.0, 10.0], ClassWeighting::InverselyProportional);
        let error = FullWeighted::new(base(), &weights).unwrap_err().to_string();
        assert!(error.contains("class 1") && error.contains("weighting = 3"), "{error}");
        assert!(matches!(FullWeighted::new(base(), &[]), Err(LossError::Classes { .. })));
    }
}
