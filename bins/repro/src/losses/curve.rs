//! Value and slope of a loss against the logit of one cell, by the loss itself.

use lacuna_losses::{
    ClassStatistics, Context, Label, LabelNeeds, LabelUse, LossError, LossGrad, LossInput, LossRow, Mix,
    Options,
};

/// Logits at which a loss is evaluated.
const STEPS: usize = 241;
/// Smallest and largest logit.
pub(crate) const RANGE: [f64; 2] = [-6.0, 6.0];

/// Classes and rows of the batch around the cell where a loss does not take cells one by one.
const CLASSES: usize = 4;
const ROWS: usize = 6;
/// Logit of the other cells.
const OTHERS: f32 = -1.0;
/// Share of rows in which a class is positive, as the losses built from frequencies are told.
const PRIORS: [f64; CLASSES] = [0.2, 0.4, 0.1, 0.05];
/// Expected positives of a row, where the loss asks.
const EXPECTED: f64 = 1.5;

/// A loss against the logit of a cell, for every kind of label.
pub(crate) struct Plot {
    pub(crate) title: String,
    pub(crate) z: Vec<f64>,
    pub(crate) curves: Vec<Curve>,
    /// What the plot was made from.
    pub(crate) notes: Vec<String>,
}

/// What the cell costs with one label, or with several that cost the same.
pub(crate) struct Curve {
    pub(crate) labels: Vec<Label>,
    pub(crate) value: Vec<f64>,
    pub(crate) slope: Vec<f64>,
}

impl Curve {
    /// "negative, unknown".
    pub(crate) fn name(&self) -> String {
        let name = |label: &Label| match label {
            Label::Positive => "positive",
            Label::Negative => "negative",
            Label::Unknown => "unknown",
        };
        self.labels.iter().map(name).collect::<Vec<_>>().join(", ")
    }
}

impl Plot {
    /// Evaluates the loss: on the cell alone if the other cells of a batch make no difference to it, else amid a batch.
    ///
    /// # Errors
    /// What the loss has against the parameters.
    pub(crate) fn new(row: &'static LossRow, options: &Options, epoch: usize) -> Result<Self, LossError> {
        let z: Vec<f64> =
            (0..STEPS).map(|i| RANGE[0] + (RANGE[1] - RANGE[0]) * i as f64 / (STEPS - 1) as f64).collect();
        let options = options.clone().within(Context { classes: None, expected_positives: Some(EXPECTED) });
        let amid = Setting { row, options: &options, epoch, rows: ROWS, classes: CLASSES };
        let loss = amid.build()?;
        let (matrices, mixes) = (loss.logit_matrices(), loss.mixes());
        let amid_curves = amid.curves(&z)?;
        let alone = Setting { rows: 1, classes: 1, ..amid };
        let (curves, is_alone) = match alone.curves(&z) {
            Ok(curves) if matrices == 1 && same_up_to_a_constant(&curves, &amid_curves) => (curves, true),
            _ => (amid_curves, false),
        };
        let mut notes = vec![if is_alone {
            "one cell; the other cells of a batch make no difference to it".to_owned()
        } else {
            format!(
                "the cell of row 0, class 0 in a batch of {ROWS} x {CLASSES} whose other logits are {OTHERS}; value of the \
                 whole batch, slope of this cell. {}",
                others(row)
            )
        }];
        if matrices > 1 {
            let which = if mixes { "; the last belongs to mixed rows" } else { "" };
            notes.push(format!(
                "the first of {matrices} logit matrices moves, the others stay at {OTHERS}{which}"
            ));
        }
        if row.build(&options).is_err() {
            notes.push(match is_alone {
                true => format!("the class is positive in {} of the training rows", PRIORS[0]),
                false => {
                    format!("the classes are positive in {PRIORS:?} of the training rows, independently")
                }
            });
        }
        let from_data = row.info.params.iter().find(|p| p.default.is_none());
        if let Some(param) = from_data.filter(|p| !options.params.contains_key(p.name)) {
            notes.push(format!("{} = {EXPECTED}", param.name));
        }
        notes.push(format!("epoch {epoch}, reduction sum"));
        Ok(Self { title: format!("{}: {}", row.info.name, row.info.title), z, curves: merged(curves), notes })
    }
}

/// The labels of the batch, in words.
fn others(row: &LossRow) -> &'static str {
    if row.needs == LabelNeeds::FullTruth {
        "Every row has a positive, its other cells are negative."
    } else if row.info.labels == LabelUse::OnePositive {
        "Every row has one positive, its other cells are unknown."
    } else {
        "Every row has one positive and one negative, its other cells are unknown."
    }
}

/// Labels that cost the same are one curve.
fn merged(curves: Vec<Curve>) -> Vec<Curve> {
    let mut merged: Vec<Curve> = Vec::new();
    for curve in curves {
        match merged.iter_mut().find(|c| c.value == curve.value && c.slope == curve.slope) {
            Some(same) => same.labels.extend(curve.labels),
            None => merged.push(curve),
        }
    }
    merged
}

/// Whether the slopes agree, and so the values up to what the other cells cost.
fn same_up_to_a_constant(a: &[Curve], b: &[Curve]) -> bool {
    let close = |a: &Curve, b: &Curve| {
        let largest = a.slope.iter().fold(0.0f64, |m, x| m.max(x.abs()));
        let slopes = a.slope.iter().zip(&b.slope).all(|(x, y)| (x - y).abs() <= 1e-5 * largest);
        let rise = |c: &Curve| c.value.iter().map(|x| x - c.value[0]).collect::<Vec<_>>();
        let span = a.value.iter().chain(&b.value).fold(0.0f64, |m, x| m.max(x.abs()));
        slopes && rise(a).iter().zip(rise(b)).all(|(x, y)| (x - y).abs() <= 1e-5 * span)
    };
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.labels == b.labels && close(a, b))
}

/// What a loss is evaluated in.
#[derive(Clone, Copy)]
struct Setting<'a> {
    row: &'static LossRow,
    options: &'a Options,
    epoch: usize,
    rows: usize,
    classes: usize,
}

impl Setting<'_> {
    fn build(&self) -> Result<Box<dyn lacuna_losses::MultiLabelLoss>, LossError> {
        const TRAIN: f64 = 1000.0;
        let priors = &PRIORS[..self.classes];
        let pair = |i: usize| {
            let (a, b) = (i / priors.len(), i % priors.len());
            if a == b { TRAIN * priors[a] } else { TRAIN * priors[a] * priors[b] }
        };
        let together = (0..priors.len() * priors.len()).map(pair).collect();
        let train = ClassStatistics::new(TRAIN, priors.iter().map(|p| TRAIN * p).collect())?
            .with_co_occurrence(together)?;
        let mut options = self.options.clone();
        options.context.classes = Some(self.classes);
        self.row.build_for(&options, &train)
    }

    /// A curve for each label the loss has a meaning for.
    fn curves(&self, z: &[f64]) -> Result<Vec<Curve>, LossError> {
        let mut curves = Vec::new();
        for label in [Label::Positive, Label::Negative, Label::Unknown] {
            let mut curve = Curve { labels: vec![label], value: Vec::new(), slope: Vec::new() };
            let points = z.iter().map(|&z| self.at(z, label)).collect::<Result<Vec<_>, _>>();
            match points {
                Ok(points) => {
                    (curve.value, curve.slope) = points.into_iter().unzip();
                    curves.push(curve);
                }
                Err(LossError::Label { .. }) => {}
                Err(e) => return Err(e),
            }
        }
        Ok(curves)
    }

    /// Value and slope of a fresh loss.
    fn at(&self, z: f64, label: Label) -> Result<(f64, f64), LossError> {
        let mut loss = self.build()?;
        loss.begin_epoch(self.epoch);
        let (rows, classes, matrices) = (self.rows, self.classes, loss.logit_matrices());
        // Two mixed rows, each of two whole ones.
        let [first, second] = [[0u32, 1], [2, 3]];
        let mix = loss.mixes().then_some(Mix { first: &first, second: &second, lambda: 0.5 });
        let entries = |matrix: usize| {
            let mixed = mix.is_some() && matrix + 1 == matrices;
            classes * if mixed { first.len() } else { rows }
        };
        let mut logits: Vec<Vec<f32>> = (0..matrices).map(|matrix| vec![OTHERS; entries(matrix)]).collect();
        logits[0][0] = z as f32;
        let slices: Vec<&[f32]> = logits.iter().map(Vec::as_slice).collect();
        let labels = self.labels(label);
        let ids: Vec<u32> = (0..rows as u32).collect();
        let mut input = LossInput::new(&slices, rows, classes, &labels);
        (input.epoch, input.sample_ids, input.targets.mix) = (self.epoch, &ids, mix);
        let mut slopes: Vec<Vec<f32>> = logits.iter().map(|z| vec![0.0; z.len()]).collect();
        let mut buffers: Vec<&mut [f32]> = slopes.iter_mut().map(Vec::as_mut_slice).collect();
        let value = loss.evaluate(&input, LossGrad::Into(&mut buffers))?;
        Ok((f64::from(value), f64::from(slopes[0][0])))
    }

    /// The cell's label, and a positive and a negative in every row as [`others`] says.
    fn labels(&self, label: Label) -> Vec<Label> {
        let classes = self.classes;
        let rest = match self.row.needs {
            LabelNeeds::FullTruth => Label::Negative,
            _ => Label::Unknown,
        };
        let negative = if self.row.info.labels == LabelUse::OnePositive { rest } else { Label::Negative };
        let cell = |i: usize| {
            let (row, class) = (i / classes, i % classes);
            // Of row 0 the positive is the cell itself, or stands beside it.
            let positive = if row == 0 { usize::from(!label.is_positive()) } else { row % classes };
            match class {
                _ if i == 0 => label,
                c if c == positive => Label::Positive,
                c if c == (row + 2) % classes => negative,
                _ => rest,
            }
        };
        (0..self.rows * classes).map(cell).collect()
    }
}
