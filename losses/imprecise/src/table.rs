//! Label sets with a prior on their size.

use crate::{Imprecise, ImpreciseConfig};
use lacuna_loss_api::{About, Idea, LabelNeeds, LossRow, Reduction};

/// Idea and assumption of the rows.
pub const ABOUT: &[About] = &[About::others(
    Idea::Relabel,
    "Labels are a random variable with a prior on the number of positives of a row, and are estimated in each step.",
)];

/// The rows of this crate in the table of losses.
pub const ROWS: &[LossRow] =
    &[LossRow::new(Imprecise::INFO, Reduction::Mean, LabelNeeds::SinglePositive, |given| {
        Ok(Box::new(Imprecise::new(ImpreciseConfig {
            expected_positives: given.get("expected_positives")?,
            strength: given.get("strength")?,
            reduction: given.reduction(),
        })?))
    })
    .across_columns()];
