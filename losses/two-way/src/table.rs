//! The two-way multi-label loss.

use crate::{TwoWay, TwoWayConfig};
use lacuna_loss_api::{About, Idea, LabelNeeds, LossRow, Reduction};

/// Idea and assumption of the rows.
pub const ABOUT: &[About] = &[About::others(
    Idea::Baseline,
    "In each row and in each class positives rank above all others, by the log-sum-exp of both.",
)];

/// The rows of this crate in the table of losses.
pub const ROWS: &[LossRow] =
    &[LossRow::new(TwoWay::INFO, Reduction::Mean, LabelNeeds::SinglePositiveOneNegative, |given| {
        let config =
            TwoWayConfig { tp: given.get("tp")?, tn: given.get("tn")?, reduction: given.reduction() };
        Ok(Box::new(TwoWay::new(config)?))
    })
    .across_columns()];
