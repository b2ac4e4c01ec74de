//! Large-loss methods.

use super::{Given, LabelNeeds, LossRow, row};
use crate::idea::{About, Idea, about, others};
use crate::large_loss::{LargeLoss, LargeLossConfig, Scheme};
use crate::{LossError, MultiLabelLoss, Reduction};

pub(super) const ABOUT: &[About] = &[
    about(
        &["ll-r"],
        Idea::Reweight,
        "What is learnt late is wrong: unknown cells with the largest losses are left out, more of them in each epoch.",
    ),
    others(
        Idea::Relabel,
        "What is learnt late is wrong: unknown cells with the largest losses become positive, more of them in each epoch.",
    ),
];

pub(super) const ROWS: &[LossRow] = &[
    row(Scheme::Reject.info(), Reduction::Mean, LabelNeeds::SinglePositive, |given| {
        large_loss(Scheme::Reject, given)
    })
    .across_columns(),
    row(Scheme::Correct.info(), Reduction::Mean, LabelNeeds::SinglePositive, |given| {
        large_loss(Scheme::Correct, given)
    })
    .across_columns(),
    row(Scheme::CorrectForGood.info(), Reduction::Mean, LabelNeeds::SinglePositive, |given| {
        large_loss(Scheme::CorrectForGood, given)
    })
    .across_columns(),
];

fn large_loss(scheme: Scheme, given: &Given<'_>) -> Result<Box<dyn MultiLabelLoss>, LossError> {
    let delta = given.get("delta_rel")? / 100.0;
    let config = LargeLossConfig { reduction: given.reduction(), ..LargeLossConfig::with_delta(delta) };
    Ok(Box::new(LargeLoss::new(scheme, config)?))
}
