//! A power with a constant exponent.

use super::{Constants, Inputs, Operation};
use crate::ops::Op;
use crate::tape::{Backward, Forward, NodeId, Reference};
use crate::{Real, Tape, Var};
use lacuna_kernels::{Write, f32x8, map, special};

/// x^k.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pow {
    x: NodeId,
    exponent: f32,
}

impl Tape {
    /// x^k for a constant k, slope k x^(k - 1).
    ///
    /// As IEEE 754 has it: x^0 is 1 for every x, and a negative x has a power for integer k only, else NaN.
    #[track_caller]
    pub fn pow(&mut self, x: Var, exponent: f32) -> Var {
        let op = Pow { x: self.id(x, Pow::NAME), exponent };
        self.record(Op::Pow(op), self.shape(x))
    }
}

impl Operation for Pow {
    const NAME: &'static str = "pow";
    const DOC: &'static str = "x^k for a constant k";
    const DERIVATIVE: &'static str = "dx = g k x^(k - 1)";

    fn inputs(&self) -> Inputs {
        Inputs::new([self.x])
    }

    fn constants(&self) -> Constants {
        vec![("exponent", f64::from(self.exponent))]
    }

    fn forward(&self, f: Forward<'_>) {
        let k = self.exponent;
        map::unary(f.exec, Write::Set, f.values.of(self.x), f.out, |x| special::pow(x, k));
    }

    fn backward(&self, b: &mut Backward<'_>) {
        let (exec, g, x, k) = (b.exec, b.g, b.x(self.x), self.exponent);
        if k == 0.0 {
            // 0 times x^-1 would be NaN at 0
            b.give(self.x, |write, dx| map::unary(exec, write, g, dx, |_| f32x8::splat(0.0)));
            return;
        }
        let factor = f32x8::splat(k);
        b.give(self.x, |write, dx| {
            map::binary(exec, write, g, x, dx, |g, x| {
                // k = 1: the slope is 1 everywhere, but a NaN stays one
                let slope =
                    if k == 1.0 { x.is_nan().select(x, f32x8::splat(1.0)) } else { special::pow(x, k - 1.0) };
                g * (factor * slope)
            });
        });
    }

    fn reference<R: Real>(&self, r: &Reference<'_, R>) -> Vec<R> {
        r.x(self.x).iter().map(|x| x.powf(f64::from(self.exponent))).collect()
    }

    #[cfg(test)]
    fn cases() -> Vec<crate::gradcheck::Case> {
        use crate::gradcheck::{Case, Domain};
        let mut cases = Case::unary(Domain::Positive, |t, x| t.pow(x[0], 1.7));
        for build in [
            (|t: &mut Tape, x: &[Var]| t.pow(x[0], 2.0)) as fn(&mut Tape, &[Var]) -> Var,
            |t, x| t.pow(x[0], 3.0),
            |t, x| t.pow(x[0], 1.0),
            |t, x| t.pow(x[0], 0.0),
        ] {
            cases.push(Case::new(&[&[3, 7]], build));
        }
        cases.push(Case::new(&[&[2, 9]], |t, x| t.pow(x[0], -0.5)).on(Domain::Positive));
        cases
    }
}
