//! Logit adjustment.

use crate::{Form, LogitAdjust, LogitAdjustConfig, LogitAdjustSoftmax};
use lacuna_loss_api::{About, Given, Idea, LabelNeeds, LossError, LossRow, MultiLabelLoss, Reduction};

/// Idea and assumption of the rows.
pub const ABOUT: &[About] = &[About::others(
    Idea::Imbalance,
    "Training follows the frequencies of the data and the test does not: logits are moved by the log prior.",
)];

/// The rows of this crate in the table of losses.
pub const ROWS: &[LossRow] = &[
    LossRow::with_frequencies(Form::LogPrior.info(), Reduction::Mean, LabelNeeds::SinglePositive, |given| {
        logit_adjust(Form::LogPrior, given)
    }),
    LossRow::with_frequencies(
        Form::LogitPrior.info(),
        Reduction::Mean,
        LabelNeeds::SinglePositive,
        |given| logit_adjust(Form::LogitPrior, given),
    ),
    LossRow::with_frequencies(
        LogitAdjustSoftmax::INFO,
        Reduction::Mean,
        LabelNeeds::SinglePositive,
        |given| {
            let config = LogitAdjustConfig { tau: given.get("tau")?, reduction: given.reduction() };
            let train = given.train()?;
            let counts = train.nonzero(given.info().name)?;
            let priors: Vec<f64> = counts.iter().map(|n| n / train.rows()).collect();
            Ok(Box::new(LogitAdjustSoftmax::new(config, &priors)?))
        },
    )
    .across_columns(),
];

fn logit_adjust(form: Form, given: &Given<'_>) -> Result<Box<dyn MultiLabelLoss>, LossError> {
    let config = LogitAdjustConfig { tau: given.get("tau")?, reduction: given.reduction() };
    Ok(Box::new(LogitAdjust::new(form, config, &given.train()?.priors(given.info().name)?)?))
}
