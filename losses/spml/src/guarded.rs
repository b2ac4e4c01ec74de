//! Cross-entropies with a guarded logarithm: AN, AN-LS, WAN, IU, IUN and BCE on clean labels.

use crate::{LOG_EPSILON, PAPER, reference};
use lacuna_loss_api::guarded::BothLogs;
use lacuna_loss_api::pointwise::{self, Entry, Pointwise};
use lacuna_loss_api::{
    Dual, Interval, LabelUse, LossError, LossGrad, LossInfo, LossInput, MultiLabelLoss, ParamInfo, Real,
    Reduction, f32x8, math,
};

/// Which cross-entropy a [`GuardedBce`] is. With Lp = -ln(p + e) and Ln = -ln(1 - p + e):
///
/// | kind | positive | observed negative | unknown |
/// |---|---|---|---|
/// | `An` | Lp | Ln | Ln |
/// | `AnLs` | (1-s) Lp + s Ln | s Lp + (1-s) Ln | s Lp + (1-s) Ln |
/// | `Wan` | Lp | Ln / (C-1) | Ln / (C-1) |
/// | `Iu`, `Iun`, `BceFull` | Lp | Ln | 0 |
/// | `BceLsFull` | (1-s) Lp + s Ln | s Lp + (1-s) Ln | 0 |
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// Assume negative: unknown is read as negative.
    An,
    /// Assume negative with label smoothing: a target flips with `ls_coef` = s, not s/2.
    AnLs {
        /// Smoothing s in [0, 1].
        ls_coef: f64,
    },
    /// Weak assume negative: negatives weigh 1 / (C - 1). Needs two classes.
    Wan,
    /// Ignore unobserved, for one positive and one observed negative a row.
    Iu,
    /// Ignore unobserved given all true negatives: the same formula as `Iu` on richer labels.
    Iun,
    /// Cross-entropy on complete labels.
    BceFull,
    /// Cross-entropy with label smoothing on complete labels.
    BceLsFull {
        /// Smoothing s in [0, 1].
        ls_coef: f64,
    },
}

impl Kind {
    /// Metadata of the loss of this kind.
    pub const fn info(self) -> &'static LossInfo {
        match self {
            Kind::An => &AN,
            Kind::AnLs { .. } => &AN_LS,
            Kind::Wan => &WAN,
            Kind::Iu => &IU,
            Kind::Iun => &IUN,
            Kind::BceFull => &BCE_FULL,
            Kind::BceLsFull { .. } => &BCE_LS_FULL,
        }
    }
}

/// Parameters that every kind has.
#[derive(Clone, Debug, PartialEq)]
pub struct GuardedConfig {
    /// Guard e of the logarithms, in [0, 0.5]; 0 is the stable form.
    pub log_epsilon: f64,
    /// How the entries become one number.
    pub reduction: Reduction,
}

impl Default for GuardedConfig {
    /// 1e-5, mean: the authors' code.
    fn default() -> Self {
        Self { log_epsilon: 1e-5, reduction: Reduction::Mean }
    }
}

const LS_COEF: ParamInfo = ParamInfo {
    name: "ls_coef",
    default: Some(0.1),
    range: Interval::closed(0.0, 1.0),
    doc: "label smoothing s: a target flips with s, not s/2. 0.1 in the authors' code",
};

const GUARD: &[ParamInfo] = &[LOG_EPSILON];
const GUARD_AND_SMOOTHING: &[ParamInfo] = &[LS_COEF, LOG_EPSILON];

const fn info(
    name: &'static str,
    title: &'static str,
    labels: LabelUse,
    formula: &'static str,
    params: &'static [ParamInfo],
) -> LossInfo {
    LossInfo { name, title, paper: PAPER, year: 2021, experimental: false, labels, formula, params }
}

static AN: LossInfo = info(
    "an",
    "assume negative",
    LabelUse::UnknownAsNegative,
    "L = y Lp + (1-y) Ln, Lp = -ln(p+e), Ln = -ln(1-p+e)",
    GUARD,
);
static AN_LS: LossInfo = info(
    "an-ls",
    "assume negative with label smoothing",
    LabelUse::UnknownAsNegative,
    "L = t Lp + (1-t) Ln, t = 1-s for positives, s for the rest",
    GUARD_AND_SMOOTHING,
);
static WAN: LossInfo =
    info("wan", "weak assume negative", LabelUse::UnknownAsNegative, "L = y Lp + (1-y) Ln / (C-1)", GUARD);
static IU: LossInfo = info(
    "iu",
    "ignore unobserved",
    LabelUse::KnownOnly,
    "L = y Lp + (1-y) Ln over observed cells; unknown: 0",
    GUARD,
);
static IUN: LossInfo = info(
    "iun",
    "ignore unobserved positives, given all true negatives",
    LabelUse::KnownOnly,
    "L = Lp on observed positives, Ln on all true negatives; unknown: 0",
    GUARD,
);
static BCE_FULL: LossInfo = info(
    "bce-full",
    "binary cross-entropy on complete labels",
    LabelUse::KnownOnly,
    "L = y Lp + (1-y) Ln; unknown: 0",
    GUARD,
);
static BCE_LS_FULL: LossInfo = info(
    "bce-ls-full",
    "binary cross-entropy with label smoothing on complete labels",
    LabelUse::KnownOnly,
    "L = t Lp + (1-t) Ln, t = 1-s for positives, s for negatives; unknown: 0",
    GUARD_AND_SMOOTHING,
);

/// Binary cross-entropy with guarded logarithms, in the variants of [`Kind`].
///
/// Derivatives: dLp/dz = -p n / (p + e), dLn/dz = p n / (n + e) with n = 1 - p = sigma(-z).
///
/// Cole et al., CVPR 2021; elijahcole/single-positive-multi-label@89152d52ba59, losses.py.
#[derive(Clone, Debug, PartialEq)]
pub struct GuardedBce {
    kind: Kind,
    config: GuardedConfig,
}

impl GuardedBce {
    /// The loss of this kind.
    ///
    /// # Errors
    /// [`LossError::Parameter`] for a guard or a smoothing outside its range.
    pub fn new(kind: Kind, config: GuardedConfig) -> Result<Self, LossError> {
        let loss = Self { kind, config };
        if let Kind::AnLs { ls_coef } | Kind::BceLsFull { ls_coef } = kind {
            loss.info().check("ls_coef", ls_coef)?;
        }
        loss.info().check("log_epsilon", loss.config.log_epsilon)?;
        Ok(loss)
    }

    /// The table of [`Kind`] as numbers.
    fn weights(&self, classes: usize) -> Weights {
        let (lp, ln, nothing) = ((1.0, 0.0), (0.0, 1.0), (0.0, 0.0));
        let (positive, negative, unknown) = match self.kind {
            Kind::An => (lp, ln, ln),
            Kind::Wan => {
                let weak = (0.0, 1.0 / (classes as f64 - 1.0));
                (lp, weak, weak)
            }
            Kind::Iu | Kind::Iun | Kind::BceFull => (lp, ln, nothing),
            Kind::AnLs { ls_coef: s } => ((1.0 - s, s), (s, 1.0 - s), (s, 1.0 - s)),
            Kind::BceLsFull { ls_coef: s } => ((1.0 - s, s), (s, 1.0 - s), nothing),
        };
        Weights { positive, negative, unknown }
    }
}

impl MultiLabelLoss for GuardedBce {
    fn info(&self) -> &'static LossInfo {
        self.kind.info()
    }

    fn evaluate(&mut self, input: &LossInput<'_>, grad: LossGrad<'_, '_>) -> Result<f32, LossError> {
        let name = self.info().name;
        if self.kind == Kind::Wan && input.all_classes() == 1 {
            return Err(LossError::Classes { loss: name, needed: 2, found: 1 });
        }
        let weights = self.weights(input.all_classes());
        let guard = f32x8::splat(self.config.log_epsilon as f32);
        let (guarded, smooth) = (self.config.log_epsilon > 0.0, weights.both_logarithms());
        let reduction = self.config.reduction;
        macro_rules! run {
            ($kernel:expr) => {
                pointwise::evaluate(name, &$kernel, input, grad, reduction)
            };
        }
        match (guarded, smooth) {
            (true, false) => run!(OneLog::<true>::new(&weights, guard)),
            (false, false) => run!(OneLog::<false>::new(&weights, guard)),
            (true, true) => run!(TwoLogs::<true>::new(&weights, guard)),
            (false, true) => run!(TwoLogs::<false>::new(&weights, guard)),
        }
    }

    fn reference(&self, z: &[&[Dual]], input: &LossInput<'_>) -> Dual {
        let entry = |(&z, &label)| {
            reference::guarded_bce(z, label, self.kind, input.all_classes(), self.config.log_epsilon)
        };
        let sum = Real::sum(z[0].iter().zip(input.targets.labels).map(entry));
        sum * Dual::of(self.config.reduction.factor(&input.targets))
    }
}

/// What Lp and Ln weigh in a cell, for each label.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weights {
    positive: (f64, f64),
    negative: (f64, f64),
    unknown: (f64, f64),
}

impl Weights {
    /// Lp on positives, Ln on observed negatives, nothing on unknown cells.
    pub(crate) const OBSERVED: Self =
        Self { positive: (1.0, 0.0), negative: (0.0, 1.0), unknown: (0.0, 0.0) };

    /// Whether some cell takes both logarithms.
    fn both_logarithms(&self) -> bool {
        self.positive.1 != 0.0 || self.negative.0 != 0.0 || self.unknown.0 != 0.0
    }
}

/// A number for each label.
#[derive(Clone, Copy)]
struct ByLabel {
    positive: f32x8,
    negative: f32x8,
    unknown: f32x8,
}

impl ByLabel {
    fn new(w: &Weights, weight: fn((f64, f64)) -> f64) -> Self {
        let lanes = |pair| f32x8::splat(weight(pair) as f32);
        Self { positive: lanes(w.positive), negative: lanes(w.negative), unknown: lanes(w.unknown) }
    }

    #[inline(always)]
    fn at(&self, l: f32x8) -> f32x8 {
        let zero = f32x8::splat(0.0);
        l.simd_gt(zero).select(self.positive, l.simd_lt(zero).select(self.negative, self.unknown))
    }
}

/// Kernel for cells that take one logarithm: Lp on positives, Ln on the rest. `GUARDED`: e > 0.
///
/// With m = z on positives and -z on the rest it is w (-ln(sigma(m) + e)) with slope
/// -+ w sigma(m) sigma(-m) / (sigma(m) + e).
pub(crate) struct OneLog<const GUARDED: bool> {
    weight: ByLabel,
    guard: f32x8,
}

impl<const GUARDED: bool> OneLog<GUARDED> {
    pub(crate) fn new(weights: &Weights, guard: f32x8) -> Self {
        Self { weight: ByLabel::new(weights, |(lp, ln)| lp + ln), guard }
    }
}

impl<const GUARDED: bool> OneLog<GUARDED> {
    /// The entry, and p n = dp/dz.
    #[inline]
    pub(crate) fn with_slope_of_p(&self, z: f32x8, l: f32x8) -> (Entry, f32x8) {
        let w = self.weight.at(l);
        let positive = l.simd_gt(f32x8::splat(0.0));
        let m = positive.select(z, -z);
        let (value, slope, dp) = if GUARDED {
            let (p, n) = math::sigmoid_pair(m);
            let x = p + self.guard;
            (-math::ln(x), p * n / x, p * n)
        } else {
            let log = math::logistic(m);
            (log.neg_ln_p, log.n, log.p * log.n)
        };
        (Entry::new(w * value, w * positive.select(-slope, slope)), dp)
    }
}

impl<const GUARDED: bool> Pointwise for OneLog<GUARDED> {
    #[inline(always)]
    fn at(&self, z: f32x8, l: f32x8) -> Entry {
        self.with_slope_of_p(z, l).0
    }
}

/// Kernel for cells that take both logarithms.
struct TwoLogs<const GUARDED: bool> {
    lp: ByLabel,
    ln: ByLabel,
    guard: f32x8,
}

impl<const GUARDED: bool> TwoLogs<GUARDED> {
    fn new(weights: &Weights, guard: f32x8) -> Self {
        Self { lp: ByLabel::new(weights, |(lp, _)| lp), ln: ByLabel::new(weights, |(_, ln)| ln), guard }
    }
}

impl<const GUARDED: bool> Pointwise for TwoLogs<GUARDED> {
    #[inline(always)]
    fn at(&self, z: f32x8, l: f32x8) -> Entry {
        let (a, b) = (self.lp.at(l), self.ln.at(l));
        let logs = BothLogs::at::<GUARDED>(z, self.guard);
        Entry::new(a * logs.lp + b * logs.ln, logs.slope(a, b))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lacuna_loss_api::{Label, conformance};

    const KINDS: [Kind; 8] = [
        Kind::An,
        Kind::AnLs { ls_coef: 0.1 },
        Kind::AnLs { ls_coef: 0.0 },
        Kind::Wan,
        Kind::Iu,
        Kind::Iun,
        Kind::BceFull,
        Kind::BceLsFull { ls_coef: 0.25 },
    ];

    #[test]
    fn conforms() {
        for kind in KINDS {
            for log_epsilon in [1e-5, 0.0, 1e-20, 0.5] {
                let config = GuardedConfig { log_epsilon, ..Default::default() };
                conformance::check(&|_| Box::new(GuardedBce::new(kind, config.clone()).unwrap()));
            }
        }
    }

    #[test]
    fn the_guard_caps_an_entry() {
        let (z, labels) = ([-1e4], [Label::Positive]);
        let logits = [&z[..]];
        let input = LossInput::new(&logits, 1, 1, &labels);
        let run = |log_epsilon| {
            let config = GuardedConfig { log_epsilon, ..Default::default() };
            GuardedBce::new(Kind::An, config).unwrap().evaluate(&input, LossGrad::Unneeded).unwrap()
        };
        assert!((run(1e-5) - 11.512925).abs() < 1e-5); // -ln 1e-5
        assert_eq!(run(0.0), 1e4);
    }

    #[test]
    fn weak_negatives_need_two_classes() {
        let (z, labels) = ([0.0], [Label::Positive]);
        let logits = [&z[..]];
        let mut loss = GuardedBce::new(Kind::Wan, GuardedConfig::default()).unwrap();
        let error = loss.evaluate(&LossInput::new(&logits, 1, 1, &labels), LossGrad::Unneeded);
        assert_eq!(error, Err(LossError::Classes { loss: "wan", needed: 2, found: 1 }));
    }

    #[test]
    fn parameters_are_checked() {
        for (kind, log_epsilon) in
            [(Kind::AnLs { ls_coef: 1.5 }, 1e-5), (Kind::An, -1e-5), (Kind::An, f64::NAN), (Kind::Iu, 0.6)]
        {
            let config = GuardedConfig { log_epsilon, ..Default::default() };
            assert!(matches!(GuardedBce::new(kind, config), Err(LossError::Parameter { .. })));
        }
    }
}
