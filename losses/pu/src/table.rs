//! Positive-unlabelled risks.

use crate::{
    Alignment, Estimation, LabelDistribution, LabelDistributionConfig, LabelFrequency, LabelFrequencyConfig,
    Pu, PuConfig, Risk, Vpu,
};
use lacuna_loss_api::{About, Given, Idea, LabelNeeds, LossError, LossRow, MultiLabelLoss, Reduction};

/// Idea and assumption of the rows.
pub const ABOUT: &[About] = &[
    About::of(
        &["vpu"],
        Idea::PositiveUnlabelled,
        "Some rows of a class are surely positive; no prior is needed.",
    ),
    About::of(
        &["label-frequency"],
        Idea::PositiveUnlabelled,
        "A positive is observed with one probability, whatever its row and class.",
    ),
    About::of(
        &["crisp", "dist-pu"],
        Idea::PositiveUnlabelled,
        "The share of positives of each class can be estimated from predictions, and is that of the unknown cells.",
    ),
    About::others(
        Idea::PositiveUnlabelled,
        "The share of positives of each class is known, and which of them are labelled is drawn at random.",
    ),
];

/// The rows of this crate in the table of losses.
pub const ROWS: &[LossRow] = &[
    LossRow::new(Vpu::INFO, Reduction::Mean, LabelNeeds::SinglePositive, |given| {
        Ok(Box::new(Vpu::new(given.reduction())))
    }),
    LossRow::with_frequencies(Risk::Unbiased.info(), Reduction::Mean, LabelNeeds::SinglePositive, |given| {
        pu(Risk::Unbiased, given)
    }),
    LossRow::with_frequencies(
        Risk::NonNegative.info(),
        Reduction::Mean,
        LabelNeeds::SinglePositive,
        |given| pu(Risk::NonNegative, given),
    ),
    LossRow::with_frequencies(
        Alignment::Crisp.info(),
        Reduction::Mean,
        LabelNeeds::SinglePositive,
        |given| aligned(Alignment::Crisp, given),
    ),
    LossRow::with_frequencies(
        Alignment::DistPu.info(),
        Reduction::Mean,
        LabelNeeds::SinglePositive,
        |given| aligned(Alignment::DistPu, given),
    ),
    LossRow::new(LabelFrequency::INFO, Reduction::Mean, LabelNeeds::SinglePositive, |given| {
        let config =
            LabelFrequencyConfig { frequency: given.get("frequency")?, reduction: given.reduction() };
        Ok(Box::new(LabelFrequency::new(config)?))
    }),
];

/// Observed shares, and what was not kept.
fn priors(given: &Given<'_>) -> Result<Vec<f64>, LossError> {
    let (kept, observed) = (given.get("kept")?, given.train()?.priors(given.info().name)?);
    Ok(observed.iter().map(|share| share / kept).collect())
}

fn pu(risk: Risk, given: &Given<'_>) -> Result<Box<dyn MultiLabelLoss>, LossError> {
    let mut config = PuConfig { reduction: given.reduction(), ..PuConfig::default() };
    if risk == Risk::NonNegative {
        (config.beta, config.gamma) = (given.get("beta")?, given.get("gamma")?);
    }
    Ok(Box::new(Pu::new(risk, config, &priors(given)?)?))
}

fn aligned(alignment: Alignment, given: &Given<'_>) -> Result<Box<dyn MultiLabelLoss>, LossError> {
    let estimation =
        Estimation { warm_up: given.get("warm_up")? as usize, every: given.get("every")? as usize };
    let reduction = given.reduction();
    let mut config = LabelDistributionConfig { estimation, reduction, ..Default::default() };
    if alignment == Alignment::DistPu {
        (config.entropy_weight, config.entropy_clamp) =
            (given.get("entropy_weight")?, given.get("entropy_clamp")?);
    }
    Ok(Box::new(LabelDistribution::new(alignment, config, &priors(given)?)?))
}
