//! The head-tail balancer.

use crate::config::HTB;
use crate::mfm::Mfm;
use crate::paper::check_classes;
use crate::{HtbConfig, reference};
use lacuna_loss_api::pointwise;
use lacuna_loss_api::{
    ClassStatistics, Dual, LossError, LossGrad, LossInfo, LossInput, MultiLabelLoss, Real, Takes, f32x8,
    lanes, math,
};

/// Teaches a balanced classifier what a head-biased and a tail-biased one agree with it about, more of the one that is
/// doing worse.
///
/// The logit matrices are those of the head, the tail and the balanced classifier, in this order; the last one predicts.
/// With M the multi-focal modifier with attention, Lh = M(head), Lt = M(tail):
/// ```text
/// k = Lh^a / (Lh^a + Lt^a)
/// L = k M(softmax(head) softmax(balanced)) + (1 - k) M(softmax(tail) softmax(balanced))
/// ```
/// The products are fed to M as logits. The softmax of head and tail are constants for the derivative, k is not: so head
/// and tail learn through k, the balanced classifier through the products.
///
/// Zhang et al., ICCV 2023, section 3.4; wannature/COMIC@1de14e5cfb20, loss/HeadTailBalancerLoss.py.
#[derive(Clone, Debug, PartialEq)]
pub struct HeadTailBalancer {
    config: HtbConfig,
    mfm: Mfm,
    scratch: Scratch,
}

/// Matrices of a batch, kept so that a steady step allocates nothing.
#[derive(Clone, Debug, Default, PartialEq)]
struct Scratch {
    softmax: [Vec<f32>; 3],
    /// Products with the balanced softmax, and the derivatives with respect to them.
    products: [Vec<f32>; 2],
    slopes: [Vec<f32>; 2],
    wide: Wide,
}

/// The balanced softmax, its product with that of a branch, and the attention of a row, in f64.
#[derive(Clone, Debug, Default, PartialEq)]
struct Wide {
    balanced: Vec<f64>,
    product: Vec<f64>,
    attention: Vec<f64>,
}

impl HeadTailBalancer {
    /// Loss metadata.
    pub const INFO: &LossInfo = &HTB;

    /// The loss for these class frequencies, which have to say which classes occur together.
    ///
    /// # Errors
    /// As [`Mfm::new`].
    pub fn new(config: HtbConfig, train: &ClassStatistics) -> Result<Self, LossError> {
        config.check()?;
        let mfm = Mfm::new(config.mfm.clone(), train)?;
        Ok(Self { config, mfm, scratch: Scratch::default() })
    }
}

/// Softmax of every row of z into `out`.
fn softmax_rows(z: &[f32], classes: usize, out: &mut Vec<f32>) {
    out.clear();
    out.resize(z.len(), 0.0);
    for (z, out) in z.chunks(classes).zip(out.chunks_mut(classes)) {
        let largest = z.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let mut sum = 0.0f64;
        for (z, out) in z.chunks(8).zip(out.chunks_mut(8)) {
            lanes::store(math::exp(lanes::load_or(z, f32::NEG_INFINITY) - f32x8::splat(largest)), out);
            sum += out.iter().map(|&e| f64::from(e)).sum::<f64>();
        }
        let by = (1.0 / sum) as f32;
        out.iter_mut().for_each(|x| *x *= by);
    }
}

/// Both distillation terms in f64.
fn distilled(mfm: &Mfm, input: &LossInput<'_>, memory: &mut Wide) -> [f64; 2] {
    let Wide { balanced, product, attention } = memory;
    let wide = |z: &[f32], out: &mut Vec<f64>| {
        out.clear();
        out.extend(z.iter().map(|&z| f64::from(z)));
        out.chunks_mut(input.classes).for_each(reference::softmax_in_place);
    };
    wide(input.logits[2], balanced);
    [0, 1].map(|branch| {
        wide(input.logits[branch], product);
        product.iter_mut().zip(&*balanced).for_each(|(a, b)| *a *= b);
        mfm.reference_sum_in(product, input.targets.labels, attention)
    })
}

impl MultiLabelLoss for HeadTailBalancer {
    fn info(&self) -> &'static LossInfo {
        &HTB
    }

    fn takes(&self) -> Takes {
        Takes::Branches
    }

    fn evaluate(&mut self, input: &LossInput<'_>, grad: LossGrad<'_, '_>) -> Result<f32, LossError> {
        input.check(HTB.name, 3, &grad)?;
        input.check_hard(HTB.name)?;
        let classes = input.classes;
        check_classes(HTB.name, self.mfm.factors().len(), classes)?;
        if let Some(error) = input.first_non_finite() {
            return Err(error);
        }
        let HeadTailBalancer { config, mfm, scratch } = self;
        let Scratch { softmax, products, slopes, wide } = scratch;
        let labels = input.targets.labels;
        let scale = config.mfm.reduction.factor(&input.targets);
        for (z, softmax) in input.logits.iter().zip(&mut *softmax) {
            softmax_rows(z, classes, softmax);
        }
        let [head, tail, balanced] = &*softmax;
        for (branch, product) in [head, tail].into_iter().zip(&mut *products) {
            product.clear();
            product.extend(branch.iter().zip(balanced).map(|(a, b)| a * b));
        }
        let (mut dh, mut dt, mut db) = match grad {
            LossGrad::Into([dh, dt, db]) => (Some(&mut **dh), Some(&mut **dt), Some(&mut **db)),
            _ => (None, None, None),
        };
        let non_finite = || pointwise::non_finite(input);
        let mut sum =
            |z: &[f32], dz: Option<&mut [f32]>| mfm.sum(z, labels, classes, dz, 1.0).ok_or_else(non_finite);
        let of_head = sum(input.logits[0], dh.as_deref_mut())?;
        let of_tail = sum(input.logits[1], dt.as_deref_mut())?;
        for (product, slope) in products.iter().zip(&mut *slopes) {
            slope.resize(product.len(), 0.0);
            if db.is_some() {
                sum(product, Some(slope))?;
            }
        }
        // The two differ by little, and head and tail learn from the difference: f32 would leave three digits of it.
        let distilled = distilled(mfm, input, wide);
        let k: f64 = reference::share(of_head, of_tail, config.alpha);
        let value = k * distilled[0] + (1.0 - k) * distilled[1];
        // dk/dLh = a k (1 - k) / Lh, dk/dLt = -a k (1 - k) / Lt.
        let by = scale * config.alpha * k * (1.0 - k) * (distilled[0] - distilled[1]);
        for (dz, loss, sign) in [(&mut dh, of_head, 1.0), (&mut dt, of_tail, -1.0)] {
            let by = if loss > 0.0 { (sign * by / loss) as f32 } else { 0.0 };
            if let Some(dz) = dz {
                dz.iter_mut().for_each(|dz| *dz *= by);
            }
        }
        if let Some(db) = &mut db {
            let (of_head, of_tail) = ((scale * k) as f32, (scale * (1.0 - k)) as f32);
            for (start, db) in (0..).step_by(classes).zip(db.chunks_mut(classes)) {
                let row = start..start + classes;
                let (head, tail, q) = (&head[row.clone()], &tail[row.clone()], &balanced[row.clone()]);
                let (gh, gt) = (&slopes[0][row.clone()], &slopes[1][row]);
                // g = dL/dq, then the derivative of a softmax: q (g - sum g q).
                let mut dot = 0.0;
                for c in 0..classes {
                    db[c] = of_head * gh[c] * head[c] + of_tail * gt[c] * tail[c];
                    dot += f64::from(db[c]) * f64::from(q[c]);
                }
                for c in 0..classes {
                    db[c] = q[c] * (db[c] - dot as f32);
                }
            }
        }
        Ok((scale * value) as f32)
    }

    fn reference(&self, z: &[&[Dual]], input: &LossInput<'_>) -> Dual {
        let (labels, classes) = (input.targets.labels, input.classes);
        let softmax = |z: &[Dual]| z.chunks(classes).flat_map(reference::softmax).collect::<Vec<Dual>>();
        let balanced = softmax(z[2]);
        let distilled = |branch: &[Dual]| {
            let held: Vec<Dual> = branch.iter().map(|z| z.detach()).collect();
            let product: Vec<Dual> = softmax(&held).into_iter().zip(&balanced).map(|(a, &b)| a * b).collect();
            self.mfm.reference_sum(&product, labels)
        };
        let (of_head, of_tail) = (self.mfm.reference_sum(z[0], labels), self.mfm.reference_sum(z[1], labels));
        let k = reference::share(of_head, of_tail, self.config.alpha);
        let value = k * distilled(z[0]) + (Dual::one() - k) * distilled(z[1]);
        value * Dual::of(self.config.mfm.reduction.factor(&input.targets))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MfmConfig;
    use crate::mfm::tests::train;
    use lacuna_loss_api::conformance;

    #[test]
    fn conforms() {
        let other = HtbConfig {
            alpha: 1.0,
            mfm: MfmConfig { gamma_pos: 1.0, gamma_neg: 1.0, clip: 0.0, ..MfmConfig::with_attention() },
        };
        for config in [HtbConfig::default(), other] {
            let build = |long_tail: bool| {
                let config = config.clone();
                move |classes| {
                    Box::new(HeadTailBalancer::new(config.clone(), &train(classes, long_tail)).unwrap())
                        as Box<_>
                }
            };
            conformance::check_by_class(&build(true));
            conformance::check(&build(false));
        }
    }

    #[test]
    fn parameters_are_checked() {
        let bad = HtbConfig { alpha: -1.0, ..Default::default() };
        assert!(matches!(HeadTailBalancer::new(bad, &train(2, false)), Err(LossError::Parameter { .. })));
    }
}
