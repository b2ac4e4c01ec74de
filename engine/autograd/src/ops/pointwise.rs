//! Functions of one variable, element by element: y = f(x), dx = g f'(x).
//!
//! Each gives its slope in terms of x, of y or of both, whichever is cheaper: these maps are bound by memory,
//! so an operand that is not needed is not read. Where x is NaN the slope is NaN too.

use super::{Inputs, Operation};
use crate::ops::Op;
use crate::tape::{Backward, Forward, NodeId, Reference};
use crate::{Real, Tape, Var};
use lacuna_kernels::{Write, f32x8, map, math, special};

macro_rules! pointwise {
    (@backward $self:ident, $b:ident, x, $slope:expr) => {
        let (exec, g, x) = ($b.exec, $b.g, $b.x($self.x));
        let slope: fn(f32x8) -> f32x8 = $slope;
        $b.give($self.x, |write, dx| map::binary(exec, write, g, x, dx, |g, x| g * slope(x)));
    };
    (@backward $self:ident, $b:ident, y, $slope:expr) => {
        let (exec, g, y) = ($b.exec, $b.g, $b.y);
        let slope: fn(f32x8) -> f32x8 = $slope;
        $b.give($self.x, |write, dx| map::binary(exec, write, g, y, dx, |g, y| g * slope(y)));
    };
    (@backward $self:ident, $b:ident, both, $slope:expr) => {
        let (exec, g, x, y) = ($b.exec, $b.g, $b.x($self.x), $b.y);
        let slope: fn(f32x8, f32x8) -> f32x8 = $slope;
        $b.give($self.x, |write, dx| {
            map::ternary(exec, write, [g, x, y], dx, |g, x, y| g * slope(x, y));
        });
    };
    (
        $(#[$doc:meta])* $op:ident, $method:ident, $doc_line:literal,
        derivative: $derivative:literal,
        forward: $f:expr, slope of $of:ident: $slope:expr, reference: $reference:expr, domain: $domain:ident
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
            const DERIVATIVE: &'static str = $derivative;

            fn inputs(&self) -> Inputs {
                Inputs::new([self.x])
            }

            fn forward(&self, f: Forward<'_>) {
                map::unary(f.exec, Write::Set, f.values.of(self.x), f.out, $f);
            }

            fn backward(&self, b: &mut Backward<'_>) {
                pointwise!(@backward self, b, $of, $slope);
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
fn zero() -> f32x8 {
    f32x8::splat(0.0)
}

#[inline]
fn one() -> f32x8 {
    f32x8::splat(1.0)
}

pointwise! {
    /// max(x, 0), with slope 0 at 0; NaN stays NaN.
    Relu, relu, "max(x, 0)",
    derivative: "dx = g where x > 0, 0 elsewhere",
    forward: |x| zero().fast_max(x),
    slope of y: |y| y.simd_gt(zero()).select(one(), y), // y is 0 or NaN elsewhere
    reference: |x| R::zero().max(x), domain: AwayFromZero
}

pointwise! {
    /// sigma(x) = 1 / (1 + e^-x), slope sigma(x) sigma(-x).
    Sigmoid, sigmoid, "1 / (1 + e^-x)",
    derivative: "dx = g y (1 - y)",
    forward: math::sigmoid,
    // sigma(-x) is computed, not 1 - y: the subtraction would lose it in the right tail.
    slope of both: |x, y| y * math::sigmoid(-x),
    reference: |x| x.sigmoid(), domain: Any
}

pointwise! {
    /// Hyperbolic tangent, slope 1 - tanh^2.
    Tanh, tanh, "hyperbolic tangent",
    derivative: "dx = g (1 - y^2)",
    forward: math::tanh,
    slope of y: |y| y.mul_neg_add(y, one()),
    reference: |x| x.tanh(), domain: Any
}

pointwise! {
    /// ln(1 + e^x), slope sigma(x).
    Softplus, softplus, "ln(1 + e^x)",
    derivative: "dx = g sigma(x)",
    forward: math::softplus,
    slope of x: math::sigmoid,
    reference: |x| x.softplus(), domain: Any
}

pointwise! {
    /// ln sigma(x) = -softplus(-x), slope sigma(-x).
    LogSigmoid, log_sigmoid, "ln sigma(x), stable in both tails",
    derivative: "dx = g sigma(-x)",
    forward: math::log_sigmoid,
    slope of x: |x| math::sigmoid(-x),
    reference: |x| x.log_sigmoid(), domain: Any
}

pointwise! {
    /// e^x.
    Exp, exp, "e^x",
    derivative: "dx = g y",
    forward: math::exp,
    slope of y: |y| y,
    reference: |x| x.exp(), domain: Any
}

pointwise! {
    /// Natural logarithm.
    Ln, ln, "natural logarithm",
    derivative: "dx = g / x",
    forward: math::ln,
    slope of x: |x| one() / x,
    reference: |x| x.ln(), domain: Positive
}

pointwise! {
    /// -x.
    Neg, neg, "-x",
    derivative: "dx = -g",
    forward: |x| -x,
    slope of x: |_| -one(),
    reference: |x| -x, domain: Any
}

pointwise! {
    /// e^x - 1, accurate near 0.
    Expm1, expm1, "e^x - 1",
    derivative: "dx = g e^x",
    forward: special::exp_m1,
    slope of x: math::exp,
    reference: |x| x.exp_m1(), domain: Any
}

pointwise! {
    /// ln(1 + x), accurate near 0.
    Log1p, log1p, "ln(1 + x)",
    derivative: "dx = g / (1 + x)",
    forward: special::ln_1p,
    slope of x: |x| one() / (one() + x),
    reference: |x| x.ln_1p(), domain: Positive
}

pointwise! {
    /// Square root, slope 1 / (2 sqrt x).
    Sqrt, sqrt, "square root",
    derivative: "dx = g / (2 y)",
    forward: |x| x.sqrt(),
    slope of y: |y| f32x8::splat(0.5) / y,
    reference: |x| x.sqrt(), domain: Positive
}

pointwise! {
    /// |x|, with slope 0 at 0.
    Abs, abs, "|x|",
    derivative: "dx = g sign(x)",
    forward: |x| x.abs(),
    // what is neither above nor below 0 is 0 or NaN, and so is its slope
    slope of x: |x| x.simd_gt(zero()).select(one(), x.simd_lt(zero()).select(-one(), x)),
    reference: |x| x.abs(), domain: AwayFromZero
}

pointwise! {
    /// x Phi(x) with Phi the distribution of the standard normal, 0 at -inf.
    ///
    /// D. Hendrycks, K. Gimpel, "Gaussian error linear units (GELUs)", 2016.
    Gelu, gelu, "x Phi(x)",
    derivative: "dx = g (Phi(x) + x phi(x))",
    // x is held back where Phi is 0, since -inf times 0 has no value
    forward: |x| f32x8::splat(-20.0).fast_max(x) * special::normal_cdf(x).0,
    slope of x: |x| {
        let (cdf, x_density) = special::normal_cdf(x);
        cdf + x_density
    },
    reference: |x| {
        let cdf = (R::one() + (x * R::of(std::f64::consts::FRAC_1_SQRT_2)).erf()) * R::of(0.5);
        x * cdf
    },
    domain: Any
}

/// sqrt(2 / pi)
const GELU_SCALE: f64 = 0.797_884_560_802_865_4;
const GELU_CUBE: f64 = 0.044_715;

/// sigma(2 u) = (1 + tanh u) / 2 with u = sqrt(2/pi) (x + 0.044715 x^3), and x held in [-20, 20].
#[inline]
fn gelu_gate(x: f32x8) -> (f32x8, f32x8) {
    let x = f32x8::splat(20.0).fast_min(f32x8::splat(-20.0).fast_max(x));
    let cube = (x * x).mul_add(f32x8::splat(GELU_CUBE as f32), one());
    (math::sigmoid(x * cube * f32x8::splat(2.0 * GELU_SCALE as f32)), x)
}

pointwise! {
    /// x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) / 2, the approximation of [`gelu`](Self::gelu) that
    /// PyTorch calls `approximate="tanh"`.
    GeluTanh, gelu_tanh, "x Phi(x), by tanh",
    derivative: "dx = g (p + x p (1 - p) 2 u'), p = sigma(2 u)",
    forward: |x| f32x8::splat(-20.0).fast_max(x) * gelu_gate(x).0,
    // p + x p (1 - p) 2 u'
    slope of x: |x| {
        let (p, x) = gelu_gate(x);
        let slope = (x * x).mul_add(f32x8::splat(3.0 * GELU_CUBE as f32), one());
        let slope = slope * f32x8::splat(2.0 * GELU_SCALE as f32);
        p + x * p * (one() - p) * slope
    },
    reference: |x| {
        let u = (x + x * x * x * R::of(GELU_CUBE)) * R::of(GELU_SCALE);
        x * R::of(0.5) * (R::one() + u.tanh())
    },
    domain: Any
}
