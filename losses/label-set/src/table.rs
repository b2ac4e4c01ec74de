//! Operations on label sets.

use crate::{LabelSetMixup, LabelSetMixupConfig};
use lacuna_loss_api::{About, Idea, LabelNeeds, LossRow, Reduction, Takes};

/// Idea and assumption of the rows.
pub const ABOUT: &[About] = &[About::others(Idea::Views, "A mixture of two rows has the labels of both.")];

/// The rows of this crate in the table of losses.
pub const ROWS: &[LossRow] =
    &[LossRow::new(LabelSetMixup::INFO, Reduction::Mean, LabelNeeds::SinglePositiveOneNegative, |given| {
        let (weight, reduction) = (given.get("weight")?, given.reduction());
        Ok(Box::new(LabelSetMixup::new(LabelSetMixupConfig { weight, reduction })?))
    })
    .taking(Takes::MixedRows)];
