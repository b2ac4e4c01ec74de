//! Pseudo-labels over two views.

use crate::{Plc, PlcConfig};
use lacuna_loss_api::{About, Given, Idea, LabelNeeds, LossError, LossRow, MultiLabelLoss, Reduction, Takes};

/// Idea and assumption of the rows.
pub const ABOUT: &[About] = &[About::others(
    Idea::Views,
    "What a model says of a weak view is right for a strong view of the same row, where it is confident.",
)];

/// The rows of this crate in the table of losses.
pub const ROWS: &[LossRow] =
    &[LossRow::new(Plc::INFO, Reduction::Mean, LabelNeeds::SinglePositive, plc).taking(Takes::Views)];

fn plc(given: &Given<'_>) -> Result<Box<dyn MultiLabelLoss>, LossError> {
    let (tau, lambda_plc) = (given.get("tau")?, given.get("lambda_plc")?);
    Ok(Box::new(Plc::new(PlcConfig { tau, lambda_plc, reduction: given.reduction() })?))
}
