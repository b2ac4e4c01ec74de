//! PU-MLC and its mixup term.

use super::{Given, LabelNeeds, LossRow, Takes, row};
use crate::idea::{About, Idea, about, others};
use crate::pu_mlc::{Preset, PuMlc, PuMlcConfig, PuMlcMixup};
use crate::{LossError, MultiLabelLoss, Reduction};

pub(super) const ABOUT: &[About] = &[
    about(
        &["pu-mlc-mixup"],
        Idea::Views,
        "Unknown cells are a mixture of positives and negatives, and predictions for mixed rows are mixtures of predictions.",
    ),
    others(
        Idea::PositiveUnlabelled,
        "Positives are labelled independently of the features, and unknown cells follow the mixture of all rows.",
    ),
];

pub(super) const ROWS: &[LossRow] = &[
    row(Preset::Coco.info(), Reduction::Sum, LabelNeeds::SinglePositive, |given| pu_mlc(Preset::Coco, given)),
    row(Preset::Voc.info(), Reduction::Sum, LabelNeeds::SinglePositive, |given| pu_mlc(Preset::Voc, given)),
    row(PuMlcMixup::INFO, Reduction::Sum, LabelNeeds::SinglePositive, |given| {
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
