//! Metrics as losses.

use crate::{AnyLoss, AnyLossConfig, Metric};
use lacuna_loss_api::{About, Given, Idea, LabelNeeds, LossError, LossRow, MultiLabelLoss, Reduction};

/// Idea and assumption of the rows.
pub const ABOUT: &[About] = &[About::others(
    Idea::Metric,
    "The metric of a batch, in a smooth form, is what should be good; unknown cells are negative.",
)];

/// The rows of this crate in the table of losses.
pub const ROWS: &[LossRow] = &[
    LossRow::new(Metric::Accuracy.info(), Reduction::Mean, LabelNeeds::Complete, |given| {
        any_loss(Metric::Accuracy, given)
    }),
    LossRow::new(Metric::FBeta { beta: 1.0 }.info(), Reduction::Mean, LabelNeeds::Complete, |given| {
        any_loss(Metric::FBeta { beta: given.get("beta")? }, given)
    })
    .across_columns(),
    LossRow::new(Metric::GMean { root: true }.info(), Reduction::Mean, LabelNeeds::Complete, |given| {
        any_loss(Metric::GMean { root: given.get("root")? == 1.0 }, given)
    })
    .across_columns(),
    LossRow::new(Metric::BalancedAccuracy.info(), Reduction::Mean, LabelNeeds::Complete, |given| {
        any_loss(Metric::BalancedAccuracy, given)
    })
    .across_columns(),
];

fn any_loss(metric: Metric, given: &Given<'_>) -> Result<Box<dyn MultiLabelLoss>, LossError> {
    let has_eps = given.info().param("eps").is_some();
    Ok(Box::new(AnyLoss::new(AnyLossConfig {
        metric,
        amplification: given.get("amplification")?,
        threshold: given.get("threshold")?,
        micro: given.get("micro")? == 1.0,
        eps: if has_eps { given.get("eps")? } else { 0.0 },
        reduction: given.reduction(),
    })?))
}
