//! Checks the tape's gradients against two oracles that share no code with them.
//!
//! The recorded graph is replayed with the operations' scalar references: in f64, where differences are good
//! to ten digits, and in dual numbers, where the derivative is exact. Differencing the f32 kernels
//! themselves would lose everything below one percent.
//!
//! The difference is the four-point one, (8 (f(h) - f(-h)) - (f(2h) - f(-2h))) / 12h with h = 3e-4: its
//! error, h^4 / 30 times the fifth derivative, and the rounding of f divided by h are both near 1e-11. The
//! two-point difference with 1e-6 loses two digits more to rounding (3e-9 was seen on a sum of 17 products).
//!
//! A fused loss has no reference on the tape: in a replay it is the plane through its recorded value with its own
//! gradient for a slope. That gradient is checked by itself, against a difference of the loss evaluated again
//! (`fused.rs`).

#[cfg(test)]
mod cases;
mod error;
mod fused;
#[cfg(test)]
mod tests;

#[cfg(test)]
pub(crate) use cases::{Case, Domain};
pub use error::{FusedMismatch, GradCheckError, Mismatch};

use crate::{Dual, Real, Tape, Var};
use fused::Evaluate;
use lacuna_kernels::diagnosis::{Diagnosis, diagnose};
use std::fmt;

/// Tolerances and effort of a gradient check. The default tolerances are those of PyTorch's `gradcheck`.
///
/// ```
/// use lacuna_engine::{GradCheck, Tape};
/// let mut tape = Tape::new();
/// tape.seal();
/// let x = tape.variable([3], &[0.5, -1.0, 2.0]);
/// let y = tape.softplus(x);
/// let loss = tape.sum(y);
/// let report = GradCheck::default().run(&mut tape, loss)?;
/// assert_eq!(report.elements, 3);
/// # Ok::<(), lacuna_engine::GradCheckError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct GradCheck {
    /// Step h of the difference. Kinks must be further away than 2 h.
    pub step: f64,
    /// Relative tolerance between the tape's f32 gradient and the references.
    pub rtol: f64,
    /// Absolute tolerance, multiplied with the largest gradient of the leaf where that exceeds 1.
    pub atol: f64,
    /// Leaves with more elements are checked along random directions instead of element by element.
    pub most_elements: usize,
    /// Number of random directions.
    pub directions: usize,
    /// Step of the difference of a fused loss, which computes in f32: a power of two, so that shifted inputs are
    /// rounded little. Kinks must be further away than two steps.
    pub fused_step: f32,
}

impl Default for GradCheck {
    fn default() -> Self {
        Self { step: 3e-4, rtol: 1e-3, atol: 1e-5, most_elements: 400, directions: 4, fused_step: 1.0 / 64.0 }
    }
}

/// What a passed check looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Leaves.
    pub leaves: usize,
    /// Elements compared one by one.
    pub elements: usize,
    /// Random directions compared.
    pub directions: usize,
}

/// How far a difference of the references may be from their dual numbers, relative to the largest of 1, the
/// loss and the derivative.
const DUAL_TOLERANCE: f64 = 1e-9;

impl GradCheck {
    /// Differentiates `loss` and compares the gradient of every parameter and variable.
    ///
    /// # Errors
    /// The first [`Mismatch`], or [`GradCheckError::Opaque`] for a graph with a fused loss: see
    /// [`run_with`](Self::run_with).
    ///
    /// # Panics
    /// If `loss` is not a single number.
    #[track_caller]
    pub fn run(&self, tape: &mut Tape, loss: Var) -> Result<Checked, GradCheckError> {
        self.check(tape, loss, None)
    }

    /// As [`run`](Self::run), for graphs with fused losses: `evaluate` computes the one recorded as `Var` again at
    /// other inputs, with the signature of [`Tape::fused_loss`]. Its value is differenced and the recorded gradient held
    /// against that; the gradients that it writes are not looked at.
    ///
    /// A loss that treats some function of its inputs as a constant has a gradient that is not the derivative of its
    /// value. To check one, `evaluate` has to keep that function at the recorded inputs.
    ///
    /// ```
    /// use lacuna_engine::{GradCheck, GradCheckError, Tape};
    ///
    /// /// The sum of squares, with this slope instead of 2.
    /// fn squares(slope: f32, x: &[&[f32]], dx: &mut [&mut [f32]]) -> Result<f32, String> {
    ///     x[0].iter().zip(&mut *dx[0]).for_each(|(x, dx)| *dx = slope * x);
    ///     Ok(x[0].iter().map(|x| x * x).sum())
    /// }
    ///
    /// let check = |slope: f32| {
    ///     let mut tape = Tape::new();
    ///     tape.seal();
    ///     let x = tape.variable([2], &[3.0, -1.0]);
    ///     let loss = tape.fused_loss(&[x], |x, dx| squares(slope, x, dx)).unwrap();
    ///     GradCheck::default().run_with(&mut tape, loss, |_, x, dx| squares(2.0, x, dx))
    /// };
    /// assert!(check(2.0).is_ok());
    /// let error = check(-2.0).unwrap_err().to_string();
    /// assert!(error.contains("fused_loss (node 1): gradient of input 0, variable (node 0)[0] at the value 3: got -6, expected 6"));
    /// assert!(error.ends_with("ratio -1: the sign is wrong"));
    /// ```
    ///
    /// # Errors
    /// The first [`Mismatch`] or [`FusedMismatch`]; [`GradCheckError::Evaluation`] where `evaluate` fails or does not give
    /// the recorded value at the recorded inputs.
    ///
    /// # Panics
    /// If `loss` is not a single number.
    #[track_caller]
    pub fn run_with<E: fmt::Display>(
        &self,
        tape: &mut Tape,
        loss: Var,
        mut evaluate: impl FnMut(Var, &[&[f32]], &mut [&mut [f32]]) -> Result<f32, E>,
    ) -> Result<Checked, GradCheckError> {
        self.check(tape, loss, Some(&mut |node, x, dx| evaluate(node, x, dx).map_err(|e| e.to_string())))
    }

    #[track_caller]
    fn check(
        &self,
        tape: &mut Tape,
        loss: Var,
        evaluate: Option<&mut Evaluate<'_>>,
    ) -> Result<Checked, GradCheckError> {
        tape.backward(loss);
        let mut checked = Checked::default();
        self.check_fused_losses(tape, evaluate, &mut checked)?;
        let leaves: Vec<Var> = tape.differentiable_leaves().collect();
        for leaf in leaves {
            let n = tape.shape(leaf).len();
            let grad: Vec<f64> = match tape.dense_grad(leaf) {
                Some(grad) => grad.iter().map(|g| f64::from(*g)).collect(),
                None => vec![0.0; n],
            };
            let leaf = Leaf { var: leaf, grad: &grad };
            checked.leaves += 1;
            if n <= self.most_elements {
                for (e, along) in grad.iter().enumerate() {
                    let direction = |i: usize| f64::from(u8::from(i == e));
                    self.compare(tape, loss, leaf, *along, direction, Some(e))?;
                }
                checked.elements += n;
            }
            for d in 0..self.directions {
                let direction = |i: usize| if hash(i as u64, d as u64) & 1 == 0 { 1.0 } else { -1.0 };
                let along: f64 = grad.iter().enumerate().map(|(i, g)| g * direction(i)).sum();
                self.compare(tape, loss, leaf, along, direction, None)?;
                checked.directions += 1;
            }
        }
        Ok(checked)
    }

    /// Holds the gradient along a direction against the two oracles.
    fn compare(
        &self,
        tape: &Tape,
        loss: Var,
        leaf: Leaf<'_>,
        along: f64,
        direction: impl Fn(usize) -> f64,
        element: Option<usize>,
    ) -> Result<(), Box<Mismatch>> {
        let shifted = |step: f64| {
            let f = tape.replay(|var, e, x| if var == leaf.var { x + step * direction(e) } else { x });
            f.value(tape, loss)[0]
        };
        let h = self.step;
        let (near, far) = (shifted(h) - shifted(-h), shifted(2.0 * h) - shifted(-2.0 * h));
        let difference = (8.0 * near - far) / (12.0 * h);
        let (value, dual) = dual(tape, loss, leaf.var, &direction);

        // Along a direction as many elements add their rounding.
        let elements = if element.is_some() { 1.0 } else { (leaf.grad.len() as f64).sqrt() };
        let scale = leaf.grad.iter().fold(1.0f64, |s, g| s.max(g.abs())) * elements;
        let size = 1f64.max(value.abs()).max(dual.abs()) * scale;
        let references_agree = (difference - dual).abs() <= DUAL_TOLERANCE * size;
        let close = |to: f64| (along - to).abs() <= self.rtol * to.abs() + self.atol * scale;
        if references_agree && close(difference) {
            return Ok(());
        }
        let node = tape.node_of(leaf.var);
        let diagnosis = match references_agree {
            false if close(dual) => Diagnosis::Kink,
            _ => self.diagnose(tape, loss, leaf, along, dual),
        };
        let readers = tape.nodes().filter(|reader| reader.inputs.contains(&node.index));
        Err(Box::new(Mismatch {
            leaf: node.title(),
            cell: element.map_or(format!("{} along a random direction", node.title()), |e| node.element(e)),
            element,
            value: element.map(|e| f64::from(node.value[e])),
            read_by: readers.map(|reader| format!("{} (node {})", reader.call(), reader.index)).collect(),
            tape: along,
            difference,
            dual,
            diagnosis,
        }))
    }

    /// What the whole gradient of a leaf says, or one number where it has too many elements for each to be checked.
    fn diagnose(&self, tape: &Tape, loss: Var, leaf: Leaf<'_>, along: f64, expected: f64) -> Diagnosis {
        let whole = leaf.grad.len() <= self.most_elements;
        let slope = |e: usize| dual(tape, loss, leaf.var, |i| f64::from(u8::from(i == e))).1;
        let exact: Vec<f64> = if whole { (0..leaf.grad.len()).map(slope).collect() } else { Vec::new() };
        let of_all = if whole { diagnose(leaf.grad, &exact) } else { None };
        of_all.or_else(|| diagnose(&[along], &[expected])).unwrap_or(Diagnosis::Slope)
    }
}

/// A leaf and the gradient that the tape has for it.
#[derive(Clone, Copy)]
struct Leaf<'a> {
    var: Var,
    grad: &'a [f64],
}

/// The loss and its derivative along a direction of a leaf, by the references in dual numbers.
fn dual(tape: &Tape, loss: Var, leaf: Var, direction: impl Fn(usize) -> f64) -> (f64, f64) {
    let duals = tape.replay(|var, e, x| if var == leaf { Dual::new(x, direction(e)) } else { Dual::of(x) });
    let loss = duals.value(tape, loss)[0];
    (loss.value(), loss.derivative())
}

/// A mixing of two numbers, for directions and samples that depend on nothing else.
fn hash(a: u64, b: u64) -> u64 {
    let mut h = (a ^ b.rotate_left(32)).wrapping_add(0x9e37_79b9_7f4a_7c15);
    h = (h ^ (h >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    h = (h ^ (h >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    h ^ (h >> 31)
}
