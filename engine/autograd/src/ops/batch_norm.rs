//! Batch normalisation: each channel with mean 0 and variance 1 over the batch.
//!
//! S. Ioffe, C. Szegedy, "Batch normalization: accelerating deep network training by reducing internal
//! covariate shift", ICML 2015. Conventions are PyTorch's: the biased variance normalises, the unbiased one
//! goes into the running value.

use super::{Constants, Inputs, LeafKind, Operation, StateUpdates};
use crate::ops::Op;
use crate::tape::{Backward, Forward, NodeId, Reference};
use crate::{Real, Shape, Tape, Var};
use lacuna_kernels::norm::{self, Channels};

/// Mean and variance that training collects and prediction uses, `[C]` each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunningStats {
    /// Running mean.
    pub mean: Var,
    /// Running variance (unbiased).
    pub var: Var,
}

/// (x - mean) / sqrt(variance + eps) w + b, by channel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BatchNorm {
    x: NodeId,
    affine: Option<[NodeId; 2]>,
    running: Option<[NodeId; 2]>,
    eps: f32,
    /// Share of this batch in the new running statistics; `None` in prediction.
    momentum: Option<f32>,
}

impl Tape {
    /// Batch normalisation in training: (x - mean_c) / sqrt(variance_c + eps) w_c + b_c, with mean and variance
    /// of channel c in this batch. x is `[B, C]`, `[B, C, L]` or `[B, C, H, W]`; w and b are `[C]`, or 1 and 0
    /// without `affine`. The usual eps is 1e-5, the usual momentum 0.1.
    ///
    /// The running statistics do not change before [`commit_state`](Self::commit_state), which sets them to
    /// (1 - momentum) old + momentum new.
    ///
    /// # Panics
    /// If sizes do not fit, a channel has a single number, or the running statistics are no state of the tape.
    #[track_caller]
    pub fn batch_norm(
        &mut self,
        x: Var,
        affine: Option<(Var, Var)>,
        running: Option<RunningStats>,
        momentum: f32,
        eps: f32,
    ) -> Var {
        let shape = self.shape(x);
        assert!(
            channels(shape).count() > 1,
            "batch_norm: a channel of {shape} has one number, which has no variance"
        );
        for var in running.iter().flat_map(|r| [r.mean, r.var]) {
            let i = self.id(var, BatchNorm::NAME).index();
            let is_state = matches!(self.nodes[i].op, Op::Leaf(leaf) if leaf.kind == LeafKind::State);
            assert!(is_state, "batch_norm: running statistics are state of the tape (Tape::state)");
        }
        self.record_batch_norm(x, affine, running, Some(momentum), eps)
    }

    /// Batch normalisation in prediction: as [`batch_norm`](Self::batch_norm) with the running statistics in
    /// place of those of the batch. They are constants here: no gradient flows into them.
    ///
    /// # Panics
    /// If sizes do not fit.
    #[track_caller]
    pub fn batch_norm_eval(
        &mut self,
        x: Var,
        affine: Option<(Var, Var)>,
        running: RunningStats,
        eps: f32,
    ) -> Var {
        self.record_batch_norm(x, affine, Some(running), None, eps)
    }

    #[track_caller]
    fn record_batch_norm(
        &mut self,
        x: Var,
        affine: Option<(Var, Var)>,
        running: Option<RunningStats>,
        momentum: Option<f32>,
        eps: f32,
    ) -> Var {
        let shape = self.shape(x);
        let vectors = affine.iter().flat_map(|(w, b)| [*w, *b]);
        for var in vectors.chain(running.iter().flat_map(|r| [r.mean, r.var])) {
            let size = self.shape(var);
            assert!(size.len() == channels(shape).channels, "batch_norm: {size} for the channels of {shape}");
        }
        let id = |var| self.id(var, BatchNorm::NAME);
        let op = BatchNorm {
            x: id(x),
            affine: affine.map(|(w, b)| [id(w), id(b)]),
            running: running.map(|r| [id(r.mean), id(r.var)]),
            eps,
            momentum,
        };
        self.record(Op::BatchNorm(op), shape)
    }
}

/// `[N, C, pixels]` of a shape `[N, C, ..]`.
#[track_caller]
fn channels(shape: Shape) -> Channels {
    match shape.sizes() {
        [images, channels, rest @ ..] if shape.len() > 0 => {
            Channels { images: *images, channels: *channels, pixels: rest.iter().product() }
        }
        _ => panic!("batch_norm works on [B, C], [B, C, L] or [B, C, H, W], not on {shape}"),
    }
}

/// Mean and variance of a channel: out of pairs that the batch left, or out of the running statistics.
#[derive(Clone, Copy)]
enum Stats<'a> {
    Batch(&'a [f32]),
    Running(&'a [f32], &'a [f32]),
}

impl Stats<'_> {
    fn of(self, c: usize) -> (f32, f32) {
        match self {
            Stats::Batch(pairs) => (pairs[2 * c], pairs[2 * c + 1]),
            Stats::Running(mean, var) => (mean[c], var[c]),
        }
    }
}

impl BatchNorm {
    fn stats<'a>(&self, saved: &'a [f32], x: impl Fn(NodeId) -> &'a [f32]) -> Stats<'a> {
        match (self.momentum, self.running) {
            (None, Some([mean, var])) => Stats::Running(x(mean), x(var)),
            _ => Stats::Batch(&saved[1..]),
        }
    }
}

impl Operation for BatchNorm {
    const NAME: &'static str = "batch_norm";
    const DOC: &'static str = "channels with mean 0 and variance 1, then w x + b";
    const DERIVATIVE: &'static str = "dx = w (g - mean g - x^ mean(g x^)) / s, dw = sum g x^, db = sum g; running statistics: dx = g w / s";

    fn inputs(&self) -> Inputs {
        let rest = self.affine.into_iter().chain(self.running).flatten();
        let mut ids = [self.x; Inputs::MOST];
        let mut n = 1;
        for id in rest {
            ids[n] = id;
            n += 1;
        }
        Inputs::from_slice(&ids[..n])
    }

    fn constants(&self) -> Constants {
        vec![("eps", f64::from(self.eps))]
    }

    /// Keeps the size of a channel, then mean and biased variance of each.
    fn forward(&self, f: Forward<'_>) {
        let (x, s) = (f.values.of(self.x), channels(f.values.shape(self.x)));
        if self.momentum.is_some() {
            let saved = f.saved.resize(1 + 2 * s.channels);
            saved[0] = s.count() as f32;
            norm::channel_stats(f.exec, s, x, &mut saved[1..]);
        }
        let stats = self.stats(f.saved.get(), |id| f.values.of(id));
        let affine = self.affine.map(|[w, b]| (f.values.of(w), f.values.of(b)));
        norm::normalize(f.exec, s, x, |c| stats.of(c), self.eps, affine, f.out);
    }

    fn backward(&self, t: &mut Backward<'_>) {
        let (exec, g, x, s) = (t.exec, t.g, t.x(self.x), channels(t.shape_of(self.x)));
        let stats = self.stats(t.saved, |id| t.x(id));
        let w = self.affine.map(|[w, _]| t.x(w));
        let mut scratch = t.take_scratch();
        let sums = scratch.resize(2 * s.channels);
        norm::gradient_sums(exec, s, g, x, |c| stats.of(c), self.eps, sums);
        let sums = &*sums;
        t.give(self.x, |write, dx| {
            let sums = self.momentum.map(|_| sums);
            norm::normalize_backward(exec, write, s, g, x, |c| stats.of(c), self.eps, w, sums, dx);
        });
        // db = sum g, dw = sum g xhat
        for (which, id) in self.affine.iter().flat_map(|[w, b]| [(1, *w), (0, *b)]) {
            t.give(id, |write, d| {
                for (d, sums) in d.iter_mut().zip(sums.as_chunks::<2>().0) {
                    *d = if write == lacuna_kernels::Write::Set { sums[which] } else { *d + sums[which] };
                }
            });
        }
        t.return_scratch(scratch);
    }

    fn commit(&self, saved: &[f32], state: &mut StateUpdates<'_>) {
        let (Some(momentum), Some(running)) = (self.momentum, self.running) else { return };
        let unbiased = saved[0] / (saved[0] - 1.0);
        for (which, (id, factor)) in running.into_iter().zip([1.0, unbiased]).enumerate() {
            state(id, &mut |old| {
                for (old, pair) in old.iter_mut().zip(saved[1..].as_chunks::<2>().0) {
                    *old = (1.0 - momentum) * *old + momentum * (pair[which] * factor);
                }
            });
        }
    }

    fn reference<R: Real>(&self, r: &Reference<'_, R>) -> Vec<R> {
        let (x, s) = (r.x(self.x), channels(r.shape_of(self.x)));
        let channel_of = |e: usize| e / s.pixels % s.channels;
        let (mut mean, mut variance) = (vec![R::zero(); s.channels], vec![R::zero(); s.channels]);
        match (self.momentum, self.running) {
            (None, Some([m, v])) => (mean, variance) = (r.x(m).to_vec(), r.x(v).to_vec()),
            _ => {
                let count = R::of(s.count() as f64);
                x.iter().enumerate().for_each(|(e, x)| mean[channel_of(e)] += *x / count);
                for (e, x) in x.iter().enumerate() {
                    let deviation = *x - mean[channel_of(e)];
                    variance[channel_of(e)] += deviation * deviation / count;
                }
            }
        }
        let affine = self.affine.map(|[w, b]| (r.x(w), r.x(b)));
        let normalized = x.iter().enumerate().map(|(e, x)| {
            let c = channel_of(e);
            let y = (*x - mean[c]) / (variance[c] + R::of(f64::from(self.eps))).sqrt();
            affine.map_or(y, |(w, b)| y * w[c] + b[c])
        });
        normalized.collect()
    }

    #[cfg(test)]
    fn cases() -> Vec<crate::gradcheck::Case> {
        use crate::gradcheck::Case;
        fn eval(t: &mut Tape, x: Var, affine: Option<(Var, Var)>) -> Var {
            let c = t.shape(x).sizes()[1];
            let mean =
                t.input_with([c], |m| m.iter_mut().enumerate().for_each(|(i, m)| *m = 0.1 * i as f32 - 0.3));
            let var =
                t.input_with([c], |v| v.iter_mut().enumerate().for_each(|(i, v)| *v = 0.5 + 0.2 * i as f32));
            t.batch_norm_eval(x, affine, RunningStats { mean, var }, 1e-5)
        }
        let shapes: [&[usize]; 9] = [
            &[2, 1],
            &[9, 7],
            &[3, 17],
            &[5, 2, 4],
            &[4, 5, 3, 4],
            &[1, 2, 3, 3],
            &[2, 3, 1, 9],
            &[1, 1, 1, 5],
            &[6, 73],
        ];
        let mut cases = Vec::new();
        for s in shapes {
            let c = &s[1..2];
            cases.push(Case::new(&[s, c, c], |t, x| t.batch_norm(x[0], Some((x[1], x[2])), None, 0.1, 0.1)));
            cases.push(Case::new(&[s], |t, x| t.batch_norm(x[0], None, None, 0.1, 0.1)));
            cases.push(Case::new(&[s, c, c], |t, x| eval(t, x[0], Some((x[1], x[2])))));
            cases.push(Case::new(&[s], |t, x| eval(t, x[0], None)));
        }
        cases
    }
}
