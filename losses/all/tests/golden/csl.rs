//! The class-aware selective loss in all its modes.

use crate::case::Case;
use crate::loss::{Batch, minus_one_is_unknown, only};
use lacuna_losses::csl::{Csl, CslConfig, Mode, Part};

pub(crate) fn csl(case: &Case) -> Result<(), String> {
    only(
        case,
        &[
            "clip",
            "gamma_pos",
            "gamma_neg",
            "gamma_unann",
            "alpha_pos",
            "alpha_neg",
            "alpha_unann",
            "partial_loss_mode",
            "likelihood_topk",
            "prior_threshold",
            "eps",
        ],
    )?;
    let mode = match case.text("params", "partial_loss_mode")? {
        "negative" => Mode::Negative,
        "ignore" => Mode::Ignore,
        "ignore_normalize_classes" => Mode::Normalised,
        "selective" => Mode::Selective,
        other => return Err(format!("there is no mode {other}")),
    };
    let param = |name| case.number("params", name);
    let part =
        |alpha, gamma| -> Result<Part, String> { Ok(Part { alpha: param(alpha)?, gamma: param(gamma)? }) };
    let published = CslConfig::published(mode);
    let config = CslConfig {
        clip: param("clip")?,
        positive: part("alpha_pos", "gamma_pos")?,
        negative: part("alpha_neg", "gamma_neg")?,
        unknown: part("alpha_unann", "gamma_unann")?,
        likelihood_topk: param("likelihood_topk")? as usize,
        // The code reads a threshold of 0 as none.
        prior_threshold: if case.has("params", "prior_threshold") {
            Some(param("prior_threshold")?).filter(|t| *t != 0.0)
        } else {
            None
        },
        eps: if case.has("params", "eps") { param("eps")? } else { published.eps },
        ..published
    };
    let priors = if case.has("inputs", "class_prior") && mode == Mode::Selective {
        case.numbers("inputs", "class_prior")?
    } else {
        Vec::new()
    };
    let loss = Csl::new(config, &priors).map_err(|e| e.to_string())?;
    Batch::of(case, Box::new(loss), minus_one_is_unknown, &[])?.check(case)
}
