//! The classifier of SMILE.

use super::{Given, LabelNeeds, LossRow, row};
use crate::idea::{About, Idea, others};
use crate::smile::{Smile, SmileConfig};
use crate::{LossError, MultiLabelLoss, Reduction};

pub(super) const ABOUT: &[About] =
    &[others(Idea::Relabel, "Rows that are near have similar label distributions.")];

pub(super) const ROWS: &[LossRow] = &[row(Smile::INFO, Reduction::Mean, LabelNeeds::SinglePositive, smile)];

fn smile(given: &Given<'_>) -> Result<Box<dyn MultiLabelLoss>, LossError> {
    let bias = given.get("bias")? == 1.0;
    if let (true, Some(found @ 0..=1)) = (bias, given.options.context.classes) {
        return Err(LossError::Classes { loss: given.row.info.name, needed: 2, found });
    }
    // A whole number of [0, 1], which the check of the options has seen to.
    given.row.info.check("bias", given.get("bias")?)?;
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
