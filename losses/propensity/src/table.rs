//! Propensities.

use crate::{Bound, Propensities, Propensity, Surrogate, info_of};
use lacuna_loss_api::{About, Given, Idea, LabelNeeds, LossError, LossRow, MultiLabelLoss, Reduction};

/// Idea and assumption of the rows.
pub const ABOUT: &[About] = &[About::others(
    Idea::PositiveUnlabelled,
    "The probability that a positive is observed is known for each class; the loss is unbiased over it.",
)];

/// The rows of this crate in the table of losses.
pub const ROWS: &[LossRow] = &[
    LossRow::with_frequencies(
        info_of(Bound::Unbiased, Surrogate::Bce),
        Reduction::Mean,
        LabelNeeds::SinglePositive,
        |given| propensity(Bound::Unbiased, Surrogate::Bce, given),
    ),
    LossRow::with_frequencies(
        info_of(Bound::Unbiased, Surrogate::SquaredHinge),
        Reduction::Mean,
        LabelNeeds::SinglePositive,
        |given| propensity(Bound::Unbiased, Surrogate::SquaredHinge, given),
    ),
    LossRow::with_frequencies(
        info_of(Bound::Upper, Surrogate::Bce),
        Reduction::Mean,
        LabelNeeds::SinglePositive,
        |given| propensity(Bound::Upper, Surrogate::Bce, given),
    ),
    LossRow::with_frequencies(
        info_of(Bound::Upper, Surrogate::SquaredHinge),
        Reduction::Mean,
        LabelNeeds::SinglePositive,
        |given| propensity(Bound::Upper, Surrogate::SquaredHinge, given),
    ),
];

fn propensity(
    bound: Bound,
    surrogate: Surrogate,
    given: &Given<'_>,
) -> Result<Box<dyn MultiLabelLoss>, LossError> {
    let propensities = Propensities { a: given.get("a")?, b: given.get("b")? }.of(given.train()?)?;
    Ok(Box::new(Propensity::new(bound, surrogate, &propensities, given.reduction())?))
}
