//! Schedules, clipping and averages of weights.

use crate::case::{Case, SINGLE, compare};
use crate::loss::only;
use lacuna_engine::{Grad, Tape, Tensor};
use lacuna_nn::{Anneal, ModelEma, OneCycle, Schedule, StepDecay, WarmupSteps, clip, ema};

fn optional(case: &Case, name: &str, default: f64) -> Result<f64, String> {
    if case.has("params", name) { case.number("params", name) } else { Ok(default) }
}

fn steps(case: &Case) -> Result<u64, String> {
    Ok(case.number("inputs", "num_steps")? as u64)
}

pub(crate) fn one_cycle(case: &Case) -> Result<(), String> {
    only(
        case,
        &[
            "max_lr",
            "steps_per_epoch",
            "epochs",
            "total_steps",
            "pct_start",
            "div_factor",
            "final_div_factor",
            "base_momentum",
            "max_momentum",
            "anneal_strategy",
            "three_phase",
            "cycle_momentum",
        ],
    )?;
    let param = |name| case.number("params", name);
    let total = if case.has("params", "total_steps") {
        param("total_steps")?
    } else {
        param("steps_per_epoch")? * param("epochs")?
    };
    let plain = OneCycle::new(param("max_lr")?, total as u64);
    let anneal = match case.has("params", "anneal_strategy").then(|| case.text("params", "anneal_strategy")) {
        None | Some(Ok("cos")) => Anneal::Cosine,
        Some(Ok("linear")) => Anneal::Linear,
        Some(other) => return Err(format!("there is no way {other:?}")),
    };
    if optional(case, "cycle_momentum", 1.0)? != 1.0 {
        return Err("these cases cycle the momentum".to_owned());
    }
    let (base, max) = plain.momentum.expect("cycled by default");
    let schedule = OneCycle {
        pct_start: optional(case, "pct_start", plain.pct_start)?,
        div_factor: optional(case, "div_factor", plain.div_factor)?,
        final_div_factor: optional(case, "final_div_factor", plain.final_div_factor)?,
        momentum: Some((optional(case, "base_momentum", base)?, optional(case, "max_momentum", max)?)),
        three_phase: optional(case, "three_phase", 0.0)? == 1.0,
        anneal,
        ..plain
    };
    let at = |step| [schedule.learning_rate(step), schedule.momentum(step).expect("cycled")];
    case.check("lr_and_beta1", &(0..steps(case)?).flat_map(at).collect::<Vec<f64>>())
}

pub(crate) fn step_decay(case: &Case) -> Result<(), String> {
    only(case, &["lr", "step_size", "gamma"])?;
    let param = |name| case.number("params", name);
    let (lr, step_size, gamma) = (param("lr")?, param("step_size")? as u64, param("gamma")?);
    let schedule = StepDecay { lr, step_size, gamma };
    case.check("lr", &(0..steps(case)?).map(|step| schedule.learning_rate(step)).collect::<Vec<f64>>())
}

pub(crate) fn warmup_step(case: &Case) -> Result<(), String> {
    only(case, &["lr", "warmup_iters", "warmup_ratio", "milestones", "gamma"])?;
    let param = |name| case.number("params", name);
    let schedule = WarmupSteps {
        lr: param("lr")?,
        warmup_iters: param("warmup_iters")? as u64,
        warmup_ratio: param("warmup_ratio")?,
        milestones: case.numbers("params", "milestones")?.iter().map(|&m| m as u64).collect(),
        gamma: param("gamma")?,
    };
    case.check("lr", &(0..steps(case)?).map(|step| schedule.learning_rate(step)).collect::<Vec<f64>>())
}

/// The formula in f64, and a tape whose gradients are those of the case.
pub(crate) fn grad_clip(case: &Case) -> Result<(), String> {
    only(case, &["max_norm", "eps"])?;
    let (max_norm, eps) = (case.number("params", "max_norm")?, case.number("params", "eps")?);
    let grads = case.numbers("inputs", "grads")?;
    let norm = grads.iter().map(|g| g * g).sum::<f64>().sqrt();
    let by = clip::factor(norm, max_norm, eps);
    let exact: Vec<f64> = grads.iter().map(|g| by * g).collect();
    case.check("norm", &[norm])?;
    case.check("clipped", &exact)?;
    if eps != clip::EPS {
        return Ok(()); // the tape's clipping has PyTorch's number
    }
    let mut tape = Tape::new();
    let w = tape.param("w", Tensor::zeros([grads.len()]));
    tape.seal();
    let g: Vec<f32> = grads.iter().map(|&g| g as f32).collect();
    let g = tape.input([grads.len()], &g);
    let product = tape.mul(w, g);
    let loss = tape.sum(product);
    tape.backward(loss);
    let found = clip::clip_grad_norm(&mut tape, max_norm);
    compare("tape, norm", &[found], &[norm], SINGLE)?;
    let entry = tape.entries().next().expect("one parameter");
    let Some(Grad::Dense(g)) = entry.grad else { return Err("no gradient".to_owned()) };
    let g: Vec<f64> = g.iter().map(|&g| f64::from(g)).collect();
    compare("tape, clipped", &g, &exact, SINGLE)
}

/// The formula in f64, and an average over a tape. The steps are added to the weights.
pub(crate) fn model_ema(case: &Case) -> Result<(), String> {
    only(case, &["decay"])?;
    let decay = case.number("params", "decay")?;
    let start = case.numbers("inputs", "start")?;
    let steps = case.numbers("inputs", "steps")?;
    let (mut w, mut average) = (start.clone(), start.clone());
    let mut tape = Tape::new();
    tape.param("w", Tensor::new([start.len()], start.iter().map(|&w| w as f32).collect()));
    tape.seal();
    let mut fast = ModelEma::new(&tape, decay);
    let (mut exact, mut found) = (Vec::new(), Vec::new());
    for step in steps.chunks(start.len()) {
        for ((w, e), step) in w.iter_mut().zip(&mut average).zip(step) {
            *w += step;
            *e = ema::step(*e, *w, decay);
        }
        exact.extend_from_slice(&average);
        tape.update_entries(|_, entry| {
            for (value, w) in entry.value.iter_mut().zip(&w) {
                *value = *w as f32;
            }
        });
        fast.update(&tape);
        found.extend(fast.averages().flat_map(|(_, e)| e.iter().map(|&e| f64::from(e))));
    }
    case.check("ema", &exact)?;
    compare("tape, ema", &found, &exact, SINGLE)
}
