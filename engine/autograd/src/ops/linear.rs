//! The linear layer: z = x W + b, with b in every row.
//!
//! The same numbers as a product and a sum, in one node: the product is not kept beside the sum, and neither is its gradient,
//! which are three matrices `[B, C]`.

use super::{Inputs, Operation};
use crate::ops::Op;
use crate::tape::{Backward, Forward, NodeId, Reference};
use crate::{Real, Shape, Tape, Var};
use lacuna_kernels::gemm::{Matrix, gemm};
use lacuna_kernels::{Write, map, reduce};

/// z = x W + b.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Linear {
    x: NodeId,
    w: NodeId,
    b: NodeId,
}

impl Tape {
    /// x W + b with x `[B, D]`, W `[D, C]` and b `[C]` added to every row, `[B, C]`.
    ///
    /// # Panics
    /// If the shapes do not fit.
    ///
    /// ```
    /// use lacuna_engine::{Tape, Tensor};
    /// let mut tape = Tape::new();
    /// let w = tape.param("w", Tensor::new([2, 1], vec![3.0, -1.0]));
    /// let b = tape.param("b", Tensor::new([1], vec![0.5]));
    /// tape.seal();
    /// let x = tape.input([2, 2], &[1.0, 2.0, 0.0, 1.0]);
    /// let z = tape.linear(x, w, b);
    /// assert_eq!(tape.value(z), [1.5, -0.5]);
    /// tape.backward_from(z, &[1.0, 1.0]);
    /// assert_eq!(tape.grad(w), Some(&[1.0, 3.0][..])); // x^T g
    /// assert_eq!(tape.grad(b), Some(&[2.0][..])); // sums of g over the rows
    /// ```
    #[track_caller]
    pub fn linear(&mut self, x: Var, w: Var, b: Var) -> Var {
        let op =
            Linear { x: self.id(x, Linear::NAME), w: self.id(w, Linear::NAME), b: self.id(b, Linear::NAME) };
        let (input, weight, bias) = (self.shape(x), self.shape(w), self.shape(b));
        let ((rows, k), (k2, n)) = (input.matrix(Linear::NAME), weight.matrix(Linear::NAME));
        assert_eq!(k, k2, "linear: {input} x {weight}: inner sizes differ");
        assert!(bias.sizes() == [n], "linear: a bias of {bias} for {weight}");
        self.record(Op::Linear(op), Shape::from([rows, n]))
    }
}

/// B, D, C of a layer.
fn sizes(x: Shape, w: Shape) -> (usize, usize, usize) {
    let ((rows, k), (_, n)) = (x.matrix(Linear::NAME), w.matrix(Linear::NAME));
    (rows, k, n)
}

impl Operation for Linear {
    const NAME: &'static str = "linear";
    const DOC: &'static str = "z = x W + b";
    const DERIVATIVE: &'static str = "dx = G W^T, dW = x^T G, db = the sum of the rows of G";

    fn inputs(&self) -> Inputs {
        Inputs::new([self.x, self.w, self.b])
    }

    fn forward(&self, f: Forward<'_>) {
        let (rows, k, n) = sizes(f.values.shape(self.x), f.values.shape(self.w));
        let (x, w) = (Matrix::new(f.values.of(self.x), rows, k), Matrix::new(f.values.of(self.w), k, n));
        gemm(f.exec, Write::Set, x, w, f.out);
        map::broadcast::add_row(f.exec, f.values.of(self.b), f.out);
    }

    /// dx = G W^T, dW = x^T G, db = the sum of the rows of G.
    fn backward(&self, t: &mut Backward<'_>) {
        let (rows, k, n) = sizes(t.shape_of(self.x), t.shape_of(self.w));
        let (exec, g) = (t.exec, t.g);
        let of_rows = Matrix::new(g, rows, n);
        let (x, w) = (Matrix::new(t.x(self.x), rows, k), Matrix::new(t.x(self.w), k, n));
        t.give(self.x, |write, dx| gemm(exec, write, of_rows, w.transposed(), dx));
        t.give(self.w, |write, dw| gemm(exec, write, x.transposed(), of_rows, dw));
        t.give(self.b, |write, db| reduce::columns(write, g, db));
    }

    fn reference<R: Real>(&self, r: &Reference<'_, R>) -> Vec<R> {
        let (rows, k, n) = sizes(r.shape_of(self.x), r.shape_of(self.w));
        let (x, w, b) = (r.x(self.x), r.x(self.w), r.x(self.b));
        let at = |i: usize, j: usize| R::sum((0..k).map(|p| x[i * k + p] * w[p * n + j])) + b[j];
        (0..rows * n).map(|e| at(e / n, e % n)).collect()
    }

    #[cfg(test)]
    fn cases() -> Vec<crate::gradcheck::Case> {
        use crate::gradcheck::Case;
        [(1, 1, 1), (1, 5, 3), (4, 3, 17), (7, 9, 8), (13, 2, 1), (21, 25, 18)]
            .into_iter()
            .map(|(rows, k, n)| Case::new(&[&[rows, k], &[k, n], &[n]], |t, x| t.linear(x[0], x[1], x[2])))
            .chain([Case::new(&[&[4, 4], &[4]], |t, x| t.linear(x[0], x[0], x[1]))])
            .collect()
    }
}
