//! DropLoss for independent labels.

use crate::reference;
use lacuna_loss_api::pointwise::{self, ByClass, ClassVector, Entry};
use lacuna_loss_api::{
    ClassStatistics, Dual, Interval, Label, LabelUse, LossError, LossGrad, LossInfo, LossInput,
    MultiLabelLoss, ParamInfo, Real, Reduction, f32x8, math,
};

static INFO: LossInfo = LossInfo {
    name: "drop-loss",
    title: "DropLoss for independent labels",
    paper: "Hsieh, Robb, Chen and Huang, DropLoss for Long-Tail Instance Segmentation, AAAI, arXiv 2104.06402",
    year: 2021,
    experimental: true,
    labels: LabelUse::UnknownAsNegative,
    formula: "L = y lp + w_c (1-y) ln, w_c = share of the batch's positives that are rare for rare classes, 1 for others",
    params: &[ParamInfo {
        name: "rare_below",
        default: Some(0.05),
        range: Interval::closed(0.0, 1.0),
        doc: "a class is rare if less than this share of the training rows is positive. 0.05 is our choice; 0.0010062 in \
              the authors' code, for the 1230 classes of LVIS",
    }],
};

/// Parameters of [`DropLoss`].
#[derive(Clone, Debug, PartialEq)]
pub struct DropLossConfig {
    /// Share of rows, in [0, 1], below which a class is rare.
    pub rare_below: f64,
    /// How the entries become one number.
    pub reduction: Reduction,
}

impl Default for DropLossConfig {
    /// 0.05, mean.
    fn default() -> Self {
        Self { rare_below: 0.05, reduction: Reduction::Mean }
    }
}

/// Negatives of rare classes weigh as much as rare classes have of the positives of the batch.
///
/// ```text
/// L = y lp + w_c (1 - y) ln,   dL/dz = -y n + w_c (1 - y) p
/// w_c = positives of rare classes / positives, in this batch, for a rare class; 1 for the others
/// ```
/// The weight is the probability with which DropLoss keeps such a negative: the README has the derivation. A batch
/// without positives has w_c = 0. Unknown and observed negative are the same.
///
/// Hsieh et al., AAAI 2021; timy90022/DropLoss@9aa22f562f8f, projects/DropLoss_v1/droploss/fast_rcnn.py.
#[derive(Clone, Debug, PartialEq)]
pub struct DropLoss {
    reduction: Reduction,
    statistics: ClassStatistics,
    rare: Vec<bool>,
    weights: ClassVector,
}

impl DropLoss {
    /// Loss metadata.
    pub const INFO: &LossInfo = &INFO;

    /// The loss for a training set with these class frequencies.
    ///
    /// # Errors
    /// [`LossError::Parameter`] if the share is not in [0, 1], [`LossError::Unsupported`] for a training set without
    /// rows.
    pub fn new(config: DropLossConfig, train: &ClassStatistics) -> Result<Self, LossError> {
        INFO.check("rare_below", config.rare_below)?;
        if train.rows() <= 0.0 {
            return Err(LossError::Unsupported(format!("{}: the training set has no rows", INFO.name)));
        }
        let rare = train.positives().iter().map(|n| n / train.rows() < config.rare_below).collect();
        let (reduction, statistics) = (config.reduction, train.clone());
        Ok(Self { reduction, statistics, rare, weights: ClassVector::default() })
    }

    /// Which classes are rare.
    pub fn rare(&self) -> &[bool] {
        &self.rare
    }
}

impl MultiLabelLoss for DropLoss {
    fn info(&self) -> &'static LossInfo {
        &INFO
    }

    fn evaluate(&mut self, input: &LossInput<'_>, grad: LossGrad<'_, '_>) -> Result<f32, LossError> {
        input.check(INFO.name, 1, &grad)?;
        self.statistics.check_classes(INFO.name, input.classes)?;
        let kept = reference::rare_share(input.targets.labels, &self.rare) as f32;
        self.weights.set(self.rare.iter().map(|&rare| if rare { kept } else { 1.0 }));
        let row = |_: &[Label]| (Kernel(&self.weights), 1.0);
        pointwise::evaluate_rows(INFO.name, input, grad, self.reduction, row)
    }

    fn reference(&self, z: &[&[Dual]], input: &LossInput<'_>) -> Dual {
        let kept = reference::rare_share(input.targets.labels, &self.rare);
        let entry = |(i, &z): (usize, &Dual)| {
            let weight = if self.rare[i % input.classes] { kept } else { 1.0 };
            reference::weighted_negative(z, input.targets.labels[i], weight)
        };
        Real::sum(z[0].iter().enumerate().map(entry)) * Dual::of(self.reduction.factor(&input.targets))
    }
}

/// The weights of the negatives.
struct Kernel<'a>(&'a ClassVector);

impl ByClass for Kernel<'_> {
    #[inline(always)]
    fn at(&self, class: usize, z: f32x8, l: f32x8) -> Entry {
        let weight = self.0.at(class);
        let log = math::logistic(z);
        let positive = l.simd_gt(f32x8::splat(0.0));
        Entry::new(
            positive.select(log.neg_ln_p, weight * log.neg_ln_n),
            positive.select(-log.n, weight * log.p),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lacuna_loss_api::conformance;

    fn build(rare_below: f64, ratio: f64) -> impl Fn(usize) -> Box<dyn MultiLabelLoss> {
        move |classes| {
            let counts = (0..classes as i32).map(|c| 900.0 * ratio.powi(c % 9)).collect();
            let train = ClassStatistics::new(1000.0, counts).unwrap();
            Box::new(DropLoss::new(DropLossConfig { rare_below, ..Default::default() }, &train).unwrap())
        }
    }

    #[test]
    fn conforms() {
        for rare_below in [0.0, 0.05, 0.3, 1.0] {
            conformance::check_by_class(&build(rare_below, 0.5));
            conformance::check(&build(rare_below, 1.0));
        }
    }

    #[test]
    fn negatives_of_rare_classes_are_kept_by_their_share_of_the_positives() {
        let train = ClassStatistics::new(100.0, vec![60.0, 3.0]).unwrap();
        let mut loss = DropLoss::new(DropLossConfig::default(), &train).unwrap();
        assert_eq!(loss.rare(), [false, true]);
        let (p, u) = (Label::Positive, Label::Unknown);
        let labels = [p, u, p, u, p, u, u, p];
        let z = [0.0; 8];
        let (logits, mut dz) = ([&z[..]], [0.0; 8]);
        loss.evaluate(&LossInput::new(&logits, 4, 2, &labels), LossGrad::Into(&mut [&mut dz])).unwrap();
        // A negative costs a slope of 1/2; one of four positives is rare; 8 cells.
        assert_eq!(dz[6], 0.5 / 8.0);
        assert_eq!(dz[1], 0.25 * 0.5 / 8.0);
    }

    #[test]
    fn parameters_are_checked() {
        let train = ClassStatistics::new(10.0, vec![3.0]).unwrap();
        for rare_below in [-0.1, 1.1, f64::NAN] {
            let error = DropLoss::new(DropLossConfig { rare_below, ..Default::default() }, &train);
            assert!(matches!(error, Err(LossError::Parameter { .. })));
        }
    }
}
