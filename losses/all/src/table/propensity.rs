//! Propensities.

use super::{Given, LabelNeeds, LossRow, class_row};
use crate::idea::{About, Idea, others};
use crate::propensity::{Bound, Propensities, Propensity, Surrogate, info_of};
use crate::{LossError, MultiLabelLoss, Reduction};

pub(super) const ABOUT: &[About] = &[others(
    Idea::PositiveUnlabelled,
    "The probability that a positive is observed is known for each class; the loss is unbiased over it.",
)];

pub(super) const ROWS: &[LossRow] = &[
    class_row(
        info_of(Bound::Unbiased, Surrogate::Bce),
        Reduction::Mean,
        LabelNeeds::SinglePositive,
        |given| propensity(Bound::Unbiased, Surrogate::Bce, given),
    ),
    class_row(
        info_of(Bound::Unbiased, Surrogate::SquaredHinge),
        Reduction::Mean,
        LabelNeeds::SinglePositive,
        |given| propensity(Bound::Unbiased, Surrogate::SquaredHinge, given),
    ),
    class_row(info_of(Bound::Upper, Surrogate::Bce), Reduction::Mean, LabelNeeds::SinglePositive, |given| {
        propensity(Bound::Upper, Surrogate::Bce, given)
    }),
    class_row(
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
