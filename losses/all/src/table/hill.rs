//! Hill and SPLC.

use super::{LabelNeeds, LossRow, row};
use crate::Reduction;
use crate::hill::{FocalMargin, FocalMarginConfig, Hill, HillConfig, Splc, SplcConfig};

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
