//! The two-way multi-label loss.

use super::{LabelNeeds, LossRow, row};
use crate::Reduction;
use crate::two_way::{TwoWay, TwoWayConfig};

pub(super) const ROWS: &[LossRow] =
    &[row(TwoWay::INFO, Reduction::Mean, LabelNeeds::SinglePositiveOneNegative, |given| {
        let config =
            TwoWayConfig { tp: given.get("tp")?, tn: given.get("tn")?, reduction: given.reduction() };
        Ok(Box::new(TwoWay::new(config)?))
    })
    .across_columns()];
