//! Calibration: probabilities that are met as often as they say.
//!
//! ```text
//! temperature   p = sigmoid(z / T)             one T, by the log loss over all known cells (Guo et al., ICML 2017)
//! Platt         p = sigmoid(a_c z + b_c)       by the log loss of each class against softened targets (Platt, 1999)
//! isotonic      p = the nearest non-decreasing function of z, piecewise linear (Zadrozny & Elkan, KDD 2002)
//! ```
//! The first two are folded into the last layer, so that every program that loads the weights has them; the third is a table
//! beside the weights.

use super::thresholds::some;
use super::{JudgedRows, Model, ModelError, Predictions};
use crate::TrainError;
use crate::metrics::ECE_BINS;
use crate::split::Folds;
use lacuna_labels::Label;
use lacuna_metrics::{Judged, Pooling, Reliability, brier, calibration_error, reliability};
use lacuna_protocols::Stream;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// How probabilities are calibrated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Calibration {
    /// One number divides all logits.
    Temperature,
    /// A factor and an offset for each class.
    Platt,
    /// A non-decreasing table for each class.
    Isotonic,
}

impl Calibration {
    /// Every method.
    pub const ALL: [Self; 3] = [Self::Temperature, Self::Platt, Self::Isotonic];
}

impl fmt::Display for Calibration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Calibration::Temperature => "temperature",
            Calibration::Platt => "platt",
            Calibration::Isotonic => "isotonic",
        })
    }
}

impl FromStr for Calibration {
    type Err = TrainError;

    fn from_str(name: &str) -> Result<Self, TrainError> {
        let found = Self::ALL.into_iter().find(|method| method.to_string() == name);
        let wrong = || format!("unknown calibration `{name}`: expected temperature, platt or isotonic");
        found.ok_or_else(|| TrainError::Setting(wrong()))
    }
}

/// A non-decreasing function of the logit, linear between its points and constant beyond them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// Logits, ascending.
    pub logits: Vec<f32>,
    /// The probability at each.
    pub probabilities: Vec<f32>,
}

/// A calibrated model and what calibration did.
#[derive(Clone, Debug)]
pub struct Calibrated {
    /// The model.
    pub model: Model,
    /// The method.
    pub method: Calibration,
    /// The model as it was.
    pub before: CalibrationScores,
    /// Calibrated probabilities of rows that took no part in fitting them: each fifth by the other four.
    pub after: CalibrationScores,
    /// T of the temperature.
    pub temperature: Option<f64>,
    /// Notes, one sentence each.
    pub notes: Vec<String>,
}

/// How well probabilities are calibrated, over known cells.
#[derive(Clone, Debug, PartialEq)]
pub struct CalibrationScores {
    /// Expected calibration error, 15 bins of equal width over all cells.
    pub ece: f64,
    /// Mean of (p - y)^2.
    pub brier: f64,
    /// The bins.
    pub bins: Vec<Reliability>,
}

/// The calibrated probability of a logit of a class.
#[derive(Clone, Debug, PartialEq)]
enum Curve {
    Affine { a: f64, b: f64 },
    Table(Table),
}

/// Folds of the measurement after calibration.
const FOLDS: usize = 5;
/// Factors of a logit that are considered: a temperature from 1e-4 to 1e4.
const FACTORS: [f64; 2] = [1e-4, 1e4];

impl Model {
    /// Calibrates on rows with known positives and negatives, which must not be those that trained: a head is surer of
    /// those. A class with fewer than `least` known positives or negatives gets the curve of all classes together.
    /// Thresholds move with the probabilities by temperature and Platt's method; those of a table, which has flat pieces, are dropped.
    ///
    /// # Errors
    /// [`TrainError::Labels`] where no positive or no negative is known, or scores rank the wrong way round,
    /// [`TrainError::Model`] where the model is calibrated by a table already.
    pub fn calibrated(
        &self,
        rows: &JudgedRows,
        method: Calibration,
        least: usize,
    ) -> Result<Calibrated, TrainError> {
        rows.both_kinds("calibration")?;
        if self.calibration.is_some() {
            let problem =
                "the model is calibrated by a table already: calibrate the model that it was made from";
            return Err(ModelError::Unfit(problem.to_string()).into());
        }
        if rows.classes != self.classes {
            let problem = "the predictions are of other classes than the model".to_string();
            return Err(ModelError::Unfit(problem).into());
        }
        let mut notes = Vec::new();
        let curves = curves(rows, method, least, &mut notes)?;
        let before = scores(rows.predictions.probabilities(), rows)?;
        let after = scores(&out_of_fold(rows, method, least, &curves)?, rows)?;
        let temperature = match (method, curves.first()) {
            (Calibration::Temperature, Some(Curve::Affine { a, .. })) => Some(1.0 / a),
            _ => None,
        };
        if after.brier > before.brier {
            notes.push(
                "the Brier score over other rows is worse than before: the probabilities were as good without this calibration"
                    .to_string(),
            );
        }
        let mut model = self.clone();
        if let Some(thresholds) = model.thresholds.take() {
            model.thresholds = moved(&thresholds, &curves);
            notes.push(match model.thresholds {
                Some(_) => "the thresholds were moved with the probabilities: the same classes are predicted"
                    .to_string(),
                None => "the thresholds were of the probabilities before and are dropped: choose them again"
                    .to_string(),
            });
        }
        model.apply(curves)?;
        Ok(Calibrated { model, method, before, after, temperature, notes })
    }

    /// Puts the curves into the last layer, or beside it.
    fn apply(&mut self, curves: Vec<Curve>) -> Result<(), ModelError> {
        let mut tables = Vec::new();
        let mut affine = Vec::new();
        for curve in curves {
            match curve {
                Curve::Affine { a, b } => affine.push((a, b)),
                Curve::Table(table) => tables.push(table),
            }
        }
        if affine.is_empty() {
            self.calibration = Some(tables);
            return self.check();
        }
        let [.., weight, bias] = &mut self.weights[..] else {
            return Err(ModelError::Unfit("the head has no linear layer".to_string()));
        };
        let times = |value: &mut f32, a: f64, b: f64| *value = (f64::from(*value) * a + b) as f32;
        for row in weight.values.chunks_mut(affine.len()) {
            row.iter_mut().zip(&affine).for_each(|(w, (a, _))| times(w, *a, 0.0));
        }
        bias.values.iter_mut().zip(&affine).for_each(|(value, (a, b))| times(value, *a, *b));
        self.check()
    }
}

/// ECE, Brier score and bins over known cells.
fn scores(probabilities: &[f32], rows: &JudgedRows) -> Result<CalibrationScores, TrainError> {
    let judged = Judged::known_cells(&rows.labels);
    let failed = |error: lacuna_metrics::MetricError| ModelError::Unfit(error.to_string());
    Ok(CalibrationScores {
        ece: calibration_error(probabilities, judged, ECE_BINS, Pooling::Pooled).map_err(failed)?,
        brier: brier(probabilities, judged).map_err(failed)?,
        bins: reliability(probabilities, judged, ECE_BINS).map_err(failed)?,
    })
}

/// Probabilities of each fold by curves that were fitted on the others, where these have both kinds of labels.
fn out_of_fold(
    rows: &JudgedRows,
    method: Calibration,
    least: usize,
    all: &[Curve],
) -> Result<Vec<f32>, TrainError> {
    let (count, classes) = (rows.labels.rows(), rows.classes.len());
    let count_of_folds = FOLDS.min(count);
    let folds = Folds::new(Stream::new(0, "folds of calibration").permutation(count), count_of_folds);
    let mut p = vec![0.0; count * classes];
    for fold in 0..count_of_folds {
        let (others, inside) = folds.of(fold);
        let of_others = rows.select(&others);
        let fitted = match of_others.both_kinds("calibration") {
            Ok(()) => curves(&of_others, method, least, &mut Vec::new())?,
            // Rows of one kind say nothing: the curves of all rows.
            Err(_) => all.to_vec(),
        };
        for row in inside {
            for (class, curve) in fitted.iter().enumerate() {
                let cell = row * classes + class;
                p[cell] = curve.at(rows.predictions.logits()[cell]);
            }
        }
    }
    Ok(p)
}

fn curves(
    rows: &JudgedRows,
    method: Calibration,
    least: usize,
    notes: &mut Vec<String>,
) -> Result<Vec<Curve>, TrainError> {
    let all = cells(rows, None);
    if method == Calibration::Temperature {
        let a = factor(&all);
        if FACTORS.contains(&a) {
            notes.push(format!("the temperature is at the limit of what is considered, {}", 1.0 / a));
        }
        return Ok(vec![Curve::Affine { a, b: 0.0 }; rows.classes.len()]);
    }
    let fit = |cells: &[(f64, bool)]| match method {
        Calibration::Isotonic => Some(Curve::Table(isotonic(cells))),
        _ => platt(cells).filter(|(a, _)| *a > 0.0).map(|(a, b)| Curve::Affine { a, b }),
    };
    let pooled = fit(&all).ok_or_else(|| {
        TrainError::Labels(
            "the scores of known negatives are above those of known positives: nothing to calibrate".into(),
        )
    })?;
    let (mut few, mut reversed) = (Vec::new(), Vec::new());
    let mut curves = Vec::with_capacity(rows.classes.len());
    for (class, name) in rows.classes.iter().enumerate() {
        let of_class = cells(rows, Some(class));
        let positives = of_class.iter().filter(|cell| cell.1).count();
        if positives.min(of_class.len() - positives) < least.max(1) {
            few.push(name.as_str());
            curves.push(pooled.clone());
        } else if let Some(curve) = fit(&of_class) {
            curves.push(curve);
        } else {
            reversed.push(name.as_str());
            curves.push(pooled.clone());
        }
    }
    if !few.is_empty() {
        notes.push(format!(
            "{} classes with fewer than {least} known positives or negatives have the curve of all classes together ({})",
            few.len(),
            some(&few)
        ));
    }
    if !reversed.is_empty() {
        notes.push(format!(
            "{} classes rank known negatives above known positives and have the curve of all classes together ({})",
            reversed.len(),
            some(&reversed)
        ));
    }
    Ok(curves)
}

/// Logits and labels of the known cells, of one class or of all.
fn cells(rows: &JudgedRows, class: Option<usize>) -> Vec<(f64, bool)> {
    let (start, step) = class.map_or((0, 1), |class| (class, rows.classes.len()));
    let cells = rows.predictions.logits().iter().zip(rows.labels.cells()).skip(start).step_by(step);
    let known = cells.filter(|(_, label)| **label != Label::Unknown);
    known.map(|(z, label)| (f64::from(*z), *label == Label::Positive)).collect()
}

fn sigmoid(z: f64) -> f64 {
    1.0 / (1.0 + (-z).exp())
}

/// The factor a that minimises `sum softplus(a z) - y a z`, a convex function of it: the zero of `sum (sigmoid(a z) - y) z`,
/// by halving an interval of log a.
fn factor(cells: &[(f64, bool)]) -> f64 {
    let slope =
        |a: f64| -> f64 { cells.iter().map(|(z, y)| (sigmoid(a * z) - f64::from(u8::from(*y))) * z).sum() };
    let [mut low, mut high] = FACTORS.map(f64::ln);
    if slope(FACTORS[0]) >= 0.0 {
        return FACTORS[0];
    }
    if slope(FACTORS[1]) <= 0.0 {
        return FACTORS[1];
    }
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        if slope(middle.exp()) < 0.0 { low = middle } else { high = middle }
    }
    ((low + high) / 2.0).exp()
}

/// a and b that minimise the log loss of `sigmoid(a z + b)` against targets (P + 1) / (P + 2) for positives and 1 / (N + 2) for
/// negatives, by Newton's method with halved steps. `None` where it does not end.
fn platt(cells: &[(f64, bool)]) -> Option<(f64, f64)> {
    let positives = cells.iter().filter(|cell| cell.1).count() as f64;
    let negatives = cells.len() as f64 - positives;
    let target = |y: bool| if y { (positives + 1.0) / (positives + 2.0) } else { 1.0 / (negatives + 2.0) };
    let softplus = |z: f64| z.max(0.0) + (-z.abs()).exp().ln_1p();
    // Logits of one scale, so that one number of damping fits them.
    let scale = cells.iter().map(|(z, _)| z.abs()).fold(0.0, f64::max).max(1e-30);
    let loss = |a: f64, b: f64| -> f64 {
        cells.iter().map(|(z, y)| (a * z / scale + b, target(*y))).map(|(z, t)| softplus(z) - t * z).sum()
    };
    let (mut a, mut b) = (0.0, ((positives + 1.0) / (negatives + 1.0)).ln());
    let mut value = loss(a, b);
    for _ in 0..100 {
        let [mut ga, mut gb, mut haa, mut hab, mut hbb] = [0.0, 0.0, 1e-12, 0.0, 1e-12];
        for (z, y) in cells {
            let z = z / scale;
            let p = sigmoid(a * z + b);
            let (d, h) = (p - target(*y), p * (1.0 - p));
            ga += d * z;
            gb += d;
            haa += h * z * z;
            hab += h * z;
            hbb += h;
        }
        if ga.abs().max(gb.abs()) < 1e-9 * cells.len() as f64 {
            break;
        }
        let determinant = haa * hbb - hab * hab;
        let (da, db) = match determinant > 1e-300 {
            true => ((hbb * ga - hab * gb) / determinant, (haa * gb - hab * ga) / determinant),
            false => (ga / haa, gb / hbb),
        };
        let mut step = 1.0;
        while step > 1e-10 {
            let (next_a, next_b) = (a - step * da, b - step * db);
            let next = loss(next_a, next_b);
            if next < value {
                (a, b, value) = (next_a, next_b, next);
                break;
            }
            step /= 2.0;
        }
        if step <= 1e-10 {
            break;
        }
    }
    let a = a / scale;
    (a.is_finite() && b.is_finite()).then_some((a, b))
}

/// The non-decreasing function of the logit nearest to the labels, by pooling neighbours that are out of order. Equal logits
/// have one value. Of every step the first and the last logit are kept.
fn isotonic(cells: &[(f64, bool)]) -> Table {
    struct Block {
        first: f64,
        last: f64,
        sum: f64,
        cells: f64,
    }
    let mut sorted = cells.to_vec();
    sorted.sort_by(|one, other| one.0.total_cmp(&other.0));
    let mut blocks: Vec<Block> = Vec::new();
    for of_logit in sorted.chunk_by(|one, other| one.0 == other.0) {
        let sum = of_logit.iter().filter(|cell| cell.1).count() as f64;
        let z = of_logit[0].0;
        blocks.push(Block { first: z, last: z, sum, cells: of_logit.len() as f64 });
        while let [.., one, other] = &blocks[..]
            && one.sum / one.cells >= other.sum / other.cells
        {
            let other = blocks.pop().expect("two blocks");
            let one = blocks.last_mut().expect("two blocks");
            (one.last, one.sum, one.cells) = (other.last, one.sum + other.sum, one.cells + other.cells);
        }
    }
    let mut table = Table { logits: Vec::new(), probabilities: Vec::new() };
    for Block { first, last, sum, cells } in blocks {
        let ends = if first == last { &[first][..] } else { &[first, last][..] };
        for z in ends {
            table.logits.push(*z as f32);
            table.probabilities.push((sum / cells) as f32);
        }
    }
    table
}

/// Thresholds that predict the same classes after a calibration by factors and offsets; `None` after one by tables.
fn moved(thresholds: &[f32], curves: &[Curve]) -> Option<Vec<f32>> {
    let of_class = |(t, curve): (&f32, &Curve)| match curve {
        Curve::Affine { a, b } => {
            let p = f64::from(*t);
            // Nothing is above 1 and everything above 0, before and after.
            let inside = 0.0 < p && p < 1.0;
            Some(if inside { sigmoid(a * (p / (1.0 - p)).ln() + b) as f32 } else { *t })
        }
        Curve::Table(_) => None,
    };
    thresholds.iter().zip(curves).map(of_class).collect()
}

impl Curve {
    fn at(&self, z: f32) -> f32 {
        match self {
            Curve::Affine { a, b } => sigmoid(a * f64::from(z) + b) as f32,
            Curve::Table(table) => table.at(z),
        }
    }
}

impl Table {
    /// The probability of a logit.
    pub fn at(&self, z: f32) -> f32 {
        let (x, y) = (&self.logits, &self.probabilities);
        let above = x.partition_point(|knot| *knot <= z);
        match above {
            0 => y[0],
            above if above == x.len() => y[above - 1],
            above => {
                let [x0, x1, y0, y1] = [x[above - 1], x[above], y[above - 1], y[above]].map(f64::from);
                (y0 + (y1 - y0) * (f64::from(z) - x0) / (x1 - x0)) as f32
            }
        }
    }

    /// What is wrong with it, if anything.
    pub(super) fn problem(&self) -> Option<&'static str> {
        let ascending = |values: &[f32]| values.windows(2).all(|pair| pair[0] <= pair[1]);
        if self.logits.is_empty() || self.logits.len() != self.probabilities.len() {
            return Some("it needs at least one logit, and one probability for each logit");
        }
        if !self.logits.iter().all(|z| z.is_finite()) || self.logits.windows(2).any(|pair| pair[0] >= pair[1])
        {
            return Some("its logits do not ascend");
        }
        if !self.probabilities.iter().all(|p| (0.0..=1.0).contains(p)) || !ascending(&self.probabilities) {
            return Some("its probabilities do not ascend from 0 to 1");
        }
        None
    }
}

impl Predictions {
    /// The same logits with the probabilities of tables, one a class.
    pub(super) fn through(mut self, tables: &[Table]) -> Self {
        for (cell, p) in self.probabilities.iter_mut().enumerate() {
            *p = tables[cell % tables.len()].at(self.logits[cell]);
        }
        self
    }
}

#[cfg(test)]
mod tests;
