//! A loss that computes its value and its gradients in one go, outside the tape.
//!
//! Losses live in crates that know no tape: they turn logits into a number and derivatives. This operation
//! calls one while recording, keeps the derivatives in the node's saved area, and in the backward pass
//! multiplies them with the incoming gradient.

use super::{Inputs, Operation};
use crate::ops::Op;
use crate::tape::{Backward, Forward, Reference};
use crate::{Real, Shape, Tape, Var};
use lacuna_kernels::{f32x8, map};

/// Most inputs of a loss.
const MOST: usize = 4;

/// A loss of one to four inputs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FusedLoss {
    inputs: Inputs,
    value: f32,
}

impl Tape {
    /// A loss computed by `evaluate(inputs, gradients)`, `[]`.
    ///
    /// `evaluate` gets the values of `inputs`, returns the loss and overwrites one gradient for each input,
    /// of the same length. If it fails, nothing is recorded.
    ///
    /// # Errors
    /// Whatever `evaluate` returns.
    ///
    /// # Panics
    /// For no inputs or more than four.
    ///
    /// ```
    /// use lacuna_engine::Tape;
    /// let mut tape = Tape::new();
    /// tape.seal();
    /// let x = tape.variable([2], &[3.0, -1.0]);
    /// let loss = tape.fused_loss(&[x], |x, dx| -> Result<f32, String> {
    ///     dx[0].copy_from_slice(&[2.0 * x[0][0], 2.0 * x[0][1]]);
    ///     Ok(x[0].iter().map(|x| x * x).sum())
    /// })?;
    /// tape.backward(loss);
    /// assert_eq!(tape.grad(x), Some(&[6.0, -2.0][..]));
    /// # Ok::<(), String>(())
    /// ```
    #[track_caller]
    pub fn fused_loss<E>(
        &mut self,
        inputs: &[Var],
        evaluate: impl FnOnce(&[&[f32]], &mut [&mut [f32]]) -> Result<f32, E>,
    ) -> Result<Var, E> {
        let n = inputs.len();
        assert!((1..=MOST).contains(&n), "fused_loss: 1 to {} inputs, not {n}", MOST);
        let mut ids = [self.id(inputs[0], FusedLoss::NAME); MOST];
        for (id, var) in ids.iter_mut().zip(inputs) {
            *id = self.id(*var, FusedLoss::NAME);
        }
        // The saved area of the node to be, taken out while the loss reads the tape.
        let mut saved = self.take_saved();
        let lens = ids.map(|id| self.values[id.index()].get().len());
        let mut rest = saved.resize(lens[..n].iter().sum());
        let mut gradients: [&mut [f32]; MOST] = Default::default();
        for (gradient, len) in gradients[..n].iter_mut().zip(lens) {
            (*gradient, rest) = std::mem::take(&mut rest).split_at_mut(len);
        }
        let values = ids.map(|id| self.values[id.index()].get());
        let value = evaluate(&values[..n], &mut gradients[..n])?;
        let op = FusedLoss { inputs: Inputs::from_slice(&ids[..n]), value };
        Ok(self.record_with(Op::FusedLoss(op), Shape::SCALAR, |place, _| *place = saved))
    }
}

impl Operation for FusedLoss {
    const NAME: &'static str = "fused_loss";
    const DOC: &'static str = "a loss with its own gradient";
    const DERIVATIVE: &'static str = "dx = g times the gradient that the loss wrote";

    fn inputs(&self) -> Inputs {
        self.inputs
    }

    fn forward(&self, f: Forward<'_>) {
        f.out[0] = self.value;
    }

    fn backward(&self, b: &mut Backward<'_>) {
        let (exec, g, mut saved) = (b.exec, f32x8::splat(b.g[0]), b.saved);
        for id in self.inputs.iter() {
            let (slope, rest) = saved.split_at(b.x(id).len());
            saved = rest;
            b.give(id, |write, dx| map::unary(exec, write, slope, dx, |s| g * s));
        }
    }

    /// The tangent plane at the recorded point. The gradient check holds its slope against a difference of the loss
    /// itself, which it has to be given for that ([`GradCheck::run_with`](crate::GradCheck::run_with)).
    fn reference<R: Real>(&self, r: &Reference<'_, R>) -> Vec<R> {
        let mut loss = R::of(f64::from(self.value));
        let mut saved = r.saved();
        for id in self.inputs.iter() {
            for ((x, at), slope) in r.x(id).iter().zip(r.recorded(id)).zip(saved) {
                loss += (*x - R::of(f64::from(*at))) * R::of(f64::from(*slope));
            }
            saved = &saved[r.x(id).len()..];
        }
        vec![loss]
    }

    #[cfg(test)]
    fn cases() -> Vec<crate::gradcheck::Case> {
        use crate::gradcheck::Case;
        fn product(x: &[&[f32]], dx: &mut [&mut [f32]]) -> f32 {
            let (a, b) = (x[0], x[1]);
            dx[0].copy_from_slice(b);
            dx[1].copy_from_slice(a);
            a.iter().zip(b).map(|(a, b)| a * b).sum()
        }
        fn halved(t: &mut Tape, x: &[Var]) -> Var {
            let Ok(loss) = t.fused_loss(x, |x, dx| Ok::<_, std::convert::Infallible>(product(x, dx)));
            t.scale(loss, 0.5)
        }
        let shapes: [&[usize]; 6] = [&[1, 1], &[1, 17], &[3, 5], &[8], &[2, 20], &[20, 21]];
        shapes.iter().map(|s| Case::new(&[s, s], halved).with_fused(product)).collect()
    }
}
