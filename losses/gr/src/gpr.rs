//! The loss of GPR without a vision-language model.

use crate::gr::{Constants, Kernel, PARAMS_OF_GPR};
use crate::reference;
use crate::schedule::Schedule;
use lacuna_loss_api::guarded::BothLogs;
use lacuna_loss_api::pointwise::{self, Entry, Pointwise};
use lacuna_loss_api::{
    Dual, Interval, Label, LabelUse, LossError, LossGrad, LossInfo, LossInput, MultiLabelLoss, ParamInfo,
    Real, Reduction, f32x8, math,
};

const SHARE: Interval = Interval::closed(0.0, 1.0);

const fn ours(name: &'static str, default: f64, range: Interval, doc: &'static str) -> ParamInfo {
    ParamInfo { name, default: Some(default), range, doc }
}

static INFO: LossInfo = LossInfo {
    name: "gpr-self",
    title: "GPR's loss with pseudo-labels of its own prediction",
    paper: "More Reliable Pseudo-labels, Better Performance: A Generalized Approach to Single Positive Multi-label Learning, \
            ICCV",
    year: 2025,
    experimental: true,
    labels: LabelUse::UnknownAsUnknown,
    formula: "L = Lp on positives, v Ln on negatives; unknown: w [rho Lp + (1-rho) Ln] if p >= tau_pos, v Ln if p <= tau_neg, \
              else gr; + reg ((1/B) sum p - k)^2 / C^2; w = 1 - v in [weight_low, weight_high]",
    params: &[
        PARAMS_OF_GPR[0],
        PARAMS_OF_GPR[1],
        PARAMS_OF_GPR[2],
        PARAMS_OF_GPR[3],
        PARAMS_OF_GPR[4],
        PARAMS_OF_GPR[5],
        PARAMS_OF_GPR[6],
        PARAMS_OF_GPR[7],
        PARAMS_OF_GPR[8],
        PARAMS_OF_GPR[9],
        PARAMS_OF_GPR[10],
        PARAMS_OF_GPR[11],
        PARAMS_OF_GPR[12],
        ours(
            "tau_pos",
            0.9,
            SHARE,
            "prediction from which an unknown cell is a pseudo-positive. Ours: CLIP decides in the paper",
        ),
        ours(
            "tau_neg",
            0.01,
            SHARE,
            "prediction up to which an unknown cell is a pseudo-negative. Ours, as above",
        ),
        ours(
            "first_epoch",
            1.0,
            Interval::whole_from(0.0),
            "epoch, counted from 0, from which there are pseudo-labels. Ours",
        ),
        ours(
            "rho",
            0.9,
            SHARE,
            "how far a pseudo-positive is believed. The authors' code has it; the value is ours",
        ),
        ours(
            "weight_low",
            0.1,
            SHARE,
            "least weight of a pseudo-positive (1 - lam_2 of v in the code); the value is ours",
        ),
        ours(
            "weight_high",
            0.9,
            SHARE,
            "largest weight of a pseudo-positive, >= weight_low; the value is ours",
        ),
        ours(
            "reg",
            1.0,
            Interval::at_least(0.0),
            "weight of the regulariser. The authors' code has it; the value is ours",
        ),
        ParamInfo {
            name: "expected_positives",
            default: None,
            range: Interval::at_least(0.0),
            doc: "expected number k of positives of a row, a statistic of the data",
        },
    ],
};

/// Parameters of [`Gpr`].
#[derive(Clone, Debug, PartialEq)]
pub struct GprConfig {
    /// Pseudo-label and confidence of GR over the run.
    pub schedule: Schedule,
    /// Exponent > 0 of the loss of a soft pseudo-positive.
    pub q2: f64,
    /// Exponent > 0 of the loss of a soft pseudo-negative.
    pub q3: f64,
    /// Guard e of the logarithms, in [0, 0.5].
    pub log_epsilon: f64,
    /// Prediction in [0, 1] from which an unknown cell is a pseudo-positive.
    pub tau_pos: f64,
    /// Prediction in [0, 1] up to which an unknown cell is a pseudo-negative.
    pub tau_neg: f64,
    /// Epoch, counted from 0, from which there are pseudo-labels.
    pub first_epoch: usize,
    /// How far a pseudo-positive is believed, in [0, 1].
    pub rho: f64,
    /// Least and largest weight of a pseudo-positive, in [0, 1].
    pub weight: [f64; 2],
    /// Weight >= 0 of the regulariser.
    pub reg: f64,
    /// Expected number k >= 0 of positives of a row.
    pub expected_positives: f64,
    /// How the entries become one number; the regulariser is scaled with it.
    pub reduction: Reduction,
}

impl GprConfig {
    /// The schedule of COCO, k as given, and our choice of the rest.
    pub fn new(expected_positives: f64) -> Self {
        Self {
            schedule: Schedule::COCO,
            q2: 0.01,
            q3: 1.0,
            log_epsilon: 1e-7,
            tau_pos: 0.9,
            tau_neg: 0.01,
            first_epoch: 1,
            rho: 0.9,
            weight: [0.1, 0.9],
            reg: 1.0,
            expected_positives,
            reduction: Reduction::Mean,
        }
    }
}

/// GR with pseudo-labels where the prediction is sure, and predictions that have to add up.
///
/// ```text
/// y = 1:            L = L_e(p)                                   L_e(x) = -ln(x + e)
/// y = 0:            L = v L_e(n)
/// unknown, p sure:  L = w [rho L_e(p) + (1 - rho) L_e(n)],       w = 1 - v, held in [weight_low, weight_high]
/// unknown, n sure:  L = v L_e(n)
/// unknown:          L as in [`Gr`](crate::Gr)
/// R = reg ((1/B) sum p - k)^2 / C^2,                             dR/dz = 2 reg ((1/B) sum p - k) p n / (B C^2)
/// ```
/// v and w are constants for the derivative. The parts and the regulariser are those of the authors' code; that the
/// prediction itself decides what is sure, in place of CLIP, is ours.
#[derive(Clone, Debug, PartialEq)]
pub struct Gpr {
    config: GprConfig,
}

impl Gpr {
    /// What the loss says about itself.
    pub const INFO: &LossInfo = &INFO;

    /// The loss with these parameters.
    ///
    /// # Errors
    /// [`LossError::Parameter`] if one is out of its range, `linear_init` is as long as the run, or a bound is on the
    /// wrong side of the other.
    pub fn new(config: GprConfig) -> Result<Self, LossError> {
        let Schedule { start, end, num_epochs, linear_init } = config.schedule;
        let [low, high] = config.weight;
        for (name, value) in [
            ("w_start", start.w),
            ("w_end", end.w),
            ("b_start", start.b),
            ("b_end", end.b),
            ("mu_start", start.mu),
            ("sigma_start", start.sigma),
            ("mu_end", end.mu),
            ("sigma_end", end.sigma),
            ("q2", config.q2),
            ("q3", config.q3),
            ("num_epochs", num_epochs as f64),
            ("linear_init", linear_init as f64),
            ("log_epsilon", config.log_epsilon),
            ("tau_pos", config.tau_pos),
            ("tau_neg", config.tau_neg),
            ("first_epoch", config.first_epoch as f64),
            ("rho", config.rho),
            ("weight_low", low),
            ("weight_high", high),
            ("reg", config.reg),
            ("expected_positives", config.expected_positives),
        ] {
            INFO.check(name, value)?;
        }
        let within = |parameter, value, range: Interval| match range.contains(value) {
            true => Ok(()),
            false => Err(LossError::Parameter { loss: INFO.name, parameter, value, range }),
        };
        let before_end = Interval { high: num_epochs as f64 - 1.0, ..Interval::whole_from(0.0) };
        within("linear_init", linear_init as f64, before_end)?;
        within("tau_neg", config.tau_neg, Interval::closed(0.0, config.tau_pos))?;
        within("weight_low", low, Interval::closed(0.0, high))?;
        Ok(Self { config })
    }

    /// Where there are no pseudo-labels yet the bounds are out of reach.
    fn bounds(&self, epoch: usize) -> [f64; 2] {
        if epoch < self.config.first_epoch { [2.0, -1.0] } else { [self.config.tau_pos, self.config.tau_neg] }
    }

    /// What the mean-reduced loss is multiplied with.
    fn scale(&self, input: &LossInput<'_>) -> f64 {
        self.config.reduction.factor(&input.targets) * input.targets.labels.len() as f64
    }
}

impl MultiLabelLoss for Gpr {
    fn info(&self) -> &'static LossInfo {
        &INFO
    }

    fn evaluate(&mut self, input: &LossInput<'_>, grad: LossGrad<'_, '_>) -> Result<f32, LossError> {
        input.check(INFO.name, 1, &grad)?;
        input.check_hard(INFO.name)?;
        let c = &self.config;
        let at = c.schedule.at(input.epoch);
        let lanes = |x: f64| f32x8::splat(x as f32);
        let (rows, classes) = (input.rows as f64, input.classes as f64);
        let predicted = pointwise::sum(&Predicted, input.logits[0], input.targets.labels, None, 1.0);
        let predicted = predicted.ok_or_else(|| pointwise::non_finite(input))?;
        let gap = predicted / rows - c.expected_positives;
        let [sure, never] = self.bounds(input.epoch);
        let kernel = Sure {
            gr: Kernel::<false>(Constants::new(at, c.q2, c.q3, c.log_epsilon)),
            guard: lanes(c.log_epsilon),
            mu: lanes(at.mu),
            bend: lanes(-0.5 / (at.sigma * at.sigma)),
            sure: lanes(sure),
            never: lanes(never),
            rho: lanes(c.rho),
            low: lanes(c.weight[0]),
            high: lanes(c.weight[1]),
            // The driver multiplies with the reduction's factor, which for the mean is 1 / (B C).
            push: lanes(2.0 * c.reg * gap / classes),
        };
        let value = pointwise::evaluate(INFO.name, &kernel, input, grad, c.reduction)?;
        let added = self.scale(input) * c.reg * gap * gap / (classes * classes);
        Ok((f64::from(value) + added) as f32)
    }

    fn reference(&self, z: &[&[Dual]], input: &LossInput<'_>) -> Dual {
        let c = &self.config;
        let (at, e) = (c.schedule.at(input.epoch), c.log_epsilon);
        let [sure, never] = self.bounds(input.epoch);
        let entry = |(&z, &label): (&Dual, &Label)| {
            let p = Real::sigmoid(z.value());
            let v = reference::confidence(p, at);
            let (lp, ln) = (reference::positive(z, e), reference::positive(-z, e));
            match label {
                Label::Positive => lp,
                Label::Negative => Dual::of(v) * ln,
                Label::Unknown if p >= sure => {
                    let w = (1.0 - v).clamp(c.weight[0], c.weight[1]);
                    Dual::of(w) * (Dual::of(c.rho) * lp + Dual::of(1.0 - c.rho) * ln)
                }
                Label::Unknown if p <= never => Dual::of(v) * ln,
                Label::Unknown => reference::unknown(z, reference::pseudo_label(p, at), v, c.q2, c.q3),
            }
        };
        let sum = Real::sum(z[0].iter().zip(input.targets.labels).map(entry));
        let predicted = Real::sum(z[0].iter().map(|z| z.sigmoid()));
        let gap = predicted / Dual::of(input.rows as f64) - Dual::of(c.expected_positives);
        let classes = input.classes as f64;
        sum * Dual::of(c.reduction.factor(&input.targets))
            + Dual::of(self.scale(input) * c.reg / (classes * classes)) * gap * gap
    }
}

/// p, to be summed.
struct Predicted;

impl Pointwise for Predicted {
    #[inline]
    fn at(&self, z: f32x8, _: f32x8) -> Entry {
        Entry::new(math::sigmoid(z), f32x8::splat(0.0))
    }
}

/// The entries of GR, what replaces them where something is sure, and the slope of the regulariser.
struct Sure {
    gr: Kernel<false>,
    guard: f32x8,
    mu: f32x8,
    /// -1 / (2 sigma^2).
    bend: f32x8,
    sure: f32x8,
    never: f32x8,
    rho: f32x8,
    low: f32x8,
    high: f32x8,
    /// 2 reg gap / C.
    push: f32x8,
}

impl Pointwise for Sure {
    #[inline]
    fn at(&self, z: f32x8, l: f32x8) -> Entry {
        let (zero, one) = (f32x8::splat(0.0), f32x8::splat(1.0));
        let logs = if self.guard.simd_gt(zero).any() {
            BothLogs::at::<true>(z, self.guard)
        } else {
            BothLogs::at::<false>(z, self.guard)
        };
        let gap = logs.p - self.mu;
        let v = math::exp_sat(self.bend * gap * gap);
        let w = (one - v).fast_max(self.low).fast_min(self.high);
        let (unknown, positive) = (l.simd_eq(zero), l.simd_gt(zero));
        let pseudo = unknown & logs.p.simd_ge(self.sure);
        let rest = unknown & logs.p.simd_lt(self.sure) & logs.p.simd_gt(self.never);
        let a = positive.select(one, pseudo.select(w * self.rho, zero));
        let b = positive.select(zero, pseudo.select(w * (one - self.rho), rest.select(zero, v)));
        let gr = self.gr.at(z, zero);
        let value = a * logs.lp + b * logs.ln + rest.select(gr.value, zero);
        let slope = logs.slope(a, b) + rest.select(gr.slope, zero) + self.push * (logs.p * logs.n);
        Entry::new(value, slope)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::Point;
    use lacuna_loss_api::conformance;

    #[test]
    fn conforms() {
        let plain = GprConfig::new(1.5);
        for config in [
            plain.clone(),
            GprConfig { first_epoch: 0, tau_pos: 0.6, tau_neg: 0.3, ..plain.clone() },
            GprConfig { log_epsilon: 0.0, q3: 1.5, reg: 0.0, rho: 0.5, ..plain },
        ] {
            conformance::check(&|_| Box::new(Gpr::new(config.clone()).unwrap()));
        }
    }

    /// Without anything sure and without regulariser it is GR, but for observed negatives.
    #[test]
    fn before_the_first_epoch_it_is_gr() {
        let config = GprConfig { first_epoch: 9, reg: 0.0, ..GprConfig::new(2.0) };
        let z = [-6.0, -1.0, 0.0, 2.0, 6.0, 3.0];
        let mut labels = [Label::Unknown; 6];
        labels[5] = Label::Positive;
        let logits = [&z[..]];
        let input = LossInput { epoch: 3, ..LossInput::new(&logits, 2, 3, &labels) };
        let own = Gpr::new(config).unwrap().evaluate(&input, LossGrad::Unneeded).unwrap();
        let gr = crate::Gr::new(crate::GrConfig::preset(crate::Preset::Coco)).unwrap();
        let gr = { gr }.evaluate(&input, LossGrad::Unneeded).unwrap();
        assert!((own - gr).abs() < 1e-6 * gr.abs(), "{own} is not {gr}");
    }

    #[test]
    fn parameters_are_checked() {
        let good = GprConfig::new(1.5);
        let wide = Point { sigma: 0.0, ..good.schedule.start };
        for bad in [
            GprConfig { tau_neg: 0.95, ..good.clone() },
            GprConfig { weight: [0.9, 0.1], ..good.clone() },
            GprConfig { rho: 1.5, ..good.clone() },
            GprConfig { reg: f64::NAN, ..good.clone() },
            GprConfig { schedule: Schedule { start: wide, ..good.schedule }, ..good.clone() },
            GprConfig { schedule: Schedule { linear_init: 8, ..good.schedule }, ..good },
        ] {
            assert!(matches!(Gpr::new(bad), Err(LossError::Parameter { .. })));
        }
    }
}
