//! Mish, element by element.

use super::{Inputs, Operation};
use crate::ops::Op;
use crate::tape::{Backward, Forward, NodeId, Reference};
use crate::{Real, Tape, Var};
use lacuna_kernels::{Write, f32x8, map, math};

/// x tanh(softplus(x)).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mish {
    x: NodeId,
}

impl Tape {
    /// x tanh(ln(1 + e^x)), 0 at -inf.
    ///
    /// D. Misra, "Mish: a self regularized non-monotonic activation function", BMVC 2020.
    #[track_caller]
    pub fn mish(&mut self, x: Var) -> Var {
        let op = Mish { x: self.id(x, Mish::NAME) };
        self.record(Op::Mish(op), self.shape(x))
    }
}

/// x held back where its factor is 0 or 1, since infinity times 0 has no value.
#[inline]
fn held(x: f32x8) -> f32x8 {
    f32x8::splat(-120.0).fast_max(x)
}

impl Operation for Mish {
    const NAME: &'static str = "mish";
    const DOC: &'static str = "x tanh(softplus(x))";
    const DERIVATIVE: &'static str = "dx = g (t + x (1 - t^2) sigma(x)), t = tanh(softplus(x))";

    fn inputs(&self) -> Inputs {
        Inputs::new([self.x])
    }

    fn forward(&self, f: Forward<'_>) {
        map::unary(f.exec, Write::Set, f.values.of(self.x), f.out, |x| {
            held(x) * math::tanh(math::softplus(x))
        });
    }

    /// dx = g (t + x (1 - t^2) sigma(x)).
    fn backward(&self, b: &mut Backward<'_>) {
        let (exec, g, x) = (b.exec, b.g, b.x(self.x));
        b.give(self.x, |write, dx| {
            map::binary(exec, write, g, x, dx, |g, x| {
                let t = math::tanh(math::softplus(x));
                let x = f32x8::splat(40.0).fast_min(held(x));
                let rest = x * t.mul_neg_add(t, f32x8::splat(1.0)) * math::sigmoid(x);
                g * (t + rest)
            });
        });
    }

    fn reference<R: Real>(&self, r: &Reference<'_, R>) -> Vec<R> {
        r.x(self.x).iter().map(|&x| x * x.softplus().tanh()).collect()
    }

    #[cfg(test)]
    fn cases() -> Vec<crate::gradcheck::Case> {
        crate::gradcheck::Case::unary(crate::gradcheck::Domain::Any, |t, x| t.mish(x[0]))
    }

    #[cfg(test)]
    fn extremes() -> Vec<super::extremes::Row> {
        use super::extremes::{INF, Row};
        vec![Row::new("mish", |t, x| t.mish(x), |x| x * x.softplus().tanh(), [(0.0, 0.0), (INF, 1.0)])]
    }
}
