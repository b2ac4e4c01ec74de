//! Presence-only losses.

use crate::{
    AnFull, AnSlds, AnSsdl, ClassWeighting, FullWeighted, FullWeightedConfig, OtherClass, PresenceConfig,
    class_weights,
};
use lacuna_loss_api::{About, Given, Idea, LabelNeeds, LossError, LossRow, Reduction, Takes};

/// Idea and assumption of the rows.
pub const ABOUT: &[About] = &[
    About::of(
        &["presence-an-slds"],
        Idea::PresenceOnly,
        "One other class of the row, drawn at random, is absent.",
    ),
    About::of(
        &["presence-an-ssdl"],
        Idea::PresenceOnly,
        "The class is absent at a background row drawn at random.",
    ),
    About::others(
        Idea::PresenceOnly,
        "Classes are absent where they are not observed and at rows of background; presences weigh more.",
    ),
];

/// The rows of this crate in the table of losses.
pub const ROWS: &[LossRow] = &[
    LossRow::new(AnFull::INFO, Reduction::Mean, LabelNeeds::SinglePositive, |given| {
        let pos_weight = given.get("pos_weight")?;
        Ok(Box::new(AnFull::new(PresenceConfig { pos_weight, ..config(given)? })?))
    })
    .taking(Takes::Background),
    LossRow::new(AnSlds::INFO, Reduction::Mean, LabelNeeds::SinglePositive, |given| {
        let seed = given.get("seed")? as u64;
        Ok(Box::new(AnSlds::new(config(given)?, OtherClass::Drawn { seed })?))
    })
    .across_columns(),
    LossRow::new(AnSsdl::INFO, Reduction::Mean, LabelNeeds::SinglePositive, |given| {
        Ok(Box::new(AnSsdl::new(config(given)?)?))
    })
    .taking(Takes::Background),
    LossRow::with_frequencies(FullWeighted::INFO, Reduction::Mean, LabelNeeds::SinglePositive, |given| {
        let weighting = ClassWeighting::ALL[given.get("weighting")? as usize];
        let train = given.train()?;
        let config = FullWeightedConfig {
            lambda_1: given.get("lambda_1")?,
            lambda_2: given.get("lambda_2")?,
            log_epsilon: given.get("log_epsilon")?,
            reduction: given.reduction(),
        };
        Ok(Box::new(FullWeighted::new(config, &class_weights(train.rows(), train.positives(), weighting))?))
    })
    .taking(Takes::Background),
];

/// What the losses of SINR have in common.
fn config(given: &Given<'_>) -> Result<PresenceConfig, LossError> {
    Ok(PresenceConfig {
        entropy: given.get("entropy")? == 1.0,
        log_epsilon: given.get("log_epsilon")?,
        reduction: given.reduction(),
        ..PresenceConfig::default()
    })
}
