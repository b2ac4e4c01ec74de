//! Two matrices side by side or one above the other.

use super::{Constants, Inputs, Operation};
use crate::ops::Op;
use crate::tape::{Backward, Forward, NodeId, Reference};
use crate::{Real, Shape, Tape, Var};
use lacuna_kernels::{Exec, map};

/// [a b], or a above b.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Concat {
    a: NodeId,
    b: NodeId,
    /// Elements of a and of b in one block of the result: all of them when stacked, a row's when side by side.
    blocks: (usize, usize),
}

impl Tape {
    /// a `[M, C]` above b `[N, C]`, `[M + N, C]`.
    ///
    /// # Panics
    /// If the columns differ.
    #[track_caller]
    pub fn concat_rows(&mut self, a: Var, b: Var) -> Var {
        let ((m, c), (n, c2)) = self.concat_sizes(a, b);
        assert_eq!(c, c2, "concat: {} above {}: columns differ", self.shape(a), self.shape(b));
        self.concat(a, b, (m * c, n * c), Shape::from([m + n, c]))
    }

    /// a `[B, M]` beside b `[B, N]`, `[B, M + N]`.
    ///
    /// # Panics
    /// If the rows differ.
    #[track_caller]
    pub fn concat_columns(&mut self, a: Var, b: Var) -> Var {
        let ((r, m), (r2, n)) = self.concat_sizes(a, b);
        assert_eq!(r, r2, "concat: {} beside {}: rows differ", self.shape(a), self.shape(b));
        self.concat(a, b, (m, n), Shape::from([r, m + n]))
    }

    #[track_caller]
    fn concat_sizes(&self, a: Var, b: Var) -> ((usize, usize), (usize, usize)) {
        (self.shape(a).matrix(Concat::NAME), self.shape(b).matrix(Concat::NAME))
    }

    #[track_caller]
    fn concat(&mut self, a: Var, b: Var, blocks: (usize, usize), shape: Shape) -> Var {
        let op = Concat { a: self.id(a, Concat::NAME), b: self.id(b, Concat::NAME), blocks };
        self.record(Op::Concat(op), shape)
    }
}

impl Concat {
    /// Both inputs with their offset and length inside a block of the result.
    fn parts(&self) -> [(NodeId, usize, usize); 2] {
        [(self.a, 0, self.blocks.0), (self.b, self.blocks.0, self.blocks.1)]
    }

    fn block(&self) -> usize {
        (self.blocks.0 + self.blocks.1).max(1)
    }
}

impl Operation for Concat {
    const NAME: &'static str = "concat";
    const DOC: &'static str = "two matrices above or beside each other";
    const DERIVATIVE: &'static str = "da = rows or columns of g that are a, db = those of b";

    fn inputs(&self) -> Inputs {
        Inputs::new([self.a, self.b])
    }

    fn constants(&self) -> Constants {
        vec![("of a", self.blocks.0 as f64), ("of b", self.blocks.1 as f64)]
    }

    fn forward(&self, f: Forward<'_>) {
        for (id, at, len) in self.parts() {
            let x = f.values.of(id).chunks_exact(len.max(1));
            for (x, out) in x.zip(f.out.chunks_exact_mut(self.block())) {
                out[at..at + len].copy_from_slice(x);
            }
        }
    }

    fn backward(&self, b: &mut Backward<'_>) {
        let g = b.g;
        for (id, at, len) in self.parts() {
            b.give(id, |write, dx| {
                for (dx, g) in dx.chunks_exact_mut(len.max(1)).zip(g.chunks_exact(self.block())) {
                    map::unary(Exec::Serial, write, &g[at..at + len], dx, |g| g);
                }
            });
        }
    }

    fn reference<R: Real>(&self, r: &Reference<'_, R>) -> Vec<R> {
        let (a, b) = (r.x(self.a), r.x(self.b));
        let (la, lb) = self.blocks;
        (0..r.shape().len())
            .map(|e| match (e / self.block(), e % self.block()) {
                (block, at) if at < la => a[block * la + at],
                (block, at) => b[block * lb + at - la],
            })
            .collect()
    }

    #[cfg(test)]
    fn cases() -> Vec<crate::gradcheck::Case> {
        use crate::gradcheck::Case;
        vec![
            Case::new(&[&[1, 1], &[1, 2]], |t, x| t.concat_columns(x[0], x[1])),
            Case::new(&[&[4, 3], &[4, 9]], |t, x| t.concat_columns(x[0], x[1])),
            Case::new(&[&[1, 17], &[1, 8]], |t, x| t.concat_columns(x[0], x[1])),
            Case::new(&[&[2, 5], &[3, 5]], |t, x| t.concat_rows(x[0], x[1])),
            Case::new(&[&[1, 9], &[1, 9]], |t, x| t.concat_rows(x[0], x[1])),
            Case::new(&[&[3, 4]], |t, x| t.concat_rows(x[0], x[0])),
            Case::new(&[&[20, 21], &[20, 3]], |t, x| t.concat_columns(x[0], x[1])),
        ]
        .into_iter()
        .chain((1..=17).map(|n| Case::new(&[&[2, n], &[2, 18 - n]], |t, x| t.concat_columns(x[0], x[1]))))
        .collect()
    }
}
