//! Pseudo-labels of the weak view for the strong view.

use crate::reference;
use lacuna_loss_api::pointwise::{self, lane_sum, load_targets};
use lacuna_loss_api::{
    Dual, Interval, Label, LabelUse, LossError, LossGrad, LossInfo, LossInput, MultiLabelLoss, ParamInfo,
    Real, Reduction, Takes, f32x8, lanes, math,
};

static INFO: LossInfo = LossInfo {
    name: "plc",
    title: "pseudo-label consistency of a weak and a strong view",
    paper: "Xie, Xiao and Huang, Label-Aware Global Consistency for Multi-Label Learning with Single Positive Labels, NeurIPS",
    year: 2022,
    experimental: false,
    labels: LabelUse::UnknownAsUnknown,
    formula: "L = mean BCE(z_weak, y) + lambda mean over q >= tau or q < 1 - tau of BCE(z_strong, q >= tau), q = sigma(z_weak) + y",
    params: &[
        ParamInfo {
            name: "tau",
            default: Some(0.6),
            range: Interval::open(0.0, 1.0),
            doc: "threshold: q >= tau is positive, q < 1 - tau negative. 0.6 in the first stage of the authors' code, 0.9 in the second",
        },
        ParamInfo {
            name: "lambda_plc",
            default: Some(1.0),
            range: Interval::at_least(0.0),
            doc: "weight of the term over pseudo-labels. 1 in the authors' code",
        },
    ],
};

/// The pseudo-label of a cell and whether it is sure enough to be trained on: (selected, positive).
///
/// q = sigma(z) of the weak view, 1 more on an observed positive; q >= tau is positive, q < 1 - tau is negative and
/// everything between is not selected. An observed negative, which the paper does not have, is a selected negative.
///
/// Xie et al., NeurIPS 2022; xiemk/SPML-LAC@b4af68e6, first_stage.py.
///
/// ```
/// use lacuna_lac::pseudo_label;
/// use lacuna_loss_api::Label;
///
/// assert_eq!(pseudo_label(2.0, Label::Unknown, 0.6), (true, true));
/// assert_eq!(pseudo_label(-2.0, Label::Unknown, 0.6), (true, false));
/// assert_eq!(pseudo_label(0.1, Label::Unknown, 0.6).0, false);
/// assert_eq!(pseudo_label(-2.0, Label::Positive, 0.6), (true, true));
/// ```
pub fn pseudo_label(z: f32, label: Label, tau: f64) -> (bool, bool) {
    let (selected, positive) = select(f32x8::splat(z), load_targets(&[label; 8]), tau as f32);
    (selected.to_array()[0] > 0.0, positive.to_array()[0] > 0.0)
}

/// 1 where a cell is selected, and 1 where it is a positive.
#[inline]
fn select(z: f32x8, label: f32x8, tau: f32) -> (f32x8, f32x8) {
    let (zero, one) = (f32x8::splat(0.0), f32x8::splat(1.0));
    let (p, _) = math::sigmoid_pair(z);
    let q = label.simd_gt(zero).select(one + p, label.simd_lt(zero).select(zero, p));
    let positive = q.simd_ge(f32x8::splat(tau));
    let negative = q.simd_lt(f32x8::splat(1.0 - tau));
    ((positive | negative).select(one, zero), positive.select(one, zero))
}

/// Parameters of [`Plc`].
#[derive(Clone, Debug, PartialEq)]
pub struct PlcConfig {
    /// Threshold of the pseudo-labels, in (0, 1).
    pub tau: f64,
    /// Weight of the term over pseudo-labels, at least 0.
    pub lambda_plc: f64,
    /// The mean is that of the authors; the others multiply the loss by what they differ from it.
    pub reduction: Reduction,
}

impl Default for PlcConfig {
    /// 0.6 and 1: the first stage.
    fn default() -> Self {
        Self { tau: 0.6, lambda_plc: 1.0, reduction: Reduction::Mean }
    }
}

/// BCE of the weak logits with what was observed, and BCE of the strong logits with pseudo-labels of the weak ones.
///
/// ```text
/// L = mean BCE(z_weak, y) + lambda sum m BCE(z_strong, h) / sum m
/// q = sigma(z_weak) + y,  m = q >= tau or q < 1 - tau,  h = q >= tau
/// ```
/// m and h are constants, so that nothing flows from the second term to the weak logits. A batch without a selected
/// cell has no second term (0/0 in the authors' code).
///
/// Xie et al., NeurIPS 2022; xiemk/SPML-LAC@b4af68e6, first_stage.py.
#[derive(Clone, Debug, PartialEq)]
pub struct Plc {
    config: PlcConfig,
}

impl Plc {
    /// Loss metadata.
    pub const INFO: &LossInfo = &INFO;

    /// The loss with these parameters.
    ///
    /// # Errors
    /// [`LossError::Parameter`] if one is out of its range.
    pub fn new(config: PlcConfig) -> Result<Self, LossError> {
        INFO.check("tau", config.tau)?;
        INFO.check("lambda_plc", config.lambda_plc)?;
        Ok(Self { config })
    }

    /// What a mean is multiplied with.
    fn scale(&self, input: &LossInput<'_>) -> f64 {
        self.config.reduction.factor(&input.targets) * (input.rows * input.classes) as f64
    }
}

impl MultiLabelLoss for Plc {
    fn info(&self) -> &'static LossInfo {
        &INFO
    }

    fn takes(&self) -> Takes {
        Takes::Views
    }

    fn evaluate(&mut self, input: &LossInput<'_>, grad: LossGrad<'_, '_>) -> Result<f32, LossError> {
        input.check(INFO.name, 2, &grad)?;
        input.check_hard(INFO.name)?;
        let scale = self.scale(input);
        let cells = (input.rows * input.classes) as f64;
        let mut out = match grad {
            LossGrad::Into([dw, ds]) => Some([&mut **dw, &mut **ds]),
            _ => None,
        };
        let per_cell = (scale / cells) as f32;
        let sums = entries(input, self.config.tau as f32, per_cell, out.as_mut());
        let Sums { weak, strong, selected } = sums.ok_or_else(|| pointwise::non_finite(input))?;
        let per_selected = self.config.lambda_plc * scale / selected.max(1.0);
        if let Some([_, ds]) = out {
            let by = per_selected as f32;
            ds.iter_mut().for_each(|dz| *dz *= by);
        }
        Ok((scale / cells * weak + per_selected * strong) as f32)
    }

    fn reference(&self, z: &[&[Dual]], input: &LossInput<'_>) -> Dual {
        let labels = input.targets.labels;
        let pseudo: Vec<Option<bool>> = z[0]
            .iter()
            .zip(labels)
            .map(|(z, &label)| reference::pseudo_label(z.value(), label, self.config.tau))
            .collect();
        let loss = reference::plc_total(z[0], z[1], labels, &pseudo, self.config.lambda_plc);
        loss * Dual::of(self.scale(input))
    }
}

/// Sums over the batch.
#[derive(Default)]
struct Sums {
    /// BCE of the weak logits.
    weak: f64,
    /// BCE of the strong logits of selected cells ...
    strong: f64,
    /// ... and how many there are.
    selected: f64,
}

/// Vectors whose values are added in f32 before the sums are carried on in f64.
const BLOCK: usize = 64;

/// The pass over all entries, or `None` where a logit is NaN or infinite. Leaves `per_cell` times the slopes of the weak
/// logits, and the slopes of the strong ones, which are divided by the number of selected cells when that is known.
fn entries(
    input: &LossInput<'_>,
    tau: f32,
    per_cell: f32,
    mut out: Option<&mut [&mut [f32]; 2]>,
) -> Option<Sums> {
    let (weak, strong, labels) = (input.logits[0], input.logits[1], input.targets.labels);
    let (zero, one) = (f32x8::splat(0.0), f32x8::splat(1.0));
    let mut sums = Sums::default();
    let mut poison = zero;
    for start in (0..weak.len()).step_by(8 * BLOCK) {
        let end = weak.len().min(start + 8 * BLOCK);
        let (mut of_weak, mut of_strong, mut selected) = (zero, zero, zero);
        for i in (start..end).step_by(8) {
            let (w, s) = (lanes::load(&weak[i..end]), lanes::load(&strong[i..end]));
            let label = load_targets(&labels[i..end]);
            poison = w.mul_add(zero, s.mul_add(zero, poison));
            let inside = lanes::first(one, end - i, 0.0);
            let (mask, pseudo) = select(w, label, tau);
            let mask = mask * inside;
            let (of_w, of_s) = (math::logistic(w), math::logistic(s));
            let (observed, pseudo) = (label.simd_gt(zero), pseudo.simd_gt(zero));
            of_weak += observed.select(of_w.neg_ln_p, of_w.neg_ln_n) * inside;
            of_strong += pseudo.select(of_s.neg_ln_p, of_s.neg_ln_n) * mask;
            selected += mask;
            if let Some([dw, ds]) = &mut out {
                let slope = observed.select(-of_w.n, of_w.p);
                lanes::store(slope * f32x8::splat(per_cell), &mut dw[i..end]);
                lanes::store(pseudo.select(-of_s.n, of_s.p) * mask, &mut ds[i..end]);
            }
        }
        sums.weak += lane_sum(of_weak);
        sums.strong += lane_sum(of_strong);
        sums.selected += lane_sum(selected);
    }
    poison.simd_eq(zero).all().then_some(sums)
}

#[cfg(test)]
mod tests {
    use super::*;
    use lacuna_loss_api::conformance;

    #[test]
    fn conforms() {
        for (tau, lambda_plc, reduction) in [
            (0.6, 1.0, Reduction::Mean),
            (0.9, 2.5, Reduction::Sum),
            (0.3, 0.0, Reduction::MeanKnown),
            (0.999, 1.0, Reduction::Mean),
        ] {
            let config = PlcConfig { tau, lambda_plc, reduction };
            conformance::check(&|_| Box::new(Plc::new(config.clone()).unwrap()));
        }
    }

    #[test]
    fn a_batch_without_a_sure_cell_has_only_the_first_term() {
        let (weak, strong, labels) = ([0.1, -0.1], [5.0, -5.0], [Label::Unknown; 2]);
        let logits = [&weak[..], &strong[..]];
        let (mut dw, mut ds) = ([f32::NAN; 2], [f32::NAN; 2]);
        let mut loss = Plc::new(PlcConfig::default()).unwrap();
        let input = LossInput::new(&logits, 1, 2, &labels);
        let value = loss.evaluate(&input, LossGrad::Into(&mut [&mut dw, &mut ds])).unwrap();
        let exact = (Real::softplus(0.1) + Real::softplus(-0.1)) / 2.0;
        assert!((f64::from(value) - exact).abs() < 1e-6);
        assert_eq!(ds, [0.0; 2]);
        assert!(dw.iter().all(|dz| *dz > 0.0));
    }

    #[test]
    fn known_labels_are_never_overruled() {
        for z in [-30.0, -1.0, 0.0, 1.0, 30.0] {
            assert_eq!(pseudo_label(z, Label::Positive, 0.9), (true, true));
            assert_eq!(pseudo_label(z, Label::Negative, 0.9), (true, false));
            let slow = reference::pseudo_label(f64::from(z), Label::Unknown, 0.9);
            let (selected, positive) = pseudo_label(z, Label::Unknown, 0.9);
            assert_eq!(selected.then_some(positive), slow);
        }
    }

    #[test]
    fn parameters_are_checked() {
        for (tau, lambda_plc) in [(0.0, 1.0), (1.0, 1.0), (f64::NAN, 1.0), (0.6, -1.0)] {
            let config = PlcConfig { tau, lambda_plc, ..PlcConfig::default() };
            assert!(matches!(Plc::new(config), Err(LossError::Parameter { .. })));
        }
    }
}
