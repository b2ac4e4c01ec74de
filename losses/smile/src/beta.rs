//! The term over recovered labels.

use lacuna_loss_api::gamma::{digamma, ln_gamma, trigamma};
use lacuna_loss_api::{Interval, LossError, Real};

/// Which formula [`BetaKl`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BetaForm {
    /// As in the authors' code: lgamma(a) + lgamma(b) + (a - 1) digamma(a) + (b - 1) digamma(b).
    Published,
    /// KL(Beta(a, b) || Beta(1, 1)), which has the other sign at lgamma, lgamma(a + b), and digamma(a + b) taken off both
    /// digammas.
    Divergence,
}

/// The mean over cells of a divergence of Beta(a, b) from the uniform distribution, a = d1 + e, b = 1 - d1 + e,
/// d1 = sigma(z).
///
/// ```text
/// published   dL/da = 2 digamma(a) + (a - 1) trigamma(a), the same for b
/// divergence  dL/da = (a - 1) trigamma(a) + const,        the same for b: a + b does not depend on z
/// dL/dz = p (1 - p) (dL/da - dL/db)
/// ```
/// What is published is not the divergence that it is named after; both are here. They are computed in f64, which no
/// training step of this project has to wait for.
///
/// Xu et al., NeurIPS 2022; palm-ml/smile@49405dbc, train_smile2.py (`beta_kl_loss`).
///
/// ```
/// use lacuna_smile::{BetaForm, BetaKl};
///
/// let kl = BetaKl::new(BetaForm::Divergence, 1.0)?; // a = b = 3/2
/// // 0.5 * 2 * (digamma(3/2) - digamma(3)) - ln B(3/2, 3/2), with B(3/2, 3/2) = pi / 8
/// let exact = (0.03648997397857652 - 0.9227843350984671) - (std::f64::consts::PI / 8.0).ln();
/// assert!((f64::from(kl.evaluate(&[0.0], 1, None)?) - exact).abs() < 1e-6);
/// # Ok::<(), lacuna_loss_api::LossError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BetaKl {
    form: BetaForm,
    epsilon: f64,
}

impl BetaKl {
    /// The term with this guard of both parameters, 1e-6 in the authors' code.
    ///
    /// # Errors
    /// [`LossError::Parameter`] unless it is positive.
    pub fn new(form: BetaForm, epsilon: f64) -> Result<Self, LossError> {
        let range = Interval::above(0.0);
        if !range.contains(epsilon) {
            return Err(LossError::Parameter { loss: "smile", parameter: "epsilon", value: epsilon, range });
        }
        Ok(Self { form, epsilon })
    }

    /// The term at logits of d1, `[rows, classes]`; overwrites `grad` with its derivatives.
    ///
    /// # Errors
    /// [`LossError::Shape`] unless there are whole rows and as many derivatives, [`LossError::NonFinite`].
    pub fn evaluate(
        &self,
        logits: &[f32],
        classes: usize,
        grad: Option<&mut [f32]>,
    ) -> Result<f32, LossError> {
        let found = logits.len();
        let shape =
            |what, found| Err(LossError::Shape { what, found, rows: logits.len() / classes.max(1), classes });
        if found == 0 || classes == 0 || !found.is_multiple_of(classes) {
            return shape("the logits", found);
        }
        if let Some(grad) = grad.as_deref().filter(|grad| grad.len() != found) {
            return shape("the gradient", grad.len());
        }
        if let Some(i) = logits.iter().position(|z| !z.is_finite()) {
            return Err(LossError::NonFinite { row: i / classes, class: i % classes, value: logits[i] });
        }
        let by = 1.0 / found as f64;
        let mut total = 0.0;
        let mut grad = grad.map(|grad| grad.iter_mut());
        for z in logits {
            let (value, slope) = self.cell(f64::from(*z));
            total += value;
            if let Some(dz) = grad.as_mut().and_then(Iterator::next) {
                *dz = (by * slope) as f32;
            }
        }
        Ok((by * total) as f32)
    }

    /// Value and slope of a cell, before the mean.
    pub(crate) fn cell(&self, z: f64) -> (f64, f64) {
        let (p, n) = (Real::sigmoid(z), Real::sigmoid(-z));
        let (a, b) = (p + self.epsilon, n + self.epsilon);
        let (psi_a, psi_b) = (digamma(a), digamma(b));
        let (value, by_a, by_b) = match self.form {
            BetaForm::Published => {
                let value = ln_gamma(a) + ln_gamma(b) + (a - 1.0) * psi_a + (b - 1.0) * psi_b;
                let slope = |x: f64, psi: f64| 2.0 * psi + (x - 1.0) * trigamma(x);
                (value, slope(a, psi_a), slope(b, psi_b))
            }
            BetaForm::Divergence => {
                let sum = a + b;
                let psi = digamma(sum);
                let value = ln_gamma(sum) - ln_gamma(a) - ln_gamma(b)
                    + (a - 1.0) * (psi_a - psi)
                    + (b - 1.0) * (psi_b - psi);
                (value, (a - 1.0) * trigamma(a), (b - 1.0) * trigamma(b))
            }
        };
        // Where p or n is 0 in f64 a slope of 1 / e^2 is multiplied by exactly 0.
        (value, p * n * (by_a - by_b))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference;
    use lacuna_loss_api::Dual;

    #[test]
    fn value_and_slope_are_those_of_the_formulas() {
        let z: Vec<f32> = (0..33).map(|i| i as f32 * 0.7 - 11.0).collect();
        for (form, formula) in [
            (BetaForm::Published, reference::beta_published::<Dual> as fn(&[Dual], f64) -> Dual),
            (BetaForm::Divergence, reference::beta_divergence::<Dual>),
        ] {
            for epsilon in [1e-6, 1e-2] {
                let kl = BetaKl::new(form, epsilon).unwrap();
                let mut dz = vec![f32::NAN; z.len()];
                let value = kl.evaluate(&z, 11, Some(&mut dz)).unwrap();
                assert_eq!(kl.evaluate(&z, 11, None), Ok(value));
                let mut duals: Vec<Dual> = z.iter().map(|&z| Dual::of(f64::from(z))).collect();
                for i in 0..z.len() {
                    duals[i] = Dual::variable(f64::from(z[i]));
                    let exact = formula(&duals, epsilon);
                    duals[i] = Dual::of(f64::from(z[i]));
                    assert!((f64::from(value) / exact.value() - 1.0).abs() < 1e-6);
                    let gap = (f64::from(dz[i]) - exact.derivative()).abs();
                    assert!(gap <= 1e-6 * exact.derivative().abs() + 1e-9, "{form:?}: {}", z[i]);
                }
            }
        }
    }

    /// The integral of the density times its logarithm, by the midpoint rule.
    #[test]
    fn the_divergence_is_an_integral() {
        for (z, epsilon) in [(0.0, 1.0), (1.0, 0.8), (-2.0, 1.5)] {
            let (a, b) = (Real::sigmoid(z) + epsilon, Real::sigmoid(-z) + epsilon);
            let log_beta = ln_gamma(a) + ln_gamma(b) - ln_gamma(a + b);
            const STEPS: u32 = 2_000_000;
            let step = 1.0 / f64::from(STEPS);
            let integral: f64 = (0..STEPS)
                .map(|i| (f64::from(i) + 0.5) * step)
                .map(|x| (a - 1.0) * x.ln() + (b - 1.0) * (1.0 - x).ln() - log_beta)
                .map(|log| step * log * log.exp())
                .sum();
            let (value, _) = BetaKl::new(BetaForm::Divergence, epsilon).unwrap().cell(z);
            assert!((value - integral).abs() < 1e-6, "{z}: {value}, not {integral}");
            assert!(value >= 0.0);
        }
    }

    #[test]
    fn input_is_checked() {
        let kl = BetaKl::new(BetaForm::Published, 1e-6).unwrap();
        assert!(matches!(kl.evaluate(&[], 1, None), Err(LossError::Shape { .. })));
        assert!(matches!(kl.evaluate(&[0.0; 3], 2, None), Err(LossError::Shape { .. })));
        assert!(matches!(kl.evaluate(&[0.0; 2], 2, Some(&mut [0.0])), Err(LossError::Shape { .. })));
        let bad = kl.evaluate(&[0.0, 0.0, 0.0, f32::NAN], 2, None);
        assert!(matches!(bad, Err(LossError::NonFinite { row: 1, class: 1, .. })));
        assert!(matches!(BetaKl::new(BetaForm::Published, 0.0), Err(LossError::Parameter { .. })));
        for z in [1e4, -1e4, 80.0, -80.0] {
            let mut dz = [f32::NAN];
            assert!(kl.evaluate(&[z], 1, Some(&mut dz)).unwrap().is_finite() && dz[0].is_finite(), "{z}");
        }
    }
}
