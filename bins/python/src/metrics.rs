//! Metrics on arrays. Conventions are names here, those of the library.

use crate::arrays::{observed, values};
use crate::errors::{Answer, refuse};
use lacuna::Goal;
use lacuna_labels::ObservedLabels;
use lacuna_metrics::{
    ApFlavour, AtK, Average, BestThreshold, ClassGroups, Confusion, Confusions, CrossedMean, EmptyClass,
    Judged, MapConvention, OneSidedRows, OverallFlavour, Pooling, PropensityAtK, RowRanking, SortedScores,
    Threshold, Undefined, auroc, brier, calibration_error, holm as corrected, mean_average_precision,
    reliability as bins_of,
};
use lacuna_train::{EvalLabels, METRICS, Scored, metric as named};
use numpy::{PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::prelude::*;

/// Adds the functions to the module.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(metric_table, module)?)?;
    module.add_function(wrap_pyfunction!(metric, module)?)?;
    module.add_function(wrap_pyfunction!(average_precision, module)?)?;
    module.add_function(wrap_pyfunction!(resampled_average_precision, module)?)?;
    module.add_function(wrap_pyfunction!(agreement, module)?)?;
    module.add_function(wrap_pyfunction!(confusion, module)?)?;
    module.add_function(wrap_pyfunction!(overall, module)?)?;
    module.add_function(wrap_pyfunction!(best_threshold, module)?)?;
    module.add_function(wrap_pyfunction!(row_ranking, module)?)?;
    module.add_function(wrap_pyfunction!(at_k, module)?)?;
    module.add_function(wrap_pyfunction!(propensity_at_k, module)?)?;
    module.add_function(wrap_pyfunction!(roc_auc, module)?)?;
    module.add_function(wrap_pyfunction!(calibration, module)?)?;
    module.add_function(wrap_pyfunction!(reliability, module)?)?;
    module.add_function(wrap_pyfunction!(brier_score, module)?)?;
    module.add_function(wrap_pyfunction!(threshold_for, module)?)?;
    module.add_function(wrap_pyfunction!(class_groups, module)?)?;
    module.add_function(wrap_pyfunction!(crossed_interval, module)?)?;
    module.add_function(wrap_pyfunction!(holm, module)?)
}

/// Scores and the labels that they are held against.
struct Judging<'a> {
    labels: ObservedLabels,
    scores: &'a [f64],
}

impl<'a> Judging<'a> {
    fn new<'py>(
        y: &PyReadonlyArray2<'py, i8>,
        scores: &'a PyReadonlyArray2<'py, f64>,
    ) -> Answer<Judging<'a>> {
        same_shape(y.shape(), scores.shape())?;
        Ok(Self { labels: observed(y)?, scores: values(scores)? })
    }

    fn judged(&self) -> Judged<'_> {
        Judged::known_cells(&self.labels)
    }
}

fn same_shape(y: &[usize], scores: &[usize]) -> Answer<()> {
    match y == scores {
        true => Ok(()),
        false => Err(refuse(format!("labels of shape {y:?} and scores of shape {scores:?}"))),
    }
}

/// Names, conventions and directions of the metrics that the programs name.
#[pyfunction]
fn metric_table() -> Vec<(&'static str, &'static str, bool)> {
    METRICS.iter().map(|row| (row.name, row.convention, row.larger_is_better)).collect()
}

/// A metric of the table by logits, with its convention.
#[pyfunction]
fn metric(
    name: &str,
    y: PyReadonlyArray2<'_, i8>,
    logits: PyReadonlyArray2<'_, f32>,
    train_counts: Option<Vec<usize>>,
) -> Answer<(f64, String)> {
    same_shape(y.shape(), logits.shape())?;
    let labels = observed(&y)?;
    let row = named(name)?;
    if train_counts.as_ref().is_some_and(|counts| counts.len() != labels.classes()) {
        return Err(refuse(format!(
            "train_counts: one for each of the {} classes is needed",
            labels.classes()
        )));
    }
    if train_counts.is_none() && matches!(name, "map-head" | "map-medium" | "map-tail") {
        return Err(refuse(format!("{name} needs train_counts=, the training positives of each class")));
    }
    let counts = train_counts.unwrap_or_else(|| vec![0; labels.classes()]);
    let scored = Scored::new(values(&logits)?, EvalLabels::Observed(&labels), &counts);
    let value = row.of(&scored)?;
    Ok((value, row.value(&scored)?.convention))
}

/// Mean average precision and the average precision of each class.
#[pyfunction]
fn average_precision(
    y: PyReadonlyArray2<'_, i8>,
    scores: PyReadonlyArray2<'_, f64>,
    flavour: &str,
    empty_class: &str,
) -> Answer<(f64, Vec<f64>)> {
    let judging = Judging::new(&y, &scores)?;
    let convention = MapConvention {
        flavour: flavour.parse::<ApFlavour>()?,
        empty_class: empty_class.parse::<EmptyClass>()?,
    };
    let found = mean_average_precision(judging.scores, judging.judged(), convention)?;
    Ok((found.map, found.per_class))
}

/// Average precision of each class with every row counted as often as its weight says, for several lists of weights.
#[pyfunction]
fn resampled_average_precision(
    y: PyReadonlyArray2<'_, i8>,
    scores: PyReadonlyArray2<'_, f32>,
    weights: PyReadonlyArray2<'_, u32>,
) -> Answer<Vec<Vec<f64>>> {
    same_shape(y.shape(), scores.shape())?;
    let labels = observed(&y)?;
    if weights.shape()[1] != labels.rows() {
        return Err(refuse(format!(
            "weights of {} rows and labels of {}",
            weights.shape()[1],
            labels.rows()
        )));
    }
    let sorted = SortedScores::new(values(&scores)?, Judged::known_cells(&labels))?;
    let of = |weights: &[u32]| {
        let mut found = vec![0.0; labels.classes()];
        sorted.average_precisions(weights, &mut found);
        found
    };
    Ok(values(&weights)?.chunks(labels.rows().max(1)).map(of).collect())
}

fn confusions(judging: &Judging<'_>, thresholds: &[f64], inclusive: bool) -> Answer<Confusions> {
    let of = |value: f64| if inclusive { Threshold::from(value) } else { Threshold::above(value) };
    Ok(match thresholds {
        [one] => Confusions::at(of(*one), judging.scores, judging.judged())?,
        several => {
            let several: Vec<Threshold> = several.iter().map(|value| of(*value)).collect();
            Confusions::at_each(&several, judging.scores, judging.judged())?
        }
    })
}

/// F1, Jaccard, Matthews' correlation, precision, recall, Hamming loss or subset accuracy. Without an average one value a class.
#[pyfunction]
fn agreement(
    what: &str,
    y: PyReadonlyArray2<'_, i8>,
    scores: PyReadonlyArray2<'_, f64>,
    thresholds: Vec<f64>,
    inclusive: bool,
    average: Option<&str>,
    undefined: &str,
) -> Answer<Vec<f64>> {
    let judging = Judging::new(&y, &scores)?;
    let found = confusions(&judging, &thresholds, inclusive)?;
    let undefined: Undefined = undefined.parse()?;
    let ratio: fn(Confusion) -> Option<f64> = match what {
        "f1" => Confusion::f1,
        "jaccard" => Confusion::jaccard,
        "mcc" => Confusion::mcc,
        "precision" => Confusion::precision,
        "recall" => Confusion::recall,
        "hamming" => return Ok(vec![found.hamming_loss()]),
        "subset" => return Ok(vec![found.subset_accuracy()]),
        other => return Err(refuse(format!("unknown metric {other}"))),
    };
    let average = match average {
        None => return Ok(found.per_class.iter().map(|&class| undefined.or(ratio(class))).collect()),
        Some("micro") => Average::Micro,
        Some("macro") => Average::Macro,
        Some("samples") => Average::Samples,
        Some(other) => {
            return Err(refuse(format!("average={other:?}: expected 'micro', 'macro', 'samples' or None")));
        }
    };
    Ok(vec![match what {
        "f1" => found.f1(average, undefined),
        "jaccard" => found.jaccard(average, undefined),
        "mcc" => found.mcc(average, undefined),
        "precision" => found.precision(average, undefined),
        _ => found.recall(average, undefined),
    }])
}

/// True positives, false positives, false negatives and true negatives of each class.
#[pyfunction]
fn confusion(
    y: PyReadonlyArray2<'_, i8>,
    scores: PyReadonlyArray2<'_, f64>,
    thresholds: Vec<f64>,
    inclusive: bool,
) -> Answer<Vec<[u64; 4]>> {
    let judging = Judging::new(&y, &scores)?;
    let of = |c: &Confusion| [c.true_positives, c.false_positives, c.false_negatives, c.true_negatives];
    Ok(confusions(&judging, &thresholds, inclusive)?.per_class.iter().map(of).collect())
}

/// CP, CR, CF1, OP, OR, OF1.
#[pyfunction]
fn overall(
    y: PyReadonlyArray2<'_, i8>,
    scores: PyReadonlyArray2<'_, f64>,
    thresholds: Vec<f64>,
    inclusive: bool,
    flavour: &str,
) -> Answer<[f64; 6]> {
    let judging = Judging::new(&y, &scores)?;
    let flavour = OverallFlavour::ALL
        .into_iter()
        .find(|known| known.to_string() == flavour)
        .ok_or_else(|| refuse(format!("flavour={flavour:?}: expected 'asl' or 'pu-mlc'")))?;
    let found = confusions(&judging, &thresholds, inclusive)?.overall(flavour);
    Ok([found.cp, found.cr, found.cf1, found.op, found.or, found.of1])
}

/// The largest OF1 and CF1 over thresholds, and where they are.
#[pyfunction]
#[allow(clippy::type_complexity)]
fn best_threshold(
    y: PyReadonlyArray2<'_, i8>,
    scores: PyReadonlyArray2<'_, f64>,
    thresholds: Option<Vec<f64>>,
) -> Answer<(f64, Option<f64>, f64, Option<f64>)> {
    let judging = Judging::new(&y, &scores)?;
    let thresholds = thresholds.unwrap_or_else(|| lacuna_metrics::hundredths().collect());
    let found = BestThreshold::over(thresholds, judging.scores, judging.judged())?;
    Ok((found.of1, found.of1_at, found.cf1, found.cf1_at))
}

/// Ranking loss, one-error, coverage, label ranking average precision and the rows that counted.
#[pyfunction]
fn row_ranking(
    y: PyReadonlyArray2<'_, i8>,
    scores: PyReadonlyArray2<'_, f64>,
    one_sided: &str,
) -> Answer<(f64, f64, f64, f64, usize)> {
    let judging = Judging::new(&y, &scores)?;
    let one_sided = match one_sided {
        "skip" => OneSidedRows::Skip,
        "perfect" => OneSidedRows::Perfect,
        other => return Err(refuse(format!("one_sided_rows={other:?}: expected 'skip' or 'perfect'"))),
    };
    let found = RowRanking::of(judging.scores, judging.judged(), one_sided)?;
    Ok((found.ranking_loss, found.one_error, found.coverage, found.average_precision, found.rows))
}

/// Precision, recall, top and nDCG of the first k.
#[pyfunction]
fn at_k(y: PyReadonlyArray2<'_, i8>, scores: PyReadonlyArray2<'_, f64>, k: usize) -> Answer<[f64; 4]> {
    let judging = Judging::new(&y, &scores)?;
    let found = AtK::of(k, judging.scores, judging.judged())?;
    Ok([found.precision, found.recall, found.top, found.ndcg])
}

/// Propensity-scored precision and nDCG of the first k.
#[pyfunction]
fn propensity_at_k(
    y: PyReadonlyArray2<'_, i8>,
    scores: PyReadonlyArray2<'_, f64>,
    k: usize,
    inverse_propensity: Vec<f64>,
) -> Answer<[f64; 2]> {
    let judging = Judging::new(&y, &scores)?;
    let found = PropensityAtK::of(k, judging.scores, judging.judged(), &inverse_propensity)?;
    Ok([found.precision, found.ndcg])
}

/// Area under the receiver operating characteristic: the mean, and each class.
#[pyfunction]
fn roc_auc(
    y: PyReadonlyArray2<'_, i8>,
    scores: PyReadonlyArray2<'_, f64>,
    undefined: &str,
) -> Answer<(f64, Vec<f64>)> {
    let judging = Judging::new(&y, &scores)?;
    let undefined: Undefined = undefined.parse()?;
    let found = auroc(judging.scores, judging.judged())?;
    let classes = found.iter().map(|&value| undefined.or(value)).collect();
    Ok((undefined.mean(found), classes))
}

fn pooling(per_class: bool) -> Pooling {
    if per_class { Pooling::PerClass } else { Pooling::Pooled }
}

/// Expected calibration error.
#[pyfunction]
fn calibration(
    y: PyReadonlyArray2<'_, i8>,
    probabilities: PyReadonlyArray2<'_, f64>,
    bins: usize,
    per_class: bool,
) -> Answer<f64> {
    let judging = Judging::new(&y, &probabilities)?;
    Ok(calibration_error(judging.scores, judging.judged(), bins, pooling(per_class))?)
}

/// Lower end, upper end, cells, positives and mean probability of a bin.
type Bin = (f64, f64, u64, u64, f64);

/// The bins of the pooled calibration error.
#[pyfunction]
fn reliability(
    y: PyReadonlyArray2<'_, i8>,
    probabilities: PyReadonlyArray2<'_, f64>,
    bins: usize,
) -> Answer<Vec<Bin>> {
    let judging = Judging::new(&y, &probabilities)?;
    let found = bins_of(judging.scores, judging.judged(), bins)?;
    Ok(found.into_iter().map(|bin| (bin.from, bin.to, bin.cells, bin.positives, bin.mean)).collect())
}

/// Brier score.
#[pyfunction]
fn brier_score(y: PyReadonlyArray2<'_, i8>, probabilities: PyReadonlyArray2<'_, f64>) -> Answer<f64> {
    let judging = Judging::new(&y, &probabilities)?;
    Ok(brier(judging.scores, judging.judged())?)
}

/// The threshold of each class, and of all together, that serves a goal; none where none does.
#[pyfunction]
fn threshold_for(
    y: PyReadonlyArray2<'_, i8>,
    scores: PyReadonlyArray2<'_, f32>,
    goal: &str,
) -> Answer<(Option<f32>, Vec<Option<f32>>)> {
    same_shape(y.shape(), scores.shape())?;
    let labels = observed(&y)?;
    let scores = values(&scores)?;
    if let Some(cell) = scores.iter().position(|score| score.is_nan()) {
        let classes = labels.classes();
        let (row, class) = (cell / classes, cell % classes);
        return Err(lacuna_metrics::MetricError::NotANumber { row, class }.into());
    }
    let goal: Goal = goal.parse()?;
    let of = |class| goal.cut(scores, Judged::known_cells(&labels), class).map(|cut| cut.threshold);
    Ok((of(None), (0..labels.classes()).map(|class| of(Some(class))).collect()))
}

/// Means of one value a class over all, frequent, medium and rare classes, and how many classes those are.
#[pyfunction]
fn class_groups(
    values: Vec<f64>,
    train_counts: Vec<usize>,
    head_from: usize,
    tail_below: usize,
) -> Answer<(f64, f64, f64, f64, [usize; 3])> {
    if values.len() != train_counts.len() {
        return Err(refuse(format!("{} values and {} train_counts", values.len(), train_counts.len())));
    }
    let found = ClassGroups { head_from, tail_below }.means(&values, &train_counts);
    Ok((found.total, found.head, found.medium, found.tail, found.classes))
}

/// Mean, lower end, upper end and p of differences over two crossed factors, `[masks][seeds]`.
#[pyfunction]
fn crossed_interval(runs: Vec<Vec<f64>>) -> Answer<(f64, f64, f64, f64)> {
    let width = runs.first().map_or(0, Vec::len);
    if width == 0 || runs.iter().any(|row| row.len() != width) {
        return Err(refuse("runs: expected a matrix of masks x seeds"));
    }
    let found = CrossedMean::of(&runs);
    let interval = found.interval();
    Ok((found.mean, interval.low, interval.high, interval.p))
}

/// Holm's correction.
#[pyfunction]
fn holm(p: Vec<f64>) -> Vec<f64> {
    corrected(&p)
}
