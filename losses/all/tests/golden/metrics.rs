//! `metrics_*`: every metric with the convention its case names.

use crate::case::{Case, Matrix};
use crate::loss::only;
use lacuna_labels::TrueLabels;
use lacuna_metrics::{
    ApFlavour, AtK, Average, BestThreshold, ClassGroups, Confusion, Confusions, EmptyClass, MapConvention,
    MapResult, OneSidedRows, Overall, OverallFlavour, PropensityAtK, RowRanking, Threshold, Undefined,
    mean_average_precision,
};

fn truth(case: &Case) -> Result<TrueLabels, String> {
    let labels = case.matrix("inputs", "labels")?;
    if let Some(other) = labels.data.iter().find(|&&label| label != 0.0 && label != 1.0) {
        return Err(format!("{other} is no label of a metric"));
    }
    let at = |row: usize, class: usize| labels.data[row * labels.columns + class] == 1.0;
    Ok(TrueLabels::from_fn(labels.rows, labels.columns, at))
}

fn scores(case: &Case) -> Result<Matrix, String> {
    case.matrix("inputs", "scores")
}

/// A parameter that says in words what the convention is must say this.
fn says(case: &Case, param: &str, start: &str) -> Result<(), String> {
    let found = case.text("params", param)?;
    if found.starts_with(start) { Ok(()) } else { Err(format!("{param}: {found}, and not {start}")) }
}

pub(crate) fn ap_sklearn(case: &Case) -> Result<(), String> {
    empty_class_is_zero(case)?;
    let result = average_precision(case, MapConvention::SPML)?;
    case.check("map_percent", &[result.percent()])
}

pub(crate) fn ap_asl(case: &Case) -> Result<(), String> {
    if case.number("params", "eps")? != 1e-8 {
        return Err("1e-8 is part of this convention".to_owned());
    }
    says(case, "tie_order", "reverse of a stable ascending sort")?;
    let result = average_precision(case, MapConvention::ASL)?;
    case.check("map_percent", &[result.percent()])
}

pub(crate) fn ap_voc_interp(case: &Case) -> Result<(), String> {
    only(case, &["tie_order", "empty_class_ap"])?;
    empty_class_is_zero(case)?;
    says(case, "tie_order", "stable descending")?;
    let flavour = ApFlavour::Voc12;
    average_precision(case, MapConvention { flavour, empty_class: EmptyClass::Zero }).map(drop)
}

fn empty_class_is_zero(case: &Case) -> Result<(), String> {
    match case.number("params", "empty_class_ap")? {
        0.0 => Ok(()),
        other => Err(format!("an empty class counts as 0 in this convention, not {other}")),
    }
}

fn average_precision(case: &Case, convention: MapConvention) -> Result<MapResult, String> {
    let result = mean_average_precision(&scores(case)?.data, &truth(case)?, convention);
    let result = result.map_err(|e| e.to_string())?;
    case.check("ap", &result.per_class)?;
    Ok(result)
}

pub(crate) fn shot_map(case: &Case) -> Result<(), String> {
    only(case, &["many_at_least", "few_below"])?;
    let bound = |name| case.number("params", name).map(|bound| bound as usize);
    let groups = ClassGroups { head_from: bound("many_at_least")?, tail_below: bound("few_below")? };
    let result = mean_average_precision(&scores(case)?.data, &truth(case)?, MapConvention::ASL);
    let counts = case.numbers("inputs", "train_class_count")?;
    let counts: Vec<usize> = counts.into_iter().map(|count| count as usize).collect();
    let means = groups.of_map(&result.map_err(|e| e.to_string())?, &counts);
    let found = [("total", means.total), ("many", means.head), ("medium", means.medium), ("few", means.tail)];
    found.into_iter().try_for_each(|(name, mean)| case.check(name, &[100.0 * mean]))
}

pub(crate) fn overall_asl(case: &Case) -> Result<(), String> {
    only(case, &["threshold", "compare", "scale"])?;
    says(case, "compare", "strictly greater")?;
    let found = overall(case, Threshold::above(case.number("params", "threshold")?), OverallFlavour::Asl)?;
    let scale = case.number("params", "scale")?;
    let found = [
        ("CP", found.cp),
        ("CR", found.cr),
        ("macro_F1", found.cf1),
        ("OP", found.op),
        ("OR", found.or),
        ("OF1", found.of1),
    ];
    found.into_iter().try_for_each(|(name, value)| case.check(name, &[scale * value]))
}

pub(crate) fn overall_pu_mlc(case: &Case) -> Result<(), String> {
    only(case, &["threshold", "compare"])?;
    says(case, "compare", "greater or equal")?;
    let found = overall(case, Threshold::from(case.number("params", "threshold")?), OverallFlavour::PuMlc)?;
    let found = [
        ("CP", found.cp),
        ("CR", found.cr),
        ("CF1", found.cf1),
        ("OP", found.op),
        ("OR", found.or),
        ("OF1", found.of1),
    ];
    found.into_iter().try_for_each(|(name, value)| case.check(name, &[value]))
}

fn overall(case: &Case, threshold: Threshold, flavour: OverallFlavour) -> Result<Overall, String> {
    let (scores, truth) = (scores(case)?, truth(case)?);
    Ok(Confusions::at(threshold, &scores.data, &truth).map_err(|e| e.to_string())?.overall(flavour))
}

pub(crate) fn best_threshold_f1(case: &Case) -> Result<(), String> {
    only(case, &["first", "step", "accumulate"])?;
    says(case, "accumulate", "threshold += 0.01 in floating point while < 1.0")?;
    let (first, step) = (case.number("params", "first")?, case.number("params", "step")?);
    let thresholds = std::iter::successors(Some(first), |t| Some(t + step)).take_while(|&t| t < 1.0);
    let (scores, truth) = (scores(case)?, truth(case)?);
    let best = BestThreshold::over(thresholds, &scores.data, &truth).map_err(|e| e.to_string())?;
    case.check("best_OF1", &[best.of1])?;
    case.check("best_CF1", &[best.cf1])
}

pub(crate) fn f1_db(case: &Case) -> Result<(), String> {
    only(case, &["threshold_logit"])?;
    let logits = case.matrix("inputs", "logits")?;
    let truth = truth(case)?;
    let threshold = Threshold::above(case.number("params", "threshold_logit")?);
    let found = Confusions::at(threshold, &logits.data, &truth).map_err(|e| e.to_string())?;
    case.check("micro_f1", &[found.f1(Average::Micro, Undefined::Zero)])?;
    case.check("macro_f1", &[found.f1(Average::Macro, Undefined::Zero)])?;
    let accuracy = |class: Confusion| class.accuracy().unwrap_or(f64::NAN);
    case.check("accuracy", &[accuracy(found.total())])?;
    let per_class: Vec<f64> = found.per_class.iter().map(|&class| accuracy(class)).collect();
    case.check("per_class_accuracy", &per_class)
}

pub(crate) fn at_k(case: &Case) -> Result<(), String> {
    only(case, &["ks"])?;
    let (scores, truth) = (scores(case)?, truth(case)?);
    let mut compared = 0;
    for k in case.numbers("params", "ks")? {
        let found = AtK::of(k as usize, &scores.data, &truth).map_err(|e| e.to_string())?;
        for (name, value) in [("prec_at", found.precision), ("rec_at", found.recall), ("top", found.top)] {
            let name = format!("{name}_{k}");
            // A k beyond the number of classes has no output.
            if case.has("outputs", &name) {
                case.check(&name, &[value])?;
                compared += 1;
            }
        }
    }
    if compared == 0 { Err("nothing to compare".to_owned()) } else { Ok(()) }
}

pub(crate) fn psp(case: &Case) -> Result<(), String> {
    only(case, &[])?;
    let (scores, truth) = (scores(case)?, truth(case)?);
    let weights = case.numbers("inputs", "inverse_propensity")?;
    let outputs: Vec<String> = case.outputs().map(str::to_owned).collect();
    for output in outputs {
        let k = output.strip_prefix("psp_at_").and_then(|k| k.parse().ok());
        let k = k.ok_or_else(|| format!("{output}: which k?"))?;
        let found = PropensityAtK::of(k, &scores.data, &truth, &weights).map_err(|e| e.to_string())?;
        case.check(&output, &[found.precision])?;
    }
    Ok(())
}

pub(crate) fn mll(case: &Case) -> Result<(), String> {
    only(case, &["rows_used", "hamming_threshold", "hamming_compare"])?;
    says(case, "rows_used", "rows with at least one positive and one negative")?;
    says(case, "hamming_compare", "strictly greater")?;
    let (scores, truth) = (scores(case)?, truth(case)?);
    let found = RowRanking::of(&scores.data, &truth, OneSidedRows::Skip).map_err(|e| e.to_string())?;
    case.check("ranking_loss", &[found.ranking_loss])?;
    case.check("one_error", &[found.one_error])?;
    case.check("coverage", &[found.coverage])?;
    case.check("coverage_over_classes", &[found.coverage / truth.classes() as f64])?;
    case.check("example_average_precision", &[found.average_precision])?;
    let threshold = Threshold::above(case.number("params", "hamming_threshold")?);
    let predictions = Confusions::at(threshold, &scores.data, &truth).map_err(|e| e.to_string())?;
    case.check("hamming_loss", &[predictions.hamming_loss()])
}
