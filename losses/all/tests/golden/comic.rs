//! The losses and classifiers of COMIC.

use crate::case::{Case, SINGLE, compare};
use crate::loss::{Batch, labels, only, zero_is_unknown};
use lacuna_losses::comic::{
    Branch, CausalClassifier, CausalConfig, Gradients, HeadTailBalancer, HtbConfig, Mfm, MfmConfig,
    MovingVector, PaperConfig, PaperMfm, Rlc, RlcConfig, logit,
};
use lacuna_losses::{ClassStatistics, Dual, LossGrad, LossInput, MultiLabelLoss, Real, differentiate};

/// Class frequencies of a case. The losses do not depend on the number of rows, which the files leave out.
fn train(case: &Case) -> Result<ClassStatistics, String> {
    let counts = case.numbers("inputs", "class_freq")?;
    let train = ClassStatistics::new(counts.iter().sum(), counts).map_err(|e| e.to_string())?;
    if !case.has("inputs", "co_occurrence") {
        return Ok(train);
    }
    train.with_co_occurrence(case.numbers("inputs", "co_occurrence")?).map_err(|e| e.to_string())
}

pub(crate) fn paper(case: &Case) -> Result<(), String> {
    only(case, &["gamma_pos", "gamma_neg", "w_pos", "w_neg", "power"])?;
    let param = |name| case.number("params", name);
    let config = PaperConfig {
        gamma_pos: param("gamma_pos")?,
        gamma_neg: param("gamma_neg")?,
        w_pos: param("w_pos")?,
        w_neg: param("w_neg")?,
        power: param("power")?,
        ..Default::default()
    };
    let loss = PaperMfm::new(config, &train(case)?).map_err(|e| e.to_string())?;
    case.check("gamma_head_tail", loss.factors())?;
    Batch::of(case, Box::new(loss), zero_is_unknown, &[])?.check(case)
}

const MFM: [&str; 6] = ["gamma_neg", "gamma_pos", "gamma_class_ng", "clip", "eps", "weight_power"];

fn mfm_config(case: &Case, published: MfmConfig) -> Result<MfmConfig, String> {
    let param = |name| case.number("params", name);
    let optional = |name, default| if case.has("params", name) { param(name) } else { Ok(default) };
    Ok(MfmConfig {
        gamma_pos: param("gamma_pos")?,
        gamma_neg: param("gamma_neg")?,
        gamma_class_ng: optional("gamma_class_ng", published.gamma_class_ng)?,
        clip: param("clip")?,
        eps: param("eps")?,
        power: param("weight_power")?,
        ..published
    })
}

/// With attention to co-occurrence.
pub(crate) fn mfm_prior(case: &Case) -> Result<(), String> {
    mfm(case, MfmConfig::with_attention())
}

/// Without.
pub(crate) fn mfm_class(case: &Case) -> Result<(), String> {
    mfm(case, MfmConfig::by_class())
}

fn mfm(case: &Case, published: MfmConfig) -> Result<(), String> {
    only(case, &MFM)?;
    let loss = Mfm::new(mfm_config(case, published)?, &train(case)?).map_err(|e| e.to_string())?;
    if case.has("outputs", "class_weight") {
        case.check("class_weight", loss.factors())?;
    }
    if case.has("outputs", "attention") {
        let labels = labels(case, "labels", zero_is_unknown)?;
        let rows = labels.chunks(loss.factors().len());
        case.check("attention", &rows.flat_map(|row| loss.attention(row)).collect::<Vec<f64>>())?;
    }
    Batch::of(case, Box::new(loss), zero_is_unknown, &[])?.check(case)
}

/// Calls in a row, each of which leaves counts behind.
pub(crate) fn rlc(case: &Case) -> Result<(), String> {
    const RLC: [&str; 4] = ["tau", "margin", "batch_size", "compute_epoch"];
    only(case, &[&MFM[..], &RLC[..]].concat())?;
    let param = |name| case.number("params", name);
    let config = RlcConfig {
        tau: param("tau")?,
        margin: param("margin")?,
        batch_size: param("batch_size")?,
        first_epoch: param("compute_epoch")? as usize,
        mfm: mfm_config(case, MfmConfig::by_class())?,
    };
    let mut loss = Rlc::new(config, &train(case)?).map_err(|e| e.to_string())?;
    let labels = labels(case, "labels", zero_is_unknown)?;
    let classes = loss.factors().len();
    let rows = labels.len() / classes;
    for step in 0..case.steps()? {
        let epoch = case.step(step, "epoch")?[0] as usize;
        let z = case.step(step, "logits")?;
        let mut input = LossInput::new(&[], rows, classes, &labels);
        input.epoch = epoch;
        let exact = differentiate(&loss, &[&z], &input);
        case.check_step(step, "loss", &[exact.value])?;
        case.check_step(step, "grad_logits", &exact.logits[0])?;
        let single: Vec<f32> = z.iter().map(|&z| z as f32).collect();
        let (logits, mut dz) = ([&single[..]], vec![f32::NAN; z.len()]);
        let input = LossInput { logits: &logits, ..input };
        let value = loss
            .evaluate(&input, LossGrad::Into(&mut [&mut dz]))
            .map_err(|e| format!("kernel, step {step}: {e}"))?;
        let dz: Vec<f64> = dz.into_iter().map(f64::from).collect();
        if case.name.contains("extreme80") {
            if !value.is_finite() || dz.iter().any(|dz| !dz.is_finite()) {
                return Err(format!("kernel, step {step}: not finite at extreme logits"));
            }
        } else {
            case.check_step_within(step, "loss", &[f64::from(value)], SINGLE)?;
            case.check_step_within(step, "grad_logits", &dz, SINGLE)?;
        }
        // The state is that of after the call.
        case.check_step(step, "class_weight", &loss.factors())?;
        case.check_step(step, "distribution", loss.counts())?;
    }
    Ok(())
}

pub(crate) fn htb(case: &Case) -> Result<(), String> {
    only(case, &[&MFM[..], &["alpha"]].concat())?;
    let mfm = mfm_config(case, MfmConfig::with_attention())?;
    let config = HtbConfig { alpha: case.number("params", "alpha")?, mfm };
    let loss = HeadTailBalancer::new(config, &train(case)?).map_err(|e| e.to_string())?;
    let further = [("tail_logits", "grad_tail"), ("balanced_logits", "grad_balanced")];
    let first = ("head_logits", "grad_head");
    Batch::of_named(case, Box::new(loss), zero_is_unknown, first, &further)?.check(case)
}

pub(crate) fn classifier(case: &Case) -> Result<(), String> {
    only(case, &["kind", "num_head", "tau", "alpha", "gamma"])?;
    let param = |name| case.number("params", name);
    let branch = match case.text("params", "kind")? {
        "head" => Branch::Head,
        "tail" => Branch::Tail,
        "balanced" => Branch::Balanced,
        other => return Err(format!("there is no classifier {other}")),
    };
    let config = CausalConfig {
        branch,
        groups: param("num_head")? as usize,
        tau: param("tau")?,
        gamma: param("gamma")?,
        alpha: param("alpha")?,
    };
    let (x, w) = (case.matrix("inputs", "features")?, case.matrix("inputs", "weights")?);
    let (e, g) = (case.numbers("inputs", "embed")?, case.numbers("inputs", "upstream")?);
    let width = x.columns;
    let logits = |duals: &[Dual], config: &CausalConfig| -> Vec<Dual> {
        let (x, w) = duals.split_at(x.data.len());
        let pairs = x.chunks(width).flat_map(|x| w.chunks(width).map(move |w| (x, w)));
        pairs.map(|(x, w)| logit(x, w, &e, config)).collect()
    };
    let values = |z: &[Dual]| z.iter().map(|z| z.value()).collect::<Vec<f64>>();
    let all: Vec<f64> = x.data.iter().chain(&w.data).copied().collect();
    let duals: Vec<Dual> = all.iter().map(|&x| Dual::of(x)).collect();
    let plain = CausalConfig { branch: Branch::Balanced, ..config.clone() };
    case.check("logits", &values(&logits(&duals, &plain)))?;
    let exact = values(&logits(&duals, &config));
    case.check("logits_moving", &exact)?;
    let (_, slopes) = crate::loss::derivatives(&all, |duals| {
        Real::sum(logits(duals, &config).into_iter().zip(&g).map(|(z, &g)| z * Dual::of(g)))
    });
    let (dx, dw) = slopes.split_at(x.data.len());
    case.check("grad_features", dx)?;
    case.check("grad_weights", dw)?;

    let single = |x: &[f64]| x.iter().map(|&x| x as f32).collect::<Vec<f32>>();
    let wide = |x: &[f32]| x.iter().map(|&x| f64::from(x)).collect::<Vec<f64>>();
    let (x, w, e, g) = (single(&x.data), single(&w.data), single(&e), single(&g));
    let fast = CausalClassifier::new(config, width).map_err(|e| e.to_string())?;
    let mut z = vec![f32::NAN; g.len()];
    fast.forward(&x, &w, &e, &mut z);
    let (mut fast_dx, mut fast_dw) = (vec![f32::NAN; x.len()], vec![f32::NAN; w.len()]);
    let out = Gradients { features: &mut fast_dx, weights: &mut fast_dw };
    fast.backward(&x, &w, &e, &g, out);
    compare("kernel, logits_moving", &wide(&z), &exact, SINGLE)?;
    compare("kernel, grad_features", &wide(&fast_dx), dx, SINGLE)?;
    compare("kernel, grad_weights", &wide(&fast_dw), dw, SINGLE)
}

pub(crate) fn moving_vector(case: &Case) -> Result<(), String> {
    only(case, &["mu"])?;
    let expected = case.matrix("outputs", "embed")?;
    let features = case.numbers("inputs", "features")?;
    let mut e = MovingVector::new(case.number("params", "mu")?, expected.columns);
    let mut found = Vec::new();
    for batch in features.chunks(features.len() / expected.rows.max(1)) {
        e.update_wide(batch);
        found.extend_from_slice(e.values());
    }
    case.check("embed", &found)
}
