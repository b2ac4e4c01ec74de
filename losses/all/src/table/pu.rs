//! Positive-unlabelled risks.

use super::{Given, LabelNeeds, LossRow, row};
use crate::pu::{Pu, PuConfig, Risk, Vpu};
use crate::{LossError, MultiLabelLoss, Reduction};

pub(super) const ROWS: &[LossRow] = &[row(Vpu::INFO, Reduction::Mean, LabelNeeds::SinglePositive, |given| {
    Ok(Box::new(Vpu::new(given.reduction())))
})];

pub(super) const CLASS_ROWS: &[LossRow] = &[
    row(Risk::Unbiased.info(), Reduction::Mean, LabelNeeds::SinglePositive, |given| {
        pu(Risk::Unbiased, given)
    }),
    row(Risk::NonNegative.info(), Reduction::Mean, LabelNeeds::SinglePositive, |given| {
        pu(Risk::NonNegative, given)
    }),
];

fn pu(risk: Risk, given: &Given<'_>) -> Result<Box<dyn MultiLabelLoss>, LossError> {
    let mut config = PuConfig { reduction: given.reduction(), ..PuConfig::default() };
    if risk == Risk::NonNegative {
        (config.beta, config.gamma) = (given.get("beta")?, given.get("gamma")?);
    }
    let (kept, observed) = (given.get("kept")?, given.train()?.priors(given.row.info.name)?);
    let priors: Vec<f64> = observed.iter().map(|share| share / kept).collect();
    Ok(Box::new(Pu::new(risk, config, &priors)?))
}
