//! The large-loss schemes and BoostLU.

use crate::case::{Case, SINGLE, compare};
use crate::loss::{Batch, derivatives, minus_one_is_negative, only};
use lacuna_losses::Real;
use lacuna_losses::large_loss::reference::{boost, kth_largest, unobserved_losses};
use lacuna_losses::large_loss::{BoostLu, CleanRate, LargeLoss, LargeLossConfig, Scheme};

/// LargeLossMatters: cells strictly above the threshold are corrected for good.
pub(crate) fn large_loss(case: &Case) -> Result<(), String> {
    only(case, &["clean_rate", "mod_scheme", "delta_rel"])?;
    check(case, "mod_scheme", false)
}

/// The BoostLU repository: cells at the threshold as well.
pub(crate) fn boostlu_repo(case: &Case) -> Result<(), String> {
    // The data set only picks file names there.
    only(case, &["clean_rate", "largelossmod_scheme", "delta_rel", "dataset"])?;
    check(case, "largelossmod_scheme", true)
}

fn check(case: &Case, scheme: &str, with_threshold: bool) -> Result<(), String> {
    let scheme = match case.text("params", scheme)? {
        "LL-R" => Scheme::Reject,
        "LL-Ct" => Scheme::Correct,
        "LL-Cp" => Scheme::CorrectForGood,
        other => return Err(format!("there is no scheme {other}")),
    };
    let (rate, delta) = (case.number("params", "clean_rate")?, case.number("params", "delta_rel")?);
    let config = LargeLossConfig {
        clean_rate: CleanRate::Fixed { rate },
        corrected_share: delta,
        with_threshold,
        ..Default::default()
    };
    let loss = LargeLoss::new(scheme, config).map_err(|e| e.to_string())?;
    let mut batch = Batch::of(case, Box::new(loss), minus_one_is_negative, &[])?;
    batch.check(case)?;

    // Which cells a permanent correction would take, listed for every scheme.
    let losses = unobserved_losses(&batch.z[0], &batch.labels);
    let n = losses.len() as f64;
    let share = if scheme == Scheme::CorrectForGood { delta } else { 1.0 - rate };
    let mut cells = Vec::new();
    if rate != 1.0 {
        let theta = kth_largest(&losses, (n * share).ceil() as usize);
        for (i, &loss) in losses.iter().enumerate() {
            if loss > theta || (with_threshold && loss == theta) {
                cells.extend([(i / batch.classes) as f64, (i % batch.classes) as f64]);
            }
        }
    }
    case.check("permanent_correction_index", &cells)
}

pub(crate) fn boostlu(case: &Case) -> Result<(), String> {
    only(case, &["alpha"])?;
    let alpha = case.number("params", "alpha")?;
    let (x, g) = (case.numbers("inputs", "values")?, case.numbers("inputs", "upstream")?);
    let y: Vec<f64> = x.iter().map(|&x| boost(x, alpha)).collect();
    let (_, dx) =
        derivatives(&x, |x| Real::sum(x.iter().zip(&g).map(|(&x, &g)| boost(x, alpha) * Real::of(g))));
    case.check("values_out", &y)?;
    case.check("grad_values", &dx)?;

    let single = |x: &[f64]| x.iter().map(|&x| x as f32).collect::<Vec<f32>>();
    let wide = |x: &[f32]| x.iter().map(|&x| f64::from(x)).collect::<Vec<f64>>();
    let (mut fast_y, mut fast_dx) = (vec![f32::NAN; y.len()], vec![f32::NAN; y.len()]);
    let layer = BoostLu::new(alpha).map_err(|e| e.to_string())?;
    layer.forward(&single(&x), &mut fast_y);
    layer.backward(&single(&x), &single(&g), &mut fast_dx);
    compare("kernel, values_out", &wide(&fast_y), &y, SINGLE)?;
    compare("kernel, grad_values", &wide(&fast_dx), &dx, SINGLE)
}
