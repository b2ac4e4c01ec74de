//! Imprecise labels.

use super::{LabelNeeds, LossRow, row};
use crate::Reduction;
use crate::imprecise::{CountPrior, CountPriorConfig};

pub(super) const ROWS: &[LossRow] =
    &[row(CountPrior::INFO, Reduction::Mean, LabelNeeds::SinglePositive, |given| {
        let (expected_positives, reduction) = (given.get("expected_positives")?, given.reduction());
        Ok(Box::new(CountPrior::new(CountPriorConfig { expected_positives, reduction })?))
    })];
