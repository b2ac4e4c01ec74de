//! Large-loss methods.

use crate::{LargeLoss, LargeLossConfig, Scheme};
use lacuna_loss_api::{About, Given, Idea, LabelNeeds, LossError, LossRow, MultiLabelLoss, Reduction};

/// Idea and assumption of the rows.
pub const ABOUT: &[About] = &[
    About::of(
        &["ll-r"],
        Idea::Reweight,
        "What is learnt late is wrong: unknown cells with the largest losses are left out, more of them in each epoch.",
    ),
    About::others(
        Idea::Relabel,
        "What is learnt late is wrong: unknown cells with the largest losses become positive, more of them in each epoch.",
    ),
];

/// The rows of this crate in the table of losses.
pub const ROWS: &[LossRow] = &[
    LossRow::new(Scheme::Reject.info(), Reduction::Mean, LabelNeeds::SinglePositive, |given| {
        large_loss(Scheme::Reject, given)
    })
    .across_columns(),
    LossRow::new(Scheme::Correct.info(), Reduction::Mean, LabelNeeds::SinglePositive, |given| {
        large_loss(Scheme::Correct, given)
    })
    .across_columns(),
    LossRow::new(Scheme::CorrectForGood.info(), Reduction::Mean, LabelNeeds::SinglePositive, |given| {
        large_loss(Scheme::CorrectForGood, given)
    })
    .across_columns(),
];

fn large_loss(scheme: Scheme, given: &Given<'_>) -> Result<Box<dyn MultiLabelLoss>, LossError> {
    let delta = given.get("delta_rel")? / 100.0;
    let config = LargeLossConfig { reduction: given.reduction(), ..LargeLossConfig::with_delta(delta) };
    Ok(Box::new(LargeLoss::new(scheme, config)?))
}
