//! COMIC.

use crate::{HeadTailBalancer, HtbConfig, Mfm, MfmConfig, PaperConfig, PaperMfm, Rlc, RlcConfig};
use lacuna_loss_api::{About, Given, Idea, LabelNeeds, LossError, LossRow, Reduction, Takes};

/// Idea and assumption of the rows.
pub const ABOUT: &[About] = &[
    About::of(&["rlc"], Idea::Relabel, "Confident predictions correct labels, in both directions."),
    About::of(
        &["htb"],
        Idea::Imbalance,
        "A head for frequent and one for rare classes share the work, and their gradients are balanced.",
    ),
    About::others(
        Idea::Imbalance,
        "Positives and negatives of head, middle and tail classes need different focusing.",
    ),
];

/// The rows of this crate in the table of losses.
pub const ROWS: &[LossRow] = &[
    LossRow::with_frequencies(PaperMfm::INFO, Reduction::Sum, LabelNeeds::SinglePositive, |given| {
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
    LossRow::with_frequencies(Mfm::INFO, Reduction::Sum, LabelNeeds::SinglePositive, |given| {
        Ok(Box::new(Mfm::new(mfm(MfmConfig::with_attention(), given)?, given.train()?)?))
    })
    .with_co_occurrence()
    .across_columns(),
    LossRow::with_frequencies(Mfm::INFO_BY_CLASS, Reduction::Sum, LabelNeeds::SinglePositive, |given| {
        Ok(Box::new(Mfm::new(mfm(MfmConfig::by_class(), given)?, given.train()?)?))
    }),
    LossRow::with_frequencies(Rlc::INFO, Reduction::Sum, LabelNeeds::SinglePositive, |given| {
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
    LossRow::with_frequencies(HeadTailBalancer::INFO, Reduction::Sum, LabelNeeds::SinglePositive, |given| {
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
