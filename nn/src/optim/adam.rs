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

    fn catch_up(step: &AdamStep, [_, v]: [&mut [f32]; 2], steps: u64) {
        step.decay_second_moment(v, steps);
    }
}

/// The constants of one step of [`Adam`], broadcast.
#[derive(Clone, Copy)]
pub struct AdamStep {
    beta2_f64: f64,
    beta2: f32x8,
    one_minus_beta1: f32x8,
    one_minus_beta2: f32x8,
    /// lr / (1 - beta1^t)
    step_size: f32x8,
    /// 1 / sqrt(1 - beta2^t)
    root_correction: f32x8,
    eps: f32x8,
    /// Added to the gradient per unit of w.
    l2: f32x8,
    /// What w is multiplied with first.
    shrink: f32x8,
}

impl AdamStep {
    fn new(config: &AdamConfig, rates: Rates, t: u64) -> Self {
        let (beta1, beta2) = (f64::from(config.beta1), f64::from(config.beta2));
        let c = |x: f64| f32x8::splat(x as f32);
        let lr = rates.lr;
        let decay = f64::from(rates.weight_decay);
        let (l2, shrink) = match config.decay {
            Decay::L2 => (decay, 1.0),
            Decay::Decoupled => (0.0, 1.0 - lr * decay),
        };
        Self {
            beta2_f64: beta2,
            beta2: c(beta2),
            one_minus_beta1: c(1.0 - beta1),
            one_minus_beta2: c(1.0 - beta2),
            step_size: c(lr / (1.0 - beta1.powf(t as f64))),
            root_correction: c(1.0 / (1.0 - beta2.powf(t as f64)).sqrt()),
            eps: c(f64::from(config.eps)),
            l2: c(l2),
            shrink: c(shrink),
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
        match g {
            Some(g) => {
                let (g8, g_tail) = g.as_chunks::<8>();
                for (((w, m), v), g) in w8.iter_mut().zip(m8).zip(v8).zip(g8) {
                    self.lanes(w, m, v, f32x8::new(*g));
                }
                self.tail(w_tail, m_tail, v_tail, g_tail);
            }
            None => {
                for ((w, m), v) in w8.iter_mut().zip(m8).zip(v8) {
                    self.lanes(w, m, v, f32x8::splat(0.0));
                }
                self.tail(w_tail, m_tail, v_tail, &[0.0; 8][..w_tail.len()]);
            }
        }
    }

    #[inline(always)]
    fn lanes(&self, w: &mut [f32; 8], m: &mut [f32; 8], v: &mut [f32; 8], g: f32x8) {
        let (mut w8, m8, v8) = (f32x8::new(*w), f32x8::new(*m), f32x8::new(*v));
        let g = w8.mul_add(self.l2, g);
        let m8 = (g - m8).mul_add(self.one_minus_beta1, m8);
        let (zero, flush) = (f32x8::splat(0.0), f32x8::splat(FLUSH));
        // A square that would be flushed below is not formed: beneath the smallest normal float it takes processors a
        // hundred cycles and more. NaN is in no range, so it stays and shows.
        let squared = g.abs().simd_lt(f32x8::splat(NO_SQUARE)).select(zero, g);
        let v8 = v8.mul_add(self.beta2, squared * squared * self.one_minus_beta2);
        let m8 = m8.abs().simd_le(flush).select(zero, m8);
        let v8 = v8.simd_le(flush).select(zero, v8);
        w8 *= self.shrink;
        let root = v8.sqrt().mul_add(self.root_correction, self.eps);
        w8 -= self.step_size * m8 / root;
        (*w, *m, *v) = (w8.to_array(), m8.to_array(), v8.to_array());
    }

    /// The last elements, fewer than eight.
    fn tail(&self, w: &mut [f32], m: &mut [f32], v: &mut [f32], g: &[f32]) {
        let (mut w8, mut m8, mut v8) = (lanes::padded(w, 0.0), lanes::padded(m, 0.0), lanes::padded(v, 0.0));
        self.lanes(&mut w8, &mut m8, &mut v8, lanes::load(g));
        for (out, padded) in [(w, w8), (m, m8), (v, v8)] {
            lanes::store(f32x8::new(padded), out);
        }
    }
}
