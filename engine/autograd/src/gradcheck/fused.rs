//! The gradient of a fused loss against a difference of its value.
//!
//! The loss computes in f32, where a small step drowns in rounding: a sum of size f has an error of a few units in its last
//! place, which the difference divides by the step. With four points and a step of 1/64 that is 4e-6 f, and the error of
//! the formula itself, h^4 / 30 times the fifth derivative, 2e-9.

use super::{Checked, FusedMismatch, GradCheck, GradCheckError, hash};
use crate::tape::SweptLoss;
use crate::{Tape, Var};
use lacuna_kernels::diagnosis::{Diagnosis, diagnose};

/// Computes a fused loss again.
pub(super) type Evaluate<'a> = dyn FnMut(Var, &[&[f32]], &mut [&mut [f32]]) -> Result<f32, String> + 'a;

/// Rounding of a value that is a sum, in units of the last place.
const SUM_ERROR: f64 = 8.0;

impl GradCheck {
    /// Checks every fused loss that the last sweep passed.
    pub(super) fn check_fused_losses(
        &self,
        tape: &Tape,
        mut evaluate: Option<&mut Evaluate<'_>>,
        checked: &mut Checked,
    ) -> Result<(), GradCheckError> {
        for loss in tape.swept_fused_losses() {
            let Some(evaluate) = &mut evaluate else {
                return Err(GradCheckError::Opaque { op: loss.name });
            };
            let mut again = Again::new(&loss, &mut **evaluate);
            let value = again.value(&loss)?;
            let scale = f64::from(loss.value.abs().max(1.0));
            if (value - f64::from(loss.value)).abs() > SUM_ERROR * f64::from(f32::EPSILON) * scale {
                let why = format!("{value} at the recorded inputs, where it was {}", loss.value);
                return Err(GradCheckError::Evaluation { op: loss.name, why });
            }
            for (input, (_, slope)) in loss.inputs.iter().enumerate() {
                let slope: Vec<f64> = slope.iter().map(|s| f64::from(*s)).collect();
                if slope.len() <= self.most_elements {
                    for (e, got) in slope.iter().enumerate() {
                        let direction = |i: usize| f32::from(u8::from(i == e));
                        self.compare_fused(&loss, &mut again, input, Some(e), direction, *got)?;
                    }
                    checked.elements += slope.len();
                }
                for d in 0..self.directions {
                    let direction = |i: usize| if hash(i as u64, d as u64) & 1 == 0 { 1.0 } else { -1.0 };
                    let along = slope.iter().enumerate().map(|(i, s)| s * f64::from(direction(i))).sum();
                    self.compare_fused(&loss, &mut again, input, None, direction, along)?;
                    checked.directions += 1;
                }
            }
        }
        Ok(())
    }

    /// Holds the derivative of one input along a direction against a difference.
    fn compare_fused(
        &self,
        loss: &SweptLoss<'_>,
        again: &mut Again<'_, '_>,
        input: usize,
        element: Option<usize>,
        direction: impl Fn(usize) -> f32,
        got: f64,
    ) -> Result<(), GradCheckError> {
        let expected = self.fused_difference(loss, again, input, direction)?;
        let (x, slope) = loss.inputs[input];
        let size = slope.iter().fold(1.0f64, |s, g| s.max(f64::from(g.abs())));
        let elements = if element.is_some() { 1.0 } else { (x.len() as f64).sqrt() };
        let rounding = SUM_ERROR * f64::from(f32::EPSILON) * f64::from(loss.value.abs().max(1.0))
            / f64::from(self.fused_step);
        let allowed = self.rtol * expected.abs() + self.atol * size * elements + rounding;
        // Also false where one of them is NaN.
        if (got - expected).abs() <= allowed {
            return Ok(());
        }
        let mut right = Vec::new();
        if slope.len() <= self.most_elements {
            for e in 0..slope.len() {
                right.push(self.fused_difference(loss, again, input, |i| f32::from(u8::from(i == e)))?);
            }
        }
        let slope: Vec<f64> = slope.iter().map(|s| f64::from(*s)).collect();
        let of_all = if right.is_empty() { None } else { diagnose(&slope, &right) };
        let title = &loss.titles[input];
        Err(GradCheckError::FusedLoss(Box::new(FusedMismatch {
            op: loss.name.clone(),
            input,
            cell: element.map_or(format!("{title} along a random direction"), |e| {
                format!("{title}{}", loss.shapes[input].place(e))
            }),
            element,
            value: element.map(|e| f64::from(x[e])),
            got,
            expected,
            diagnosis: of_all.or_else(|| diagnose(&[got], &[expected])).unwrap_or(Diagnosis::Slope),
        })))
    }

    /// The derivative of the value along a direction of one input, as a difference.
    fn fused_difference(
        &self,
        loss: &SweptLoss<'_>,
        again: &mut Again<'_, '_>,
        input: usize,
        direction: impl Fn(usize) -> f32,
    ) -> Result<f64, GradCheckError> {
        let mut shifted = |step: f32| {
            for (e, (x, at)) in again.inputs[input].iter_mut().zip(loss.inputs[input].0).enumerate() {
                *x = at + step * direction(e);
            }
            again.value(loss)
        };
        let h = self.fused_step;
        let (near, far) = (shifted(h)? - shifted(-h)?, shifted(2.0 * h)? - shifted(-2.0 * h)?);
        shifted(0.0)?;
        Ok((8.0 * near - far) / (12.0 * f64::from(h)))
    }
}

/// A fused loss with inputs that may be moved.
struct Again<'a, 'e> {
    inputs: Vec<Vec<f32>>,
    /// Where the loss writes its gradients, which nobody reads.
    gradients: Vec<Vec<f32>>,
    evaluate: &'a mut Evaluate<'e>,
}

impl<'a, 'e> Again<'a, 'e> {
    fn new(loss: &SweptLoss<'_>, evaluate: &'a mut Evaluate<'e>) -> Self {
        let inputs: Vec<Vec<f32>> = loss.inputs.iter().map(|(x, _)| x.to_vec()).collect();
        Self { gradients: inputs.clone(), inputs, evaluate }
    }

    fn value(&mut self, loss: &SweptLoss<'_>) -> Result<f64, GradCheckError> {
        let inputs: Vec<&[f32]> = self.inputs.iter().map(Vec::as_slice).collect();
        let mut gradients: Vec<&mut [f32]> = self.gradients.iter_mut().map(Vec::as_mut_slice).collect();
        let value = (self.evaluate)(loss.var, &inputs, &mut gradients);
        value.map(f64::from).map_err(|why| GradCheckError::Evaluation { op: loss.name.clone(), why })
    }
}
