//! Effective-number class weights (Cui, Jia, Lin, Song and Belongie, CVPR 2019) and label-distribution-aware margins
//! (Cao, Wei, Gaidon, Arechiga and Ma, NeurIPS 2019) for independent labels. Experimental: DropLoss for independent labels.
//!
//! ```
//! use lacuna_class_balanced::{Ldam, LdamConfig};
//! use lacuna_loss_api::ClassStatistics;
//!
//! let train = ClassStatistics::new(1000.0, vec![810.0, 10.0])?;
//! let loss = Ldam::new(LdamConfig::default(), &train)?;
//! assert_eq!(loss.margins()[1], 0.5); // the rarest class has the largest margin
//! assert!((loss.margins()[0] - 0.5 / 3.0).abs() < 1e-12); // 81 times as frequent
//! # Ok::<(), lacuna_loss_api::LossError>(())
//! ```

mod drop;
pub mod reference;
mod softmax;
mod table;

pub use drop::{DropLoss, DropLossConfig};
pub use softmax::LdamSoftmax;
pub use table::{ABOUT, ROWS};

use lacuna_loss_api::pointwise::{self, ByClass, ClassVector, Entry};
use lacuna_loss_api::{
    ClassStatistics, Dual, Interval, Label, LabelUse, LossError, LossGrad, LossInfo, LossInput,
    MultiLabelLoss, ParamInfo, Real, Reduction, f32x8, math,
};
use std::ops::Range;

/// (1 - b) / (1 - b^n) for every class: one over the effective number of samples.
///
/// b is in [0, 1) and n > 0. Cui et al., CVPR 2019, equation 3.
///
/// ```
/// assert_eq!(lacuna_class_balanced::effective_number_weights(0.5, &[1.0, 2.0]), [1.0, 0.5 / 0.75]);
/// ```
pub fn effective_number_weights(beta: f64, counts: &[f64]) -> Vec<f64> {
    counts.iter().map(|&n| (1.0 - beta) / (1.0 - beta.powf(n))).collect()
}

/// The same numbers scaled so that they add up to the number of classes.
///
/// kaidic/LDAM-DRW@2536330f2afd, cifar_train.py.
///
/// ```
/// let weights = lacuna_class_balanced::sum_to_classes(&[1.0, 3.0]);
/// assert_eq!(weights, [0.5, 1.5]);
/// ```
pub fn sum_to_classes(weights: &[f64]) -> Vec<f64> {
    let sum: f64 = weights.iter().sum();
    weights.iter().map(|w| w / sum * weights.len() as f64).collect()
}

static INFO: LossInfo = LossInfo {
    name: "ldam-bce",
    title: "label-distribution-aware margins",
    paper: "Cao, Wei, Gaidon, Arechiga and Ma, Learning Imbalanced Datasets with Label-Distribution-Aware Margin \
            Loss, NeurIPS",
    year: 2019,
    experimental: false,
    labels: LabelUse::UnknownAsNegative,
    formula: "L = lp(s (z - m_c)) on positives, ln(s z) on the rest, m_c = n_c^(-1/4) scaled to max_m",
    params: &[
        ParamInfo {
            name: "max_m",
            default: Some(0.5),
            range: Interval::above(0.0),
            doc: "margin of the rarest class. 0.5 in the authors' code",
        },
        ParamInfo {
            name: "s",
            default: Some(30.0),
            range: Interval::above(0.0),
            doc: "scale of the logits. 30 in the authors' code, for features and weights of length 1",
        },
    ],
};

/// Parameters of [`Ldam`].
#[derive(Clone, Debug, PartialEq)]
pub struct LdamConfig {
    /// Margin > 0 of the rarest class.
    pub max_m: f64,
    /// Scale s > 0 of the logits.
    pub s: f64,
    /// How the entries become one number.
    pub reduction: Reduction,
}

impl Default for LdamConfig {
    /// 0.5, 30, mean.
    fn default() -> Self {
        Self { max_m: 0.5, s: 30.0, reduction: Reduction::Mean }
    }
}

/// Positives of rare classes have to clear a larger margin.
///
/// ```text
/// y = 1: L = lp(s (z - m_c)),   dL/dz = -s sigma(-s (z - m_c));   y = 0: L = ln(s z),   dL/dz = s sigma(s z)
/// ```
/// m_c = n_c^(-1/4), scaled so that the largest is max_m. The original is a softmax over exclusive classes; this is
/// our form for independent labels. Unknown and observed negative are the same.
///
/// Cao et al., NeurIPS 2019, equation 13; kaidic/LDAM-DRW@2536330f2afd, losses.py (`LDAMLoss`).
#[derive(Clone, Debug, PartialEq)]
pub struct Ldam {
    config: LdamConfig,
    statistics: ClassStatistics,
    margins: Vec<f64>,
    /// s m_c.
    shift: ClassVector,
}

impl Ldam {
    /// Loss metadata.
    pub const INFO: &LossInfo = &INFO;

    /// The loss for a training set with these class frequencies.
    ///
    /// # Errors
    /// [`LossError::Parameter`] if a parameter is out of its range, [`LossError::Unsupported`] for a class
    /// without positives.
    pub fn new(config: LdamConfig, train: &ClassStatistics) -> Result<Self, LossError> {
        INFO.check("max_m", config.max_m)?;
        INFO.check("s", config.s)?;
        let margins = reference::margins(train.nonzero(INFO.name)?, config.max_m);
        let shifts: Vec<f64> = margins.iter().map(|m| config.s * m).collect();
        Ok(Self { config, statistics: train.clone(), margins, shift: ClassVector::new(&shifts) })
    }

    /// The margin of every class.
    pub fn margins(&self) -> &[f64] {
        &self.margins
    }
}

impl MultiLabelLoss for Ldam {
    fn info(&self) -> &'static LossInfo {
        &INFO
    }

    fn evaluate(&mut self, input: &LossInput<'_>, grad: LossGrad<'_, '_>) -> Result<f32, LossError> {
        input.check(INFO.name, 1, &grad)?;
        self.statistics.check_classes(INFO.name, input.classes)?;
        let s = f32x8::splat(self.config.s as f32);
        let row = |_: &[Label]| (Kernel { s, shift: &self.shift }, 1.0);
        pointwise::evaluate_rows(INFO.name, input, grad, self.config.reduction, row)
    }

    fn cut(&mut self, classes: Range<usize>) {
        self.statistics = self.statistics.cut(classes.clone());
        self.margins = self.margins[classes.clone()].to_vec();
        self.shift.cut(classes);
    }

    fn reference(&self, z: &[&[Dual]], input: &LossInput<'_>) -> Dual {
        let entry = |(i, &z): (usize, &Dual)| {
            reference::ldam(z, input.targets.labels[i], self.margins[i % input.classes], self.config.s)
        };
        let sum = Real::sum(z[0].iter().enumerate().map(entry));
        sum * Dual::of(self.config.reduction.factor(&input.targets))
    }
}

struct Kernel<'a> {
    s: f32x8,
    shift: &'a ClassVector,
}

impl ByClass for Kernel<'_> {
    #[inline(always)]
    fn at(&self, class: usize, z: f32x8, l: f32x8) -> Entry {
        let (zero, one) = (f32x8::splat(0.0), f32x8::splat(1.0));
        let positive = l.simd_gt(zero);
        let x = self.s * z;
        let x = positive.select(self.shift.at(class) - x, x);
        // softplus(x) and its slope; the logarithm is postponed to the driver's product.
        // Below 1e-30 the driver's scale would make it less than the smallest normal float, for which processors take a
        // hundred cycles and more; logits times 30 often get there (462 us for 1024 x 80 instead of 80).
        let e = math::exp_sat(-x.abs());
        let e = e.simd_lt(f32x8::splat(1e-30)).select(zero, e);
        let slope = self.s * (x.simd_ge(zero).select(one, e) / (one + e));
        Entry { value: x.fast_max(zero), factor: one + e, slope: positive.select(-slope, slope) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lacuna_loss_api::conformance;

    #[test]
    fn conforms() {
        for (max_m, s) in [(0.5, 30.0), (2.0, 1.0)] {
            for (ratio, by_class) in [(0.5f64, true), (1.0, false)] {
                let build = |classes| {
                    let counts = (0..classes as i32).map(|c| 900.0 * ratio.powi(c % 9)).collect();
                    let train = ClassStatistics::new(1000.0, counts).unwrap();
                    let config = LdamConfig { max_m, s, ..Default::default() };
                    Box::new(Ldam::new(config, &train).unwrap()) as Box<_>
                };
                if by_class { conformance::check_by_class(&build) } else { conformance::check(&build) }
            }
        }
    }

    #[test]
    fn parameters_are_checked() {
        let train = ClassStatistics::new(10.0, vec![3.0]).unwrap();
        for (max_m, s) in [(0.0, 30.0), (0.5, -1.0), (f64::NAN, 30.0)] {
            let error = Ldam::new(LdamConfig { max_m, s, ..Default::default() }, &train);
            assert!(matches!(error, Err(LossError::Parameter { .. })));
        }
        let empty = ClassStatistics::new(10.0, vec![3.0, 0.0]).unwrap();
        assert!(matches!(Ldam::new(LdamConfig::default(), &empty), Err(LossError::Unsupported(_))));
    }
}
