//! Generalised robust loss.

use crate::{
    Confidence, Gpr, GprConfig, GprPreset, Gr, GrConfig, Point, Preset, RepositoryLoss, RepositoryLossConfig,
    Schedule, Simple,
};
use lacuna_loss_api::{About, Given, Idea, LabelNeeds, LossError, LossRow, MultiLabelLoss, Reduction};

/// Idea and assumption of the rows.
pub const ABOUT: &[About] = &[
    About::of(&["gr-repo-epr"], Idea::Baseline, "Positives alone count."),
    About::of(
        &["gr-repo-hill"],
        Idea::Robust,
        "A negative with a high prediction is likely to be a false one.",
    ),
    About::of(&["gr-repo-weight"], Idea::Reweight, "Unknown cells weigh by a curve over their prediction."),
    About::of(
        &["gpr-voc", "gpr-coco", "gpr-nus", "gpr-cub"],
        Idea::Relabel,
        "Predictions tell how likely an unknown cell is positive, and confident ones become pseudo-labels.",
    ),
    About::others(
        Idea::Robust,
        "The prediction tells how likely an unknown cell is positive, by a logistic curve that moves over the epochs.",
    ),
];

/// The rows of this crate in the table of losses.
pub const ROWS: &[LossRow] = &[
    LossRow::new(Preset::Voc.info(), Reduction::Mean, LabelNeeds::SinglePositive, |given| {
        gr(Preset::Voc, given)
    }),
    LossRow::new(Preset::Coco.info(), Reduction::Mean, LabelNeeds::SinglePositive, |given| {
        gr(Preset::Coco, given)
    }),
    LossRow::new(Preset::Cub.info(), Reduction::Mean, LabelNeeds::SinglePositive, |given| {
        gr(Preset::Cub, given)
    }),
    LossRow::new(Simple::Positives.info(), Reduction::Mean, LabelNeeds::SinglePositive, |given| {
        gr_repository(Simple::Positives, given)
    }),
    LossRow::new(Simple::Hill.info(), Reduction::Mean, LabelNeeds::SinglePositive, |given| {
        gr_repository(Simple::Hill, given)
    }),
    LossRow::new(Simple::Weight.info(), Reduction::Mean, LabelNeeds::SinglePositive, |given| {
        gr_repository(Simple::Weight, given)
    }),
    LossRow::new(GprPreset::Voc.info(), Reduction::Mean, LabelNeeds::SinglePositive, |given| {
        gpr(GprPreset::Voc, given)
    })
    .across_columns(),
    LossRow::new(GprPreset::Coco.info(), Reduction::Mean, LabelNeeds::SinglePositive, |given| {
        gpr(GprPreset::Coco, given)
    })
    .across_columns(),
    LossRow::new(GprPreset::Nus.info(), Reduction::Mean, LabelNeeds::SinglePositive, |given| {
        gpr(GprPreset::Nus, given)
    })
    .across_columns(),
    LossRow::new(GprPreset::Cub.info(), Reduction::Mean, LabelNeeds::SinglePositive, |given| {
        gpr(GprPreset::Cub, given)
    })
    .across_columns(),
];

fn schedule(given: &Given<'_>) -> Result<Confidence, LossError> {
    let point = |w, b, mu, sigma| -> Result<Point, LossError> {
        Ok(Point { w: given.get(w)?, b: given.get(b)?, mu: given.get(mu)?, sigma: given.get(sigma)? })
    };
    Ok(Confidence::Scheduled(Schedule {
        start: point("w_start", "b_start", "mu_start", "sigma_start")?,
        end: point("w_end", "b_end", "mu_end", "sigma_end")?,
        num_epochs: given.get("num_epochs")? as usize,
        linear_init: given.get("linear_init")? as usize,
    }))
}

fn gr(preset: Preset, given: &Given<'_>) -> Result<Box<dyn MultiLabelLoss>, LossError> {
    Ok(Box::new(Gr::new(GrConfig {
        preset,
        confidence: schedule(given)?,
        q2: given.get("q2")?,
        q3: given.get("q3")?,
        log_epsilon: given.get("log_epsilon")?,
        reduction: given.reduction(),
    })?))
}

fn gr_repository(kind: Simple, given: &Given<'_>) -> Result<Box<dyn MultiLabelLoss>, LossError> {
    let config =
        RepositoryLossConfig { log_epsilon: given.get("log_epsilon")?, reduction: given.reduction() };
    Ok(Box::new(RepositoryLoss::new(kind, config)?))
}

fn gpr(preset: GprPreset, given: &Given<'_>) -> Result<Box<dyn MultiLabelLoss>, LossError> {
    Ok(Box::new(Gpr::new(GprConfig {
        preset,
        confidence: schedule(given)?,
        q2: given.get("q2")?,
        q3: given.get("q3")?,
        log_epsilon: given.get("log_epsilon")?,
        threshold: given.get("threshold")?,
        rho: given.get("rho")?,
        lam_1: given.get("lam_1")?,
        lam_2: given.get("lam_2")?,
        expected_positives: given.get("expected_positives")?,
        reg: given.get("reg")?,
        reduction: given.reduction(),
    })?))
}
