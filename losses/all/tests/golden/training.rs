//! `optim` and `train_linear`: optimiser steps, and whole short runs of a linear model, in f64.

use crate::case::Case;
use crate::gr::schedule;
use crate::loss::{labels, only, zero_is_negative, zero_is_unknown};
use lacuna_losses::gr::{Confidence, Gr, GrConfig, Preset};
use lacuna_losses::large_loss::{LargeLoss, LargeLossConfig, Scheme};
use lacuna_losses::{LossInput, MultiLabelLoss, Options, differentiate, find};
use lacuna_nn::optim::reference::{AdamReference, SgdReference};

pub(crate) fn optim(case: &Case) -> Result<(), String> {
    let param = |name| case.number("params", name);
    let kind = case.text("params", "kind")?;
    let mut w = case.numbers("inputs", "weights")?;
    let grads = case.numbers("inputs", "grads")?;
    let mut step: Box<dyn FnMut(usize, f64, f64) -> f64> = match kind {
        "adam" | "adamw" => {
            only(case, &["kind", "lr", "betas", "eps", "weight_decay"])?;
            let &[beta1, beta2] = case.numbers("params", "betas")?.as_slice() else {
                return Err("there are two betas".to_owned());
            };
            let (lr, eps, decay) = (param("lr")?, param("eps")?, param("weight_decay")?);
            let start = AdamReference::new(lr, (beta1, beta2), eps, decay, kind == "adamw");
            let mut optimisers = vec![start; w.len()];
            Box::new(move |i, w, g| optimisers[i].step(w, g))
        }
        "sgd" => {
            only(case, &["kind", "lr", "momentum", "dampening", "weight_decay", "nesterov"])?;
            let param = |name| if case.has("params", name) { param(name) } else { Ok(0.0) };
            let (lr, momentum, decay) = (param("lr")?, param("momentum")?, param("weight_decay")?);
            let one = SgdReference::new(lr, momentum, param("nesterov")? == 1.0, decay);
            let mut optimisers = vec![one.dampened(param("dampening")?); w.len()];
            Box::new(move |i, w, g| optimisers[i].step(w, g))
        }
        other => return Err(format!("there is no optimiser {other}")),
    };
    let mut after = Vec::new();
    for g in grads.chunks(w.len()) {
        for (i, (w, g)) in w.iter_mut().zip(g).enumerate() {
            *w = step(i, *w, *g);
        }
        after.extend(&w);
    }
    case.check("weights_after_each_step", &after)
}

/// The loss of a run. Parameters of the run itself are not the loss's.
fn loss_of(case: &Case) -> Result<Box<dyn MultiLabelLoss>, String> {
    let param = |name| case.number("params", name);
    const RUN: [&str; 5] = ["loss", "optimizer", "lr", "steps", "lr_estimator"];
    let known = |names: &[&str]| only(case, &[&RUN[..], names].concat());
    let built = match case.text("params", "loss")? {
        "gr" => {
            known(&[
                "beta",
                "alpha",
                "q2",
                "q3",
                "num_epochs",
                "linear_init",
                "log_epsilon",
                "epoch_is_step_plus_one",
            ])?;
            if param("epoch_is_step_plus_one")? != 1.0 {
                return Err("epochs count from 1".to_owned());
            }
            let (beta, alpha) = (case.numbers("params", "beta")?, case.numbers("params", "alpha")?);
            let schedule = schedule(&beta, &alpha, param("num_epochs")?, param("linear_init")?)?;
            let config = GrConfig {
                confidence: Confidence::Scheduled(schedule),
                q2: param("q2")?,
                q3: param("q3")?,
                log_epsilon: param("log_epsilon")?,
                ..GrConfig::preset(Preset::Voc)
            };
            Gr::new(config).map(|loss| Box::new(loss) as Box<dyn MultiLabelLoss>)
        }
        "ll_r" => {
            known(&["delta_rel_per_epoch", "clean_rate"])?; // the latter says in words what the former does
            let config = LargeLossConfig::with_delta(param("delta_rel_per_epoch")?);
            LargeLoss::new(Scheme::Reject, config).map(|loss| Box::new(loss) as Box<dyn MultiLabelLoss>)
        }
        name => {
            let same = |names: &'static [&'static str]| names.iter().map(|n| (*n, *n)).collect::<Vec<_>>();
            let (row, params) = match name {
                "bce mean" => ("bce", vec![]),
                "an" => ("an", same(&["log_epsilon"])),
                "em" => ("em", same(&["alpha", "log_epsilon"])),
                "role" => (
                    "role",
                    [same(&["log_epsilon"]), vec![("expected_num_pos", "expected_positives")]].concat(),
                ),
                "hill" => ("hill", [same(&["margin", "gamma"]), vec![("lamb", "lambda")]].concat()),
                "splc" => ("splc", same(&["tau", "change_epoch", "margin", "gamma"])),
                "pu_mlc" => ("pu-mlc", same(&["gamma", "alpha", "eps"])),
                "asl" => {
                    let row = if param("detached_focal")? == 1.0 { "asl" } else { "asl-full-grad" };
                    (row, same(&["gamma_pos", "gamma_neg", "clip", "eps"]))
                }
                other => return Err(format!("no run of the loss {other}")),
            };
            let mut options = Options::default();
            for name in case.params().filter(|name| !RUN.contains(name)) {
                match params.iter().find(|(theirs, _)| *theirs == name) {
                    Some((_, ours)) => options = options.set(ours, param(name)?),
                    None if name == "detached_focal" && row.starts_with("asl") => {}
                    None if name == "reduction" => {
                        let reduction = case.text("params", name)?.parse();
                        options = options.reduce(reduction.map_err(|e| format!("{name}: {e}"))?);
                    }
                    None => return Err(format!("{row} cannot honour the parameter `{name}`")),
                }
            }
            find(row).and_then(|row| row.build(&options))
        }
    };
    built.map_err(|e| e.to_string())
}

/// Full batches, z = x W^T + b, Adam on everything; the number of the step is the epoch, counted from 0.
pub(crate) fn train_linear(case: &Case) -> Result<(), String> {
    let param = |name| case.number("params", name);
    if case.text("params", "optimizer")? != "adam" {
        return Err("these runs use Adam".to_owned());
    }
    let loss = loss_of(case)?;
    let coding = if case.text("params", "loss")? == "bce mean" { zero_is_negative } else { zero_is_unknown };
    let labels = labels(case, "labels", coding)?;
    let features = case.matrix("inputs", "features")?;
    let (rows, width) = (features.rows, features.columns);
    let (mut w, mut b) = (case.matrix("inputs", "weights")?.data, case.numbers("inputs", "bias")?);
    let classes = b.len();
    let two = loss.logit_matrices() == 2;
    let mut u = if two { case.numbers("inputs", "estimator_logits")? } else { Vec::new() };
    let adam = |lr, n| vec![AdamReference::<f64>::new(lr, (0.9, 0.999), 1e-8, 0.0, false); n];
    let (mut of_w, mut of_b) = (adam(param("lr")?, w.len()), adam(param("lr")?, b.len()));
    let mut of_u = adam(if two { param("lr_estimator")? } else { 0.0 }, u.len());

    let x = |row: usize| &features.data[row * width..][..width];
    let logits = |w: &[f64], b: &[f64]| -> Vec<f64> {
        let z = |i: usize| {
            let products = x(i / classes).iter().zip(&w[i % classes * width..]).map(|(x, w)| x * w);
            products.sum::<f64>() + b[i % classes]
        };
        (0..rows * classes).map(z).collect()
    };
    let mut losses = Vec::new();
    for step in 0..param("steps")? as usize {
        let z = logits(&w, &b);
        let matrices = if two { vec![&z[..], &u[..]] } else { vec![&z[..]] };
        let none: Vec<&[f32]> = matrices.iter().map(|_| &[][..]).collect();
        let input =
            LossInput { epoch: step, step: step as u64, ..LossInput::new(&none, rows, classes, &labels) };
        let gradients = differentiate(&*loss, &matrices, &input);
        losses.push(gradients.value);
        let dz = &gradients.logits[0];
        for class in 0..classes {
            let column = || (0..rows).map(|row| (row, dz[row * classes + class]));
            for feature in 0..width {
                let i = class * width + feature;
                w[i] = of_w[i].step(w[i], column().map(|(row, dz)| dz * x(row)[feature]).sum());
            }
            b[class] = of_b[class].step(b[class], column().map(|(_, dz)| dz).sum());
        }
        if two {
            for (i, du) in gradients.logits[1].iter().enumerate() {
                u[i] = of_u[i].step(u[i], *du);
            }
        }
    }
    case.check("losses", &losses)?;
    case.check("weights", &w)?;
    case.check("bias", &b)?;
    case.check("final_logits", &logits(&w, &b))?;
    if two { case.check("estimator_logits", &u) } else { Ok(()) }
}
