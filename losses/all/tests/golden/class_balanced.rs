//! `effective_number_weights`, `ldam_bce`, `ldam_softmax`.

use crate::case::Case;
use crate::loss::{Batch, one_positive, only, reduction, zero_is_unknown};
use lacuna_losses::ClassStatistics;
use lacuna_losses::class_balanced::{
    Ldam, LdamConfig, LdamSoftmax, effective_number_weights, sum_to_classes,
};

pub(crate) fn weights(case: &Case) -> Result<(), String> {
    only(case, &["beta"])?;
    let counts = case.numbers("inputs", "class_freq")?;
    let raw = effective_number_weights(case.number("params", "beta")?, &counts);
    case.check("raw", &raw)?;
    case.check("sum_to_num_classes", &sum_to_classes(&raw))
}

pub(crate) fn ldam_bce(case: &Case) -> Result<(), String> {
    only(case, &["max_m", "s", "reduction"])?;
    let param = |name| case.number("params", name);
    let config = LdamConfig { max_m: param("max_m")?, s: param("s")?, reduction: reduction(case)? };
    let counts = case.numbers("inputs", "class_freq")?;
    // The margins do not depend on the number of rows, which the files leave out.
    let rows = counts.iter().sum();
    let train = ClassStatistics::new(rows, counts).map_err(|e| e.to_string())?;
    let loss = Ldam::new(config, &train).map_err(|e| e.to_string())?;
    case.check("margins", loss.margins())?;
    Batch::of(case, Box::new(loss), zero_is_unknown, &[])?.check(case)
}

pub(crate) fn ldam_softmax(case: &Case) -> Result<(), String> {
    only(case, &["max_m", "s"])?;
    let param = |name| case.number("params", name);
    let config = LdamConfig { max_m: param("max_m")?, s: param("s")?, ..LdamConfig::default() };
    let counts = case.numbers("inputs", "class_freq")?;
    let train = ClassStatistics::new(counts.iter().sum(), counts).map_err(|e| e.to_string())?;
    let loss = LdamSoftmax::new(config, &train).map_err(|e| e.to_string())?;
    case.check("margins", loss.margins())?;
    one_positive(case, Box::new(loss), &[])?.check(case)
}
