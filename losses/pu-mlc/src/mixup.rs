//! The mixup term.

use crate::{PuMlc, PuMlcConfig, reference};
use lacuna_loss_api::pointwise::load_targets;
use lacuna_loss_api::{
    Dual, Interval, LabelUse, LossError, LossGrad, LossInfo, LossInput, Mix, MultiLabelLoss, ParamInfo, Real,
    Takes, f32x8, lanes, math,
};

/// Share of the mixing coefficient's distribution: lambda ~ Beta(0.3, 0.3), one draw for each batch.
///
/// TAKELAMAG/PU-MLC@5c54d37201f1, README.
pub const MIXUP_ALPHA: f64 = 0.3;

static INFO: LossInfo = LossInfo {
    name: "pu-mlc-mixup",
    title: "PU-MLC with its mixup term, settings of COCO",
    paper: "Yuan, Zhang, Wu, Ma and Lin, Positive Label Is All You Need for Multi-Label Classification, ICME",
    year: 2024,
    experimental: false,
    labels: LabelUse::UnknownAsUnknown,
    formula: "L = pu-mlc + sum_c mean over mixed rows (ln(t~ + e) - ln(sigma(z~) + e))^2, t~ = lambda t_a + (1-lambda) t_b",
    params: &[
        ParamInfo {
            name: "alpha",
            default: Some(1.0),
            range: Interval::above(0.0),
            doc: "factor of the standard deviation in the temperature. 1 for COCO, 2 for VOC in the authors' README",
        },
        ParamInfo {
            name: "gamma",
            default: Some(0.55),
            range: Interval::at_least(0.0),
            doc: "exponent of the re-balancing weight. 0.55 for COCO, 0.85 for VOC in the authors' README",
        },
        ParamInfo {
            name: "eps",
            default: Some(1e-10),
            range: Interval::closed(1e-30, 0.5),
            doc: "guard e of the logarithms. 1e-10 in the authors' code",
        },
    ],
};

/// The rows that the authors mix: the first half of the batch in the order of `permutation`, with the last half. The
/// middle row of an odd batch is not mixed.
///
/// Fills the two lists of a [`Mix`].
///
/// ```
/// let (mut first, mut second) = (vec![], vec![]);
/// lacuna_pu_mlc::halves(5, &[1, 0], &mut first, &mut second);
/// assert_eq!((first, second), (vec![1, 0], vec![3, 4]));
/// ```
///
/// # Panics
/// Unless `permutation` has half as many entries as there are rows, rounded down.
pub fn halves(rows: usize, permutation: &[u32], first: &mut Vec<u32>, second: &mut Vec<u32>) {
    let half = rows / 2;
    assert_eq!(permutation.len(), half, "a permutation of half the rows");
    first.clear();
    first.extend_from_slice(permutation);
    second.clear();
    second.extend((rows - half..rows).map(|row| row as u32));
}

/// Asks of mixed rows what the rows they are made of say.
///
/// The logit matrices are those of the batch and of the mixed rows, which [`Targets::mix`] describes.
/// ```text
/// t = 1 at positives, else sigma(z) + 1e-10, without the temperature of the loss
/// t~ = lambda t_a + (1 - lambda) t_b
/// R = sum over classes of the mean over mixed rows of (ln(t~ + e) - ln(sigma(z~) + e))^2
/// ```
/// The targets take part in the derivative. Without mixed rows, as in a batch of one row, R is 0.
///
/// Yuan et al., ICME 2024; TAKELAMAG/PU-MLC@5c54d37201f1, src/loss_functions/vpu_loss.py. [`MIXUP_ALPHA`] and
/// [`halves`] say how the authors mix.
///
/// [`Targets::mix`]: lacuna_loss_api::Targets::mix
#[derive(Clone, Debug, PartialEq)]
pub struct MixupTerm {
    eps: f64,
}

impl MixupTerm {
    /// The term with this guard of its logarithms, 1e-10 in the authors' code.
    ///
    /// # Errors
    /// [`LossError::Parameter`] if it is out of its range.
    pub fn new(eps: f64) -> Result<Self, LossError> {
        INFO.check("eps", eps)?;
        Ok(Self { eps })
    }

    /// `scale` times the term; adds to the derivatives `[rows, classes]` and overwrites those of the mixed rows.
    fn add(
        &self,
        input: &LossInput<'_>,
        mix: &Mix<'_>,
        gradients: Option<[&mut [f32]; 2]>,
        scale: f64,
    ) -> f64 {
        let (classes, z, mixed) = (input.classes, input.logits[0], input.logits[1]);
        if mix.rows() == 0 {
            return 0.0;
        }
        let by = scale / mix.rows() as f64;
        let labels = input.targets.labels;
        let (zero, one) = (f32x8::splat(0.0), f32x8::splat(1.0));
        let (e, leak) = (f32x8::splat(self.eps as f32), f32x8::splat(reference::LEAK as f32));
        let shares = [mix.lambda, 1.0 - mix.lambda].map(|share| f32x8::splat(share as f32));
        let two = f32x8::splat(2.0 * by as f32);
        let (mut dz, mut dm) = match gradients {
            Some([dz, dm]) => (Some(dz), Some(dm)),
            None => (None, None),
        };
        let mut total = 0.0;
        for (row, z_mixed) in mixed.chunks(classes).enumerate() {
            let sources = [mix.first[row] as usize * classes, mix.second[row] as usize * classes];
            for class in (0..classes).step_by(8) {
                let wide = (classes - class).min(8);
                let load = |x: &[f32]| lanes::load(&x[..wide]);
                let inside = lanes::first(one, wide, 0.0);
                // (t, dt/dz) of both rows.
                let targets = sources.map(|start| {
                    let (p, n) = math::sigmoid_pair(load(&z[start + class..]));
                    let positive = load_targets(&labels[start + class..][..wide]).simd_gt(zero);
                    (positive.select(one, p + leak), positive.select(zero, p * n))
                });
                let t = shares[0] * targets[0].0 + shares[1] * targets[1].0 + e;
                let (s, s_rest) = math::sigmoid_pair(load(&z_mixed[class..]));
                let s_e = s + e;
                let gap = math::ln(t) - math::ln(s_e);
                total += lacuna_loss_api::pointwise::lane_sum(gap * gap * inside);
                if let (Some(dz), Some(dm)) = (&mut dz, &mut dm) {
                    let g = two * gap;
                    lanes::store(-(g * s * s_rest / s_e), &mut dm[row * classes + class..][..wide]);
                    for ((start, share), (_, dt)) in sources.into_iter().zip(shares).zip(targets) {
                        let dz = &mut dz[start + class..][..wide];
                        lanes::store(lanes::load(dz) + g * share * dt / t, dz);
                    }
                }
            }
        }
        by * total
    }

    fn reference(&self, z: &[&[Dual]], input: &LossInput<'_>, mix: &Mix<'_>) -> Dual {
        if mix.rows() == 0 {
            return Dual::of(0.0);
        }
        let (classes, labels) = (input.classes, input.targets.labels);
        let target = |row: u32, class: usize| {
            let at = row as usize * classes + class;
            reference::mixup_target(z[0][at], labels[at])
        };
        let cell = |i: usize| {
            let (row, class) = (i / classes, i % classes);
            let (a, b) = (target(mix.first[row], class), target(mix.second[row], class));
            reference::mixup(a, b, z[1][i], mix.lambda, self.eps)
        };
        Real::sum((0..mix.rows() * classes).map(cell)) / Dual::of(mix.rows() as f64)
    }
}

/// [`PuMlc`] and its [`MixupTerm`]: L + R.
#[derive(Clone, Debug, PartialEq)]
pub struct PuMlcMixup {
    loss: PuMlc,
    term: MixupTerm,
    config: PuMlcConfig,
}

impl PuMlcMixup {
    /// Loss metadata.
    pub const INFO: &LossInfo = &INFO;

    /// The loss with these parameters.
    ///
    /// # Errors
    /// [`LossError::Parameter`] if one is out of its range.
    pub fn new(config: PuMlcConfig) -> Result<Self, LossError> {
        let (loss, term) = (PuMlc::new(config.clone())?, MixupTerm::new(config.eps)?);
        Ok(Self { loss, term, config })
    }

    fn mix<'a>(input: &LossInput<'a>) -> Result<Mix<'a>, LossError> {
        let Some(mix) = input.targets.mix else {
            return Err(LossError::Unsupported(format!(
                "{} compares mixed rows with whole ones, and the batch has no mixed rows",
                INFO.name
            )));
        };
        mix.check(input.rows)?;
        Ok(mix)
    }

    /// The batch without its mixed rows.
    fn plain<'a>(input: &LossInput<'a>) -> LossInput<'a> {
        let mut plain = LossInput { logits: &input.logits[..1], ..*input };
        plain.targets.mix = None;
        plain
    }
}

impl MultiLabelLoss for PuMlcMixup {
    fn info(&self) -> &'static LossInfo {
        &INFO
    }

    fn takes(&self) -> Takes {
        Takes::MixedRows
    }

    fn evaluate(&mut self, input: &LossInput<'_>, grad: LossGrad<'_, '_>) -> Result<f32, LossError> {
        input.check(INFO.name, 2, &grad)?;
        input.check_hard(INFO.name)?;
        let mix = Self::mix(input)?;
        if let Some(error) = input.first_non_finite() {
            return Err(error);
        }
        let plain = Self::plain(input);
        let scale = self.config.reduction.factor(&plain.targets);
        match grad {
            LossGrad::Into([dz, dm]) => {
                let value = self.loss.evaluate(&plain, LossGrad::Into(&mut [&mut **dz]))?;
                let term = self.term.add(input, &mix, Some([&mut **dz, &mut **dm]), scale);
                Ok(value + term as f32)
            }
            _ => {
                let value = self.loss.evaluate(&plain, LossGrad::Unneeded)?;
                Ok(value + self.term.add(input, &mix, None, scale) as f32)
            }
        }
    }

    fn reference(&self, z: &[&[Dual]], input: &LossInput<'_>) -> Dual {
        let plain = Self::plain(input);
        let loss = self.loss.reference(&z[..1], &plain);
        match &input.targets.mix {
            Some(mix) => {
                let scale = self.config.reduction.factor(&plain.targets);
                loss + self.term.reference(z, input, mix) * Dual::of(scale)
            }
            None => loss,
        }
    }
}

impl MultiLabelLoss for MixupTerm {
    fn info(&self) -> &'static LossInfo {
        &INFO
    }

    fn takes(&self) -> Takes {
        Takes::MixedRows
    }

    fn evaluate(&mut self, input: &LossInput<'_>, grad: LossGrad<'_, '_>) -> Result<f32, LossError> {
        input.check(INFO.name, 2, &grad)?;
        input.check_hard(INFO.name)?;
        let mix = PuMlcMixup::mix(input)?;
        if let Some(error) = input.first_non_finite() {
            return Err(error);
        }
        let value = match grad {
            LossGrad::Into([dz, dm]) => {
                dz.fill(0.0);
                self.add(input, &mix, Some([&mut **dz, &mut **dm]), 1.0)
            }
            _ => self.add(input, &mix, None, 1.0),
        };
        Ok(value as f32)
    }

    fn reference(&self, z: &[&[Dual]], input: &LossInput<'_>) -> Dual {
        match &input.targets.mix {
            Some(mix) => MixupTerm::reference(self, z, input, mix),
            None => Dual::of(0.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Preset;
    use lacuna_loss_api::{Label, Reduction, conformance};

    #[test]
    fn conforms() {
        conformance::check(&|_| Box::new(MixupTerm::new(1e-10).unwrap()));
        for config in [
            PuMlcConfig::preset(Preset::Coco),
            PuMlcConfig { eps: 1e-5, reduction: Reduction::Mean, ..PuMlcConfig::preset(Preset::Voc) },
        ] {
            conformance::check(&|_| Box::new(PuMlcMixup::new(config.clone()).unwrap()));
        }
    }

    #[test]
    fn mixes_are_checked() {
        let z = [0.0f32; 4];
        let logits = [&z[..], &z[..2]];
        let mut loss = MixupTerm::new(1e-10).unwrap();
        let mut run = |first: &[u32], second: &[u32], lambda: f64| {
            let mut input = LossInput::new(&logits, 2, 2, &[Label::Unknown; 4]);
            input.targets.mix = Some(Mix { first, second, lambda });
            loss.evaluate(&input, LossGrad::Unneeded)
        };
        assert!(run(&[0], &[1], 0.5).is_ok());
        for (first, second, lambda) in
            [(&[0][..], &[2][..], 0.5), (&[0], &[], 0.5), (&[0], &[1], 1.5), (&[0], &[1], f64::NAN)]
        {
            assert!(matches!(run(first, second, lambda), Err(LossError::Unsupported(_))));
        }
        assert!(matches!(run(&[], &[], 0.5), Err(LossError::Shape { .. })));
    }
}
