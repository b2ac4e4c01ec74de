//! `bce`, `weak_negative_bce`, `partial_bce`.

use crate::case::Case;
use crate::loss::{Method, minus_one_is_unknown, run, zero_is_unknown};
use lacuna_losses::bce::reference::row_weight;

pub(crate) fn bce(case: &Case) -> Result<(), String> {
    run(case, &Method { loss: "bce", coding: minus_one_is_unknown, params: &[], further: &[] }).map(drop)
}

pub(crate) fn weak_negative_bce(case: &Case) -> Result<(), String> {
    let params = &[("negative_weight", "negative_weight")];
    run(case, &Method { loss: "weak-negative-bce", coding: zero_is_unknown, params, further: &[] }).map(drop)
}

pub(crate) fn partial_bce(case: &Case) -> Result<(), String> {
    let params = &[("alpha", "alpha"), ("beta", "beta"), ("gamma", "gamma")];
    let method = Method { loss: "partial-bce", coding: minus_one_is_unknown, params, further: &[] };
    let batch = run(case, &method)?;
    if case.has("outputs", "row_weight") {
        let param = |name| case.number("params", name);
        let (alpha, beta, gamma) = (param("alpha")?, param("beta")?, param("gamma")?);
        let rows = batch.labels.chunks(batch.classes);
        let weights: Vec<f64> = rows.map(|labels| row_weight(labels, alpha, beta, gamma)).collect();
        case.check("row_weight", &weights)?;
    }
    Ok(())
}
