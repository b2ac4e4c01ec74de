//! Pseudo-labels over two views.

use super::{Given, LabelNeeds, LossRow, row};
use crate::idea::{About, Idea, others};
use crate::lac::{Plc, PlcConfig};
use crate::{LossError, MultiLabelLoss, Reduction, Takes};

pub(super) const ABOUT: &[About] = &[others(
    Idea::Views,
    "What a model says of a weak view is right for a strong view of the same row, where it is confident.",
)];

pub(super) const ROWS: &[LossRow] =
    &[row(Plc::INFO, Reduction::Mean, LabelNeeds::SinglePositive, plc).taking(Takes::Views)];

fn plc(given: &Given<'_>) -> Result<Box<dyn MultiLabelLoss>, LossError> {
    let (tau, lambda_plc) = (given.get("tau")?, given.get("lambda_plc")?);
    Ok(Box::new(Plc::new(PlcConfig { tau, lambda_plc, reduction: given.reduction() })?))
}
