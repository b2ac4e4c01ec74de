//! Expected positive regularisation.

use crate::guarded::{OneLog, Weights};
use crate::{EXPECTED_POSITIVES, LOG_EPSILON, PAPER, reference};
use lacuna_loss_api::pointwise::{self, Entry, Pointwise};
use lacuna_loss_api::{
    Dual, LabelUse, LossError, LossGrad, LossInfo, LossInput, MultiLabelLoss, Reduction, f32x8, math,
};

static INFO: LossInfo = LossInfo {
    name: "epr",
    title: "expected positive regularisation",
    paper: PAPER,
    year: 2021,
    experimental: false,
    labels: LabelUse::UnknownAsUnknown,
    formula: "L = mean [Lp on positives, Ln on observed negatives] + ((1/B) sum p - k)^2 / C^2",
    params: &[EXPECTED_POSITIVES, LOG_EPSILON],
};

/// Parameters of [`Epr`] and of [`Role`](crate::Role).
#[derive(Clone, Debug, PartialEq)]
pub struct ExpectedPositivesConfig {
    /// Expected number k >= 0 of positives of a row.
    pub expected_positives: f64,
    /// Guard e of the logarithms, in [0, 0.5]; 0 is the stable form.
    pub log_epsilon: f64,
    /// How the loss is scaled; the regulariser with it.
    pub reduction: Reduction,
}

impl ExpectedPositivesConfig {
    /// k as given, 1e-5, mean: the authors' code.
    pub fn new(expected_positives: f64) -> Self {
        Self { expected_positives, log_epsilon: 1e-5, reduction: Reduction::Mean }
    }

    pub(crate) fn check(self, info: &'static LossInfo) -> Result<Self, LossError> {
        info.check("expected_positives", self.expected_positives)?;
        info.check("log_epsilon", self.log_epsilon)?;
        Ok(self)
    }

    /// What the mean-reduced loss is multiplied with: 1 for the mean, B C for the sum. The regulariser is
    /// scaled as well, so that its share of the loss stays the published one.
    pub(crate) fn scale(&self, input: &LossInput<'_>) -> f64 {
        self.reduction.factor(&input.targets) * input.targets.labels.len() as f64
    }
}

/// Learns from the observed labels alone and asks the predictions of a batch to add up.
///
/// ```text
/// L = 1/(BC) [sum over positives -ln(p + e) + sum over observed negatives -ln(1 - p + e)] + R
/// R = ((1/B) sum p - k)^2 / C^2,   dR/dz = 2 ((1/B) sum p - k) p n / (B C^2)
/// ```
/// Cole et al., CVPR 2021, equation 7; elijahcole/single-positive-multi-label@89152d52ba59, losses.py
/// (`loss_epr`). There are no observed negatives in the paper; see the README for what they are here.
///
/// ```
/// use lacuna_loss_api::{Label, LossGrad, LossInput, MultiLabelLoss};
/// use lacuna_spml::{Epr, ExpectedPositivesConfig};
///
/// let z = [0.0, 0.0];
/// let labels = [Label::Unknown; 2];
/// let logits = [&z[..]];
/// let mut loss = Epr::new(ExpectedPositivesConfig::new(2.0))?;
/// let value = loss.evaluate(&LossInput::new(&logits, 1, 2, &labels), LossGrad::Unneeded)?;
/// assert_eq!(value, 0.25); // ((0.5 + 0.5 - 2) / 2)^2
/// # Ok::<(), lacuna_loss_api::LossError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Epr {
    config: ExpectedPositivesConfig,
}

impl Epr {
    /// Loss metadata.
    pub const INFO: &LossInfo = &INFO;

    /// The loss with these parameters.
    ///
    /// # Errors
    /// [`LossError::Parameter`] if one is out of its range.
    pub fn new(config: ExpectedPositivesConfig) -> Result<Self, LossError> {
        Ok(Self { config: config.check(&INFO)? })
    }
}

impl MultiLabelLoss for Epr {
    fn info(&self) -> &'static LossInfo {
        &INFO
    }

    fn evaluate(&mut self, input: &LossInput<'_>, grad: LossGrad<'_, '_>) -> Result<f32, LossError> {
        input.check(INFO.name, 1, &grad)?;
        input.check_hard(INFO.name)?;
        let (z, labels) = (input.logits[0], input.targets.labels);
        let (rows, classes) = (input.rows as f64, input.classes as f64);
        let sum = pointwise::sum(&Probability, z, labels, None, 1.0);
        let mean = sum.ok_or_else(|| pointwise::non_finite(input))? / rows;
        let gap = mean - self.config.expected_positives;

        // The second pass knows the sum, so that the slope of R joins that of the entry there. Computing p twice
        // takes no longer than keeping p n between the passes (250 us against 270 at 1024 x 80) and no memory.
        let scale = self.config.scale(input);
        let entry_scale = scale / (rows * classes);
        let (guard, slope) =
            (f32x8::splat(self.config.log_epsilon as f32), f32x8::splat((2.0 * gap / classes) as f32));
        let (dz, entry_scale_f32) = (grad.into_single(), entry_scale as f32);
        let observed = if self.config.log_epsilon > 0.0 {
            let kernel = Regularised { observed: OneLog::<true>::new(&Weights::OBSERVED, guard), slope };
            pointwise::sum(&kernel, z, labels, dz, entry_scale_f32)
        } else {
            let kernel = Regularised { observed: OneLog::<false>::new(&Weights::OBSERVED, guard), slope };
            pointwise::sum(&kernel, z, labels, dz, entry_scale_f32)
        };
        let observed = observed.expect("every logit is finite, as the sum of p was");
        Ok((entry_scale * observed + scale * (gap / classes).powi(2)) as f32)
    }

    fn reference(&self, z: &[&[Dual]], input: &LossInput<'_>) -> Dual {
        let ExpectedPositivesConfig { expected_positives: k, log_epsilon: e, .. } = self.config;
        let loss = reference::epr(z[0], input.targets.labels, input.rows, input.classes, k, e);
        loss * lacuna_loss_api::Real::of(self.config.scale(input))
    }
}

/// p, whatever the label.
struct Probability;

impl Pointwise for Probability {
    #[inline(always)]
    fn at(&self, z: f32x8, _: f32x8) -> Entry {
        let (p, n) = math::sigmoid_pair(z);
        Entry::new(p, p * n)
    }
}

/// The observed entries, with the slope that R adds to each: a multiple of p n.
struct Regularised<const GUARDED: bool> {
    observed: OneLog<GUARDED>,
    slope: f32x8,
}

impl<const GUARDED: bool> Pointwise for Regularised<GUARDED> {
    #[inline(always)]
    fn at(&self, z: f32x8, l: f32x8) -> Entry {
        let (entry, dp) = self.observed.with_slope_of_p(z, l);
        Entry { slope: self.slope.mul_add(dp, entry.slope), ..entry }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lacuna_loss_api::conformance;

    #[test]
    fn conforms() {
        for (expected_positives, log_epsilon, reduction) in
            [(1.5, 1e-5, Reduction::Mean), (0.0, 0.0, Reduction::Sum), (31.4, 0.5, Reduction::MeanKnown)]
        {
            let config = ExpectedPositivesConfig { expected_positives, log_epsilon, reduction };
            conformance::check(&|_| Box::new(Epr::new(config.clone()).unwrap()));
        }
    }

    #[test]
    fn parameters_are_checked() {
        for k in [-1.0, f64::NAN] {
            let error = Epr::new(ExpectedPositivesConfig::new(k)).unwrap_err();
            assert!(matches!(error, LossError::Parameter { parameter: "expected_positives", .. }));
        }
    }
}
