//! Class-aware selective loss (Ben-Baruch, Ridnik, Friedman, Ben-Cohen, Zamir, Noy and Zelnik-Manor, "Multi-Label
//! Classification with Partial Annotations Using Class-Aware Selective Loss", CVPR 2022).
//!
//! ```
//! use lacuna_csl::{Csl, CslConfig, Mode};
//! use lacuna_loss_api::{Label, LossGrad, LossInput, MultiLabelLoss};
//!
//! let z = [1.0, -0.5, 3.0];
//! let labels = [Label::Positive, Label::Unknown, Label::Unknown];
//! let (logits, mut dz) = ([&z[..]], [9.0; 3]);
//! let mut loss = Csl::new(CslConfig { likelihood_topk: 1, ..CslConfig::published(Mode::Selective) }, &[])?;
//! loss.evaluate(&LossInput::new(&logits, 1, 3, &labels), LossGrad::Into(&mut [&mut dz]))?;
//! assert_eq!(dz[2], 0.0); // the likeliest unknown cell of the row may well be positive
//! assert!(dz[1] > 0.0);
//! # Ok::<(), lacuna_loss_api::LossError>(())
//! ```

mod config;
pub mod reference;
mod table;
mod top;

pub use config::{CslConfig, Mode, Part};
pub use table::{ABOUT, ROWS};

use lacuna_loss_api::pointwise::{self, Entry, Pointwise};
use lacuna_loss_api::power::{Any, Power, Whole};
use lacuna_loss_api::{Dual, LossError, LossGrad, LossInfo, LossInput, MultiLabelLoss, Real, f32x8, math};
use top::Top;

/// The asymmetric loss with a third part for unknown cells, of which the likeliest are left out.
///
/// ```text
/// pm = min(n + clip, 1)
/// y =  1: L = w a+ n^g+ (-ln max(p, e)),         dL/dz = -w a+ n^g+ n [p >= e]
/// y = -1: L = w a- (1 - pm)^g- (-ln max(pm, e)),  dL/dz = w a- (1 - pm)^g- p n / pm [n + clip <= 1] [pm >= e]
/// unknown: the same with au and gu
/// ```
/// The powers and w are constants for the derivative. [`Mode`] says what w is.
///
/// Ben-Baruch et al., CVPR 2022, equations 3 to 8; Alibaba-MIIL/PartialLabelingCSL@534f3ce19976,
/// src/loss_functions/partial_asymmetric_loss.py (`PartialSelectiveLoss`).
#[derive(Clone, Debug, PartialEq)]
pub struct Csl {
    config: CslConfig,
    /// Classes whose prior is above the threshold; empty where there are no priors.
    left_out: Vec<bool>,
    with_prior: bool,
    scratch: Scratch,
}

/// Numbers of a batch, kept so that a steady step allocates nothing.
#[derive(Clone, Debug, Default, PartialEq)]
struct Scratch {
    top: Top,
    kinds: Vec<f32>,
}

/// A cell without weight, among the labels as numbers.
const DROPPED: f32 = 2.0;

impl Csl {
    /// The loss with these parameters. `priors` are the shares of the classes in [0, 1], or empty where they are not
    /// known; [`Mode::Selective`] leaves unknown cells of classes above the threshold out, the other modes have no
    /// use for them.
    ///
    /// # Errors
    /// [`LossError::Parameter`] if a parameter or a prior is out of its range.
    pub fn new(config: CslConfig, priors: &[f64]) -> Result<Self, LossError> {
        let with_prior = !priors.is_empty();
        config.check(with_prior)?;
        let loss = config.info(with_prior).name;
        let range = lacuna_loss_api::Interval::closed(0.0, 1.0);
        if let Some(&value) = priors.iter().find(|p| !range.contains(**p)) {
            return Err(LossError::Parameter { loss, parameter: "prior", value, range });
        }
        let left_out = match config.prior_threshold {
            Some(threshold) => priors.iter().map(|&prior| prior > threshold).collect(),
            None => vec![false; priors.len()],
        };
        Ok(Self { config, left_out, with_prior, scratch: Scratch::default() })
    }

    fn check_classes(&self, classes: usize) -> Result<(), LossError> {
        let built = self.left_out.len();
        if self.with_prior && built != classes {
            let name = self.info().name;
            return Err(LossError::Unsupported(format!(
                "{name} was built for {built} classes, the batch has {classes}"
            )));
        }
        Ok(())
    }

    fn run<A: Power, B: Power, C: Power>(
        &mut self,
        powers: (A, B, C),
        input: &LossInput<'_>,
        grad: LossGrad<'_, '_>,
    ) -> Result<f32, LossError> {
        let Csl { config, left_out, scratch, .. } = self;
        let name = config.info(self.with_prior).name;
        let [alpha_pos, alpha_neg, alpha_unknown] =
            [config.positive, config.negative, config.unknown].map(|part| f32x8::splat(part.alpha as f32));
        let ignores = matches!(config.mode, Mode::Ignore | Mode::Normalised);
        let kernel = Kernel {
            clip: f32x8::splat(config.clip as f32),
            eps: f32x8::splat(config.eps as f32),
            alphas: [alpha_pos, alpha_neg, if ignores { f32x8::splat(0.0) } else { alpha_unknown }],
            powers,
        };
        match config.mode {
            Mode::Negative | Mode::Ignore => {
                pointwise::evaluate(name, &kernel, input, grad, config.reduction)
            }
            Mode::Normalised => pointwise::evaluate_rows(name, input, grad, config.reduction, |labels| {
                let known = labels.iter().filter(|l| l.is_known()).count() as f64;
                (&kernel, 1.0 + 1.0 / (1.0 + known))
            }),
            Mode::Selective => {
                input.check(name, 1, &grad)?;
                input.check_hard(name)?;
                if let Some(error) = input.first_non_finite() {
                    return Err(error);
                }
                let (z, labels) = (input.logits[0], input.targets.labels);
                let kinds = &mut scratch.kinds;
                kinds.clear();
                kinds.extend(labels.iter().map(|&l| f32::from(l as i8)));
                // The smallest pm is the largest logit; comparing logits needs no sigma.
                let unknown = (0u32..).zip(z).zip(labels).filter(|(_, l)| !l.is_known());
                let k = config.likelihood_topk.saturating_mul(input.rows).min(z.len());
                for place in scratch.top.largest(k, unknown.map(|((i, &z), _)| (i, z))) {
                    kinds[place] = DROPPED;
                }
                if left_out.contains(&true) {
                    for (kinds, labels) in kinds.chunks_mut(input.classes).zip(labels.chunks(input.classes)) {
                        for ((kind, label), out) in kinds.iter_mut().zip(labels).zip(left_out.iter()) {
                            if *out && !label.is_known() {
                                *kind = DROPPED;
                            }
                        }
                    }
                }
                let factor = config.reduction.factor(&input.targets);
                let sum = pointwise::sum(&kernel, z, kinds, grad.into_single(), factor as f32);
                sum.map(|s| (s * factor) as f32).ok_or_else(|| pointwise::non_finite(input))
            }
        }
    }
}

impl MultiLabelLoss for Csl {
    fn info(&self) -> &'static LossInfo {
        self.config.info(self.with_prior)
    }

    fn evaluate(&mut self, input: &LossInput<'_>, grad: LossGrad<'_, '_>) -> Result<f32, LossError> {
        self.check_classes(input.classes)?;
        let any = |g: f64| Any::new(g);
        let CslConfig { positive, negative, unknown, .. } = self.config;
        let (zero, one, two, four) = (Whole::<0>, Whole::<1>, Whole::<2>, Whole::<4>);
        match (positive.gamma, negative.gamma, unknown.gamma) {
            (0.0, 1.0, 2.0) => self.run((zero, one, two), input, grad),
            (0.0, 1.0, 4.0) => self.run((zero, one, four), input, grad),
            (0.0, 0.0, 0.0) => self.run((zero, zero, zero), input, grad),
            (a, b, c) => self.run((any(a), any(b), any(c)), input, grad),
        }
    }

    fn reference(&self, z: &[&[Dual]], input: &LossInput<'_>) -> Dual {
        let held: Vec<f64> = z[0].iter().map(|z| z.value()).collect();
        let labels = input.targets.labels;
        let omega = reference::weights(&held, labels, input.classes, &self.config, &self.left_out);
        let entry = |(i, &z): (usize, &Dual)| {
            Dual::of(omega[i]) * reference::csl(z, held[i], labels[i], &self.config)
        };
        let sum = Real::sum(z[0].iter().enumerate().map(entry));
        sum * Dual::of(self.config.reduction.factor(&input.targets))
    }
}

struct Kernel<A, B, C> {
    clip: f32x8,
    eps: f32x8,
    /// Factors of positive, negative and unknown cells.
    alphas: [f32x8; 3],
    powers: (A, B, C),
}

impl<A: Power, B: Power, C: Power> Pointwise for &Kernel<A, B, C> {
    #[inline(always)]
    fn at(&self, z: f32x8, l: f32x8) -> Entry {
        Pointwise::at(*self, z, l)
    }
}

impl<A: Power, B: Power, C: Power> Pointwise for Kernel<A, B, C> {
    #[inline(always)]
    fn at(&self, z: f32x8, l: f32x8) -> Entry {
        let (zero, one) = (f32x8::splat(0.0), f32x8::splat(1.0));
        let (positive, negative) = (l.simd_eq(one), l.simd_lt(zero));
        let (p, n) = math::sigmoid_pair(z);
        let shifted = n + self.clip;
        // x goes into the logarithm; u = 1 - x without the subtraction.
        let x = positive.select(p, shifted);
        let u = positive.select(n, p - self.clip);
        let kept = l.simd_le(one);
        let counts = kept & (positive | (u.simd_gt(zero) & shifted.simd_le(one)));
        let u = counts.select(u, one);
        let (a, b, c) = &self.powers;
        let power = positive.select(a.of(u), negative.select(b.of(u), c.of(u)));
        let alpha = positive.select(self.alphas[0], negative.select(self.alphas[1], self.alphas[2]));
        let weight = alpha * power;
        let log = -math::ln(x.fast_max(self.eps));
        let slope = weight * x.simd_ge(self.eps).select(p * n / x, zero);
        let slope = positive.select(-slope, slope);
        Entry::new(counts.select(weight * log, zero), counts.select(slope, zero))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lacuna_loss_api::{Label, Reduction, conformance};

    const MODES: [Mode; 4] = [Mode::Negative, Mode::Ignore, Mode::Normalised, Mode::Selective];

    #[test]
    fn conforms() {
        for mode in MODES {
            let published = CslConfig::published(mode);
            let part = |alpha, gamma| Part { alpha, gamma };
            let other = CslConfig {
                clip: 0.05,
                positive: part(2.0, 0.5),
                negative: part(0.5, 2.7),
                unknown: part(0.3, 4.0),
                likelihood_topk: 2,
                eps: 1e-6,
                reduction: Reduction::Mean,
                ..published
            };
            let plain = CslConfig {
                positive: part(1.0, 0.0),
                negative: part(1.0, 0.0),
                unknown: part(1.0, 0.0),
                likelihood_topk: 0,
                ..published
            };
            for config in [published, other, plain] {
                conformance::check(&|_| Box::new(Csl::new(config.clone(), &[]).unwrap()));
            }
        }
    }

    #[test]
    fn conforms_with_priors() {
        for threshold in [None, Some(0.0), Some(0.5), Some(1.0)] {
            let config = CslConfig {
                prior_threshold: threshold,
                likelihood_topk: 1,
                ..CslConfig::published(Mode::Selective)
            };
            conformance::check_by_class(&|classes| {
                let priors: Vec<f64> = (0..classes).map(|c| (c % 10) as f64 / 9.0).collect();
                Box::new(Csl::new(config.clone(), &priors).unwrap())
            });
        }
    }

    #[test]
    fn cells_left_out_by_their_prior_are_ranked_all_the_same() {
        let z = [4.0, 3.0, 2.0];
        let logits = [&z[..]];
        let config = CslConfig {
            likelihood_topk: 1,
            prior_threshold: Some(0.5),
            ..CslConfig::published(Mode::Selective)
        };
        let mut loss = Csl::new(config, &[0.9, 0.1, 0.1]).unwrap();
        let mut dz = [9.0; 3];
        let input = LossInput::new(&logits, 1, 3, &[Label::Unknown; 3]);
        loss.evaluate(&input, LossGrad::Into(&mut [&mut dz])).unwrap();
        assert_eq!(dz[0], 0.0);
        assert!(dz[1] > 0.0 && dz[2] > 0.0, "the place among the likeliest is taken: {dz:?}");
    }

    #[test]
    fn parameters_and_priors_are_checked() {
        let good = CslConfig::published(Mode::Selective);
        for bad in [
            CslConfig { clip: 1.5, ..good },
            CslConfig { eps: 0.0, ..good },
            CslConfig { unknown: Part { alpha: 1.0, gamma: -1.0 }, ..good },
            CslConfig { negative: Part { alpha: -1.0, gamma: 1.0 }, ..good },
            CslConfig { prior_threshold: Some(1.5), ..good },
        ] {
            assert!(matches!(Csl::new(bad, &[0.5]), Err(LossError::Parameter { .. })));
        }
        assert!(matches!(Csl::new(good.clone(), &[1.5]), Err(LossError::Parameter { .. })));
        let z = [0.0; 2];
        let logits = [&z[..]];
        let input = LossInput::new(&logits, 1, 2, &[Label::Unknown; 2]);
        let run = Csl::new(good, &[0.5]).unwrap().evaluate(&input, LossGrad::Unneeded);
        assert!(matches!(run, Err(LossError::Unsupported(_))));
    }
}
