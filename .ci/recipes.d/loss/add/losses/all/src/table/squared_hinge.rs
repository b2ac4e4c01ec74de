//! Squared hinge.

use super::{LabelNeeds, LossRow, row};
use crate::Reduction;
use crate::idea::{About, Idea, others};
use crate::squared_hinge::SquaredHinge;

pub(super) const ABOUT: &[About] =
    &[others(Idea::Baseline, "Known cells are a fair sample of all cells; unknown cells take no part.")];

pub(super) const ROWS: &[LossRow] =
    &[row(SquaredHinge::INFO, Reduction::Mean, LabelNeeds::SinglePositiveOneNegative, |given| {
        Ok(Box::new(SquaredHinge::new(given.reduction())))
    })];
