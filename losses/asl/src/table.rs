//! Asymmetric loss.

use crate::{Asl, AslConfig, Setting};
use lacuna_loss_api::{About, Given, Idea, LabelNeeds, LossError, LossRow, MultiLabelLoss, Reduction};

/// Idea and assumption of the rows.
pub const ABOUT: &[About] = &[
    About::of(&["bce-asl"], Idea::Baseline, "Unknown cells are negative."),
    About::others(
        Idea::Reweight,
        "Easy negatives need less weight than easy positives, and very easy ones none; unknown cells are negative.",
    ),
];

/// The rows of this crate in the table of losses.
pub const ROWS: &[LossRow] = &[
    LossRow::new(Setting::Asl.info(), Reduction::Sum, LabelNeeds::SinglePositive, |given| {
        asl(Setting::Asl, given)
    }),
    LossRow::new(Setting::Paper.info(), Reduction::Sum, LabelNeeds::SinglePositive, |given| {
        asl(Setting::Paper, given)
    }),
    LossRow::new(Setting::FullGrad.info(), Reduction::Sum, LabelNeeds::SinglePositive, |given| {
        asl(Setting::FullGrad, given)
    }),
    LossRow::new(Setting::Focal.info(), Reduction::Sum, LabelNeeds::SinglePositive, |given| {
        asl(Setting::Focal, given)
    }),
    LossRow::new(Setting::Bce.info(), Reduction::Sum, LabelNeeds::SinglePositive, |given| {
        asl(Setting::Bce, given)
    }),
];

fn asl(setting: Setting, given: &Given<'_>) -> Result<Box<dyn MultiLabelLoss>, LossError> {
    Ok(Box::new(Asl::new(AslConfig {
        setting,
        gamma_pos: given.get("gamma_pos")?,
        gamma_neg: given.get("gamma_neg")?,
        clip: given.get("clip")?,
        eps: given.get("eps")?,
        reduction: given.reduction(),
    })?))
}
