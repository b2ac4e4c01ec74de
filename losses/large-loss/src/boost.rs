//! BoostLU.

use lacuna_loss_api::{Interval, LossError};

/// An activation that raises positive evidence: alpha x for x > 0, x elsewhere.
///
/// It is made for class activation maps before they are pooled, with alpha = 5, to undo what false negatives
/// took from them. On logits of stored, pooled features it only rescales the positive ones. Its slope at exactly 0
/// is 1.
///
/// Kim et al., "Bridging the Gap between Model Explanations in Partially Annotated Multi-label Classification",
/// CVPR 2023, equation 4; youngwk/BridgeGapExplanationPAMC@4a1986cce4ec.
///
/// ```
/// use lacuna_large_loss::BoostLu;
///
/// let boost = BoostLu::default();
/// let mut y = [0.0; 3];
/// boost.forward(&[-1.0, 0.0, 2.0], &mut y);
/// assert_eq!(y, [-1.0, 0.0, 10.0]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BoostLu {
    alpha: f32,
}

impl Default for BoostLu {
    /// alpha = 5: the authors' code.
    fn default() -> Self {
        Self { alpha: 5.0 }
    }
}

impl BoostLu {
    /// The activation with this slope, > 0.
    ///
    /// # Errors
    /// [`LossError::Parameter`].
    pub fn new(alpha: f64) -> Result<Self, LossError> {
        let range = Interval::above(0.0);
        if range.contains(alpha) {
            return Ok(Self { alpha: alpha as f32 });
        }
        Err(LossError::Parameter { loss: "boost-lu", parameter: "alpha", value: alpha, range })
    }

    fn slope(self, x: f32) -> f32 {
        if x > 0.0 { self.alpha } else { 1.0 }
    }

    /// y = boost(x); the shorter slice ends it.
    pub fn forward(self, x: &[f32], y: &mut [f32]) {
        for (y, &x) in y.iter_mut().zip(x) {
            *y = self.slope(x) * x;
        }
    }

    /// dx = slope(x) g for the incoming gradient g; the shortest slice ends it.
    pub fn backward(self, x: &[f32], g: &[f32], dx: &mut [f32]) {
        for ((dx, &x), &g) in dx.iter_mut().zip(x).zip(g) {
            *dx = self.slope(x) * g;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference;
    use lacuna_loss_api::{Dual, Real};

    #[test]
    fn agrees_with_the_formula() {
        let x = [-3.0f32, -0.0, 0.0, 1e-30, 0.5, 40.0];
        for alpha in [5.0, 1.0, 0.5] {
            let boost = BoostLu::new(alpha).unwrap();
            let (mut y, mut dx) = ([f32::NAN; 6], [f32::NAN; 6]);
            boost.forward(&x, &mut y);
            boost.backward(&x, &[2.0; 6], &mut dx);
            for (i, &x) in x.iter().enumerate() {
                let exact = reference::boost(Dual::variable(f64::from(x)), alpha);
                assert!((f64::from(y[i]) - exact.value()).abs() <= 1e-6 * exact.value().abs());
                assert!((f64::from(dx[i]) - 2.0 * exact.derivative()).abs() <= 1e-6);
            }
        }
        for bad in [0.0, -1.0, f64::NAN] {
            assert!(BoostLu::new(bad).is_err());
        }
    }
}
