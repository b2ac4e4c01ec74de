//! Unbiased and non-negative risk.

use crate::reference;
use lacuna_loss_api::columns::{self, ClassSums};
use lacuna_loss_api::pointwise::ClassVector;
use lacuna_loss_api::{
    Dual, Interval, Label, LabelUse, LossError, LossGrad, LossInfo, LossInput, MultiLabelLoss, ParamInfo,
    Real, Reduction, f32x8, math,
};
use std::ops::Range;

/// Share of the positives of a class that was observed: what turns a share of observed positives into a prior.
pub(crate) const KEPT: ParamInfo = ParamInfo {
    name: "kept",
    default: Some(1.0),
    range: Interval { low: 1e-9, high: 1.0, open: false, whole: false },
    doc: "share of the positives that was observed: the prior of a class is its observed share divided by this. 1 \
          is our choice, and too low a prior wherever labels are missing",
};

const fn info(
    name: &'static str,
    title: &'static str,
    paper: &'static str,
    year: u16,
    formula: &'static str,
    params: &'static [ParamInfo],
) -> LossInfo {
    LossInfo {
        name,
        title,
        paper,
        year,
        experimental: false,
        labels: LabelUse::UnknownAsUnknown,
        formula,
        params,
    }
}

static UNBIASED: LossInfo = info(
    "upu",
    "unbiased positive-unlabelled risk",
    "du Plessis, Niu and Sugiyama, Convex Formulation for Learning from Positive and Unlabeled Data, ICML",
    2015,
    "L = mean over classes of pi mean_P l(z) + mean_U l(-z) - pi mean_P l(-z)",
    &[KEPT],
);
static NON_NEGATIVE: LossInfo = info(
    "nnpu",
    "non-negative positive-unlabelled risk",
    "Kiryo, Niu, du Plessis and Sugiyama, Positive-Unlabeled Learning with Non-Negative Risk Estimator, NeurIPS",
    2017,
    "as upu; where R- = mean_U l(-z) - pi mean_P l(-z) < -beta the gradient is that of -gamma R-",
    &[
        KEPT,
        ParamInfo {
            name: "beta",
            default: Some(0.0),
            range: Interval::at_least(0.0),
            doc: "how far below 0 the negative risk may fall. 0 in the authors' code",
        },
        ParamInfo {
            name: "gamma",
            default: Some(1.0),
            range: Interval::at_least(0.0),
            doc: "step size of the way back. 1 in the authors' code",
        },
    ],
);

/// Which estimate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Risk {
    /// uPU.
    Unbiased,
    /// nnPU.
    NonNegative,
}

impl Risk {
    /// Loss metadata.
    pub const fn info(self) -> &'static LossInfo {
        match self {
            Risk::Unbiased => &UNBIASED,
            Risk::NonNegative => &NON_NEGATIVE,
        }
    }
}

/// What a wrong sign costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surrogate {
    /// l(m) = sigma(-m): the authors' default.
    Sigmoid,
    /// l(m) = softplus(-m).
    Logistic,
}

/// Parameters of [`Pu`].
#[derive(Clone, Debug, PartialEq)]
pub struct PuConfig {
    /// What a wrong sign costs.
    pub surrogate: Surrogate,
    /// [`Risk::NonNegative`]: how far below 0 the negative risk may fall, >= 0.
    pub beta: f64,
    /// [`Risk::NonNegative`]: step size >= 0 of the way back.
    pub gamma: f64,
    /// Whether positives are among the unlabelled rows.
    pub unlabelled_includes_positives: bool,
    /// How the loss is scaled: `Mean` is the mean over classes, the others in proportion.
    pub reduction: Reduction,
}

impl Default for PuConfig {
    /// Sigmoid, 0, 1, positives apart, mean over classes.
    fn default() -> Self {
        Self {
            surrogate: Surrogate::Sigmoid,
            beta: 0.0,
            gamma: 1.0,
            unlabelled_includes_positives: false,
            reduction: Reduction::Mean,
        }
    }
}

/// The risk of a classifier from positives, unlabelled rows and the prior of each class.
///
/// ```text
/// R+ = pi mean_P l(z),   R- = mean_U l(-z) - pi mean_P l(-z)
/// uPU:  L = R+ + R-
/// nnPU: L = R+ + R- with its gradient where R- >= -beta; else L = R+ - beta with the gradient of -gamma R-
/// ```
/// Means are over the rows of the batch, one class at a time, with denominators of at least 1; L is the mean over
/// classes. In the second case of nnPU the gradient is not that of the value: it walks back, as published.
///
/// Kiryo et al., NeurIPS 2017, algorithm 1; kiryor/nnPUlearning@3d9769e60dd2, pu_loss.py.
#[derive(Clone, Debug, PartialEq)]
pub struct Pu {
    risk: Risk,
    config: PuConfig,
    priors: Vec<f64>,
    /// Per class: positives, sums of l(z) and l(-z) over them, sum of l(-z) over all rows.
    sums: [ClassSums; 4],
    /// Per class: factors of dl(z)/dz and dl(-z)/dz at positives and of dl(-z)/dz elsewhere.
    factors: [ClassVector; 3],
}

impl Pu {
    /// The loss for these class priors in (0, 1).
    ///
    /// # Errors
    /// [`LossError::Parameter`] for a prior or parameter out of its range, [`LossError::Classes`] without any class.
    pub fn new(risk: Risk, config: PuConfig, priors: &[f64]) -> Result<Self, LossError> {
        let (loss, range) = (risk.info().name, Interval::open(0.0, 1.0));
        NON_NEGATIVE.check("beta", config.beta)?;
        NON_NEGATIVE.check("gamma", config.gamma)?;
        if priors.is_empty() {
            return Err(LossError::Classes { loss, needed: 1, found: 0 });
        }
        if let Some(&value) = priors.iter().find(|p| !range.contains(**p)) {
            return Err(LossError::Parameter { loss, parameter: "prior", value, range });
        }
        let (sums, factors) = Default::default();
        Ok(Self { risk, config, priors: priors.to_vec(), sums, factors })
    }

    /// What the sum over classes is multiplied with, 1 / C for the mean.
    fn scale(&self, input: &LossInput<'_>) -> f64 {
        self.config.reduction.factor(&input.targets) * input.rows as f64
    }
}

/// (l(z), dl(z)/dz, l(-z), dl(-z)/dz).
#[inline]
fn losses(z: f32x8, of: Surrogate) -> (f32x8, f32x8, f32x8, f32x8) {
    match of {
        Surrogate::Sigmoid => {
            let (p, n) = math::sigmoid_pair(z);
            (n, -(p * n), p, p * n)
        }
        Surrogate::Logistic => {
            let log = math::logistic(z);
            (log.neg_ln_p, -log.n, log.neg_ln_n, log.p)
        }
    }
}

impl MultiLabelLoss for Pu {
    fn info(&self) -> &'static LossInfo {
        self.risk.info()
    }

    fn evaluate(&mut self, input: &LossInput<'_>, grad: LossGrad<'_, '_>) -> Result<f32, LossError> {
        let name = self.info().name;
        input.check(name, 1, &grad)?;
        input.check_hard(name)?;
        let (classes, rows, by) = (input.classes, input.rows as f64, self.scale(input));
        if classes != self.priors.len() {
            let built = self.priors.len();
            let message = format!("{name} was built for {built} classes, the batch has {classes}");
            return Err(LossError::Unsupported(message));
        }
        if let Some(error) = input.first_non_finite() {
            return Err(error);
        }
        let PuConfig { surrogate, beta, gamma, unlabelled_includes_positives: all, .. } = self.config;
        let (zero, one) = (f32x8::splat(0.0), f32x8::splat(1.0));
        let [count, right, wrong, unlabelled] = &mut self.sums;
        for sums in [&mut *count, &mut *right, &mut *wrong, &mut *unlabelled] {
            sums.clear(classes);
        }
        columns::visit(input, |class, z, label| {
            let positive = label.simd_gt(zero);
            let (l, _, l_neg, _) = losses(z, surrogate);
            unlabelled.add(class, l_neg);
            if positive.any() {
                count.add(class, positive.select(one, zero));
                right.add(class, positive.select(l, zero));
                wrong.add(class, positive.select(l_neg, zero));
            }
        });
        let factor = |class: usize| {
            let (n, pi) = (count.values()[class], self.priors[class]);
            let wrong = wrong.values()[class];
            let (sum, others) = if all {
                (unlabelled.values()[class], rows)
            } else {
                (unlabelled.values()[class] - wrong, rows - n)
            };
            let (per_positive, per_other) = (pi / n.max(1.0), 1.0 / others.max(1.0));
            let at_positive = if all { per_other } else { 0.0 } - per_positive;
            let negative = per_other * sum - per_positive * wrong;
            let positive = per_positive * right.values()[class];
            if self.risk == Risk::NonNegative && negative < -beta {
                return (positive - beta, [0.0, -gamma * at_positive, -gamma * per_other]);
            }
            (positive + negative, [per_positive, at_positive, per_other])
        };
        let value: f64 = (0..classes).map(|class| factor(class).0).sum();
        for (i, factors) in self.factors.iter_mut().enumerate() {
            factors.set((0..classes).map(|class| (by * factor(class).1[i]) as f32));
        }
        let [a, b, c] = &self.factors;
        if let Some(dz) = grad.into_single() {
            columns::write(input, dz, |class, z, label| {
                let (_, d, _, d_neg) = losses(z, surrogate);
                let at_positive = a.at(class) * d + b.at(class) * d_neg;
                label.simd_gt(zero).select(at_positive, c.at(class) * d_neg)
            });
        }
        Ok((by * value) as f32)
    }

    /// The derivative is that of the training, which for nnPU need not be that of the value.
    fn cut(&mut self, classes: Range<usize>) {
        self.priors = self.priors[classes].to_vec();
    }

    fn reference(&self, z: &[&[Dual]], input: &LossInput<'_>) -> Dual {
        let PuConfig { surrogate, beta, gamma, unlabelled_includes_positives: all, .. } = self.config;
        let class = |class: usize| {
            let z: Vec<Dual> = z[0][class..].iter().step_by(input.classes).copied().collect();
            let labels = input.targets.labels[class..].iter().step_by(input.classes);
            let labels: Vec<Label> = labels.copied().collect();
            let (positive, negative) = reference::risks(&z, &labels, self.priors[class], surrogate, all);
            if self.risk == Risk::NonNegative && negative.value() < -beta {
                let trained = Dual::of(-gamma) * negative;
                return (positive - Dual::of(beta)).detach() + (trained - trained.detach());
            }
            positive + negative
        };
        let sum = Real::sum((0..input.classes).map(class));
        sum * Dual::of(self.scale(input))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lacuna_loss_api::conformance;

    #[test]
    fn conforms() {
        for risk in [Risk::Unbiased, Risk::NonNegative] {
            for surrogate in [Surrogate::Sigmoid, Surrogate::Logistic] {
                for (unlabelled_includes_positives, beta, gamma) in
                    [(false, 0.0, 1.0), (true, 0.05, 0.5), (true, 0.0, 2.0)]
                {
                    let config = PuConfig {
                        surrogate,
                        beta,
                        gamma,
                        unlabelled_includes_positives,
                        ..Default::default()
                    };
                    let build = |step: f64| {
                        let config = config.clone();
                        move |classes| {
                            let priors: Vec<f64> =
                                (0..classes).map(|c| 0.9 - step * (c % 8) as f64).collect();
                            Box::new(Pu::new(risk, config.clone(), &priors).unwrap()) as Box<_>
                        }
                    };
                    conformance::check_by_class(&build(0.1));
                    conformance::check(&build(0.0));
                }
            }
        }
    }

    #[test]
    fn priors_and_parameters_are_checked() {
        let good = PuConfig::default();
        for (config, priors) in [
            (good.clone(), vec![0.5, 1.0]),
            (good.clone(), vec![0.0]),
            (PuConfig { beta: -1.0, ..good.clone() }, vec![0.5]),
            (PuConfig { gamma: f64::NAN, ..good }, vec![0.5]),
        ] {
            assert!(matches!(Pu::new(Risk::Unbiased, config, &priors), Err(LossError::Parameter { .. })));
        }
    }
}
