//! The risk of CRISP.

use crate::pu::KEPT;
use crate::reference;
use lacuna_loss_api::columns::{self, ClassSums};
use lacuna_loss_api::pointwise::ClassVector;
use lacuna_loss_api::{
    Dual, Interval, Label, LabelUse, LossError, LossGrad, LossInfo, LossInput, MultiLabelLoss, Real,
    Reduction, f32x8, math,
};

static INFO: LossInfo = LossInfo {
    name: "crisp",
    title: "class-prior risk after CRISP",
    paper: "Liu, Xu, Wang and Geng, Can Class-Priors Help Single-Positive Multi-Label Learning?, arXiv 2309.13886",
    year: 2023,
    experimental: true,
    labels: LabelUse::UnknownAsUnknown,
    formula: "L = mean over classes of 2 pi mean_P n + |mean p - pi|",
    params: &[KEPT],
};

/// The risk under absolute loss of a classifier from positives, all rows and the prior of each class.
///
/// ```text
/// L_c = 2 pi mean_P n + |mean p - pi|
/// dL_c/dz = p n [sign(mean p - pi) / B - 2 pi / |P| on positives]
/// ```
/// Means are over the rows of the batch, one class at a time, that over the positives P with a denominator of at least
/// 1; L is the mean over classes. The derivation is in the README of this crate. Observed negatives and unknown cells are
/// the same.
///
/// Liu et al., arXiv 2309.13886.
#[derive(Clone, Debug, PartialEq)]
pub struct Crisp {
    priors: Vec<f64>,
    reduction: Reduction,
    /// Per class: positives, sum of n over them, sum of p over all rows.
    sums: [ClassSums; 3],
    /// Per class: factor of p n everywhere, and what positives have in addition.
    factors: [ClassVector; 2],
}

impl Crisp {
    /// Loss metadata.
    pub const INFO: &LossInfo = &INFO;

    /// The loss for these class priors in (0, 1).
    ///
    /// # Errors
    /// [`LossError::Parameter`] for a prior out of its range, [`LossError::Classes`] without any class.
    pub fn new(priors: &[f64], reduction: Reduction) -> Result<Self, LossError> {
        let (loss, range) = (INFO.name, Interval::open(0.0, 1.0));
        if priors.is_empty() {
            return Err(LossError::Classes { loss, needed: 1, found: 0 });
        }
        if let Some(&value) = priors.iter().find(|p| !range.contains(**p)) {
            return Err(LossError::Parameter { loss, parameter: "prior", value, range });
        }
        let (sums, factors) = Default::default();
        Ok(Self { priors: priors.to_vec(), reduction, sums, factors })
    }

    /// What the sum over classes is multiplied with, 1 / C for the mean.
    fn scale(&self, input: &LossInput<'_>) -> f64 {
        self.reduction.factor(&input.targets) * input.rows as f64
    }
}

impl MultiLabelLoss for Crisp {
    fn info(&self) -> &'static LossInfo {
        &INFO
    }

    fn evaluate(&mut self, input: &LossInput<'_>, grad: LossGrad<'_, '_>) -> Result<f32, LossError> {
        input.check(INFO.name, 1, &grad)?;
        input.check_hard(INFO.name)?;
        let (classes, rows, by) = (input.classes, input.rows as f64, self.scale(input));
        if classes != self.priors.len() {
            let built = self.priors.len();
            return Err(LossError::Unsupported(format!(
                "{} was built for {built} classes, the batch has {classes}",
                INFO.name
            )));
        }
        if let Some(error) = input.first_non_finite() {
            return Err(error);
        }
        let (zero, one) = (f32x8::splat(0.0), f32x8::splat(1.0));
        let [count, missed, predicted] = &mut self.sums;
        for sums in [&mut *count, &mut *missed, &mut *predicted] {
            sums.clear(classes);
        }
        columns::visit(input, |class, z, label| {
            let (p, n) = math::sigmoid_pair(z);
            let positive = label.simd_gt(zero);
            predicted.add(class, p);
            if positive.any() {
                count.add(class, positive.select(one, zero));
                missed.add(class, positive.select(n, zero));
            }
        });
        // How far the mean prediction is above the prior, and what a positive weighs.
        let gap = |class: usize| predicted.values()[class] / rows - self.priors[class];
        let weight = |class: usize| 2.0 * self.priors[class] / count.values()[class].max(1.0);
        let value: f64 = (0..classes).map(|c| weight(c) * missed.values()[c] + gap(c).abs()).sum();
        let sign = |x: f64| if x == 0.0 { 0.0 } else { x.signum() };
        let [everywhere, at_positives] = &mut self.factors;
        everywhere.set((0..classes).map(|c| (by * sign(gap(c)) / rows) as f32));
        at_positives.set((0..classes).map(|c| (by * weight(c)) as f32));
        if let Some(dz) = grad.into_single() {
            columns::write(input, dz, |class, z, label| {
                let (p, n) = math::sigmoid_pair(z);
                let less = label.simd_gt(zero).select(at_positives.at(class), zero);
                (everywhere.at(class) - less) * (p * n)
            });
        }
        Ok((by * value) as f32)
    }

    fn reference(&self, z: &[&[Dual]], input: &LossInput<'_>) -> Dual {
        let class = |class: usize| {
            let z: Vec<Dual> = z[0][class..].iter().step_by(input.classes).copied().collect();
            let labels = input.targets.labels[class..].iter().step_by(input.classes);
            let labels: Vec<Label> = labels.copied().collect();
            reference::crisp(&z, &labels, self.priors[class])
        };
        Real::sum((0..input.classes).map(class)) * Dual::of(self.scale(input))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lacuna_loss_api::conformance;

    #[test]
    fn conforms() {
        for (first, step) in [(0.9, 0.1), (0.3, 0.03)] {
            let build = |step: f64| {
                move |classes: usize| {
                    let priors: Vec<f64> = (0..classes).map(|c| first - step * (c % 8) as f64).collect();
                    Box::new(Crisp::new(&priors, Reduction::Mean).unwrap()) as Box<_>
                }
            };
            conformance::check_by_class(&build(step));
            conformance::check(&build(0.0));
        }
    }

    #[test]
    fn priors_are_checked() {
        for priors in [vec![0.5, 1.0], vec![0.0], vec![f64::NAN]] {
            assert!(matches!(Crisp::new(&priors, Reduction::Mean), Err(LossError::Parameter { .. })));
        }
        assert!(matches!(Crisp::new(&[], Reduction::Mean), Err(LossError::Classes { .. })));
    }

    /// With every label known and the prior that of the batch, the risk is twice the mean error of the positives and
    /// the rest, as long as too much is predicted.
    #[test]
    fn the_risk_is_the_supervised_one_where_the_prior_is_right() {
        let z = [1.0, 0.5, 2.0, -0.3];
        let labels = [Label::Positive, Label::Unknown, Label::Positive, Label::Unknown];
        let p = z.map(|z: f32| 1.0 / (1.0 + (-z).exp()));
        let (logits, mut loss) = ([&z[..]], Crisp::new(&[0.5], Reduction::Mean).unwrap());
        let input = LossInput::new(&logits, 4, 1, &labels);
        let value = loss.evaluate(&input, LossGrad::Unneeded).unwrap();
        let supervised = ((1.0 - p[0]) + p[1] + (1.0 - p[2]) + p[3]) / 4.0;
        assert!((value - supervised).abs() < 1e-6, "{value} is not {supervised}");
    }
}
