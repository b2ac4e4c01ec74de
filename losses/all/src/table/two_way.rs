//! The two-way multi-label loss.

use super::{LabelNeeds, LossRow, row};
use crate::Reduction;
use crate::idea::{About, Idea, others};
use crate::two_way::{TwoWay, TwoWayConfig};

pub(super) const ABOUT: &[About] = &[others(
    Idea::Baseline,
    "In each row and in each class positives rank above all others, by the log-sum-exp of both.",
)];

pub(super) const ROWS: &[LossRow] =
    &[row(TwoWay::INFO, Reduction::Mean, LabelNeeds::SinglePositiveOneNegative, |given| {
        let config =
            TwoWayConfig { tp: given.get("tp")?, tn: given.get("tn")?, reduction: given.reduction() };
        Ok(Box::new(TwoWay::new(config)?))
    })
    .across_columns()];
