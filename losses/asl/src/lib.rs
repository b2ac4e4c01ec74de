//! Asymmetric loss (Ridnik, Ben-Baruch, Zamir, Noy, Friedman, Protter and Zelnik-Manor, "Asymmetric Loss For
//! Multi-Label Classification", ICCV 2021).
//!
//! ```
//! use lacuna_asl::{Asl, AslConfig};
//! use lacuna_loss_api::{Label, LossGrad, LossInput, MultiLabelLoss};
//!
//! let z = [-4.0, 1.0];
//! let labels = [Label::Unknown; 2];
//! let logits = [&z[..]];
//! let mut dz = [9.0; 2];
//! let mut loss = Asl::new(AslConfig::default())?;
//! loss.evaluate(&LossInput::new(&logits, 1, 2, &labels), LossGrad::Into(&mut [&mut dz]))?;
//! assert_eq!(dz[0], 0.0); // p < clip: too easy to count
//! assert!(dz[1] > 0.0);
//! # Ok::<(), lacuna_loss_api::LossError>(())
//! ```

pub mod reference;
mod table;

pub use table::{ABOUT, ROWS};

use lacuna_loss_api::pointwise::{self, Entry, Pointwise};
use lacuna_loss_api::power::{Any, Power, Whole};
use lacuna_loss_api::{
    Dual, Interval, LabelUse, LossError, LossGrad, LossInfo, LossInput, MultiLabelLoss, ParamInfo, Real,
    Reduction, f32x8, math,
};

const PAPER: &str = "Ridnik, Ben-Baruch, Zamir, Noy, Friedman, Protter and Zelnik-Manor, Asymmetric Loss For \
                     Multi-Label Classification, ICCV";

const FORMULA: &str = "L = n^g+ Lp on positives, (1-pm)^g- (-ln max(pm,e)) on the rest, pm = min(n+clip, 1)";

const fn exponent(name: &'static str, default: f64, doc: &'static str) -> ParamInfo {
    ParamInfo { name, default: Some(default), range: Interval::at_least(0.0), doc }
}

const fn clip(default: f64) -> ParamInfo {
    ParamInfo {
        name: "clip",
        default: Some(default),
        range: Interval::closed(0.0, 1.0),
        doc: "what is added to the probability of a negative: below it a negative costs nothing. 0.05 in the \
              authors' code",
    }
}

const EPS: ParamInfo = ParamInfo {
    name: "eps",
    default: Some(1e-8),
    range: Interval::closed(1e-30, 0.5),
    doc: "least argument e of a logarithm; there the slope is 0. 1e-8 in the authors' code",
};

const GAMMA_POS: &str = "focusing exponent g+ of positives. 1 in the authors' class, 0 in their training";
const GAMMA_NEG: &str = "focusing exponent g- of the rest. 4 in the authors' class and training";
const FOCAL: &str = "focusing exponent. 2 where the class stands for the focal loss";
const NONE: &str = "focusing exponent. 0 where the class stands for cross-entropy";

const fn info(name: &'static str, title: &'static str, params: &'static [ParamInfo]) -> LossInfo {
    let labels = LabelUse::UnknownAsNegative;
    LossInfo { name, title, paper: PAPER, year: 2021, experimental: false, labels, formula: FORMULA, params }
}

static ASL: LossInfo = info(
    "asl",
    "asymmetric loss",
    &[exponent("gamma_pos", 1.0, GAMMA_POS), exponent("gamma_neg", 4.0, GAMMA_NEG), clip(0.05), EPS],
);
static PAPER_SETTING: LossInfo = info(
    "asl-paper",
    "asymmetric loss as trained in the paper",
    &[exponent("gamma_pos", 0.0, GAMMA_POS), exponent("gamma_neg", 4.0, GAMMA_NEG), clip(0.05), EPS],
);
static FULL_GRAD: LossInfo = info(
    "asl-full-grad",
    "asymmetric loss with its weights differentiated",
    &[exponent("gamma_pos", 1.0, GAMMA_POS), exponent("gamma_neg", 4.0, GAMMA_NEG), clip(0.05), EPS],
);
static FOCAL_ASL: LossInfo = info(
    "focal-asl",
    "focal loss with constant weights",
    &[exponent("gamma_pos", 2.0, FOCAL), exponent("gamma_neg", 2.0, FOCAL), clip(0.0), EPS],
);
static BCE_ASL: LossInfo = info(
    "bce-asl",
    "binary cross-entropy with clamped logarithms",
    &[exponent("gamma_pos", 0.0, NONE), exponent("gamma_neg", 0.0, NONE), clip(0.0), EPS],
);

/// The settings under which the authors' class is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// Defaults of the class `AsymmetricLoss`: g+ = 1, g- = 4, clip 0.05, constant weights.
    Asl,
    /// The training of the paper on COCO: g+ = 0.
    Paper,
    /// Defaults of the class `AsymmetricLossOptimized`: weights take part in the derivative.
    FullGrad,
    /// g+ = g- = 2, no clip: "Focal" of the ASL and Hill papers.
    Focal,
    /// g+ = g- = 0, no clip: "BCE" of the ASL and Hill papers.
    Bce,
}

impl Setting {
    /// Loss metadata under this setting.
    pub const fn info(self) -> &'static LossInfo {
        match self {
            Setting::Asl => &ASL,
            Setting::Paper => &PAPER_SETTING,
            Setting::FullGrad => &FULL_GRAD,
            Setting::Focal => &FOCAL_ASL,
            Setting::Bce => &BCE_ASL,
        }
    }
}

/// Parameters of [`Asl`].
#[derive(Clone, Debug, PartialEq)]
pub struct AslConfig {
    /// The setting these parameters vary: decides the name and whether weights are differentiated.
    pub setting: Setting,
    /// Focusing exponent g+ >= 0 of positives.
    pub gamma_pos: f64,
    /// Focusing exponent g- >= 0 of the rest.
    pub gamma_neg: f64,
    /// Probability in [0, 1] below which a negative costs nothing.
    pub clip: f64,
    /// Least argument of a logarithm.
    pub eps: f64,
    /// How the entries become one number.
    pub reduction: Reduction,
}

impl AslConfig {
    /// The published parameters of a setting, sum.
    pub fn published(setting: Setting) -> Self {
        let (gamma_pos, gamma_neg, clip) = match setting {
            Setting::Asl | Setting::FullGrad => (1.0, 4.0, 0.05),
            Setting::Paper => (0.0, 4.0, 0.05),
            Setting::Focal => (2.0, 2.0, 0.0),
            Setting::Bce => (0.0, 0.0, 0.0),
        };
        Self { setting, gamma_pos, gamma_neg, clip, eps: 1e-8, reduction: Reduction::Sum }
    }
}

impl Default for AslConfig {
    /// The authors' class: 1, 4, 0.05, 1e-8, sum.
    fn default() -> Self {
        Self::published(Setting::Asl)
    }
}

/// Down-weights easy negatives more than easy positives and drops the easiest.
///
/// ```text
/// pm = min(n + clip, 1)
/// y = 1: L = n^g+ (-ln max(p, e)),        dL/dz = -n^g+ n [p >= e]
/// y = 0: L = (1 - pm)^g- (-ln max(pm, e)), dL/dz = (1 - pm)^g- p n / pm [n + clip <= 1] [pm >= e]
/// ```
/// The weights n^g+ and (1 - pm)^g- are constants for the derivative, except under [`Setting::FullGrad`]. A
/// negative with p < clip has value and slope exactly 0. Unknown and observed negative are the same.
///
/// Ridnik et al., ICCV 2021, equations 4 to 7; Alibaba-MIIL/ASL@8c9e0bd8d5d4,
/// src/loss_functions/losses.py (`AsymmetricLoss`, `AsymmetricLossOptimized`).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Asl {
    config: AslConfig,
}

impl Asl {
    /// The loss with these parameters.
    ///
    /// # Errors
    /// [`LossError::Parameter`] if one is out of its range.
    pub fn new(config: AslConfig) -> Result<Self, LossError> {
        let info = config.setting.info();
        info.check("gamma_pos", config.gamma_pos)?;
        info.check("gamma_neg", config.gamma_neg)?;
        info.check("clip", config.clip)?;
        info.check("eps", config.eps)?;
        Ok(Self { config })
    }
}

impl MultiLabelLoss for Asl {
    fn info(&self) -> &'static LossInfo {
        self.config.setting.info()
    }

    fn evaluate(&mut self, input: &LossInput<'_>, grad: LossGrad<'_, '_>) -> Result<f32, LossError> {
        let AslConfig { gamma_pos, gamma_neg, clip, eps, reduction, setting } = self.config;
        let name = setting.info().name;
        macro_rules! run {
            ($full:literal, $positive:expr, $negative:expr) => {{
                let (clip, eps) = (f32x8::splat(clip as f32), f32x8::splat(eps as f32));
                let kernel = Kernel::<$full, _, _> { clip, eps, positive: $positive, negative: $negative };
                pointwise::evaluate(name, &kernel, input, grad, reduction)
            }};
        }
        let any = |g: f64| Any::new(g);
        match (setting == Setting::FullGrad, gamma_pos, gamma_neg) {
            (false, 0.0, 0.0) => run!(false, Whole::<0>, Whole::<0>),
            (false, 0.0, 4.0) => run!(false, Whole::<0>, Whole::<4>),
            (false, 1.0, 4.0) => run!(false, Whole::<1>, Whole::<4>),
            (false, 2.0, 2.0) => run!(false, Whole::<2>, Whole::<2>),
            (false, _, _) => run!(false, any(gamma_pos), any(gamma_neg)),
            (true, 1.0, 4.0) => run!(true, Whole::<1>, Whole::<4>),
            (true, _, _) => run!(true, any(gamma_pos), any(gamma_neg)),
        }
    }

    fn reference(&self, z: &[&[Dual]], input: &LossInput<'_>) -> Dual {
        let entries = z[0].iter().zip(input.targets.labels);
        let full = self.config.setting == Setting::FullGrad;
        let entry = |(&z, &label): (&Dual, _)| {
            let held = if full { z } else { z.detach() };
            reference::asl(z, held, label, &self.config)
        };
        let sum = Real::sum(entries.map(entry));
        sum * Dual::of(self.config.reduction.factor(&input.targets))
    }
}

/// `FULL`: weights take part in the derivative.
struct Kernel<const FULL: bool, P, N> {
    clip: f32x8,
    eps: f32x8,
    positive: P,
    negative: N,
}

impl<const FULL: bool, P: Power, N: Power> Pointwise for Kernel<FULL, P, N> {
    #[inline(always)]
    fn at(&self, z: f32x8, l: f32x8) -> Entry {
        let (zero, one) = (f32x8::splat(0.0), f32x8::splat(1.0));
        let positive = l.simd_gt(zero);
        let (p, n) = math::sigmoid_pair(z);
        let shifted = n + self.clip;
        // x goes into the logarithm; u = 1 - x without the subtraction.
        let x = positive.select(p, shifted);
        let u = positive.select(n, p - self.clip);
        let counts = positive | (u.simd_gt(zero) & shifted.simd_le(one));
        let u = counts.select(u, one);
        let weight = positive.select(self.positive.of(u), self.negative.of(u));
        let log = -math::ln(x.fast_max(self.eps));
        let mut slope = x.simd_ge(self.eps).select(p * n / x, zero);
        if FULL {
            // (d weight / du) log = g weight log / u, and log / u tends to 1 + u / 2: u^(g-1) is not formed.
            let near = u.simd_lt(f32x8::splat(1e-3));
            let ratio = near.select(u.mul_add(f32x8::splat(0.5), one), log / u);
            let exponent = positive.select(self.positive.exponent(), self.negative.exponent());
            slope += exponent * ratio * (p * n);
        }
        let slope = weight * positive.select(-slope, slope);
        Entry::new(counts.select(weight * log, zero), counts.select(slope, zero))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lacuna_loss_api::{Label, conformance};

    const SETTINGS: [Setting; 5] =
        [Setting::Asl, Setting::Paper, Setting::FullGrad, Setting::Focal, Setting::Bce];

    #[test]
    fn conforms() {
        for setting in SETTINGS {
            let published = AslConfig::published(setting);
            let other = AslConfig { gamma_pos: 0.5, gamma_neg: 2.7, clip: 0.1, eps: 1e-5, ..published };
            let plain = AslConfig { gamma_pos: 3.0, gamma_neg: 0.0, clip: 0.0, ..published };
            for config in [published, other, plain] {
                conformance::check(&|_| Box::new(Asl::new(config.clone()).unwrap()));
            }
        }
    }

    #[test]
    fn easy_negatives_cost_exactly_nothing() {
        let z = [-2.95, -8.0, -80.0]; // sigma(-2.9444) = 0.05
        let logits = [&z[..]];
        for setting in [Setting::Asl, Setting::Paper, Setting::FullGrad] {
            let mut dz = [f32::NAN; 3];
            let mut loss = Asl::new(AslConfig::published(setting)).unwrap();
            let input = LossInput::new(&logits, 1, 3, &[Label::Unknown; 3]);
            let value = loss.evaluate(&input, LossGrad::Into(&mut [&mut dz])).unwrap();
            assert_eq!((value, dz), (0.0, [0.0; 3]), "{setting:?}");
        }
    }

    #[test]
    fn parameters_are_checked() {
        let good = AslConfig::default();
        for bad in [
            AslConfig { gamma_pos: -1.0, ..good },
            AslConfig { gamma_neg: f64::NAN, ..good },
            AslConfig { clip: 1.5, ..good },
            AslConfig { eps: 0.0, ..good },
        ] {
            assert!(matches!(Asl::new(bad), Err(LossError::Parameter { .. })));
        }
    }
}
