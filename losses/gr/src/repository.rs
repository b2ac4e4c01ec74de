//! The three simpler losses of the repository.

use crate::{PAPER, reference};
use lacuna_loss_api::pointwise::{self, Entry, Pointwise};
use lacuna_loss_api::{
    Dual, Interval, Label, LabelUse, LossError, LossGrad, LossInfo, LossInput, MultiLabelLoss, ParamInfo,
    Real, Reduction, f32x8, math,
};

const PARAMS: &[ParamInfo] = &[ParamInfo {
    name: "log_epsilon",
    default: Some(1e-7),
    range: Interval::closed(0.0, 0.5),
    doc: "guard e of the logarithm of positives; 0 is the stable form. 1e-7 in the authors' code",
}];

const fn info(name: &'static str, title: &'static str, labels: LabelUse, formula: &'static str) -> LossInfo {
    LossInfo { name, title, paper: PAPER, year: 2024, experimental: false, labels, formula, params: PARAMS }
}

static POSITIVES: LossInfo = info(
    "gr-repo-epr",
    "positives only, of the GR repository",
    LabelUse::UnknownAsUnknown,
    "L = -ln(p+e) on positives, 0 on the rest",
);
static HILL: LossInfo = info(
    "gr-repo-hill",
    "Hill loss of the GR repository",
    LabelUse::UnknownAsNegative,
    "L = -ln(p+e) on positives, (1.5-p) p^2 on the rest",
);
static WEIGHT: LossInfo = info(
    "gr-repo-weight",
    "weighted loss of the GR repository",
    LabelUse::UnknownAsNegative,
    "L = -8 ln(p+e) on positives, 0.9 (1-n^0.99)/0.99 on the rest",
);

/// Which of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Simple {
    /// `EPR_loss`: positives only, without the regulariser its name promises.
    Positives,
    /// `hill_loss`: without margin and focal weight.
    Hill,
    /// `weight_loss`.
    Weight,
}

impl Simple {
    /// Loss metadata.
    pub const fn info(self) -> &'static LossInfo {
        match self {
            Simple::Positives => &POSITIVES,
            Simple::Hill => &HILL,
            Simple::Weight => &WEIGHT,
        }
    }
}

/// Parameters of [`RepositoryLoss`].
#[derive(Clone, Debug, PartialEq)]
pub struct RepositoryLossConfig {
    /// Guard e of the logarithm of positives, in [0, 0.5].
    pub log_epsilon: f64,
    /// How the entries become one number.
    pub reduction: Reduction,
}

impl Default for RepositoryLossConfig {
    /// 1e-7, mean.
    fn default() -> Self {
        Self { log_epsilon: 1e-7, reduction: Reduction::Mean }
    }
}

/// Baselines that the repository defines beside the GR loss.
///
/// | kind | positive | everything else |
/// |---|---|---|
/// | `Positives` | -ln(p + e) | 0 |
/// | `Hill` | -ln(p + e) | (1.5 - p) p^2 |
/// | `Weight` | -8 ln(p + e) | 0.9 (1 - n^0.99) / 0.99 |
///
/// yan4xi1/GRLoss@5e13f7f9d8e4, losses.py.
#[derive(Clone, Debug, PartialEq)]
pub struct RepositoryLoss {
    kind: Simple,
    config: RepositoryLossConfig,
}

impl RepositoryLoss {
    /// The loss of this kind.
    ///
    /// # Errors
    /// [`LossError::Parameter`] for a guard out of its range.
    pub fn new(kind: Simple, config: RepositoryLossConfig) -> Result<Self, LossError> {
        kind.info().check("log_epsilon", config.log_epsilon)?;
        Ok(Self { kind, config })
    }
}

impl MultiLabelLoss for RepositoryLoss {
    fn info(&self) -> &'static LossInfo {
        self.kind.info()
    }

    fn evaluate(&mut self, input: &LossInput<'_>, grad: LossGrad<'_, '_>) -> Result<f32, LossError> {
        let kernel = Kernel { kind: self.kind, guard: f32x8::splat(self.config.log_epsilon as f32) };
        pointwise::evaluate(self.info().name, &kernel, input, grad, self.config.reduction)
    }

    fn reference(&self, z: &[&[Dual]], input: &LossInput<'_>) -> Dual {
        let entry = |(&z, label): (&Dual, &Label)| match (label.is_positive(), self.kind) {
            (true, Simple::Weight) => Dual::of(8.0) * reference::positive(z, self.config.log_epsilon),
            (true, _) => reference::positive(z, self.config.log_epsilon),
            (false, Simple::Positives) => Dual::zero(),
            (false, Simple::Hill) => reference::hill_negative(z),
            (false, Simple::Weight) => reference::weight_negative(z),
        };
        let sum = Real::sum(z[0].iter().zip(input.targets.labels).map(entry));
        sum * Dual::of(self.config.reduction.factor(&input.targets))
    }
}

struct Kernel {
    kind: Simple,
    guard: f32x8,
}

impl Pointwise for Kernel {
    #[inline(always)]
    fn at(&self, z: f32x8, l: f32x8) -> Entry {
        let (zero, c) = (f32x8::splat(0.0), f32x8::splat);
        let log = math::logistic(z);
        let (p, n) = (log.p, log.n);
        let x = p + self.guard;
        let lp = self.guard.simd_gt(zero).select(-math::ln(x), log.neg_ln_p);
        let weight = c(if self.kind == Simple::Weight { 8.0 } else { 1.0 });
        let (value, slope) = match self.kind {
            Simple::Positives => (zero, zero),
            Simple::Hill => ((c(1.5) - p) * (p * p), c(3.0) * (p * n) * (p * n)),
            Simple::Weight => {
                let power = math::exp_sat(c(-0.99) * log.neg_ln_n);
                (c(0.9 / 0.99) * (c(1.0) - power), c(0.9) * power * p)
            }
        };
        let positive = l.simd_gt(zero);
        let (up, down) = (weight * lp, -(weight * (p * n) / x));
        Entry::new(positive.select(up, value), positive.select(down, slope))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lacuna_loss_api::conformance;

    #[test]
    fn conforms() {
        for kind in [Simple::Positives, Simple::Hill, Simple::Weight] {
            for log_epsilon in [1e-7, 0.0, 0.5] {
                let config = RepositoryLossConfig { log_epsilon, ..Default::default() };
                conformance::check(&|_| Box::new(RepositoryLoss::new(kind, config.clone()).unwrap()));
            }
        }
        let bad = RepositoryLossConfig { log_epsilon: f64::NAN, ..Default::default() };
        assert!(matches!(RepositoryLoss::new(Simple::Hill, bad), Err(LossError::Parameter { .. })));
    }
}
