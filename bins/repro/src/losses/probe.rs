//! The value and slope of a loss as the logit of one entry moves.

use lacuna_losses::{
    ClassStatistics, Context, Label, LabelUse, LossError, LossGrad, LossInput, LossRow, Mix, MultiLabelLoss,
    Options, Reduction, Statistics,
};

/// Where logits are probed: from -8 to 8.
pub(super) const RANGE: f64 = 8.0;
const POINTS: usize = 161;

/// Rows and classes of the batch around an entry, where a loss looks at more than that.
const ROWS: usize = 8;
const CLASSES: usize = 5;

/// Value and slope of a loss for one entry.
pub(super) struct Probe {
    pub(super) curves: Vec<Curve>,
    /// How it was measured, in a sentence.
    pub(super) setting: String,
}

/// Value and slope for one label.
pub(super) struct Curve {
    pub(super) name: &'static str,
    /// The symbol of the curve in a text plot.
    pub(super) mark: char,
    /// Logits, values, slopes.
    pub(super) points: Vec<[f64; 3]>,
}

impl Probe {
    /// Probes a loss for every label it distinguishes.
    ///
    /// # Errors
    /// The description of the options of the loss.
    pub(super) fn of(row: &'static LossRow, options: &Options, epoch: usize) -> Result<Self, LossError> {
        let labels: &[(Label, &'static str, char)] = match row.info.labels {
            LabelUse::UnknownAsNegative | LabelUse::OnePositive => {
                &[(Label::Positive, "positive", '+'), (Label::Unknown, "not positive", 'o')]
            }
            LabelUse::KnownOnly | LabelUse::UnknownAsUnknown => &[
                (Label::Positive, "positive", '+'),
                (Label::Negative, "negative", '-'),
                (Label::Unknown, "unknown", 'o'),
            ],
        };
        let around = Batch { rows: ROWS, classes: CLASSES };
        let alone = Batch { rows: 1, classes: 1 };
        let curves = |batch: Batch| -> Result<Vec<Curve>, LossError> {
            let curve = |&(label, name, mark): &(Label, &'static str, char)| {
                Ok(Curve { name, mark, points: batch.sweep(row, options, epoch, label)? })
            };
            let all: Vec<Result<Curve, LossError>> = labels.iter().map(curve).collect();
            // A label that the loss has no meaning for is left out; the positive one always has some.
            let mut curves = Vec::new();
            for curve in all {
                match curve {
                    Ok(curve) => curves.push(curve),
                    Err(error) if curves.is_empty() => return Err(error),
                    Err(_) => {}
                }
            }
            Ok(curves)
        };
        let in_batch = curves(around)?;
        // Where an entry alone has the slope it has among others, its own value can be shown.
        if let Ok(single) = curves(alone)
            && same_slopes(&single, &in_batch)
        {
            return Ok(Self { curves: single, setting: "one entry, summed".to_string() });
        }
        let setting = format!(
            "the loss of a batch of {ROWS} x {CLASSES}, as the logit of its first entry moves (epoch {epoch})"
        );
        Ok(Self { curves: in_batch, setting })
    }
}

fn same_slopes(a: &[Curve], b: &[Curve]) -> bool {
    let slopes = |curves: &[Curve]| -> Vec<f64> {
        curves.iter().flat_map(|c| c.points.iter().map(|p| p[2])).collect()
    };
    let (a, b) = (slopes(a), slopes(b));
    let size = a.iter().fold(1e-6f64, |s, x| s.max(x.abs()));
    a.len() == b.len() && a.iter().zip(&b).all(|(a, b)| (a - b).abs() <= 1e-4 * size)
}

/// Sizes of a batch whose first entry is probed.
#[derive(Clone, Copy)]
struct Batch {
    rows: usize,
    classes: usize,
}

impl Batch {
    fn sweep(
        self,
        row: &'static LossRow,
        options: &Options,
        epoch: usize,
        label: Label,
    ) -> Result<Vec<[f64; 3]>, LossError> {
        let labels = self.labels(row.info.labels, label);
        let point = |i: usize| {
            let z = RANGE * (2.0 * i as f64 / (POINTS - 1) as f64 - 1.0);
            // A new loss for every point: state must not carry over.
            let mut loss = self.build(row, options, &labels)?;
            (0..=epoch).for_each(|e| loss.begin_epoch(e));
            let (value, slope) = self.evaluate(loss.as_mut(), &labels, z as f32, epoch)?;
            Ok([z, value, slope])
        };
        (0..POINTS).map(point).collect()
    }

    /// One positive a row, in the first class of the first row only if that is what is probed; the rest negative for
    /// losses that leave out unknown cells, and unknown for the others.
    fn labels(self, use_of: LabelUse, probed: Label) -> Vec<Label> {
        let rest = if use_of == LabelUse::KnownOnly { Label::Negative } else { Label::Unknown };
        let mut labels = vec![rest; self.rows * self.classes];
        for row in 0..self.rows {
            let first = if row == 0 && probed != Label::Positive { 1 } else { row };
            labels[row * self.classes + first % self.classes] = Label::Positive;
        }
        labels[0] = probed;
        labels
    }

    fn build(
        self,
        row: &'static LossRow,
        options: &Options,
        labels: &[Label],
    ) -> Result<Box<dyn MultiLabelLoss>, LossError> {
        let context = Context { classes: Some(self.classes), expected_positives: Some(1.0) };
        let options = options.clone().within(context).reduce(Reduction::Sum);
        let statistics = match row.statistics {
            // A fifth of the training rows has each class.
            Statistics::Counts => Some(ClassStatistics::new(1000.0, vec![200.0; self.classes])?),
            // Losses that look at pairs of classes get the batch's own.
            Statistics::None | Statistics::CoOccurrence => row.statistics_of(labels, self.classes)?,
        };
        match &statistics {
            Some(statistics) => row.build_for(&options, statistics),
            None => row.build(&options),
        }
    }

    fn evaluate(
        self,
        loss: &mut dyn MultiLabelLoss,
        labels: &[Label],
        z: f32,
        epoch: usize,
    ) -> Result<(f64, f64), LossError> {
        let half = self.rows / 2;
        let (first, second): (Vec<u32>, Vec<u32>) =
            ((0..half as u32).collect(), (half as u32..2 * half as u32).collect());
        let count = loss.logit_matrices();
        let entries = |m: usize| {
            let rows = if loss.mixes() && m + 1 == count { half } else { self.rows };
            rows * self.classes
        };
        // Logits of the others: between -3 and 1, as an untrained head's are not, but a trained one's.
        let others = |m: usize, i: usize| ((i * 37 + m * 11) % 41) as f32 * 0.1 - 3.0;
        let mut matrices: Vec<Vec<f32>> =
            (0..count).map(|m| (0..entries(m)).map(|i| others(m, i)).collect()).collect();
        matrices[0][0] = z;
        let mut gradients: Vec<Vec<f32>> = (0..count).map(|m| vec![0.0; entries(m)]).collect();
        let logits: Vec<&[f32]> = matrices.iter().map(Vec::as_slice).collect();
        let ids: Vec<u32> = (0..self.rows as u32).collect();
        let mut input = LossInput::new(&logits, self.rows, self.classes, labels);
        (input.epoch, input.sample_ids) = (epoch, &ids);
        input.targets.mix = loss.mixes().then_some(Mix { first: &first, second: &second, lambda: 0.3 });
        let mut buffers: Vec<&mut [f32]> = gradients.iter_mut().map(Vec::as_mut_slice).collect();
        let value = loss.evaluate(&input, LossGrad::Into(&mut buffers))?;
        Ok((f64::from(value), f64::from(gradients[0][0])))
    }
}
