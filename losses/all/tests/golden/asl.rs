//! The asymmetric loss under all its settings.

use crate::case::Case;
use crate::loss::{Method, run, zero_is_unknown};

/// The files name every parameter, so that all settings are one question; only whether the weights are
/// differentiated picks the loss.
pub(crate) fn asl(case: &Case) -> Result<(), String> {
    let constant = case.number("params", "disable_torch_grad_focal_loss")? == 1.0;
    let losses: &[&'static str] =
        if constant { &["asl", "asl-paper", "focal-asl", "bce-asl"] } else { &["asl-full-grad"] };
    let params = &[
        ("gamma_pos", "gamma_pos"),
        ("gamma_neg", "gamma_neg"),
        ("clip", "clip"),
        ("eps", "eps"),
        ("disable_torch_grad_focal_loss", ""),
    ];
    for loss in losses {
        run(case, &Method { loss, coding: zero_is_unknown, params, further: &[] })?;
    }
    Ok(())
}
