//! `logit_adjust_bce`, `logit_adjust_softmax`.

use crate::case::{Case, SINGLE, compare};
use crate::loss::{Batch, one_positive, only, reduction, zero_is_unknown};
use lacuna_losses::logit_adjust::reference::offset;
use lacuna_losses::logit_adjust::{
    Form, LogitAdjust, LogitAdjustConfig, LogitAdjustSoftmax, adjust_after_training,
};

pub(crate) fn logit_adjust_bce(case: &Case) -> Result<(), String> {
    only(case, &["tau", "form", "reduction"])?;
    let form = match case.text("params", "form")? {
        "log_prior" => Form::LogPrior,
        "logit_prior" => Form::LogitPrior,
        other => return Err(format!("there is no form {other}")),
    };
    let tau = case.number("params", "tau")?;
    let priors = case.numbers("inputs", "prior")?;
    let config = LogitAdjustConfig { tau, reduction: reduction(case)? };
    let loss = LogitAdjust::new(form, config, &priors).map_err(|e| e.to_string())?;
    let mut batch = Batch::of(case, Box::new(loss), zero_is_unknown, &[])?;
    batch.check(case)?;
    let z = batch.z[0].iter().enumerate();
    let exact: Vec<f64> = z.map(|(i, z)| z - offset(priors[i % priors.len()], tau, form)).collect();
    case.check("posthoc_logits", &exact)?;
    let mut fast: Vec<f32> = batch.z[0].iter().map(|&z| z as f32).collect();
    adjust_after_training(&mut fast, &priors, tau, form);
    compare(
        "kernel, posthoc_logits",
        &fast.iter().map(|&z| f64::from(z)).collect::<Vec<f64>>(),
        &exact,
        SINGLE,
    )
}

pub(crate) fn logit_adjust_softmax(case: &Case) -> Result<(), String> {
    only(case, &["tau"])?;
    let config = LogitAdjustConfig { tau: case.number("params", "tau")?, ..Default::default() };
    let priors = case.numbers("inputs", "prior")?;
    let loss = LogitAdjustSoftmax::new(config, &priors).map_err(|e| e.to_string())?;
    one_positive(case, Box::new(loss), &[])?.check(case)
}
