//! The distribution-balanced code.

use crate::{ClassBalance, Focal, Preset, Resample, ResampleConfig, Reweight, Variant};
use lacuna_loss_api::{About, Given, Idea, LabelNeeds, LossError, LossRow, MultiLabelLoss, Reduction};

/// Idea and assumption of the rows.
pub const ABOUT: &[About] = &[
    About::of(
        &["rw-inv", "rw-sqrt-inv", "cb", "cb-focal"],
        Idea::Imbalance,
        "A class counts the more, the rarer it is; unknown cells are negative.",
    ),
    About::others(
        Idea::Imbalance,
        "Rows are drawn by class, so labels of a row that came with another class count less; negatives saturate early.",
    ),
];

/// The rows of this crate in the table of losses.
pub const ROWS: &[LossRow] = &[
    LossRow::with_frequencies(
        Variant::RBce.info_for(Preset::Coco),
        Reduction::Mean,
        LabelNeeds::SinglePositive,
        |given| resample(Variant::RBce, Preset::Coco, given),
    )
    .across_columns(),
    LossRow::with_frequencies(
        Variant::RBce.info_for(Preset::Voc),
        Reduction::Mean,
        LabelNeeds::SinglePositive,
        |given| resample(Variant::RBce, Preset::Voc, given),
    )
    .across_columns(),
    LossRow::with_frequencies(
        Variant::RBceFocal.info_for(Preset::Coco),
        Reduction::Mean,
        LabelNeeds::SinglePositive,
        |given| resample(Variant::RBceFocal, Preset::Coco, given),
    )
    .across_columns(),
    LossRow::with_frequencies(
        Variant::RBceFocal.info_for(Preset::Voc),
        Reduction::Mean,
        LabelNeeds::SinglePositive,
        |given| resample(Variant::RBceFocal, Preset::Voc, given),
    )
    .across_columns(),
    LossRow::with_frequencies(
        Variant::Db.info_for(Preset::Coco),
        Reduction::Mean,
        LabelNeeds::SinglePositive,
        |given| resample(Variant::Db, Preset::Coco, given),
    )
    .across_columns(),
    LossRow::with_frequencies(
        Variant::Db.info_for(Preset::Voc),
        Reduction::Mean,
        LabelNeeds::SinglePositive,
        |given| resample(Variant::Db, Preset::Voc, given),
    )
    .across_columns(),
    LossRow::with_frequencies(
        Variant::DbFocal.info_for(Preset::Coco),
        Reduction::Mean,
        LabelNeeds::SinglePositive,
        |given| resample(Variant::DbFocal, Preset::Coco, given),
    )
    .across_columns(),
    LossRow::with_frequencies(
        Variant::DbFocal.info_for(Preset::Voc),
        Reduction::Mean,
        LabelNeeds::SinglePositive,
        |given| resample(Variant::DbFocal, Preset::Voc, given),
    )
    .across_columns(),
    LossRow::with_frequencies(
        Variant::RwInverse.info(),
        Reduction::Mean,
        LabelNeeds::SinglePositive,
        |given| resample(Variant::RwInverse, Preset::Coco, given),
    ),
    LossRow::with_frequencies(
        Variant::RwInverseRoot.info(),
        Reduction::Mean,
        LabelNeeds::SinglePositive,
        |given| resample(Variant::RwInverseRoot, Preset::Coco, given),
    ),
    LossRow::with_frequencies(Variant::Cb.info(), Reduction::Mean, LabelNeeds::SinglePositive, |given| {
        resample(Variant::Cb, Preset::Coco, given)
    }),
    LossRow::with_frequencies(
        Variant::CbFocal.info(),
        Reduction::Mean,
        LabelNeeds::SinglePositive,
        |given| resample(Variant::CbFocal, Preset::Coco, given),
    ),
];

fn resample(
    variant: Variant,
    preset: Preset,
    given: &Given<'_>,
) -> Result<Box<dyn MultiLabelLoss>, LossError> {
    let published = variant.config(preset);
    let reweight = match published.reweight {
        Reweight::Rebalance { .. } => Reweight::Rebalance {
            alpha: given.get("map_alpha")?,
            beta: given.get("map_beta")?,
            mu: given.get("map_gamma")?,
        },
        Reweight::ClassBalanced { .. } => {
            Reweight::ClassBalanced { beta: given.get("cb_beta")?, mode: ClassBalance::ByClass }
        }
        other => other,
    };
    let mut config = ResampleConfig { reweight, reduction: given.reduction(), ..published };
    if config.focal.is_some() {
        let (balance, gamma) = (given.get("focal_balance")?, given.get("focal_gamma")?);
        config.focal = Some(Focal { balance, gamma });
    }
    if given.info().param("neg_scale").is_some() {
        (config.neg_scale, config.init_bias) = (given.get("neg_scale")?, given.get("init_bias")?);
    }
    Ok(Box::new(Resample::new(variant, config, given.train()?)?))
}
