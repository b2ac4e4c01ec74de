//! Pairwise ranking.

use crate::{PAPER, reference};
use lacuna_loss_api::pointwise::{self, Entry, Pointwise};
use lacuna_loss_api::{
    Dual, Label, LabelUse, LossError, LossGrad, LossInfo, LossInput, MultiLabelLoss, Real, Reduction, f32x8,
    math,
};

static INFO: LossInfo = LossInfo {
    name: "pr",
    title: "pairwise ranking",
    paper: PAPER,
    year: 2021,
    experimental: false,
    labels: LabelUse::UnknownAsNegative,
    formula: "L = sum over positives j and other classes k of max(0, 1 - p_j + p_k)",
    params: &[],
};

/// Ranks every positive of a row above everything that is not one, by a margin of 1 in probability.
///
/// ```text
/// L = sum_j sum_k max(0, 1 - p_j + p_k),   j positive, k not
/// ```
/// Probabilities differ by less than 1, so the maximum is never 0 and the double sum of a row with P
/// positives and U others is U sum_j (1 - p_j) + P sum_k p_k: linear in the number of classes. Observed negatives
/// and unknown cells are ranked alike.
///
/// elijahcole/single-positive-multi-label@89152d52ba59, losses.py (`loss_pr`), divided by B C.
///
/// ```
/// use lacuna_loss_api::{Label, LossGrad, LossInput, MultiLabelLoss, Reduction};
/// use lacuna_spml::PairwiseRank;
///
/// let z = [0.0, 0.0, 0.0];
/// let labels = [Label::Positive, Label::Unknown, Label::Unknown];
/// let logits = [&z[..]];
/// let value = PairwiseRank::new(Reduction::Sum)
///     .evaluate(&LossInput::new(&logits, 1, 3, &labels), LossGrad::Unneeded)?;
/// assert_eq!(value, 2.0); // two pairs at the margin's width
/// # Ok::<(), lacuna_loss_api::LossError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct PairwiseRank {
    /// How the pairs become one number; means divide by entries, not by pairs.
    pub reduction: Reduction,
}

impl PairwiseRank {
    /// Loss metadata.
    pub const INFO: &LossInfo = &INFO;

    /// The loss with this reduction.
    pub fn new(reduction: Reduction) -> Self {
        Self { reduction }
    }
}

impl Default for PairwiseRank {
    /// The sum over pairs divided by rows x classes: the authors' code.
    fn default() -> Self {
        Self::new(Reduction::Mean)
    }
}

impl MultiLabelLoss for PairwiseRank {
    fn info(&self) -> &'static LossInfo {
        &INFO
    }

    fn evaluate(&mut self, input: &LossInput<'_>, grad: LossGrad<'_, '_>) -> Result<f32, LossError> {
        let row = |labels: &[Label]| {
            let positives = labels.iter().filter(|l| l.is_positive()).count();
            let lanes = |count: usize| f32x8::splat(count as f32);
            (Row { positives: lanes(positives), others: lanes(labels.len() - positives) }, 1.0)
        };
        pointwise::evaluate_rows(INFO.name, input, grad, self.reduction, row)
    }

    fn reference(&self, z: &[&[Dual]], input: &LossInput<'_>) -> Dual {
        let rows = z[0].chunks(input.classes).zip(input.targets.labels.chunks(input.classes));
        let sum = Real::sum(rows.map(|(z, labels)| reference::pairwise_rank_row(z, labels)));
        sum * Dual::of(self.reduction.factor(&input.targets))
    }
}

/// How many positives and how many others the row of an entry has.
struct Row {
    positives: f32x8,
    others: f32x8,
}

impl Pointwise for Row {
    #[inline(always)]
    fn at(&self, z: f32x8, l: f32x8) -> Entry {
        let (p, n) = math::sigmoid_pair(z);
        let positive = l.simd_gt(f32x8::splat(0.0));
        let value = positive.select(self.others * n, self.positives * p);
        Entry::new(value, p * n * positive.select(-self.others, self.positives))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lacuna_loss_api::conformance;

    #[test]
    fn conforms() {
        for reduction in [Reduction::Sum, Reduction::Mean, Reduction::MeanKnown] {
            conformance::check(&|_| Box::new(PairwiseRank::new(reduction)));
        }
    }
}
