//! Stochastic gradient descent with momentum, as PyTorch's `SGD`.

use super::groups::{ParamGroup, Rates};
use super::rows::{RowState, Rows};
use super::{FLUSH, Optimizer};
use lacuna_engine::{EntryMut, Grad, Tape};
use std::ops::Range;

/// Settings of [`Sgd`].
#[derive(Clone, Debug, PartialEq)]
pub struct SgdConfig {
    /// Learning rate, 0.1.
    pub lr: f32,
    /// Momentum, 0.
    pub momentum: f32,
    /// Share of a gradient that does not enter the velocity, 0. A parameter's first gradient enters whole.
    pub dampening: f32,
    /// Nesterov's form of momentum.
    pub nesterov: bool,
    /// Added to the gradient per unit of w, 0.
    pub weight_decay: f32,
    /// Parameters with rates of their own.
    pub groups: Vec<ParamGroup>,
}

impl Default for SgdConfig {
    fn default() -> Self {
        Self {
            lr: 0.1,
            momentum: 0.0,
            dampening: 0.0,
            nesterov: false,
            weight_decay: 0.0,
            groups: Vec::new(),
        }
    }
}

/// Gradient descent with momentum.
///
/// With gradient g (plus weight decay) and velocity u:
/// ```text
/// u = momentum u + (1 - dampening) g     w = w - lr u
/// nesterov: w = w - lr (g + momentum u)
/// ```
pub struct Sgd {
    config: SgdConfig,
    velocities: Vec<Option<Velocity>>,
}

struct Velocity {
    u: Vec<f32>,
    t: u64,
    rows: Rows,
    rates: Rates,
}

impl Sgd {
    /// An optimiser without any history.
    pub fn new(config: SgdConfig) -> Self {
        Self { config, velocities: Vec::new() }
    }
}

impl Optimizer for Sgd {
    fn step(&mut self, tape: &mut Tape) {
        let Self { config, velocities } = self;
        tape.update_entries(|i, entry| {
            let Some(grad) = entry.grad else { return };
            if velocities.len() <= i {
                velocities.resize_with(i + 1, || None);
            }
            let state = velocities[i].get_or_insert_with(|| Velocity {
                u: vec![0.0; entry.value.len()],
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
        self.config.momentum = momentum;
    }
}

impl Velocity {
    fn update(&mut self, config: &SgdConfig, entry: EntryMut<'_>, grad: Grad<'_>) {
        self.t += 1;
        let rates = self.rates;
        // Without momentum there is no velocity to dampen.
        let first = self.t == 1 || config.momentum == 0.0;
        let share = if first { 1.0 } else { 1.0 - config.dampening };
        match grad {
            Grad::Dense(g) => {
                apply(config, rates, share, entry.value, &mut self.u, |i| g[i]);
                self.rows.wake_all(self.t, |_, _| {});
            }
            Grad::Rows { rows, data } => {
                let count = entry.shape.sizes()[0];
                let cols = entry.value.len() / count;
                let mut state = SgdRows { config, rates, share, w: entry.value, u: &mut self.u, data, cols };
                self.rows.step(count, rates.weight_decay != 0.0, rows, self.t, &mut state);
            }
        }
    }
}

/// A parameter with a gradient of rows.
struct SgdRows<'a> {
    config: &'a SgdConfig,
    rates: Rates,
    /// Of a gradient in the velocity.
    share: f32,
    w: &'a mut [f32],
    u: &'a mut [f32],
    /// The gradient, of which only the touched rows hold numbers.
    data: &'a [f32],
    cols: usize,
}

impl RowState for SgdRows<'_> {
    fn update(&mut self, rows: Range<usize>, has_gradient: bool, _slept: u64) {
        let at = rows.start * self.cols..rows.end * self.cols;
        let (w, u, g) = (&mut self.w[at.clone()], &mut self.u[at.clone()], &self.data[at]);
        apply(self.config, self.rates, self.share, w, u, |i| if has_gradient { g[i] } else { 0.0 });
    }

    fn is_at_rest(&self, row: usize) -> bool {
        let at = row * self.cols..(row + 1) * self.cols;
        self.rates.weight_decay == 0.0 && self.u[at].iter().all(|u| *u == 0.0)
    }
}

/// One step; the compiler vectorises it, there is no root to wait for.
fn apply(
    config: &SgdConfig,
    rates: Rates,
    share: f32,
    w: &mut [f32],
    u: &mut [f32],
    g: impl Fn(usize) -> f32,
) {
    let (lr, momentum) = (config.lr * rates.lr_factor, config.momentum);
    for (i, (w, u)) in w.iter_mut().zip(u).enumerate() {
        let g = g(i) + rates.weight_decay * *w;
        let moved = momentum * *u + share * g;
        *u = if momentum == 0.0 || moved.abs() <= FLUSH { 0.0 } else { moved };
        *w -= lr * if config.nesterov { g + momentum * moved } else { moved };
    }
}
