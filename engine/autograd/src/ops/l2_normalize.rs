//! Rows of length 1.

use super::{Constants, Inputs, Operation};
use crate::ops::Op;
use crate::tape::{Backward, Forward, NodeId, Reference};
use crate::{Real, Tape, Var};
use lacuna_kernels::rows;

/// x / max(|x|, eps).
#[derive(Clone, Copy, Debug)]
pub(crate) struct L2Normalize {
    x: NodeId,
    eps: f32,
}

impl Tape {
    /// x / max(|x|, eps) along the last axis, with |x| the Euclidean length. The usual eps is 1e-12.
    ///
    /// # Panics
    /// For a scalar or rows without elements.
    #[track_caller]
    pub fn l2_normalize(&mut self, x: Var, eps: f32) -> Var {
        let (op, shape) = (L2Normalize { x: self.id(x, L2Normalize::NAME), eps }, self.shape(x));
        shape.rows_of_last_axis(L2Normalize::NAME);
        self.record(Op::L2Normalize(op), shape)
    }
}

impl Operation for L2Normalize {
    const NAME: &'static str = "l2_normalize";
    const DOC: &'static str = "rows of Euclidean length 1";
    const DERIVATIVE: &'static str = "dx = (g - y (y . g)) / |x|";

    fn inputs(&self) -> Inputs {
        Inputs::new([self.x])
    }

    fn constants(&self) -> Constants {
        vec![("eps", f64::from(self.eps))]
    }

    /// Keeps the divisor of each row.
    fn forward(&self, f: Forward<'_>) {
        let (count, cols) = f.values.shape(self.x).rows_of_last_axis(Self::NAME);
        rows::l2_normalize(f.exec, f.values.of(self.x), cols, self.eps, f.saved.resize(count), f.out);
    }

    /// dx = (g - y (y . g)) / |x|
    fn backward(&self, b: &mut Backward<'_>) {
        let (_, cols) = b.shape_of(self.x).rows_of_last_axis(Self::NAME);
        let (exec, g, y, norms, eps) = (b.exec, b.g, b.y, b.saved, self.eps);
        b.give(self.x, |write, dx| rows::l2_normalize_backward(exec, write, g, y, norms, cols, eps, dx));
    }

    fn reference<R: Real>(&self, r: &Reference<'_, R>) -> Vec<R> {
        let (_, cols) = r.shape_of(self.x).rows_of_last_axis(Self::NAME);
        let row = |x: &[R]| {
            let norm = R::sum(x.iter().map(|x| *x * *x)).sqrt().max(R::of(f64::from(self.eps)));
            x.iter().map(|x| *x / norm).collect::<Vec<_>>()
        };
        r.x(self.x).chunks_exact(cols).flat_map(row).collect()
    }

    #[cfg(test)]
    fn cases() -> Vec<crate::gradcheck::Case> {
        use crate::gradcheck::{Case, Domain};
        let mut cases = Case::matrix(Domain::AwayFromHalves, |t, x| t.l2_normalize(x[0], 1e-12));
        cases.push(Case::new(&[&[2, 3, 5]], |t, x| t.l2_normalize(x[0], 1e-12)).on(Domain::AwayFromHalves));
        // shorter than eps: a plain division
        cases.push(Case::new(&[&[3, 5]], |t, x| t.l2_normalize(x[0], 100.0)));
        cases
    }
}
