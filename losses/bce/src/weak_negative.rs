//! Weak-negative binary cross-entropy.

use crate::reference;
use lacuna_loss_api::pointwise::{self, Entry, Pointwise};
use lacuna_loss_api::{
    Dual, Interval, LabelUse, LossError, LossGrad, LossInfo, LossInput, MultiLabelLoss, ParamInfo, Real,
    Reduction, f32x8, math,
};

static INFO: LossInfo = LossInfo {
    name: "weak-negative-bce",
    title: "weak-negative binary cross-entropy",
    paper: "Zhang et al., Simple and Robust Loss Design for Multi-Label Learning with Missing Labels, \
            arXiv 2112.07368 (as the baseline WAN)",
    year: 2021,
    experimental: false,
    labels: LabelUse::UnknownAsNegative,
    formula: "L = y lp + w (1-y) ln",
    params: &[ParamInfo {
        name: "negative_weight",
        default: Some(0.1),
        range: Interval::at_least(0.0),
        doc: "weight w of everything that is not positive; 0.1 is our choice, the paper's was not seen",
    }],
};

/// Parameters of [`WeakNegativeBce`].
#[derive(Clone, Debug, PartialEq)]
pub struct WeakNegativeConfig {
    /// Weight w >= 0 of everything that is not positive.
    pub negative_weight: f64,
    /// How the entries become one number.
    pub reduction: Reduction,
}

impl Default for WeakNegativeConfig {
    /// w = 0.1, mean.
    fn default() -> Self {
        Self { negative_weight: 0.1, reduction: Reduction::Mean }
    }
}

/// Binary cross-entropy that reads unknown as negative, but weakly.
///
/// ```text
/// L = y lp + w (1 - y) ln,   dL/dz = -y n + w (1 - y) p
/// ```
/// Unknown and observed negative are the same here. The variant with w = 1 / (C - 1) and a guarded logarithm
/// is `wan` of the single-positive family.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WeakNegativeBce {
    config: WeakNegativeConfig,
}

impl WeakNegativeBce {
    /// Loss metadata.
    pub const INFO: &LossInfo = &INFO;

    /// The loss with these parameters.
    ///
    /// # Errors
    /// [`LossError::Parameter`] if the weight is negative or not finite.
    pub fn new(config: WeakNegativeConfig) -> Result<Self, LossError> {
        INFO.check("negative_weight", config.negative_weight)?;
        Ok(Self { config })
    }
}

impl MultiLabelLoss for WeakNegativeBce {
    fn info(&self) -> &'static LossInfo {
        &INFO
    }

    fn evaluate(&mut self, input: &LossInput<'_>, grad: LossGrad<'_, '_>) -> Result<f32, LossError> {
        let kernel = Weighted { w: f32x8::splat(self.config.negative_weight as f32) };
        pointwise::evaluate(INFO.name, &kernel, input, grad, self.config.reduction)
    }

    fn reference(&self, z: &[&[Dual]], input: &LossInput<'_>) -> Dual {
        let w = self.config.negative_weight;
        let entries = z[0].iter().zip(input.targets.labels);
        let sum = Real::sum(entries.map(|(&z, &l)| reference::weak_negative_bce(z, l, w)));
        sum * Dual::of(self.config.reduction.factor(&input.targets))
    }
}

/// The weight stands before the logarithm, so it cannot be postponed as in plain cross-entropy.
struct Weighted {
    w: f32x8,
}

impl Pointwise for Weighted {
    #[inline(always)]
    fn at(&self, z: f32x8, l: f32x8) -> Entry {
        let log = math::logistic(z);
        let positive = l.simd_gt(f32x8::splat(0.0));
        Entry::new(
            positive.select(log.neg_ln_p, self.w * log.neg_ln_n),
            positive.select(-log.n, self.w * log.p),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lacuna_loss_api::conformance;

    #[test]
    fn conforms() {
        for negative_weight in [0.0, 0.1, 1.0, 3.0] {
            let config = WeakNegativeConfig { negative_weight, ..Default::default() };
            conformance::check(&|_| Box::new(WeakNegativeBce::new(config.clone()).unwrap()));
        }
    }

    #[test]
    fn a_negative_weight_below_zero_is_refused() {
        for negative_weight in [-0.1, f64::NAN, f64::INFINITY] {
            let config = WeakNegativeConfig { negative_weight, ..Default::default() };
            let error = WeakNegativeBce::new(config).unwrap_err();
            assert!(matches!(error, LossError::Parameter { parameter: "negative_weight", .. }));
        }
    }
}
