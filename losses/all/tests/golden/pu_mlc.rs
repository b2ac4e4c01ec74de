//! `pu_mlc`, `pu_mlc_mixup`.

use crate::case::{Case, SINGLE, compare};
use crate::loss::{Method, labels, minus_one_is_negative, only, run};
use lacuna_losses::pu_mlc::reference::temperature;
use lacuna_losses::pu_mlc::{MixupTerm, halves};
use lacuna_losses::{LossGrad, LossInput, Mix, MultiLabelLoss, differentiate};

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

/// A linear model z = x W^T on whole and on mixed rows.
pub(crate) fn mixup(case: &Case) -> Result<(), String> {
    only(case, &["lambda", "eps"])?;
    let (lambda, eps) = (case.number("params", "lambda")?, case.number("params", "eps")?);
    let (x, w) = (case.matrix("inputs", "features")?, case.matrix("inputs", "weights")?);
    let labels = labels(case, "labels", minus_one_is_negative)?;
    let permutation: Vec<u32> = case.numbers("inputs", "perm")?.iter().map(|&row| row as u32).collect();
    let (mut first, mut second) = (Vec::new(), Vec::new());
    if permutation.len() != x.rows / 2 {
        return Err("a permutation of half the rows".to_owned());
    }
    halves(x.rows, &permutation, &mut first, &mut second);
    let row = |row: u32| &x.data[row as usize * x.columns..][..x.columns];
    let mixed: Vec<f64> = first
        .iter()
        .zip(&second)
        .flat_map(|(&a, &b)| row(a).iter().zip(row(b)).map(|(a, b)| lambda * a + (1.0 - lambda) * b))
        .collect();
    let logits = |x: &[f64]| -> Vec<f64> {
        let dot = |x: &[f64], w: &[f64]| x.iter().zip(w).map(|(x, w)| x * w).sum();
        x.chunks(w.columns).flat_map(|x| w.data.chunks(w.columns).map(move |w| dot(x, w))).collect()
    };
    let through = |gradients: &[Vec<f64>]| -> Vec<f64> {
        let mut dw = vec![0.0; w.data.len()];
        for (dz, x) in gradients.iter().zip([&x.data, &mixed]) {
            for (dz, x) in dz.chunks(w.rows).zip(x.chunks(w.columns)) {
                for (dz, dw) in dz.iter().zip(dw.chunks_mut(w.columns)) {
                    dw.iter_mut().zip(x).for_each(|(dw, x)| *dw += dz * x);
                }
            }
        }
        dw
    };
    let (z, z_mixed) = (logits(&x.data), logits(&mixed));
    let mut term = MixupTerm::new(eps).map_err(|e| e.to_string())?;
    let mut input = LossInput::new(&[], x.rows, w.rows, &labels);
    input.targets.mix = Some(Mix { first: &first, second: &second, lambda });
    let exact = differentiate(&term, &[&z, &z_mixed], &input);
    case.check("reg_loss", &[exact.value])?;
    case.check("grad_weights", &through(&exact.logits))?;

    let single = |x: &[f64]| x.iter().map(|&x| x as f32).collect::<Vec<f32>>();
    let (z, z_mixed) = (single(&z), single(&z_mixed));
    let logits = [&z[..], &z_mixed[..]];
    let (mut dz, mut dm) = (vec![f32::NAN; z.len()], vec![f32::NAN; z_mixed.len()]);
    let input = LossInput { logits: &logits, ..input };
    let value = term.evaluate(&input, LossGrad::Into(&mut [&mut dz, &mut dm])).map_err(|e| e.to_string())?;
    let wide = |x: Vec<f32>| x.into_iter().map(f64::from).collect::<Vec<f64>>();
    compare("kernel, reg_loss", &[f64::from(value)], &[exact.value], SINGLE)?;
    compare("kernel, grad_weights", &through(&[wide(dz), wide(dm)]), &through(&exact.logits), SINGLE)
}
