//! The loss of the classifier.

use crate::{PAPER, reference};
use lacuna_loss_api::guarded::BothLogs;
use lacuna_loss_api::pointwise::{self, lane_sum, load_targets};
use lacuna_loss_api::{
    Dual, Interval, Label, LabelUse, LossError, LossGrad, LossInfo, LossInput, MultiLabelLoss, ParamInfo,
    Real, Reduction, f32x8, lanes,
};

static INFO: LossInfo = LossInfo {
    name: "smile",
    title: "SMILE: classifier on recovered label distributions",
    paper: PAPER,
    year: 2022,
    experimental: false,
    labels: LabelUse::UnknownAsUnknown,
    formula: "l = w [t L(s) + (1-t) L(1-s)], s = sigma(z/T), t = mu d1 + (1-mu) d2, d2 = 1 on positives, p on unknown",
    params: &[
        ParamInfo {
            name: "mu",
            default: Some(0.3),
            range: Interval::closed(0.0, 1.0),
            doc: "share of d1 in the target. 0.3 for scene in the authors' README; its other settings stand in the README of this crate",
        },
        ParamInfo {
            name: "p",
            default: Some(0.075),
            range: Interval::closed(0.0, 1.0),
            doc: "target of an unknown cell besides d1. 0.075 for scene in the authors' README",
        },
        ParamInfo {
            name: "rate",
            default: Some(0.5),
            range: Interval::at_least(0.0),
            doc: "weight of cells that are not positive. 0.5 for scene in the authors' README",
        },
        ParamInfo {
            name: "bias",
            default: Some(0.0),
            range: Interval { low: 0.0, high: 1.0, open: false, whole: true },
            doc: "1: the weight of cells that are not positive is 1 / (C - 1), whatever `rate` says",
        },
        ParamInfo {
            name: "temperature",
            default: Some(1.0),
            range: Interval::above(0.0),
            doc: "divides the logits. 1 in the authors' code",
        },
        ParamInfo {
            name: "log_epsilon",
            default: Some(1e-5),
            range: Interval::closed(0.0, 0.5),
            doc: "guard e of the logarithms, -ln(p + e); 0 is the stable form. 1e-5 in the authors' code",
        },
    ],
};

/// The target of a cell: mu d1 + (1 - mu) d2, with d2 = 1 on positives and p on unknown cells. A positive gets
/// mu d1 + 1 - mu and not 1, as in the authors' code; an observed negative, which the paper does not have, is 0.
///
/// ```
/// use lacuna_loss_api::Label;
/// use lacuna_smile::target;
///
/// assert_eq!(target(Label::Positive, 0.5, 0.5, 0.1), 0.75);
/// assert_eq!(target(Label::Unknown, 0.5, 0.5, 0.25), 0.375);
/// ```
pub fn target(label: Label, d1: f32, mu: f64, p: f64) -> f32 {
    let targets = Targets::new(mu, p).at(load_targets(&[label; 8]), f32x8::splat(d1));
    targets.to_array()[0]
}

/// The targets, eight at a time.
#[derive(Clone, Copy)]
struct Targets {
    mu: f32x8,
    /// (1 - mu) d2 of positives and of unknown cells.
    positive: f32x8,
    unknown: f32x8,
}

impl Targets {
    fn new(mu: f64, p: f64) -> Self {
        let lanes = |x: f64| f32x8::splat(x as f32);
        Self { mu: lanes(mu), positive: lanes(1.0 - mu), unknown: lanes((1.0 - mu) * p) }
    }

    #[inline(always)]
    fn at(&self, label: f32x8, d1: f32x8) -> f32x8 {
        let zero = f32x8::splat(0.0);
        let known = label.simd_gt(zero).select(self.positive, self.unknown);
        label.simd_lt(zero).select(zero, self.mu.mul_add(d1, known))
    }
}

/// Parameters of [`Smile`].
#[derive(Clone, Debug, PartialEq)]
pub struct SmileConfig {
    /// Share of d1 in the target, in [0, 1].
    pub mu: f64,
    /// Target of an unknown cell besides d1, in [0, 1].
    pub p: f64,
    /// Weight of cells that are not positive.
    pub rate: f64,
    /// Whether that weight is 1 / (C - 1) instead.
    pub bias: bool,
    /// Divides the logits.
    pub temperature: f64,
    /// Guard of the logarithms.
    pub log_epsilon: f64,
    /// Mean in the authors' code.
    pub reduction: Reduction,
}

impl Default for SmileConfig {
    /// The settings of scene.
    fn default() -> Self {
        Self {
            mu: 0.3,
            p: 0.075,
            rate: 0.5,
            bias: false,
            temperature: 1.0,
            log_epsilon: 1e-5,
            reduction: Reduction::Mean,
        }
    }
}

/// The classifier of SMILE.
///
/// ```text
/// L = mean w [t L_e(s) + (1 - t) L_e(1 - s)],   s = sigma(z / T),   L_e(x) = -ln(x + e)
/// t = mu d1 + (1 - mu) d2,   w = 1 on positives, else rate, or 1 / (C - 1) with bias
/// dL/dz = mean w s (1 - s) / T [-t / (s + e) + (1 - t) / (1 - s + e)]
/// ```
/// d1 comes in as [`Targets::soft`](lacuna_loss_api::Targets::soft), beside the labels and not in their place: labels say
/// which cells are positive, and with it d2 and w. Without it, d1 is the labels themselves, 1 on positives and 0 elsewhere.
///
/// Xu et al., NeurIPS 2022; palm-ml/smile@49405dbc, train_smile2.py.
#[derive(Clone, Debug, PartialEq)]
pub struct Smile {
    config: SmileConfig,
}

impl Smile {
    /// Loss metadata.
    pub const INFO: &LossInfo = &INFO;

    /// The loss with these parameters.
    ///
    /// # Errors
    /// [`LossError::Parameter`] if one is out of its range.
    pub fn new(config: SmileConfig) -> Result<Self, LossError> {
        INFO.check("mu", config.mu)?;
        INFO.check("p", config.p)?;
        INFO.check("rate", config.rate)?;
        INFO.check("temperature", config.temperature)?;
        INFO.check("log_epsilon", config.log_epsilon)?;
        Ok(Self { config })
    }

    /// Weight of cells that are not positive.
    fn weight(&self, classes: usize) -> Result<f64, LossError> {
        match (self.config.bias, classes) {
            (false, _) => Ok(self.config.rate),
            (true, 0..=1) => Err(LossError::Classes { loss: INFO.name, needed: 2, found: classes }),
            (true, _) => Ok(1.0 / (classes as f64 - 1.0)),
        }
    }
}

impl MultiLabelLoss for Smile {
    fn info(&self) -> &'static LossInfo {
        &INFO
    }

    fn evaluate(&mut self, input: &LossInput<'_>, grad: LossGrad<'_, '_>) -> Result<f32, LossError> {
        input.check(INFO.name, 1, &grad)?;
        if let Some(soft) = input.targets.soft {
            input.check_soft(soft)?;
        }
        let SmileConfig { mu, p, temperature, log_epsilon, reduction, .. } = self.config;
        let factor = factor(reduction, input);
        let kernel = Kernel {
            targets: Targets::new(mu, p),
            weight: f32x8::splat(self.weight(input.all_classes())? as f32),
            inverse: f32x8::splat((1.0 / temperature) as f32),
            guard: f32x8::splat(log_epsilon as f32),
            scale: f32x8::splat((factor / temperature) as f32),
        };
        let dz = grad.into_single();
        let total =
            if log_epsilon > 0.0 { kernel.sum::<true>(input, dz) } else { kernel.sum::<false>(input, dz) };
        total.map(|sum| (factor * sum) as f32).ok_or_else(|| pointwise::non_finite(input))
    }

    fn reference(&self, z: &[&[Dual]], input: &LossInput<'_>) -> Dual {
        let SmileConfig { mu, p, temperature, log_epsilon, reduction, .. } = self.config;
        let rest = self.weight(input.all_classes()).unwrap_or(f64::NAN);
        let cell = |(i, &z): (usize, &Dual)| {
            let label = input.targets.labels[i];
            let d1 = match input.targets.soft {
                Some(soft) => f64::from(soft[i]),
                None => f64::from(u8::from(label.is_positive())),
            };
            let weight = if label.is_positive() { 1.0 } else { rest };
            reference::classifier(z, reference::target(label, d1, mu, p), weight, temperature, log_epsilon)
        };
        Real::sum(z[0].iter().enumerate().map(cell)) * Dual::of(factor(reduction, input))
    }
}

/// What the sum over cells is multiplied with; labels say what is known, d1 or not.
fn factor(reduction: Reduction, input: &LossInput<'_>) -> f64 {
    reduction.factor(&lacuna_loss_api::Targets { soft: None, ..input.targets })
}

struct Kernel {
    targets: Targets,
    /// Of cells that are not positive.
    weight: f32x8,
    /// 1 / T.
    inverse: f32x8,
    guard: f32x8,
    /// What slopes are multiplied with.
    scale: f32x8,
}

/// Vectors whose values are added in f32 before the sum is carried on in f64.
const BLOCK: usize = 64;

impl Kernel {
    /// The sum over all cells, or `None` where a logit is NaN or infinite.
    ///
    /// A cell has two targets, its label and d1, so this is a loop of its own and not a pointwise loss.
    fn sum<const GUARDED: bool>(&self, input: &LossInput<'_>, mut dz: Option<&mut [f32]>) -> Option<f64> {
        let (z, labels, soft) = (input.logits[0], input.targets.labels, input.targets.soft);
        let (zero, one) = (f32x8::splat(0.0), f32x8::splat(1.0));
        let (mut total, mut poison) = (0.0, zero);
        for start in (0..z.len()).step_by(8 * BLOCK) {
            let end = z.len().min(start + 8 * BLOCK);
            let mut value = zero;
            for i in (start..end).step_by(8) {
                let (z8, label) = (lanes::load(&z[i..end]), load_targets(&labels[i..end]));
                poison = z8.mul_add(zero, poison);
                let positive = label.simd_gt(zero);
                let d1 = match soft {
                    Some(soft) => lanes::load(&soft[i..end]),
                    None => positive.select(one, zero),
                };
                let t = self.targets.at(label, d1);
                let w = positive.select(one, self.weight);
                let (a, b) = (w * t, w * (one - t));
                let logs = BothLogs::at::<GUARDED>(z8 * self.inverse, self.guard);
                value += (a * logs.lp + b * logs.ln) * lanes::first(one, end - i, 0.0);
                if let Some(dz) = &mut dz {
                    lanes::store(logs.slope(a, b) * self.scale, &mut dz[i..end]);
                }
            }
            total += lane_sum(value);
        }
        poison.simd_eq(zero).all().then_some(total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lacuna_loss_api::{conformance, differentiate};

    fn configs() -> Vec<SmileConfig> {
        let base = SmileConfig::default();
        vec![
            base.clone(),
            SmileConfig { mu: 0.9, p: 0.1, rate: 0.7, temperature: 2.0, ..base.clone() },
            SmileConfig { bias: true, mu: 0.01, p: 0.01, reduction: Reduction::Sum, ..base.clone() },
            SmileConfig { log_epsilon: 0.0, reduction: Reduction::MeanKnown, ..base.clone() },
            SmileConfig { mu: 1.0, p: 0.0, rate: 0.0, ..base },
        ]
    }

    #[test]
    fn conforms() {
        for config in configs() {
            conformance::check(&|_| Box::new(Smile::new(config.clone()).unwrap()));
        }
    }

    #[test]
    fn recovered_labels_agree_with_the_formula() {
        for config in configs() {
            for (rows, classes) in [(1, 2), (1, 9), (3, 7), (40, 17)] {
                let n = rows * classes;
                let z: Vec<f32> = (0..n).map(|i| (i as f32 * 0.7).sin() * 9.0).collect();
                let d1: Vec<f32> = (0..n).map(|i| (i * 37 % 101) as f32 / 100.0).collect();
                let kinds = [Label::Positive, Label::Unknown, Label::Unknown, Label::Negative];
                let labels: Vec<Label> = (0..n).map(|i| kinds[i * 7 % 4]).collect();
                let logits = [&z[..]];
                let mut input = LossInput::new(&logits, rows, classes, &labels);
                input.targets.soft = Some(&d1);
                let mut loss = Smile::new(config.clone()).unwrap();
                let mut dz = vec![f32::NAN; n];
                let value = loss.evaluate(&input, LossGrad::Into(&mut [&mut dz])).unwrap();
                assert_eq!(loss.evaluate(&input, LossGrad::Unneeded), Ok(value));
                let wide: Vec<f64> = z.iter().map(|&z| f64::from(z)).collect();
                let exact = differentiate(&loss, &[&wide], &input);
                let close = |found: f32, exact: f64, largest: f64| {
                    let gap = (f64::from(found) - exact).abs();
                    assert!(gap <= 1e-4 * exact.abs() + 2e-6 * largest, "{found}, not {exact}");
                };
                close(value, exact.value, exact.value);
                let largest = exact.logits[0].iter().fold(0.0f64, |m, x| m.max(x.abs()));
                dz.iter().zip(&exact.logits[0]).for_each(|(f, e)| close(*f, *e, largest));
            }
        }
    }

    #[test]
    fn a_share_of_one_class_has_no_weight() {
        let (z, labels) = ([0.0], [Label::Positive]);
        let logits = [&z[..]];
        let mut loss = Smile::new(SmileConfig { bias: true, ..SmileConfig::default() }).unwrap();
        let error = loss.evaluate(&LossInput::new(&logits, 1, 1, &labels), LossGrad::Unneeded);
        assert_eq!(error, Err(LossError::Classes { loss: "smile", needed: 2, found: 1 }));
    }

    #[test]
    fn parameters_are_checked() {
        let base = SmileConfig::default;
        for config in [
            SmileConfig { mu: 1.5, ..base() },
            SmileConfig { p: -0.1, ..base() },
            SmileConfig { rate: f64::NAN, ..base() },
            SmileConfig { temperature: 0.0, ..base() },
            SmileConfig { log_epsilon: 0.6, ..base() },
        ] {
            assert!(matches!(Smile::new(config), Err(LossError::Parameter { .. })));
        }
    }
}
