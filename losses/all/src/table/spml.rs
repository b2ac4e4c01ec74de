//! Single positives: Cole et al.

use super::{Given, LabelNeeds, LossRow, Takes, row};
use crate::idea::{About, Idea, about};
use crate::spml::{Epr, ExpectedPositivesConfig, GuardedBce, GuardedConfig, Kind, PairwiseRank, Role};
use crate::{LossError, MultiLabelLoss, Reduction};

pub(super) const ABOUT: &[About] = &[
    about(&["bce-full", "bce-ls-full"], Idea::Baseline, "Labels are complete: a reference to compare with."),
    about(
        &["an"],
        Idea::Baseline,
        "Every unknown cell is negative; false negatives are few against the true ones.",
    ),
    about(
        &["an-ls"],
        Idea::Robust,
        "Every unknown cell is negative, and a share of all labels is wrong: targets keep away from 0 and 1.",
    ),
    about(
        &["wan"],
        Idea::Reweight,
        "Every unknown cell is negative, and all of them together weigh as much as one positive.",
    ),
    about(&["iu"], Idea::Baseline, "Observed negatives are enough to learn from; unknown cells say nothing."),
    about(
        &["iun"],
        Idea::Baseline,
        "All true negatives are observed, so an unknown cell is a positive that is left out.",
    ),
    about(&["epr"], Idea::PositiveUnlabelled, "The expected number of positives of a row is known."),
    about(
        &["role"],
        Idea::Relabel,
        "The expected number of positives of a row is known, and estimates of labels can be trained beside the head.",
    ),
    about(&["pr"], Idea::Baseline, "A positive ranks above every cell that is not positive."),
];

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
