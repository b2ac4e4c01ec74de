//! Focal loss.

use crate::{Focal, FocalConfig};
use lacuna_loss_api::{About, Idea, LabelNeeds, LossRow, Reduction};

/// Idea and assumption of the rows.
pub const ABOUT: &[About] = &[About::others(
    Idea::Reweight,
    "Cells that are predicted well need less weight; unknown cells are negative.",
)];

/// The rows of this crate in the table of losses.
pub const ROWS: &[LossRow] = &[
    LossRow::new(Focal::INFO, Reduction::Sum, LabelNeeds::SinglePositive, |given| {
        let (gamma, balance, reduction) = (given.get("gamma")?, given.get("balance")?, given.reduction());
        Ok(Box::new(Focal::new(FocalConfig { gamma, alpha: None, balance, reduction })?))
    }),
    LossRow::new(Focal::INFO_ALPHA, Reduction::Sum, LabelNeeds::SinglePositive, |given| {
        let (gamma, alpha, reduction) = (given.get("gamma")?, given.get("alpha")?, given.reduction());
        Ok(Box::new(Focal::new(FocalConfig { gamma, alpha: Some(alpha), balance: 1.0, reduction })?))
    }),
];
