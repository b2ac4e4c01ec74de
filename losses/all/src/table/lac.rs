//! Pseudo-labels over two views.

use super::{Given, LabelNeeds, LossRow, row};
use crate::lac::{Plc, PlcConfig};
use crate::{LossError, MultiLabelLoss, Reduction, Takes};

pub(super) const ROWS: &[LossRow] =
    &[row(Plc::INFO, Reduction::Mean, LabelNeeds::SinglePositive, plc).taking(Takes::Views)];

fn plc(given: &Given<'_>) -> Result<Box<dyn MultiLabelLoss>, LossError> {
    let (tau, lambda_plc) = (given.get("tau")?, given.get("lambda_plc")?);
    Ok(Box::new(Plc::new(PlcConfig { tau, lambda_plc, reduction: given.reduction() })?))
}
