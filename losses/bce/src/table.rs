//! Cross-entropies.

use crate::{
    Bce, MultiLabelLogistic, PartialBce, PartialBceConfig, SoftBootstrap, SoftBootstrapConfig,
    WeakNegativeBce, WeakNegativeConfig,
};
use lacuna_loss_api::{About, Idea, LabelNeeds, LossRow, Reduction};

/// Idea and assumption of the rows.
pub const ABOUT: &[About] = &[
    About::of(&["bce"], Idea::Baseline, "Known cells alone count; there are known negatives."),
    About::of(
        &["weak-negative-bce"],
        Idea::Reweight,
        "Unknown cells are negative, with one small weight for all.",
    ),
    About::of(&["partial-bce"], Idea::Reweight, "Known cells count the more, the fewer of a row are known."),
    About::of(&["soft-bootstrap"], Idea::Robust, "The prediction is right in part where the label is wrong."),
    About::others(Idea::Baseline, "Known cells alone count; there are known negatives."),
];

/// The rows of this crate in the table of losses.
pub const ROWS: &[LossRow] = &[
    LossRow::new(Bce::INFO, Reduction::Mean, LabelNeeds::SinglePositiveOneNegative, |given| {
        Ok(Box::new(Bce::new(given.reduction())))
    })
    .with_soft_targets(),
    LossRow::new(WeakNegativeBce::INFO, Reduction::Mean, LabelNeeds::SinglePositive, |given| {
        Ok(Box::new(WeakNegativeBce::new(WeakNegativeConfig {
            negative_weight: given.get("negative_weight")?,
            reduction: given.reduction(),
        })?))
    }),
    LossRow::new(PartialBce::INFO, Reduction::Mean, LabelNeeds::SinglePositiveOneNegative, |given| {
        Ok(Box::new(PartialBce::new(PartialBceConfig {
            alpha: given.get("alpha")?,
            beta: given.get("beta")?,
            gamma: given.get("gamma")?,
            reduction: given.reduction(),
        })?))
    })
    .across_columns(),
    LossRow::new(SoftBootstrap::INFO, Reduction::Mean, LabelNeeds::SinglePositive, |given| {
        let config = SoftBootstrapConfig { beta: given.get("beta")?, reduction: given.reduction() };
        Ok(Box::new(SoftBootstrap::new(config)?))
    }),
    LossRow::new(MultiLabelLogistic::INFO, Reduction::Mean, LabelNeeds::SinglePositiveOneNegative, |given| {
        Ok(Box::new(MultiLabelLogistic::new(given.reduction())))
    })
    .across_columns(),
];
