//! Multiplication with and addition of a constant.

use super::{Constants, Inputs, Operation};
use crate::ops::Op;
use crate::tape::{Backward, Forward, NodeId, Reference};
use crate::{Real, Tape, Var};
use lacuna_kernels::{Write, f32x8, map};

/// c x.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    x: NodeId,
    factor: f32,
}

/// x + c.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shift {
    x: NodeId,
    offset: f32,
}

impl Tape {
    /// c x for a constant c; -x is `scale(x, -1.0)`.
    #[track_caller]
    pub fn scale(&mut self, x: Var, factor: f32) -> Var {
        let op = Scale { x: self.id(x, Scale::NAME), factor };
        self.record(Op::Scale(op), self.shape(x))
    }

    /// x + c for a constant c.
    #[track_caller]
    pub fn shift(&mut self, x: Var, offset: f32) -> Var {
        let op = Shift { x: self.id(x, Shift::NAME), offset };
        self.record(Op::Shift(op), self.shape(x))
    }
}

impl Operation for Scale {
    const NAME: &'static str = "scale";
    const DOC: &'static str = "c x";
    const DERIVATIVE: &'static str = "dx = c g";

    fn inputs(&self) -> Inputs {
        Inputs::new([self.x])
    }

    fn constants(&self) -> Constants {
        vec![("factor", f64::from(self.factor))]
    }

    fn forward(&self, f: Forward<'_>) {
        let c = f32x8::splat(self.factor);
        map::unary(f.exec, Write::Set, f.values.of(self.x), f.out, |x| x * c);
    }

    fn backward(&self, b: &mut Backward<'_>) {
        let (exec, g, c) = (b.exec, b.g, f32x8::splat(self.factor));
        b.give(self.x, |write, dx| map::unary(exec, write, g, dx, |g| g * c));
    }

    fn reference<R: Real>(&self, r: &Reference<'_, R>) -> Vec<R> {
        r.x(self.x).iter().map(|x| *x * R::of(f64::from(self.factor))).collect()
    }

    #[cfg(test)]
    fn cases() -> Vec<crate::gradcheck::Case> {
        crate::gradcheck::Case::unary(crate::gradcheck::Domain::Any, |t, x| t.scale(x[0], -0.75))
    }
}

impl Operation for Shift {
    const NAME: &'static str = "shift";
    const DOC: &'static str = "x + c";
    const DERIVATIVE: &'static str = "dx = g";

    fn inputs(&self) -> Inputs {
        Inputs::new([self.x])
    }

    fn constants(&self) -> Constants {
        vec![("offset", f64::from(self.offset))]
    }

    fn forward(&self, f: Forward<'_>) {
        let c = f32x8::splat(self.offset);
        map::unary(f.exec, Write::Set, f.values.of(self.x), f.out, |x| x + c);
    }

    fn backward(&self, b: &mut Backward<'_>) {
        let (exec, g) = (b.exec, b.g);
        b.give(self.x, |write, dx| map::unary(exec, write, g, dx, |g| g));
    }

    fn reference<R: Real>(&self, r: &Reference<'_, R>) -> Vec<R> {
        r.x(self.x).iter().map(|x| *x + R::of(f64::from(self.offset))).collect()
    }

    #[cfg(test)]
    fn cases() -> Vec<crate::gradcheck::Case> {
        crate::gradcheck::Case::unary(crate::gradcheck::Domain::Any, |t, x| t.shift(x[0], 0.5))
    }
}
