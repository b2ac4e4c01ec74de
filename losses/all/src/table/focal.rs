//! Focal loss.

use super::{LabelNeeds, LossRow, row};
use crate::Reduction;
use crate::focal::{Focal, FocalConfig};
use crate::idea::{About, Idea, others};

pub(super) const ABOUT: &[About] =
    &[others(Idea::Reweight, "Cells that are predicted well need less weight; unknown cells are negative.")];

pub(super) const ROWS: &[LossRow] = &[
    row(Focal::INFO, Reduction::Sum, LabelNeeds::SinglePositive, |given| {
        let (gamma, balance, reduction) = (given.get("gamma")?, given.get("balance")?, given.reduction());
        Ok(Box::new(Focal::new(FocalConfig { gamma, alpha: None, balance, reduction })?))
    }),
    row(Focal::INFO_ALPHA, Reduction::Sum, LabelNeeds::SinglePositive, |given| {
        let (gamma, alpha, reduction) = (given.get("gamma")?, given.get("alpha")?, given.reduction());
        Ok(Box::new(Focal::new(FocalConfig { gamma, alpha: Some(alpha), balance: 1.0, reduction })?))
    }),
];
