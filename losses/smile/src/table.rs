//! The classifier of SMILE.

use crate::{Smile, SmileConfig};
use lacuna_loss_api::{About, Given, Idea, LabelNeeds, LossError, LossRow, MultiLabelLoss, Reduction};

/// Idea and assumption of the rows.
pub const ABOUT: &[About] =
    &[About::others(Idea::Relabel, "Rows that are near have similar label distributions.")];

/// The rows of this crate in the table of losses.
pub const ROWS: &[LossRow] =
    &[LossRow::new(Smile::INFO, Reduction::Mean, LabelNeeds::SinglePositive, smile).with_soft_targets()];

fn smile(given: &Given<'_>) -> Result<Box<dyn MultiLabelLoss>, LossError> {
    let bias = given.get("bias")? == 1.0;
    if let (true, Some(found @ 0..=1)) = (bias, given.classes()) {
        return Err(LossError::Classes { loss: given.info().name, needed: 2, found });
    }
    // A whole number of [0, 1], which the check of the options has seen to.
    given.info().check("bias", given.get("bias")?)?;
    Ok(Box::new(Smile::new(SmileConfig {
        mu: given.get("mu")?,
        p: given.get("p")?,
        rate: given.get("rate")?,
        bias,
        temperature: given.get("temperature")?,
        log_epsilon: given.get("log_epsilon")?,
        reduction: given.reduction(),
    })?))
}
