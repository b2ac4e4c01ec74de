//! The row of this crate.

use crate::SquaredHinge;
use lacuna_loss_api::{About, Idea, LabelNeeds, LossRow, Reduction};

/// Idea and assumption of the row.
pub const ABOUT: &[About] = &[About::others(
    Idea::Baseline,
    "Known cells are a fair sample of all cells; unknown cells take no part.",
)];

/// The rows of this crate in the table of losses.
pub const ROWS: &[LossRow] =
    &[LossRow::new(SquaredHinge::INFO, Reduction::Mean, LabelNeeds::SinglePositiveOneNegative, |given| {
        Ok(Box::new(SquaredHinge::new(given.reduction())))
    })];
