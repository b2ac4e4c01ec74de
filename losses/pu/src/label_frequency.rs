//! Maximum likelihood where positives are observed with one probability.

use crate::reference;
use lacuna_loss_api::pointwise::{self, Entry, Pointwise};
use lacuna_loss_api::{
    Dual, Interval, LabelUse, LossError, LossGrad, LossInfo, LossInput, MultiLabelLoss, ParamInfo, Real,
    Reduction, f32x8, math,
};

static INFO: LossInfo = LossInfo {
    name: "label-frequency",
    title: "likelihood of labels of which a share is observed",
    paper: "Teisseyre, Mielniczuk and Lazecka, Different Strategies of Fitting Logistic Regression for Positive and \
            Unlabelled Data, ICCS (the method JOINT, with the frequency given)",
    year: 2020,
    experimental: false,
    labels: LabelUse::UnknownAsUnknown,
    formula: "L = lp (positive), ln (observed negative), -ln(1 - c p) (unknown)",
    params: &[ParamInfo {
        name: "frequency",
        default: Some(0.5),
        range: Interval::closed(0.001, 1.0),
        doc: "share c of the positives that is observed; 1 reads unknown as negative",
    }],
};

/// Parameters of [`LabelFrequency`].
#[derive(Clone, Debug, PartialEq)]
pub struct LabelFrequencyConfig {
    /// Share c of the positives that is observed, in [0.001, 1].
    pub frequency: f64,
    /// How the entries become one number.
    pub reduction: Reduction,
}

impl Default for LabelFrequencyConfig {
    /// c = 0.5, mean.
    fn default() -> Self {
        Self { frequency: 0.5, reduction: Reduction::Mean }
    }
}

/// Negative log likelihood of observed labels where a positive is observed with probability c, whatever its features:
/// P(observed | x) = c p(x).
///
/// ```text
/// positive   L = -ln p (and -ln c, which is left out)   dL/dz = -n
/// negative   L = -ln n                                  dL/dz = p
/// unknown    L = -ln(1 - c p) = softplus(z) - softplus(z + a)
///                                                       dL/dz = p - sigma(z + a),   a = ln(1 - c)
/// ```
/// With c = 1 unknown is negative. Below, the slope of an unknown cell falls to 0 where p is large: a positive that was not
/// observed is a possibility of the model and not an outlier.
///
/// Elkan and Noto, KDD 2008, for the model; Teisseyre, Mielniczuk and Lazecka, ICCS 2020, for its likelihood.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LabelFrequency {
    config: LabelFrequencyConfig,
}

impl LabelFrequency {
    /// Loss metadata.
    pub const INFO: &LossInfo = &INFO;

    /// The loss with these parameters.
    ///
    /// # Errors
    /// [`LossError::Parameter`] if the frequency is outside [0.001, 1].
    pub fn new(config: LabelFrequencyConfig) -> Result<Self, LossError> {
        INFO.check("frequency", config.frequency)?;
        Ok(Self { config })
    }
}

impl MultiLabelLoss for LabelFrequency {
    fn info(&self) -> &'static LossInfo {
        &INFO
    }

    fn evaluate(&mut self, input: &LossInput<'_>, grad: LossGrad<'_, '_>) -> Result<f32, LossError> {
        // ln 0 as a number: softplus and sigma of it are 0.
        let shift = (1.0 - self.config.frequency).ln().max(-1e30) as f32;
        let kernel = Shifted { shift: f32x8::splat(shift) };
        pointwise::evaluate(INFO.name, &kernel, input, grad, self.config.reduction)
    }

    fn reference(&self, z: &[&[Dual]], input: &LossInput<'_>) -> Dual {
        let c = self.config.frequency;
        let entries = z[0].iter().zip(input.targets.labels);
        let sum = Real::sum(entries.map(|(&z, &l)| reference::label_frequency(z, l, c)));
        sum * Dual::of(self.config.reduction.factor(&input.targets))
    }
}

/// a = ln(1 - c).
struct Shifted {
    shift: f32x8,
}

impl Pointwise for Shifted {
    #[inline(always)]
    fn at(&self, z: f32x8, l: f32x8) -> Entry {
        let zero = f32x8::splat(0.0);
        let (log, shifted) = (math::logistic(z), math::logistic(z + self.shift));
        let (positive, unknown) = (l.simd_gt(zero), l.simd_eq(zero));
        let rest = unknown.select(log.neg_ln_n - shifted.neg_ln_n, log.neg_ln_n);
        let slope = unknown.select(log.p - shifted.p, log.p);
        Entry::new(positive.select(log.neg_ln_p, rest), positive.select(-log.n, slope))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lacuna_loss_api::{Label, conformance};

    #[test]
    fn conforms() {
        for frequency in [0.05, 0.5, 0.9, 1.0] {
            let config = LabelFrequencyConfig { frequency, ..Default::default() };
            conformance::check(&|_| Box::new(LabelFrequency::new(config.clone()).unwrap()));
        }
    }

    #[test]
    fn an_unknown_cell_costs_what_its_probability_says() {
        let (z, labels) = ([-3.0_f32, 0.0, 2.0, 30.0, -60.0], [Label::Unknown; 5]);
        for frequency in [0.2, 0.7, 1.0] {
            let config = LabelFrequencyConfig { frequency, reduction: Reduction::Sum };
            for z in z {
                let (logits, mut dz) = ([&[z][..]], [0.0]);
                let mut loss = LabelFrequency::new(config.clone()).unwrap();
                let input = LossInput::new(&logits, 1, 1, &labels[..1]);
                let value = loss.evaluate(&input, LossGrad::Into(&mut [&mut dz])).unwrap();
                let p = 1.0 / (1.0 + f64::from(-z).exp());
                let expected =
                    if frequency == 1.0 { f64::from(z).exp().ln_1p() } else { -(-frequency * p).ln_1p() };
                let error = (f64::from(value) - expected).abs();
                assert!(error <= 4e-6 * (1.0 + expected), "{z} {frequency}: {value} {expected}");
                assert!((0.0..=1.0).contains(&dz[0]), "{z} {frequency}: {}", dz[0]);
            }
        }
    }

    #[test]
    fn a_frequency_outside_its_range_is_refused() {
        for frequency in [0.0, 1.1, f64::NAN] {
            let config = LabelFrequencyConfig { frequency, ..Default::default() };
            let error = LabelFrequency::new(config).unwrap_err();
            assert!(matches!(error, LossError::Parameter { parameter: "frequency", .. }));
        }
    }
}
