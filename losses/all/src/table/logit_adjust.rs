//! Logit adjustment.

use super::{Given, LabelNeeds, LossRow, class_row};
use crate::idea::{About, Idea, others};
use crate::logit_adjust::{Form, LogitAdjust, LogitAdjustConfig, LogitAdjustSoftmax};
use crate::{LossError, MultiLabelLoss, Reduction};

pub(super) const ABOUT: &[About] = &[others(
    Idea::Imbalance,
    "Training follows the frequencies of the data and the test does not: logits are moved by the log prior.",
)];

pub(super) const ROWS: &[LossRow] = &[
    class_row(Form::LogPrior.info(), Reduction::Mean, LabelNeeds::SinglePositive, |given| {
        logit_adjust(Form::LogPrior, given)
    }),
    class_row(Form::LogitPrior.info(), Reduction::Mean, LabelNeeds::SinglePositive, |given| {
        logit_adjust(Form::LogitPrior, given)
    }),
    class_row(LogitAdjustSoftmax::INFO, Reduction::Mean, LabelNeeds::SinglePositive, |given| {
        let config = LogitAdjustConfig { tau: given.get("tau")?, reduction: given.reduction() };
        let train = given.train()?;
        let counts = train.nonzero(given.row.info.name)?;
        let priors: Vec<f64> = counts.iter().map(|n| n / train.rows()).collect();
        Ok(Box::new(LogitAdjustSoftmax::new(config, &priors)?))
    })
    .across_columns(),
];

fn logit_adjust(form: Form, given: &Given<'_>) -> Result<Box<dyn MultiLabelLoss>, LossError> {
    let config = LogitAdjustConfig { tau: given.get("tau")?, reduction: given.reduction() };
    Ok(Box::new(LogitAdjust::new(form, config, &given.train()?.priors(given.row.info.name)?)?))
}
