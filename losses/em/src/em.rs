//! Entropy maximisation.

use crate::Preset;
use crate::reference::{self, Target};
use lacuna_loss_api::guarded::BothLogs;
use lacuna_loss_api::pointwise::{self, Entry, Pointwise};
use lacuna_loss_api::{
    Dual, Label, LossError, LossGrad, LossInfo, LossInput, MultiLabelLoss, Real, Reduction, f32x8,
};

/// Parameters of [`Em`].
#[derive(Clone, Debug, PartialEq)]
pub struct EmConfig {
    /// Decides the name.
    pub preset: Preset,
    /// Weight >= 0 of the entropy of unknown cells.
    pub alpha: f64,
    /// Guard e of the logarithms, in [0, 0.5]; 0 is the stable form.
    pub log_epsilon: f64,
    /// How the entries become one number.
    pub reduction: Reduction,
}

impl EmConfig {
    /// The published parameters: guard 1e-5, mean.
    pub fn preset(preset: Preset) -> Self {
        Self { preset, alpha: preset.numbers().0, log_epsilon: 1e-5, reduction: Reduction::Mean }
    }
}

impl Default for EmConfig {
    /// That of VOC.
    fn default() -> Self {
        Self::preset(Preset::Voc)
    }
}

/// Learns from observed labels and keeps the prediction of unknown cells undecided.
///
/// ```text
/// y = 1:   L = L_e(p),                          L_e(x) = -ln(x + e)
/// unknown: L = -alpha [p L_e(p) + n L_e(n)],    dL/dz = -alpha p n [L_e(p) - L_e(n) - p/(p+e) + n/(n+e)]
/// ```
/// An observed negative, of which the paper has none, costs L_e(n).
///
/// Zhou et al., ECCV 2022, equation 3; Correr-Zhou/SPML-AckTheUnknown@ae1ccafe0b03, losses.py (`loss_EM`).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Em {
    config: EmConfig,
}

impl Em {
    /// The loss with these parameters.
    ///
    /// # Errors
    /// [`LossError::Parameter`] if one is out of its range.
    pub fn new(config: EmConfig) -> Result<Self, LossError> {
        config.preset.em().check("alpha", config.alpha)?;
        config.preset.em().check("log_epsilon", config.log_epsilon)?;
        Ok(Self { config })
    }
}

impl MultiLabelLoss for Em {
    fn info(&self) -> &'static LossInfo {
        self.config.preset.em()
    }

    fn evaluate(&mut self, input: &LossInput<'_>, grad: LossGrad<'_, '_>) -> Result<f32, LossError> {
        let EmConfig { preset, alpha, log_epsilon, reduction } = self.config;
        if log_epsilon > 0.0 {
            let kernel = Kernel::<true>::new(alpha, 0.0, log_epsilon);
            pointwise::evaluate(preset.em().name, &kernel, input, grad, reduction)
        } else {
            let kernel = Kernel::<false>::new(alpha, 0.0, log_epsilon);
            pointwise::evaluate(preset.em().name, &kernel, input, grad, reduction)
        }
    }

    fn reference(&self, z: &[&[Dual]], input: &LossInput<'_>) -> Dual {
        let EmConfig { alpha, log_epsilon, reduction, .. } = self.config;
        let entry = |(&z, &label): (&Dual, &Label)| {
            let target = match label {
                Label::Positive => Target::Positive,
                Label::Negative => Target::Negative,
                Label::Unknown => Target::Unknown,
            };
            reference::em(z, target, alpha, 0.0, log_epsilon)
        };
        let sum = Real::sum(z[0].iter().zip(input.targets.labels).map(entry));
        sum * Dual::of(reduction.factor(&input.targets))
    }
}

/// The kernel. A target is 1 (positive), 0 (unknown), [`NEGATIVE`] or -1 (negative), or, with `beta` > 0, -s
/// for a pseudo-negative with soft target s.
///
/// Every case is a Lp + b Ln, unknown cells with a and b that depend on z and so add to the slope.
pub(crate) struct Kernel<const GUARDED: bool> {
    alpha: f32x8,
    beta: f32x8,
    guard: f32x8,
    /// Targets up to here are observed negatives.
    negative: f32x8,
}

/// An observed negative where -1 is a pseudo-negative.
pub(crate) const NEGATIVE: f32 = -2.0;

impl<const GUARDED: bool> Kernel<GUARDED> {
    /// The kernel for labels if `beta` is 0, else for labels and pseudo-labels.
    pub(crate) fn new(alpha: f64, beta: f64, guard: f64) -> Self {
        let lanes = |x: f64| f32x8::splat(x as f32);
        let negative = f32x8::splat(if beta > 0.0 { NEGATIVE } else { -1.0 });
        Self { alpha: lanes(alpha), beta: lanes(beta), guard: lanes(guard), negative }
    }
}

impl<const GUARDED: bool> Pointwise for Kernel<GUARDED> {
    #[inline(always)]
    fn at(&self, z: f32x8, target: f32x8) -> Entry {
        let (zero, one) = (f32x8::splat(0.0), f32x8::splat(1.0));
        let logs = BothLogs::at::<GUARDED>(z, self.guard);
        let (positive, unknown) = (target.simd_gt(zero), target.simd_eq(zero));
        let negative = target.simd_le(self.negative);
        let weight = negative.select(one, self.beta);
        let soft = negative.select(zero, -target);
        let a = positive.select(one, unknown.select(-(self.alpha * logs.p), weight * soft));
        let b = positive.select(zero, unknown.select(-(self.alpha * logs.n), weight * (one - soft)));
        let entropy = self.alpha * (logs.p * logs.n) * (logs.lp - logs.ln);
        let slope = logs.slope(a, b) - unknown.select(entropy, zero);
        Entry::new(a * logs.lp + b * logs.ln, slope)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lacuna_loss_api::conformance;

    #[test]
    fn conforms() {
        for (alpha, log_epsilon) in [(0.2, 1e-5), (0.0, 1e-5), (1.0, 0.0), (0.1, 0.5)] {
            let config = EmConfig { alpha, log_epsilon, ..EmConfig::default() };
            conformance::check(&|_| Box::new(Em::new(config.clone()).unwrap()));
        }
    }

    #[test]
    fn parameters_are_checked() {
        for (alpha, log_epsilon) in [(-0.1, 1e-5), (f64::NAN, 1e-5), (0.2, -1e-5), (0.2, 0.6)] {
            let error = Em::new(EmConfig { alpha, log_epsilon, ..Default::default() });
            assert!(matches!(error, Err(LossError::Parameter { .. })));
        }
    }
}
