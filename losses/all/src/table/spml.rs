//! Single positives: Cole et al.

use super::{Given, LabelNeeds, LossRow, Takes, row};
use crate::spml::{Epr, ExpectedPositivesConfig, GuardedBce, GuardedConfig, Kind, PairwiseRank, Role};
use crate::{LossError, MultiLabelLoss, Reduction};

pub(super) const ROWS: &[LossRow] = &[
    row(Kind::BceFull.info(), Reduction::Mean, LabelNeeds::FullTruth, |given| guarded(Kind::BceFull, given)),
    row(Kind::BceLsFull { ls_coef: 0.1 }.info(), Reduction::Mean, LabelNeeds::FullTruth, |given| {
        guarded(Kind::BceLsFull { ls_coef: given.get("ls_coef")? }, given)
    }),
    row(Kind::An.info(), Reduction::Mean, LabelNeeds::SinglePositive, |given| guarded(Kind::An, given)),
    row(Kind::AnLs { ls_coef: 0.1 }.info(), Reduction::Mean, LabelNeeds::SinglePositive, |given| {
        guarded(Kind::AnLs { ls_coef: given.get("ls_coef")? }, given)
    }),
    row(Kind::Wan.info(), Reduction::Mean, LabelNeeds::SinglePositive, |given| {
        match given.options.context.classes {
            Some(found @ 0..=1) => Err(LossError::Classes { loss: given.row.info.name, needed: 2, found }),
            _ => guarded(Kind::Wan, given),
        }
    }),
    row(Kind::Iu.info(), Reduction::Mean, LabelNeeds::SinglePositiveOneNegative, |given| {
        guarded(Kind::Iu, given)
    }),
    row(Kind::Iun.info(), Reduction::Mean, LabelNeeds::SinglePositiveAllNegatives, |given| {
        guarded(Kind::Iun, given)
    }),
    row(Epr::INFO, Reduction::Mean, LabelNeeds::SinglePositive, |given| {
        Ok(Box::new(Epr::new(expected_positives(given)?)?))
    })
    .across_columns(),
    row(PairwiseRank::INFO, Reduction::Mean, LabelNeeds::SinglePositive, |given| {
        Ok(Box::new(PairwiseRank::new(given.reduction())))
    })
    .across_columns(),
    row(Role::INFO, Reduction::Mean, LabelNeeds::SinglePositive, |given| {
        Ok(Box::new(Role::new(expected_positives(given)?)?))
    })
    .taking(Takes::Estimates),
];

fn guarded(kind: Kind, given: &Given<'_>) -> Result<Box<dyn MultiLabelLoss>, LossError> {
    let config = GuardedConfig { log_epsilon: given.get("log_epsilon")?, reduction: given.reduction() };
    Ok(Box::new(GuardedBce::new(kind, config)?))
}

fn expected_positives(given: &Given<'_>) -> Result<ExpectedPositivesConfig, LossError> {
    Ok(ExpectedPositivesConfig {
        expected_positives: given.get("expected_positives")?,
        log_epsilon: given.get("log_epsilon")?,
        reduction: given.reduction(),
    })
}
