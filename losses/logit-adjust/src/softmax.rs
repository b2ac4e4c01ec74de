//! The original form: a softmax over classes that exclude each other.

use crate::{LogitAdjustConfig, PARAMS};
use lacuna_loss_api::exclusive::Shifts;
use lacuna_loss_api::{
    Dual, Interval, Label, LabelUse, LossError, LossGrad, LossInfo, LossInput, MultiLabelLoss, Real,
};

static INFO: LossInfo = LossInfo {
    name: "logit-adjust-softmax",
    title: "logit adjustment, one class a row",
    paper: "Menon, Jayasumana, Rawat, Jain, Veit and Kumar, Long-Tail Learning via Logit Adjustment, ICLR",
    year: 2021,
    experimental: false,
    labels: LabelUse::OnePositive,
    formula: "L = -ln softmax(z + tau ln pi)_y",
    params: PARAMS,
};

/// Softmax cross-entropy at logits to which the logarithm of the class prior is added.
///
/// ```text
/// x = z + tau ln pi;  L = -ln softmax(x)_y,  dL/dz = softmax(x) - onehot
/// ```
/// The mean over rows. Every row has exactly one positive.
///
/// Menon et al., ICLR 2021, equation 10.
#[derive(Clone, Debug, PartialEq)]
pub struct LogitAdjustSoftmax {
    config: LogitAdjustConfig,
    shifts: Shifts,
}

impl LogitAdjustSoftmax {
    /// Loss metadata.
    pub const INFO: &LossInfo = &INFO;

    /// The loss for these class priors in (0, 1].
    ///
    /// # Errors
    /// [`LossError::Parameter`] if tau is not finite or a prior not in its range, [`LossError::Classes`] without any.
    pub fn new(config: LogitAdjustConfig, priors: &[f64]) -> Result<Self, LossError> {
        INFO.check("tau", config.tau)?;
        let loss = INFO.name;
        if priors.is_empty() {
            return Err(LossError::Classes { loss, needed: 1, found: 0 });
        }
        let range = Interval::closed(f64::MIN_POSITIVE, 1.0);
        if let Some(&value) = priors.iter().find(|p| !range.contains(**p)) {
            return Err(LossError::Parameter { loss, parameter: "prior", value, range });
        }
        let offsets: Vec<f64> = priors.iter().map(|p| config.tau * p.ln()).collect();
        let shifts = Shifts { scale: 1.0, margins: vec![0.0; offsets.len()], offsets };
        Ok(Self { config, shifts })
    }

    /// What the sum over rows is multiplied with.
    fn by(&self, input: &LossInput<'_>) -> f64 {
        self.config.reduction.factor(&input.targets) * input.classes as f64
    }
}

impl MultiLabelLoss for LogitAdjustSoftmax {
    fn info(&self) -> &'static LossInfo {
        &INFO
    }

    fn evaluate(&mut self, input: &LossInput<'_>, grad: LossGrad<'_, '_>) -> Result<f32, LossError> {
        self.shifts.evaluate(INFO.name, input, grad, self.by(input))
    }

    fn reference(&self, z: &[&[Dual]], input: &LossInput<'_>) -> Dual {
        let rows = z[0].chunks(input.classes).zip(input.targets.labels.chunks(input.classes));
        let row = |(z, labels): (&[Dual], &[Label])| {
            let target = labels.iter().position(|l| l.is_positive()).expect("a row with its class");
            self.shifts.reference(z, target)
        };
        Real::sum(rows.map(row)) * Dual::of(self.by(input))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lacuna_loss_api::conformance;

    #[test]
    fn conforms() {
        for tau in [1.0, -0.5] {
            let build = |ratio: f64| {
                move |classes| {
                    let priors: Vec<f64> = (0..classes as i32).map(|c| 0.8 * ratio.powi(c % 9)).collect();
                    let config = LogitAdjustConfig { tau, ..Default::default() };
                    Box::new(LogitAdjustSoftmax::new(config, &priors).unwrap()) as Box<_>
                }
            };
            conformance::check_by_class(&build(0.5));
            conformance::check(&build(1.0));
        }
    }

    #[test]
    fn priors_are_checked() {
        let config = LogitAdjustConfig::default;
        assert!(matches!(LogitAdjustSoftmax::new(config(), &[0.0]), Err(LossError::Parameter { .. })));
        assert!(matches!(LogitAdjustSoftmax::new(config(), &[]), Err(LossError::Classes { .. })));
    }
}
