//! `upu`, `nnpu`, `vpu`.

use crate::case::Case;
use crate::loss::{Batch, only, zero_is_unknown};
use lacuna_losses::pu::reference::risks;
use lacuna_losses::pu::{Pu, PuConfig, Risk, Surrogate, Vpu};
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
