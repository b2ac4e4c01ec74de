//! Parameters, and what the losses say about themselves.

use lacuna_loss_api::{Interval, LabelUse, LossError, LossInfo, ParamInfo, Reduction};

const AMPLIFICATION: ParamInfo = ParamInfo {
    name: "amplification",
    default: Some(73.0),
    range: Interval::above(0.0),
    doc: "steepness L of the step. 73 in the paper",
};
const THRESHOLD: ParamInfo = ParamInfo {
    name: "threshold",
    default: Some(0.5),
    range: Interval::open(0.0, 1.0),
    doc: "probability at which a cell counts one half. 0.5 in the paper",
};
const SWITCH: Interval = Interval { low: 0.0, high: 1.0, open: false, whole: true };
const MICRO: ParamInfo = ParamInfo {
    name: "micro",
    default: Some(0.0),
    range: SWITCH,
    doc: "1: one metric of all cells; 0: the mean of one for each class. The paper has one class; 0 is our choice",
};
const EPS: ParamInfo = ParamInfo {
    name: "eps",
    default: Some(0.0),
    range: Interval::at_least(0.0),
    doc: "what is added to a denominator; at 0 classes without a metric are left out. 0 in the paper, 0.00001 in the \
          authors' later code",
};
const BETA: ParamInfo = ParamInfo {
    name: "beta",
    default: Some(1.0),
    range: Interval::above(0.0),
    doc: "weight of recall against precision. 1 in the paper",
};
const ROOT: ParamInfo = ParamInfo {
    name: "root",
    default: Some(1.0),
    range: SWITCH,
    doc: "1: the geometric mean; 0: its square. 1 in the paper, 0 in the authors' later code",
};

const fn info(
    name: &'static str,
    title: &'static str,
    formula: &'static str,
    params: &'static [ParamInfo],
) -> LossInfo {
    LossInfo {
        name,
        title,
        paper: "Han, Moniz and Chawla, AnyLoss: Transforming Classification Metrics into Loss Functions, KDD",
        year: 2024,
        experimental: false,
        labels: LabelUse::UnknownAsNegative,
        formula,
        params,
    }
}

static ACCURACY: LossInfo = info(
    "anyloss-accuracy",
    "AnyLoss, accuracy",
    "L = 1 - (sum_pos h + sum_neg (1-h)) / n, h = sigma(L (p - threshold))",
    &[AMPLIFICATION, THRESHOLD, MICRO],
);
static F_BETA: LossInfo = info(
    "anyloss-fbeta",
    "AnyLoss, F-beta",
    "L = 1 - (1+b^2) sum_pos h / (b^2 S + sum h + eps), h = sigma(L (p - threshold))",
    &[BETA, AMPLIFICATION, THRESHOLD, MICRO, EPS],
);
static G_MEAN: LossInfo = info(
    "anyloss-gmean",
    "AnyLoss, geometric mean",
    "L = 1 - sqrt(sum_pos h sum_neg (1-h) / (S (n-S) + eps)), h = sigma(L (p - threshold))",
    &[AMPLIFICATION, THRESHOLD, MICRO, EPS, ROOT],
);
static BALANCED: LossInfo = info(
    "anyloss-balanced-accuracy",
    "AnyLoss, balanced accuracy",
    "L = 1 - ((n-S) sum_pos h + S sum_neg (1-h)) / (2 S (n-S) + eps), h = sigma(L (p - threshold))",
    &[AMPLIFICATION, THRESHOLD, MICRO, EPS],
);

/// A metric of the confusion matrix.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Metric {
    /// Share of cells that are right.
    Accuracy,
    /// Weighted harmonic mean of precision and recall.
    FBeta {
        /// Weight > 0 of recall.
        beta: f64,
    },
    /// Geometric mean of sensitivity and specificity.
    GMean {
        /// Whether the root is taken; without it it is their product.
        root: bool,
    },
    /// Mean of sensitivity and specificity.
    BalancedAccuracy,
}

impl Metric {
    /// Metadata of the loss of this metric.
    pub const fn info(self) -> &'static LossInfo {
        match self {
            Metric::Accuracy => &ACCURACY,
            Metric::FBeta { .. } => &F_BETA,
            Metric::GMean { .. } => &G_MEAN,
            Metric::BalancedAccuracy => &BALANCED,
        }
    }

    /// Whether s positives of n cells have the metric.
    pub(crate) fn is_defined(self, s: f64, n: f64, eps: f64) -> bool {
        match self {
            Metric::Accuracy => true,
            Metric::FBeta { .. } => eps > 0.0 || s > 0.0,
            Metric::GMean { .. } | Metric::BalancedAccuracy => eps > 0.0 || (s > 0.0 && s < n),
        }
    }
}

/// Parameters of [`AnyLoss`](crate::AnyLoss).
#[derive(Clone, Debug, PartialEq)]
pub struct AnyLossConfig {
    /// The metric.
    pub metric: Metric,
    /// Steepness L > 0 of the step.
    pub amplification: f64,
    /// Probability in (0, 1) in the middle of the step.
    pub threshold: f64,
    /// One metric of all cells instead of the mean of one for each class.
    pub micro: bool,
    /// What is added to denominators.
    pub eps: f64,
    /// How the loss is scaled: `Mean` is 1 - the metric, the others in proportion.
    pub reduction: Reduction,
}

impl AnyLossConfig {
    /// The paper's: L = 73, threshold 0.5, no eps; the mean over classes.
    pub fn new(metric: Metric) -> Self {
        let reduction = Reduction::Mean;
        Self { metric, amplification: 73.0, threshold: 0.5, micro: false, eps: 0.0, reduction }
    }

    pub(crate) fn check(&self) -> Result<(), LossError> {
        let info = self.metric.info();
        info.check("amplification", self.amplification)?;
        info.check("threshold", self.threshold)?;
        if info.param("eps").is_some() {
            info.check("eps", self.eps)?;
        } else {
            F_BETA.check("eps", self.eps)?;
        }
        if let Metric::FBeta { beta } = self.metric {
            info.check("beta", beta)?;
        }
        Ok(())
    }
}
