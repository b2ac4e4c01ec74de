//! Values held between two constants.

use super::{Constants, Inputs, Operation};
use crate::ops::Op;
use crate::tape::{Backward, Forward, NodeId, Reference};
use crate::{Real, Tape, Var};
use lacuna_kernels::{Write, f32x8, map};

/// min(max(x, low), high).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clamp {
    x: NodeId,
    low: f32,
    high: f32,
}

impl Tape {
    /// min(max(x, low), high); slope 1 inside, both ends included, and 0 outside. NaN stays NaN.
    ///
    /// # Panics
    /// If `low <= high` does not hold.
    #[track_caller]
    pub fn clamp(&mut self, x: Var, low: f32, high: f32) -> Var {
        assert!(low <= high, "clamp: {low} is not below {high}");
        let op = Clamp { x: self.id(x, Clamp::NAME), low, high };
        self.record(Op::Clamp(op), self.shape(x))
    }
}

impl Operation for Clamp {
    const NAME: &'static str = "clamp";
    const DOC: &'static str = "x held between two constants";
    const DERIVATIVE: &'static str = "dx = g between the constants, 0 outside";

    fn inputs(&self) -> Inputs {
        Inputs::new([self.x])
    }

    fn constants(&self) -> Constants {
        vec![("low", f64::from(self.low)), ("high", f64::from(self.high))]
    }

    fn forward(&self, f: Forward<'_>) {
        let (low, high) = (f32x8::splat(self.low), f32x8::splat(self.high));
        // the second operand comes through when it is NaN
        let hold = |x| high.fast_min(low.fast_max(x));
        map::unary(f.exec, Write::Set, f.values.of(self.x), f.out, hold);
    }

    fn backward(&self, b: &mut Backward<'_>) {
        let (exec, g, x) = (b.exec, b.g, b.x(self.x));
        let (low, high) = (f32x8::splat(self.low), f32x8::splat(self.high));
        b.give(self.x, |write, dx| {
            map::binary(exec, write, g, x, dx, |g, x| {
                let inside = x.simd_ge(low) & x.simd_le(high);
                g * inside.select(f32x8::splat(1.0), x.is_nan().select(x, f32x8::splat(0.0)))
            });
        });
    }

    fn reference<R: Real>(&self, r: &Reference<'_, R>) -> Vec<R> {
        let (low, high) = (R::of(f64::from(self.low)), R::of(f64::from(self.high)));
        r.x(self.x).iter().map(|x| x.max(low).min(high)).collect()
    }

    #[cfg(test)]
    fn cases() -> Vec<crate::gradcheck::Case> {
        crate::gradcheck::Case::unary(crate::gradcheck::Domain::AwayFromHalves, |t, x| {
            t.clamp(x[0], -1.0, 0.5)
        })
    }
}
