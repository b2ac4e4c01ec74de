//! COMIC.

use super::{Given, LabelNeeds, LossRow, Takes, class_row};
use crate::comic::{HeadTailBalancer, HtbConfig, Mfm, MfmConfig, PaperConfig, PaperMfm, Rlc, RlcConfig};
use crate::idea::{About, Idea, about, others};
use crate::{LossError, Reduction};

pub(super) const ABOUT: &[About] = &[
    about(&["rlc"], Idea::Relabel, "Confident predictions correct labels, in both directions."),
    about(
        &["htb"],
        Idea::Imbalance,
        "A head for frequent and one for rare classes share the work, and their gradients are balanced.",
    ),
    others(
        Idea::Imbalance,
        "Positives and negatives of head, middle and tail classes need different focusing.",
    ),
];

pub(super) const ROWS: &[LossRow] = &[
    class_row(PaperMfm::INFO, Reduction::Sum, LabelNeeds::SinglePositive, |given| {
        let config = PaperConfig {
            gamma_pos: given.get("gamma_pos")?,
            gamma_neg: given.get("gamma_neg")?,
            w_pos: given.get("w_pos")?,
            w_neg: given.get("w_neg")?,
            power: given.get("power")?,
            reduction: given.reduction(),
        };
        Ok(Box::new(PaperMfm::new(config, given.train()?)?))
    }),
    class_row(Mfm::INFO, Reduction::Sum, LabelNeeds::SinglePositive, |given| {
        Ok(Box::new(Mfm::new(mfm(MfmConfig::with_attention(), given)?, given.train()?)?))
    })
    .with_co_occurrence()
    .across_columns(),
    class_row(Mfm::INFO_BY_CLASS, Reduction::Sum, LabelNeeds::SinglePositive, |given| {
        Ok(Box::new(Mfm::new(mfm(MfmConfig::by_class(), given)?, given.train()?)?))
    }),
    class_row(Rlc::INFO, Reduction::Sum, LabelNeeds::SinglePositive, |given| {
        let config = RlcConfig {
            tau: given.get("tau")?,
            margin: given.get("margin")?,
            batch_size: given.get("batch_size")?,
            first_epoch: given.get("first_epoch")? as usize,
            mfm: mfm(MfmConfig::by_class(), given)?,
        };
        Ok(Box::new(Rlc::new(config, given.train()?)?))
    })
    .across_columns(),
    class_row(HeadTailBalancer::INFO, Reduction::Sum, LabelNeeds::SinglePositive, |given| {
        let config = HtbConfig { alpha: given.get("alpha")?, mfm: mfm(MfmConfig::with_attention(), given)? };
        Ok(Box::new(HeadTailBalancer::new(config, given.train()?)?))
    })
    .with_co_occurrence()
    .taking(Takes::Branches),
];

fn mfm(published: MfmConfig, given: &Given<'_>) -> Result<MfmConfig, LossError> {
    let by = published.attention.then(|| given.get("gamma_class_ng")).transpose()?;
    Ok(MfmConfig {
        gamma_pos: given.get("gamma_pos")?,
        gamma_neg: given.get("gamma_neg")?,
        clip: given.get("clip")?,
        gamma_class_ng: by.unwrap_or(published.gamma_class_ng),
        power: given.get("power")?,
        eps: given.get("eps")?,
        reduction: given.reduction(),
        ..published
    })
}
