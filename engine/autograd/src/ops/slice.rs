//! A range of rows or of columns.

use super::{Constants, Inputs, Operation};
use crate::ops::Op;
use crate::tape::{Backward, Forward, NodeId, Reference};
use crate::{Real, Shape, Tape, Var};
use lacuna_kernels::{Exec, Write, map};
use std::ops::Range;

/// Rows or columns of x.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slice {
    x: NodeId,
    /// Elements of one block of x, of which `len` from `from` on are taken: a row's, or all of them.
    block: usize,
    from: usize,
    len: usize,
}

impl Tape {
    /// The rows `rows` of x `[B, C]`.
    ///
    /// # Panics
    /// If they do not exist.
    #[track_caller]
    pub fn slice_rows(&mut self, x: Var, rows: Range<usize>) -> Var {
        let (n, cols) = self.shape(x).matrix(Slice::NAME);
        assert!(rows.start <= rows.end && rows.end <= n, "slice: rows {rows:?} of {}", self.shape(x));
        let (x, len) = (self.id(x, Slice::NAME), rows.len() * cols);
        let op = Slice { x, block: n * cols, from: rows.start * cols, len };
        self.record(Op::Slice(op), Shape::from([rows.len(), cols]))
    }

    /// The columns `columns` of x `[B, C]`.
    ///
    /// # Panics
    /// If they do not exist.
    #[track_caller]
    pub fn slice_columns(&mut self, x: Var, columns: Range<usize>) -> Var {
        let (rows, n) = self.shape(x).matrix(Slice::NAME);
        assert!(
            columns.start <= columns.end && columns.end <= n,
            "slice: columns {columns:?} of {}",
            self.shape(x)
        );
        let op = Slice { x: self.id(x, Slice::NAME), block: n, from: columns.start, len: columns.len() };
        self.record(Op::Slice(op), Shape::from([rows, columns.len()]))
    }
}

impl Operation for Slice {
    const NAME: &'static str = "slice";
    const DOC: &'static str = "a range of rows or columns";
    const DERIVATIVE: &'static str = "dx = g in the range, 0 elsewhere";

    fn inputs(&self) -> Inputs {
        Inputs::new([self.x])
    }

    fn constants(&self) -> Constants {
        vec![("block", self.block as f64), ("from", self.from as f64), ("len", self.len as f64)]
    }

    fn forward(&self, f: Forward<'_>) {
        let x = f.values.of(self.x).chunks_exact(self.block.max(1));
        for (x, out) in x.zip(f.out.chunks_exact_mut(self.len.max(1))) {
            out.copy_from_slice(&x[self.from..self.from + self.len]);
        }
    }

    fn backward(&self, b: &mut Backward<'_>) {
        let g = b.g;
        b.scatter(self.x, |dx| {
            for (dx, g) in dx.chunks_exact_mut(self.block.max(1)).zip(g.chunks_exact(self.len.max(1))) {
                let dx = &mut dx[self.from..self.from + self.len];
                map::unary(Exec::Serial, Write::Add, g, dx, |g| g);
            }
        });
    }

    fn reference<R: Real>(&self, r: &Reference<'_, R>) -> Vec<R> {
        let x = r.x(self.x).chunks_exact(self.block.max(1));
        x.flat_map(|x| &x[self.from..self.from + self.len]).copied().collect()
    }

    #[cfg(test)]
    fn cases() -> Vec<crate::gradcheck::Case> {
        use crate::gradcheck::Case;
        vec![
            Case::new(&[&[1, 1]], |t, x| t.slice_rows(x[0], 0..1)),
            Case::new(&[&[5, 3]], |t, x| t.slice_rows(x[0], 1..4)),
            Case::new(&[&[4, 17]], |t, x| t.slice_columns(x[0], 3..12)),
            Case::new(&[&[1, 9]], |t, x| t.slice_columns(x[0], 8..9)),
            Case::new(&[&[3, 8]], |t, x| {
                let (a, b) = (t.slice_columns(x[0], 0..5), t.slice_columns(x[0], 3..8));
                t.mul(a, b)
            }),
            Case::new(&[&[20, 21]], |t, x| t.slice_columns(x[0], 2..20)),
        ]
        .into_iter()
        .chain((1..=17).map(|n| Case::new(&[&[2, 18]], move |t, x| t.slice_columns(x[0], 1..1 + n))))
        .collect()
    }
}
