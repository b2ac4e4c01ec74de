//! Parameters and loss metadata.

use lacuna_loss_api::{Interval, LabelUse, LossError, LossInfo, ParamInfo, Reduction};

const PAPER: &str = "Ben-Baruch, Ridnik, Friedman, Ben-Cohen, Zamir, Noy and Zelnik-Manor, Multi-Label Classification \
                     with Partial Annotations Using Class-Aware Selective Loss, CVPR";

const FORMULA: &str = "L = w a+ n^g+ Lp on positives, w a- (1-pm)^g- (-ln max(pm,e)) on negatives, the same with au, gu on unknown";

const fn exponent(name: &'static str, default: f64, doc: &'static str) -> ParamInfo {
    ParamInfo { name, default: Some(default), range: Interval::at_least(0.0), doc }
}

const CLIP: ParamInfo = ParamInfo {
    name: "clip",
    default: Some(0.0),
    range: Interval::closed(0.0, 1.0),
    doc: "what is added to the probability of a negative: below it a negative costs nothing. 0 in the authors' code",
};
const GAMMA_POS: ParamInfo =
    exponent("gamma_pos", 0.0, "focusing exponent g+ of positives. 0 in the authors' code");
const GAMMA_NEG: ParamInfo =
    exponent("gamma_neg", 1.0, "focusing exponent g- of observed negatives. 1 in the authors' code");
const GAMMA_UNANN: ParamInfo = exponent(
    "gamma_unann",
    2.0,
    "focusing exponent gu of unknown cells. 2 in the authors' code, 4 in the examples of their README",
);
const ALPHA_POS: ParamInfo = exponent("alpha_pos", 1.0, "factor a+ of positives. 1 in the authors' code");
const ALPHA_NEG: ParamInfo =
    exponent("alpha_neg", 1.0, "factor a- of observed negatives. 1 in the authors' code");
const ALPHA_UNANN: ParamInfo =
    exponent("alpha_unann", 1.0, "factor au of unknown cells. 1 in the authors' code");
const EPS: ParamInfo = ParamInfo {
    name: "eps",
    default: Some(1e-8),
    range: Interval::closed(1e-30, 0.5),
    doc: "least argument e of a logarithm; there the slope is 0. 1e-8 in the authors' code",
};
const TOPK: ParamInfo = ParamInfo {
    name: "likelihood_topk",
    default: Some(5.0),
    range: Interval::whole_from(0.0),
    doc: "likeliest unknown cells left out, for each row of the batch. 5 in the authors' code",
};
const THRESHOLD: ParamInfo = ParamInfo {
    name: "prior_threshold",
    default: Some(0.05),
    range: Interval::closed(0.0, 1.0),
    doc: "unknown cells of a class with a prior above it are left out. 0.05 in the authors' code, 0.5 in the examples \
          of their README",
};

const PARAMS: &[ParamInfo] =
    &[GAMMA_POS, GAMMA_NEG, GAMMA_UNANN, ALPHA_POS, ALPHA_NEG, ALPHA_UNANN, CLIP, EPS];
const KNOWN_PARAMS: &[ParamInfo] = &[GAMMA_POS, GAMMA_NEG, ALPHA_POS, ALPHA_NEG, CLIP, EPS];
const TOP_PARAMS: &[ParamInfo] =
    &[GAMMA_POS, GAMMA_NEG, GAMMA_UNANN, ALPHA_POS, ALPHA_NEG, ALPHA_UNANN, CLIP, EPS, TOPK];
const PRIOR_PARAMS: &[ParamInfo] =
    &[GAMMA_POS, GAMMA_NEG, GAMMA_UNANN, ALPHA_POS, ALPHA_NEG, ALPHA_UNANN, CLIP, EPS, TOPK, THRESHOLD];

const fn info(
    name: &'static str,
    title: &'static str,
    labels: LabelUse,
    params: &'static [ParamInfo],
) -> LossInfo {
    LossInfo { name, title, paper: PAPER, year: 2022, experimental: false, labels, formula: FORMULA, params }
}

static NEGATIVE: LossInfo =
    info("csl-negative", "partial asymmetric loss, unknown as negative", LabelUse::UnknownAsUnknown, PARAMS);
static IGNORE: LossInfo =
    info("csl-ignore", "partial asymmetric loss on known labels", LabelUse::KnownOnly, KNOWN_PARAMS);
static NORMALISED: LossInfo = info(
    "csl-normalised",
    "partial asymmetric loss on known labels, rows weighted by how many",
    LabelUse::KnownOnly,
    KNOWN_PARAMS,
);
static SELECTIVE: LossInfo =
    info("csl-selective", "selective loss by likelihood", LabelUse::UnknownAsUnknown, TOP_PARAMS);
static SELECTIVE_PRIOR: LossInfo =
    info("csl-selective-prior", "class-aware selective loss", LabelUse::UnknownAsUnknown, PRIOR_PARAMS);

/// What unknown cells weigh: `partial_loss_mode` of the authors' code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// 1, as all other cells.
    Negative,
    /// 0.
    Ignore,
    /// 0, and known cells 1 + 1 / (1 + K) with the K known cells of the row.
    Normalised,
    /// 0 for the likeliest of the batch, and for classes with a high prior; else 1.
    Selective,
}

/// Factor and focusing exponent of one kind of label.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Part {
    /// Factor >= 0.
    pub alpha: f64,
    /// Focusing exponent >= 0.
    pub gamma: f64,
}

/// Parameters of [`Csl`](crate::Csl).
#[derive(Clone, Debug, PartialEq)]
pub struct CslConfig {
    /// What unknown cells weigh.
    pub mode: Mode,
    /// Probability in [0, 1] below which a cell that is not positive costs nothing.
    pub clip: f64,
    /// Positives.
    pub positive: Part,
    /// Observed negatives.
    pub negative: Part,
    /// Unknown cells.
    pub unknown: Part,
    /// Likeliest unknown cells that [`Mode::Selective`] leaves out, for each row.
    pub likelihood_topk: usize,
    /// Prior above which [`Mode::Selective`] leaves the unknown cells of a class out; `None` leaves none out.
    pub prior_threshold: Option<f64>,
    /// Least argument of a logarithm.
    pub eps: f64,
    /// How the entries become one number.
    pub reduction: Reduction,
}

impl CslConfig {
    /// The defaults of the authors' code: no clip, exponents 0, 1 and 2, factors 1, topk 5, threshold 0.05, sum.
    pub fn published(mode: Mode) -> Self {
        let part = |gamma| Part { alpha: 1.0, gamma };
        Self {
            mode,
            clip: 0.0,
            positive: part(0.0),
            negative: part(1.0),
            unknown: part(2.0),
            likelihood_topk: 5,
            prior_threshold: Some(0.05),
            eps: 1e-8,
            reduction: Reduction::Sum,
        }
    }

    /// Loss metadata with these parameters, with or without class priors.
    pub fn info(&self, with_prior: bool) -> &'static LossInfo {
        match self.mode {
            Mode::Negative => &NEGATIVE,
            Mode::Ignore => &IGNORE,
            Mode::Normalised => &NORMALISED,
            Mode::Selective if with_prior => &SELECTIVE_PRIOR,
            Mode::Selective => &SELECTIVE,
        }
    }

    pub(crate) fn check(&self, with_prior: bool) -> Result<(), LossError> {
        let info = self.info(with_prior);
        for (name, value) in [
            ("gamma_pos", self.positive.gamma),
            ("gamma_neg", self.negative.gamma),
            ("gamma_unann", self.unknown.gamma),
            ("alpha_pos", self.positive.alpha),
            ("alpha_neg", self.negative.alpha),
            ("alpha_unann", self.unknown.alpha),
            ("clip", self.clip),
            ("eps", self.eps),
            ("prior_threshold", self.prior_threshold.unwrap_or(0.0)),
        ] {
            // Modes that ignore unknown cells have no parameters for them.
            if info.param(name).is_some() {
                info.check(name, value)?;
            }
        }
        Ok(())
    }
}

impl Mode {
    /// Loss metadata in this mode without class priors.
    pub const fn info(self) -> &'static LossInfo {
        match self {
            Mode::Negative => &NEGATIVE,
            Mode::Ignore => &IGNORE,
            Mode::Normalised => &NORMALISED,
            Mode::Selective => &SELECTIVE,
        }
    }

    /// Metadata of [`Mode::Selective`] with class priors.
    pub const SELECTIVE_PRIOR: &'static LossInfo = &SELECTIVE_PRIOR;
}
