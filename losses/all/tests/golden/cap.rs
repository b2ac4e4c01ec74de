//! Class-aware and percentile thresholds.

use crate::case::Case;
use crate::loss::{labels, only, zero_is_negative};
use lacuna_losses::cap::{CapConfig, class_aware, percentile_thresholds};

pub(crate) fn cap_thresholds(case: &Case) -> Result<(), String> {
    only(case, &["pos_per", "neg_per"])?;
    let probabilities = case.matrix("inputs", "probabilities")?;
    // An index of -1 is the other end of the order in these files.
    let config = CapConfig {
        pos_per: case.number("params", "pos_per")?,
        neg_per: case.number("params", "neg_per")?,
        wraps: true,
    };
    let frequencies = case.numbers("inputs", "pos_label_freq")?;
    let cap = class_aware(&probabilities.data, &frequencies, &config).map_err(|e| e.to_string())?;
    let bits = |x: &[bool]| x.iter().map(|&x| f64::from(u8::from(x))).collect::<Vec<f64>>();
    let whole = |x: &[i64]| x.iter().map(|&x| x as f64).collect::<Vec<f64>>();
    case.check("label_threshold", &cap.thresholds.label)?;
    case.check("pos_threshold", &cap.thresholds.positive)?;
    case.check("neg_threshold", &cap.thresholds.negative)?;
    case.check("label_index", &whole(&cap.indices.label))?;
    case.check("pos_index", &whole(&cap.indices.positive))?;
    case.check("neg_index", &whole(&cap.indices.negative))?;
    case.check("pseudo_labels", &bits(&cap.positive))?;
    case.check("mask", &bits(&cap.mask))
}

pub(crate) fn percentiles(case: &Case) -> Result<(), String> {
    only(case, &["kappa_pos", "kappa_neg", "interpolation"])?;
    match case.text("params", "interpolation")? {
        "linear" => {}
        other => return Err(format!("there is no interpolation {other}")),
    }
    let param = |name| case.number("params", name);
    let scores = case.numbers("inputs", "scores")?;
    let labels = labels(case, "labels", zero_is_negative)?;
    let found = percentile_thresholds(&scores, &labels, param("kappa_pos")?, param("kappa_neg")?);
    let (positive, negative) = found.map_err(|e| e.to_string())?;
    case.check("tau_pos", &[positive.ok_or("no positive")?])?;
    case.check("tau_neg", &[negative.ok_or("no negative")?])
}
