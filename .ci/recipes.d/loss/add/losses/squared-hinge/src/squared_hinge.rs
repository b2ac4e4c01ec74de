//! Squared hinge.

use crate::reference;
use lacuna_loss_api::pointwise::{self, Entry, Pointwise};
use lacuna_loss_api::{
    Dual, LabelUse, LossError, LossGrad, LossInfo, LossInput, MultiLabelLoss, Real, Reduction, f32x8,
};

static INFO: LossInfo = LossInfo {
    name: "squared-hinge",
    title: "squared hinge over known labels",
    paper: "Cortes and Vapnik, Support-vector networks, Machine Learning 20",
    year: 1995,
    experimental: false,
    labels: LabelUse::KnownOnly,
    formula: "L = max(0, 1 - s z)^2, s = 1 or -1; unknown: 0",
    params: &[],
};

/// The squared hinge; unknown cells take no part.
///
/// ```text
/// L = max(0, 1 - s z)^2,   dL/dz = -2 s max(0, 1 - s z),   unknown cells: exactly 0 and 0
/// ```
/// with s = 1 for a positive and -1 for an observed negative.
#[derive(Clone, Debug, PartialEq)]
pub struct SquaredHinge {
    /// How the entries become one number.
    pub reduction: Reduction,
}

impl SquaredHinge {
    /// Loss metadata.
    pub const INFO: &LossInfo = &INFO;

    /// The squared hinge with this reduction.
    pub fn new(reduction: Reduction) -> Self {
        Self { reduction }
    }
}

impl MultiLabelLoss for SquaredHinge {
    fn info(&self) -> &'static LossInfo {
        &INFO
    }

    fn evaluate(&mut self, input: &LossInput<'_>, grad: LossGrad<'_, '_>) -> Result<f32, LossError> {
        pointwise::evaluate(INFO.name, &Kernel, input, grad, self.reduction)
    }

    fn reference(&self, z: &[&[Dual]], input: &LossInput<'_>) -> Dual {
        let entries = z[0].iter().zip(input.targets.labels);
        let sum = Real::sum(entries.map(|(&z, &l)| reference::squared_hinge(z, l)));
        sum * Dual::of(self.reduction.factor(&input.targets))
    }
}

/// The kernel for labels l in {-1, 0, 1}: a factor l makes unknown cells exact zeros.
struct Kernel;

impl Pointwise for Kernel {
    #[inline(always)]
    fn at(&self, z: f32x8, l: f32x8) -> Entry {
        let slack = (f32x8::splat(1.0) - l * z).fast_max(f32x8::splat(0.0)) * l;
        Entry::new(slack * slack, f32x8::splat(-2.0) * slack)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lacuna_loss_api::conformance;

    #[test]
    fn conforms() {
        for reduction in [Reduction::Sum, Reduction::Mean, Reduction::MeanKnown] {
            conformance::check(&|_| Box::new(SquaredHinge::new(reduction)));
        }
    }
}
