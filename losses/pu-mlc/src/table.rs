//! PU-MLC and its mixup term.

use crate::{Preset, PuMlc, PuMlcConfig, PuMlcMixup};
use lacuna_loss_api::{About, Given, Idea, LabelNeeds, LossError, LossRow, MultiLabelLoss, Reduction, Takes};

/// Idea and assumption of the rows.
pub const ABOUT: &[About] = &[
    About::of(
        &["pu-mlc-mixup"],
        Idea::Views,
        "Unknown cells are a mixture of positives and negatives, and predictions for mixed rows are mixtures of predictions.",
    ),
    About::others(
        Idea::PositiveUnlabelled,
        "Positives are labelled independently of the features, and unknown cells follow the mixture of all rows.",
    ),
];

/// The rows of this crate in the table of losses.
pub const ROWS: &[LossRow] = &[
    LossRow::new(Preset::Coco.info(), Reduction::Sum, LabelNeeds::SinglePositive, |given| {
        pu_mlc(Preset::Coco, given)
    }),
    LossRow::new(Preset::Voc.info(), Reduction::Sum, LabelNeeds::SinglePositive, |given| {
        pu_mlc(Preset::Voc, given)
    }),
    LossRow::new(PuMlcMixup::INFO, Reduction::Sum, LabelNeeds::SinglePositive, |given| {
        Ok(Box::new(PuMlcMixup::new(PuMlcConfig {
            preset: Preset::Coco,
            alpha: given.get("alpha")?,
            gamma: given.get("gamma")?,
            eps: given.get("eps")?,
            reduction: given.reduction(),
        })?))
    })
    .taking(Takes::MixedRows),
];

fn pu_mlc(preset: Preset, given: &Given<'_>) -> Result<Box<dyn MultiLabelLoss>, LossError> {
    Ok(Box::new(PuMlc::new(PuMlcConfig {
        preset,
        alpha: given.get("alpha")?,
        gamma: given.get("gamma")?,
        eps: given.get("eps")?,
        reduction: given.reduction(),
    })?))
}
