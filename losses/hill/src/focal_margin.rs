//! The focal margin loss.

use crate::{GAMMA, MARGIN, PAPER, reference};
use lacuna_loss_api::pointwise::{self, Entry, Pointwise};
use lacuna_loss_api::power::{Power, focal, with_power};
use lacuna_loss_api::{
    Dual, LabelUse, LossError, LossGrad, LossInfo, LossInput, MultiLabelLoss, Real, Reduction, f32x8, math,
};

static INFO: LossInfo = LossInfo {
    name: "focal-margin",
    title: "focal margin loss",
    paper: PAPER,
    year: 2021,
    experimental: false,
    labels: LabelUse::UnknownAsNegative,
    formula: "L = sigma(m-z)^g lp(z-m) on positives, p^g ln(z) on the rest",
    params: &[MARGIN, GAMMA],
};

/// Parameters of [`FocalMargin`].
#[derive(Clone, Debug, PartialEq)]
pub struct FocalMarginConfig {
    /// Margin m that positives are shifted down by.
    pub margin: f64,
    /// Focusing exponent g >= 0.
    pub gamma: f64,
    /// How the entries become one number.
    pub reduction: Reduction,
}

impl Default for FocalMarginConfig {
    /// 1, 2, sum: the authors' code.
    fn default() -> Self {
        Self { margin: 1.0, gamma: 2.0, reduction: Reduction::Sum }
    }
}

/// The focal loss with positives shifted down by a margin, which keeps semi-hard positives in play.
///
/// ```text
/// y = 1: L = r^g lp(s),  dL/dz = -r^g (g q lp(s) + r),   s = z - m, q = sigma(s), r = sigma(-s)
/// y = 0: L = p^g ln(z),  dL/dz = p^g (p + g n ln(z))
/// ```
/// The focal weight is differentiated. Unknown and observed negative are the same. This is [`Splc`](crate::Splc)
/// before its first correcting epoch.
///
/// Zhang et al., arXiv 2112.07368; xinyu1205/robust-loss-mlml@dcfa4d54bcca, src/loss_functions/losses.py.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FocalMargin {
    config: FocalMarginConfig,
}

impl FocalMargin {
    /// Loss metadata.
    pub const INFO: &LossInfo = &INFO;

    /// The loss with these parameters.
    ///
    /// # Errors
    /// [`LossError::Parameter`] if one is out of its range.
    pub fn new(config: FocalMarginConfig) -> Result<Self, LossError> {
        INFO.check("margin", config.margin)?;
        INFO.check("gamma", config.gamma)?;
        Ok(Self { config })
    }
}

impl MultiLabelLoss for FocalMargin {
    fn info(&self) -> &'static LossInfo {
        &INFO
    }

    fn evaluate(&mut self, input: &LossInput<'_>, grad: LossGrad<'_, '_>) -> Result<f32, LossError> {
        let margin = f32x8::splat(self.config.margin as f32);
        with_power!(self.config.gamma, power => {
            let kernel = Kernel { margin, power };
            pointwise::evaluate(INFO.name, &kernel, input, grad, self.config.reduction)
        })
    }

    fn reference(&self, z: &[&[Dual]], input: &LossInput<'_>) -> Dual {
        let FocalMarginConfig { margin, gamma, reduction } = self.config;
        let entries = z[0].iter().zip(input.targets.labels);
        let sum = Real::sum(entries.map(|(&z, &l)| reference::focal_margin(z, l, margin, gamma)));
        sum * Dual::of(reduction.factor(&input.targets))
    }
}

struct Kernel<P> {
    margin: f32x8,
    power: P,
}

impl<P: Power> Pointwise for Kernel<P> {
    #[inline(always)]
    fn at(&self, z: f32x8, l: f32x8) -> Entry {
        let positive = l.simd_gt(f32x8::splat(0.0));
        // A positive at s is a negative at -s with the slope turned round.
        let log = math::logistic(positive.select(self.margin - z, z));
        let (value, slope) = focal(log.p, log.n, log.neg_ln_n, self.power);
        Entry::new(value, positive.select(-slope, slope))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lacuna_loss_api::conformance;

    #[test]
    fn conforms() {
        for (margin, gamma) in [(1.0, 2.0), (0.0, 0.0), (0.5, 1.0), (1.0, 0.3), (-1.0, 2.7)] {
            let config = FocalMarginConfig { margin, gamma, ..Default::default() };
            conformance::check(&|_| Box::new(FocalMargin::new(config.clone()).unwrap()));
        }
    }

    #[test]
    fn parameters_are_checked() {
        for (margin, gamma) in [(f64::INFINITY, 2.0), (1.0, -0.1), (1.0, f64::NAN)] {
            let error = FocalMargin::new(FocalMarginConfig { margin, gamma, ..Default::default() });
            assert!(matches!(error, Err(LossError::Parameter { .. })));
        }
    }
}
