//! Softmax cross-entropy over classes that exclude each other, for losses that shift the logits of classes.

use crate::lanes::{self, LANES};
use crate::{LossError, LossGrad, LossInput, Real, f32x8, math, pointwise};

/// How the logits of a row become those of the softmax: x_c = scale (z_c + offset_c), and the class of the row has its
/// margin taken off z as well.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shifts {
    /// Factor > 0.
    pub scale: f64,
    /// Added to every logit, `[C]`.
    pub offsets: Vec<f64>,
    /// Taken off the logit of the row's class, `[C]`.
    pub margins: Vec<f64>,
}

impl Shifts {
    /// `by` times the sum over the rows of -ln softmax(x) at the class of the row.
    ///
    /// # Errors
    /// [`LossError`] for shapes that do not fit, another number of classes, soft targets, a row without exactly one
    /// positive and a logit that is not finite.
    pub fn evaluate(
        &self,
        name: &'static str,
        input: &LossInput<'_>,
        grad: LossGrad<'_, '_>,
        by: f64,
    ) -> Result<f32, LossError> {
        input.check(name, 1, &grad)?;
        input.check_hard(name)?;
        let (classes, built) = (input.classes, self.offsets.len());
        if classes != built {
            let message = format!("{name} was built for {built} classes, the batch has {classes}");
            return Err(LossError::Unsupported(message));
        }
        input.check_one_positive(name)?;
        if let Some(error) = input.first_non_finite() {
            return Err(error);
        }
        let mut dz_rows = grad.into_single().map(|dz| dz.chunks_mut(classes));
        let mut total = 0.0;
        for (z, labels) in input.logits[0].chunks(classes).zip(input.targets.labels.chunks(classes)) {
            let target = labels.iter().position(|l| l.is_positive()).expect("checked above");
            let dz = dz_rows.as_mut().and_then(Iterator::next);
            total += self.row(z, target, dz, (by * self.scale) as f32);
        }
        Ok((by * total) as f32)
    }

    /// One row; leaves `by` (softmax(x) - onehot) in `dz`.
    fn row(&self, z: &[f32], target: usize, mut dz: Option<&mut [f32]>, by: f32) -> f64 {
        let margin = self.scale * self.margins[target];
        let x_at = |c: usize| self.scale * (f64::from(z[c]) + self.offsets[c]);
        let x_target = x_at(target) - margin;
        let largest = (0..z.len()).filter(|&c| c != target).map(x_at).fold(x_target, f64::max);
        // The sum over the other classes alone: where the target is far ahead, 1 + rest would round to 1.
        let mut rest = 0.0f64;
        for start in (0..z.len()).step_by(LANES) {
            let mut x = [f32::NEG_INFINITY; LANES];
            for (lane, c) in x.iter_mut().zip(start..z.len()) {
                if c != target {
                    *lane = (x_at(c) - largest) as f32;
                }
            }
            let e = math::exp(f32x8::new(x));
            rest += pointwise::lane_sum(e);
            if let Some(dz) = &mut dz {
                let end = z.len().min(start + LANES);
                lanes::store(e, &mut dz[start..end]);
            }
        }
        let own = (x_target - largest).exp();
        if let Some(dz) = dz {
            let inverse = by / (rest + own) as f32;
            dz.iter_mut().for_each(|dz| *dz *= inverse);
            dz[target] = -(inverse * rest as f32);
        }
        let at_top = x_target >= largest;
        if at_top { rest.ln_1p() } else { (rest + own).ln() + (largest - x_target) }
    }

    /// One row of the formula, scalar: softplus(ln of the sum over the others of e^x - x of the class).
    pub fn reference<R: Real>(&self, z: &[R], target: usize) -> R {
        let x = |c: usize| R::of(self.scale) * (z[c] + R::of(self.offsets[c]));
        let x_target = x(target) - R::of(self.scale * self.margins[target]);
        let others: Vec<R> = (0..z.len()).filter(|&c| c != target).map(x).collect();
        let Some(largest) = others.iter().map(|x| x.value()).max_by(f64::total_cmp) else {
            return R::zero();
        };
        let sum = R::sum(others.iter().map(|&x| (x - R::of(largest)).exp()));
        (sum.ln() + R::of(largest) - x_target).softplus()
    }
}
