//! Adam, with L2 or decoupled weight decay.
//!
//! D. P. Kingma, J. Ba, "Adam: a method for stochastic optimization", ICLR 2015, in the form PyTorch gives
//! it; decoupled decay: I. Loshchilov, F. Hutter, "Decoupled weight decay regularization", ICLR 2019.

use super::groups::{ParamGroup, Rates};
use super::rows::{RowState, Rows};
use super::{FLUSH, Optimizer};
use lacuna_engine::{EntryMut, Grad, Tape};
use lacuna_kernels::f32x8;
use std::ops::Range;

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
pub struct Adam {
    config: AdamConfig,
    moments: Vec<Option<Moments>>,
}

/// First and second moment of one parameter.
struct Moments {
    m: Vec<f32>,
    v: Vec<f32>,
    t: u64,
    rows: Rows,
    rates: Rates,
}

impl Adam {
    /// An optimiser without any history.
    pub fn new(config: AdamConfig) -> Self {
        Self { config, moments: Vec::new() }
    }
}

impl Optimizer for Adam {
    fn step(&mut self, tape: &mut Tape) {
        let Self { config, moments } = self;
        tape.update_entries(|i, entry| {
            let Some(grad) = entry.grad else { return };
            if moments.len() <= i {
                moments.resize_with(i + 1, || None);
            }
            let state = moments[i].get_or_insert_with(|| Moments {
                m: vec![0.0; entry.value.len()],
                v: vec![0.0; entry.value.len()],
                t: 0,
                rows: Rows::default(),
                rates: Rates::of(entry.name, &config.groups, config.weight_decay),
            });
            state.update(config, entry, grad);
        });
    }

    fn learning_rate(&self) -> f32 {
        self.config.lr
    }

    fn set_learning_rate(&mut self, lr: f32) {
        self.config.lr = lr;
    }

    fn set_momentum(&mut self, momentum: f32) {
        self.config.beta1 = momentum;
    }
}

impl Moments {
    fn update(&mut self, config: &AdamConfig, entry: EntryMut<'_>, grad: Grad<'_>) {
        self.t += 1;
        let step = AdamStep::new(config, self.rates, self.t);
        match grad {
            Grad::Dense(g) => {
                let (v, cols) = (&mut self.v, entry.value.len() / entry.shape.sizes().first().unwrap_or(&1));
                self.rows.wake_all(self.t, |row, slept| {
                    step.decay_second_moment(&mut v[row * cols..(row + 1) * cols], slept);
                });
                step.apply(entry.value, &mut self.m, v, Some(g));
            }
            Grad::Rows { rows, data } => {
                let count = entry.shape.sizes()[0];
                let cols = entry.value.len() / count;
                let decays = self.rates.weight_decay != 0.0;
                let (m, v) = (&mut self.m[..], &mut self.v[..]);
                let mut state = AdamRows { step, decays, w: entry.value, m, v, data, cols };
                self.rows.step(count, decays, rows, self.t, &mut state);
            }
        }
    }
}

/// A parameter with a gradient of rows.
struct AdamRows<'a> {
    step: AdamStep,
    /// Weight decay moves a row whether it has a gradient or not.
    decays: bool,
    w: &'a mut [f32],
    m: &'a mut [f32],
    v: &'a mut [f32],
    /// The gradient, of which only the touched rows hold numbers.
    data: &'a [f32],
    cols: usize,
}

impl RowState for AdamRows<'_> {
    fn update(&mut self, rows: Range<usize>, has_gradient: bool, slept: u64) {
        let at = rows.start * self.cols..rows.end * self.cols;
        let v = &mut self.v[at.clone()];
        if slept > 0 {
            self.step.decay_second_moment(v, slept);
        }
        let g = has_gradient.then(|| &self.data[at.clone()]);
        self.step.apply(&mut self.w[at.clone()], &mut self.m[at], v, g);
    }

    fn is_at_rest(&self, row: usize) -> bool {
        !self.decays && self.m[row * self.cols..(row + 1) * self.cols].iter().all(|m| *m == 0.0)
    }
}

/// The constants of one step, broadcast.
#[derive(Clone, Copy)]
struct AdamStep {
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
        let lr = f64::from(config.lr) * f64::from(rates.lr_factor);
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

    /// What `steps` steps without a gradient did to v, all the while m was 0.
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

    fn tail(&self, w: &mut [f32], m: &mut [f32], v: &mut [f32], g: &[f32]) {
        let n = w.len();
        let pad = |x: &[f32]| {
            let mut lanes = [0.0; 8];
            lanes[..n].copy_from_slice(x);
            lanes
        };
        let (mut w8, mut m8, mut v8) = (pad(w), pad(m), pad(v));
        self.lanes(&mut w8, &mut m8, &mut v8, f32x8::new(pad(g)));
        w.copy_from_slice(&w8[..n]);
        m.copy_from_slice(&m8[..n]);
        v.copy_from_slice(&v8[..n]);
    }
}
