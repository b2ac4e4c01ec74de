//! The loss.

use crate::reference::{self, MANY, effective_number_weight};
use crate::{ClassBalance, Norm, ResampleConfig, Reweight, Variant};
use lacuna_loss_api::pointwise::{self, ByClass, ClassVector, Entry};
use lacuna_loss_api::power::{Power, Whole, focal_of_scaled, with_power};
use lacuna_loss_api::{
    ClassStatistics, Dual, Interval, Label, LossError, LossGrad, LossInfo, LossInput, MultiLabelLoss, Real,
    f32x8, math,
};
use std::ops::Range;

/// Cross-entropy or focal loss with weights, a scale for negatives and a shift, all from class frequencies.
///
/// ```text
/// s = z + nu_c,   nu_c = kappa / lambda logit(n_c / N)
/// y = 1: x = s,          weight W;            y = 0: x = lambda s,  weight W / lambda
/// L = weight bce(x, y)    or, focal,    L = balance weight u^g bce(x, y),  u = 1 - e^-bce
/// W = alpha + sigma(beta (r - mu)),   r = (1/n_c) / sum over positives j of the row 1/n_j
/// ```
/// u is differentiated. r is infinite, and W = alpha + 1, in a row without positives. Predictions are the raw
/// logits z. Unknown and observed negative are the same.
///
/// Wu et al., ECCV 2020, equations 2 to 10; wutong16/DistributionBalancedLoss@14460d0acda6,
/// mllt/models/losses/resample_loss.py (`ResampleLoss`).
#[derive(Clone, Debug, PartialEq)]
pub struct Resample {
    variant: Variant,
    config: ResampleConfig,
    statistics: ClassStatistics,
    shift: ClassVector,
    /// 1 / n_c for the re-balanced variants, else the weight of a class.
    weight: ClassVector,
    /// Largest of those.
    largest: f64,
}

impl Resample {
    /// The loss for a training set with these class frequencies.
    ///
    /// # Errors
    /// [`LossError::Parameter`] for a parameter out of its range, [`LossError::Unsupported`] for a class that is
    /// positive in no row or, where the shift is not 0, in all rows.
    pub fn new(variant: Variant, config: ResampleConfig, train: &ClassStatistics) -> Result<Self, LossError> {
        let loss = variant.info_for(config.preset).name;
        let check = |parameter, value, range: Interval| match range.contains(value) {
            true => Ok(()),
            false => Err(LossError::Parameter { loss, parameter, value, range }),
        };
        match config.reweight {
            Reweight::Rebalance { alpha, beta, mu } => {
                check("map_alpha", alpha, Interval::above(0.0))?;
                check("map_beta", beta, Interval::above(0.0))?;
                check("map_gamma", mu, Interval::ANY)?;
            }
            Reweight::ClassBalanced { beta, .. } => {
                let range = Interval { low: 0.0, high: 1.0 - 1e-9, open: false, whole: false };
                check("cb_beta", beta, range)?;
            }
            Reweight::Inverse | Reweight::InverseRoot => {}
        }
        if let Some(focal) = config.focal {
            check("focal_balance", focal.balance, Interval::at_least(0.0))?;
            check("focal_gamma", focal.gamma, Interval::at_least(0.0))?;
        }
        check("neg_scale", config.neg_scale, Interval::above(0.0))?;
        check("init_bias", config.init_bias, Interval::ANY)?;
        let counts = train.nonzero(loss)?;
        let shifts = shifts(&config, train, loss)?;
        let weight = |&n: &f64| match config.reweight {
            Reweight::Rebalance { .. } => 1.0 / n,
            Reweight::Inverse => train.rows() / n,
            Reweight::InverseRoot => (train.rows() / n).sqrt(),
            Reweight::ClassBalanced { beta, mode: ClassBalance::ByClass } => effective_number_weight(beta, n),
            Reweight::ClassBalanced { .. } => 1.0, // the same for all cells of a row
        };
        let weights: Vec<f64> = counts.iter().map(weight).collect();
        let largest = weights.iter().fold(0.0, |m: f64, &w| m.max(w));
        let (shift, weight) = (ClassVector::new(&shifts), ClassVector::new(&weights));
        Ok(Self { variant, config, statistics: train.clone(), shift, weight, largest })
    }

    /// The shift nu of every class.
    pub fn shifts(&self) -> Vec<f64> {
        shifts(&self.config, &self.statistics, self.info().name).expect("checked in new")
    }

    /// The sum of 1 / n_j over the positives of a row.
    fn rarity(&self, labels: &[Label]) -> f64 {
        let counts = self.statistics.positives();
        let positives = labels.iter().zip(counts).filter(|(l, _)| l.is_positive());
        positives.fold(0.0, |sum, (_, n)| sum + 1.0 / n) // sum() of nothing is -0, which has the wrong inverse
    }

    /// What all cells of a row are multiplied with, before normalisation.
    fn row_factor(&self, labels: &[Label]) -> f64 {
        let Reweight::ClassBalanced { beta, mode } = self.config.reweight else { return 1.0 };
        if mode == ClassBalance::ByClass {
            return 1.0;
        }
        let positives = || {
            let counts = self.statistics.positives();
            labels.iter().zip(counts).filter(|(l, _)| l.is_positive()).map(|(_, &n)| n)
        };
        let count = positives().count() as f64;
        let weight = |n| effective_number_weight(beta, n);
        match mode {
            _ if count == 0.0 => weight(MANY),
            ClassBalance::AverageWeight => positives().map(weight).sum::<f64>() / count,
            ClassBalance::AverageN => weight(positives().sum::<f64>() / count),
            _ => weight(positives().fold(MANY, f64::min)),
        }
    }

    /// The largest weight of a row. The weight grows with 1 / n_c, so that of the rarest class is the largest.
    fn row_largest(&self, labels: &[Label]) -> f64 {
        match self.config.reweight {
            Reweight::Rebalance { alpha, beta, mu } => {
                alpha + Real::sigmoid(beta * (self.largest / self.rarity(labels) - mu))
            }
            _ => self.largest * self.row_factor(labels),
        }
    }

    fn run<const REBALANCE: bool, P: Power>(
        &self,
        power: Option<P>,
        input: &LossInput<'_>,
        grad: LossGrad<'_, '_>,
    ) -> Result<f32, LossError> {
        let lanes = |x: f64| f32x8::splat(x as f32);
        let (alpha, beta, mu) = match self.config.reweight {
            Reweight::Rebalance { alpha, beta, mu } => (alpha, beta, mu),
            _ => (0.0, 0.0, 0.0),
        };
        let balance = self.config.focal.map_or(1.0, |focal| focal.balance);
        let largest = match self.config.norm {
            Norm::ByBatch => {
                let rows = input.targets.labels.chunks(input.classes);
                rows.map(|labels| self.row_largest(labels)).fold(0.0, f64::max)
            }
            _ => 1.0,
        };
        let row = |labels: &[Label]| {
            let kernel = Kernel::<REBALANCE, P> {
                shift: &self.shift,
                weight: &self.weight,
                alpha: lanes(alpha),

                offset: lanes(beta * mu),
                rarity: if REBALANCE { lanes(beta / self.rarity(labels)) } else { lanes(0.0) },
                lambda: lanes(self.config.neg_scale),
                inverse_lambda: lanes(1.0 / self.config.neg_scale),
                power,
            };
            let norm = if self.config.norm == Norm::ByInstance { self.row_largest(labels) } else { largest };
            (kernel, balance * self.row_factor(labels) / norm)
        };
        pointwise::evaluate_rows(self.info().name, input, grad, self.config.reduction, row)
    }
}

fn shifts(
    config: &ResampleConfig,
    train: &ClassStatistics,
    loss: &'static str,
) -> Result<Vec<f64>, LossError> {
    if config.init_bias == 0.0 {
        return Ok(vec![0.0; train.classes()]);
    }
    let by = if config.paper_bias { 1.0 } else { config.neg_scale };
    let scale = config.init_bias / by;
    Ok(train.priors(loss)?.into_iter().map(|p| scale * (p / (1.0 - p)).ln()).collect())
}

impl MultiLabelLoss for Resample {
    fn info(&self) -> &'static LossInfo {
        self.variant.info_for(self.config.preset)
    }

    fn evaluate(&mut self, input: &LossInput<'_>, grad: LossGrad<'_, '_>) -> Result<f32, LossError> {
        input.check(self.info().name, 1, &grad)?;
        self.statistics.check_classes(self.info().name, input.classes)?;
        let rebalance = matches!(self.config.reweight, Reweight::Rebalance { .. });
        match (self.config.focal, rebalance) {
            (None, true) => self.run::<true, Whole<0>>(None, input, grad),
            (None, false) => self.run::<false, Whole<0>>(None, input, grad),
            (Some(focal), true) => {
                with_power!(focal.gamma, power => self.run::<true, _>(Some(power), input, grad))
            }
            (Some(focal), false) => {
                with_power!(focal.gamma, power => self.run::<false, _>(Some(power), input, grad))
            }
        }
    }

    fn cut(&mut self, classes: Range<usize>) {
        self.statistics = self.statistics.cut(classes.clone());
        self.shift.cut(classes.clone());
        self.weight.cut(classes);
    }

    fn reference(&self, z: &[&[Dual]], input: &LossInput<'_>) -> Dual {
        let ResampleConfig { reweight, norm, focal, neg_scale, reduction, .. } = self.config;
        let (labels, train) = (input.targets.labels, &self.statistics);
        let weights = reference::weights(labels, train.positives(), train.rows(), &reweight, norm);
        let shifts = self.shifts();
        let entry = |(i, &z): (usize, &Dual)| {
            reference::resample(z, labels[i], weights[i], shifts[i % input.classes], neg_scale, focal)
        };
        Real::sum(z[0].iter().enumerate().map(entry)) * Dual::of(reduction.factor(&input.targets))
    }
}

/// The entries of a row; `REBALANCE`: weights depend on the row's positives.
struct Kernel<'a, const REBALANCE: bool, P> {
    shift: &'a ClassVector,
    weight: &'a ClassVector,
    alpha: f32x8,
    /// beta mu.
    offset: f32x8,
    /// beta / sum of 1 / n_j over positives, infinite without any.
    rarity: f32x8,
    lambda: f32x8,
    inverse_lambda: f32x8,
    power: Option<P>,
}

impl<const REBALANCE: bool, P: Power> ByClass for Kernel<'_, REBALANCE, P> {
    #[inline(always)]
    fn at(&self, class: usize, z: f32x8, l: f32x8) -> Entry {
        let mut weight = self.weight.at(class);
        if REBALANCE {
            weight = self.alpha + math::sigmoid(weight.mul_add(self.rarity, -self.offset));
        }
        let s = z + self.shift.at(class);
        let positive = l.simd_gt(f32x8::splat(0.0));
        let log = math::logistic(positive.select(-s, self.lambda * s));
        let (value, slope) = match self.power {
            None => (log.neg_ln_n, log.p),
            Some(power) => focal_of_scaled(log.p, log.n, log.neg_ln_n, power),
        };
        // Of a negative 1 / lambda and the inner derivative lambda cancel in the slope.
        let value = positive.select(value, self.inverse_lambda * value);
        Entry::new(weight * value, weight * positive.select(-slope, slope))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Focal, Preset};
    use lacuna_loss_api::{Reduction, conformance};

    const VARIANTS: [Variant; 8] = [
        Variant::RBce,
        Variant::RBceFocal,
        Variant::Db,
        Variant::DbFocal,
        Variant::RwInverse,
        Variant::RwInverseRoot,
        Variant::Cb,
        Variant::CbFocal,
    ];

    fn train(classes: usize, ratio: f64) -> ClassStatistics {
        let counts = (0..classes).map(|c| (700.0 * ratio.powi(c as i32 % 7)).ceil()).collect();
        ClassStatistics::new(1142.0, counts).unwrap()
    }

    #[test]
    fn conforms() {
        for variant in VARIANTS {
            for preset in [Preset::Voc, Preset::Coco] {
                for norm in [Norm::None, Norm::ByInstance, Norm::ByBatch] {
                    let config = ResampleConfig { norm, ..variant.config(preset) };
                    let build = |ratio| {
                        let config = config.clone();
                        move |c| {
                            let train = train(c, ratio);
                            Box::new(Resample::new(variant, config.clone(), &train).unwrap()) as Box<_>
                        }
                    };
                    conformance::check_by_class(&build(0.4));
                    conformance::check(&build(1.0));
                }
            }
        }
    }

    #[test]
    fn other_settings_conform() {
        let base = Variant::DbFocal.config(Preset::Voc);
        for mode in [ClassBalance::AverageWeight, ClassBalance::AverageN, ClassBalance::MinN] {
            for beta in [0.9, 0.999] {
                let reweight = Reweight::ClassBalanced { beta, mode };
                let focal = Some(Focal { balance: 1.5, gamma: 0.5 });
                let config =
                    ResampleConfig { reweight, focal, paper_bias: true, reduction: Reduction::Sum, ..base };
                let build = |c| {
                    Box::new(Resample::new(Variant::Cb, config.clone(), &train(c, 0.4)).unwrap()) as Box<_>
                };
                conformance::check_by_class(&build);
            }
        }
    }

    #[test]
    fn frequencies_and_parameters_are_checked() {
        let config = Variant::DbFocal.config(Preset::Voc);
        for counts in [vec![0.0, 3.0], vec![3.0, 10.0]] {
            let train = ClassStatistics::new(10.0, counts).unwrap();
            let error = Resample::new(Variant::DbFocal, config.clone(), &train);
            assert!(matches!(error, Err(LossError::Unsupported(_))));
        }
        for bad in [
            ResampleConfig { neg_scale: 0.0, ..config.clone() },
            ResampleConfig { focal: Some(Focal { balance: 2.0, gamma: -1.0 }), ..config.clone() },
            ResampleConfig { reweight: Reweight::Rebalance { alpha: 0.1, beta: 0.0, mu: 0.3 }, ..config },
        ] {
            let error = Resample::new(Variant::DbFocal, bad, &train(3, 0.4));
            assert!(matches!(error, Err(LossError::Parameter { .. })));
        }
    }
}
