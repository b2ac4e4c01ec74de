//! Metrics as losses.

use super::{Given, LabelNeeds, LossRow, row};
use crate::anyloss::{AnyLoss, AnyLossConfig, Metric};
use crate::idea::{About, Idea, others};
use crate::{LossError, MultiLabelLoss, Reduction};

pub(super) const ABOUT: &[About] = &[others(
    Idea::Metric,
    "The metric of a batch, in a smooth form, is what should be good; unknown cells are negative.",
)];

pub(super) const ROWS: &[LossRow] = &[
    row(Metric::Accuracy.info(), Reduction::Mean, LabelNeeds::Complete, |given| {
        any_loss(Metric::Accuracy, given)
    }),
    row(Metric::FBeta { beta: 1.0 }.info(), Reduction::Mean, LabelNeeds::Complete, |given| {
        any_loss(Metric::FBeta { beta: given.get("beta")? }, given)
    })
    .across_columns(),
    row(Metric::GMean { root: true }.info(), Reduction::Mean, LabelNeeds::Complete, |given| {
        any_loss(Metric::GMean { root: given.get("root")? == 1.0 }, given)
    })
    .across_columns(),
    row(Metric::BalancedAccuracy.info(), Reduction::Mean, LabelNeeds::Complete, |given| {
        any_loss(Metric::BalancedAccuracy, given)
    })
    .across_columns(),
];

fn any_loss(metric: Metric, given: &Given<'_>) -> Result<Box<dyn MultiLabelLoss>, LossError> {
    let has_eps = given.row.info.param("eps").is_some();
    Ok(Box::new(AnyLoss::new(AnyLossConfig {
        metric,
        amplification: given.get("amplification")?,
        threshold: given.get("threshold")?,
        micro: given.get("micro")? == 1.0,
        eps: if has_eps { given.get("eps")? } else { 0.0 },
        reduction: given.reduction(),
    })?))
}
