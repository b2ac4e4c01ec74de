//! Margins by class frequency.

use crate::{DropLoss, DropLossConfig, Ldam, LdamConfig, LdamSoftmax};
use lacuna_loss_api::{About, Idea, LabelNeeds, LossRow, Reduction};

/// Idea and assumption of the rows.
pub const ABOUT: &[About] = &[
    About::of(
        &["drop-loss"],
        Idea::Imbalance,
        "Negatives of a rare class are left out where frequent classes of the row suppress it.",
    ),
    About::others(Idea::Imbalance, "A rare class needs a larger margin."),
];

/// The rows of this crate in the table of losses.
pub const ROWS: &[LossRow] = &[
    LossRow::with_frequencies(Ldam::INFO, Reduction::Mean, LabelNeeds::SinglePositive, |given| {
        let (max_m, s, reduction) = (given.get("max_m")?, given.get("s")?, given.reduction());
        Ok(Box::new(Ldam::new(LdamConfig { max_m, s, reduction }, given.train()?)?))
    }),
    LossRow::with_frequencies(LdamSoftmax::INFO, Reduction::Mean, LabelNeeds::SinglePositive, |given| {
        let (max_m, s, reduction) = (given.get("max_m")?, given.get("s")?, given.reduction());
        Ok(Box::new(LdamSoftmax::new(LdamConfig { max_m, s, reduction }, given.train()?)?))
    })
    .across_columns(),
    LossRow::with_frequencies(DropLoss::INFO, Reduction::Mean, LabelNeeds::SinglePositive, |given| {
        let config = DropLossConfig { rare_below: given.get("rare_below")?, reduction: given.reduction() };
        Ok(Box::new(DropLoss::new(config, given.train()?)?))
    })
    .across_columns(),
];
