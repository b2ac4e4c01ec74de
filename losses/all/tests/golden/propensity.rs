//! `propensity` and the losses built on it.

use crate::case::Case;
use crate::loss::{Batch, only, reduction, zero_is_unknown};
use lacuna_losses::ClassStatistics;
use lacuna_losses::propensity::{Bound, Propensities, Propensity, Surrogate};

pub(crate) fn propensity(case: &Case) -> Result<(), String> {
    only(case, &["A", "B", "num_instances"])?;
    let param = |name| case.number("params", name);
    let counts = case.numbers("inputs", "class_freq")?;
    let train = ClassStatistics::new(param("num_instances")?, counts).map_err(|e| e.to_string())?;
    let model = Propensities { a: param("A")?, b: param("B")? };
    case.check("inverse_propensity", &model.inverse(&train).map_err(|e| e.to_string())?)?;
    case.check("propensity", &model.of(&train).map_err(|e| e.to_string())?)
}

fn loss(case: &Case, bound: Bound, surrogate: Surrogate) -> Result<(), String> {
    only(case, &["reduction"])?;
    let propensities = case.numbers("inputs", "propensity")?;
    let loss =
        Propensity::new(bound, surrogate, &propensities, reduction(case)?).map_err(|e| e.to_string())?;
    Batch::of(case, Box::new(loss), zero_is_unknown, &[])?.check(case)
}

pub(crate) fn unbiased_bce(case: &Case) -> Result<(), String> {
    loss(case, Bound::Unbiased, Surrogate::Bce)
}

pub(crate) fn unbiased_hinge(case: &Case) -> Result<(), String> {
    loss(case, Bound::Unbiased, Surrogate::SquaredHinge)
}

pub(crate) fn upper_bce(case: &Case) -> Result<(), String> {
    loss(case, Bound::Upper, Surrogate::Bce)
}

pub(crate) fn upper_hinge(case: &Case) -> Result<(), String> {
    loss(case, Bound::Upper, Surrogate::SquaredHinge)
}
