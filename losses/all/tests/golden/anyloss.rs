//! The metrics that are losses.

use crate::case::Case;
use crate::loss::{Batch, only, zero_is_negative};
use lacuna_losses::anyloss::{AnyLoss, AnyLossConfig, Metric, reference};

pub(crate) fn any_loss(case: &Case) -> Result<(), String> {
    only(case, &["L", "threshold", "beta", "eps", "average", "gmean_sqrt"])?;
    let param = |name| case.number("params", name);
    let metric = match case.method.as_str() {
        "anyloss_accuracy" => Metric::Accuracy,
        "anyloss_fbeta" => Metric::FBeta { beta: param("beta")? },
        "anyloss_gmean" => Metric::GMean { root: param("gmean_sqrt")? == 1.0 },
        "anyloss_balanced_accuracy" => Metric::BalancedAccuracy,
        other => return Err(format!("there is no metric {other}")),
    };
    let micro = match case.text("params", "average")? {
        "micro" => true,
        "macro" => false,
        other => return Err(format!("there is no average {other}")),
    };
    let config = AnyLossConfig {
        amplification: param("L")?,
        threshold: param("threshold")?,
        micro,
        eps: param("eps")?,
        ..AnyLossConfig::new(metric)
    };
    let loss = AnyLoss::new(config.clone()).map_err(|e| e.to_string())?;
    let mut batch = Batch::of(case, Box::new(loss), zero_is_negative, &[])?;
    batch.check(case)?;
    if !case.has("outputs", "classes_used") {
        return Ok(());
    }
    let classes = if micro { 1 } else { batch.classes };
    let defined = |class: usize| {
        let x: Vec<f64> = batch.z[0][class..].iter().step_by(classes).copied().collect();
        let labels: Vec<_> = batch.labels[class..].iter().step_by(classes).copied().collect();
        reference::shortfall(&x, &labels, &config).is_some()
    };
    let used: Vec<f64> = (0..classes).map(|class| if defined(class) { 1.0 } else { 0.0 }).collect();
    case.check("classes_used", &used)
}
