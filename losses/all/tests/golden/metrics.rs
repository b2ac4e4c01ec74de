//! `metrics_ap_sklearn`, `metrics_ap_asl`.

use crate::case::Case;
use lacuna_labels::TrueLabels;
use lacuna_metrics::{MapConvention, mean_average_precision};

pub(crate) fn ap_sklearn(case: &Case) -> Result<(), String> {
    if case.number("params", "empty_class_ap")? != 0.0 {
        return Err("an empty class counts as 0 in this convention".to_owned());
    }
    average_precision(case, MapConvention::SPML)
}

pub(crate) fn ap_asl(case: &Case) -> Result<(), String> {
    if case.number("params", "eps")? != 1e-8 {
        return Err("1e-8 is part of this convention".to_owned());
    }
    if !case.text("params", "tie_order")?.starts_with("reverse of a stable ascending sort") {
        return Err("another order of ties".to_owned());
    }
    average_precision(case, MapConvention::ASL)
}

fn average_precision(case: &Case, convention: MapConvention) -> Result<(), String> {
    let (scores, labels) = (case.matrix("inputs", "scores")?, case.matrix("inputs", "labels")?);
    let at = |row: usize, class: usize| labels.data[row * labels.columns + class] == 1.0;
    let truth = TrueLabels::from_fn(labels.rows, labels.columns, at);
    let result = mean_average_precision(&scores.data, &truth, convention).map_err(|e| e.to_string())?;
    case.check("ap", &result.per_class)?;
    case.check("map_percent", &[result.percent()])
}
