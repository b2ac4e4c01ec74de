//! The losses and classifiers of COMIC.

use crate::case::{Case, SINGLE, compare};
use crate::loss::{Batch, labels, only, zero_is_unknown};
use lacuna_engine::{Tape, Tensor, Var};
use lacuna_losses::comic::{
    HeadTailBalancer, HtbConfig, Mfm, MfmConfig, PaperConfig, PaperMfm, Rlc, RlcConfig,
};
use lacuna_losses::{ClassStatistics, Dual, LossGrad, LossInput, MultiLabelLoss, Real, differentiate};
use lacuna_nn::cosine::reference::{CosineFormula, logit};
use lacuna_nn::{CosineClassifier, Layer, Mode, MovingVector};

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

/// The files have weights classes by features, the layer features by classes.
fn transposed<T: Copy>(w: &[T], columns: usize) -> Vec<T> {
    (0..columns).flat_map(|column| w[column..].iter().step_by(columns).copied()).collect()
}

pub(crate) fn classifier(case: &Case) -> Result<(), String> {
    only(case, &["kind", "num_head", "tau", "alpha", "gamma"])?;
    let param = |name| case.number("params", name);
    let alpha = param("alpha")?;
    let share = match case.text("params", "kind")? {
        "head" => f64::from(CosineClassifier::HEAD_SHARE),
        "tail" => alpha,
        "balanced" => 0.0,
        other => return Err(format!("there is no classifier {other}")),
    };
    let groups = param("num_head")? as usize;
    let formula = CosineFormula { groups, tau: param("tau")?, gamma: param("gamma")?, share };
    let (x, w) = (case.matrix("inputs", "features")?, case.matrix("inputs", "weights")?);
    let (e, g) = (case.numbers("inputs", "embed")?, case.numbers("inputs", "upstream")?);
    let (rows, classes, width) = (x.rows, w.rows, x.columns);

    // The formula in dual numbers.
    let logits = |duals: &[Dual], formula: &CosineFormula| -> Vec<Dual> {
        let (x, w) = duals.split_at(x.data.len());
        let pairs = x.chunks(width).flat_map(|x| w.chunks(width).map(move |w| (x, w)));
        pairs.map(|(x, w)| logit(x, w, &e, formula)).collect()
    };
    let values = |z: &[Dual]| z.iter().map(|z| z.value()).collect::<Vec<f64>>();
    let all: Vec<f64> = x.data.iter().chain(&w.data).copied().collect();
    let duals: Vec<Dual> = all.iter().map(|&x| Dual::of(x)).collect();
    let plain_exact = values(&logits(&duals, &CosineFormula { share: 0.0, ..formula }));
    case.check("logits", &plain_exact)?;
    let exact = values(&logits(&duals, &formula));
    case.check("logits_moving", &exact)?;
    let (_, slopes) = crate::loss::derivatives(&all, |duals| {
        Real::sum(logits(duals, &formula).into_iter().zip(&g).map(|(z, &g)| z * Dual::of(g)))
    });
    let (dx, dw) = slopes.split_at(x.data.len());
    case.check("grad_features", dx)?;
    case.check("grad_weights", dw)?;

    // The layer on a tape, in f32.
    let single = |x: &[f64]| x.iter().map(|&x| x as f32).collect::<Vec<f32>>();
    let wide = |x: &[f32]| x.iter().map(|&x| f64::from(x)).collect::<Vec<f64>>();
    let columns = transposed(&w.data, width);
    let mut tape = Tape::new();
    let layer = CosineClassifier {
        weight: tape.param("weight", Tensor::new([width, classes], single(&columns))),
        groups,
        tau: formula.tau as f32,
        gamma: formula.gamma as f32,
        alpha: alpha as f32,
    };
    tape.seal();
    let features = tape.variable([rows, width], &single(&x.data));
    let embed = tape.input([width], &single(&e));
    let plain = layer.forward(&mut tape, features, Mode::Eval);
    let moving = layer.forward_along(&mut tape, features, embed, share as f32);
    tape.backward_from(moving, &single(&g));
    let grad = |var| tape.grad(var).map(wide).ok_or("no gradient");
    compare("layer, logits", &wide(tape.value(plain)), &plain_exact, SINGLE)?;
    compare("layer, logits_moving", &wide(tape.value(moving)), &exact, SINGLE)?;
    compare("layer, grad_features", &grad(features)?, dx, SINGLE)?;
    compare("layer, grad_weights", &transposed(&grad(layer.weight)?, classes), dw, SINGLE)?;

    // The recorded graph, evaluated in f64 from the numbers of the file: value and gradients without rounding.
    let leaf = |var: Var, element: usize, recorded: f64| {
        if var == layer.weight {
            columns[element]
        } else if var == features {
            x.data[element]
        } else if var == embed {
            e[element]
        } else {
            recorded
        }
    };
    let replayed = tape.replay::<f64>(leaf);
    case.check("logits", replayed.value(&tape, plain))?;
    case.check("logits_moving", replayed.value(&tape, moving))?;
    let slope = |variable: Var, at: usize| -> f64 {
        let replayed = tape.replay::<Dual>(|var, element, recorded| {
            let x = leaf(var, element, recorded);
            if (var, element) == (variable, at) { Dual::variable(x) } else { Dual::of(x) }
        });
        replayed.value(&tape, moving).iter().zip(&g).map(|(z, g)| z.derivative() * g).sum()
    };
    let dx: Vec<f64> = (0..rows * width).map(|at| slope(features, at)).collect();
    let dw: Vec<f64> = (0..width * classes).map(|at| slope(layer.weight, at)).collect();
    case.check("grad_features", &dx)?;
    case.check("grad_weights", &transposed(&dw, classes))
}

pub(crate) fn moving_vector(case: &Case) -> Result<(), String> {
    only(case, &["mu"])?;
    let expected = case.matrix("outputs", "embed")?;
    let features = case.numbers("inputs", "features")?;
    let mut e = MovingVector::new(case.number("params", "mu")?, expected.columns);
    let mut found = Vec::new();
    for batch in features.chunks(features.len() / expected.rows.max(1)) {
        e.update(batch);
        found.extend_from_slice(e.values());
    }
    case.check("embed", &found)
}
