//! Self-paced loss correction.

use crate::{GAMMA, MARGIN, PAPER, reference};
use lacuna_loss_api::pointwise::{self, Entry, Pointwise};
use lacuna_loss_api::power::{Power, focal, with_power};
use lacuna_loss_api::{
    Dual, Interval, Label, LabelUse, LossError, LossGrad, LossInfo, LossInput, MultiLabelLoss, ParamInfo,
    Real, Reduction, f32x8, math,
};

static INFO: LossInfo = LossInfo {
    name: "splc",
    title: "self-paced loss correction",
    paper: PAPER,
    year: 2021,
    experimental: false,
    labels: LabelUse::UnknownAsUnknown,
    formula: "focal margin loss; from change_epoch on, unknown cells with p > tau count as positive (without margin)",
    params: &[
        ParamInfo {
            name: "tau",
            default: Some(0.6),
            range: Interval::open(0.0, 1.0),
            doc: "an unknown cell is taken for a positive where p > tau. 0.6 in the authors' code, 0.65 in its \
                  README for COCO with 75 % of the labels left",
        },
        ParamInfo {
            name: "change_epoch",
            default: Some(1.0),
            range: Interval::whole_from(0.0),
            doc: "first epoch, counted from 0, in which labels are corrected. 1 in the authors' code",
        },
        MARGIN,
        GAMMA,
    ],
};

/// Parameters of [`Splc`].
#[derive(Clone, Debug, PartialEq)]
pub struct SplcConfig {
    /// Probability above which an unknown cell is taken for a positive, in (0, 1).
    pub tau: f64,
    /// First epoch, counted from 0, in which labels are corrected.
    pub change_epoch: usize,
    /// Margin m that observed positives are shifted down by.
    pub margin: f64,
    /// Focusing exponent g >= 0.
    pub gamma: f64,
    /// How the entries become one number.
    pub reduction: Reduction,
}

impl Default for SplcConfig {
    /// 0.6, 1, 1, 2, sum: the authors' code.
    fn default() -> Self {
        Self { tau: 0.6, change_epoch: 1, margin: 1.0, gamma: 2.0, reduction: Reduction::Sum }
    }
}

/// The focal margin loss that, after a warm-up, takes confident unknown cells for positives.
///
/// ```text
/// s = z - m where y = 1, else z;   t = 1 where y = 1 or (epoch >= change_epoch and sigma(s) > tau), else 0
/// t = 1: L = sigma(-s)^g lp(s),   t = 0: L = sigma(s)^g ln(s)
/// ```
/// The comparison is strict and t is a constant for the derivative. Corrected entries are not shifted by the
/// margin. Corrections are made afresh in every batch: the loss has no state, the epoch comes with the input.
/// An observed negative is never corrected; the paper has none.
///
/// Zhang et al., arXiv 2112.07368, section 3.4; xinyu1205/robust-loss-mlml@dcfa4d54bcca,
/// src/loss_functions/losses.py (class `SPLC`).
///
/// ```
/// use lacuna_hill::{Splc, SplcConfig};
/// use lacuna_loss_api::{Label, LossGrad, LossInput, MultiLabelLoss};
///
/// let z = [2.0, 2.0, -2.0];
/// let labels = [Label::Unknown, Label::Negative, Label::Unknown];
/// let logits = [&z[..]];
/// let mut input = LossInput::new(&logits, 1, 3, &labels);
/// input.epoch = 1;
/// let mut dz = [0.0; 3];
/// let mut loss = Splc::new(SplcConfig::default())?;
/// loss.evaluate(&input, LossGrad::Into(&mut [&mut dz]))?;
/// assert!(dz[0] < 0.0); // taken for a positive ...
/// assert!(dz[1] > 0.0); // ... which somebody saw it is not
/// assert_eq!(loss.corrected_labels(&input), [Label::Positive, Label::Negative, Label::Unknown]);
/// # Ok::<(), lacuna_loss_api::LossError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Splc {
    config: SplcConfig,
}

impl Splc {
    /// Loss metadata.
    pub const INFO: &LossInfo = &INFO;

    /// The loss with these parameters.
    ///
    /// # Errors
    /// [`LossError::Parameter`] if one is out of its range.
    pub fn new(config: SplcConfig) -> Result<Self, LossError> {
        INFO.check("tau", config.tau)?;
        INFO.check("change_epoch", config.change_epoch as f64)?;
        INFO.check("margin", config.margin)?;
        INFO.check("gamma", config.gamma)?;
        Ok(Self { config })
    }

    /// The labels the batch is trained on: those observed, with confident unknown cells as positives.
    pub fn corrected_labels(&self, input: &LossInput<'_>) -> Vec<Label> {
        let threshold = self.threshold(input);
        let entries = input.logits[0].iter().zip(input.targets.labels);
        entries
            .map(|(&z, &label)| match label {
                Label::Unknown if z > threshold => Label::Positive,
                _ => label,
            })
            .collect()
    }

    /// Unknown cells with a logit above this are taken for positives; infinity during the warm-up.
    ///
    /// sigma(z) > tau is z > ln(tau / (1 - tau)), and on logits the comparison is exact where sigma in f32 has
    /// long been rounded: the bound is rounded down, and no f32 lies between it and the true one.
    fn threshold(&self, input: &LossInput<'_>) -> f32 {
        if input.epoch < self.config.change_epoch {
            return f32::INFINITY;
        }
        let exact = (self.config.tau / (1.0 - self.config.tau)).ln();
        let nearest = exact as f32;
        if f64::from(nearest) > exact { nearest.next_down() } else { nearest }
    }
}

impl MultiLabelLoss for Splc {
    fn info(&self) -> &'static LossInfo {
        &INFO
    }

    fn evaluate(&mut self, input: &LossInput<'_>, grad: LossGrad<'_, '_>) -> Result<f32, LossError> {
        let threshold = f32x8::splat(self.threshold(input));
        let margin = f32x8::splat(self.config.margin as f32);
        with_power!(self.config.gamma, power => {
            let kernel = Kernel { threshold, margin, power };
            pointwise::evaluate(INFO.name, &kernel, input, grad, self.config.reduction)
        })
    }

    fn reference(&self, z: &[&[Dual]], input: &LossInput<'_>) -> Dual {
        let SplcConfig { tau, change_epoch, margin, gamma, reduction } = self.config;
        let active = input.epoch >= change_epoch;
        let entry = |(&z, &label): (&Dual, &Label)| {
            let corrected = reference::corrected(z.value(), label, tau, active);
            reference::splc(z, label, corrected, margin, gamma)
        };
        let sum = Real::sum(z[0].iter().zip(input.targets.labels).map(entry));
        sum * Dual::of(reduction.factor(&input.targets))
    }
}

struct Kernel<P> {
    threshold: f32x8,
    margin: f32x8,
    power: P,
}

impl<P: Power> Pointwise for Kernel<P> {
    #[inline(always)]
    fn at(&self, z: f32x8, l: f32x8) -> Entry {
        let zero = f32x8::splat(0.0);
        let observed = l.simd_gt(zero);
        let positive = observed | (l.simd_eq(zero) & z.simd_gt(self.threshold));
        // A positive at s is a negative at -s with the slope turned round.
        let s = observed.select(z - self.margin, z);
        let log = math::logistic(positive.select(-s, s));
        let (value, slope) = focal(log.p, log.n, log.neg_ln_n, self.power);
        Entry::new(value, positive.select(-slope, slope))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lacuna_loss_api::conformance;

    #[test]
    fn conforms() {
        for (tau, change_epoch, margin, gamma) in
            [(0.6, 1, 1.0, 2.0), (0.5, 0, 0.0, 1.0), (0.65, 3, 0.5, 0.0), (0.9, 2, 1.0, 0.3)]
        {
            let config = SplcConfig { tau, change_epoch, margin, gamma, reduction: Reduction::Sum };
            conformance::check(&|_| Box::new(Splc::new(config.clone()).unwrap()));
        }
    }

    #[test]
    fn the_threshold_is_strict_and_exact() {
        let z = [0.0, 1e-30, -1e-30, f32::MIN_POSITIVE];
        let logits = [&z[..]];
        let input = LossInput { epoch: 1, ..LossInput::new(&logits, 1, 4, &[Label::Unknown; 4]) };
        let loss = Splc::new(SplcConfig { tau: 0.5, ..Default::default() }).unwrap();
        let (u, p) = (Label::Unknown, Label::Positive);
        assert_eq!(loss.corrected_labels(&input), [u, p, u, p]);
        // The f32 next to ln(tau / (1 - tau)) on either side fall on the sides they are on.
        for tau in [0.1, 0.3, 0.6, 0.65, 0.9] {
            let exact = (tau / (1.0f64 - tau)).ln();
            let loss = Splc::new(SplcConfig { tau, ..Default::default() }).unwrap();
            let near = [(exact as f32).next_down(), exact as f32, (exact as f32).next_up()];
            let logits = [&near[..]];
            let input = LossInput { epoch: 1, ..LossInput::new(&logits, 1, 3, &[Label::Unknown; 3]) };
            let expected = near.map(|z| if f64::from(z) > exact { p } else { u });
            assert_eq!(loss.corrected_labels(&input), expected, "tau = {tau}");
        }
    }

    #[test]
    fn nothing_is_corrected_during_the_warm_up() {
        let z = [9.0; 2];
        let logits = [&z[..]];
        let labels = [Label::Unknown; 2];
        let mut input = LossInput::new(&logits, 1, 2, &labels);
        let loss = Splc::new(SplcConfig { change_epoch: 3, ..Default::default() }).unwrap();
        for (epoch, expected) in
            [(0, Label::Unknown), (2, Label::Unknown), (3, Label::Positive), (4, Label::Positive)]
        {
            input.epoch = epoch;
            assert_eq!(loss.corrected_labels(&input), [expected; 2], "epoch {epoch}");
        }
    }

    #[test]
    fn parameters_are_checked() {
        for (tau, gamma) in [(0.0, 2.0), (1.0, 2.0), (f64::NAN, 2.0), (0.6, -1.0)] {
            let error = Splc::new(SplcConfig { tau, gamma, ..Default::default() });
            assert!(matches!(error, Err(LossError::Parameter { .. })));
        }
    }
}
