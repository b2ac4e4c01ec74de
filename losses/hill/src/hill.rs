//! The Hill loss.

use crate::{GAMMA, MARGIN, PAPER, reference};
use lacuna_loss_api::pointwise::{self, Entry, Pointwise};
use lacuna_loss_api::power::{Power, focal, with_power};
use lacuna_loss_api::{
    Dual, Interval, LabelUse, LossError, LossGrad, LossInfo, LossInput, MultiLabelLoss, ParamInfo, Real,
    Reduction, f32x8, math,
};

static INFO: LossInfo = LossInfo {
    name: "hill",
    title: "Hill loss",
    paper: PAPER,
    year: 2021,
    experimental: false,
    labels: LabelUse::UnknownAsNegative,
    formula: "L = r^g lp(z-m), r = sigma(m-z), on positives; (lambda-p) p^2 on the rest",
    params: &[
        ParamInfo {
            name: "lambda",
            default: Some(1.5),
            range: Interval::above(0.0),
            doc: "height of the hill: the slope of negatives vanishes at p = 2 lambda / 3. 1.5 in paper and code",
        },
        MARGIN,
        GAMMA,
    ],
};

/// Parameters of [`Hill`].
#[derive(Clone, Debug, PartialEq)]
pub struct HillConfig {
    /// Height of the hill, > 0.
    pub lambda: f64,
    /// Margin m that positives are shifted down by.
    pub margin: f64,
    /// Focusing exponent g >= 0 of positives.
    pub gamma: f64,
    /// How the entries become one number.
    pub reduction: Reduction,
}

impl Default for HillConfig {
    /// 1.5, 1, 2, sum: the authors' code.
    fn default() -> Self {
        Self { lambda: 1.5, margin: 1.0, gamma: 2.0, reduction: Reduction::Sum }
    }
}

/// Negatives lose their slope as they become confident positives: they may be positives whose label was lost.
///
/// ```text
/// y = 1: L = r^g lp(z - m),      dL/dz = -r^g (g q lp(z - m) + r),   q = sigma(z - m), r = sigma(m - z)
/// y = 0: L = (lambda - p) p^2,   dL/dz = p^2 n (2 lambda - 3 p)
/// ```
/// For lambda = 1.5 the slope of a negative falls to 0 as p goes to 1 and never turns round; for a smaller
/// lambda negatives beyond p = 2 lambda / 3 are pushed up. Unknown and observed negative are the same.
///
/// Zhang et al., arXiv 2112.07368, equations 4 and 7; xinyu1205/robust-loss-mlml@dcfa4d54bcca,
/// src/loss_functions/losses.py (class `Hill`).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Hill {
    config: HillConfig,
}

impl Hill {
    /// Loss metadata.
    pub const INFO: &LossInfo = &INFO;

    /// The loss with these parameters.
    ///
    /// # Errors
    /// [`LossError::Parameter`] if one is out of its range.
    pub fn new(config: HillConfig) -> Result<Self, LossError> {
        INFO.check("lambda", config.lambda)?;
        INFO.check("margin", config.margin)?;
        INFO.check("gamma", config.gamma)?;
        Ok(Self { config })
    }
}

impl MultiLabelLoss for Hill {
    fn info(&self) -> &'static LossInfo {
        &INFO
    }

    fn evaluate(&mut self, input: &LossInput<'_>, grad: LossGrad<'_, '_>) -> Result<f32, LossError> {
        let (lambda, margin) =
            (f32x8::splat(self.config.lambda as f32), f32x8::splat(self.config.margin as f32));
        with_power!(self.config.gamma, power => {
            let kernel = Kernel { lambda, margin, power };
            pointwise::evaluate(INFO.name, &kernel, input, grad, self.config.reduction)
        })
    }

    fn reference(&self, z: &[&[Dual]], input: &LossInput<'_>) -> Dual {
        let HillConfig { lambda, margin, gamma, reduction } = self.config;
        let entries = z[0].iter().zip(input.targets.labels);
        let sum = Real::sum(entries.map(|(&z, &l)| reference::hill(z, l, lambda, margin, gamma)));
        sum * Dual::of(reduction.factor(&input.targets))
    }
}

struct Kernel<P> {
    lambda: f32x8,
    margin: f32x8,
    power: P,
}

impl<P: Power> Pointwise for Kernel<P> {
    #[inline(always)]
    fn at(&self, z: f32x8, l: f32x8) -> Entry {
        let positive = l.simd_gt(f32x8::splat(0.0));
        // One exponential serves both cases: positives are shifted before it.
        let log = math::logistic(positive.select(z - self.margin, z));
        let (value, slope) = focal(log.n, log.p, log.neg_ln_p, self.power);
        let (p, p2) = (log.p, log.p * log.p);
        // 2 lambda - 3 p as (2 lambda - 3) + 3 n: at lambda = 1.5 nothing cancels as p goes to 1.
        let bend = log.n.mul_add(f32x8::splat(3.0), self.lambda + self.lambda - f32x8::splat(3.0));
        Entry::new(positive.select(value, (self.lambda - p) * p2), positive.select(-slope, p2 * log.n * bend))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lacuna_loss_api::{Label, conformance};

    #[test]
    fn conforms() {
        for (lambda, margin, gamma, reduction) in [
            (1.5, 1.0, 2.0, Reduction::Sum),
            (1.0, 0.0, 0.0, Reduction::Mean),
            (2.0, 0.5, 1.0, Reduction::MeanKnown),
            (1.5, -0.5, 3.0, Reduction::Mean),
            (1.5, 1.0, 0.3, Reduction::Mean),
            (1.5, 1.0, 2.7, Reduction::Mean),
        ] {
            let config = HillConfig { lambda, margin, gamma, reduction };
            conformance::check(&|_| Box::new(Hill::new(config.clone()).unwrap()));
        }
    }

    #[test]
    fn parameters_are_checked() {
        for (lambda, margin, gamma, parameter) in
            [(0.0, 1.0, 2.0, "lambda"), (1.5, f64::NAN, 2.0, "margin"), (1.5, 1.0, -1.0, "gamma")]
        {
            let error = Hill::new(HillConfig { lambda, margin, gamma, ..Default::default() });
            assert!(matches!(error, Err(LossError::Parameter { parameter: p, .. }) if p == parameter));
        }
    }

    #[test]
    fn the_slope_of_a_negative_vanishes_at_both_ends_and_does_not_turn_round() {
        let z: Vec<f32> = (-200..=200).map(|i| i as f32 * 0.1).collect();
        let labels = vec![Label::Unknown; z.len()];
        let logits = [&z[..]];
        let mut dz = vec![f32::NAN; z.len()];
        let input = LossInput::new(&logits, 1, z.len(), &labels);
        Hill::default().evaluate(&input, LossGrad::Into(&mut [&mut dz])).unwrap();
        // 3 p^2 n^2, at most 3/16
        assert!(dz.iter().all(|&d| (0.0..=0.1876).contains(&d)));
        assert!(dz[0] < 1e-6 && dz[400] < 1e-6 && dz.iter().any(|&d| d > 0.187));
    }
}
