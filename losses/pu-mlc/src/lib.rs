//! PU-MLC (Yuan, Zhang, Wu, Ma and Lin, "Positive Label Is All You Need for Multi-Label Classification", ICME 2024):
//! every class is learned from its positives and from all rows as unlabelled ones.
//!
//! ```
//! use lacuna_loss_api::{Label, LossGrad, LossInput, MultiLabelLoss};
//! use lacuna_pu_mlc::{Preset, PuMlc, PuMlcConfig};
//!
//! let z = [2.0, -1.0, 0.5, -2.0]; // four rows of one class
//! let labels = [Label::Positive, Label::Unknown, Label::Unknown, Label::Unknown];
//! let (logits, mut dz) = ([&z[..]], [0.0; 4]);
//! let mut loss = PuMlc::new(PuMlcConfig::preset(Preset::Coco))?;
//! loss.evaluate(&LossInput::new(&logits, 4, 1, &labels), LossGrad::Into(&mut [&mut dz]))?;
//! assert!(dz[0] < 0.0 && dz[1] > 0.0);
//! # Ok::<(), lacuna_loss_api::LossError>(())
//! ```

mod mixup;
pub mod reference;
mod table;

pub use mixup::{MIXUP_ALPHA, MixupTerm, PuMlcMixup, halves};
pub use table::{ABOUT, ROWS};

use lacuna_loss_api::columns::{self, ClassSums};
use lacuna_loss_api::pointwise::{self, ClassVector};
use lacuna_loss_api::{
    Dual, Interval, Label, LabelUse, LossError, LossGrad, LossInfo, LossInput, MultiLabelLoss, ParamInfo,
    Real, Reduction, f32x8, math,
};

/// Where alpha times the standard deviation of a class is below this, as in a batch of one row, its temperature is 1:
/// there is no spread to adapt to. The authors' code divides by 0 there.
pub const NO_SPREAD: f64 = 1e-6;

const fn params(alpha: f64, gamma: f64) -> [ParamInfo; 3] {
    [
        ParamInfo {
            name: "alpha",
            default: Some(alpha),
            range: Interval::above(0.0),
            doc: "factor of the standard deviation in the temperature. 1 for COCO, 2 for VOC in the authors' README",
        },
        ParamInfo {
            name: "gamma",
            default: Some(gamma),
            range: Interval::at_least(0.0),
            doc: "exponent of the re-balancing weight. 0.55 for COCO, 0.85 for VOC in the authors' README",
        },
        ParamInfo {
            name: "eps",
            default: Some(1e-10),
            range: Interval::closed(1e-30, 0.5),
            doc: "guard e of the logarithms. 1e-10 in the authors' code",
        },
    ]
}

static COCO_PARAMS: [ParamInfo; 3] = params(1.0, 0.55);
static VOC_PARAMS: [ParamInfo; 3] = params(2.0, 0.85);

const fn info(name: &'static str, title: &'static str, params: &'static [ParamInfo]) -> LossInfo {
    LossInfo {
        name,
        title,
        paper: "Yuan, Zhang, Wu, Ma and Lin, Positive Label Is All You Need for Multi-Label Classification, ICME",
        year: 2024,
        experimental: false,
        labels: LabelUse::UnknownAsUnknown,
        formula: "L = sum_c w_c ln(mean s + 2e) - mean over positives ln(s + 2e), s = sigma(z/T_c), w_c = (mean s)^gamma",
        params,
    }
}

static COCO: LossInfo = info("pu-mlc", "PU-MLC, settings of COCO", &COCO_PARAMS);
static VOC: LossInfo = info("pu-mlc-voc", "PU-MLC, settings of VOC", &VOC_PARAMS);

/// The data sets for which the authors publish parameters.
///
/// TAKELAMAG/PU-MLC@5c54d37201f1, README. Temperature and means are statistics of the batch: 70 rows for COCO, 90
/// for VOC there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// MS-COCO: alpha 1, gamma 0.55.
    Coco,
    /// Pascal VOC: alpha 2, gamma 0.85.
    Voc,
}

impl Preset {
    /// Loss metadata under this preset.
    pub const fn info(self) -> &'static LossInfo {
        match self {
            Preset::Coco => &COCO,
            Preset::Voc => &VOC,
        }
    }
}

/// Parameters of [`PuMlc`].
#[derive(Clone, Debug, PartialEq)]
pub struct PuMlcConfig {
    /// Decides the name.
    pub preset: Preset,
    /// Factor > 0 of the standard deviation in the temperature.
    pub alpha: f64,
    /// Exponent >= 0 of the re-balancing weight.
    pub gamma: f64,
    /// Guard e of the logarithms.
    pub eps: f64,
    /// How the loss is scaled: the sum over classes as published, or that divided as a mean over entries would be.
    pub reduction: Reduction,
}

impl PuMlcConfig {
    /// The published parameters: guard 1e-10, sum over classes.
    pub fn preset(preset: Preset) -> Self {
        let (alpha, gamma) = match preset {
            Preset::Coco => (1.0, 0.55),
            Preset::Voc => (2.0, 0.85),
        };
        Self { preset, alpha, gamma, eps: 1e-10, reduction: Reduction::Sum }
    }
}

/// Variational positive-unlabelled loss, class by class, with a temperature and a weight from the batch.
///
/// ```text
/// T = min(1, alpha std of z),  s = sigma(z / T),  w = (mean s)^gamma, all over the rows of the batch
/// L = sum over classes of  w ln(mean s + 2e) - mean over positives ln(s + 2e)
/// dL/dz = w s (1-s) / (T B (mean s + 2e)) - [y = 1] s (1-s) / (T positives (s + 2e))
/// ```
/// T and w are constants for the derivative. Every row counts as unlabelled, positives too; a class without
/// positives keeps the first term. Observed negatives and unknown cells are the same. The rest of the published sum, a
/// constant ln(1 + e) for every other cell of a class with positives, is kept in the value.
///
/// Yuan et al., ICME 2024; TAKELAMAG/PU-MLC@5c54d37201f1, src/loss_functions/vpu_loss.py (`vpuLoss`).
#[derive(Clone, Debug, PartialEq)]
pub struct PuMlc {
    config: PuMlcConfig,
    scratch: Scratch,
}

/// Numbers of a batch, kept so that a steady step allocates nothing.
#[derive(Clone, Debug, Default, PartialEq)]
struct Scratch {
    sums: ClassSums,
    squares: ClassSums,
    positives: ClassSums,
    logs: ClassSums,
    temperature: Vec<f64>,
    mean: ClassVector,
    inverse: ClassVector,
    unlabelled: ClassVector,
    labelled: ClassVector,
}

impl PuMlc {
    /// The loss with these parameters.
    ///
    /// # Errors
    /// [`LossError::Parameter`] if one is out of its range.
    pub fn new(config: PuMlcConfig) -> Result<Self, LossError> {
        let info = config.preset.info();
        info.check("alpha", config.alpha)?;
        info.check("gamma", config.gamma)?;
        info.check("eps", config.eps)?;
        Ok(Self { config, scratch: Scratch::default() })
    }
}

impl MultiLabelLoss for PuMlc {
    fn info(&self) -> &'static LossInfo {
        self.config.preset.info()
    }

    fn evaluate(&mut self, input: &LossInput<'_>, grad: LossGrad<'_, '_>) -> Result<f32, LossError> {
        let name = self.info().name;
        input.check(name, 1, &grad)?;
        input.check_hard(name)?;
        let (classes, rows) = (input.classes, input.rows as f64);
        let PuMlcConfig { alpha, gamma, eps, reduction, .. } = self.config;
        let Scratch { sums, squares, positives, logs, temperature, mean, inverse, unlabelled, labelled } =
            &mut self.scratch;
        let (zero, one) = (f32x8::splat(0.0), f32x8::splat(1.0));
        let guard = f32x8::splat((2.0 * eps) as f32);

        sums.clear(classes);
        positives.clear(classes);
        columns::visit(input, |class, z, label| {
            sums.add(class, z);
            positives.add(class, label.simd_gt(zero).select(one, zero));
        });
        if sums.values().iter().any(|sum| !sum.is_finite()) {
            return Err(pointwise::non_finite(input));
        }
        // The deviation from a mean rounded to f32 is exact enough: its square enters below the variance.
        mean.set(sums.values().iter().map(|sum| (sum / rows) as f32));
        squares.clear(classes);
        columns::visit(input, |class, z, _| {
            let gap = z - mean.at(class);
            squares.add(class, gap * gap);
        });
        temperature.clear();
        temperature.extend(squares.values().iter().map(|sum| match alpha * (sum / rows).sqrt() {
            spread if spread < NO_SPREAD => 1.0,
            spread => spread.min(1.0),
        }));
        inverse.set(temperature.iter().map(|t| (1.0 / t) as f32));

        sums.clear(classes);
        logs.clear(classes);
        columns::visit(input, |class, z, label| {
            let s = math::sigmoid(z * inverse.at(class));
            sums.add(class, s);
            let positive = label.simd_gt(zero);
            if positive.any() {
                logs.add(class, positive.select(math::ln(s + guard), zero));
            }
        });
        let scale = reduction.factor(&input.targets);
        let mut total = 0.0;
        let leak = eps.ln_1p();
        for class in 0..classes {
            let (m, p) = (sums.values()[class] / rows, positives.values()[class]);
            total += m.powf(gamma) * (m + 2.0 * eps).ln();
            if p > 0.0 {
                total -= (logs.values()[class] + (rows - p) * leak) / p;
            }
        }
        if let Some(dz) = grad.into_single() {
            let of_class = |class: usize| (sums.values()[class] / rows, temperature[class]);
            unlabelled.set((0..classes).map(|class| {
                let (m, t) = of_class(class);
                (scale * m.powf(gamma) / (t * rows * (m + 2.0 * eps))) as f32
            }));
            labelled.set((0..classes).map(|class| {
                let p = positives.values()[class];
                if p > 0.0 { (scale / (temperature[class] * p)) as f32 } else { 0.0 }
            }));
            columns::write(input, dz, |class, z, label| {
                let (s, rest) = math::sigmoid_pair(z * inverse.at(class));
                let pull = label.simd_gt(zero).select(labelled.at(class) / (s + guard), zero);
                s * rest * (unlabelled.at(class) - pull)
            });
        }
        Ok((scale * total) as f32)
    }

    fn reference(&self, z: &[&[Dual]], input: &LossInput<'_>) -> Dual {
        let PuMlcConfig { alpha, gamma, eps, reduction, .. } = self.config;
        let class = |class: usize| {
            let z: Vec<Dual> = z[0][class..].iter().step_by(input.classes).copied().collect();
            let labels = input.targets.labels[class..].iter().step_by(input.classes);
            let labels: Vec<Label> = labels.copied().collect();
            let values: Vec<f64> = z.iter().map(|z| z.value()).collect();
            let t = reference::temperature(&values, alpha);
            let mean = values.iter().map(|&z| Real::sigmoid(z / t)).sum::<f64>() / values.len() as f64;
            reference::pu_mlc_class(&z, &labels, t, mean.powf(gamma), eps)
        };
        Real::sum((0..input.classes).map(class)) * Dual::of(reduction.factor(&input.targets))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lacuna_loss_api::conformance;

    #[test]
    fn conforms() {
        for preset in [Preset::Coco, Preset::Voc] {
            let published = PuMlcConfig::preset(preset);
            // A small alpha on a batch of two rows saturates every entry, with gradients of 1e-61 that f32 lacks.
            let other = PuMlcConfig { alpha: 1.5, gamma: 2.0, eps: 1e-5, ..published };
            // At gamma 0 the two terms of a single positive row cancel, and rounding is all there is to compare.
            let plain = PuMlcConfig { gamma: 0.1, reduction: Reduction::Mean, ..published };
            for config in [published, other, plain] {
                conformance::check(&|_| Box::new(PuMlc::new(config.clone()).unwrap()));
            }
        }
    }

    #[test]
    fn parameters_are_checked() {
        let good = PuMlcConfig::preset(Preset::Coco);
        for bad in [
            PuMlcConfig { alpha: 0.0, ..good },
            PuMlcConfig { gamma: -1.0, ..good },
            PuMlcConfig { eps: 0.0, ..good },
        ] {
            assert!(matches!(PuMlc::new(bad), Err(LossError::Parameter { .. })));
        }
    }
}
