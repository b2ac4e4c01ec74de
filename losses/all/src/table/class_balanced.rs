//! Margins by class frequency.

use super::{LabelNeeds, LossRow, class_row};
use crate::Reduction;
use crate::class_balanced::{DropLoss, DropLossConfig, Ldam, LdamConfig, LdamSoftmax};
use crate::idea::{About, Idea, about, others};

pub(super) const ABOUT: &[About] = &[
    about(
        &["drop-loss"],
        Idea::Imbalance,
        "Negatives of a rare class are left out where frequent classes of the row suppress it.",
    ),
    others(Idea::Imbalance, "A rare class needs a larger margin."),
];

pub(super) const ROWS: &[LossRow] = &[
    class_row(Ldam::INFO, Reduction::Mean, LabelNeeds::SinglePositive, |given| {
        let (max_m, s, reduction) = (given.get("max_m")?, given.get("s")?, given.reduction());
        Ok(Box::new(Ldam::new(LdamConfig { max_m, s, reduction }, given.train()?)?))
    }),
    class_row(LdamSoftmax::INFO, Reduction::Mean, LabelNeeds::SinglePositive, |given| {
        let (max_m, s, reduction) = (given.get("max_m")?, given.get("s")?, given.reduction());
        Ok(Box::new(LdamSoftmax::new(LdamConfig { max_m, s, reduction }, given.train()?)?))
    })
    .across_columns(),
    class_row(DropLoss::INFO, Reduction::Mean, LabelNeeds::SinglePositive, |given| {
        let config = DropLossConfig { rare_below: given.get("rare_below")?, reduction: given.reduction() };
        Ok(Box::new(DropLoss::new(config, given.train()?)?))
    })
    .across_columns(),
];
