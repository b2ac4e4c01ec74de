//! Hill and SPLC.

use super::{LabelNeeds, LossRow, row};
use crate::Reduction;
use crate::hill::{FocalMargin, FocalMarginConfig, Hill, HillConfig, Splc, SplcConfig};
use crate::idea::{About, Idea, about};

pub(super) const ABOUT: &[About] = &[
    about(
        &["hill"],
        Idea::Robust,
        "A negative with a high prediction is likely to be a false one: its slope falls as p grows.",
    ),
    about(
        &["focal-margin"],
        Idea::Reweight,
        "Positives that are predicted well need no more weight; unknown cells are negative.",
    ),
    about(
        &["splc"],
        Idea::Relabel,
        "Unknown cells with a prediction above a threshold are positives, from some epoch on.",
    ),
];

pub(super) const ROWS: &[LossRow] = &[
    row(Hill::INFO, Reduction::Sum, LabelNeeds::SinglePositive, |given| {
        Ok(Box::new(Hill::new(HillConfig {
            lambda: given.get("lambda")?,
            margin: given.get("margin")?,
            gamma: given.get("gamma")?,
            reduction: given.reduction(),
        })?))
    }),
    row(FocalMargin::INFO, Reduction::Sum, LabelNeeds::SinglePositive, |given| {
        Ok(Box::new(FocalMargin::new(FocalMarginConfig {
            margin: given.get("margin")?,
            gamma: given.get("gamma")?,
            reduction: given.reduction(),
        })?))
    }),
    row(Splc::INFO, Reduction::Sum, LabelNeeds::SinglePositive, |given| {
        Ok(Box::new(Splc::new(SplcConfig {
            tau: given.get("tau")?,
            change_epoch: given.get("change_epoch")? as usize,
            margin: given.get("margin")?,
            gamma: given.get("gamma")?,
            reduction: given.reduction(),
        })?))
    }),
];
