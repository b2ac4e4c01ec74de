//! The divergence of a Gaussian representation from the standard one.

use lacuna_loss_api::pointwise::lane_sum;
use lacuna_loss_api::{Interval, LossError, f32x8, lanes, special};

/// Largest |ln sigma|: sigma = e^clamp(s/2, -6, 6).
pub const LOG_SIGMA: f64 = 6.0;

/// beta times the mean divergence of N(mu, sigma^2) from N(0, 1), over all entries.
///
/// ```text
/// R = beta mean -(1 + 2 ln sigma - mu^2 - sigma^2) / 2,   ln sigma = clamp(s/2, -6, 6)
/// dR/dmu = beta mu / n,   dR/ds = beta (sigma^2 - 1) / (2 n), 0 beyond the clamp
/// ```
///
/// Liu et al., ICML 2023; palm-biaoliu/mime@06e15de8, utils/losses.py (`loss_VIB`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GaussianKl {
    beta: f64,
}

impl GaussianKl {
    /// The term with this weight, 1e-4 in the authors' code.
    ///
    /// # Errors
    /// [`LossError::Parameter`] unless it is at least 0.
    pub fn new(beta: f64) -> Result<Self, LossError> {
        let range = Interval::at_least(0.0);
        if !range.contains(beta) {
            return Err(LossError::Parameter { loss: "mime", parameter: "beta", value: beta, range });
        }
        Ok(Self { beta })
    }

    /// The term of equally many mu and s; overwrites the derivatives with respect to both.
    ///
    /// # Errors
    /// [`LossError::Shape`] for sizes that do not fit, [`LossError::NonFinite`] with the number of an entry as its row.
    pub fn evaluate(&self, mu: &[f32], s: &[f32], grads: Option<[&mut [f32]; 2]>) -> Result<f32, LossError> {
        let n = mu.len();
        let shape = |what, found| Err(LossError::Shape { what, found, rows: n, classes: 1 });
        if s.len() != n || n == 0 {
            return shape("s of the Gaussian", s.len());
        }
        if let Some(grad) = grads.iter().flatten().find(|grad| grad.len() != n) {
            return shape("the gradient", grad.len());
        }
        let (half, one, zero) = (f32x8::splat(0.5), f32x8::splat(1.0), f32x8::splat(0.0));
        let most = f32x8::splat(LOG_SIGMA as f32);
        let by = f32x8::splat((self.beta / n as f64) as f32);
        let (mut total, mut poison) = (0.0, zero);
        let mut grads = grads;
        for i in (0..n).step_by(8) {
            let (m, t) = (lanes::load(&mu[i..]), lanes::load(&s[i..]) * half);
            poison = m.mul_add(zero, t.mul_add(zero, poison));
            let log = most.fast_min((-most).fast_max(t));
            // sigma^2 - 1 - 2 ln sigma, which cancels near sigma = 1, where it is about 2 (ln sigma)^2.
            let excess = special::exp_m1(log + log);
            let entry = half * (excess - log - log + m * m);
            total += lane_sum(lanes::first(entry, n - i, 0.0));
            if let Some([dmu, ds]) = &mut grads {
                lanes::store(by * m, &mut dmu[i..(i + 8).min(n)]);
                let inside = t.abs().simd_le(most).select(one, zero);
                lanes::store(by * half * excess * inside, &mut ds[i..(i + 8).min(n)]);
            }
        }
        if !poison.simd_eq(zero).all() {
            let bad = |x: &[f32]| x.iter().position(|x| !x.is_finite()).map(|i| (i, x[i]));
            let (row, value) = bad(mu).or_else(|| bad(s)).expect("a number is not finite");
            return Err(LossError::NonFinite { row, class: 0, value });
        }
        Ok((self.beta / n as f64 * total) as f32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference;
    use lacuna_loss_api::{Dual, Real};

    #[test]
    fn value_and_slopes_are_those_of_the_formula() {
        for n in (1..=17).chain([64, 73]) {
            let mu: Vec<f32> = (0..n).map(|i| (i * 37 % 23) as f32 / 5.0 - 2.0).collect();
            // From -14 to 14, beyond the clamp at both ends, and near 0.
            let s: Vec<f32> =
                (0..n).map(|i| if i % 5 == 0 { 1e-3 } else { (i * 17 % 29) as f32 - 14.0 }).collect();
            let kl = GaussianKl::new(0.3).unwrap();
            let (mut dmu, mut ds) = (vec![f32::NAN; n], vec![f32::NAN; n]);
            let value = kl.evaluate(&mu, &s, Some([&mut dmu, &mut ds])).unwrap();
            assert_eq!(kl.evaluate(&mu, &s, None), Ok(value));
            let all: Vec<Dual> = mu.iter().chain(&s).map(|&x| Dual::of(f64::from(x))).collect();
            let found = dmu.iter().chain(&ds);
            for (i, found) in found.enumerate() {
                let mut all = all.clone();
                all[i] = Dual::variable(all[i].value());
                let exact = reference::gaussian_kl(&all[..n], &all[n..], 0.3);
                let value_of = exact.value();
                assert!((f64::from(value) - value_of).abs() <= 2e-6 * value_of.abs());
                let gap = (f64::from(*found) - exact.derivative()).abs();
                assert!(gap <= 2e-6 * exact.derivative().abs() + 1e-9, "{n}, {i}: {found}");
            }
        }
    }

    #[test]
    fn input_is_checked() {
        let kl = GaussianKl::new(1.0).unwrap();
        assert!(matches!(kl.evaluate(&[], &[], None), Err(LossError::Shape { .. })));
        assert!(matches!(kl.evaluate(&[0.0], &[0.0, 1.0], None), Err(LossError::Shape { .. })));
        let short = kl.evaluate(&[0.0], &[0.0], Some([&mut [0.0], &mut []]));
        assert!(matches!(short, Err(LossError::Shape { .. })));
        let bad = kl.evaluate(&[0.0, 1.0], &[0.0, f32::NAN], None);
        assert!(matches!(bad, Err(LossError::NonFinite { row: 1, .. })));
        let bad = kl.evaluate(&[0.0, f32::INFINITY], &[0.0, 0.0], None);
        assert!(matches!(bad, Err(LossError::NonFinite { row: 1, .. })));
        for beta in [-1.0, f64::NAN] {
            assert!(matches!(GaussianKl::new(beta), Err(LossError::Parameter { .. })));
        }
    }
}
