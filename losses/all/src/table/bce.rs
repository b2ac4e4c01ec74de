//! Cross-entropies.

use super::{LabelNeeds, LossRow, row};
use crate::Reduction;
use crate::bce::{
    Bce, MultiLabelLogistic, PartialBce, PartialBceConfig, SoftBootstrap, SoftBootstrapConfig,
    WeakNegativeBce, WeakNegativeConfig,
};
use crate::idea::{About, Idea, about, others};

pub(super) const ABOUT: &[About] = &[
    about(&["bce"], Idea::Baseline, "Known cells alone count; there are known negatives."),
    about(
        &["weak-negative-bce"],
        Idea::Reweight,
        "Unknown cells are negative, with one small weight for all.",
    ),
    about(&["partial-bce"], Idea::Reweight, "Known cells count the more, the fewer of a row are known."),
    about(&["soft-bootstrap"], Idea::Robust, "The prediction is right in part where the label is wrong."),
    others(Idea::Baseline, "Known cells alone count; there are known negatives."),
];

pub(super) const ROWS: &[LossRow] = &[
    row(Bce::INFO, Reduction::Mean, LabelNeeds::SinglePositiveOneNegative, |given| {
        Ok(Box::new(Bce::new(given.reduction())))
    }),
    row(WeakNegativeBce::INFO, Reduction::Mean, LabelNeeds::SinglePositive, |given| {
        Ok(Box::new(WeakNegativeBce::new(WeakNegativeConfig {
            negative_weight: given.get("negative_weight")?,
            reduction: given.reduction(),
        })?))
    }),
    row(PartialBce::INFO, Reduction::Mean, LabelNeeds::SinglePositiveOneNegative, |given| {
        Ok(Box::new(PartialBce::new(PartialBceConfig {
            alpha: given.get("alpha")?,
            beta: given.get("beta")?,
            gamma: given.get("gamma")?,
            reduction: given.reduction(),
        })?))
    })
    .across_columns(),
    row(SoftBootstrap::INFO, Reduction::Mean, LabelNeeds::SinglePositive, |given| {
        let config = SoftBootstrapConfig { beta: given.get("beta")?, reduction: given.reduction() };
        Ok(Box::new(SoftBootstrap::new(config)?))
    }),
    row(MultiLabelLogistic::INFO, Reduction::Mean, LabelNeeds::SinglePositiveOneNegative, |given| {
        Ok(Box::new(MultiLabelLogistic::new(given.reduction())))
    })
    .across_columns(),
];
