//! Matrix product: C = A B, c_ij = sum_k a_ik b_kj.

use super::{Inputs, Operation};
use crate::ops::Op;
use crate::tape::{Backward, Forward, NodeId, Reference};
use crate::{Real, Shape, Tape, Var};
use lacuna_kernels::gemm::{Matrix, gemm};

/// C = A B.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MatMul {
    a: NodeId,
    b: NodeId,
}

impl Tape {
    /// The product of A `[M, K]` and B `[K, N]`, `[M, N]`.
    ///
    /// # Panics
    /// If the inner sizes differ.
    #[track_caller]
    pub fn matmul(&mut self, a: Var, b: Var) -> Var {
        let op = MatMul { a: self.id(a, MatMul::NAME), b: self.id(b, MatMul::NAME) };
        let (left, right) = (self.shape(a), self.shape(b));
        let ((m, k), (k2, n)) = (left.matrix(MatMul::NAME), right.matrix(MatMul::NAME));
        assert_eq!(k, k2, "matmul: {left} x {right}: inner sizes differ");
        self.record(Op::MatMul(op), Shape::from([m, n]))
    }
}

/// M, K, N of a product.
fn sizes(a: Shape, b: Shape) -> (usize, usize, usize) {
    let ((m, k), (_, n)) = (a.matrix(MatMul::NAME), b.matrix(MatMul::NAME));
    (m, k, n)
}

impl Operation for MatMul {
    const NAME: &'static str = "matmul";
    const DOC: &'static str = "C = A B";
    const DERIVATIVE: &'static str = "dA = G B^T, dB = A^T G";

    fn inputs(&self) -> Inputs {
        Inputs::new([self.a, self.b])
    }

    fn forward(&self, f: Forward<'_>) {
        let (m, k, n) = sizes(f.values.shape(self.a), f.values.shape(self.b));
        let (a, b) = (Matrix::new(f.values.of(self.a), m, k), Matrix::new(f.values.of(self.b), k, n));
        gemm(f.exec, lacuna_kernels::Write::Set, a, b, f.out);
    }

    /// dA = G B^T, dB = A^T G.
    fn backward(&self, t: &mut Backward<'_>) {
        let (m, k, n) = sizes(t.shape_of(self.a), t.shape_of(self.b));
        let (exec, g) = (t.exec, Matrix::new(t.g, m, n));
        let (a, b) = (Matrix::new(t.x(self.a), m, k), Matrix::new(t.x(self.b), k, n));
        t.give(self.a, |write, da| gemm(exec, write, g, b.transposed(), da));
        t.give(self.b, |write, db| gemm(exec, write, a.transposed(), g, db));
    }

    fn reference<R: Real>(&self, r: &Reference<'_, R>) -> Vec<R> {
        let (m, k, n) = sizes(r.shape_of(self.a), r.shape_of(self.b));
        let (a, b) = (r.x(self.a), r.x(self.b));
        let at = |i: usize, j: usize| R::sum((0..k).map(|p| a[i * k + p] * b[p * n + j]));
        (0..m * n).map(|e| at(e / n, e % n)).collect()
    }

    #[cfg(test)]
    fn cases() -> Vec<crate::gradcheck::Case> {
        use crate::gradcheck::Case;
        let mut cases: Vec<Case> =
            [(1, 1, 1), (1, 5, 3), (4, 3, 17), (7, 9, 8), (2, 16, 20), (13, 2, 5), (21, 25, 18)]
                .into_iter()
                .chain((1..=17).map(|n| (1, 3, n)))
                .map(|(m, k, n)| Case::new(&[&[m, k], &[k, n]], |t, x| t.matmul(x[0], x[1])))
                .collect();
        cases.push(Case::new(&[&[4, 4]], |t, x| t.matmul(x[0], x[0])));
        cases
    }
}
