//! Hill and SPLC.

use crate::{FocalMargin, FocalMarginConfig, Hill, HillConfig, Splc, SplcConfig};
use lacuna_loss_api::{About, Idea, LabelNeeds, LossRow, Reduction};

/// Idea and assumption of the rows.
pub const ABOUT: &[About] = &[
    About::of(
        &["hill"],
        Idea::Robust,
        "A negative with a high prediction is likely to be a false one: its slope falls as p grows.",
    ),
    About::of(
        &["focal-margin"],
        Idea::Reweight,
        "Positives that are predicted well need no more weight; unknown cells are negative.",
    ),
    About::of(
        &["splc"],
        Idea::Relabel,
        "Unknown cells with a prediction above a threshold are positives, from some epoch on.",
    ),
];

/// The rows of this crate in the table of losses.
pub const ROWS: &[LossRow] = &[
    LossRow::new(Hill::INFO, Reduction::Sum, LabelNeeds::SinglePositive, |given| {
        Ok(Box::new(Hill::new(HillConfig {
            lambda: given.get("lambda")?,
            margin: given.get("margin")?,
            gamma: given.get("gamma")?,
            reduction: given.reduction(),
        })?))
    }),
    LossRow::new(FocalMargin::INFO, Reduction::Sum, LabelNeeds::SinglePositive, |given| {
        Ok(Box::new(FocalMargin::new(FocalMarginConfig {
            margin: given.get("margin")?,
            gamma: given.get("gamma")?,
            reduction: given.reduction(),
        })?))
    }),
    LossRow::new(Splc::INFO, Reduction::Sum, LabelNeeds::SinglePositive, |given| {
        Ok(Box::new(Splc::new(SplcConfig {
            tau: given.get("tau")?,
            change_epoch: given.get("change_epoch")? as usize,
            margin: given.get("margin")?,
            gamma: given.get("gamma")?,
            reduction: given.reduction(),
        })?))
    }),
];
