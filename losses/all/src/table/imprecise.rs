//! Label sets with a prior on their size.

use super::{LabelNeeds, LossRow, row};
use crate::Reduction;
use crate::idea::{About, Idea, others};
use crate::imprecise::{Imprecise, ImpreciseConfig};

pub(super) const ABOUT: &[About] = &[others(
    Idea::Relabel,
    "Labels are a random variable with a prior on the number of positives of a row, and are estimated in each step.",
)];

pub(super) const ROWS: &[LossRow] =
    &[row(Imprecise::INFO, Reduction::Mean, LabelNeeds::SinglePositive, |given| {
        Ok(Box::new(Imprecise::new(ImpreciseConfig {
            expected_positives: given.get("expected_positives")?,
            strength: given.get("strength")?,
            reduction: given.reduction(),
        })?))
    })
    .across_columns()];
