//! Binary cross-entropy.

use crate::reference;
use lacuna_loss_api::pointwise::{self, Entry, Pointwise};
use lacuna_loss_api::{
    Dual, LabelUse, LossError, LossGrad, LossInfo, LossInput, MultiLabelLoss, Real, Reduction, f32x8, math,
};

static INFO: LossInfo = LossInfo {
    name: "bce",
    title: "binary cross-entropy over known labels",
    paper: "maximum likelihood of independent Bernoulli labels",
    year: 1958,
    experimental: false,
    labels: LabelUse::KnownOnly,
    formula: "L = y lp + (1-y) ln; unknown: 0",
    params: &[],
};

/// Binary cross-entropy, the maximum likelihood of independent classes; unknown cells take no part.
///
/// ```text
/// L = y lp + (1 - y) ln,   dL/dz = p - y,   unknown cells: exactly 0 and 0
/// ```
/// with lp = softplus(-z) and ln = softplus(z). Soft targets y in [0, 1] take the place of labels where they
/// are given. Logistic regression: Cox, "The regression analysis of binary sequences", 1958.
#[derive(Clone, Debug, PartialEq)]
pub struct Bce {
    /// How the entries become one number.
    pub reduction: Reduction,
}

impl Bce {
    /// Loss metadata.
    pub const INFO: &LossInfo = &INFO;

    /// Binary cross-entropy with this reduction.
    pub fn new(reduction: Reduction) -> Self {
        Self { reduction }
    }
}

impl Default for Bce {
    /// The mean over all entries.
    fn default() -> Self {
        Self::new(Reduction::Mean)
    }
}

impl MultiLabelLoss for Bce {
    fn info(&self) -> &'static LossInfo {
        &INFO
    }

    fn evaluate(&mut self, input: &LossInput<'_>, grad: LossGrad<'_, '_>) -> Result<f32, LossError> {
        match input.targets.soft {
            None => pointwise::evaluate(INFO.name, &Known, input, grad, self.reduction),
            Some(soft) => pointwise::evaluate_soft(INFO.name, &Soft, input, soft, grad, self.reduction),
        }
    }

    fn reference(&self, z: &[&[Dual]], input: &LossInput<'_>) -> Dual {
        let sum = match input.targets.soft {
            None => Real::sum(z[0].iter().zip(input.targets.labels).map(|(&z, &l)| reference::bce(z, l))),
            Some(soft) => {
                Real::sum(z[0].iter().zip(soft).map(|(&z, &y)| reference::cross_entropy(z, f64::from(y))))
            }
        };
        sum * Dual::of(self.reduction.factor(&input.targets))
    }
}

/// The kernel for labels l in {-1, 0, 1}.
///
/// With m = l z the loss is softplus(-m) = max(-m, 0) + ln(1 + e^-|m|) and its slope -l sigma(-m): no case
/// for the sign of the label, and a factor l makes unknown cells exact zeros.
pub(crate) struct Known;

impl Pointwise for Known {
    #[inline(always)]
    fn at(&self, z: f32x8, l: f32x8) -> Entry {
        let m = l * z;
        let (zero, one) = (f32x8::splat(0.0), f32x8::splat(1.0));
        let e = math::exp_sat(-m.abs());
        let sigma = m.simd_ge(zero).select(e, one) / (one + e);
        Entry { value: (-m).fast_max(zero), factor: (l * l).mul_add(e, one), slope: -(l * sigma) }
    }
}

/// The kernel for targets y in [0, 1].
///
/// y lp + (1 - y) ln = [z (1 - y) if z >= 0, else -z y] + ln(1 + e^-|z|): both cases are sums of terms that
/// are not negative, so nothing cancels. The slope p - y is (1 - y) p - y n for the same reason.
struct Soft;

impl Pointwise for Soft {
    #[inline(always)]
    fn at(&self, z: f32x8, y: f32x8) -> Entry {
        let one = f32x8::splat(1.0);
        let right = z.simd_ge(f32x8::splat(0.0));
        let e = math::exp_sat(-z.abs());
        let large = one / (one + e);
        let small = e * large;
        let (p, n) = (right.select(large, small), right.select(small, large));
        let value = z.abs() * right.select(one - y, y);
        Entry { value, factor: one + e, slope: (one - y) * p - y * n }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lacuna_loss_api::{Label, conformance, differentiate};

    #[test]
    fn conforms() {
        for reduction in [Reduction::Sum, Reduction::Mean, Reduction::MeanKnown] {
            conformance::check(&|_| Box::new(Bce::new(reduction)));
        }
    }

    #[test]
    fn soft_targets_agree_with_the_formula() {
        for n in (1..20).chain([515]) {
            let z: Vec<f32> = (0..n).map(|i| (i as f32 * 0.7).sin() * 9.0).collect();
            let soft: Vec<f32> = (0..n).map(|i| [0.0, 1.0, 0.25, 0.9][i % 4]).collect();
            let labels = vec![Label::Unknown; n];
            let logits = [&z[..]];
            let mut input = LossInput::new(&logits, 1, n, &labels);
            input.targets.soft = Some(&soft);
            let mut dz = vec![f32::NAN; n];
            let mut loss = Bce::new(Reduction::MeanKnown);
            let value = loss.evaluate(&input, LossGrad::Into(&mut [&mut dz])).unwrap();
            let wide: Vec<f64> = z.iter().map(|&z| f64::from(z)).collect();
            let exact = differentiate(&loss, &[&wide], &input);
            assert!((f64::from(value) - exact.value).abs() <= 1e-6 * exact.value, "{n}");
            for (dz, exact) in dz.iter().zip(&exact.logits[0]) {
                assert!((f64::from(*dz) - exact).abs() <= 1e-6 * exact.abs(), "{n}: {dz} is not {exact}");
            }
        }
    }

    #[test]
    fn soft_targets_at_the_ends_are_labels() {
        let z = [3.0, -2.0, 40.0, -40.0];
        let labels = [Label::Positive, Label::Negative, Label::Negative, Label::Positive];
        let soft = [1.0, 0.0, 0.0, 1.0];
        let logits = [&z[..]];
        let hard = LossInput::new(&logits, 2, 2, &labels);
        let mut mixed = hard;
        mixed.targets.soft = Some(&soft);
        let mut loss = Bce::default();
        let (a, b) = (loss.evaluate(&hard, LossGrad::Unneeded), loss.evaluate(&mixed, LossGrad::Unneeded));
        assert!((a.unwrap() - b.unwrap()).abs() < 1e-6);
    }
}
