//! The two-way multi-label loss (Kobayashi, CVPR 2023): every positive against every negative, once within each class over
//! the rows of a batch and once within each row over the classes. See [`TwoWay`].

pub mod reference;
mod table;

pub use table::{ABOUT, ROWS};

use lacuna_loss_api::columns::{self, ClassSums};
use lacuna_loss_api::pointwise::{ClassVector, lane_sum, load_targets};
use lacuna_loss_api::{
    Dual, Interval, LabelUse, LossError, LossGrad, LossInfo, LossInput, MultiLabelLoss, ParamInfo, Real,
    Reduction, f32x8, lanes, math,
};

/// Legal temperatures: at 1e-3 a sum is its largest term, at 1e3 all terms are alike.
const TEMPERATURE: Interval = Interval::closed(1e-3, 1e3);

static INFO: LossInfo = LossInfo {
    name: "two-way",
    title: "two-way multi-label loss",
    paper: "Kobayashi, Two-way Multi-Label Loss, CVPR",
    year: 2023,
    experimental: false,
    labels: LabelUse::KnownOnly,
    formula: "L = mean over classes, plus mean over rows, of softplus(tp ln sum_{y=1} e^(-z/tp) + tn ln sum_{y=0} e^(z/tn))",
    params: &[
        ParamInfo {
            name: "tp",
            default: Some(4.0),
            range: TEMPERATURE,
            doc: "temperature of the positives. 4 in the authors' code",
        },
        ParamInfo {
            name: "tn",
            default: Some(1.0),
            range: TEMPERATURE,
            doc: "temperature of the negatives. 1 in the authors' code",
        },
    ],
};

/// Parameters of [`TwoWay`].
#[derive(Clone, Debug, PartialEq)]
pub struct TwoWayConfig {
    /// Temperature of the positives, in [1e-3, 1e3].
    pub tp: f64,
    /// Temperature of the negatives, in [1e-3, 1e3].
    pub tn: f64,
    /// How the loss is scaled: `Mean` is the published loss, the others in proportion.
    pub reduction: Reduction,
}

impl Default for TwoWayConfig {
    /// 4 and 1, the published loss.
    fn default() -> Self {
        Self { tp: 4.0, tn: 1.0, reduction: Reduction::Mean }
    }
}

/// The two-way loss.
///
/// ```text
/// A = tp ln sum_{y=1} e^(-z/tp),   B = tn ln sum_{y=0} e^(z/tn)
/// L = mean over classes with a positive of softplus(A_c + B_c) + mean over rows with a positive of softplus(A_i + B_i)
/// dL/dz = class part + row part, each sigma(A + B) / count * [-softmax(-z/tp) on positives, softmax(z/tn) on negatives]
/// ```
/// Sums of a class are over the rows of the batch, those of a row over its classes. Unknown cells are in neither. A class
/// or row without negatives costs 0 and counts in its mean; a batch without a positive has value 0 and gradient 0.
///
/// Kobayashi, CVPR 2023; tk1980/TwoWayMultiLabelLoss@ef8b2d6dc56b, utils/criterion.py.
///
/// ```
/// use lacuna_loss_api::{Label, LossGrad, LossInput, MultiLabelLoss};
/// use lacuna_two_way::{TwoWay, TwoWayConfig};
///
/// let z = [2.0, -1.0, 0.5, -2.0, 0.0, 1.0]; // two rows of three classes
/// let [no, unknown, yes] = [Label::Negative, Label::Unknown, Label::Positive];
/// let labels = [yes, no, unknown, no, yes, no];
/// let (logits, mut dz) = ([&z[..]], [0.0; 6]);
/// let mut loss = TwoWay::new(TwoWayConfig::default())?;
/// loss.evaluate(&LossInput::new(&logits, 2, 3, &labels), LossGrad::Into(&mut [&mut dz]))?;
/// assert!(dz[0] < 0.0 && dz[1] > 0.0);
/// assert_eq!(dz[2], 0.0);
/// # Ok::<(), lacuna_loss_api::LossError>(())
/// ```
#[derive(Clone, Debug)]
pub struct TwoWay {
    config: TwoWayConfig,
    of_class: OfClasses,
}

/// What is known of each class of a batch. Largest exponents and weights are of positives and of negatives.
#[derive(Clone, Debug, Default)]
struct OfClasses {
    running: [Vec<f32>; 2],
    largest: [ClassVector; 2],
    sums: [ClassSums; 2],
    weights: [ClassVector; 2],
}

impl TwoWay {
    /// Loss metadata.
    pub const INFO: &LossInfo = &INFO;

    /// The loss with these parameters.
    ///
    /// # Errors
    /// [`LossError::Parameter`] if one is out of its range.
    pub fn new(config: TwoWayConfig) -> Result<Self, LossError> {
        INFO.check("tp", config.tp)?;
        INFO.check("tn", config.tn)?;
        Ok(Self { config, of_class: OfClasses::default() })
    }

    /// What the published loss is multiplied with.
    fn scale(&self, input: &LossInput<'_>) -> f64 {
        self.config.reduction.factor(&input.targets) * input.targets.labels.len() as f64
    }
}

/// Temperatures, as vectors.
#[derive(Clone, Copy)]
struct Temperatures(f32x8, f32x8);

impl Temperatures {
    /// (e^((-z - largest)/tp) on positives, e^((z - largest)/tn) on negatives), 0 elsewhere. The largest exponents are those of
    /// the class or row, so that the largest term is 1.
    #[inline]
    fn terms(self, z: f32x8, label: f32x8, positive: f32x8, negative: f32x8) -> [f32x8; 2] {
        let zero = f32x8::splat(0.0);
        let (is_positive, is_negative) = (label.simd_gt(zero), label.simd_lt(zero));
        let exponent = is_positive.select((-z - positive) / self.0, (z - negative) / self.1);
        let term = math::exp(exponent);
        [is_positive.select(term, zero), is_negative.select(term, zero)]
    }
}

/// Value and weights of a class or row: softplus(A + B), and sigma(A + B) over either sum. `None` without positives.
fn cost(largest: [f32; 2], sums: [f64; 2], config: &TwoWayConfig) -> Option<(f64, [f64; 2])> {
    if sums[0] == 0.0 {
        return None;
    }
    if sums[1] == 0.0 {
        return Some((0.0, [0.0; 2]));
    }
    let part = |i: usize, t: f64| f64::from(largest[i]) + t * sums[i].ln();
    let margin = part(0, config.tp) + part(1, config.tn);
    let sigma = margin.sigmoid();
    Some((margin.softplus(), [sigma / sums[0], sigma / sums[1]]))
}

impl MultiLabelLoss for TwoWay {
    fn info(&self) -> &'static LossInfo {
        &INFO
    }

    fn evaluate(&mut self, input: &LossInput<'_>, grad: LossGrad<'_, '_>) -> Result<f32, LossError> {
        input.check(INFO.name, 1, &grad)?;
        input.check_hard(INFO.name)?;
        if let Some(error) = input.first_non_finite() {
            return Err(error);
        }
        let (classes, by) = (input.classes, self.scale(input));
        let mut dz = grad.into_single();
        let (config, of_class) = (&self.config, &mut self.of_class);
        let t = Temperatures(f32x8::splat(config.tp as f32), f32x8::splat(config.tn as f32));
        // Rows are finished one after the other, so the number of those with a positive comes first.
        let with_positive = |labels: &[_]| labels.iter().any(|l: &lacuna_loss_api::Label| l.is_positive());
        let labels = input.targets.labels;
        let rows = labels.chunks(classes).filter(|row| with_positive(row)).count();
        let mut value = 0.0;
        for running in &mut of_class.running {
            running.clear();
            running.resize(classes.next_multiple_of(8), f32::NEG_INFINITY);
        }
        for (row, (z, labels)) in input.logits[0].chunks(classes).zip(labels.chunks(classes)).enumerate() {
            let largest = largest(z, labels, &mut of_class.running);
            let mut dz = dz.as_mut().map(|dz| &mut dz[row * classes..][..classes]);
            let [m, n] = largest.map(f32x8::splat);
            let mut sums = [f32x8::splat(0.0); 2];
            for (i, (z, labels)) in (0..).step_by(8).zip(z.chunks(8).zip(labels.chunks(8))) {
                let [yes, no] = t.terms(lanes::load(z), load_targets(labels), m, n);
                sums = [sums[0] + yes, sums[1] + no];
                if let Some(dz) = &mut dz {
                    lanes::store(no - yes, &mut dz[i..][..z.len()]);
                }
            }
            let (cost, weights) = cost(largest, sums.map(lane_sum), config).unwrap_or_default();
            value += by / rows.max(1) as f64 * cost;
            if let Some(dz) = dz {
                let [yes, no] = weights.map(|w| (by / rows.max(1) as f64 * w) as f32);
                dz.iter_mut().for_each(|term| *term *= if *term < 0.0 { yes } else { no });
            }
        }
        of_class.sum(input, t);
        value += of_class.finish(classes, by, config);
        if let Some(dz) = dz {
            // columns::write sets; this part is added.
            let rows =
                input.logits[0].chunks(classes).zip(labels.chunks(classes)).zip(dz.chunks_mut(classes));
            for ((z, labels), dz) in rows {
                let cells = z.chunks(8).zip(labels.chunks(8)).zip(dz.chunks_mut(8));
                for (((z, labels), dz), class) in cells.zip((0..).step_by(8)) {
                    let slope = of_class.slope(t, class, lanes::load(z), load_targets(labels));
                    lanes::store(lanes::load(dz) + slope, dz);
                }
            }
        }
        Ok(value as f32)
    }

    fn reference(&self, z: &[&[Dual]], input: &LossInput<'_>) -> Dual {
        let TwoWayConfig { tp, tn, .. } = self.config;
        reference::two_way(z[0], input.targets.labels, input.classes, tp, tn) * Dual::of(self.scale(input))
    }
}

/// The largest -z of the positives and the largest z of the negatives of a row, -inf without any; takes them into those of the
/// classes.
fn largest(z: &[f32], labels: &[lacuna_loss_api::Label], of_class: &mut [Vec<f32>; 2]) -> [f32; 2] {
    let (zero, none) = (f32x8::splat(0.0), f32x8::splat(f32::NEG_INFINITY));
    let mut of_row = [none; 2];
    for (class, (z, labels)) in (0..).step_by(8).zip(z.chunks(8).zip(labels.chunks(8))) {
        let (z, label) = (lanes::load(z), load_targets(labels));
        let here = [label.simd_gt(zero).select(-z, none), label.simd_lt(zero).select(z, none)];
        for ((here, of_row), of_class) in here.into_iter().zip(&mut of_row).zip(&mut *of_class) {
            *of_row = of_row.max(here);
            let of_class = &mut of_class[class..class + 8];
            lanes::store(lanes::load(of_class).max(here), of_class);
        }
    }
    of_row.map(|x| x.to_array().into_iter().fold(f32::NEG_INFINITY, f32::max))
}

impl OfClasses {
    /// The sums of each class.
    fn sum(&mut self, input: &LossInput<'_>, t: Temperatures) {
        let Self { running, largest, sums, .. } = self;
        for ((running, largest), sums) in running.iter().zip(&mut *largest).zip(&mut *sums) {
            largest.set(running[..input.classes].iter().copied());
            sums.clear(input.classes);
        }
        let [yes, no] = sums;
        columns::visit(input, |class, z, label| {
            let terms = t.terms(z, label, largest[0].at(class), largest[1].at(class));
            yes.add(class, terms[0]);
            no.add(class, terms[1]);
        });
    }

    /// The mean over classes times `by`; leaves the weights of the gradient.
    fn finish(&mut self, classes: usize, by: f64, config: &TwoWayConfig) -> f64 {
        let Self { running, sums, weights, .. } = self;
        let [yes, no] = [sums[0].values(), sums[1].values()];
        let of = |c: usize| cost([running[0][c], running[1][c]], [yes[c], no[c]], config);
        let counted = yes.iter().filter(|sum| **sum > 0.0).count().max(1) as f64;
        for (i, weights) in weights.iter_mut().enumerate() {
            weights.set((0..classes).map(|c| of(c).map_or(0.0, |(_, w)| (by / counted * w[i]) as f32)));
        }
        by / counted * (0..classes).filter_map(of).map(|(value, _)| value).sum::<f64>()
    }

    /// The class part of the gradient.
    #[inline]
    fn slope(&self, t: Temperatures, class: usize, z: f32x8, label: f32x8) -> f32x8 {
        let [yes, no] = t.terms(z, label, self.largest[0].at(class), self.largest[1].at(class));
        no * self.weights[1].at(class) - yes * self.weights[0].at(class)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lacuna_loss_api::{Label, conformance};

    #[test]
    fn conforms() {
        for (tp, tn) in [(4.0, 1.0), (1.0, 2.0), (0.3, 7.0)] {
            for reduction in [Reduction::Mean, Reduction::Sum, Reduction::MeanKnown] {
                let config = TwoWayConfig { tp, tn, reduction };
                conformance::check(&|_| Box::new(TwoWay::new(config.clone()).unwrap()));
            }
        }
    }

    #[test]
    fn temperatures_are_checked() {
        for bad in [0.0, -1.0, 1e-4, f64::NAN] {
            for config in [
                TwoWayConfig { tp: bad, ..Default::default() },
                TwoWayConfig { tn: bad, ..Default::default() },
            ] {
                assert!(matches!(TwoWay::new(config), Err(LossError::Parameter { .. })));
            }
        }
    }

    /// Without a positive nothing is compared; with nothing but positives neither.
    #[test]
    fn batches_of_one_kind_cost_nothing() {
        let z = [0.5, -3.0, 80.0, 2.0];
        for label in [Label::Negative, Label::Positive, Label::Unknown] {
            let (labels, logits, mut dz) = ([label; 4], [&z[..]], [f32::NAN; 4]);
            let input = LossInput::new(&logits, 2, 2, &labels);
            let mut loss = TwoWay::new(TwoWayConfig::default()).unwrap();
            assert_eq!(loss.evaluate(&input, LossGrad::Into(&mut [&mut dz])), Ok(0.0));
            assert_eq!(dz, [0.0; 4]);
        }
    }
}
