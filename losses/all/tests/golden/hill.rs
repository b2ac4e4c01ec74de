//! `hill`, `splc`.

use crate::case::Case;
use crate::loss::{Batch, Method, run, zero_is_unknown};
use lacuna_losses::hill::reference;

const HILL: Method = Method {
    loss: "hill",
    coding: zero_is_unknown,
    params: &[("lamb", "lambda"), ("margin", "margin"), ("gamma", "gamma")],
    further: &[],
};

const SPLC: Method = Method {
    loss: "splc",
    coding: zero_is_unknown,
    params: &[("tau", "tau"), ("change_epoch", "change_epoch"), ("margin", "margin"), ("gamma", "gamma")],
    further: &[],
};

/// SPLC before it starts to correct.
const FOCAL_MARGIN: Method = Method {
    loss: "focal-margin",
    params: &[("tau", ""), ("change_epoch", ""), ("margin", "margin"), ("gamma", "gamma")],
    ..SPLC
};

pub(crate) fn hill(case: &Case) -> Result<(), String> {
    let batch = run(case, &HILL)?;
    if case.has("outputs", "loss_elements") {
        let param = |name| case.number("params", name);
        let (lambda, margin, gamma) = (param("lamb")?, param("margin")?, param("gamma")?);
        let entries = batch.z[0].iter().zip(&batch.labels);
        let elements: Vec<f64> =
            entries.map(|(&z, &label)| reference::hill(z, label, lambda, margin, gamma)).collect();
        case.check("loss_elements", &elements)?;
    }
    Ok(())
}

pub(crate) fn splc(case: &Case) -> Result<(), String> {
    let mut batch = Batch::new(case, &SPLC)?;
    batch.check_formula(case)?;
    let param = |name| case.number("params", name);
    let (tau, margin, gamma) = (param("tau")?, param("margin")?, param("gamma")?);
    let change_epoch = param("change_epoch")? as usize;
    let corrected = |z: &[f64]| -> Vec<bool> {
        let active = batch.epoch >= change_epoch;
        z.iter().zip(&batch.labels).map(|(&z, &l)| reference::corrected(z, l, tau, active)).collect()
    };
    let decisions = corrected(&batch.z[0]);
    if case.has("outputs", "corrected_labels") {
        let labels: Vec<f64> = decisions.iter().map(|&d| f64::from(u8::from(d))).collect();
        case.check("corrected_labels", &labels)?;
    }
    if case.has("outputs", "loss_elements") {
        let entries = batch.z[0].iter().zip(&batch.labels).zip(&decisions);
        let elements: Vec<f64> =
            entries.map(|((&z, &label), &d)| reference::splc(z, label, d, margin, gamma)).collect();
        case.check("loss_elements", &elements)?;
    }
    // A logit may stand so near the threshold that rounding it to f32 carries it across. The file then
    // answers another question than the kernel is asked, and the formula answers the right one.
    let rounded = vec![batch.z[0].iter().map(|&z| f64::from(z as f32)).collect::<Vec<f64>>()];
    let exact = (corrected(&rounded[0]) != decisions).then(|| batch.exact(&rounded));
    let active = batch.epoch >= change_epoch;
    batch.check_kernel(case, exact.as_ref())?;
    if !active {
        run(case, &FOCAL_MARGIN)?;
    }
    Ok(())
}
