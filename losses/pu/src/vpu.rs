//! Variational risk.

use crate::reference;
use lacuna_loss_api::columns::{self, ClassSums};
use lacuna_loss_api::pointwise::ClassVector;
use lacuna_loss_api::{
    Dual, Label, LabelUse, LossError, LossGrad, LossInfo, LossInput, MultiLabelLoss, Real, Reduction, f32x8,
    math,
};

static INFO: LossInfo = LossInfo {
    name: "vpu",
    title: "variational positive-unlabelled risk",
    paper: "Chen, Liu, Wang, Zhao and Wu, A Variational Approach for Learning from Positive and Unlabeled Data, NeurIPS",
    year: 2020,
    experimental: false,
    labels: LabelUse::UnknownAsUnknown,
    formula: "L = mean over classes of ln mean p - mean_P ln p",
    params: &[],
};

/// Learns from positives and unlabelled rows without a prior.
///
/// ```text
/// L = mean over classes of  ln mean p - mean_P ln p
/// dL/dz = (p n / sum p - [y = 1] n / positives) / C
/// ```
/// Every row is unlabelled, positives too; a class without positives keeps the first term. The regulariser of the
/// paper, which mixes features, is not part of it.
///
/// Chen et al., NeurIPS 2020, equation 6; HC-Feynman/vpu@603bcc1e6287.
#[derive(Clone, Debug, PartialEq)]
pub struct Vpu {
    /// How the loss is scaled: `Mean` is the mean over classes, the others in proportion.
    pub reduction: Reduction,
    /// Per class: sum of e^(ln p - its largest), positives, sum of lp over them.
    sums: [ClassSums; 3],
    largest: ClassVector,
    factors: [ClassVector; 2],
    scratch: Vec<f32>,
}

impl Vpu {
    /// Loss metadata.
    pub const INFO: &LossInfo = &INFO;

    /// The loss with this reduction.
    pub fn new(reduction: Reduction) -> Self {
        let (sums, largest, factors, scratch) = Default::default();
        Self { reduction, sums, largest, factors, scratch }
    }

    fn scale(&self, input: &LossInput<'_>) -> f64 {
        self.reduction.factor(&input.targets) * input.rows as f64
    }
}

impl Default for Vpu {
    /// The mean over classes.
    fn default() -> Self {
        Self::new(Reduction::Mean)
    }
}

impl MultiLabelLoss for Vpu {
    fn info(&self) -> &'static LossInfo {
        &INFO
    }

    fn evaluate(&mut self, input: &LossInput<'_>, grad: LossGrad<'_, '_>) -> Result<f32, LossError> {
        input.check(INFO.name, 1, &grad)?;
        input.check_hard(INFO.name)?;
        if let Some(error) = input.first_non_finite() {
            return Err(error);
        }
        let (classes, rows, by) = (input.classes, input.rows as f64, self.scale(input));
        let (zero, one) = (f32x8::splat(0.0), f32x8::splat(1.0));
        // ln p <= min(z, 0), so the largest logit of a class tells how far all p may be scaled up.
        self.scratch.clear();
        self.scratch.resize(classes, f32::NEG_INFINITY);
        for z in input.logits[0].chunks(classes) {
            for (largest, &z) in self.scratch.iter_mut().zip(z) {
                *largest = largest.max(z);
            }
        }
        self.largest.set(self.scratch.iter().map(|z| z.min(0.0)));
        let [sum, count, logs] = &mut self.sums;
        for sums in [&mut *sum, &mut *count, &mut *logs] {
            sums.clear(classes);
        }
        let largest = &self.largest;
        columns::visit(input, |class, z, label| {
            let positive = label.simd_gt(zero);
            let lp = math::softplus(-z);
            sum.add(class, math::exp(-lp - largest.at(class)));
            if positive.any() {
                count.add(class, positive.select(one, zero));
                logs.add(class, positive.select(lp, zero));
            }
        });
        // The two terms of a class whose only row is a positive are one number: exactly nothing is left of them.
        let cancels = |class: usize| rows == 1.0 && count.values()[class] == 1.0;
        let class_loss = |class: usize| {
            let n = count.values()[class];
            if cancels(class) {
                return 0.0;
            }
            let mean = (sum.values()[class] / rows).ln() + f64::from(self.scratch[class].min(0.0));
            mean + if n > 0.0 { logs.values()[class] / n } else { 0.0 }
        };
        let value: f64 = (0..classes).map(class_loss).sum();
        if let Some(dz) = grad.into_single() {
            let [unlabelled, labelled] = &mut self.factors;
            let unless_cancelled = |class: usize, x: f64| if cancels(class) { 0.0 } else { x as f32 };
            let of_sum = |(class, sum): (usize, &f64)| unless_cancelled(class, by / sum);
            unlabelled.set(sum.values().iter().enumerate().map(of_sum));
            let of_count = |(class, n): (usize, &f64)| unless_cancelled(class, by / n.max(1.0));
            labelled.set(count.values().iter().enumerate().map(of_count));
            columns::write(input, dz, |class, z, label| {
                let log = math::logistic(z);
                let share = unlabelled.at(class) * math::exp(-log.neg_ln_p - largest.at(class));
                log.n * (share - label.simd_gt(zero).select(labelled.at(class), zero))
            });
        }
        Ok((by * value) as f32)
    }

    fn reference(&self, z: &[&[Dual]], input: &LossInput<'_>) -> Dual {
        let class = |class: usize| {
            let z: Vec<Dual> = z[0][class..].iter().step_by(input.classes).copied().collect();
            let labels = input.targets.labels[class..].iter().step_by(input.classes);
            reference::vpu(&z, &labels.copied().collect::<Vec<Label>>())
        };
        let sum = Real::sum((0..input.classes).map(class));
        sum * Dual::of(self.scale(input))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lacuna_loss_api::conformance;

    #[test]
    fn conforms() {
        for reduction in [Reduction::Mean, Reduction::Sum, Reduction::MeanKnown] {
            conformance::check(&|_| Box::new(Vpu::new(reduction)));
        }
    }
}
