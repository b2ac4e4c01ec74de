//! Label sets with a prior on their size.

use super::{LabelNeeds, LossRow, row};
use crate::Reduction;
use crate::imprecise::{Imprecise, ImpreciseConfig};

pub(super) const ROWS: &[LossRow] =
    &[row(Imprecise::INFO, Reduction::Mean, LabelNeeds::SinglePositive, |given| {
        Ok(Box::new(Imprecise::new(ImpreciseConfig {
            expected_positives: given.get("expected_positives")?,
            strength: given.get("strength")?,
            reduction: given.reduction(),
        })?))
    })
    .across_columns()];
