//! Every cell, and background rows.

use crate::reference::{self, Complement};
use crate::{ENTROPY, LOG_EPSILON, PresenceConfig, SINR, absent, both, present};
use lacuna_loss_api::pointwise::{self, Entry, Pointwise};
use lacuna_loss_api::{
    Dual, Interval, LabelUse, LossError, LossGrad, LossInfo, LossInput, MultiLabelLoss, ParamInfo, Real,
    Takes, f32x8,
};

static INFO: LossInfo = LossInfo {
    name: "presence-an-full",
    title: "assume negative with background rows (SINR)",
    paper: SINR,
    year: 2023,
    experimental: false,
    labels: LabelUse::UnknownAsNegative,
    formula: "L = mean of [pos_weight Lp(p) observed, Ln(p) elsewhere] + mean of Ln(p) at background rows",
    params: &[
        ParamInfo {
            name: "pos_weight",
            default: Some(2048.0),
            range: Interval::at_least(0.0),
            doc: "weight of the positives. 2048 in the authors' code",
        },
        ENTROPY,
        LOG_EPSILON,
    ],
};

/// Every cell that is not positive is assumed negative, and so are all cells of background rows.
///
/// ```text
/// L = 1/BC sum [pos_weight L_e(p) at positives, L_e(n) elsewhere] + 1/BC sum L_e(n')
/// ```
/// with L_e(x) = -ln(x + e) and n' = sigma(-z') at the second logit matrix, that of background rows. With `entropy` every L_e(n)
/// is -[p L_e(p) + n L_e(n)]. Observed negatives and unknown cells are the same. The authors' rows have one positive each; here
/// they may have any number.
///
/// Cole et al., ICML 2023; elijahcole/sinr@700956fdc0c4, losses.py (`an_full`, `an_full_me`).
///
/// ```
/// use lacuna_loss_api::{Label, LossGrad, LossInput, MultiLabelLoss};
/// use lacuna_presence::{AnFull, PresenceConfig};
///
/// let (z, background) = ([0.5, -1.0], [0.0, 2.0]);
/// let labels = [Label::Positive, Label::Unknown];
/// let logits = [&z[..], &background[..]];
/// let (mut dz, mut db) = ([0.0; 2], [0.0; 2]);
/// let mut loss = AnFull::new(PresenceConfig { pos_weight: 2.0, ..Default::default() })?;
/// loss.evaluate(&LossInput::new(&logits, 1, 2, &labels), LossGrad::Into(&mut [&mut dz, &mut db]))?;
/// assert!(dz[0] < 0.0 && dz[1] > 0.0 && db[0] > 0.0 && db[1] > db[0]);
/// # Ok::<(), lacuna_loss_api::LossError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct AnFull {
    config: PresenceConfig,
}

impl AnFull {
    /// Loss metadata.
    pub const INFO: &LossInfo = &INFO;

    /// The loss with these parameters.
    ///
    /// # Errors
    /// [`LossError::Parameter`] if one is out of its range.
    pub fn new(config: PresenceConfig) -> Result<Self, LossError> {
        Ok(Self { config: config.check(&INFO)? })
    }
}

/// A cell of a batch, or of background rows, in which labels say nothing.
struct Cell<const GUARDED: bool> {
    guard: f32x8,
    pos_weight: f32x8,
    entropy: bool,
    background: bool,
}

impl<const GUARDED: bool> Pointwise for Cell<GUARDED> {
    #[inline(always)]
    fn at(&self, z: f32x8, label: f32x8) -> Entry {
        let rest = absent::<GUARDED>(z, self.guard, self.entropy);
        let positive = label.simd_gt(f32x8::splat(0.0));
        if self.background || !positive.any() {
            return rest;
        }
        let seen = present::<GUARDED>(z, self.guard);
        Entry::new(
            positive.select(self.pos_weight * seen.value, rest.value),
            positive.select(self.pos_weight * seen.slope, rest.slope),
        )
    }
}

impl AnFull {
    fn sums<const GUARDED: bool>(
        &self,
        input: &LossInput<'_>,
        grad: LossGrad<'_, '_>,
        factor: f64,
    ) -> Option<f64> {
        let labels = input.targets.labels;
        let cell = |background| Cell::<GUARDED> {
            guard: f32x8::splat(self.config.log_epsilon as f32),
            pos_weight: f32x8::splat(self.config.pos_weight as f32),
            entropy: self.config.entropy,
            background,
        };
        let (dz, db) = both(grad);
        let observed = pointwise::sum(&cell(false), input.logits[0], labels, dz, factor as f32)?;
        let background = pointwise::sum(&cell(true), input.logits[1], labels, db, factor as f32)?;
        Some(factor * (observed + background))
    }
}

impl MultiLabelLoss for AnFull {
    fn info(&self) -> &'static LossInfo {
        &INFO
    }

    fn takes(&self) -> Takes {
        Takes::Background
    }

    fn evaluate(&mut self, input: &LossInput<'_>, grad: LossGrad<'_, '_>) -> Result<f32, LossError> {
        input.check(INFO.name, 2, &grad)?;
        input.check_hard(INFO.name)?;
        let factor = self.config.reduction.factor(&input.targets);
        let total = if self.config.log_epsilon > 0.0 {
            self.sums::<true>(input, grad, factor)
        } else {
            self.sums::<false>(input, grad, factor)
        };
        total.map(|total| total as f32).ok_or_else(|| pointwise::non_finite(input))
    }

    fn reference(&self, z: &[&[Dual]], input: &LossInput<'_>) -> Dual {
        let PresenceConfig { pos_weight, entropy, log_epsilon, reduction } = self.config;
        let labels = input.targets.labels;
        let sum =
            reference::an_full([z[0], z[1]], labels, pos_weight, (log_epsilon, entropy), Complement::Exact);
        sum * Dual::of(reduction.factor(&input.targets))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lacuna_loss_api::conformance;

    #[test]
    fn conforms() {
        for entropy in [false, true] {
            for (pos_weight, log_epsilon) in [(2048.0, 1e-5), (1.0, 0.0), (0.0, 0.1)] {
                let config = PresenceConfig { pos_weight, entropy, log_epsilon, ..Default::default() };
                conformance::check(&|_| Box::new(AnFull::new(config.clone()).unwrap()));
            }
        }
    }

    #[test]
    fn parameters_are_checked() {
        let base = PresenceConfig::default;
        for config in [
            PresenceConfig { pos_weight: -1.0, ..base() },
            PresenceConfig { log_epsilon: 0.6, ..base() },
            PresenceConfig { log_epsilon: f64::NAN, ..base() },
        ] {
            assert!(matches!(AnFull::new(config), Err(LossError::Parameter { .. })));
        }
    }
}
