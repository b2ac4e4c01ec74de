//! Functions of one variable, element by element: y = f(x), dx = g f'(x).
//!
//! Each gives its slope in terms of x and y, whichever is cheaper.

use super::{Inputs, Operation};
use crate::ops::Op;
use crate::tape::{Backward, Forward, NodeId, Reference};
use crate::{Real, Tape, Var};
use lacuna_kernels::{Write, f32x8, map, math};

macro_rules! pointwise {
    (
        $(#[$doc:meta])* $op:ident, $method:ident, $doc_line:literal,
        forward: $f:expr, slope: $slope:expr, reference: $reference:expr, domain: $domain:ident
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub(crate) struct $op {
            x: NodeId,
        }

        impl Tape {
            $(#[$doc])*
            #[track_caller]
            pub fn $method(&mut self, x: Var) -> Var {
                let op = $op { x: self.id(x, $op::NAME) };
                self.record(Op::$op(op), self.shape(x))
            }
        }

        impl Operation for $op {
            const NAME: &'static str = stringify!($method);
            const DOC: &'static str = $doc_line;

            fn inputs(&self) -> Inputs {
                Inputs::new([self.x])
            }

            fn forward(&self, f: Forward<'_>) {
                map::unary(f.exec, Write::Set, f.values.of(self.x), f.out, $f);
            }

            fn backward(&self, b: &mut Backward<'_>) {
                let (exec, g, x, y) = (b.exec, b.g, b.x(self.x), b.y);
                let slope: fn(f32x8, f32x8) -> f32x8 = $slope;
                b.give(self.x, |write, dx| {
                    map::ternary(exec, write, [g, x, y], dx, |g, x, y| g * slope(x, y));
                });
            }

            fn reference<R: Real>(&self, r: &Reference<'_, R>) -> Vec<R> {
                let f: fn(R) -> R = $reference;
                r.x(self.x).iter().map(|x| f(*x)).collect()
            }

            #[cfg(test)]
            fn cases() -> Vec<crate::gradcheck::Case> {
                use crate::gradcheck::{Case, Domain};
                Case::unary(Domain::$domain, |t, x| t.$method(x[0]))
            }
        }
    };
}

#[inline]
fn one() -> f32x8 {
    f32x8::splat(1.0)
}

pointwise! {
    /// max(x, 0), with slope 0 at 0; NaN stays NaN.
    Relu, relu, "max(x, 0)",
    forward: |x| f32x8::splat(0.0).fast_max(x),
    slope: |x, _| x.simd_gt(f32x8::splat(0.0)).select(one(), f32x8::splat(0.0)),
    reference: |x| R::zero().max(x), domain: AwayFromZero
}

pointwise! {
    /// sigma(x) = 1 / (1 + e^-x), slope sigma(x) sigma(-x).
    Sigmoid, sigmoid, "1 / (1 + e^-x)",
    forward: math::sigmoid,
    // sigma(-x) is computed, not 1 - y: the subtraction would lose it in the right tail.
    slope: |x, y| y * math::sigmoid(-x),
    reference: |x| x.sigmoid(), domain: Any
}

pointwise! {
    /// Hyperbolic tangent, slope 1 - tanh^2.
    Tanh, tanh, "hyperbolic tangent",
    forward: math::tanh,
    slope: |_, y| y.mul_neg_add(y, one()),
    reference: |x| x.tanh(), domain: Any
}

pointwise! {
    /// ln(1 + e^x), slope sigma(x).
    Softplus, softplus, "ln(1 + e^x)",
    forward: math::softplus,
    slope: |x, _| math::sigmoid(x),
    reference: |x| x.softplus(), domain: Any
}

pointwise! {
    /// ln sigma(x) = -softplus(-x), slope sigma(-x).
    LogSigmoid, log_sigmoid, "ln sigma(x), stable in both tails",
    forward: math::log_sigmoid,
    slope: |x, _| math::sigmoid(-x),
    reference: |x| x.log_sigmoid(), domain: Any
}

pointwise! {
    /// e^x.
    Exp, exp, "e^x",
    forward: math::exp,
    slope: |_, y| y,
    reference: |x| x.exp(), domain: Any
}

pointwise! {
    /// Natural logarithm.
    Ln, ln, "natural logarithm",
    forward: math::ln,
    slope: |x, _| one() / x,
    reference: |x| x.ln(), domain: Positive
}
