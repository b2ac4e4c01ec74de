//! Sums over everything, over each row, over each column. Means are scaled sums.

use super::{Inputs, Operation};
use crate::ops::Op;
use crate::tape::{Backward, Forward, NodeId, Reference};
use crate::{Real, Shape, Tape, Var};
use lacuna_kernels::{Write, f32x8, map, reduce};

/// The sum of all elements.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sum {
    x: NodeId,
}

/// s_i = sum_j x_ij.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SumRows {
    x: NodeId,
}

/// s_j = sum_i x_ij.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SumColumns {
    x: NodeId,
}

impl Tape {
    /// The sum of all elements, `[]`.
    #[track_caller]
    pub fn sum(&mut self, x: Var) -> Var {
        let op = Sum { x: self.id(x, Sum::NAME) };
        self.record(Op::Sum(op), Shape::SCALAR)
    }

    /// The mean of all elements, `[]`.
    #[track_caller]
    pub fn mean(&mut self, x: Var) -> Var {
        let n = self.shape(x).len();
        let sum = self.sum(x);
        self.scale(sum, 1.0 / n as f32)
    }

    /// The sum of each row of `[B, C]`, `[B, 1]`.
    #[track_caller]
    pub fn sum_rows(&mut self, x: Var) -> Var {
        let op = SumRows { x: self.id(x, SumRows::NAME) };
        let (rows, _) = self.shape(x).matrix(SumRows::NAME);
        self.record(Op::SumRows(op), Shape::from([rows, 1]))
    }

    /// The mean of each row of `[B, C]`, `[B, 1]`.
    #[track_caller]
    pub fn mean_rows(&mut self, x: Var) -> Var {
        let (_, cols) = self.shape(x).matrix(SumRows::NAME);
        let sums = self.sum_rows(x);
        self.scale(sums, 1.0 / cols as f32)
    }

    /// The sum of each column of `[B, C]`, `[1, C]`.
    #[track_caller]
    pub fn sum_columns(&mut self, x: Var) -> Var {
        let op = SumColumns { x: self.id(x, SumColumns::NAME) };
        let (_, cols) = self.shape(x).matrix(SumColumns::NAME);
        self.record(Op::SumColumns(op), Shape::from([1, cols]))
    }

    /// The mean of each column of `[B, C]`, `[1, C]`.
    #[track_caller]
    pub fn mean_columns(&mut self, x: Var) -> Var {
        let (rows, _) = self.shape(x).matrix(SumColumns::NAME);
        let sums = self.sum_columns(x);
        self.scale(sums, 1.0 / rows as f32)
    }
}

impl Operation for Sum {
    const NAME: &'static str = "sum";
    const DOC: &'static str = "sum of all elements";
    const DERIVATIVE: &'static str = "every element gets g";

    fn inputs(&self) -> Inputs {
        Inputs::new([self.x])
    }

    fn forward(&self, f: Forward<'_>) {
        f.out[0] = reduce::sum(f.exec, f.values.of(self.x)) as f32;
    }

    /// Every element gets g.
    fn backward(&self, b: &mut Backward<'_>) {
        let (exec, g) = (b.exec, f32x8::splat(b.g[0]));
        let x = b.x(self.x);
        b.give(self.x, |write, dx| map::unary(exec, write, x, dx, |_| g));
    }

    fn reference<R: Real>(&self, r: &Reference<'_, R>) -> Vec<R> {
        vec![R::sum(r.x(self.x).iter().copied())]
    }

    #[cfg(test)]
    fn cases() -> Vec<crate::gradcheck::Case> {
        crate::gradcheck::Case::unary(crate::gradcheck::Domain::Any, |t, x| t.sum(x[0]))
    }
}

impl Operation for SumRows {
    const NAME: &'static str = "sum_rows";
    const DOC: &'static str = "sum of each row";
    const DERIVATIVE: &'static str = "every element of row i gets g_i";

    fn inputs(&self) -> Inputs {
        Inputs::new([self.x])
    }

    fn forward(&self, f: Forward<'_>) {
        let (_, cols) = f.values.shape(self.x).matrix(Self::NAME);
        reduce::rows(Write::Set, f.values.of(self.x), cols, f.out);
    }

    /// Every element of row i gets g_i.
    fn backward(&self, b: &mut Backward<'_>) {
        let (g, x) = (b.g, b.x(self.x));
        b.give(self.x, |write, dx| map::broadcast::column(write, x, g, dx, |_, g| g));
    }

    fn reference<R: Real>(&self, r: &Reference<'_, R>) -> Vec<R> {
        let (rows, cols) = r.shape_of(self.x).matrix(Self::NAME);
        let x = r.x(self.x);
        (0..rows).map(|i| R::sum((0..cols).map(|j| x[i * cols + j]))).collect()
    }

    #[cfg(test)]
    fn cases() -> Vec<crate::gradcheck::Case> {
        crate::gradcheck::Case::matrix(crate::gradcheck::Domain::Any, |t, x| t.sum_rows(x[0]))
    }
}

impl Operation for SumColumns {
    const NAME: &'static str = "sum_columns";
    const DOC: &'static str = "sum of each column";
    const DERIVATIVE: &'static str = "every element of column j gets g_j";

    fn inputs(&self) -> Inputs {
        Inputs::new([self.x])
    }

    fn forward(&self, f: Forward<'_>) {
        reduce::columns(Write::Set, f.values.of(self.x), f.out);
    }

    /// Every element of column j gets g_j.
    fn backward(&self, b: &mut Backward<'_>) {
        let (g, x) = (b.g, b.x(self.x));
        b.give(self.x, |write, dx| map::broadcast::row(write, x, g, dx, |_, g| g));
    }

    fn reference<R: Real>(&self, r: &Reference<'_, R>) -> Vec<R> {
        let (rows, cols) = r.shape_of(self.x).matrix(Self::NAME);
        let x = r.x(self.x);
        (0..cols).map(|j| R::sum((0..rows).map(|i| x[i * cols + j]))).collect()
    }

    #[cfg(test)]
    fn cases() -> Vec<crate::gradcheck::Case> {
        crate::gradcheck::Case::matrix(crate::gradcheck::Domain::Any, |t, x| t.sum_columns(x[0]))
    }
}
