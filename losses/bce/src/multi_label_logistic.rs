//! Multi-label logistic loss for the Hamming loss.

use crate::reference;
use lacuna_loss_api::pointwise::{self, Entry, Pointwise};
use lacuna_loss_api::{
    Dual, Label, LabelUse, LossError, LossGrad, LossInfo, LossInput, MultiLabelLoss, Real, Reduction, f32x8,
    math,
};

static INFO: LossInfo = LossInfo {
    name: "multi-label-logistic",
    title: "multi-label logistic loss of the Hamming loss",
    paper: "Mao, Mohri and Zhong, Multi-Label Learning with Stronger Consistency Guarantees, NeurIPS, arXiv 2407.13746",
    year: 2024,
    experimental: true,
    labels: LabelUse::KnownOnly,
    formula: "L = (1-c) [y lp + (1-y) ln] + c [y ln + (1-y) lp], c = (K-1) / (2K), K = known labels of the row",
    params: &[],
};

/// The sum over label sets of the multi-label logistic loss, which for the Hamming loss has a closed form.
///
/// ```text
/// L = (1 - c) [y lp + (1 - y) ln] + c [y ln + (1 - y) lp],   c = (K - 1) / (2 K)
/// dL/dz = p - y + c (2 y - 1)
/// ```
/// K is the number of known labels of the row: a set of labels is one of the known ones. The derivation is in the
/// README of this crate. Unknown cells count exactly nothing.
///
/// Mao, Mohri and Zhong, NeurIPS 2024.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MultiLabelLogistic {
    reduction: Reduction,
}

impl MultiLabelLogistic {
    /// Loss metadata.
    pub const INFO: &LossInfo = &INFO;

    /// The loss with this reduction.
    pub fn new(reduction: Reduction) -> Self {
        Self { reduction }
    }
}

impl MultiLabelLoss for MultiLabelLogistic {
    fn info(&self) -> &'static LossInfo {
        &INFO
    }

    fn evaluate(&mut self, input: &LossInput<'_>, grad: LossGrad<'_, '_>) -> Result<f32, LossError> {
        let row = |labels: &[Label]| (Smoothed(f32x8::splat(reference::wrong_share(labels) as f32)), 1.0);
        pointwise::evaluate_rows(INFO.name, input, grad, self.reduction, row)
    }

    fn reference(&self, z: &[&[Dual]], input: &LossInput<'_>) -> Dual {
        let rows = z[0].chunks(input.classes).zip(input.targets.labels.chunks(input.classes));
        let sum = Real::sum(rows.map(|(z, labels)| {
            let share = reference::wrong_share(labels);
            Real::sum(z.iter().zip(labels).map(|(&z, &l)| reference::multi_label_logistic(z, l, share)))
        }));
        sum * Dual::of(self.reduction.factor(&input.targets))
    }
}

/// The share c of the wrong sign.
struct Smoothed(f32x8);

impl Pointwise for Smoothed {
    #[inline(always)]
    fn at(&self, z: f32x8, l: f32x8) -> Entry {
        let zero = f32x8::splat(0.0);
        let (wrong, right) = (self.0, f32x8::splat(1.0) - self.0);
        let log = math::logistic(z);
        let positive = l.simd_gt(zero);
        let (up, down) = (positive.select(right, wrong), positive.select(wrong, right));
        let unknown = l.simd_eq(zero);
        let value = up * log.neg_ln_p + down * log.neg_ln_n;
        let slope = down * log.p - up * log.n;
        Entry::new(unknown.select(zero, value), unknown.select(zero, slope))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lacuna_loss_api::conformance;

    #[test]
    fn conforms() {
        for reduction in [Reduction::Sum, Reduction::Mean, Reduction::MeanKnown] {
            conformance::check(&|_| Box::new(MultiLabelLogistic::new(reduction)));
        }
    }

    /// sum over y' of (1 - H(y', y)) ln sum over y'' of e^(sum_i (y''_i - y'_i) z_i / 2), y in {-1, 1}^C, divided by
    /// 2^(C-1), H being the share of labels that differ: the paper's definition, set by set.
    fn by_sets(z: &[f64], y: &[f64]) -> f64 {
        let classes = z.len();
        let sign = |set: usize, i: usize| if set >> i & 1 == 1 { 1.0 } else { -1.0 };
        let score = |set: usize| (0..classes).map(|i| sign(set, i) * z[i] / 2.0).sum::<f64>();
        let sets = 1usize << classes;
        let whole = (0..sets).map(|set| score(set).exp()).sum::<f64>().ln();
        let differ = |set: usize| (0..classes).filter(|&i| sign(set, i) != y[i]).count() as f64;
        let sum: f64 = (0..sets).map(|set| (1.0 - differ(set) / classes as f64) * (whole - score(set))).sum();
        sum / (sets / 2) as f64
    }

    #[test]
    fn the_closed_form_is_the_sum_over_label_sets() {
        for classes in 1..=8 {
            let z: Vec<f64> = (0..classes).map(|i| 2.3 - 0.7 * i as f64).collect();
            let labels: Vec<Label> =
                (0..classes).map(|i| if i % 3 == 0 { Label::Positive } else { Label::Negative }).collect();
            let y: Vec<f64> = labels.iter().map(|l| if l.is_positive() { 1.0 } else { -1.0 }).collect();
            let c = reference::wrong_share(&labels);
            let closed: f64 =
                z.iter().zip(&labels).map(|(&z, &l)| reference::multi_label_logistic(z, l, c)).sum();
            let exact = by_sets(&z, &y);
            assert!((closed - exact).abs() < 1e-12 * exact, "{classes}: {closed} is not {exact}");
        }
    }
}
