//! Class-aware selective loss.

use crate::{Csl, CslConfig, Mode, Part};
use lacuna_loss_api::{About, Given, Idea, LabelNeeds, LossError, LossRow, MultiLabelLoss, Reduction};

/// Idea and assumption of the rows.
pub const ABOUT: &[About] = &[
    About::of(&["csl-negative"], Idea::Reweight, "Unknown cells are negative, with a focusing of their own."),
    About::of(
        &["csl-ignore", "csl-normalised"],
        Idea::Baseline,
        "Known cells alone count; there are known negatives.",
    ),
    About::others(
        Idea::Reweight,
        "An unknown cell of a class that is likely, in the row or in the data, is left out; the others are negative.",
    ),
];

/// The rows of this crate in the table of losses.
pub const ROWS: &[LossRow] = &[
    LossRow::new(Mode::Negative.info(), Reduction::Sum, LabelNeeds::SinglePositive, |given| {
        csl(Mode::Negative, given)
    }),
    LossRow::new(Mode::Ignore.info(), Reduction::Sum, LabelNeeds::SinglePositiveOneNegative, |given| {
        csl(Mode::Ignore, given)
    }),
    LossRow::new(Mode::Normalised.info(), Reduction::Sum, LabelNeeds::SinglePositiveOneNegative, |given| {
        csl(Mode::Normalised, given)
    })
    .across_columns(),
    LossRow::new(Mode::Selective.info(), Reduction::Sum, LabelNeeds::SinglePositive, |given| {
        csl(Mode::Selective, given)
    })
    .across_columns(),
    LossRow::with_frequencies(Mode::SELECTIVE_PRIOR, Reduction::Sum, LabelNeeds::SinglePositive, |given| {
        csl(Mode::Selective, given)
    })
    .across_columns(),
];

fn csl(mode: Mode, given: &Given<'_>) -> Result<Box<dyn MultiLabelLoss>, LossError> {
    let has = |name| given.info().param(name).is_some();
    let published = CslConfig::published(mode);
    let mut config = CslConfig {
        clip: given.get("clip")?,
        positive: Part { alpha: given.get("alpha_pos")?, gamma: given.get("gamma_pos")? },
        negative: Part { alpha: given.get("alpha_neg")?, gamma: given.get("gamma_neg")? },
        eps: given.get("eps")?,
        reduction: given.reduction(),
        ..published
    };
    if has("gamma_unann") {
        config.unknown = Part { alpha: given.get("alpha_unann")?, gamma: given.get("gamma_unann")? };
    }
    if has("likelihood_topk") {
        config.likelihood_topk = given.get("likelihood_topk")? as usize;
    }
    if !has("prior_threshold") {
        return Ok(Box::new(Csl::new(config, &[])?));
    }
    config.prior_threshold = Some(given.get("prior_threshold")?);
    let train = given.train()?;
    let priors: Vec<f64> = train.positives().iter().map(|n| n / train.rows()).collect();
    Ok(Box::new(Csl::new(config, &priors)?))
}
