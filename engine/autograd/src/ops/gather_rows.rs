//! Rows of a matrix by number, with repetitions: y_i = x_{r_i}.
//!
//! Its gradient touches few rows of a matrix that may have one row for each training sample, so for a
//! parameter only those rows are written, and the optimiser is told which.

use super::{Inputs, Operation};
use crate::ops::Op;
use crate::tape::{Backward, Forward, NodeId, Reference};
use crate::{Real, Shape, Tape, Var};
use lacuna_kernels::{Exec, map};

/// y_i = x_{r_i}.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GatherRows {
    x: NodeId,
}

impl Tape {
    /// The rows of x `[N, C]` named by `rows`, `[rows.len(), C]`.
    ///
    /// # Panics
    /// If a row does not exist.
    #[track_caller]
    pub fn gather_rows(&mut self, x: Var, rows: &[u32]) -> Var {
        let op = GatherRows { x: self.id(x, GatherRows::NAME) };
        let (n, cols) = self.shape(x).matrix(GatherRows::NAME);
        if let Some(bad) = rows.iter().find(|r| **r as usize >= n) {
            panic!("gather_rows: row {bad} of {} does not exist", self.shape(x));
        }
        self.record_with(Op::GatherRows(op), Shape::from([rows.len(), cols]), |_, indices| {
            indices.clear();
            indices.extend_from_slice(rows);
        })
    }
}

impl Operation for GatherRows {
    const NAME: &'static str = "gather_rows";
    const DOC: &'static str = "rows of a matrix by number";
    const DERIVATIVE: &'static str = "row i of dx = sum of the rows of g that were read from row i";

    fn inputs(&self) -> Inputs {
        Inputs::new([self.x])
    }

    fn forward(&self, f: Forward<'_>) {
        let (_, cols) = f.values.shape(self.x).matrix(Self::NAME);
        let x = f.values.of(self.x);
        for (row, out) in f.indices.iter().zip(f.out.chunks_exact_mut(cols)) {
            out.copy_from_slice(&x[*row as usize * cols..][..cols]);
        }
    }

    fn backward(&self, b: &mut Backward<'_>) {
        let (g, indices) = (b.g, b.indices);
        let cols = g.len() / indices.len().max(1);
        b.give_rows(self.x, |mut target| {
            for (row, g) in indices.iter().zip(g.chunks_exact(cols.max(1))) {
                let (write, dx) = target.row(*row as usize);
                map::unary(Exec::Serial, write, g, dx, |g| g);
            }
        });
    }

    fn reference<R: Real>(&self, r: &Reference<'_, R>) -> Vec<R> {
        let (_, cols) = r.shape_of(self.x).matrix(Self::NAME);
        let x = r.x(self.x);
        r.indices().iter().flat_map(|row| &x[*row as usize * cols..][..cols]).copied().collect()
    }

    #[cfg(test)]
    fn cases() -> Vec<crate::gradcheck::Case> {
        use crate::gradcheck::Case;
        vec![
            Case::new(&[&[1, 1]], |t, x| t.gather_rows(x[0], &[0])),
            Case::new(&[&[5, 3]], |t, x| t.gather_rows(x[0], &[4, 0, 2])),
            Case::new(&[&[4, 9]], |t, x| t.gather_rows(x[0], &[1, 1, 3, 1])),
            Case::new(&[&[1, 17]], |t, x| t.gather_rows(x[0], &[0, 0])),
            // dense first, rows second, and rows first, dense second
            Case::new(&[&[3, 8]], |t, x| {
                let rows = t.gather_rows(x[0], &[2, 0, 2]);
                t.mul(rows, x[0])
            }),
            Case::new(&[&[3, 4]], |t, x| {
                let double = t.scale(x[0], 2.0);
                let rows = t.gather_rows(x[0], &[1, 1, 0]);
                t.add(rows, double)
            }),
            Case::new(&[&[6, 2]], |t, x| {
                let (a, b) = (t.gather_rows(x[0], &[1, 5]), t.gather_rows(x[0], &[5, 0]));
                t.mul(a, b)
            }),
            Case::new(&[&[40, 11]], |t, x| t.gather_rows(x[0], &[39, 7, 7, 20])),
        ]
        .into_iter()
        .chain((1..=17).map(|n| Case::new(&[&[3, n]], |t, x| t.gather_rows(x[0], &[2, 0, 2]))))
        .collect()
    }
}
