//! Variants and their parameters.

use lacuna_loss_api::{Interval, LabelUse, LossInfo, ParamInfo, Reduction};

/// What a cell weighs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reweight {
    /// alpha + sigma(beta (r - mu)), r = (1/n_c) / sum of 1/n_j over the positives j of the row.
    Rebalance {
        /// Least weight, > 0.
        alpha: f64,
        /// Steepness, > 0.
        beta: f64,
        /// Centre.
        mu: f64,
    },
    /// N / n_c.
    Inverse,
    /// sqrt(N / n_c).
    InverseRoot,
    /// Effective number of samples, (1 - b) / (1 - b^n).
    ClassBalanced {
        /// b in [0, 1).
        beta: f64,
        /// Which n.
        mode: ClassBalance,
    },
}

/// Which n the effective number is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClassBalance {
    /// n_c of the cell's class.
    ByClass,
    /// The mean weight of the row's positives.
    AverageWeight,
    /// The mean n of the row's positives.
    AverageN,
    /// The least n of the row's positives.
    MinN,
}

/// What weights are divided by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Norm {
    /// Nothing.
    None,
    /// The largest of the row.
    ByInstance,
    /// The largest of the batch.
    ByBatch,
}

/// The focal factor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Focal {
    /// Factor of everything, >= 0.
    pub balance: f64,
    /// Exponent >= 0.
    pub gamma: f64,
}

/// Parameters of [`Resample`](crate::Resample).
#[derive(Clone, Debug, PartialEq)]
pub struct ResampleConfig {
    /// Whose values these vary: decides the name where values differ.
    pub preset: Preset,
    /// What a cell weighs.
    pub reweight: Reweight,
    /// What weights are divided by.
    pub norm: Norm,
    /// Focal factor; `None` is cross-entropy.
    pub focal: Option<Focal>,
    /// lambda > 0: negatives see lambda z and weigh 1 / lambda.
    pub neg_scale: f64,
    /// kappa: logits are shifted by kappa logit(n_c / N), divided by lambda unless `paper_bias`.
    pub init_bias: f64,
    /// Whether the shift is the paper's kappa logit(n_c / N) and not the code's.
    pub paper_bias: bool,
    /// How the entries become one number.
    pub reduction: Reduction,
}

/// The data sets for which the authors publish parameters.
///
/// wutong16/DistributionBalancedLoss@14460d0acda6, configs/voc and configs/coco (`*_DB.py`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// VOC-MLT: alpha 0.1, beta 10, mu 0.3, lambda 5, kappa 0.05.
    Voc,
    /// COCO-MLT: alpha 0.1, beta 10, mu 0.2, lambda 2, kappa 0.05.
    Coco,
}

/// The methods of the paper and of its code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    /// Re-balanced cross-entropy.
    RBce,
    /// Re-balanced focal loss.
    RBceFocal,
    /// Re-balanced, negative-tolerant cross-entropy.
    Db,
    /// Distribution-balanced loss: re-balanced, negative-tolerant, focal.
    DbFocal,
    /// Cross-entropy weighted by N / n_c.
    RwInverse,
    /// Cross-entropy weighted by sqrt(N / n_c).
    RwInverseRoot,
    /// Class-balanced cross-entropy.
    Cb,
    /// Class-balanced focal loss.
    CbFocal,
}

const fn param(name: &'static str, default: f64, range: Interval, doc: &'static str) -> ParamInfo {
    ParamInfo { name, default: Some(default), range, doc }
}

const MAP_ALPHA: ParamInfo = param(
    "map_alpha",
    0.1,
    Interval::above(0.0),
    "least weight of a cell. 0.1 in the authors' configurations",
);
const MAP_BETA: ParamInfo = param(
    "map_beta",
    10.0,
    Interval::above(0.0),
    "steepness of the weight. 10 in the authors' configurations",
);
const MAP_GAMMA: ParamInfo = param(
    "map_gamma",
    0.2,
    Interval::ANY,
    "centre mu of the weight. In the authors' configurations 0.2 for COCO-MLT, 0.3 for VOC-MLT",
);
const VOC_MAP_GAMMA: ParamInfo = ParamInfo { default: Some(0.3), ..MAP_GAMMA };
const NEG_SCALE: ParamInfo = param(
    "neg_scale",
    2.0,
    Interval::above(0.0),
    "scale lambda of negative logits. In the authors' configurations 2 for COCO-MLT, 5 for VOC-MLT",
);
const VOC_NEG_SCALE: ParamInfo = ParamInfo { default: Some(5.0), ..NEG_SCALE };
const INIT_BIAS: ParamInfo = param(
    "init_bias",
    0.05,
    Interval::ANY,
    "kappa: logits are shifted by kappa / lambda logit(n_c / N). 0.05 in the authors' configurations",
);
const BALANCE: ParamInfo = param(
    "focal_balance",
    2.0,
    Interval::at_least(0.0),
    "factor of the loss. 2 in the authors' configurations",
);
const GAMMA: ParamInfo =
    param("focal_gamma", 2.0, Interval::at_least(0.0), "focusing exponent. 2 in the authors' configurations");
const CB_BETA: ParamInfo = param(
    "cb_beta",
    0.9,
    Interval { low: 0.0, high: 1.0 - 1e-9, open: false, whole: false },
    "b of the effective number of samples. 0.9 in the authors' code",
);

const PAPER: &str = "Wu, Huang, Liu, Wang and Lin, Distribution-Balanced Loss for Multi-Label Classification in Long-Tailed \
     Datasets, ECCV";
const CB_PAPER: &str = "Cui, Jia, Lin, Song and Belongie, Class-Balanced Loss Based on Effective Number of \
                        Samples, CVPR (as in the code of Wu et al.)";

const fn info(
    name: &'static str,
    title: &'static str,
    paper: &'static str,
    year: u16,
    formula: &'static str,
    params: &'static [ParamInfo],
) -> LossInfo {
    LossInfo {
        name,
        title,
        paper,
        year,
        experimental: false,
        labels: LabelUse::UnknownAsNegative,
        formula,
        params,
    }
}

static R_BCE: LossInfo = info(
    "r-bce",
    "re-balanced cross-entropy",
    PAPER,
    2020,
    "L = W [y lp + (1-y) ln], W = alpha + sigma(beta (r - mu)), r = (1/n_c) / sum over positives 1/n_j",
    &[MAP_ALPHA, MAP_BETA, MAP_GAMMA],
);
static R_BCE_VOC: LossInfo = info(
    "r-bce-voc",
    "re-balanced cross-entropy, settings of VOC-MLT",
    PAPER,
    2020,
    "L = W [y lp + (1-y) ln], W = alpha + sigma(beta (r - mu)), r = (1/n_c) / sum over positives 1/n_j",
    &[MAP_ALPHA, MAP_BETA, VOC_MAP_GAMMA],
);
static R_BCE_FOCAL: LossInfo = info(
    "r-bce-focal",
    "re-balanced focal loss",
    PAPER,
    2020,
    "L = balance W u^g bce, u = 1 - e^-bce",
    &[MAP_ALPHA, MAP_BETA, MAP_GAMMA, BALANCE, GAMMA],
);
static R_BCE_FOCAL_VOC: LossInfo = info(
    "r-bce-focal-voc",
    "re-balanced focal loss, settings of VOC-MLT",
    PAPER,
    2020,
    "L = balance W u^g bce, u = 1 - e^-bce",
    &[MAP_ALPHA, MAP_BETA, VOC_MAP_GAMMA, BALANCE, GAMMA],
);
static DB: LossInfo = info(
    "db",
    "re-balanced, negative-tolerant cross-entropy",
    PAPER,
    2020,
    "L = W [y lp(s) + (1-y) ln(lambda s)/lambda], s = z + kappa/lambda logit(n_c/N)",
    &[MAP_ALPHA, MAP_BETA, MAP_GAMMA, NEG_SCALE, INIT_BIAS],
);
static DB_VOC: LossInfo = info(
    "db-voc",
    "re-balanced, negative-tolerant cross-entropy, settings of VOC-MLT",
    PAPER,
    2020,
    "L = W [y lp(s) + (1-y) ln(lambda s)/lambda], s = z + kappa/lambda logit(n_c/N)",
    &[MAP_ALPHA, MAP_BETA, VOC_MAP_GAMMA, VOC_NEG_SCALE, INIT_BIAS],
);
static DB_FOCAL: LossInfo = info(
    "db-focal",
    "distribution-balanced loss",
    PAPER,
    2020,
    "L = balance W u^g [y lp(s) + (1-y) ln(lambda s)/lambda], u = 1 - e^-bce, s = z + kappa/lambda logit(n_c/N)",
    &[MAP_ALPHA, MAP_BETA, MAP_GAMMA, NEG_SCALE, INIT_BIAS, BALANCE, GAMMA],
);
static DB_FOCAL_VOC: LossInfo = info(
    "db-focal-voc",
    "distribution-balanced loss, settings of VOC-MLT",
    PAPER,
    2020,
    "L = balance W u^g [y lp(s) + (1-y) ln(lambda s)/lambda], u = 1 - e^-bce, s = z + kappa/lambda logit(n_c/N)",
    &[MAP_ALPHA, MAP_BETA, VOC_MAP_GAMMA, VOC_NEG_SCALE, INIT_BIAS, BALANCE, GAMMA],
);
static RW: LossInfo =
    info("rw-inv", "inverse-frequency cross-entropy", PAPER, 2020, "L = N/n_c [y lp + (1-y) ln]", &[]);
static RW_ROOT: LossInfo = info(
    "rw-sqrt-inv",
    "inverse-root-frequency cross-entropy",
    PAPER,
    2020,
    "L = sqrt(N/n_c) [y lp + (1-y) ln]",
    &[],
);
static CB: LossInfo = info(
    "cb",
    "class-balanced cross-entropy",
    CB_PAPER,
    2019,
    "L = (1-b)/(1-b^n_c) [y lp + (1-y) ln]",
    &[CB_BETA],
);
static CB_FOCAL: LossInfo = info(
    "cb-focal",
    "class-balanced focal loss",
    CB_PAPER,
    2019,
    "L = balance (1-b)/(1-b^n_c) u^g bce, u = 1 - e^-bce",
    &[CB_BETA, BALANCE, GAMMA],
);

impl Variant {
    /// Loss metadata with the values of a data set.
    pub const fn info_for(self, preset: Preset) -> &'static LossInfo {
        match (self, preset) {
            (Variant::RBce, Preset::Voc) => &R_BCE_VOC,
            (Variant::RBceFocal, Preset::Voc) => &R_BCE_FOCAL_VOC,
            (Variant::Db, Preset::Voc) => &DB_VOC,
            (Variant::DbFocal, Preset::Voc) => &DB_FOCAL_VOC,
            _ => self.info(),
        }
    }

    /// Loss metadata with the values of COCO-MLT.
    pub const fn info(self) -> &'static LossInfo {
        match self {
            Variant::RBce => &R_BCE,
            Variant::RBceFocal => &R_BCE_FOCAL,
            Variant::Db => &DB,
            Variant::DbFocal => &DB_FOCAL,
            Variant::RwInverse => &RW,
            Variant::RwInverseRoot => &RW_ROOT,
            Variant::Cb => &CB,
            Variant::CbFocal => &CB_FOCAL,
        }
    }

    /// The published parameters: mean, code's shift, no normalisation.
    pub fn config(self, preset: Preset) -> ResampleConfig {
        let (mu, lambda) = match preset {
            Preset::Voc => (0.3, 5.0),
            Preset::Coco => (0.2, 2.0),
        };
        let reweight = match self {
            Variant::RwInverse => Reweight::Inverse,
            Variant::RwInverseRoot => Reweight::InverseRoot,
            Variant::Cb | Variant::CbFocal => {
                Reweight::ClassBalanced { beta: 0.9, mode: ClassBalance::ByClass }
            }
            _ => Reweight::Rebalance { alpha: 0.1, beta: 10.0, mu },
        };
        let focal = matches!(self, Variant::RBceFocal | Variant::DbFocal | Variant::CbFocal);
        let tolerant = matches!(self, Variant::Db | Variant::DbFocal);
        ResampleConfig {
            preset,
            reweight,
            norm: Norm::None,
            focal: focal.then_some(Focal { balance: 2.0, gamma: 2.0 }),
            neg_scale: if tolerant { lambda } else { 1.0 },
            init_bias: if tolerant { 0.05 } else { 0.0 },
            paper_bias: false,
            reduction: Reduction::Mean,
        }
    }
}
