//! One of two values, element by element.

use super::{Inputs, Operation};
use crate::ops::Op;
use crate::tape::{Backward, Forward, NodeId, Reference};
use crate::{Real, Tape, Var};
use lacuna_kernels::{Write, f32x8, map};

/// a where the condition is above 0, b elsewhere.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Select {
    condition: NodeId,
    a: NodeId,
    b: NodeId,
}

impl Tape {
    /// a where `condition` > 0, b elsewhere (also where it is NaN); all three of one shape.
    ///
    /// The condition is a value like any other, recorded or given as an input of zeros and ones. No gradient
    /// flows into it, and what was not chosen gets the gradient 0 even where it is infinite or NaN.
    ///
    /// # Panics
    /// If the shapes differ.
    #[track_caller]
    pub fn select(&mut self, condition: Var, a: Var, b: Var) -> Var {
        let shape = self.shape(condition);
        let (left, right) = (self.shape(a), self.shape(b));
        assert!(left == shape && right == shape, "select: {shape} between {left} and {right}");
        let [condition, a, b] = [condition, a, b].map(|var| self.id(var, Select::NAME));
        self.record(Op::Select(Select { condition, a, b }), shape)
    }
}

impl Operation for Select {
    const NAME: &'static str = "select";
    const DOC: &'static str = "a where the condition is above 0, b elsewhere";
    const DERIVATIVE: &'static str = "da = g where the condition is above 0, db = g elsewhere";

    fn inputs(&self) -> Inputs {
        Inputs::new([self.condition, self.a, self.b])
    }

    fn forward(&self, f: Forward<'_>) {
        let zero = f32x8::splat(0.0);
        let operands = [self.condition, self.a, self.b].map(|id| f.values.of(id));
        map::ternary(f.exec, Write::Set, operands, f.out, |c, a, b| c.simd_gt(zero).select(a, b));
    }

    fn backward(&self, t: &mut Backward<'_>) {
        let (exec, g, c, zero) = (t.exec, t.g, t.x(self.condition), f32x8::splat(0.0));
        t.give(self.a, |write, da| {
            map::binary(exec, write, g, c, da, |g, c| c.simd_gt(zero).select(g, zero));
        });
        t.give(self.b, |write, db| {
            map::binary(exec, write, g, c, db, |g, c| c.simd_gt(zero).select(zero, g));
        });
    }

    fn reference<R: Real>(&self, r: &Reference<'_, R>) -> Vec<R> {
        let (c, a, b) = (r.x(self.condition), r.x(self.a), r.x(self.b));
        (0..c.len()).map(|i| if c[i] > R::zero() { a[i] } else { b[i] }).collect()
    }

    #[cfg(test)]
    fn cases() -> Vec<crate::gradcheck::Case> {
        use crate::gradcheck::{Case, Domain};
        let shapes: [&[usize]; 6] = [&[], &[3, 5], &[4, 17], &[2, 8], &[2, 3, 2, 2], &[20, 21]];
        let mut cases: Vec<Case> = (1..=17)
            .map(|n| vec![1, n])
            .chain(shapes.map(<[usize]>::to_vec))
            .map(|s| Case::new(&[&s, &s, &s], |t, x| t.select(x[0], x[1], x[2])).on(Domain::AwayFromZero))
            .collect();
        cases.push(
            Case::new(&[&[3, 7]], |t, x| {
                let double = t.scale(x[0], 2.0);
                t.select(x[0], x[0], double)
            })
            .on(Domain::AwayFromZero),
        );
        cases
    }
}
