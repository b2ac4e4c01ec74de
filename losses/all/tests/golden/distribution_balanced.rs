//! The losses of the distribution-balanced code.

use crate::case::Case;
use crate::loss::{Batch, only, zero_is_unknown};
use lacuna_losses::ClassStatistics;
use lacuna_losses::distribution_balanced::reference::weights;
use lacuna_losses::distribution_balanced::{
    ClassBalance, Focal, Norm, Preset, Resample, ResampleConfig, Reweight, Variant, class_aware_epoch,
};

fn map(case: &Case, fields: [Option<f64>; 3]) -> Result<Reweight, String> {
    match fields {
        [Some(alpha), Some(beta), Some(mu)] => Ok(Reweight::Rebalance { alpha, beta, mu }),
        _ => Err(format!("{}: the map has three parameters", case.name)),
    }
}

fn check(case: &Case, config: ResampleConfig) -> Result<(), String> {
    let counts = case.numbers("inputs", "class_freq")?;
    let train =
        ClassStatistics::new(case.number("params", "num_train")?, counts).map_err(|e| e.to_string())?;
    let loss = Resample::new(Variant::DbFocal, config.clone(), &train).map_err(|e| e.to_string())?;
    if case.has("outputs", "init_bias") {
        case.check("init_bias", &loss.shifts())?;
    }
    let mut batch = Batch::of(case, Box::new(loss), zero_is_unknown, &[])?;
    if case.has("outputs", "class_weight") {
        let all = weights(&batch.labels, train.positives(), train.rows(), &config.reweight, config.norm);
        let found = match config.reweight {
            Reweight::Rebalance { .. } => all,
            Reweight::ClassBalanced { mode, .. } if mode != ClassBalance::ByClass => {
                all.chunks(batch.classes).map(|row| row[0]).collect()
            }
            _ => all[..batch.classes].to_vec(),
        };
        case.check("class_weight", &found)?;
    }
    batch.check(case)
}

pub(crate) fn resample(case: &Case) -> Result<(), String> {
    only(case, &["reweight_func", "weight_norm", "CB_loss", "focal", "logit_reg", "map_param", "num_train"])?;
    case.only_fields("focal", &["focal", "balance_param", "gamma"])?;
    case.only_fields("logit_reg", &["init_bias", "neg_scale"])?;
    case.only_fields("map_param", &["alpha", "beta", "gamma"])?;
    case.only_fields("CB_loss", &["CB_beta", "CB_mode"])?;
    let reweight = match case.text("params", "reweight_func")? {
        "rebalance" => {
            let field = |name| case.field("map_param", name);
            map(case, [field("alpha")?, field("beta")?, field("gamma")?])?
        }
        "inv" => Reweight::Inverse,
        "sqrt_inv" => Reweight::InverseRoot,
        "CB" => {
            let mode = match case.field_text("CB_loss", "CB_mode") {
                Some("by_class") => ClassBalance::ByClass,
                Some("average_w") => ClassBalance::AverageWeight,
                Some("average_n") => ClassBalance::AverageN,
                Some("min_n") => ClassBalance::MinN,
                other => return Err(format!("there is no mode {other:?}")),
            };
            let beta = case.field("CB_loss", "CB_beta")?.ok_or("CB_beta is missing")?;
            Reweight::ClassBalanced { beta, mode }
        }
        other => return Err(format!("there is no re-weighting {other}")),
    };
    let norm = match case.has("params", "weight_norm").then(|| case.text("params", "weight_norm")) {
        None => Norm::None,
        Some(Ok("by_instance")) => Norm::ByInstance,
        Some(Ok("by_batch")) => Norm::ByBatch,
        Some(other) => return Err(format!("there is no normalisation {other:?}")),
    };
    let focal = match case.field("focal", "focal")? {
        Some(0.0) => None,
        Some(_) => Some(Focal {
            balance: case.field("focal", "balance_param")?.ok_or("balance_param is missing")?,
            gamma: case.field("focal", "gamma")?.ok_or("gamma is missing")?,
        }),
        None => return Err("focal is missing".to_owned()),
    };
    let config = ResampleConfig {
        reweight,
        norm,
        focal,
        neg_scale: case.field("logit_reg", "neg_scale")?.unwrap_or(1.0),
        init_bias: case.field("logit_reg", "init_bias")?.unwrap_or(0.0),
        ..Variant::DbFocal.config(Preset::Voc)
    };
    check(case, config)
}

pub(crate) fn paper_bias(case: &Case) -> Result<(), String> {
    only(
        case,
        &["map_alpha", "map_beta", "map_gamma", "neg_lambda", "kappa", "focal_gamma", "balance", "num_train"],
    )?;
    let param = |name| case.number("params", name);
    let map = map(case, [Some(param("map_alpha")?), Some(param("map_beta")?), Some(param("map_gamma")?)])?;
    let config = ResampleConfig {
        reweight: map,
        focal: Some(Focal { balance: param("balance")?, gamma: param("focal_gamma")? }),
        neg_scale: param("neg_lambda")?,
        init_bias: param("kappa")?,
        paper_bias: true,
        ..Variant::DbFocal.config(Preset::Voc)
    };
    check(case, config)
}

pub(crate) fn class_aware_sampler(case: &Case) -> Result<(), String> {
    // How many images a visited class gives does not change the length of the epoch.
    only(case, &["reduce", "num_samples_cls"])?;
    let counts: Vec<usize> = case.numbers("inputs", "class_count")?.iter().map(|&n| n as usize).collect();
    let found = class_aware_epoch(&counts, case.number("params", "reduce")? as usize);
    case.check("samples_per_epoch", &[found as f64])
}
