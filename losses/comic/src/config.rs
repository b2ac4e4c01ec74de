//! Parameters, and what the losses say about themselves.

use lacuna_loss_api::{Interval, LabelUse, LossError, LossInfo, ParamInfo, Reduction};

const PAPER: &str = "Zhang, Liu, Zeng, Ooi, Tang and Zhuang, Learning in Imperfect Environment: Multi-Label Classification \
                     with Long-Tailed Distribution and Partial Labels, ICCV";

const fn number(name: &'static str, default: f64, range: Interval, doc: &'static str) -> ParamInfo {
    ParamInfo { name, default: Some(default), range, doc }
}

const fn gamma_pos(default: f64) -> ParamInfo {
    number(
        "gamma_pos",
        default,
        Interval::at_least(0.0),
        "focusing exponent g+ of positives. 0 in the authors' code",
    )
}

const fn gamma_neg(default: f64) -> ParamInfo {
    number(
        "gamma_neg",
        default,
        Interval::at_least(0.0),
        "focusing exponent g- of the rest. 3 in the authors' code",
    )
}

const fn power(default: f64) -> ParamInfo {
    number(
        "power",
        default,
        Interval::at_least(0.0),
        "exponent of the head-tail factor. 1/3 in the authors' modifier with attention, 1/6 elsewhere in their code",
    )
}

const CLIP: ParamInfo = number(
    "clip",
    0.05,
    Interval::closed(0.0, 1.0),
    "what is added to the probability of a negative: below it a negative costs nothing. 0.05 in the authors' code",
);
const EPS: ParamInfo = number(
    "eps",
    1e-8,
    Interval::closed(1e-30, 0.5),
    "least argument e of a logarithm; there the slope is 0. 1e-8 in the authors' code",
);
const CLASS_NG: ParamInfo = number(
    "gamma_class_ng",
    1.2,
    Interval::at_least(0.0),
    "what n of a class that goes with the row's positives is multiplied with. 1.2 in the authors' code",
);
const THIRD: f64 = 1.0 / 3.0;
const SIXTH: f64 = 1.0 / 6.0;

const fn info(
    name: &'static str,
    title: &'static str,
    formula: &'static str,
    labels: LabelUse,
    params: &'static [ParamInfo],
) -> LossInfo {
    LossInfo { name, title, paper: PAPER, year: 2023, experimental: false, labels, formula, params }
}

pub(crate) static MFM_PAPER: LossInfo = info(
    "mfm-paper",
    "multi-focal modifier, as the paper has it",
    "L = n^(g+ + w+ h_c) lp on positives, p^(g- + w- h_c) ln on the rest, h_c = (1 - ln(n_c/max n))^power",
    LabelUse::UnknownAsNegative,
    &[
        gamma_pos(0.0),
        gamma_neg(3.0),
        number(
            "w_pos",
            0.0,
            Interval::at_least(0.0),
            "weight w+ of the head-tail factor. 0 in the authors' code",
        ),
        number(
            "w_neg",
            1.0,
            Interval::at_least(0.0),
            "weight w- of the head-tail factor. 1 in the authors' code",
        ),
        power(SIXTH),
    ],
);

const FORMULA: &str = "L = h (1-xp)^g+ (-ln max(xp,e)) on positives, h (1-xn)^(g- + h) (-ln max(xn,e)) on the rest, \
                       xp = p (1-a), xn = min((1.2 where a > 0) min(n + clip, 1), 1)";

pub(crate) static MFM: LossInfo = info(
    "mfm",
    "multi-focal modifier with attention to co-occurrence",
    FORMULA,
    LabelUse::UnknownAsNegative,
    &[gamma_pos(0.0), gamma_neg(3.0), CLIP, CLASS_NG, power(THIRD), EPS],
);

pub(crate) static MFM_CLASS: LossInfo = info(
    "mfm-class",
    "multi-focal modifier without attention",
    "L = h n^g+ (-ln max(p,e)) on positives, h (1-xn)^(g- + h) (-ln max(xn,e)) on the rest, xn = min(n + clip, 1)",
    LabelUse::UnknownAsNegative,
    &[gamma_pos(0.0), gamma_neg(3.0), CLIP, power(SIXTH), EPS],
);

pub(crate) static RLC: LossInfo = info(
    "rlc",
    "reflective label corrector",
    "L = batch_size / positives x mfm-class at z - margin on positives; positive where p > tau and p > batch mean of the class",
    LabelUse::UnknownAsUnknown,
    &[
        number(
            "tau",
            0.7,
            Interval::open(0.0, 1.0),
            "probability above which an unknown cell becomes positive. 0.7 in the paper",
        ),
        number(
            "margin",
            1.0,
            Interval::ANY,
            "what is taken off the logit of an observed positive. 1 in the authors' code",
        ),
        gamma_pos(0.0),
        gamma_neg(3.0),
        CLIP,
        power(SIXTH),
        number(
            "batch_size",
            32.0,
            Interval::above(0.0),
            "what the sum divided by the positives is multiplied with. The constant 32 in the authors' code",
        ),
        number(
            "first_epoch",
            0.0,
            Interval::whole_from(0.0),
            "epoch, counted from 0, before which the loss is 0. The authors count from 1 and start there",
        ),
        EPS,
    ],
);

pub(crate) static HTB: LossInfo = info(
    "htb",
    "head-tail balancer",
    "L = k mfm(softmax(head) softmax(bal)) + (1-k) mfm(softmax(tail) softmax(bal)), k = Lh^a/(Lh^a + Lt^a), Lx = mfm(x)",
    LabelUse::UnknownAsNegative,
    &[
        number(
            "alpha",
            2.0,
            Interval::at_least(0.0),
            "exponent of the losses of the two branches in their shares. 2 in the authors' code",
        ),
        gamma_pos(0.0),
        gamma_neg(3.0),
        CLIP,
        CLASS_NG,
        power(THIRD),
        EPS,
    ],
);

/// Parameters of [`PaperMfm`](crate::PaperMfm).
#[derive(Clone, Debug, PartialEq)]
pub struct PaperConfig {
    /// Focusing exponent g+ >= 0 of positives.
    pub gamma_pos: f64,
    /// Focusing exponent g- >= 0 of the rest.
    pub gamma_neg: f64,
    /// Weight w+ >= 0 of the head-tail factor in the exponent of positives.
    pub w_pos: f64,
    /// Weight w- >= 0 of the head-tail factor in the exponent of the rest.
    pub w_neg: f64,
    /// Exponent >= 0 of the head-tail factor.
    pub power: f64,
    /// How the entries become one number.
    pub reduction: Reduction,
}

impl Default for PaperConfig {
    /// 0, 3, 0, 1, 1/6, sum.
    fn default() -> Self {
        let reduction = Reduction::Sum;
        Self { gamma_pos: 0.0, gamma_neg: 3.0, w_pos: 0.0, w_neg: 1.0, power: SIXTH, reduction }
    }
}

impl PaperConfig {
    pub(crate) fn check(&self) -> Result<(), LossError> {
        for (name, value) in [
            ("gamma_pos", self.gamma_pos),
            ("gamma_neg", self.gamma_neg),
            ("w_pos", self.w_pos),
            ("w_neg", self.w_neg),
            ("power", self.power),
        ] {
            MFM_PAPER.check(name, value)?;
        }
        Ok(())
    }
}

/// Parameters of [`Mfm`](crate::Mfm).
#[derive(Clone, Debug, PartialEq)]
pub struct MfmConfig {
    /// Whether the classes that go with a row's positives count differently.
    pub attention: bool,
    /// Focusing exponent g+ >= 0 of positives.
    pub gamma_pos: f64,
    /// Focusing exponent g- >= 0 of the rest, to which the head-tail factor is added.
    pub gamma_neg: f64,
    /// Probability in [0, 1] below which a negative costs nothing.
    pub clip: f64,
    /// What n of a class with attention is multiplied with.
    pub gamma_class_ng: f64,
    /// Exponent >= 0 of the head-tail factor.
    pub power: f64,
    /// Least argument of a logarithm.
    pub eps: f64,
    /// How the entries become one number.
    pub reduction: Reduction,
}

impl MfmConfig {
    /// The authors' `PriorFocalModifierLoss`: 0, 3, 0.05, 1.2, 1/3, 1e-8, sum.
    pub fn with_attention() -> Self {
        Self {
            attention: true,
            gamma_pos: 0.0,
            gamma_neg: 3.0,
            clip: 0.05,
            gamma_class_ng: 1.2,
            power: THIRD,
            eps: 1e-8,
            reduction: Reduction::Sum,
        }
    }

    /// The same without attention and with power 1/6, as the corrector of labels uses it.
    pub fn by_class() -> Self {
        Self { attention: false, power: SIXTH, ..Self::with_attention() }
    }

    /// Loss metadata.
    pub fn info(&self) -> &'static LossInfo {
        if self.attention { &MFM } else { &MFM_CLASS }
    }

    pub(crate) fn check(&self) -> Result<(), LossError> {
        for (name, value) in [
            ("gamma_pos", self.gamma_pos),
            ("gamma_neg", self.gamma_neg),
            ("clip", self.clip),
            ("power", self.power),
            ("eps", self.eps),
        ] {
            self.info().check(name, value)?;
        }
        MFM.check("gamma_class_ng", self.gamma_class_ng)?;
        Ok(())
    }
}

/// Parameters of [`Rlc`](crate::Rlc).
#[derive(Clone, Debug, PartialEq)]
pub struct RlcConfig {
    /// Probability in (0, 1) above which a cell is taken for positive.
    pub tau: f64,
    /// What is taken off the logit of an observed positive.
    pub margin: f64,
    /// Numerator of the factor batch_size / positives.
    pub batch_size: f64,
    /// Epoch, counted from 0, before which the loss is 0.
    pub first_epoch: usize,
    /// The loss on the corrected labels; without attention.
    pub mfm: MfmConfig,
}

impl Default for RlcConfig {
    /// 0.7, 1, 32, from the first epoch on, [`MfmConfig::by_class`].
    fn default() -> Self {
        Self { tau: 0.7, margin: 1.0, batch_size: 32.0, first_epoch: 0, mfm: MfmConfig::by_class() }
    }
}

impl RlcConfig {
    pub(crate) fn check(&self) -> Result<(), LossError> {
        RLC.check("tau", self.tau)?;
        RLC.check("margin", self.margin)?;
        RLC.check("batch_size", self.batch_size)?;
        if self.mfm.attention {
            return Err(LossError::Unsupported("the label corrector has no attention".to_owned()));
        }
        self.mfm.check()
    }
}

/// Parameters of [`HeadTailBalancer`](crate::HeadTailBalancer).
#[derive(Clone, Debug, PartialEq)]
pub struct HtbConfig {
    /// Exponent >= 0 of the losses in their shares.
    pub alpha: f64,
    /// The loss inside.
    pub mfm: MfmConfig,
}

impl Default for HtbConfig {
    /// 2, [`MfmConfig::with_attention`].
    fn default() -> Self {
        Self { alpha: 2.0, mfm: MfmConfig::with_attention() }
    }
}

impl HtbConfig {
    pub(crate) fn check(&self) -> Result<(), LossError> {
        HTB.check("alpha", self.alpha)?;
        self.mfm.check()
    }
}
