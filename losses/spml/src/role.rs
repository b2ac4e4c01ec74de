//! Regularised online label estimation.

use crate::{EXPECTED_POSITIVES, ExpectedPositivesConfig, LOG_EPSILON, PAPER, reference};
use lacuna_loss_api::guarded::BothLogs;
use lacuna_loss_api::pointwise::{self, lane_sum, load_targets};
use lacuna_loss_api::{
    Dual, Label, LabelUse, LossError, LossGrad, LossInfo, LossInput, MultiLabelLoss, Real, Takes, f32x8,
    lanes,
};

static INFO: LossInfo = LossInfo {
    name: "role",
    title: "regularised online label estimation",
    paper: PAPER,
    year: 2021,
    experimental: false,
    labels: LabelUse::UnknownAsUnknown,
    formula: "L = 1/(2BC) sum [observed Lp(p) + Lp(q) + ce(q, p) + ce(p, q)] + (R(p) + R(q)) / 2",
    params: &[EXPECTED_POSITIVES, LOG_EPSILON],
};

/// The estimator learns at this multiple of the classifier's learning rate.
///
/// elijahcole/single-positive-multi-label@89152d52ba59: `lr_mult` = 10.
pub const ESTIMATOR_LR_FACTOR: f64 = 10.0;

/// First value of an estimator logit, from a uniform draw in [0, 1).
///
/// An unknown cell starts uniformly in (-a, a) with a = logit(0.6), an observed positive at logit(0.995), an
/// observed negative at logit(0.005). A draw is consumed for every cell, known or not.
///
/// elijahcole/single-positive-multi-label@89152d52ba59, `LabelEstimator` with q = 0.5 + 0.1.
///
/// ```
/// use lacuna_loss_api::Label;
/// use lacuna_spml::estimator_init;
///
/// assert_eq!(estimator_init(Label::Unknown, 0.5), 0.0);
/// assert!((estimator_init(Label::Unknown, 0.0) + 0.405465).abs() < 1e-6); // -ln 1.5
/// assert!((estimator_init(Label::Positive, 0.3) - 5.293305).abs() < 1e-6); // ln 199
/// ```
pub fn estimator_init(label: Label, draw: f64) -> f32 {
    let logit = |p: f64| (p / (1.0 - p)).ln();
    match label {
        Label::Positive => logit(0.995) as f32,
        Label::Negative => logit(0.005) as f32,
        Label::Unknown => ((2.0 * draw - 1.0) * logit(0.6)) as f32,
    }
}

/// A classifier and a free matrix of label estimates that teach each other.
///
/// The second logit matrix u holds the rows of the estimator that belong to the batch; q = sigma(u). With
/// ce(t, x) = -t ln(x + e) - (1 - t) ln(1 - x + e), in which t is a constant:
/// ```text
/// L = 1/(2BC) [ sum over observed (L_e(p) + L_e(q)) + sum ce(q, p) + sum ce(p, q) ] + (R(p) + R(q)) / 2
/// dL/dz = p n / (2BC) [ -(y + q)/(p + e) + (1 - q)/(n + e) ] + ((1/B) sum p - k) p n / (B C^2)
/// ```
/// and dL/du is the same with p and q exchanged. R is that of [`Epr`](crate::Epr). An observed negative, which
/// the paper does not have, adds L_e(1 - p) + L_e(1 - q).
///
/// Cole et al., CVPR 2021, section 4.4; elijahcole/single-positive-multi-label@89152d52ba59, losses.py
/// (`loss_role`). Start the estimator with [`estimator_init`] and let it learn [`ESTIMATOR_LR_FACTOR`] times
/// as fast.
///
/// ```
/// use lacuna_loss_api::{Label, LossGrad, LossInput, MultiLabelLoss};
/// use lacuna_spml::{ExpectedPositivesConfig, Role};
///
/// let (z, u) = ([1.0, -1.0], [0.3, 2.0]);
/// let labels = [Label::Positive, Label::Unknown];
/// let logits = [&z[..], &u[..]];
/// let (mut dz, mut du) = ([0.0; 2], [0.0; 2]);
/// let mut loss = Role::new(ExpectedPositivesConfig::new(1.0))?;
/// loss.evaluate(&LossInput::new(&logits, 1, 2, &labels), LossGrad::Into(&mut [&mut dz, &mut du]))?;
/// assert!(dz[1] < 0.0 && du[1] > 0.0); // the two move towards each other where nobody looked
/// # Ok::<(), lacuna_loss_api::LossError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Role {
    config: ExpectedPositivesConfig,
    /// dp/dz and dq/du of the batch, kept between the pass that sums p and q and the pass that needs the sums.
    /// Computing the probabilities twice instead took 15 % longer at 1024 x 80.
    slopes: [Vec<f32>; 2],
}

impl Role {
    /// Loss metadata.
    pub const INFO: &LossInfo = &INFO;

    /// The loss with these parameters.
    ///
    /// # Errors
    /// [`LossError::Parameter`] if one is out of its range.
    pub fn new(config: ExpectedPositivesConfig) -> Result<Self, LossError> {
        Ok(Self { config: config.check(&INFO)?, slopes: [Vec::new(), Vec::new()] })
    }
}

impl MultiLabelLoss for Role {
    fn info(&self) -> &'static LossInfo {
        &INFO
    }

    fn takes(&self) -> Takes {
        Takes::Estimates
    }

    fn evaluate(&mut self, input: &LossInput<'_>, grad: LossGrad<'_, '_>) -> Result<f32, LossError> {
        input.check(INFO.name, 2, &grad)?;
        input.check_hard(INFO.name)?;
        let (rows, classes) = (input.rows as f64, input.classes as f64);
        let scale = self.config.scale(input);
        let entry_scale = scale / (2.0 * rows * classes);
        let mut out = match grad {
            LossGrad::Into([dz, du]) => {
                let [dp, dq] = &mut self.slopes;
                dp.resize(dz.len(), 0.0);
                dq.resize(du.len(), 0.0);
                Some(Out { gradients: [dz, du], slopes: [dp, dq], scale: entry_scale as f32 })
            }
            _ => None,
        };
        let guard = self.config.log_epsilon;
        let sums = if guard > 0.0 {
            entries::<true>(input, guard as f32, out.as_mut())
        } else {
            entries::<false>(input, guard as f32, out.as_mut())
        };
        let Sums { value, p, q, .. } = sums.ok_or_else(|| pointwise::non_finite(input))?;
        let gaps = [p, q].map(|sum| sum / rows - self.config.expected_positives);
        if let Some(Out { gradients, slopes, .. }) = out {
            for ((dz, dp), gap) in gradients.into_iter().zip(slopes).zip(gaps) {
                let slope = (scale * gap / (rows * classes * classes)) as f32;
                for (dz, dp) in dz.iter_mut().zip(dp) {
                    *dz += slope * *dp;
                }
            }
        }
        let regularisers: f64 = gaps.iter().map(|gap| (gap / classes).powi(2)).sum();
        Ok((entry_scale * value + scale * regularisers / 2.0) as f32)
    }

    fn reference(&self, z: &[&[Dual]], input: &LossInput<'_>) -> Dual {
        let detached = |z: &[Dual]| z.iter().map(|z| Real::sigmoid(z.value())).collect::<Vec<f64>>();
        let (p, q) = (detached(z[0]), detached(z[1]));
        let ExpectedPositivesConfig { expected_positives: k, log_epsilon: e, .. } = self.config;
        let shape = (input.rows, input.classes);
        let loss = reference::role(z[0], z[1], &p, &q, input.targets.labels, shape, k, e);
        loss * Dual::of(self.config.scale(input))
    }
}

/// Where the pass over the entries leaves what it finds.
struct Out<'a> {
    /// The derivatives without those of the regularisers.
    gradients: [&'a mut [f32]; 2],
    /// dp/dz and dq/du.
    slopes: [&'a mut [f32]; 2],
    /// What the derivatives are multiplied with.
    scale: f32,
}

/// Sums over the batch.
struct Sums {
    value: f64,
    p: f64,
    q: f64,
    /// Not 0 if a logit is NaN or infinite.
    poison: f32x8,
}

/// Vectors whose values are added in f32 before the sums are carried on in f64.
const BLOCK: usize = 64;

/// Eight numbers that lie side by side.
type Eight = [f32; 8];

/// The pass over all entries, or `None` where a logit is NaN or infinite.
///
/// The two matrices enter each other's slope, so this is a loop of its own and not a pointwise loss.
fn entries<const GUARDED: bool>(
    input: &LossInput<'_>,
    guard: f32,
    out: Option<&mut Out<'_>>,
) -> Option<Sums> {
    let (zero, guard) = (f32x8::splat(0.0), f32x8::splat(guard));
    let mut sums = Sums { value: 0.0, p: 0.0, q: 0.0, poison: zero };
    let (z, z_tail) = input.logits[0].as_chunks();
    let (u, u_tail) = input.logits[1].as_chunks();
    let (labels, label_tail) = input.targets.labels.as_chunks();
    let (scale, mut whole, tail) = match out {
        Some(Out { gradients: [dz, du], slopes: [dp, dq], scale }) => {
            let parts = [&mut **dz, &mut **du, &mut **dp, &mut **dq].map(|x| x.as_chunks_mut());
            let [(dz, a), (du, b), (dp, c), (dq, d)] = parts;
            (*scale, Some([dz, du, dp, dq]), Some([a, b, c, d]))
        }
        None => (0.0, None, None),
    };
    let scale = f32x8::splat(scale);
    for (block, labels) in labels.chunks(BLOCK).enumerate() {
        let at = block * BLOCK..block * BLOCK + labels.len();
        let out = whole.as_mut().map(|out| out.each_mut().map(|x| &mut x[at.clone()]));
        let cells = Cells { z: &z[at.clone()], u: &u[at.clone()], labels, inside: f32x8::splat(1.0) };
        cells.add::<GUARDED>(guard, scale, out, &mut sums);
    }
    if !z_tail.is_empty() {
        let (z, u) = ([lanes::padded(z_tail, 0.0)], [lanes::padded(u_tail, 0.0)]);
        let labels = [lanes::padded(label_tail, Label::Unknown)];
        let inside = lanes::first(f32x8::splat(1.0), z_tail.len(), 0.0);
        let mut padded = [[[0.0; 8]; 1]; 4];
        let out = padded.each_mut().map(<[Eight; 1]>::as_mut_slice);
        let cells = Cells { z: &z, u: &u, labels: &labels, inside };
        cells.add::<GUARDED>(guard, scale, Some(out), &mut sums);
        for (tail, padded) in tail.into_iter().flatten().zip(padded) {
            tail.copy_from_slice(&padded[0][..z_tail.len()]);
        }
    }
    sums.poison.simd_eq(zero).all().then_some(sums)
}

/// At most [`BLOCK`] vectors of entries.
struct Cells<'a> {
    z: &'a [Eight],
    u: &'a [Eight],
    labels: &'a [[Label; 8]],
    /// 1 in lanes that hold an entry, 0 behind the last.
    inside: f32x8,
}

impl Cells<'_> {
    /// Adds to the sums and writes gradients and slopes: dz, du, dp, dq.
    #[inline]
    fn add<const GUARDED: bool>(
        &self,
        guard: f32x8,
        scale: f32x8,
        mut out: Option<[&mut [Eight]; 4]>,
        sums: &mut Sums,
    ) {
        let (zero, one) = (f32x8::splat(0.0), f32x8::splat(1.0));
        let (mut value, mut sum_p, mut sum_q) = (zero, zero, zero);
        let mut begun = [[zero; 2]; BLOCK];
        for ((z, u), begun) in self.z.iter().zip(self.u).zip(&mut begun) {
            *begun = [*z, *u].map(|x| BothLogs::begin(f32x8::new(x)));
        }
        let cells = self.z.iter().zip(self.u).zip(self.labels).zip(&begun);
        for (i, (((z, u), labels), &[of_z, of_u])) in cells.enumerate() {
            let (z, u, l) = (f32x8::new(*z), f32x8::new(*u), load_targets(labels));
            sums.poison = z.mul_add(zero, u.mul_add(zero, sums.poison));
            let positive = l.simd_gt(zero).select(one, zero);
            let negative = l.simd_lt(zero).select(one, zero);
            let of_z = BothLogs::continued::<GUARDED>(z, of_z, guard);
            let of_u = BothLogs::continued::<GUARDED>(u, of_u, guard);
            let (BothLogs { p, n: not_p, .. }, BothLogs { p: q, n: not_q, .. }) = (of_z, of_u);
            // What L_e(p) and L_e(1 - p) weigh, and the same for q.
            let (pa, pb) = (positive + q, negative + not_q);
            let (qa, qb) = (positive + p, negative + not_p);
            let entry = pa * of_z.lp + pb * of_z.ln + qa * of_u.lp + qb * of_u.ln;
            value += entry * self.inside;
            sum_p += p * self.inside;
            sum_q += q * self.inside;
            if let Some([dz, du, dp, dq]) = &mut out {
                dz[i] = (of_z.slope(pa, pb) * scale).to_array();
                du[i] = (of_u.slope(qa, qb) * scale).to_array();
                dp[i] = (p * not_p).to_array();
                dq[i] = (q * not_q).to_array();
            }
        }
        sums.value += lane_sum(value);
        sums.p += lane_sum(sum_p);
        sums.q += lane_sum(sum_q);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lacuna_loss_api::{Reduction, conformance};

    #[test]
    fn conforms() {
        for (expected_positives, log_epsilon, reduction) in
            [(1.5, 1e-5, Reduction::Mean), (0.0, 0.0, Reduction::Sum), (31.4, 0.5, Reduction::MeanKnown)]
        {
            let config = ExpectedPositivesConfig { expected_positives, log_epsilon, reduction };
            conformance::check(&|_| Box::new(Role::new(config.clone()).unwrap()));
        }
    }

    #[test]
    fn classifier_and_estimator_are_exchangeable() {
        let (z, u) = ([1.0, -2.0, 0.3], [0.2, 1.5, -4.0]);
        let labels = [Label::Positive, Label::Unknown, Label::Negative];
        let run = |a: &[f32; 3], b: &[f32; 3]| {
            let logits = [&a[..], &b[..]];
            let (mut da, mut db) = ([0.0; 3], [0.0; 3]);
            let mut loss = Role::new(ExpectedPositivesConfig::new(1.0)).unwrap();
            let grad = LossGrad::Into(&mut [&mut da, &mut db]);
            let value = loss.evaluate(&LossInput::new(&logits, 1, 3, &labels), grad).unwrap();
            (value, da, db)
        };
        let ((v, dz, du), (w, eu, ez)) = (run(&z, &u), run(&u, &z));
        assert!((v - w).abs() < 1e-6);
        assert_eq!((dz, du), (ez, eu));
    }
}
