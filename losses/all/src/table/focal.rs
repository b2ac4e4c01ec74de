//! Focal loss.

use super::{LabelNeeds, LossRow, row};
use crate::Reduction;
use crate::focal::{Focal, FocalConfig};

pub(super) const ROWS: &[LossRow] = &[
    row(Focal::INFO, Reduction::Sum, LabelNeeds::SinglePositive, |given| {
        let (gamma, reduction) = (given.get("gamma")?, given.reduction());
        Ok(Box::new(Focal::new(FocalConfig { gamma, alpha: None, reduction })?))
    }),
    row(Focal::INFO_ALPHA, Reduction::Sum, LabelNeeds::SinglePositive, |given| {
        let (gamma, alpha, reduction) = (given.get("gamma")?, given.get("alpha")?, given.reduction());
        Ok(Box::new(Focal::new(FocalConfig { gamma, alpha: Some(alpha), reduction })?))
    }),
];
