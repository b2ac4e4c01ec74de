//! Adam, with L2 or decoupled weight decay.
//!
//! D. P. Kingma, J. Ba, "Adam: a method for stochastic optimization", ICLR 2015, in the form PyTorch gives
//! it; decoupled decay: I. Loshchilov, F. Hutter, "Decoupled weight decay regularization", ICLR 2019.

use super::FLUSH;
use super::groups::{ParamGroup, Rates};
use super::slots::{Formula, SlotOptimizer};
use lacuna_kernels::{f32x8, lanes};

/// Gradients below this have squares that leave no trace in a second moment.
const NO_SQUARE: f32 = 1e-16;

/// Settings of [`Adam`]. Defaults are PyTorch's.
#[derive(Clone, Debug, PartialEq)]
pub struct AdamConfig {
    /// Learning rate, 1e-3.
    pub lr: f32,
    /// Decay of the first moment, 0.9.
    pub beta1: f32,
    /// Decay of the second moment, 0.999.
    pub beta2: f32,
    /// Added to the root of the second moment, 1e-8.
    pub eps: f32,
    /// Weight decay, 0.
    pub weight_decay: f32,
    /// What weight decay means.
    pub decay: Decay,
    /// Parameters with rates of their own.
    pub groups: Vec<ParamGroup>,
}

/// What weight decay does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decay {
    /// Adds weight_decay * w to the gradient: `torch.optim.Adam(weight_decay=...)`.
    L2,
    /// Shrinks w by lr * weight_decay beside the gradient step: `torch.optim.AdamW`.
    Decoupled,
}

impl Default for AdamConfig {
    fn default() -> Self {
        Self {
            lr: 1e-3,
            beta1: 0.9,
            beta2: 0.999,
            eps: 1e-8,
            weight_decay: 0.0,
            decay: Decay::L2,
            groups: Vec::new(),
        }
    }
}

/// The Adam optimiser.
///
/// With gradient g (plus weight decay), step t of the parameter and moments m, v:
/// ```text
/// m = beta1 m + (1 - beta1) g            v = beta2 v + (1 - beta2) g^2
/// w = w - lr m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + eps)
/// ```
/// Its state has the arrays `m` and `v`. [`Optimizer::set_momentum`](super::Optimizer::set_momentum) sets beta1.
pub type Adam = SlotOptimizer<AdamConfig, 2>;

impl Formula<2> for AdamConfig {
    const ARRAYS: [&'static str; 2] = ["m", "v"];
    type Step = AdamStep;

    fn rates(&self) -> (f32, f32, Vec<ParamGroup>) {
        (self.lr, self.weight_decay, self.groups.clone())
    }

    fn set_momentum(&mut self, momentum: f32) {
        self.beta1 = momentum;
    }

    fn prepare(&self, rates: Rates, t: u64) -> AdamStep {
        AdamStep::new(self, rates, t)
    }

    fn apply(step: &AdamStep, w: &mut [f32], [m, v]: [&mut [f32]; 2], g: Option<&[f32]>) {
        step.apply(w, m, v, g);
    }

    fn replay(steps: &[AdamStep], w: &mut [f32], [m, v]: [&mut [f32]; 2]) {
        replay(steps, w, m, v);
    }

    fn catch_up(step: &AdamStep, [_, v]: [&mut [f32]; 2], steps: u64) {
        step.decay_second_moment(v, steps);
    }
}

/// The constants of one step of [`Adam`].
#[derive(Clone, Copy, Debug)]
pub struct AdamStep {
    beta2_f64: f64,
    beta2: f32,
    one_minus_beta1: f32,
    one_minus_beta2: f32,
    /// lr / (1 - beta1^t)
    step_size: f32,
    /// 1 / sqrt(1 - beta2^t)
    root_correction: f32,
    eps: f32,
    /// Added to the gradient per unit of w.
    l2: f32,
    /// What w is multiplied with first.
    shrink: f32,
}

/// K vectors each of w, m and v.
type Elements<const K: usize> = [[f32x8; K]; 3];

impl AdamStep {
    fn new(config: &AdamConfig, rates: Rates, t: u64) -> Self {
        let (beta1, beta2) = (f64::from(config.beta1), f64::from(config.beta2));
        let lr = rates.lr;
        let decay = f64::from(rates.weight_decay);
        let (l2, shrink) = match config.decay {
            Decay::L2 => (decay, 1.0),
            Decay::Decoupled => (0.0, 1.0 - lr * decay),
        };
        Self {
            beta2_f64: beta2,
            beta2: beta2 as f32,
            one_minus_beta1: (1.0 - beta1) as f32,
            one_minus_beta2: (1.0 - beta2) as f32,
            step_size: (lr / (1.0 - beta1.powf(t as f64))) as f32,
            root_correction: (1.0 / (1.0 - beta2.powf(t as f64)).sqrt()) as f32,
            eps: config.eps,
            l2: l2 as f32,
            shrink: shrink as f32,
        }
    }

    /// What `steps` steps without a gradient did to v while m was 0.
    fn decay_second_moment(&self, v: &mut [f32], steps: u64) {
        let decay = self.beta2_f64.powf(steps as f64) as f32;
        v.iter_mut().for_each(|v| *v *= decay);
    }

    /// Updates all elements; a missing gradient is 0.
    fn apply(&self, w: &mut [f32], m: &mut [f32], v: &mut [f32], g: Option<&[f32]>) {
        let (w8, w_tail) = w.as_chunks_mut::<8>();
        let (m8, m_tail) = m.as_chunks_mut::<8>();
        let (v8, v_tail) = v.as_chunks_mut::<8>();
        let elements = w8.iter_mut().zip(m8).zip(v8);
        match g {
            Some(g) => {
                let (g8, g_tail) = g.as_chunks::<8>();
                for (((w, m), v), g) in elements.zip(g8) {
                    vectors([w, m, v], |x| self.lanes(x, [f32x8::new(*g)]));
                }
                tail([w_tail, m_tail, v_tail], |x| self.lanes(x, [lanes::load(g_tail)]));
            }
            None => {
                let zero = [f32x8::splat(0.0)];
                for ((w, m), v) in elements {
                    vectors([w, m, v], |x| self.lanes(x, zero));
                }
                tail([w_tail, m_tail, v_tail], |x| self.lanes(x, zero));
            }
        }
    }

    /// One step of K vectors.
    #[inline(always)]
    fn lanes<const K: usize>(&self, [w, m, v]: &mut Elements<K>, g: [f32x8; K]) {
        for k in 0..K {
            let g = w[k].mul_add(f32x8::splat(self.l2), g[k]);
            m[k] = (g - m[k]).mul_add(f32x8::splat(self.one_minus_beta1), m[k]);
            let (zero, flush) = (f32x8::splat(0.0), f32x8::splat(FLUSH));
            // A square that would be flushed below is not formed: beneath the smallest normal float it takes processors a
            // hundred cycles and more. NaN is in no range, so it stays and shows.
            let squared = g.abs().simd_lt(f32x8::splat(NO_SQUARE)).select(zero, g);
            let square = squared * squared * f32x8::splat(self.one_minus_beta2);
            v[k] = v[k].mul_add(f32x8::splat(self.beta2), square);
            m[k] = m[k].abs().simd_le(flush).select(zero, m[k]);
            v[k] = v[k].simd_le(flush).select(zero, v[k]);
            w[k] *= f32x8::splat(self.shrink);
            let root = v[k].sqrt().mul_add(f32x8::splat(self.root_correction), f32x8::splat(self.eps));
            w[k] -= f32x8::splat(self.step_size) * m[k] / root;
        }
    }
}

/// Steps between two looks at what the elements need; a look costs as much as a step.
const PIECE: usize = 16;

/// Steps without a gradient.
fn replay(steps: &[AdamStep], w: &mut [f32], m: &mut [f32], v: &mut [f32]) {
    let Some(bounds) = Bounds::of(steps) else {
        // Elements do not wait for each other within a step, while each of an element's steps waits for the one before.
        return steps.iter().for_each(|step| step.apply(w, m, v, None));
    };
    let (w16, w) = w.as_chunks_mut::<16>();
    let (m16, m) = m.as_chunks_mut::<16>();
    let (v16, v) = v.as_chunks_mut::<16>();
    for ((w, m), v) in w16.iter_mut().zip(m16).zip(v16) {
        vectors([w, m, v], |x: &mut Elements<2>| replay_vectors(steps, &bounds, x));
    }
    let (w8, w_tail) = w.as_chunks_mut::<8>();
    let (m8, m_tail) = m.as_chunks_mut::<8>();
    let (v8, v_tail) = v.as_chunks_mut::<8>();
    for ((w, m), v) in w8.iter_mut().zip(m8).zip(v8) {
        vectors([w, m, v], |x: &mut Elements<1>| replay_vectors(steps, &bounds, x));
    }
    tail([w_tail, m_tail, v_tail], |x| replay_vectors(steps, &bounds, x));
}

fn replay_vectors<const K: usize>(steps: &[AdamStep], bounds: &Bounds, x: &mut Elements<K>) {
    for piece in steps.chunks(PIECE) {
        match bounds.needs(x) {
            Needs::Moments => decay_moments::<K, false>(piece, x),
            Needs::FlushedMoments => decay_moments::<K, true>(piece, x),
            Needs::Update => without_gradient(piece, x),
            Needs::Everything => piece.iter().for_each(|step| step.lanes(x, [f32x8::splat(0.0); K])),
        }
    }
}

/// [`AdamStep::lanes`] without what a gradient of 0 leaves as it is, and without moments small enough to be flushed.
fn without_gradient<const K: usize>(steps: &[AdamStep], x: &mut Elements<K>) {
    let [mut w, mut m, mut v] = *x;
    for step in steps {
        for k in 0..K {
            m[k] = m[k].mul_neg_add(f32x8::splat(step.one_minus_beta1), m[k]);
            v[k] *= f32x8::splat(step.beta2);
            let root = v[k].sqrt().mul_add(f32x8::splat(step.root_correction), f32x8::splat(step.eps));
            w[k] -= f32x8::splat(step.step_size) * m[k] / root;
        }
    }
    *x = [w, m, v];
}

/// The same where w does not change; with `FLUSHED`, moments may become small enough to be flushed.
fn decay_moments<const K: usize, const FLUSHED: bool>(steps: &[AdamStep], x: &mut Elements<K>) {
    let [w, mut m, mut v] = *x;
    let (zero, flush) = (f32x8::splat(0.0), f32x8::splat(FLUSH));
    for step in steps {
        for k in 0..K {
            m[k] = m[k].mul_neg_add(f32x8::splat(step.one_minus_beta1), m[k]);
            v[k] *= f32x8::splat(step.beta2);
            if FLUSHED {
                m[k] = m[k].abs().simd_le(flush).select(zero, m[k]);
                v[k] = v[k].simd_le(flush).select(zero, v[k]);
            }
        }
    }
    *x = [w, m, v];
}

/// Which part of the arithmetic of a step without a gradient changes any bit.
enum Needs {
    /// m and v decay.
    Moments,
    /// m and v decay, and some of them may be flushed.
    FlushedMoments,
    /// w is updated too.
    Update,
    /// All of it: weight decay, moments that may be flushed, numbers that are not finite.
    Everything,
}

/// What can be said of all of these steps together.
struct Bounds {
    /// The largest lr / (1 - beta1^t).
    step_size: f32,
    eps: f32,
    /// Shares of m and of v that are left after [`PIECE`] steps at least.
    left: [f32; 2],
}

impl Bounds {
    /// `None` where nothing can be said.
    fn of(steps: &[AdamStep]) -> Option<Self> {
        let [first, _, ..] = steps else { return None };
        let (mut step_size, mut shares) = (0.0f32, [1.0f32; 2]);
        for step in steps {
            let beta1 = 1.0 - step.one_minus_beta1;
            // By f32's rounding of 1 - beta1 and its root, beta1 could be larger than it seems.
            let slower = beta1 >= 0.0 && beta1 * beta1 <= step.beta2 * (1.0 - 1e-6);
            if step.l2 != 0.0 || step.shrink != 1.0 || step.eps < 1e-15 || !slower {
                return None;
            }
            step_size = step_size.max(step.step_size.abs());
            shares = [shares[0].min(beta1), shares[1].min(step.beta2)];
        }
        Some(Self { step_size, eps: first.eps, left: shares.map(|share| share.powi(PIECE as i32)) })
    }

    /// What the next steps, [`PIECE`] at most, need.
    ///
    /// Where m and v are 0, or so large that they stay above the smallest moment, nothing is flushed.
    ///
    /// After k steps m is at most beta1^k |m| and sqrt(v) at least beta2^(k/2) sqrt(v), and the correction of v is at least 1.
    /// As beta1 <= sqrt(beta2), no update is larger than
    /// ```text
    /// b = step_size |m| / (sqrt(v) + eps)
    /// ```
    /// or than 2 b once v has been flushed: then sqrt(v) was at most 1e-15 <= eps, and m had become smaller by the same factor at
    /// least. An update of at most 2^-26 |w| is less than half the distance from w to its neighbours, so w stays. The factor of
    /// 2 that is left is for rounding.
    fn needs<const K: usize>(&self, [w, m, v]: &Elements<K>) -> Needs {
        let far = |x: f32x8, left: f32| {
            let zero = x.simd_eq(f32x8::splat(0.0));
            zero | (x * f32x8::splat(left)).simd_gt(f32x8::splat(2.0 * FLUSH))
        };
        let (mut finite, mut kept, mut stays) = (true, true, true);
        let large = f32x8::splat(1e30);
        for k in 0..K {
            let (size, w) = (m[k].abs(), w[k].abs());
            let bound = f32x8::splat(self.step_size) * size / (v[k].sqrt() + f32x8::splat(self.eps));
            finite &= (w.simd_lt(large) & bound.simd_lt(large)).all();
            kept &= (far(size, self.left[0]) & far(v[k], self.left[1])).all();
            stays &= bound.simd_le(w * f32x8::splat(1.0 / (1 << 28) as f32)).all();
        }
        match (finite, kept, stays) {
            (true, true, true) => Needs::Moments,
            (true, false, true) => Needs::FlushedMoments,
            (true, true, false) => Needs::Update,
            _ => Needs::Everything,
        }
    }
}

/// Reads N / 8 vectors of w, m and v, and writes what `update` makes of them.
#[inline(always)]
fn vectors<const N: usize, const K: usize>(
    slices: [&mut [f32; N]; 3],
    update: impl FnOnce(&mut Elements<K>),
) {
    let mut x = slices.each_ref().map(|slice| std::array::from_fn(|k| lanes::load(&slice[8 * k..8 * k + 8])));
    update(&mut x);
    for (slice, x) in slices.into_iter().zip(x) {
        for (out, x) in slice.as_chunks_mut::<8>().0.iter_mut().zip(x) {
            *out = x.to_array();
        }
    }
}

/// The same with the last elements, fewer than eight, which zeros follow.
fn tail(slices: [&mut [f32]; 3], update: impl FnOnce(&mut Elements<1>)) {
    if slices[0].is_empty() {
        return;
    }
    let mut x = slices.each_ref().map(|slice| [lanes::load(slice)]);
    update(&mut x);
    for (out, [x]) in slices.into_iter().zip(x) {
        lanes::store(x, out);
    }
}
