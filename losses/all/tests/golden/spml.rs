//! The single-positive family.

use crate::case::Case;
use crate::loss::{Batch, Method, labels, minus_one_is_negative, run, zero_is_negative, zero_is_unknown};
use lacuna_losses::Label;
use lacuna_losses::spml::reference::positives_regulariser;

const GUARD: &[(&str, &str)] = &[("log_epsilon", "log_epsilon")];
const SMOOTH: &[(&str, &str)] = &[("log_epsilon", "log_epsilon"), ("ls_coef", "ls_coef")];
const POSITIVES: &[(&str, &str)] =
    &[("log_epsilon", "log_epsilon"), ("expected_num_pos", "expected_positives")];

fn single(loss: &'static str, params: &'static [(&'static str, &'static str)]) -> Method {
    Method { loss, coding: zero_is_unknown, params, further: &[] }
}

pub(crate) fn an(case: &Case) -> Result<(), String> {
    run(case, &single("an", GUARD)).map(drop)
}

pub(crate) fn an_ls(case: &Case) -> Result<(), String> {
    run(case, &single("an-ls", SMOOTH)).map(drop)
}

pub(crate) fn wan(case: &Case) -> Result<(), String> {
    run(case, &single("wan", GUARD)).map(drop)
}

/// Complete labels, in both losses that see the same in them.
pub(crate) fn bce_spml(case: &Case) -> Result<(), String> {
    an(case)?;
    run(case, &Method { coding: zero_is_negative, ..single("bce-full", GUARD) }).map(drop)
}

/// Complete labels with smoothing, in both losses that see the same in them.
pub(crate) fn bce_ls_spml(case: &Case) -> Result<(), String> {
    an_ls(case)?;
    run(case, &Method { coding: zero_is_negative, ..single("bce-ls-full", SMOOTH) }).map(drop)
}

pub(crate) fn iu(case: &Case) -> Result<(), String> {
    run(case, &Method { coding: minus_one_is_negative, ..single("iu", GUARD) }).map(drop)
}

/// `labels` has the observed positives, `true_labels` the negatives, as -1.
pub(crate) fn iun(case: &Case) -> Result<(), String> {
    let mut batch = Batch::new(case, &single("iun", GUARD))?;
    let truth = labels(case, "true_labels", minus_one_is_negative)?;
    for (label, truth) in batch.labels.iter_mut().zip(truth) {
        if *label == Label::Unknown && truth == Label::Negative {
            *label = Label::Negative;
        }
    }
    batch.check(case)
}

pub(crate) fn epr(case: &Case) -> Result<(), String> {
    let batch = run(case, &single("epr", POSITIVES))?;
    check_regulariser(case, &batch, |r| r)
}

/// The guard stands in the files, but there is no logarithm in the loss.
pub(crate) fn pairwise_rank_spml(case: &Case) -> Result<(), String> {
    run(case, &single("pr", &[("log_epsilon", "")])).map(drop)
}

pub(crate) fn role(case: &Case) -> Result<(), String> {
    let further = &[("estimator_logits", "grad_estimator_logits")];
    let batch = run(case, &Method { further, ..single("role", POSITIVES) })?;
    check_regulariser(case, &batch, |sum| sum / 2.0)
}

/// `reg_loss` from the regularisers of all logit matrices.
fn check_regulariser(case: &Case, batch: &Batch, of_sum: fn(f64) -> f64) -> Result<(), String> {
    if !case.has("outputs", "reg_loss") {
        return Ok(());
    }
    let k = case.number("params", "expected_num_pos")?;
    let all = batch.z.iter().map(|z| positives_regulariser(&z[..], batch.rows, batch.classes, k));
    case.check("reg_loss", &[of_sum(all.sum())])
}
