//! The rectifier that lets a share of the negative side through.

use super::{Constants, Inputs, Operation};
use crate::ops::Op;
use crate::tape::{Backward, Forward, NodeId, Reference};
use crate::{Real, Tape, Var};
use lacuna_kernels::{Write, f32x8, map};

/// x above 0, a x below.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LeakyRelu {
    x: NodeId,
    slope: f32,
}

impl Tape {
    /// x where x > 0, `slope` x elsewhere; NaN stays NaN.
    ///
    /// A. L. Maas, A. Y. Hannun, A. Y. Ng, "Rectifier nonlinearities improve neural network acoustic
    /// models", 2013; the usual slope is 0.01.
    #[track_caller]
    pub fn leaky_relu(&mut self, x: Var, slope: f32) -> Var {
        if slope == 0.0 {
            return self.relu(x); // 0 times -inf would be NaN
        }
        let op = LeakyRelu { x: self.id(x, LeakyRelu::NAME), slope };
        self.record(Op::LeakyRelu(op), self.shape(x))
    }
}

impl Operation for LeakyRelu {
    const NAME: &'static str = "leaky_relu";
    const DOC: &'static str = "x above 0, a x below";
    const DERIVATIVE: &'static str = "dx = g above 0, a g below";

    fn inputs(&self) -> Inputs {
        Inputs::new([self.x])
    }

    fn constants(&self) -> Constants {
        vec![("slope", f64::from(self.slope))]
    }

    fn forward(&self, f: Forward<'_>) {
        let (zero, slope) = (f32x8::splat(0.0), f32x8::splat(self.slope));
        let leak = |x: f32x8| x.simd_gt(zero).select(x, slope * x);
        map::unary(f.exec, Write::Set, f.values.of(self.x), f.out, leak);
    }

    fn backward(&self, b: &mut Backward<'_>) {
        let (exec, g, x) = (b.exec, b.g, b.x(self.x));
        let (zero, one, slope) = (f32x8::splat(0.0), f32x8::splat(1.0), f32x8::splat(self.slope));
        b.give(self.x, |write, dx| {
            map::binary(exec, write, g, x, dx, |g, x| {
                g * x.simd_gt(zero).select(one, x.is_nan().select(x, slope))
            });
        });
    }

    fn reference<R: Real>(&self, r: &Reference<'_, R>) -> Vec<R> {
        let slope = R::of(f64::from(self.slope));
        r.x(self.x).iter().map(|x| if *x > R::zero() { *x } else { slope * *x }).collect()
    }

    #[cfg(test)]
    fn cases() -> Vec<crate::gradcheck::Case> {
        crate::gradcheck::Case::unary(crate::gradcheck::Domain::AwayFromZero, |t, x| t.leaky_relu(x[0], 0.01))
    }

    #[cfg(test)]
    fn extremes() -> Vec<super::extremes::Row> {
        use super::extremes::{INF, Row};
        use crate::Dual;
        let leak = |x: Dual| if x.value() > 0.0 { x } else { x * Dual::of(f64::from(0.01f32)) };
        vec![
            Row::new("leaky_relu", |t, x| t.leaky_relu(x, 0.01), leak, [(-INF, 0.01), (INF, 1.0)]),
            Row::new(
                "leaky_relu 0",
                |t, x| t.leaky_relu(x, 0.0),
                |x| Dual::of(0.0).max(x),
                [(0.0, 0.0), (INF, 1.0)],
            ),
        ]
    }
}
