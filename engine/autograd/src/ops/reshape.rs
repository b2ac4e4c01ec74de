//! The same elements under another shape.

use super::{Inputs, Operation};
use crate::ops::Op;
use crate::tape::{Backward, Forward, NodeId, Reference};
use crate::{Real, Shape, Tape, Var};
use lacuna_kernels::map;

/// x with other sizes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reshape {
    x: NodeId,
}

impl Tape {
    /// The same elements, row by row, under another shape.
    ///
    /// # Panics
    /// If the number of elements differs.
    #[track_caller]
    pub fn reshape(&mut self, x: Var, shape: impl Into<Shape>) -> Var {
        let (op, old, shape) = (Reshape { x: self.id(x, Reshape::NAME) }, self.shape(x), shape.into());
        assert_eq!(old.len(), shape.len(), "reshape: {old} does not have the elements of {shape}");
        self.record(Op::Reshape(op), shape)
    }
}

impl Operation for Reshape {
    const NAME: &'static str = "reshape";
    const DOC: &'static str = "the same elements under another shape";
    const DERIVATIVE: &'static str = "dx = g under the old shape";

    fn inputs(&self) -> Inputs {
        Inputs::new([self.x])
    }

    fn forward(&self, f: Forward<'_>) {
        f.out.copy_from_slice(f.values.of(self.x));
    }

    fn backward(&self, b: &mut Backward<'_>) {
        let (exec, g) = (b.exec, b.g);
        b.give(self.x, |write, dx| map::unary(exec, write, g, dx, |g| g));
    }

    fn reference<R: Real>(&self, r: &Reference<'_, R>) -> Vec<R> {
        r.x(self.x).to_vec()
    }

    #[cfg(test)]
    fn cases() -> Vec<crate::gradcheck::Case> {
        use crate::gradcheck::Case;
        vec![
            Case::new(&[&[2, 6]], |t, x| t.reshape(x[0], [3, 4])),
            Case::new(&[&[17]], |t, x| t.reshape(x[0], [1, 17])),
            Case::new(&[&[2, 3, 2, 2]], |t, x| t.reshape(x[0], [2, 12])),
            Case::new(&[&[1, 1]], |t, x| t.reshape(x[0], [])),
            Case::new(&[&[4, 5]], |t, x| t.reshape(x[0], [20])),
            Case::new(&[&[20, 21]], |t, x| t.reshape(x[0], [21, 20])),
        ]
    }
}
