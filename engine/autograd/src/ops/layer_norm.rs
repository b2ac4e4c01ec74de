//! Layer normalisation: each row with mean 0 and variance 1.
//!
//! J. L. Ba, J. R. Kiros, G. E. Hinton, "Layer normalization", 2016.

use super::{Constants, Inputs, Operation};
use crate::ops::Op;
use crate::tape::{Backward, Forward, NodeId, Reference};
use crate::{Real, Shape, Tape, Var};
use lacuna_kernels::{reduce, rows};

/// (x - mean) / sqrt(variance + eps) w + b.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LayerNorm {
    x: NodeId,
    affine: Option<[NodeId; 2]>,
    eps: f32,
}

impl Tape {
    /// (x - mean) / sqrt(variance + eps) w + b along the last axis of x `[.., C]`, with the biased variance.
    /// w and b are `[C]`; without `affine` they are 1 and 0. The usual eps is 1e-5.
    ///
    /// # Panics
    /// If w or b does not have C elements.
    #[track_caller]
    pub fn layer_norm(&mut self, x: Var, affine: Option<(Var, Var)>, eps: f32) -> Var {
        let shape = self.shape(x);
        let (_, cols) = shape.rows_of_last_axis(LayerNorm::NAME);
        if let Some((w, b)) = affine {
            let (w, b) = (self.shape(w), self.shape(b));
            assert!(w.len() == cols && b.len() == cols, "layer_norm: {shape} with {w} and {b}");
        }
        let affine = affine.map(|(w, b)| [self.id(w, LayerNorm::NAME), self.id(b, LayerNorm::NAME)]);
        let op = LayerNorm { x: self.id(x, LayerNorm::NAME), affine, eps };
        self.record(Op::LayerNorm(op), shape)
    }
}

impl LayerNorm {
    fn cols(x: Shape) -> usize {
        x.rows_of_last_axis(Self::NAME).1
    }
}

impl Operation for LayerNorm {
    const NAME: &'static str = "layer_norm";
    const DOC: &'static str = "rows with mean 0 and variance 1, then w x + b";
    const DERIVATIVE: &'static str =
        "dx = (w g - mean(w g) - x^ mean(w g x^)) / s by row, dw = sum g x^, db = sum g";

    fn inputs(&self) -> Inputs {
        match self.affine {
            Some([w, b]) => Inputs::new([self.x, w, b]),
            None => Inputs::new([self.x]),
        }
    }

    fn constants(&self) -> Constants {
        vec![("eps", f64::from(self.eps))]
    }

    /// Keeps mean and 1 / sqrt(variance + eps) of each row.
    fn forward(&self, f: Forward<'_>) {
        let (x, cols) = (f.values.of(self.x), Self::cols(f.values.shape(self.x)));
        let stats = f.saved.resize(x.len() / cols * 2);
        rows::layer_stats(f.exec, x, cols, self.eps, stats);
        let affine = self.affine.map(|[w, b]| (f.values.of(w), f.values.of(b)));
        rows::layer_norm(f.exec, x, stats, affine, cols, f.out);
    }

    fn backward(&self, t: &mut Backward<'_>) {
        let (exec, g, x, stats) = (t.exec, t.g, t.x(self.x), t.saved);
        let cols = Self::cols(t.shape_of(self.x));
        let w = self.affine.map(|[w, _]| t.x(w));
        t.give(self.x, |write, dx| rows::layer_norm_backward(exec, write, g, x, stats, w, cols, dx));
        if let Some([w, b]) = self.affine {
            t.give(w, |write, dw| rows::layer_norm_backward_weight(write, g, x, stats, dw));
            t.give(b, |write, db| reduce::columns(write, g, db));
        }
    }

    fn reference<R: Real>(&self, r: &Reference<'_, R>) -> Vec<R> {
        let cols = Self::cols(r.shape_of(self.x));
        let affine = self.affine.map(|[w, b]| (r.x(w), r.x(b)));
        let count = R::of(cols as f64);
        let row = |x: &[R]| {
            let mean = R::sum(x.iter().copied()) / count;
            let variance = R::sum(x.iter().map(|x| (*x - mean) * (*x - mean))) / count;
            let root = (variance + R::of(f64::from(self.eps))).sqrt();
            let y = x.iter().map(|x| (*x - mean) / root).enumerate();
            y.map(|(j, y)| affine.map_or(y, |(w, b)| y * w[j] + b[j])).collect::<Vec<_>>()
        };
        r.x(self.x).chunks_exact(cols).flat_map(row).collect()
    }

    #[cfg(test)]
    fn cases() -> Vec<crate::gradcheck::Case> {
        use crate::gradcheck::Case;
        let shapes: [&[usize]; 9] =
            [&[1, 3], &[1, 9], &[7, 2], &[3, 5], &[4, 17], &[2, 8], &[2, 3, 6], &[11], &[20, 21]];
        let with = shapes.iter().map(|s| {
            let cols: &[usize] = &s[s.len() - 1..];
            Case::new(&[s, cols, cols], |t, x| t.layer_norm(x[0], Some((x[1], x[2])), 0.1))
        });
        let without = shapes.iter().map(|s| Case::new(&[s], |t, x| t.layer_norm(x[0], None, 0.1)));
        with.chain(without).collect()
    }
}
