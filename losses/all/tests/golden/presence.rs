//! `presence_an_full`, `presence_an_slds`, `presence_an_ssdl`, each also with `_me`, `presence_full_weighted`,
//! `presence_class_weight`.

use crate::case::{Case, Tolerance, compare};
use crate::loss::{Batch, derivatives, labels, one_positive, only, zero_is_unknown};
use lacuna_losses::presence::reference::{self, Complement};
use lacuna_losses::presence::{
    AnFull, AnSlds, AnSsdl, ClassWeighting, FullWeighted, FullWeightedConfig, OtherClass, PresenceConfig,
    class_weights,
};
use lacuna_losses::{ClassStatistics, Dual, Real, Reduction};

/// The second matrix of those that have one.
const BACKGROUND: &[(&str, &str)] = &[("background_logits", "grad_background")];

/// `_me` is the entropy of assumed negatives.
fn config(case: &Case) -> Result<PresenceConfig, String> {
    let log_epsilon = case.number("params", "log_epsilon")?;
    let entropy = case.method.ends_with("_me");
    Ok(PresenceConfig { log_epsilon, entropy, ..PresenceConfig::default() })
}

/// The files have the rounding of 1 - p, which the exact formula is up to 1e-11 away from at saturated probabilities: the formula
/// with that rounding is held to the tolerance of the file, and the exact one to it.
fn check(
    case: &Case,
    mut batch: Batch,
    formula: impl Fn(&[&[Dual]], Complement) -> Dual,
) -> Result<(), String> {
    let cells = batch.rows * batch.classes;
    let z = batch.z.concat();
    let (value, gradient) =
        derivatives(&z, |z| formula(&z.chunks(cells).collect::<Vec<&[Dual]>>(), Complement::Rounded));
    case.check("loss", &[value])?;
    for (output, gradient) in ["grad_logits", "grad_background"].iter().zip(gradient.chunks(cells)) {
        case.check(output, gradient)?;
    }
    let exact = batch.exact(&batch.z);
    let near = Tolerance { relative: 1e-10, absolute: 1e-11 };
    compare("exact loss", &[exact.value], &[value], near)?;
    compare("exact gradient", &exact.logits.concat(), &gradient, near)?;
    batch.check_kernel(case, None)
}

pub(crate) fn an_full(case: &Case) -> Result<(), String> {
    only(case, &["pos_weight", "log_epsilon"])?;
    let config = PresenceConfig { pos_weight: case.number("params", "pos_weight")?, ..config(case)? };
    let PresenceConfig { pos_weight, entropy, log_epsilon, .. } = config;
    let loss = AnFull::new(config).map_err(|e| e.to_string())?;
    let batch = one_positive(case, Box::new(loss), BACKGROUND)?;
    let labels = batch.labels.clone();
    check(case, batch, |z, complement| {
        let sum = reference::an_full([z[0], z[1]], &labels, pos_weight, (log_epsilon, entropy), complement);
        sum / Dual::of(labels.len() as f64)
    })
}

/// Positives, and one assumed negative of each row: its matrix and class by row and class of the positive.
fn pairs(case: &Case, batch: Batch, other: impl Fn(usize, usize) -> (usize, usize)) -> Result<(), String> {
    let PresenceConfig { log_epsilon, entropy, .. } = config(case)?;
    let classes = batch.classes;
    let positives: Vec<usize> = batch
        .labels
        .chunks(classes)
        .map(|row| row.iter().position(|l| l.is_positive()).expect("one in each row"))
        .collect();
    check(case, batch, |z, complement| {
        let rows = || positives.iter().enumerate();
        let seen: Vec<Dual> = rows().map(|(row, &class)| z[0][row * classes + class]).collect();
        let others = rows().map(|(row, &positive)| {
            let (matrix, class) = other(row, positive);
            z[matrix][row * classes + class]
        });
        let others: Vec<Dual> = others.collect();
        let sum = reference::pairs(&seen, &others, (log_epsilon, entropy), complement);
        sum / Dual::of(positives.len() as f64)
    })
}

pub(crate) fn an_slds(case: &Case) -> Result<(), String> {
    only(case, &["log_epsilon"])?;
    let others: Vec<u32> =
        case.numbers("inputs", "other_class_index")?.into_iter().map(|class| class as u32).collect();
    let loss = AnSlds::new(config(case)?, OtherClass::Given(others.clone())).map_err(|e| e.to_string())?;
    pairs(case, one_positive(case, Box::new(loss), &[])?, |row, _| (0, others[row] as usize))
}

pub(crate) fn an_ssdl(case: &Case) -> Result<(), String> {
    only(case, &["log_epsilon"])?;
    let loss = AnSsdl::new(config(case)?).map_err(|e| e.to_string())?;
    pairs(case, one_positive(case, Box::new(loss), BACKGROUND)?, |_, positive| (1, positive))
}

pub(crate) fn full_weighted(case: &Case) -> Result<(), String> {
    only(case, &["lambda_1", "lambda_2", "log_epsilon"])?;
    let config = FullWeightedConfig {
        lambda_1: case.number("params", "lambda_1")?,
        lambda_2: case.number("params", "lambda_2")?,
        log_epsilon: case.number("params", "log_epsilon")?,
        reduction: Reduction::Mean,
    };
    let (lambdas, e) = ((config.lambda_1, config.lambda_2), config.log_epsilon);
    let weights = case.numbers("inputs", "class_weight")?;
    let loss = FullWeighted::new(config, &weights).map_err(|e| e.to_string())?;
    let batch = Batch::of(case, Box::new(loss), zero_is_unknown, BACKGROUND)?;
    let labels = batch.labels.clone();
    check(case, batch, |z, complement| {
        let sum = reference::full_weighted([z[0], z[1]], &labels, &weights, lambdas, e, complement);
        sum / Dual::of(labels.len() as f64)
    })
}

pub(crate) fn class_weight(case: &Case) -> Result<(), String> {
    only(case, &["weighting", "epsilon"])?;
    if case.number("params", "epsilon")? != 1e-5 {
        return Err("the guard of class weights is 1e-5".to_owned());
    }
    let weighting = match case.text("params", "weighting")? {
        "inversely_proportional" => ClassWeighting::InverselyProportional,
        "inversely_proportional_clipped" => ClassWeighting::Clipped,
        "inversely_proportional_sqrt" => ClassWeighting::SquareRoot,
        "uniform" => ClassWeighting::Uniform,
        other => return Err(format!("there is no weighting {other}")),
    };
    let classes = case.matrix("inputs", "labels")?.columns;
    let train = ClassStatistics::of(&labels(case, "labels", zero_is_unknown)?, classes);
    let train = train.map_err(|e| e.to_string())?;
    case.check("class_weight", &class_weights(train.rows(), train.positives(), weighting))
}
