//! Focal loss (Lin, Goyal, Girshick, He and Dollar, "Focal Loss for Dense Object Detection", ICCV 2017) on
//! independent labels.
//!
//! ```
//! use lacuna_focal::{Focal, FocalConfig};
//! use lacuna_loss_api::{Label, LossGrad, LossInput, MultiLabelLoss};
//!
//! let z = [4.0, -4.0];
//! let labels = [Label::Positive, Label::Unknown];
//! let logits = [&z[..]];
//! let mut loss = Focal::new(FocalConfig::with_alpha(0.25))?;
//! let value = loss.evaluate(&LossInput::new(&logits, 1, 2, &labels), LossGrad::Unneeded)?;
//! assert!(value < 1e-5); // both are easy
//! # Ok::<(), lacuna_loss_api::LossError>(())
//! ```

pub mod reference;
mod table;

pub use table::{ABOUT, ROWS};

use lacuna_loss_api::pointwise::{self, Entry, Pointwise};
use lacuna_loss_api::power::{Power, focal, with_power};
use lacuna_loss_api::{
    Dual, Interval, LabelUse, LossError, LossGrad, LossInfo, LossInput, MultiLabelLoss, ParamInfo, Real,
    Reduction, f32x8, math,
};

const PAPER: &str = "Lin, Goyal, Girshick, He and Dollar, Focal Loss for Dense Object Detection, ICCV";

const GAMMA: ParamInfo = ParamInfo {
    name: "gamma",
    default: Some(2.0),
    range: Interval::at_least(0.0),
    doc: "focusing exponent g. 2 in the paper",
};

static INFO: LossInfo = LossInfo {
    name: "focal",
    title: "focal loss",
    paper: PAPER,
    year: 2017,
    experimental: false,
    labels: LabelUse::UnknownAsNegative,
    formula: "L = b n^g lp on positives, b p^g ln on the rest",
    params: &[
        GAMMA,
        ParamInfo {
            name: "balance",
            default: Some(1.0),
            range: Interval::at_least(0.0),
            doc: "factor b of the loss. 1 in the paper, 2 in the configurations of wutong16/DistributionBalancedLoss",
        },
    ],
};

static INFO_ALPHA: LossInfo = LossInfo {
    name: "focal-alpha",
    title: "focal loss, balanced by alpha",
    paper: PAPER,
    year: 2017,
    experimental: false,
    labels: LabelUse::UnknownAsNegative,
    formula: "L = alpha n^g lp on positives, (1-alpha) p^g ln on the rest",
    params: &[
        ParamInfo {
            name: "alpha",
            default: Some(0.25),
            range: Interval::closed(0.0, 1.0),
            doc: "weight of positives, 1 - alpha being that of the rest. 0.25 in the paper",
        },
        GAMMA,
    ],
};

/// Parameters of [`Focal`].
#[derive(Clone, Debug, PartialEq)]
pub struct FocalConfig {
    /// Focusing exponent g >= 0.
    pub gamma: f64,
    /// Weight of positives in [0, 1], that of the rest being 1 - alpha; `None` weighs both 1.
    pub alpha: Option<f64>,
    /// Factor of the loss.
    pub balance: f64,
    /// How the entries become one number.
    pub reduction: Reduction,
}

impl Default for FocalConfig {
    /// 2, unbalanced, 1, sum.
    fn default() -> Self {
        Self { gamma: 2.0, alpha: None, balance: 1.0, reduction: Reduction::Sum }
    }
}

impl FocalConfig {
    /// The default exponent, balanced by `alpha`.
    pub fn with_alpha(alpha: f64) -> Self {
        Self { alpha: Some(alpha), ..Self::default() }
    }

    /// What positives and the rest weigh.
    pub fn weights(&self) -> (f64, f64) {
        let (positives, rest) = self.alpha.map_or((1.0, 1.0), |a| (a, 1.0 - a));
        (self.balance * positives, self.balance * rest)
    }
}

/// Cross-entropy in which an entry counts the less, the better it is predicted.
///
/// ```text
/// y = 1: L = a n^g lp,   dL/dz = -a n^g (g p lp + n)
/// y = 0: L = b p^g ln,   dL/dz =  b p^g (p + g n ln)
/// ```
/// a = b = `balance`, or a = `balance` alpha and b = `balance` (1 - alpha). The focal weight is differentiated; for the form that holds it
/// constant see `lacuna-asl`. Unknown and observed negative are the same.
///
/// Lin et al., ICCV 2017, equations 4 and 5.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Focal {
    config: FocalConfig,
}

impl Focal {
    /// Metadata of the loss without alpha.
    pub const INFO: &LossInfo = &INFO;
    /// Metadata of the loss balanced by alpha.
    pub const INFO_ALPHA: &LossInfo = &INFO_ALPHA;

    /// The loss with these parameters.
    ///
    /// # Errors
    /// [`LossError::Parameter`] if one is out of its range.
    pub fn new(config: FocalConfig) -> Result<Self, LossError> {
        INFO.check("gamma", config.gamma)?;
        INFO.check("balance", config.balance)?;
        if let Some(alpha) = config.alpha {
            INFO_ALPHA.check("alpha", alpha)?;
        }
        Ok(Self { config })
    }
}

impl MultiLabelLoss for Focal {
    fn info(&self) -> &'static LossInfo {
        if self.config.alpha.is_some() { &INFO_ALPHA } else { &INFO }
    }

    fn evaluate(&mut self, input: &LossInput<'_>, grad: LossGrad<'_, '_>) -> Result<f32, LossError> {
        let (a, b) = self.config.weights();
        let (positive, rest) = (f32x8::splat(a as f32), f32x8::splat(b as f32));
        with_power!(self.config.gamma, power => {
            let kernel = Kernel { positive, rest, power };
            pointwise::evaluate(self.info().name, &kernel, input, grad, self.config.reduction)
        })
    }

    fn reference(&self, z: &[&[Dual]], input: &LossInput<'_>) -> Dual {
        let (weights, gamma) = (self.config.weights(), self.config.gamma);
        let entries = z[0].iter().zip(input.targets.labels);
        let sum = Real::sum(entries.map(|(&z, &l)| reference::focal(z, l, weights, gamma)));
        sum * Dual::of(self.config.reduction.factor(&input.targets))
    }
}

struct Kernel<P> {
    positive: f32x8,
    rest: f32x8,
    power: P,
}

impl<P: Power> Pointwise for Kernel<P> {
    #[inline(always)]
    fn at(&self, z: f32x8, l: f32x8) -> Entry {
        let positive = l.simd_gt(f32x8::splat(0.0));
        // A positive at z is a negative at -z with the slope turned round.
        let log = math::logistic(positive.select(-z, z));
        let (value, slope) = focal(log.p, log.n, log.neg_ln_n, self.power);
        let (slope, weight) = (positive.select(-slope, slope), positive.select(self.positive, self.rest));
        Entry::new(weight * value, weight * slope)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lacuna_loss_api::conformance;

    #[test]
    fn conforms() {
        for (gamma, alpha) in [
            (2.0, None),
            (2.0, Some(0.25)),
            (0.0, None),
            (1.0, Some(1.0)),
            (0.3, Some(0.5)),
            (2.7, None),
            (4.0, None),
        ] {
            let balance = if gamma == 2.7 { 2.0 } else { 1.0 };
            let config = FocalConfig { gamma, alpha, balance, ..Default::default() };
            conformance::check(&|_| Box::new(Focal::new(config.clone()).unwrap()));
        }
    }

    #[test]
    fn parameters_are_checked() {
        for (gamma, alpha, parameter) in
            [(-1.0, None, "gamma"), (f64::NAN, None, "gamma"), (2.0, Some(1.5), "alpha")]
        {
            let error = Focal::new(FocalConfig { gamma, alpha, ..Default::default() });
            assert!(matches!(error, Err(LossError::Parameter { parameter: p, .. }) if p == parameter));
        }
    }
}
