//! Dropout: elements set to 0 at random, the others scaled up so that the mean stays.

use super::{Constants, Inputs, Operation};
use crate::ops::Op;
use crate::tape::{Backward, Forward, NodeId, Reference};
use crate::{MaskKey, Real, Tape, Var};
use lacuna_kernels::{Write, random};

/// m x, with m = 0 with probability p, else 1 / (1 - p).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dropout {
    x: NodeId,
    p: f32,
    key: MaskKey,
}

impl Tape {
    /// x with each element set to 0 with probability p, the others divided by 1 - p (inverted dropout).
    ///
    /// The mask is a function of the key and the element's number, so it does not depend on threads and can be
    /// had again. For prediction leave the operation out.
    ///
    /// N. Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", JMLR 2014.
    ///
    /// # Panics
    /// If p is not in [0, 1).
    #[track_caller]
    pub fn dropout(&mut self, x: Var, p: f32, key: MaskKey) -> Var {
        assert!((0.0..1.0).contains(&p), "dropout: a probability in [0, 1) is needed, not {p}");
        let op = Dropout { x: self.id(x, Dropout::NAME), p, key };
        self.record(Op::Dropout(op), self.shape(x))
    }
}

impl Operation for Dropout {
    const NAME: &'static str = "dropout";
    const DOC: &'static str = "elements set to 0 at random, the others scaled up";
    const DERIVATIVE: &'static str = "dx = g / (1 - p) where x was kept, 0 elsewhere";

    fn inputs(&self) -> Inputs {
        Inputs::new([self.x])
    }

    fn constants(&self) -> Constants {
        vec![("p", f64::from(self.p))]
    }

    fn forward(&self, f: Forward<'_>) {
        let mask = f.saved.resize(f.out.len());
        random::dropout_mask(f.exec, self.key, self.p, mask);
        random::apply_mask(f.exec, Write::Set, f.values.of(self.x), mask, f.out);
    }

    fn backward(&self, b: &mut Backward<'_>) {
        let (exec, g, mask) = (b.exec, b.g, b.saved);
        b.give(self.x, |write, dx| random::apply_mask(exec, write, g, mask, dx));
    }

    fn reference<R: Real>(&self, r: &Reference<'_, R>) -> Vec<R> {
        r.x(self.x).iter().zip(r.saved()).map(|(x, m)| *x * R::of(f64::from(*m))).collect()
    }

    #[cfg(test)]
    fn cases() -> Vec<crate::gradcheck::Case> {
        crate::gradcheck::Case::unary(crate::gradcheck::Domain::Any, |t, x| {
            t.dropout(x[0], 0.3, MaskKey { seed: 5, step: 1, layer: 2 })
        })
    }
}
