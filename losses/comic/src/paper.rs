//! The multi-focal modifier as the paper has it.

use crate::config::MFM_PAPER;
use crate::{PaperConfig, reference};
use lacuna_loss_api::pointwise::{self, ByClass, ClassVector, Entry};
use lacuna_loss_api::{
    ClassStatistics, Dual, Label, LossError, LossGrad, LossInfo, LossInput, MultiLabelLoss, Real, f32x8, math,
};
use std::ops::Range;

/// A focal loss whose exponents grow towards the tail.
///
/// ```text
/// h_c = (1 - ln(n_c / max n))^power
/// y = 1: L = n^k lp, k = g+ + w+ h_c,   dL/dz = -n^k (n + k p lp)
/// y = 0: L = p^k ln, k = g- + w- h_c,   dL/dz =  p^k (p + k n ln)
/// ```
/// The exponents take part in the derivative. Unknown and observed negative are the same.
///
/// Zhang et al., ICCV 2023, equations 5 and 6; the factor h_c is that of the authors' code.
#[derive(Clone, Debug, PartialEq)]
pub struct PaperMfm {
    config: PaperConfig,
    factors: Vec<f64>,
    /// Exponents of positives and of the rest.
    exponents: [ClassVector; 2],
}

impl PaperMfm {
    /// Loss metadata.
    pub const INFO: &LossInfo = &MFM_PAPER;

    /// The loss for these class frequencies.
    ///
    /// # Errors
    /// [`LossError::Parameter`] if a parameter is out of its range, [`LossError::Unsupported`] if a class has no
    /// positive.
    pub fn new(config: PaperConfig, train: &ClassStatistics) -> Result<Self, LossError> {
        config.check()?;
        let factors = reference::head_tail(train.nonzero(MFM_PAPER.name)?, config.power);
        let exponents = [(config.gamma_pos, config.w_pos), (config.gamma_neg, config.w_neg)]
            .map(|(g, w)| ClassVector::new(&factors.iter().map(|h| g + w * h).collect::<Vec<f64>>()));
        Ok(Self { config, factors, exponents })
    }

    /// The head-tail factors h_c >= 1.
    pub fn factors(&self) -> &[f64] {
        &self.factors
    }
}

impl MultiLabelLoss for PaperMfm {
    fn info(&self) -> &'static LossInfo {
        &MFM_PAPER
    }

    fn evaluate(&mut self, input: &LossInput<'_>, grad: LossGrad<'_, '_>) -> Result<f32, LossError> {
        check_classes(MFM_PAPER.name, self.factors.len(), input.classes)?;
        let row = |_: &[Label]| (Kernel { exponents: &self.exponents }, 1.0);
        pointwise::evaluate_rows(MFM_PAPER.name, input, grad, self.config.reduction, row)
    }

    fn cut(&mut self, classes: Range<usize>) {
        self.factors = self.factors[classes.clone()].to_vec();
        self.exponents.iter_mut().for_each(|exponents| exponents.cut(classes.clone()));
    }

    fn reference(&self, z: &[&[Dual]], input: &LossInput<'_>) -> Dual {
        let entry = |(i, &z): (usize, &Dual)| {
            reference::paper(z, input.targets.labels[i], self.factors[i % input.classes], &self.config)
        };
        let sum = Real::sum(z[0].iter().enumerate().map(entry));
        sum * Dual::of(self.config.reduction.factor(&input.targets))
    }
}

/// Fails unless a batch has as many classes as the loss was built for.
pub(crate) fn check_classes(name: &str, built: usize, found: usize) -> Result<(), LossError> {
    if built == found {
        return Ok(());
    }
    Err(LossError::Unsupported(format!("{name} was built for {built} classes, the batch has {found}")))
}

struct Kernel<'a> {
    exponents: &'a [ClassVector; 2],
}

impl ByClass for Kernel<'_> {
    #[inline(always)]
    fn at(&self, class: usize, z: f32x8, l: f32x8) -> Entry {
        let positive = l.simd_gt(f32x8::splat(0.0));
        let k = positive.select(self.exponents[0].at(class), self.exponents[1].at(class));
        // The probability that is to become small is sigma(x).
        let x = positive.select(-z, z);
        let math::Logistic { p: u, n: rest, neg_ln_p, neg_ln_n } = math::logistic(x);
        let weight = math::exp(-(k * neg_ln_p));
        let slope = weight * (k * rest).mul_add(neg_ln_n, u);
        Entry::new(weight * neg_ln_n, positive.select(-slope, slope))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lacuna_loss_api::conformance;

    #[test]
    fn conforms() {
        let other =
            PaperConfig { gamma_pos: 1.0, gamma_neg: 0.5, w_pos: 0.3, w_neg: 2.0, ..Default::default() };
        let plain = PaperConfig { gamma_neg: 0.0, w_neg: 0.0, ..Default::default() };
        for config in [PaperConfig::default(), other, plain] {
            let build = |long_tail: bool| {
                let config = config.clone();
                move |classes| {
                    let count = |c: usize| if long_tail { 500.0 / (1 + c % 10) as f64 } else { 200.0 };
                    let train = ClassStatistics::new(1000.0, (0..classes).map(count).collect()).unwrap();
                    Box::new(PaperMfm::new(config.clone(), &train).unwrap()) as Box<_>
                }
            };
            conformance::check_by_class(&build(true));
            conformance::check(&build(false));
        }
    }

    #[test]
    fn parameters_and_counts_are_checked() {
        let train = ClassStatistics::new(10.0, vec![5.0]).unwrap();
        for bad in [
            PaperConfig { gamma_pos: -1.0, ..Default::default() },
            PaperConfig { w_neg: f64::NAN, ..Default::default() },
            PaperConfig { power: -1.0, ..Default::default() },
        ] {
            assert!(matches!(PaperMfm::new(bad, &train), Err(LossError::Parameter { .. })));
        }
        let empty = ClassStatistics::new(10.0, vec![5.0, 0.0]).unwrap();
        assert!(matches!(PaperMfm::new(PaperConfig::default(), &empty), Err(LossError::Unsupported(_))));
    }
}
