//! `mime`, `mime_kl`, `mime_relabel`.

use crate::case::{Case, SINGLE};
use crate::loss::{derivatives, labels, only, zero_is_unknown};
use lacuna_engine::Tape;
use lacuna_losses::mime::{GaussianKl, reference, write_positives};
use lacuna_losses::spml::{GuardedBce, GuardedConfig, Kind};
use lacuna_losses::{Label, LossGrad, LossInput, MultiLabelLoss};
use lacuna_nn::reparametrise;

fn single(x: &[f64]) -> Vec<f32> {
    x.iter().map(|&x| x as f32).collect()
}

fn double(x: &[f32]) -> Vec<f64> {
    x.iter().map(|&x| f64::from(x)).collect()
}

pub(crate) fn divergence(case: &Case) -> Result<(), String> {
    only(case, &["beta"])?;
    let beta = case.number("params", "beta")?;
    let (mu, s) = (case.numbers("inputs", "mu")?, case.numbers("inputs", "s")?);
    let n = mu.len();
    let (value, gradient) =
        derivatives(&[&mu[..], &s].concat(), |all| reference::gaussian_kl(&all[..n], &all[n..], beta));
    case.check("loss", &[value])?;
    case.check("grad_mu", &gradient[..n])?;
    case.check("grad_s", &gradient[n..])?;
    let (mut dmu, mut ds) = (vec![f32::NAN; n], vec![f32::NAN; n]);
    let value = GaussianKl::new(beta)
        .and_then(|kl| kl.evaluate(&single(&mu), &single(&s), Some([&mut dmu, &mut ds])))
        .map_err(|e| e.to_string())?;
    case.check_within("loss", &[f64::from(value)], SINGLE).map_err(|e| format!("kernel, {e}"))?;
    case.check_within("grad_mu", &double(&dmu), SINGLE).map_err(|e| format!("kernel, {e}"))?;
    case.check_within("grad_s", &double(&ds), SINGLE).map_err(|e| format!("kernel, {e}"))
}

/// Logits, loss and regulariser of drawn representations: the formula in f64, and the tape in f32.
pub(crate) fn mime(case: &Case) -> Result<(), String> {
    only(case, &["beta", "log_epsilon", "temperature", "shared"])?;
    let param = |name| case.number("params", name);
    let (beta, e, temperature) = (param("beta")?, param("log_epsilon")?, param("temperature")?);
    let shared = param("shared")? == 1.0;
    let (statistics, noise) = (case.numbers("inputs", "statistics")?, case.numbers("inputs", "noise")?);
    let (weights, bias) = (case.matrix("inputs", "weights")?, case.numbers("inputs", "bias")?);
    let labels = labels(case, "labels", zero_is_unknown)?;
    let (classes, wide) = (weights.rows, weights.columns);
    // Each representation has mu, then s.
    let count = statistics.len() / (2 * wide);
    let draws: Vec<Vec<f64>> = noise.chunks(count * wide).map(<[f64]>::to_vec).collect();
    let all: Vec<f64> = [&statistics[..], &weights.data, &bias].concat();
    let (of_weights, of_bias) = (statistics.len(), statistics.len() + weights.data.len());
    let mut regulariser = 0.0;
    let mut logits = vec![];
    let (value, gradient) = {
        let parts = std::cell::RefCell::new((&mut regulariser, &mut logits));
        derivatives(&all, |all| {
            let z = reference::logits(
                &all[..of_weights],
                &draws,
                &all[of_weights..of_bias],
                &all[of_bias..],
                shared,
            );
            let halves = all[..of_weights].chunks(2 * wide).map(|both| both.split_at(wide));
            let (mu, s): (Vec<_>, Vec<_>) = halves.unzip();
            let kl = reference::gaussian_kl(&mu.concat(), &s.concat(), beta);
            let mut parts = parts.borrow_mut();
            *parts.0 = lacuna_losses::Real::value(kl);
            *parts.1 = z.iter().map(|z| lacuna_losses::Real::value(*z)).collect();
            reference::assume_negative(&z, &labels, temperature, e) + kl
        })
    };
    case.check("logits", &logits)?;
    case.check("regulariser", &[regulariser])?;
    let grads = [
        ("grad_statistics", &gradient[..of_weights]),
        ("grad_weights", &gradient[of_weights..of_bias]),
        ("grad_bias", &gradient[of_bias..]),
    ];
    for (output, grad) in grads {
        case.check(output, grad)?;
    }
    case.check("loss", &[value])?;

    // On the tape: as the procedure records it, and with a representation for each class.
    let mut tape = Tape::new();
    tape.seal();
    let w = tape.variable([classes, wide], &single(&weights.data));
    let b = tape.variable([classes], &single(&bias));
    let both = tape.variable([count, 2 * wide], &single(&statistics));
    let (mu, s) = (tape.slice_columns(both, 0..wide), tape.slice_columns(both, wide..2 * wide));
    let mean: Vec<f32> = (0..count * wide)
        .map(|i| (draws.iter().map(|draw| draw[i]).sum::<f64>() / draws.len() as f64) as f32)
        .collect();
    let mean = tape.input([count, wide], &mean);
    let z = reparametrise(&mut tape, mu, s, mean);
    let z = if shared {
        let across = tape.transpose(w);
        let product = tape.matmul(z, across);
        tape.add(product, b)
    } else {
        let class: Vec<u32> = (0..count).map(|i| (i % classes) as u32).collect();
        let of_class = tape.gather_rows(w, &class);
        let products = tape.mul(z, of_class);
        let sums = tape.sum_rows(products);
        let z = tape.reshape(sums, [labels.len() / classes, classes]);
        tape.add(z, b)
    };
    case.check_within("logits", &double(tape.value(z)), SINGLE).map_err(|e| format!("tape, {e}"))?;
    let scaled = tape.scale(z, (1.0 / temperature) as f32);
    let rows = labels.len() / classes;
    let config = GuardedConfig { log_epsilon: e, ..GuardedConfig::default() };
    let mut an = GuardedBce::new(Kind::An, config).map_err(|e| e.to_string())?;
    let observed = tape
        .fused_loss(&[scaled], |z, dz| {
            an.evaluate(&LossInput::new(z, rows, classes, &labels), LossGrad::Into(dz))
        })
        .map_err(|e| e.to_string())?;
    let kl = GaussianKl::new(beta).map_err(|e| e.to_string())?;
    let kl = tape.fused_loss(&[mu, s], |x, dx| {
        let [dmu, ds] = dx else { unreachable!("two inputs") };
        kl.evaluate(x[0], x[1], Some([dmu, ds]))
    });
    let kl = kl.map_err(|e| e.to_string())?;
    let loss = tape.add(observed, kl);
    tape.backward(loss);
    case.check_within("loss", &double(tape.value(loss)), SINGLE).map_err(|e| format!("tape, {e}"))?;
    case.check_within("regulariser", &double(tape.value(kl)), SINGLE).map_err(|e| format!("tape, {e}"))?;
    for (output, var) in [("grad_statistics", both), ("grad_weights", w), ("grad_bias", b)] {
        let grad = tape.grad(var).ok_or("no gradient")?;
        case.check_within(output, &double(grad), SINGLE).map_err(|e| format!("tape, {e}"))?;
    }
    Ok(())
}

pub(crate) fn relabel(case: &Case) -> Result<(), String> {
    only(case, &["theta"])?;
    let theta = case.number("params", "theta")?;
    let matrix = case.matrix("inputs", "labels")?;
    let mut overlay = labels(case, "labels", zero_is_unknown)?;
    let (rows, classes) = (matrix.rows, matrix.columns);
    let logits = single(&case.numbers("inputs", "logits_of_epochs")?);
    let visited = case.numbers("inputs", "rows_of_epochs")?;
    let epochs = logits.len() / (rows * classes);
    let each = visited.len() / epochs;
    let mut found = vec![];
    for epoch in 0..epochs {
        for row in &visited[epoch * each..][..each] {
            let row = *row as usize * classes;
            let logits = &logits[epoch * rows * classes + row..][..classes];
            let labels = &mut overlay[row..row + classes];
            write_positives(labels, logits, theta).map_err(|e| e.to_string())?;
        }
        found.extend(overlay.iter().map(|label| f64::from(u8::from(*label == Label::Positive))));
    }
    case.check("labels_of_epochs", &found)
}
