//! The published parameters of every data set, and what the losses say about themselves with them.

use lacuna_loss_api::{Interval, LabelUse, LossInfo, ParamInfo};

const PAPER: &str = "Zhou, Chen, Wang, Chen and Heng, Acknowledging the Unknown for Multi-label Learning with \
                     Single Positive Labels, ECCV";

/// The data sets for which the authors publish parameters.
///
/// Correr-Zhou/SPML-AckTheUnknown@ae1ccafe0b03, config.py.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Preset {
    /// Pascal VOC 2012: alpha 0.2, beta 0.02, warm-up 5.
    #[default]
    Voc,
    /// MS-COCO 2014: alpha 0.1, beta 0.9, warm-up 5.
    Coco,
    /// NUS-WIDE: alpha 0.1, beta 0.2, warm-up 4.
    Nus,
    /// CUB attributes: alpha 0.01, beta 0.4, warm-up 3.
    Cub,
}

impl Preset {
    /// Alpha, beta and the epoch of the warm-up.
    pub(crate) const fn numbers(self) -> (f64, f64, usize) {
        match self {
            Preset::Voc => (0.2, 0.02, 5),
            Preset::Coco => (0.1, 0.9, 5),
            Preset::Nus => (0.1, 0.2, 4),
            Preset::Cub => (0.01, 0.4, 3),
        }
    }

    /// Metadata of [`Em`](crate::Em).
    pub const fn em(self) -> &'static LossInfo {
        match self {
            Preset::Voc => &EM_VOC,
            Preset::Coco => &EM_COCO,
            Preset::Nus => &EM_NUS,
            Preset::Cub => &EM_CUB,
        }
    }

    /// Metadata of [`EmApl`](crate::EmApl).
    pub const fn em_apl(self) -> &'static LossInfo {
        match self {
            Preset::Voc => &APL_VOC,
            Preset::Coco => &APL_COCO,
            Preset::Nus => &APL_NUS,
            Preset::Cub => &APL_CUB,
        }
    }
}

const fn number(name: &'static str, default: f64, range: Interval, doc: &'static str) -> ParamInfo {
    ParamInfo { name, default: Some(default), range, doc }
}

const fn alpha(preset: Preset) -> ParamInfo {
    number(
        "alpha",
        preset.numbers().0,
        Interval::at_least(0.0),
        "weight of the entropy of unknown cells. In the authors' code 0.2 for VOC, 0.1 for COCO and NUS, 0.01 for CUB",
    )
}

const LOG_EPSILON: ParamInfo = number(
    "log_epsilon",
    1e-5,
    Interval::closed(0.0, 0.5),
    "guard e of every logarithm, -ln(p + e); 0 is the stable form. 1e-5 in the authors' code",
);

const fn em_params(preset: Preset) -> [ParamInfo; 2] {
    [alpha(preset), LOG_EPSILON]
}

const fn apl_params(preset: Preset) -> [ParamInfo; 6] {
    let (_, beta, warmup) = preset.numbers();
    [
        alpha(preset),
        number(
            "beta",
            beta,
            Interval::at_least(0.0),
            "weight of pseudo-negatives. In the authors' code 0.02 for VOC, 0.9 for COCO, 0.2 for NUS, 0.4 for CUB",
        ),
        number(
            "neg_proportion",
            0.9,
            Interval::closed(0.0, 1.0),
            "share of the unknown cells of a class that become pseudo-negatives in the end. 0.9 in the authors' code",
        ),
        number(
            "num_epochs",
            10.0,
            Interval::whole_from(1.0),
            "epochs of the run, over which the share is spread. 10 in the authors' code",
        ),
        number(
            "warmup_epoch",
            warmup as f64,
            Interval::whole_from(0.0),
            "first epoch, counted from 1, after which cells are relabelled; less than num_epochs. In the authors' code 5 \
             for VOC and COCO, 4 for NUS, 3 for CUB",
        ),
        LOG_EPSILON,
    ]
}

const fn info(
    name: &'static str,
    title: &'static str,
    formula: &'static str,
    params: &'static [ParamInfo],
) -> LossInfo {
    let labels = LabelUse::UnknownAsUnknown;
    LossInfo { name, title, paper: PAPER, year: 2022, experimental: false, labels, formula, params }
}

const EM: &str = "L = Lp on positives, Ln on observed negatives, -alpha (p Lp + n Ln) on unknown cells";
const APL: &str = "as em; pseudo-negatives with target s: beta (s Lp + (1-s) Ln)";

static EM_VOC_PARAMS: [ParamInfo; 2] = em_params(Preset::Voc);
static EM_COCO_PARAMS: [ParamInfo; 2] = em_params(Preset::Coco);
static EM_NUS_PARAMS: [ParamInfo; 2] = em_params(Preset::Nus);
static EM_CUB_PARAMS: [ParamInfo; 2] = em_params(Preset::Cub);
static APL_VOC_PARAMS: [ParamInfo; 6] = apl_params(Preset::Voc);
static APL_COCO_PARAMS: [ParamInfo; 6] = apl_params(Preset::Coco);
static APL_NUS_PARAMS: [ParamInfo; 6] = apl_params(Preset::Nus);
static APL_CUB_PARAMS: [ParamInfo; 6] = apl_params(Preset::Cub);

static EM_VOC: LossInfo = info("em", "entropy maximisation", EM, &EM_VOC_PARAMS);
static EM_COCO: LossInfo = info("em-coco", "entropy maximisation, settings of COCO", EM, &EM_COCO_PARAMS);
static EM_NUS: LossInfo = info("em-nus", "entropy maximisation, settings of NUS", EM, &EM_NUS_PARAMS);
static EM_CUB: LossInfo = info("em-cub", "entropy maximisation, settings of CUB", EM, &EM_CUB_PARAMS);
static APL_VOC: LossInfo =
    info("em-apl", "entropy maximisation with asymmetric pseudo-labelling", APL, &APL_VOC_PARAMS);
static APL_COCO: LossInfo =
    info("em-apl-coco", "entropy maximisation with pseudo-labels, settings of COCO", APL, &APL_COCO_PARAMS);
static APL_NUS: LossInfo =
    info("em-apl-nus", "entropy maximisation with pseudo-labels, settings of NUS", APL, &APL_NUS_PARAMS);
static APL_CUB: LossInfo =
    info("em-apl-cub", "entropy maximisation with pseudo-labels, settings of CUB", APL, &APL_CUB_PARAMS);
