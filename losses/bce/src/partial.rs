//! Partial binary cross-entropy.

use crate::bce::Known;
use crate::reference::{self, row_weight};
use lacuna_loss_api::pointwise;
use lacuna_loss_api::{
    Dual, Interval, LabelUse, LossError, LossGrad, LossInfo, LossInput, MultiLabelLoss, ParamInfo, Real,
    Reduction,
};

static INFO: LossInfo = LossInfo {
    name: "partial-bce",
    title: "partial binary cross-entropy",
    paper: "Durand, Mehrasa and Mori, Learning a Deep ConvNet for Multi-label Classification with Partial \
            Labels, CVPR",
    year: 2019,
    experimental: false,
    labels: LabelUse::KnownOnly,
    formula: "L = g(r) [y lp + (1-y) ln], g(r) = alpha r^gamma + beta, r = known share of the row",
    params: &[
        ParamInfo {
            name: "alpha",
            default: Some(-4.45),
            range: Interval::ANY,
            doc: "slope of the row weight; alpha + beta >= 0. The paper's value, quoted from memory",
        },
        ParamInfo {
            name: "beta",
            default: Some(5.45),
            range: Interval::at_least(0.0),
            doc: "row weight in the limit of nothing known. The paper's value, quoted from memory",
        },
        ParamInfo {
            name: "gamma",
            default: Some(1.0),
            range: Interval::at_least(0.0),
            doc: "exponent of the known share. The paper's value, quoted from memory",
        },
    ],
};

/// Parameters of [`PartialBce`].
#[derive(Clone, Debug, PartialEq)]
pub struct PartialBceConfig {
    /// Slope of the row weight; alpha + beta >= 0.
    pub alpha: f64,
    /// Row weight in the limit of nothing known, >= 0.
    pub beta: f64,
    /// Exponent of the known share, >= 0.
    pub gamma: f64,
    /// How the entries become one number.
    pub reduction: Reduction,
}

impl Default for PartialBceConfig {
    /// -4.45, 5.45, 1, mean: a row of which 10 % is known weighs 5, a fully known one 1.
    fn default() -> Self {
        Self { alpha: -4.45, beta: 5.45, gamma: 1.0, reduction: Reduction::Mean }
    }
}

/// Binary cross-entropy over known labels in which a row counts the more, the less of it is known.
///
/// ```text
/// L = g(r) [y lp + (1 - y) ln],   g(r) = alpha r^gamma + beta,   dL/dz = g(r) (p - y)
/// ```
/// r is the known share of the row; a row without known labels weighs 0.
///
/// Durand, Mehrasa and Mori, CVPR 2019, section 3.1.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PartialBce {
    config: PartialBceConfig,
}

impl PartialBce {
    /// Loss metadata.
    pub const INFO: &LossInfo = &INFO;

    /// The loss with these parameters.
    ///
    /// # Errors
    /// [`LossError::Parameter`] if one is out of its range or a fully known row would weigh less than 0.
    pub fn new(config: PartialBceConfig) -> Result<Self, LossError> {
        INFO.check("alpha", config.alpha)?;
        INFO.check("beta", config.beta)?;
        INFO.check("gamma", config.gamma)?;
        let range = Interval::at_least(-config.beta);
        if !range.contains(config.alpha) {
            let (loss, parameter, value) = (INFO.name, "alpha", config.alpha);
            return Err(LossError::Parameter { loss, parameter, value, range });
        }
        Ok(Self { config })
    }

    fn weight(&self, labels: &[lacuna_loss_api::Label]) -> f64 {
        let PartialBceConfig { alpha, beta, gamma, .. } = self.config;
        row_weight(labels, alpha, beta, gamma)
    }
}

impl MultiLabelLoss for PartialBce {
    fn info(&self) -> &'static LossInfo {
        &INFO
    }

    fn evaluate(&mut self, input: &LossInput<'_>, grad: LossGrad<'_, '_>) -> Result<f32, LossError> {
        let row = |labels: &_| (Known, self.weight(labels));
        pointwise::evaluate_rows(INFO.name, input, grad, self.config.reduction, row)
    }

    fn reference(&self, z: &[&[Dual]], input: &LossInput<'_>) -> Dual {
        let rows = z[0].chunks(input.classes).zip(input.targets.labels.chunks(input.classes));
        let sum = Real::sum(rows.map(|(z, labels)| {
            let sum = Real::sum(z.iter().zip(labels).map(|(&z, &l)| reference::bce(z, l)));
            Dual::of(self.weight(labels)) * sum
        }));
        sum * Dual::of(self.config.reduction.factor(&input.targets))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lacuna_loss_api::{Label, conformance};

    #[test]
    fn conforms() {
        for (alpha, beta, gamma) in [(-4.45, 5.45, 1.0), (-1.0, 1.0, 0.5), (2.0, 0.0, 0.0)] {
            let config = PartialBceConfig { alpha, beta, gamma, reduction: Reduction::MeanKnown };
            conformance::check(&|_| Box::new(PartialBce::new(config.clone()).unwrap()));
        }
    }

    #[test]
    fn the_weight_falls_from_five_to_one() {
        let loss = PartialBce::default();
        let mut labels = [Label::Unknown; 10];
        assert_eq!(loss.weight(&labels), 0.0);
        labels[3] = Label::Negative;
        assert!((loss.weight(&labels) - 5.005).abs() < 1e-12);
        assert!((loss.weight(&[Label::Positive; 4]) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_weight_below_zero_is_refused() {
        for (alpha, beta, gamma, parameter) in
            [(-2.0, 1.0, 1.0, "alpha"), (1.0, -0.5, 1.0, "beta"), (1.0, 1.0, -1.0, "gamma")]
        {
            let error = PartialBce::new(PartialBceConfig { alpha, beta, gamma, ..Default::default() });
            assert!(matches!(error, Err(LossError::Parameter { parameter: p, .. }) if p == parameter));
        }
    }
}
