//! Soft bootstrapping.

use crate::reference;
use lacuna_loss_api::pointwise::{self, Entry, Pointwise};
use lacuna_loss_api::{
    Dual, Interval, LabelUse, LossError, LossGrad, LossInfo, LossInput, MultiLabelLoss, ParamInfo, Real,
    Reduction, f32x8, math,
};

static INFO: LossInfo = LossInfo {
    name: "soft-bootstrap",
    title: "soft bootstrapping",
    paper: "Reed, Lee, Anguelov, Szegedy, Erhan and Rabinovich, Training Deep Neural Networks on Noisy Labels with \
            Bootstrapping, ICLR workshop, arXiv 1412.6596",
    year: 2015,
    experimental: true,
    labels: LabelUse::UnknownAsNegative,
    formula: "L = beta [y lp + (1-y) ln] + (1-beta) [p lp + n ln]",
    params: &[ParamInfo {
        name: "beta",
        default: Some(0.95),
        range: Interval::closed(0.0, 1.0),
        doc: "weight of the labels in the target, the rest being that of the prediction itself. 0.95 in the paper, for several \
              classes of which one is right",
    }],
};

/// Parameters of [`SoftBootstrap`].
#[derive(Clone, Debug, PartialEq)]
pub struct SoftBootstrapConfig {
    /// Share of the label in the target, in [0, 1].
    pub beta: f64,
    /// How the entries become one number.
    pub reduction: Reduction,
}

impl Default for SoftBootstrapConfig {
    /// 0.95, mean.
    fn default() -> Self {
        Self { beta: 0.95, reduction: Reduction::Mean }
    }
}

/// Cross-entropy whose target is partly the prediction.
///
/// ```text
/// L = beta [y lp + (1 - y) ln] + (1 - beta) [p lp + n ln],   dL/dz = beta (p - y) - (1 - beta) z p n
/// ```
/// The prediction in the target is differentiated, so the second part is its entropy, whose slope is -z p n. Unknown
/// and observed negative are the same.
///
/// Reed et al., 2015, equation 6, for each class by itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SoftBootstrap {
    config: SoftBootstrapConfig,
}

impl SoftBootstrap {
    /// Loss metadata.
    pub const INFO: &LossInfo = &INFO;

    /// The loss with these parameters.
    ///
    /// # Errors
    /// [`LossError::Parameter`] if beta is not in [0, 1].
    pub fn new(config: SoftBootstrapConfig) -> Result<Self, LossError> {
        INFO.check("beta", config.beta)?;
        Ok(Self { config })
    }
}

impl MultiLabelLoss for SoftBootstrap {
    fn info(&self) -> &'static LossInfo {
        &INFO
    }

    fn evaluate(&mut self, input: &LossInput<'_>, grad: LossGrad<'_, '_>) -> Result<f32, LossError> {
        let beta = self.config.beta;
        let kernel = Kernel { label: f32x8::splat(beta as f32), own: f32x8::splat((1.0 - beta) as f32) };
        pointwise::evaluate(INFO.name, &kernel, input, grad, self.config.reduction)
    }

    fn reference(&self, z: &[&[Dual]], input: &LossInput<'_>) -> Dual {
        let entries = z[0].iter().zip(input.targets.labels);
        let sum = Real::sum(entries.map(|(&z, &l)| reference::soft_bootstrap(z, l, self.config.beta)));
        sum * Dual::of(self.config.reduction.factor(&input.targets))
    }
}

struct Kernel {
    label: f32x8,
    own: f32x8,
}

impl Pointwise for Kernel {
    #[inline(always)]
    fn at(&self, z: f32x8, l: f32x8) -> Entry {
        let log = math::logistic(z);
        let positive = l.simd_gt(f32x8::splat(0.0));
        let entropy = log.p * log.neg_ln_p + log.n * log.neg_ln_n;
        let value = self.label * positive.select(log.neg_ln_p, log.neg_ln_n) + self.own * entropy;
        let slope = self.label * positive.select(-log.n, log.p) - self.own * (z * (log.p * log.n));
        Entry::new(value, slope)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lacuna_loss_api::conformance;

    #[test]
    fn conforms() {
        for beta in [0.0, 0.3, 0.95, 1.0] {
            let config = SoftBootstrapConfig { beta, ..Default::default() };
            conformance::check(&|_| Box::new(SoftBootstrap::new(config.clone()).unwrap()));
        }
    }

    #[test]
    fn a_share_is_between_nothing_and_all() {
        for beta in [-0.1, 1.1, f64::NAN] {
            let error = SoftBootstrap::new(SoftBootstrapConfig { beta, ..Default::default() }).unwrap_err();
            assert!(matches!(error, LossError::Parameter { parameter: "beta", .. }));
        }
    }
}
