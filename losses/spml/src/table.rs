//! Single positives: Cole et al.

use crate::{Epr, ExpectedPositivesConfig, GuardedBce, GuardedConfig, Kind, PairwiseRank, Role};
use lacuna_loss_api::{About, Given, Idea, LabelNeeds, LossError, LossRow, MultiLabelLoss, Reduction, Takes};

/// Idea and assumption of the rows.
pub const ABOUT: &[About] = &[
    About::of(
        &["bce-full", "bce-ls-full"],
        Idea::Baseline,
        "Labels are complete: a reference to compare with.",
    ),
    About::of(
        &["an"],
        Idea::Baseline,
        "Every unknown cell is negative; false negatives are few against the true ones.",
    ),
    About::of(
        &["an-ls"],
        Idea::Robust,
        "Every unknown cell is negative, and a share of all labels is wrong: targets keep away from 0 and 1.",
    ),
    About::of(
        &["wan"],
        Idea::Reweight,
        "Every unknown cell is negative, and all of them together weigh as much as one positive.",
    ),
    About::of(
        &["iu"],
        Idea::Baseline,
        "Observed negatives are enough to learn from; unknown cells say nothing.",
    ),
    About::of(
        &["iun"],
        Idea::Baseline,
        "All true negatives are observed, so an unknown cell is a positive that is left out.",
    ),
    About::of(&["epr"], Idea::PositiveUnlabelled, "The expected number of positives of a row is known."),
    About::of(
        &["role"],
        Idea::Relabel,
        "The expected number of positives of a row is known, and estimates of labels can be trained beside the head.",
    ),
    About::of(&["pr"], Idea::Baseline, "A positive ranks above every cell that is not positive."),
];

/// The rows of this crate in the table of losses.
pub const ROWS: &[LossRow] = &[
    LossRow::new(Kind::BceFull.info(), Reduction::Mean, LabelNeeds::FullTruth, |given| {
        guarded(Kind::BceFull, given)
    }),
    LossRow::new(Kind::BceLsFull { ls_coef: 0.1 }.info(), Reduction::Mean, LabelNeeds::FullTruth, |given| {
        guarded(Kind::BceLsFull { ls_coef: given.get("ls_coef")? }, given)
    }),
    LossRow::new(Kind::An.info(), Reduction::Mean, LabelNeeds::SinglePositive, |given| {
        guarded(Kind::An, given)
    }),
    LossRow::new(Kind::AnLs { ls_coef: 0.1 }.info(), Reduction::Mean, LabelNeeds::SinglePositive, |given| {
        guarded(Kind::AnLs { ls_coef: given.get("ls_coef")? }, given)
    }),
    LossRow::new(Kind::Wan.info(), Reduction::Mean, LabelNeeds::SinglePositive, |given| {
        match given.classes() {
            Some(found @ 0..=1) => Err(LossError::Classes { loss: given.info().name, needed: 2, found }),
            _ => guarded(Kind::Wan, given),
        }
    }),
    LossRow::new(Kind::Iu.info(), Reduction::Mean, LabelNeeds::SinglePositiveOneNegative, |given| {
        guarded(Kind::Iu, given)
    }),
    LossRow::new(Kind::Iun.info(), Reduction::Mean, LabelNeeds::SinglePositiveAllNegatives, |given| {
        guarded(Kind::Iun, given)
    }),
    LossRow::new(Epr::INFO, Reduction::Mean, LabelNeeds::SinglePositive, |given| {
        Ok(Box::new(Epr::new(expected_positives(given)?)?))
    })
    .across_columns(),
    LossRow::new(PairwiseRank::INFO, Reduction::Mean, LabelNeeds::SinglePositive, |given| {
        Ok(Box::new(PairwiseRank::new(given.reduction())))
    })
    .across_columns(),
    LossRow::new(Role::INFO, Reduction::Mean, LabelNeeds::SinglePositive, |given| {
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
