//! `upu`, `nnpu`, `vpu`, `crisp`, `dist_pu`, `bbe_prior`.

use crate::case::Case;
use crate::loss::{Batch, only, zero_is_unknown};
use lacuna_losses::pu::reference::{self, risks};
use lacuna_losses::pu::{
    Alignment, BbeConfig, LabelDistribution, LabelDistributionConfig, Pu, PuConfig, Risk, Surrogate, Vpu,
    bbe_prior,
};
use lacuna_losses::{Label, Reduction};

fn mean_over_classes(case: &Case) -> Result<(), String> {
    match case.text("params", "class_reduction")? {
        "mean" => Ok(()),
        other => Err(format!("there is no reduction {other} over classes")),
    }
}

fn pu(case: &Case, risk: Risk) -> Result<(), String> {
    only(case, &["surrogate", "beta", "gamma", "unlabeled_includes_positives", "class_reduction"])?;
    mean_over_classes(case)?;
    let surrogate = match case.text("params", "surrogate")? {
        "sigmoid" => Surrogate::Sigmoid,
        "logistic" => Surrogate::Logistic,
        other => return Err(format!("there is no surrogate {other}")),
    };
    let all = case.number("params", "unlabeled_includes_positives")? == 1.0;
    let (beta, gamma) = (case.number("params", "beta")?, case.number("params", "gamma")?);
    let priors = case.numbers("inputs", "prior")?;
    let config =
        PuConfig { surrogate, beta, gamma, unlabelled_includes_positives: all, reduction: Reduction::Mean };
    let loss = Pu::new(risk, config, &priors).map_err(|e| e.to_string())?;
    let mut batch = Batch::of(case, Box::new(loss), zero_is_unknown, &[])?;
    batch.check(case)?;
    let classes = batch.classes;
    let per_class = priors.iter().enumerate().map(|(class, &prior)| {
        let z: Vec<f64> = batch.z[0][class..].iter().step_by(classes).copied().collect();
        let labels: Vec<Label> = batch.labels[class..].iter().step_by(classes).copied().collect();
        let (positive, negative) = risks(&z, &labels, prior, surrogate, all);
        let back = risk == Risk::NonNegative && negative < -beta;
        if back { positive - beta } else { positive + negative }
    });
    case.check("per_class_risk", &per_class.collect::<Vec<f64>>())
}

pub(crate) fn upu(case: &Case) -> Result<(), String> {
    pu(case, Risk::Unbiased)
}

pub(crate) fn nnpu(case: &Case) -> Result<(), String> {
    pu(case, Risk::NonNegative)
}

pub(crate) fn vpu(case: &Case) -> Result<(), String> {
    only(case, &["class_reduction"])?;
    mean_over_classes(case)?;
    Batch::of(case, Box::new(Vpu::default()), zero_is_unknown, &[])?.check(case)
}

/// Fixed priors, so that the risk is what is asked for.
fn aligned(case: &Case, alignment: Alignment, config: LabelDistributionConfig) -> Result<(), String> {
    mean_over_classes(case)?;
    let (mu, bound) = (config.entropy_weight, config.entropy_clamp);
    let priors = case.numbers("inputs", "prior")?;
    let loss = LabelDistribution::new(alignment, config, &priors).map_err(|e| e.to_string())?;
    let mut batch = Batch::of(case, Box::new(loss), zero_is_unknown, &[])?;
    batch.check(case)?;
    let classes = batch.classes;
    let per_class = priors.iter().enumerate().map(|(class, &prior)| {
        let z: Vec<f64> = batch.z[0][class..].iter().step_by(classes).copied().collect();
        let labels: Vec<Label> = batch.labels[class..].iter().step_by(classes).copied().collect();
        match alignment {
            Alignment::Crisp => reference::crisp(&z, &labels, prior),
            Alignment::DistPu => reference::dist_pu(&z, &labels, prior, mu, bound),
        }
    });
    case.check("per_class_risk", &per_class.collect::<Vec<f64>>())
}

/// Whether positives are among the unlabelled rows is no option of these losses.
fn unlabelled_includes_positives(case: &Case, expected: f64) -> Result<(), String> {
    match case.number("params", "unlabeled_includes_positives")? {
        found if found == expected => Ok(()),
        _ => Err("other rows are unlabelled in this loss".to_owned()),
    }
}

pub(crate) fn crisp(case: &Case) -> Result<(), String> {
    only(case, &["unlabeled_includes_positives", "class_reduction"])?;
    unlabelled_includes_positives(case, 1.0)?;
    aligned(case, Alignment::Crisp, LabelDistributionConfig::default())
}

pub(crate) fn dist_pu(case: &Case) -> Result<(), String> {
    only(case, &["entropy_weight", "entropy_clamp", "unlabeled_includes_positives", "class_reduction"])?;
    unlabelled_includes_positives(case, 0.0)?;
    let (entropy_weight, entropy_clamp) =
        (case.number("params", "entropy_weight")?, case.number("params", "entropy_clamp")?);
    let config = LabelDistributionConfig { entropy_weight, entropy_clamp, ..Default::default() };
    aligned(case, Alignment::DistPu, config)
}

pub(crate) fn bbe(case: &Case) -> Result<(), String> {
    only(case, &["delta", "gamma", "log_numerator"])?;
    let config = BbeConfig {
        delta: case.number("params", "delta")?,
        gamma: case.number("params", "gamma")?,
        log_numerator: case.number("params", "log_numerator")?,
    };
    let (unlabelled, positives) =
        (case.numbers("inputs", "scores_unlabelled")?, case.numbers("inputs", "scores_positive")?);
    let found = bbe_prior(&unlabelled, &positives, config).map_err(|e| e.to_string())?;
    case.check("prior", &[found.prior])?;
    case.check("lower", &[found.lower])?;
    case.check("upper", &[found.upper])?;
    case.check("candidates", &[found.candidates as f64])
}
