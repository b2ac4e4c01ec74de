//! Entropy maximisation.

use crate::{Em, EmApl, EmAplConfig, EmConfig, Preset as EmPreset};
use lacuna_loss_api::{About, Given, Idea, LabelNeeds, LossError, LossRow, MultiLabelLoss, Reduction};

/// Idea and assumption of the rows.
pub const ABOUT: &[About] = &[
    About::of(
        &["em-apl", "em-apl-coco", "em-apl-nus", "em-apl-cub"],
        Idea::Relabel,
        "After a warm-up the most negative unknown cells are negative, and a share of the most positive is positive.",
    ),
    About::others(
        Idea::Robust,
        "Nothing is known of an unknown cell: its prediction is held at an entropy as high as possible.",
    ),
];

/// The rows of this crate in the table of losses.
pub const ROWS: &[LossRow] = &[
    LossRow::new(EmPreset::Voc.em(), Reduction::Mean, LabelNeeds::SinglePositive, |given| {
        em(EmPreset::Voc, given)
    }),
    LossRow::new(EmPreset::Coco.em(), Reduction::Mean, LabelNeeds::SinglePositive, |given| {
        em(EmPreset::Coco, given)
    }),
    LossRow::new(EmPreset::Nus.em(), Reduction::Mean, LabelNeeds::SinglePositive, |given| {
        em(EmPreset::Nus, given)
    }),
    LossRow::new(EmPreset::Cub.em(), Reduction::Mean, LabelNeeds::SinglePositive, |given| {
        em(EmPreset::Cub, given)
    }),
    LossRow::new(EmPreset::Voc.em_apl(), Reduction::Mean, LabelNeeds::SinglePositive, |given| {
        em_apl(EmPreset::Voc, given)
    }),
    LossRow::new(EmPreset::Coco.em_apl(), Reduction::Mean, LabelNeeds::SinglePositive, |given| {
        em_apl(EmPreset::Coco, given)
    }),
    LossRow::new(EmPreset::Nus.em_apl(), Reduction::Mean, LabelNeeds::SinglePositive, |given| {
        em_apl(EmPreset::Nus, given)
    }),
    LossRow::new(EmPreset::Cub.em_apl(), Reduction::Mean, LabelNeeds::SinglePositive, |given| {
        em_apl(EmPreset::Cub, given)
    }),
];

fn em(preset: EmPreset, given: &Given<'_>) -> Result<Box<dyn MultiLabelLoss>, LossError> {
    Ok(Box::new(Em::new(EmConfig {
        preset,
        alpha: given.get("alpha")?,
        log_epsilon: given.get("log_epsilon")?,
        reduction: given.reduction(),
    })?))
}

fn em_apl(preset: EmPreset, given: &Given<'_>) -> Result<Box<dyn MultiLabelLoss>, LossError> {
    Ok(Box::new(EmApl::new(EmAplConfig {
        preset,
        alpha: given.get("alpha")?,
        beta: given.get("beta")?,
        neg_proportion: given.get("neg_proportion")?,
        num_epochs: given.get("num_epochs")? as usize,
        warmup_epoch: given.get("warmup_epoch")? as usize,
        log_epsilon: given.get("log_epsilon")?,
        reduction: given.reduction(),
    })?))
}
