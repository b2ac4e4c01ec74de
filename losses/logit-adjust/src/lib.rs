//! Logit adjustment (Menon, Jayasumana, Rawat, Jain, Veit and Kumar, "Long-Tail Learning via Logit Adjustment", ICLR
//! 2021) for independent labels.
//!
//! ```
//! use lacuna_logit_adjust::{Form, LogitAdjust, LogitAdjustConfig};
//!
//! let loss = LogitAdjust::new(Form::LogitPrior, LogitAdjustConfig::default(), &[0.5, 0.01])?;
//! assert_eq!(loss.offsets()[0], 0.0);
//! assert!(loss.offsets()[1] < -4.5); // a rare class has to be sure of itself in training
//! # Ok::<(), lacuna_loss_api::LossError>(())
//! ```

pub mod reference;
mod softmax;
mod table;

pub use softmax::LogitAdjustSoftmax;
pub use table::{ABOUT, ROWS};

use lacuna_loss_api::pointwise::{self, ByClass, ClassVector, Entry};
use lacuna_loss_api::{
    Dual, Interval, Label, LabelUse, LossError, LossGrad, LossInfo, LossInput, MultiLabelLoss, ParamInfo,
    Real, Reduction, f32x8, math,
};
use std::ops::Range;

const PARAMS: &[ParamInfo] = &[ParamInfo {
    name: "tau",
    default: Some(1.0),
    range: Interval::ANY,
    doc: "factor of the logarithm of the class prior. 1 in the paper",
}];

const fn info(name: &'static str, title: &'static str, formula: &'static str) -> LossInfo {
    LossInfo {
        name,
        title,
        paper: "Menon, Jayasumana, Rawat, Jain, Veit and Kumar, Long-Tail Learning via Logit Adjustment, ICLR",
        year: 2021,
        experimental: false,
        labels: LabelUse::UnknownAsNegative,
        formula,
        params: PARAMS,
    }
}

static LOG_PRIOR: LossInfo =
    info("logit-adjust", "logit adjustment by log prior", "L = bce(z + tau ln pi_c, y)");
static LOGIT_PRIOR: LossInfo =
    info("logit-adjust-odds", "logit adjustment by log odds", "L = bce(z + tau logit pi_c, y)");

/// What is added to a logit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// tau ln pi: the paper's term, class by class.
    LogPrior,
    /// tau logit pi: the term that makes a constant model right for two outcomes.
    LogitPrior,
}

impl Form {
    /// Loss metadata in this form.
    pub const fn info(self) -> &'static LossInfo {
        match self {
            Form::LogPrior => &LOG_PRIOR,
            Form::LogitPrior => &LOGIT_PRIOR,
        }
    }
}

/// Parameters of [`LogitAdjust`].
#[derive(Clone, Debug, PartialEq)]
pub struct LogitAdjustConfig {
    /// Factor of the logarithm.
    pub tau: f64,
    /// How the entries become one number.
    pub reduction: Reduction,
}

impl Default for LogitAdjustConfig {
    /// 1, mean.
    fn default() -> Self {
        Self { tau: 1.0, reduction: Reduction::Mean }
    }
}

/// Trains on logits to which the logarithm of the class prior is added; predicts with the plain ones.
///
/// ```text
/// x = z + tau ln pi_c   or   z + tau logit pi_c;   L = y lp(x) + (1 - y) ln(x),   dL/dz = sigma(x) - y
/// ```
/// The original is a softmax over exclusive classes; this is our form for independent labels. Unknown and observed
/// negative are the same.
///
/// Menon et al., ICLR 2021, equation 10.
#[derive(Clone, Debug, PartialEq)]
pub struct LogitAdjust {
    form: Form,
    config: LogitAdjustConfig,
    offsets: Vec<f64>,
    shift: ClassVector,
}

impl LogitAdjust {
    /// The loss for these class priors in (0, 1), shares of the training set.
    ///
    /// # Errors
    /// [`LossError::Parameter`] if tau is not finite or a prior not in (0, 1), [`LossError::Classes`] without any.
    pub fn new(form: Form, config: LogitAdjustConfig, priors: &[f64]) -> Result<Self, LossError> {
        let (loss, range) = (form.info().name, Interval::open(0.0, 1.0));
        form.info().check("tau", config.tau)?;
        if priors.is_empty() {
            return Err(LossError::Classes { loss, needed: 1, found: 0 });
        }
        if let Some(&value) = priors.iter().find(|p| !range.contains(**p)) {
            return Err(LossError::Parameter { loss, parameter: "prior", value, range });
        }
        let offsets: Vec<f64> = priors.iter().map(|&p| reference::offset(p, config.tau, form)).collect();
        let shift = ClassVector::new(&offsets);
        Ok(Self { form, config, offsets, shift })
    }

    /// What is added to the logits of every class in training.
    pub fn offsets(&self) -> &[f64] {
        &self.offsets
    }
}

/// Adjusts the logits `[rows, classes]` of a model that was trained without: z - tau ln pi, or - tau logit pi.
///
/// Menon et al., ICLR 2021, equation 9.
///
/// ```
/// use lacuna_logit_adjust::{Form, adjust_after_training};
///
/// let mut z = [0.0, 0.0];
/// adjust_after_training(&mut z, &[0.5, 0.25], 1.0, Form::LogPrior);
/// assert!((z[1] - z[0] - 2f32.ln()).abs() < 1e-6);
/// ```
///
/// # Panics
/// If there are no priors.
pub fn adjust_after_training(z: &mut [f32], priors: &[f64], tau: f64, form: Form) {
    for row in z.chunks_mut(priors.len()) {
        for (z, prior) in row.iter_mut().zip(priors) {
            *z = (f64::from(*z) - reference::offset(*prior, tau, form)) as f32;
        }
    }
}

impl MultiLabelLoss for LogitAdjust {
    fn info(&self) -> &'static LossInfo {
        self.form.info()
    }

    fn evaluate(&mut self, input: &LossInput<'_>, grad: LossGrad<'_, '_>) -> Result<f32, LossError> {
        let name = self.info().name;
        input.check(name, 1, &grad)?;
        if input.classes != self.offsets.len() {
            let (built, found) = (self.offsets.len(), input.classes);
            let message = format!("{name} was built for {built} classes, the batch has {found}");
            return Err(LossError::Unsupported(message));
        }
        let row = |_: &[Label]| (Kernel { shift: &self.shift }, 1.0);
        pointwise::evaluate_rows(name, input, grad, self.config.reduction, row)
    }

    fn cut(&mut self, classes: Range<usize>) {
        self.offsets = self.offsets[classes.clone()].to_vec();
        self.shift.cut(classes);
    }

    fn reference(&self, z: &[&[Dual]], input: &LossInput<'_>) -> Dual {
        let entry = |(i, &z): (usize, &Dual)| {
            reference::logit_adjust(z, input.targets.labels[i], self.offsets[i % input.classes])
        };
        let sum = Real::sum(z[0].iter().enumerate().map(entry));
        sum * Dual::of(self.config.reduction.factor(&input.targets))
    }
}

struct Kernel<'a> {
    shift: &'a ClassVector,
}

impl ByClass for Kernel<'_> {
    #[inline(always)]
    fn at(&self, class: usize, z: f32x8, l: f32x8) -> Entry {
        let (zero, one) = (f32x8::splat(0.0), f32x8::splat(1.0));
        let positive = l.simd_gt(zero);
        let x = z + self.shift.at(class);
        let x = positive.select(-x, x);
        // softplus(x) and its slope; the logarithm is postponed to the driver's product.
        let e = math::exp_sat(-x.abs());
        let slope = x.simd_ge(zero).select(one, e) / (one + e);
        Entry { value: x.fast_max(zero), factor: one + e, slope: positive.select(-slope, slope) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lacuna_loss_api::conformance;

    #[test]
    fn conforms() {
        for form in [Form::LogPrior, Form::LogitPrior] {
            for tau in [1.0, 0.0, -0.5] {
                let build = |ratio: f64| {
                    move |classes| {
                        let priors: Vec<f64> = (0..classes as i32).map(|c| 0.8 * ratio.powi(c % 9)).collect();
                        let config = LogitAdjustConfig { tau, ..Default::default() };
                        Box::new(LogitAdjust::new(form, config, &priors).unwrap()) as Box<_>
                    }
                };
                conformance::check_by_class(&build(0.5));
                conformance::check(&build(1.0));
            }
        }
    }

    #[test]
    fn priors_and_parameters_are_checked() {
        for (tau, priors) in [(f64::NAN, vec![0.5]), (1.0, vec![0.5, 0.0]), (1.0, vec![1.0])] {
            let config = LogitAdjustConfig { tau, ..Default::default() };
            let error = LogitAdjust::new(Form::LogPrior, config, &priors);
            assert!(matches!(error, Err(LossError::Parameter { .. })));
        }
        let error = LogitAdjust::new(Form::LogPrior, LogitAdjustConfig::default(), &[]);
        assert!(matches!(error, Err(LossError::Classes { .. })));
    }
}
