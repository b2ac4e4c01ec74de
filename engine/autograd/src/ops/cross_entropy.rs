//! Cross-entropy of logits against class indices.

use super::{Inputs, Operation};
use crate::ops::Op;
use crate::tape::{Backward, Forward, NodeId, Reference};
use crate::{Real, Shape, Tape, Var};
use lacuna_kernels::{f32x8, map, rows};

/// mean_i (ln sum_k e^x_ik - x_i,target_i).
#[derive(Clone, Copy, Debug)]
pub(crate) struct CrossEntropy {
    x: NodeId,
}

impl Tape {
    /// mean_i (ln sum_k e^x_ik - x_i,t_i), `[]`: softmax cross-entropy of logits x `[B, C]` and B classes t.
    ///
    /// # Panics
    /// If there are no rows, not as many targets as rows, or a target is not below C.
    #[track_caller]
    pub fn cross_entropy(&mut self, x: Var, targets: &[u32]) -> Var {
        let (op, shape) = (CrossEntropy { x: self.id(x, CrossEntropy::NAME) }, self.shape(x));
        let (rows, cols) = shape.matrix(CrossEntropy::NAME);
        assert!(rows == targets.len() && rows > 0, "cross_entropy: {} targets for {shape}", targets.len());
        if let Some(bad) = targets.iter().find(|t| **t as usize >= cols) {
            panic!("cross_entropy: {shape} has no class {bad}");
        }
        self.record_with(Op::CrossEntropy(op), Shape::SCALAR, |_, indices| {
            indices.clear();
            indices.extend_from_slice(targets);
        })
    }
}

impl Operation for CrossEntropy {
    const NAME: &'static str = "cross_entropy";
    const DOC: &'static str = "mean softmax cross-entropy against class indices";
    const DERIVATIVE: &'static str = "dz = g (softmax(z) - onehot) / rows";

    fn inputs(&self) -> Inputs {
        Inputs::new([self.x])
    }

    /// Keeps the derivative (p - onehot) / B, which shares its exponentials with the value.
    fn forward(&self, f: Forward<'_>) {
        let (_, cols) = f.values.shape(self.x).matrix(Self::NAME);
        let (x, slope) = (f.values.of(self.x), f.saved.resize(f.values.of(self.x).len()));
        rows::softmax(f.exec, x, cols, slope);
        let count = f.indices.len() as f32;
        let mut sum = 0.0;
        for ((x, slope), target) in x.chunks_exact(cols).zip(slope.chunks_exact_mut(cols)).zip(&*f.indices) {
            let target = *target as usize;
            sum += rows::log_sum_exp(x) - f64::from(x[target]);
            slope[target] -= 1.0;
            slope.iter_mut().for_each(|s| *s /= count);
        }
        f.out[0] = (sum / f64::from(count)) as f32;
    }

    fn backward(&self, b: &mut Backward<'_>) {
        let (exec, g, slope) = (b.exec, f32x8::splat(b.g[0]), b.saved);
        b.give(self.x, |write, dx| map::unary(exec, write, slope, dx, |s| g * s));
    }

    fn reference<R: Real>(&self, r: &Reference<'_, R>) -> Vec<R> {
        let (rows, cols) = r.shape_of(self.x).matrix(Self::NAME);
        let row = |(x, target): (&[R], &u32)| {
            let max = x.iter().fold(R::of(f64::NEG_INFINITY), |m, x| m.max(*x)).detach();
            R::sum(x.iter().map(|x| (*x - max).exp())).ln() + max - x[*target as usize]
        };
        vec![R::sum(r.x(self.x).chunks_exact(cols).zip(r.indices()).map(row)) / R::of(rows as f64)]
    }

    #[cfg(test)]
    fn cases() -> Vec<crate::gradcheck::Case> {
        crate::gradcheck::Case::matrix(crate::gradcheck::Domain::Any, |t, x| {
            let (rows, cols) = t.shape(x[0]).matrix("");
            let targets: Vec<u32> = (0..rows).map(|i| (i * 7 % cols) as u32).collect();
            t.cross_entropy(x[0], &targets)
        })
    }
}
