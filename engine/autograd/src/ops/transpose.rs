//! The transpose of a matrix.
//!
//! A product needs none: its kernels read transposed matrices as they lie. This operation is for the rest.

use super::{Inputs, Operation};
use crate::ops::Op;
use crate::tape::{Backward, Forward, NodeId, Reference};
use crate::{Real, Shape, Tape, Var};
use lacuna_kernels::{Write, rows};

/// y_ij = x_ji.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Transpose {
    x: NodeId,
}

impl Tape {
    /// The transpose [C, B] of x [B, C].
    ///
    /// # Panics
    /// If x is no matrix.
    #[track_caller]
    pub fn transpose(&mut self, x: Var) -> Var {
        let op = Transpose { x: self.id(x, Transpose::NAME) };
        let (rows, cols) = self.shape(x).matrix(Transpose::NAME);
        self.record(Op::Transpose(op), Shape::from([cols, rows]))
    }
}

impl Operation for Transpose {
    const NAME: &'static str = "transpose";
    const DOC: &'static str = "the transpose of a matrix";
    const DERIVATIVE: &'static str = "dx = G^T";

    fn inputs(&self) -> Inputs {
        Inputs::new([self.x])
    }

    fn forward(&self, f: Forward<'_>) {
        let (_, cols) = f.values.shape(self.x).matrix(Self::NAME);
        rows::transpose(f.exec, Write::Set, f.values.of(self.x), cols, f.out);
    }

    fn backward(&self, b: &mut Backward<'_>) {
        let (rows, _) = b.shape_of(self.x).matrix(Self::NAME);
        let (exec, g) = (b.exec, b.g);
        b.give(self.x, |write, dx| rows::transpose(exec, write, g, rows, dx));
    }

    fn reference<R: Real>(&self, r: &Reference<'_, R>) -> Vec<R> {
        let (rows, cols) = r.shape_of(self.x).matrix(Self::NAME);
        let x = r.x(self.x);
        (0..rows * cols).map(|e| x[e % rows * cols + e / rows]).collect()
    }

    #[cfg(test)]
    fn cases() -> Vec<crate::gradcheck::Case> {
        let mut cases =
            crate::gradcheck::Case::matrix(crate::gradcheck::Domain::Any, |t, x| t.transpose(x[0]));
        cases.push(crate::gradcheck::Case::new(&[&[5, 5]], |t, x| {
            let y = t.transpose(x[0]);
            t.mul(x[0], y)
        }));
        cases
    }
}
