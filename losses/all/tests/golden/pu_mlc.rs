//! `pu_mlc`.

use crate::case::Case;
use crate::loss::{Method, minus_one_is_negative, run};
use lacuna_losses::pu_mlc::reference::temperature;

pub(crate) fn pu_mlc(case: &Case) -> Result<(), String> {
    let params = &[("alpha", "alpha"), ("gamma", "gamma"), ("eps", "eps")];
    // Only positives matter: 0 and -1 are both just unlabelled.
    let coding = minus_one_is_negative;
    let batch = run(case, &Method { loss: "pu-mlc", coding, params, further: &[] })?;
    let alpha = case.number("params", "alpha")?;
    let column =
        |class: usize| batch.z[0][class..].iter().step_by(batch.classes).copied().collect::<Vec<f64>>();
    let temperatures: Vec<f64> = (0..batch.classes).map(|class| temperature(&column(class), alpha)).collect();
    if case.has("outputs", "temperature") { case.check("temperature", &temperatures) } else { Ok(()) }
}
