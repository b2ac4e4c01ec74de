//! Cross-entropy with the posterior of unknown cells given how many positives a row has.

use crate::posterior::Posterior;
use crate::reference;
use lacuna_loss_api::pointwise::{self, Entry, Pointwise};
use lacuna_loss_api::{
    Dual, Interval, LabelUse, LossError, LossGrad, LossInfo, LossInput, MultiLabelLoss, ParamInfo, Real,
    Reduction, f32x8, math,
};

static INFO: LossInfo = LossInfo {
    name: "ill-count",
    title: "imprecise labels with a prior on the number of positives",
    paper: "Chen et al., Imprecise Label Learning: A Unified Framework for Learning with Various Imprecise Label \
            Configurations, NeurIPS, arXiv 2305.12715",
    year: 2024,
    experimental: true,
    labels: LabelUse::UnknownAsUnknown,
    formula: "L = t lp + (1-t) ln, t = y on known cells, sum_s P(s) P(y = 1 | s positives among the unknown cells) elsewhere",
    params: &[ParamInfo {
        name: "expected_positives",
        default: None,
        range: Interval { low: 1e-3, high: 1e4, open: false, whole: false },
        doc: "mean k of the Poisson prior on the number of positives of a row, a statistic of the data",
    }],
};

/// Parameters of [`CountPrior`].
#[derive(Clone, Debug, PartialEq)]
pub struct CountPriorConfig {
    /// Mean k of the number of positives of a row, from 0.001 on.
    pub expected_positives: f64,
    /// How the entries become one number.
    pub reduction: Reduction,
}

impl CountPriorConfig {
    /// k as given, mean.
    pub fn new(expected_positives: f64) -> Self {
        Self { expected_positives, reduction: Reduction::Mean }
    }
}

/// One step of expectation-maximisation in each step of the training.
///
/// ```text
/// known:   L = y lp + (1 - y) ln,     dL/dz = p - y
/// unknown: L = q lp + (1 - q) ln,     dL/dz = p - q,     q = sum_s P(s) P(y = 1 | S = s)
/// P(s) ~ k^(o+s) / (o+s)!,  s = 0 ... U
/// ```
/// o is the number of observed positives of the row, U that of its unknown cells, S how many of those are positive
/// where each is so by itself with the predicted probability. q is a constant for the derivative. Its logits are held
/// to +-15, and numbers of positives whose probability is below 1e-280 take no part.
///
/// After Chen et al., NeurIPS 2024; the prior and its posterior are ours.
#[derive(Clone, Debug, PartialEq)]
pub struct CountPrior {
    config: CountPriorConfig,
    posterior: Posterior,
    targets: Vec<f32>,
}

impl CountPrior {
    /// What the loss says about itself.
    pub const INFO: &LossInfo = &INFO;

    /// The loss with these parameters.
    ///
    /// # Errors
    /// [`LossError::Parameter`] if the number is out of its range.
    pub fn new(config: CountPriorConfig) -> Result<Self, LossError> {
        INFO.check("expected_positives", config.expected_positives)?;
        let posterior = Posterior::new(config.expected_positives);
        Ok(Self { config, posterior, targets: Vec::new() })
    }
}

impl MultiLabelLoss for CountPrior {
    fn info(&self) -> &'static LossInfo {
        &INFO
    }

    fn evaluate(&mut self, input: &LossInput<'_>, grad: LossGrad<'_, '_>) -> Result<f32, LossError> {
        input.check(INFO.name, 1, &grad)?;
        input.check_hard(INFO.name)?;
        if let Some(error) = input.first_non_finite() {
            return Err(error);
        }
        let (z, classes) = (input.logits[0], input.classes);
        self.targets.clear();
        self.targets.resize(z.len(), 0.0);
        let rows = z.chunks(classes).zip(input.targets.labels.chunks(classes));
        for ((z, labels), targets) in rows.zip(self.targets.chunks_mut(classes)) {
            self.posterior.fill(z, labels, targets);
        }
        let factor = self.config.reduction.factor(&input.targets);
        let sum = pointwise::sum(&CrossEntropy, z, &self.targets, grad.into_single(), factor as f32);
        Ok((factor * sum.expect("the logits are finite")) as f32)
    }

    fn reference(&self, z: &[&[Dual]], input: &LossInput<'_>) -> Dual {
        let k = self.config.expected_positives;
        let rows = z[0].chunks(input.classes).zip(input.targets.labels.chunks(input.classes));
        let sum = Real::sum(rows.map(|(z, labels)| {
            let held: Vec<f64> = z.iter().map(|z| z.value()).collect();
            let targets = reference::targets(&held, labels, k);
            Real::sum(z.iter().zip(targets).map(|(&z, t)| reference::cross_entropy(z, t)))
        }));
        sum * Dual::of(self.config.reduction.factor(&input.targets))
    }
}

/// t lp + (1 - t) ln for a target t.
struct CrossEntropy;

impl Pointwise for CrossEntropy {
    #[inline]
    fn at(&self, z: f32x8, t: f32x8) -> Entry {
        let rest = f32x8::splat(1.0) - t;
        let log = math::logistic(z);
        Entry::new(t * log.neg_ln_p + rest * log.neg_ln_n, rest * log.p - t * log.n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lacuna_loss_api::conformance;

    #[test]
    fn conforms() {
        for k in [0.001, 0.4, 1.5, 31.4, 1e4] {
            let config = CountPriorConfig::new(k);
            conformance::check(&|_| Box::new(CountPrior::new(config.clone()).unwrap()));
        }
    }

    #[test]
    fn parameters_are_checked() {
        for k in [0.0, -1.0, f64::NAN, 1e5] {
            let error = CountPrior::new(CountPriorConfig::new(k)).unwrap_err();
            assert!(matches!(error, LossError::Parameter { parameter: "expected_positives", .. }));
        }
    }
}
