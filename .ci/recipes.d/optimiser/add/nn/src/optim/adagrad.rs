//! Adagrad, as PyTorch's `Adagrad` without decay of the rate.

use super::groups::{ParamGroup, Rates};
use super::slots::{Formula, SlotOptimizer};

/// Settings of [`Adagrad`].
#[derive(Clone, Debug, PartialEq)]
pub struct AdagradConfig {
    /// Learning rate, 0.01.
    pub lr: f32,
    /// Added to the root, 1e-10.
    pub eps: f32,
    /// Added to the gradient per unit of w, 0.
    pub weight_decay: f32,
    /// Parameters with rates of their own.
    pub groups: Vec<ParamGroup>,
}

impl Default for AdagradConfig {
    fn default() -> Self {
        Self { lr: 0.01, eps: 1e-10, weight_decay: 0.0, groups: Vec::new() }
    }
}

/// Gradient descent that divides by the root of the sum of all squared gradients.
///
/// With gradient g (plus weight decay):
/// ```text
/// v = v + g^2     w = w - lr g / (sqrt(v) + eps)
/// ```
/// Its state has the array `v`. J. Duchi, E. Hazan, Y. Singer, JMLR 12, 2011.
pub type Adagrad = SlotOptimizer<AdagradConfig, 1>;

/// The constants of one step of [`Adagrad`].
#[derive(Clone, Copy)]
pub struct AdagradStep {
    lr: f32,
    eps: f32,
    weight_decay: f32,
}

impl Formula<1> for AdagradConfig {
    const ARRAYS: [&'static str; 1] = ["v"];
    type Step = AdagradStep;

    fn rates(&self) -> (f32, f32, Vec<ParamGroup>) {
        (self.lr, self.weight_decay, self.groups.clone())
    }

    fn prepare(&self, rates: Rates, _: u64) -> AdagradStep {
        AdagradStep { lr: rates.lr as f32, eps: self.eps, weight_decay: rates.weight_decay }
    }

    fn apply(step: &AdagradStep, w: &mut [f32], [v]: [&mut [f32]; 1], g: Option<&[f32]>) {
        for (i, (w, v)) in w.iter_mut().zip(v).enumerate() {
            let g = g.map_or(0.0, |g| g[i]) + step.weight_decay * *w;
            *v += g * g;
            *w -= step.lr * g / (v.sqrt() + step.eps);
        }
    }
}
