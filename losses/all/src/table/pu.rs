//! Positive-unlabelled risks.

use super::{Given, LabelNeeds, LossRow, class_row, row};
use crate::pu::{Crisp, Pu, PuConfig, Risk, Vpu};
use crate::{LossError, MultiLabelLoss, Reduction};

pub(super) const ROWS: &[LossRow] = &[
    row(Vpu::INFO, Reduction::Mean, LabelNeeds::SinglePositive, |given| {
        Ok(Box::new(Vpu::new(given.reduction())))
    }),
    class_row(Risk::Unbiased.info(), Reduction::Mean, LabelNeeds::SinglePositive, |given| {
        pu(Risk::Unbiased, given)
    }),
    class_row(Risk::NonNegative.info(), Reduction::Mean, LabelNeeds::SinglePositive, |given| {
        pu(Risk::NonNegative, given)
    }),
    class_row(Crisp::INFO, Reduction::Mean, LabelNeeds::SinglePositive, |given| {
        Ok(Box::new(Crisp::new(&priors(given)?, given.reduction())?))
    }),
];

/// Observed shares, and what was not kept.
fn priors(given: &Given<'_>) -> Result<Vec<f64>, LossError> {
    let (kept, observed) = (given.get("kept")?, given.train()?.priors(given.row.info.name)?);
    Ok(observed.iter().map(|share| share / kept).collect())
}

fn pu(risk: Risk, given: &Given<'_>) -> Result<Box<dyn MultiLabelLoss>, LossError> {
    let mut config = PuConfig { reduction: given.reduction(), ..PuConfig::default() };
    if risk == Risk::NonNegative {
        (config.beta, config.gamma) = (given.get("beta")?, given.get("gamma")?);
    }
    Ok(Box::new(Pu::new(risk, config, &priors(given)?)?))
}
