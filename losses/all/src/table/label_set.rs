//! Operations on label sets.

use super::{LabelNeeds, LossRow, Takes, row};
use crate::Reduction;
use crate::idea::{About, Idea, others};
use crate::label_set::{LabelSetMixup, LabelSetMixupConfig};

pub(super) const ABOUT: &[About] = &[others(Idea::Views, "A mixture of two rows has the labels of both.")];

pub(super) const ROWS: &[LossRow] =
    &[row(LabelSetMixup::INFO, Reduction::Mean, LabelNeeds::SinglePositiveOneNegative, |given| {
        let (weight, reduction) = (given.get("weight")?, given.reduction());
        Ok(Box::new(LabelSetMixup::new(LabelSetMixupConfig { weight, reduction })?))
    })
    .taking(Takes::MixedRows)];
