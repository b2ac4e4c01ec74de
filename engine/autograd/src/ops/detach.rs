//! The same value as a constant: where a method says "stop gradient".

use super::{Inputs, Operation};
use crate::ops::Op;
use crate::tape::{Backward, Forward, NodeId, Reference};
use crate::{Real, Tape, Var};

/// x, through which no gradient flows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Detach {
    x: NodeId,
}

impl Tape {
    /// x as a constant: no gradient flows back through it.
    #[track_caller]
    pub fn detach(&mut self, x: Var) -> Var {
        let op = Detach { x: self.id(x, Detach::NAME) };
        self.record(Op::Detach(op), self.shape(x))
    }
}

impl Operation for Detach {
    const NAME: &'static str = "detach";
    const DOC: &'static str = "x as a constant";
    const DERIVATIVE: &'static str = "none: the gradient ends here";

    fn inputs(&self) -> Inputs {
        Inputs::new([self.x])
    }

    fn passes_gradient(&self) -> bool {
        false
    }

    fn forward(&self, f: Forward<'_>) {
        f.out.copy_from_slice(f.values.of(self.x));
    }

    fn backward(&self, _: &mut Backward<'_>) {
        unreachable!("a detached value needs no gradient, so none arrives here");
    }

    fn reference<R: Real>(&self, r: &Reference<'_, R>) -> Vec<R> {
        // The recorded value, not the current one: a difference must not see the constant move either.
        r.recorded(self.x).iter().map(|x| R::of(f64::from(*x))).collect()
    }

    #[cfg(test)]
    fn cases() -> Vec<crate::gradcheck::Case> {
        crate::gradcheck::Case::unary(crate::gradcheck::Domain::Any, |t, x| {
            let constant = t.detach(x[0]);
            t.mul(constant, x[0])
        })
    }
}
