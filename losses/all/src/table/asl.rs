//! Asymmetric loss.

use super::{Given, LabelNeeds, LossRow, row};
use crate::asl::{Asl, AslConfig, Setting};
use crate::idea::{About, Idea, about, others};
use crate::{LossError, MultiLabelLoss, Reduction};

pub(super) const ABOUT: &[About] = &[
    about(&["bce-asl"], Idea::Baseline, "Unknown cells are negative."),
    others(
        Idea::Reweight,
        "Easy negatives need less weight than easy positives, and very easy ones none; unknown cells are negative.",
    ),
];

pub(super) const ROWS: &[LossRow] = &[
    row(Setting::Asl.info(), Reduction::Sum, LabelNeeds::SinglePositive, |given| asl(Setting::Asl, given)),
    row(Setting::Paper.info(), Reduction::Sum, LabelNeeds::SinglePositive, |given| {
        asl(Setting::Paper, given)
    }),
    row(Setting::FullGrad.info(), Reduction::Sum, LabelNeeds::SinglePositive, |given| {
        asl(Setting::FullGrad, given)
    }),
    row(Setting::Focal.info(), Reduction::Sum, LabelNeeds::SinglePositive, |given| {
        asl(Setting::Focal, given)
    }),
    row(Setting::Bce.info(), Reduction::Sum, LabelNeeds::SinglePositive, |given| asl(Setting::Bce, given)),
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
