//! Softmax along the last axis, and its logarithm.

use super::{Inputs, Operation};
use crate::ops::Op;
use crate::tape::{Backward, Forward, NodeId, Reference};
use crate::{Real, Tape, Var};
use lacuna_kernels::rows;

/// e^x_j / sum_k e^x_k.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Softmax {
    x: NodeId,
}

/// x_j - ln sum_k e^x_k.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LogSoftmax {
    x: NodeId,
}

impl Tape {
    /// e^x_j / sum_k e^x_k along the last axis, in the shape of x.
    ///
    /// # Panics
    /// For a scalar or rows without elements.
    #[track_caller]
    pub fn softmax(&mut self, x: Var) -> Var {
        let (op, shape) = (Softmax { x: self.id(x, Softmax::NAME) }, self.shape(x));
        shape.rows_of_last_axis(Softmax::NAME);
        self.record(Op::Softmax(op), shape)
    }

    /// x_j - ln sum_k e^x_k along the last axis, in the shape of x: the logarithm of [`softmax`](Self::softmax),
    /// exact where that rounds to 0 or 1.
    ///
    /// # Panics
    /// For a scalar or rows without elements.
    #[track_caller]
    pub fn log_softmax(&mut self, x: Var) -> Var {
        let (op, shape) = (LogSoftmax { x: self.id(x, LogSoftmax::NAME) }, self.shape(x));
        shape.rows_of_last_axis(LogSoftmax::NAME);
        self.record(Op::LogSoftmax(op), shape)
    }
}

/// The largest number of a row, as a constant: it is taken off before e^x and changes no result.
fn largest<R: Real>(row: &[R]) -> R {
    row.iter().fold(R::of(f64::NEG_INFINITY), |m, x| m.max(*x)).detach()
}

impl Operation for Softmax {
    const NAME: &'static str = "softmax";
    const DOC: &'static str = "e^x over the sum of the row's e^x";
    const DERIVATIVE: &'static str = "dx = y (g - sum_k g_k y_k) by row";

    fn inputs(&self) -> Inputs {
        Inputs::new([self.x])
    }

    fn forward(&self, f: Forward<'_>) {
        let (_, cols) = f.values.shape(self.x).rows_of_last_axis(Self::NAME);
        rows::softmax(f.exec, f.values.of(self.x), cols, f.out);
    }

    /// dx = y (g - sum_k g_k y_k)
    fn backward(&self, b: &mut Backward<'_>) {
        let (_, cols) = b.shape_of(self.x).rows_of_last_axis(Self::NAME);
        let (exec, g, y) = (b.exec, b.g, b.y);
        b.give(self.x, |write, dx| rows::softmax_backward(exec, write, g, y, cols, dx));
    }

    fn reference<R: Real>(&self, r: &Reference<'_, R>) -> Vec<R> {
        let (_, cols) = r.shape_of(self.x).rows_of_last_axis(Self::NAME);
        let row = |x: &[R]| {
            let max = largest(x);
            let sum = R::sum(x.iter().map(|x| (*x - max).exp()));
            x.iter().map(|x| (*x - max).exp() / sum).collect::<Vec<_>>()
        };
        r.x(self.x).chunks_exact(cols).flat_map(row).collect()
    }

    #[cfg(test)]
    fn cases() -> Vec<crate::gradcheck::Case> {
        crate::gradcheck::Case::unary_rows(|t, x| t.softmax(x[0]))
    }
}

impl Operation for LogSoftmax {
    const NAME: &'static str = "log_softmax";
    const DOC: &'static str = "x minus the logarithm of the row's sum of e^x";
    const DERIVATIVE: &'static str = "dx = g - e^y sum_k g_k by row";

    fn inputs(&self) -> Inputs {
        Inputs::new([self.x])
    }

    fn forward(&self, f: Forward<'_>) {
        let (_, cols) = f.values.shape(self.x).rows_of_last_axis(Self::NAME);
        rows::log_softmax(f.exec, f.values.of(self.x), cols, f.out);
    }

    /// dx = g - e^y sum_k g_k
    fn backward(&self, b: &mut Backward<'_>) {
        let (_, cols) = b.shape_of(self.x).rows_of_last_axis(Self::NAME);
        let (exec, g, y) = (b.exec, b.g, b.y);
        b.give(self.x, |write, dx| rows::log_softmax_backward(exec, write, g, y, cols, dx));
    }

    fn reference<R: Real>(&self, r: &Reference<'_, R>) -> Vec<R> {
        let (_, cols) = r.shape_of(self.x).rows_of_last_axis(Self::NAME);
        let row = |x: &[R]| {
            let max = largest(x);
            let rest = R::sum(x.iter().map(|x| (*x - max).exp())).ln();
            x.iter().map(|x| *x - max - rest).collect::<Vec<_>>()
        };
        r.x(self.x).chunks_exact(cols).flat_map(row).collect()
    }

    #[cfg(test)]
    fn cases() -> Vec<crate::gradcheck::Case> {
        crate::gradcheck::Case::unary_rows(|t, x| t.log_softmax(x[0]))
    }
}
