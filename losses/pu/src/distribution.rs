//! Risks that compare the mean prediction with the prior of a class: CRISP and Dist-PU.

use crate::priors::{Estimation, Priors};
use crate::pu::KEPT;
use crate::reference;
use lacuna_loss_api::columns::{self, ClassSums};
use lacuna_loss_api::pointwise::{self, ClassVector, Entry, Pointwise};
use lacuna_loss_api::{
    Dual, Interval, Label, LabelUse, LossError, LossGrad, LossInfo, LossInput, MultiLabelLoss, ParamInfo,
    Real, Reduction, StateEntry, TrainPass, f32x8, math,
};
use std::ops::Range;

const fn warm_up(default: f64, doc: &'static str) -> ParamInfo {
    ParamInfo { name: "warm_up", default: Some(default), range: Interval::whole_from(0.0), doc }
}

const fn every(default: f64, doc: &'static str) -> ParamInfo {
    ParamInfo { name: "every", default: Some(default), range: Interval::whole_from(0.0), doc }
}

static CRISP: LossInfo = LossInfo {
    name: "crisp",
    title: "class-prior risk with estimated priors (CRISP)",
    paper: "Liu, Xu, Wang and Geng, Can Class-Priors Help Single-Positive Multi-Label Learning?, arXiv 2309.13886",
    year: 2023,
    experimental: false,
    labels: LabelUse::UnknownAsUnknown,
    formula: "L = mean over classes of 2 pi mean_P n + |mean p - pi|; before that warm_up epochs of lp on P, ln elsewhere",
    params: &[
        KEPT,
        warm_up(
            5.0,
            "epochs of assume-negative cross-entropy before the risk. The method has some; 5 is our choice",
        ),
        every(
            1.0,
            "epochs between estimates of the priors from the scores of the training rows; 0 keeps those of `kept`. 1 in \
             the method",
        ),
    ],
};

static DIST_PU: LossInfo = LossInfo {
    name: "dist-pu",
    title: "label distribution alignment (Dist-PU)",
    paper: "Zhao, Xu, Jiang, Wen and Huang, Dist-PU: Positive-Unlabeled Learning from a Label Distribution Perspective, CVPR",
    year: 2022,
    experimental: false,
    labels: LabelUse::UnknownAsUnknown,
    formula: "L = mean over classes of mean_P n + |mean_U p - pi| / (2 pi) + mu mean_U H(p)",
    params: &[
        KEPT,
        ParamInfo {
            name: "entropy_weight",
            default: Some(0.002),
            range: Interval::at_least(0.0),
            doc: "weight mu of the entropy of unlabelled predictions. 0.002 in the first 60 epochs of the authors' code",
        },
        ParamInfo {
            name: "entropy_clamp",
            default: Some(10.0),
            range: Interval::above(0.0),
            doc: "logits are clamped to +- this in the entropy. 10 in the authors' code",
        },
        warm_up(0.0, "epochs of assume-negative cross-entropy before the risk. None in the authors' code"),
        every(
            0.0,
            "epochs between estimates of the priors from the scores of the training rows; 0 keeps those of `kept`, as the \
             authors' code keeps the true ones",
        ),
    ],
};

/// Which risk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alignment {
    /// 2 pi mean_P n + |mean p - pi|, the second mean over all rows.
    Crisp,
    /// mean_P n + |mean_U p - pi| / (2 pi) + mu mean_U H(p), U the rows that are not positive.
    DistPu,
}

impl Alignment {
    /// Loss metadata.
    pub const fn info(self) -> &'static LossInfo {
        match self {
            Self::Crisp => &CRISP,
            Self::DistPu => &DIST_PU,
        }
    }

    /// Weights of the mean over positives and of the distance from the prior.
    fn weights(self, prior: f64) -> (f64, f64) {
        match self {
            Self::Crisp => (2.0 * prior, 1.0),
            Self::DistPu => (1.0, 1.0 / (2.0 * prior)),
        }
    }
}

/// Parameters of [`LabelDistribution`].
#[derive(Clone, Debug, PartialEq)]
pub struct LabelDistributionConfig {
    /// [`Alignment::DistPu`]: weight mu >= 0 of the entropy.
    pub entropy_weight: f64,
    /// [`Alignment::DistPu`]: bound > 0 of the logits in the entropy.
    pub entropy_clamp: f64,
    /// When the priors are estimated.
    pub estimation: Estimation,
    /// How the loss is scaled: `Mean` is the mean over classes, the others in proportion.
    pub reduction: Reduction,
}

impl Default for LabelDistributionConfig {
    /// The published parameters with fixed priors: 0.002, 10, no warm-up, mean over classes.
    fn default() -> Self {
        let estimation = Estimation { warm_up: 0, every: 0 };
        Self { entropy_weight: 0.002, entropy_clamp: 10.0, estimation, reduction: Reduction::Mean }
    }
}

/// The risk of a classifier whose mean prediction is held to the prior of each class.
///
/// ```text
/// CRISP    L_c = 2 pi mean_P n + |mean p - pi|                        dL_c/dz = p n [sign(mean p - pi)/B - 2 pi/|P| on P]
/// Dist-PU  L_c = mean_P n + |mean_U p - pi|/(2 pi) + mu mean_U H(p)   dL_c/dz = p n [sign(mean_U p - pi)/(2 pi |U|) - mu z/|U|]
///                                                                     on U, -p n/|P| on P
/// ```
/// Means are over the rows of the batch, one class at a time; a mean over nothing is 0, and at mean p = pi the slope of the
/// absolute value is 0. H is the entropy at logits clamped to +-`entropy_clamp`, without a slope beyond. L is the mean over
/// classes. Observed negatives and unknown cells are the same. In the epochs of the warm-up the loss is assume-negative
/// cross-entropy, a mean over cells. With [`Estimation`] the priors are those that [`class_priors`](crate::class_priors) finds
/// in the scores of the training rows, at least the observed share of positives; they are the state of the loss.
///
/// Liu et al., arXiv 2309.13886; Zhao et al., CVPR 2022,
/// Ray-rui/Dist-PU-Positive-Unlabeled-Learning-from-a-Label-Distribution-Perspective@cb74be1a8717.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelDistribution {
    alignment: Alignment,
    config: LabelDistributionConfig,
    priors: Priors,
    /// Per class: positives, sum of n over them, sums of p and of H over the unlabelled rows.
    sums: [ClassSums; 4],
    /// Per class: factors of p n on unlabelled rows and on positives, and of z p n on unlabelled rows.
    factors: [ClassVector; 3],
}

impl LabelDistribution {
    /// The loss for these class priors in (0, 1).
    ///
    /// # Errors
    /// [`LossError::Parameter`] for a prior or a parameter out of its range, [`LossError::Classes`] without any class.
    pub fn new(
        alignment: Alignment,
        config: LabelDistributionConfig,
        priors: &[f64],
    ) -> Result<Self, LossError> {
        DIST_PU.check("entropy_weight", config.entropy_weight)?;
        DIST_PU.check("entropy_clamp", config.entropy_clamp)?;
        let priors = Priors::new(alignment.info(), priors, config.estimation)?;
        let (sums, factors) = Default::default();
        Ok(Self { alignment, config, priors, sums, factors })
    }

    /// The class priors in force.
    pub fn priors(&self) -> &[f64] {
        &self.priors.values
    }

    /// What the sum over classes is multiplied with, 1 / C for the mean.
    fn scale(&self, input: &LossInput<'_>) -> f64 {
        self.config.reduction.factor(&input.targets) * input.rows as f64
    }

    fn warms_up(&self, input: &LossInput<'_>) -> bool {
        input.epoch < self.config.estimation.warm_up
    }

    /// Weight of the entropy, and bound of its logits.
    fn entropy(&self) -> (f64, f64) {
        match self.alignment {
            Alignment::Crisp => (0.0, self.config.entropy_clamp),
            Alignment::DistPu => (self.config.entropy_weight, self.config.entropy_clamp),
        }
    }
}

/// lp on positives, ln elsewhere.
struct AssumeNegative;

impl Pointwise for AssumeNegative {
    #[inline(always)]
    fn at(&self, z: f32x8, label: f32x8) -> Entry {
        let l = math::logistic(z);
        let positive = label.simd_gt(f32x8::splat(0.0));
        Entry::new(positive.select(l.neg_ln_p, l.neg_ln_n), positive.select(-l.n, l.p))
    }
}

impl MultiLabelLoss for LabelDistribution {
    fn info(&self) -> &'static LossInfo {
        self.alignment.info()
    }

    fn evaluate(&mut self, input: &LossInput<'_>, grad: LossGrad<'_, '_>) -> Result<f32, LossError> {
        let name = self.info().name;
        input.check(name, 1, &grad)?;
        input.check_hard(name)?;
        let classes = input.classes;
        if classes != self.priors.values.len() {
            let built = self.priors.values.len();
            return Err(LossError::Unsupported(format!(
                "{name} was built for {built} classes, the batch has {classes}"
            )));
        }
        if self.warms_up(input) {
            return pointwise::evaluate(name, &AssumeNegative, input, grad, self.config.reduction);
        }
        if let Some(error) = input.first_non_finite() {
            return Err(error);
        }
        let (rows, by, all) = (input.rows as f64, self.scale(input), self.alignment == Alignment::Crisp);
        let (mu, bound) = self.entropy();
        let bound = f32x8::splat(bound as f32);
        let (zero, one) = (f32x8::splat(0.0), f32x8::splat(1.0));
        self.sums.iter_mut().for_each(|sums| sums.clear(classes));
        let [count, missed, predicted, entropy] = &mut self.sums;
        columns::visit(input, |class, z, label| {
            let (p, n) = math::sigmoid_pair(z);
            let positive = label.simd_gt(zero);
            predicted.add(class, if all { p } else { positive.select(zero, p) });
            if positive.any() {
                count.add(class, positive.select(one, zero));
                missed.add(class, positive.select(n, zero));
            }
            if mu > 0.0 {
                let l = math::logistic(z.min(bound).max(-bound));
                entropy.add(class, positive.select(zero, l.p * l.neg_ln_p + l.n * l.neg_ln_n));
            }
        });
        let (alignment, priors) = (self.alignment, &self.priors.values);
        let [count, missed, predicted, entropy] = self.sums.each_ref().map(ClassSums::values);
        let unlabelled = |c: usize| if all { rows } else { rows - count[c] };
        // How far the mean prediction is above the prior; nothing where no row is unlabelled.
        let gap = |c: usize| if unlabelled(c) > 0.0 { predicted[c] / unlabelled(c) - priors[c] } else { 0.0 };
        // Of a positive, of the distance from the prior, of the entropy of a row.
        let weights = |c: usize| {
            let (of_positives, of_gap) = alignment.weights(priors[c]);
            (of_positives / count[c].max(1.0), of_gap, mu / unlabelled(c).max(1.0))
        };
        let class_loss = |c: usize| {
            let (of_positive, of_gap, of_entropy) = weights(c);
            of_positive * missed[c] + of_gap * gap(c).abs() + of_entropy * entropy[c]
        };
        let value: f64 = (0..classes).map(class_loss).sum();
        let Some(dz) = grad.into_single() else { return Ok((by * value) as f32) };
        let sign = |x: f64| if x == 0.0 { 0.0 } else { x.signum() };
        let towards_prior = |c: usize| by * weights(c).1 * sign(gap(c)) / unlabelled(c).max(1.0);
        let [on_unlabelled, on_positives, of_entropy] = &mut self.factors;
        on_unlabelled.set((0..classes).map(|c| towards_prior(c) as f32));
        let of_positive = |c: usize| if all { towards_prior(c) } else { 0.0 } - by * weights(c).0;
        on_positives.set((0..classes).map(|c| of_positive(c) as f32));
        of_entropy.set((0..classes).map(|c| (by * weights(c).2) as f32));
        columns::write(input, dz, |class, z, label| {
            let (p, n) = math::sigmoid_pair(z);
            let inside = z.abs().simd_le(bound).select(z, zero);
            let rest = on_unlabelled.at(class) - of_entropy.at(class) * inside;
            label.simd_gt(zero).select(on_positives.at(class), rest) * (p * n)
        });
        Ok((by * value) as f32)
    }

    fn cut(&mut self, classes: Range<usize>) {
        self.priors.values = self.priors.values[classes].to_vec();
    }

    fn reference(&self, z: &[&[Dual]], input: &LossInput<'_>) -> Dual {
        if self.warms_up(input) {
            let cells = z[0].iter().zip(input.targets.labels);
            let sum = Real::sum(cells.map(|(&z, &label)| reference::assume_negative(z, label)));
            return sum * Dual::of(self.config.reduction.factor(&input.targets));
        }
        let (mu, bound) = self.entropy();
        let class = |class: usize| {
            let z: Vec<Dual> = z[0][class..].iter().step_by(input.classes).copied().collect();
            let labels = input.targets.labels[class..].iter().step_by(input.classes);
            let labels: Vec<Label> = labels.copied().collect();
            let prior = self.priors.values[class];
            match self.alignment {
                Alignment::Crisp => reference::crisp(&z, &labels, prior),
                Alignment::DistPu => reference::dist_pu(&z, &labels, prior, mu, bound),
            }
        };
        Real::sum((0..input.classes).map(class)) * Dual::of(self.scale(input))
    }

    fn wants_train_pass(&self, epoch: usize) -> bool {
        self.priors.wants(epoch)
    }

    fn end_epoch(&mut self, train: &TrainPass<'_>) -> Result<(), LossError> {
        self.priors.estimate(train)
    }

    fn state(&self) -> Vec<StateEntry> {
        self.priors.state()
    }

    fn restore(&mut self, entries: &[StateEntry]) -> Result<(), LossError> {
        let name = self.info().name;
        self.priors.restore(name, entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lacuna_loss_api::conformance;

    #[test]
    fn conforms() {
        for alignment in [Alignment::Crisp, Alignment::DistPu] {
            for (first, step, warm_up, every) in [(0.9, 0.1, 0, 0), (0.3, 0.03, 2, 1)] {
                let config = LabelDistributionConfig {
                    entropy_weight: 0.1,
                    entropy_clamp: 2.0,
                    estimation: Estimation { warm_up, every },
                    ..Default::default()
                };
                let build = |step: f64| {
                    let config = config.clone();
                    move |classes: usize| {
                        let priors: Vec<f64> = (0..classes).map(|c| first - step * (c % 8) as f64).collect();
                        let loss = LabelDistribution::new(alignment, config.clone(), &priors);
                        Box::new(loss.unwrap()) as Box<_>
                    }
                };
                conformance::check_by_class(&build(step));
                conformance::check(&build(0.0));
            }
        }
    }

    fn crisp(priors: &[f64]) -> Result<LabelDistribution, LossError> {
        LabelDistribution::new(Alignment::Crisp, LabelDistributionConfig::default(), priors)
    }

    #[test]
    fn priors_and_parameters_are_checked() {
        for priors in [vec![0.5, 1.0], vec![0.0], vec![f64::NAN]] {
            assert!(matches!(crisp(&priors), Err(LossError::Parameter { .. })));
        }
        assert!(matches!(crisp(&[]), Err(LossError::Classes { .. })));
        let base = LabelDistributionConfig::default;
        for config in [
            LabelDistributionConfig { entropy_weight: -1.0, ..base() },
            LabelDistributionConfig { entropy_clamp: 0.0, ..base() },
        ] {
            let loss = LabelDistribution::new(Alignment::DistPu, config, &[0.5]);
            assert!(matches!(loss, Err(LossError::Parameter { .. })));
        }
    }

    /// With every label known and the prior that of the batch, the risk is twice the mean error of the positives and
    /// the rest, as long as too much is predicted.
    #[test]
    fn the_risk_is_the_supervised_one_where_the_prior_is_right() {
        let z = [1.0, 0.5, 2.0, -0.3];
        let labels = [Label::Positive, Label::Unknown, Label::Positive, Label::Unknown];
        let p = z.map(|z: f32| 1.0 / (1.0 + (-z).exp()));
        let (logits, mut loss) = ([&z[..]], crisp(&[0.5]).unwrap());
        let input = LossInput::new(&logits, 4, 1, &labels);
        let value = loss.evaluate(&input, LossGrad::Unneeded).unwrap();
        let supervised = ((1.0 - p[0]) + p[1] + (1.0 - p[2]) + p[3]) / 4.0;
        assert!((value - supervised).abs() < 1e-6, "{value} is not {supervised}");
    }

    /// A warm-up epoch is cross-entropy; afterwards the priors are those of the scores, and they come back with the state.
    #[test]
    fn estimated_priors_are_state() {
        let estimation = Estimation { warm_up: 1, every: 1 };
        let config = LabelDistributionConfig { estimation, ..Default::default() };
        let mut loss = LabelDistribution::new(Alignment::Crisp, config.clone(), &[0.06]).unwrap();
        let z: Vec<f32> = (0..1000).map(|i| if i % 10 < 3 { 2.0 } else { -2.0 } + i as f32 * 1e-3).collect();
        let labels: Vec<Label> =
            (0..1000).map(|i| if i % 50 < 3 { Label::Positive } else { Label::Unknown }).collect();
        let logits = [&z[..]];
        let input = LossInput::new(&logits, 1000, 1, &labels);
        let warm = loss.evaluate(&input, LossGrad::Unneeded).unwrap();
        let cost = |(z, label): (&f32, &Label)| {
            let z = f64::from(*z);
            if label.is_positive() { (-z).softplus() } else { z.softplus() }
        };
        let expected = z.iter().zip(&labels).map(cost).sum::<f64>() / 1000.0;
        assert!((f64::from(warm) - expected).abs() < 1e-6);
        let pass = TrainPass { epoch: 0, logits: &z, labels: &labels, rows: 1000, classes: 1 };
        assert!(loss.wants_train_pass(0));
        loss.end_epoch(&pass).unwrap();
        assert!((loss.priors()[0] - 0.3).abs() < 0.01, "{:?}", loss.priors());
        let mut resumed = LabelDistribution::new(Alignment::Crisp, config, &[0.06]).unwrap();
        resumed.restore(&loss.state()).unwrap();
        let later = LossInput { epoch: 1, ..input };
        let value = loss.evaluate(&later, LossGrad::Unneeded).unwrap();
        assert_eq!(resumed.evaluate(&later, LossGrad::Unneeded), Ok(value));
        assert_ne!(value, warm);
    }
}
