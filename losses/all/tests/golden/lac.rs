//! `plc`, `plc_total`, `lac_contrastive`.

use crate::case::{Case, SINGLE, compare};
use crate::loss::{Batch, Method, derivatives, labels, only, zero_is_unknown};
use lacuna_losses::lac::{Contrastive, Plc, PlcConfig, pseudo_label, reference};
use lacuna_losses::{LossGrad, LossInput, MultiLabelLoss};

/// The term over pseudo-labels alone.
pub(crate) fn plc(case: &Case) -> Result<(), String> {
    only(case, &["tau"])?;
    let tau = case.number("params", "tau")?;
    let (weak, strong) = (case.matrix("inputs", "logits_weak")?, case.matrix("inputs", "logits_strong")?);
    let labels = labels(case, "labels", zero_is_unknown)?;
    let pairs = || weak.data.iter().zip(&labels);
    let pseudo: Vec<Option<bool>> =
        pairs().map(|(&z, &label)| reference::pseudo_label(z, label, tau)).collect();
    let bit = |x: bool| f64::from(u8::from(x));
    let mask: Vec<f64> = pseudo.iter().map(|p| bit(p.is_some())).collect();
    case.check("mask", &mask)?;
    // The files have a pseudo-label where none is selected, too.
    let fast: Vec<(bool, bool)> = pairs().map(|(&z, &label)| pseudo_label(z as f32, label, tau)).collect();
    case.check("pseudo_labels", &fast.iter().map(|(_, p)| bit(*p)).collect::<Vec<f64>>())?;
    case.check("mask", &fast.iter().map(|(m, _)| bit(*m)).collect::<Vec<f64>>())?;
    let (value, gradient) = derivatives(&strong.data, |z| reference::plc(z, &pseudo));
    case.check("loss", &[value])?;
    case.check("grad_logits_strong", &gradient)?;

    // The kernel adds the term to the mean over the weak logits.
    let single = |x: &[f64]| x.iter().map(|&x| x as f32).collect::<Vec<f32>>();
    let (w, s) = (single(&weak.data), single(&strong.data));
    let logits = [&w[..], &s[..]];
    let input = LossInput::new(&logits, weak.rows, weak.columns, &labels);
    let (mut dw, mut ds) = (vec![f32::NAN; w.len()], vec![f32::NAN; s.len()]);
    let mut run = |lambda_plc: f64| {
        let config = PlcConfig { tau, lambda_plc, ..PlcConfig::default() };
        let grad = LossGrad::Into(&mut [&mut dw, &mut ds]);
        Plc::new(config).and_then(|mut loss| loss.evaluate(&input, grad)).map_err(|e| e.to_string())
    };
    let value = f64::from(run(0.0)?) - f64::from(run(1.0)?);
    case.check_within("loss", &[-value], SINGLE).map_err(|e| format!("kernel, {e}"))?;
    let gradient: Vec<f64> = ds.iter().map(|&dz| f64::from(dz)).collect();
    case.check_within("grad_logits_strong", &gradient, SINGLE).map_err(|e| format!("kernel, {e}"))
}

pub(crate) fn plc_total(case: &Case) -> Result<(), String> {
    let params = &[("tau", "tau"), ("lambda_plc", "lambda_plc")];
    let further = &[("logits_strong", "grad_logits_strong")];
    let method = Method { loss: "plc", coding: zero_is_unknown, params, further };
    let mut batch = Batch::named(case, &method, ("logits_weak", "grad_logits_weak"))?;
    batch.check(case)
}

pub(crate) fn contrastive(case: &Case) -> Result<(), String> {
    only(case, &["temperature"])?;
    let temperature = case.number("params", "temperature")?;
    let features = case.numbers("inputs", "features")?;
    let labels: Vec<u32> = case.numbers("inputs", "labels")?.iter().map(|&label| label as u32).collect();
    let views = 2;
    let dimension = features.len() / (views * labels.len());
    let (value, gradient) =
        derivatives(&features, |f| reference::contrastive(f, &labels, views, dimension, temperature));
    case.check("loss", &[value])?;
    case.check("grad_features", &gradient)?;
    let single: Vec<f32> = features.iter().map(|&x| x as f32).collect();
    let mut grad = vec![f32::NAN; single.len()];
    let mut loss = Contrastive::new(temperature).map_err(|e| e.to_string())?;
    let found = loss.evaluate(&single, &labels, views, dimension, Some(&mut grad));
    let found = found.map_err(|e| e.to_string())?;
    let grad: Vec<f64> = grad.iter().map(|&x| f64::from(x)).collect();
    compare("kernel, loss", &[f64::from(found)], &[value], SINGLE)?;
    compare("kernel, grad_features", &grad, &gradient, SINGLE)
}
