//! Entropy maximisation.

use super::{Given, LabelNeeds, LossRow, row};
use crate::em::{Em, EmApl, EmAplConfig, EmConfig, Preset as EmPreset};
use crate::{LossError, MultiLabelLoss, Reduction};

pub(super) const ROWS: &[LossRow] = &[
    row(EmPreset::Voc.em(), Reduction::Mean, LabelNeeds::SinglePositive, |given| em(EmPreset::Voc, given)),
    row(EmPreset::Coco.em(), Reduction::Mean, LabelNeeds::SinglePositive, |given| em(EmPreset::Coco, given)),
    row(EmPreset::Nus.em(), Reduction::Mean, LabelNeeds::SinglePositive, |given| em(EmPreset::Nus, given)),
    row(EmPreset::Cub.em(), Reduction::Mean, LabelNeeds::SinglePositive, |given| em(EmPreset::Cub, given)),
    row(EmPreset::Voc.em_apl(), Reduction::Mean, LabelNeeds::SinglePositive, |given| {
        em_apl(EmPreset::Voc, given)
    }),
    row(EmPreset::Coco.em_apl(), Reduction::Mean, LabelNeeds::SinglePositive, |given| {
        em_apl(EmPreset::Coco, given)
    }),
    row(EmPreset::Nus.em_apl(), Reduction::Mean, LabelNeeds::SinglePositive, |given| {
        em_apl(EmPreset::Nus, given)
    }),
    row(EmPreset::Cub.em_apl(), Reduction::Mean, LabelNeeds::SinglePositive, |given| {
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
