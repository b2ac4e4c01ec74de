//! Variational risk.

use crate::reference;
use lacuna_loss_api::columns::{self, ClassSums};
use lacuna_loss_api::pointwise::{ClassVector, load_targets};
use lacuna_loss_api::{
    Dual, Label, LabelUse, LossError, LossGrad, LossInfo, LossInput, MultiLabelLoss, Real, Reduction, f32x8,
    lanes, math,
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
    /// e^(ln p - its largest) of every cell.
    shares: Vec<f32>,
}

impl Vpu {
    /// Loss metadata.
    pub const INFO: &LossInfo = &INFO;

    /// The loss with this reduction.
    pub fn new(reduction: Reduction) -> Self {
        let (sums, largest, factors, scratch, shares) = Default::default();
        Self { reduction, sums, largest, factors, scratch, shares }
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
        let mut dz = grad.into_single();
        let mut add = |class: usize, z: f32x8, label: f32x8| {
            let positive = label.simd_gt(zero);
            let log = math::logistic(z);
            let share = math::exp(-log.neg_ln_p - largest.at(class));
            sum.add(class, share);
            if positive.any() {
                count.add(class, positive.select(one, zero));
                logs.add(class, positive.select(log.neg_ln_p, zero));
            }
            (share, log.n)
        };
        match &mut dz {
            // The second pass needs n and the shares again: they wait in place of the derivative and beside it.
            Some(dz) => {
                self.shares.resize(dz.len(), 0.0);
                let mut shares = self.shares.chunks_mut(classes).flat_map(|row| row.chunks_mut(8));
                columns::write(input, dz, |class, z, label| {
                    let (share, n) = add(class, z, label);
                    lanes::store(share, shares.next().expect("a chunk for each of the derivative"));
                    n
                });
            }
            None => columns::visit(input, |class, z, label| {
                add(class, z, label);
            }),
        }
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
        if let Some(dz) = dz {
            let [unlabelled, labelled] = &mut self.factors;
            let unless_cancelled = |class: usize, x: f64| if cancels(class) { 0.0 } else { x as f32 };
            let of_sum = |(class, sum): (usize, &f64)| unless_cancelled(class, by / sum);
            unlabelled.set(sum.values().iter().enumerate().map(of_sum));
            let of_count = |(class, n): (usize, &f64)| unless_cancelled(class, by / n.max(1.0));
            labelled.set(count.values().iter().enumerate().map(of_count));
            let rows = dz.chunks_mut(classes).zip(self.shares.chunks(classes));
            for ((dz, shares), labels) in rows.zip(input.targets.labels.chunks(classes)) {
                let cells = dz.chunks_mut(8).zip(shares.chunks(8)).zip(labels.chunks(8));
                for (class, ((dz, shares), labels)) in (0..).step_by(8).zip(cells) {
                    let share = unlabelled.at(class) * lanes::load(shares);
                    let positive = load_targets(labels).simd_gt(zero);
                    let slope = share - positive.select(labelled.at(class), zero);
                    lanes::store(lanes::load(dz) * slope, dz);
                }
            }
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
