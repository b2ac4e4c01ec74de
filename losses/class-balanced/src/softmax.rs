//! The original form: a softmax over classes that exclude each other.

use crate::{LdamConfig, reference};
use lacuna_loss_api::exclusive::Shifts;
use lacuna_loss_api::{
    ClassStatistics, Dual, Interval, LabelUse, LossError, LossGrad, LossInfo, LossInput, MultiLabelLoss,
    ParamInfo, Real,
};

static INFO: LossInfo = LossInfo {
    name: "ldam-softmax",
    title: "label-distribution-aware margins, one class a row",
    paper: "Cao, Wei, Gaidon, Arechiga and Ma, Learning Imbalanced Datasets with Label-Distribution-Aware Margin \
            Loss, NeurIPS",
    year: 2019,
    experimental: false,
    labels: LabelUse::OnePositive,
    formula: "L = -ln softmax(s (z - m_y at y))_y, m_c = n_c^(-1/4) scaled to max_m",
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

/// The class of a row has to lead by a margin that is larger for a rare class.
///
/// ```text
/// x = s z, x_y = s (z_y - m_y) at the class y of the row;  L = -ln softmax(x)_y,  dL/dz = s (softmax(x) - onehot)
/// ```
/// The mean over rows. Every row has exactly one positive.
///
/// Cao et al., NeurIPS 2019, equation 13; kaidic/LDAM-DRW@2536330f2afd, losses.py (`LDAMLoss`).
///
/// ```
/// use lacuna_class_balanced::{LdamConfig, LdamSoftmax};
/// use lacuna_loss_api::{ClassStatistics, Label, LossGrad, LossInput, MultiLabelLoss};
///
/// let train = ClassStatistics::new(100.0, vec![81.0, 1.0])?;
/// let mut loss = LdamSoftmax::new(LdamConfig { s: 1.0, ..LdamConfig::default() }, &train)?;
/// let z = [0.0, 0.5]; // level once the margin of the rare class is taken off
/// let logits = [&z[..]];
/// let input = LossInput::new(&logits, 1, 2, &[Label::Unknown, Label::Positive]);
/// assert!((loss.evaluate(&input, LossGrad::Unneeded)? - 2f32.ln()).abs() < 1e-6);
/// # Ok::<(), lacuna_loss_api::LossError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct LdamSoftmax {
    config: LdamConfig,
    shifts: Shifts,
}

impl LdamSoftmax {
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
        let shifts = Shifts { scale: config.s, offsets: vec![0.0; margins.len()], margins };
        Ok(Self { config, shifts })
    }

    /// The margin of every class.
    pub fn margins(&self) -> &[f64] {
        &self.shifts.margins
    }

    /// What the sum over rows is multiplied with.
    fn by(&self, input: &LossInput<'_>) -> f64 {
        self.config.reduction.factor(&input.targets) * input.classes as f64
    }
}

impl MultiLabelLoss for LdamSoftmax {
    fn info(&self) -> &'static LossInfo {
        &INFO
    }

    fn evaluate(&mut self, input: &LossInput<'_>, grad: LossGrad<'_, '_>) -> Result<f32, LossError> {
        self.shifts.evaluate(INFO.name, input, grad, self.by(input))
    }

    fn reference(&self, z: &[&[Dual]], input: &LossInput<'_>) -> Dual {
        let rows = z[0].chunks(input.classes).zip(input.targets.labels.chunks(input.classes));
        let row = |(z, labels): (&[Dual], &[lacuna_loss_api::Label])| {
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
        for (max_m, s) in [(0.5, 30.0), (2.0, 1.0)] {
            let build = |long_tail: bool| {
                move |classes| {
                    let count = |c: usize| if long_tail { 500.0 / (1 + c % 10) as f64 } else { 200.0 };
                    let train = ClassStatistics::new(1000.0, (0..classes).map(count).collect()).unwrap();
                    let config = LdamConfig { max_m, s, ..LdamConfig::default() };
                    Box::new(LdamSoftmax::new(config, &train).unwrap()) as Box<_>
                }
            };
            conformance::check_by_class(&build(true));
            conformance::check(&build(false));
        }
    }
}
