//! Stochastic gradient descent with momentum, as PyTorch's `SGD`.

use super::FLUSH;
use super::groups::{ParamGroup, Rates};
use super::slots::{Formula, SlotOptimizer};

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
/// Its state has the array `u`.
pub type Sgd = SlotOptimizer<SgdConfig, 1>;

/// The constants of one step of [`Sgd`].
#[derive(Clone, Copy)]
pub struct SgdStep {
    lr: f32,
    weight_decay: f32,
    momentum: f32,
    /// Share of a gradient that enters the velocity.
    share: f32,
    nesterov: bool,
}

impl Formula<1> for SgdConfig {
    const ARRAYS: [&'static str; 1] = ["u"];
    type Step = SgdStep;

    fn rates(&self) -> (f32, f32, Vec<ParamGroup>) {
        (self.lr, self.weight_decay, self.groups.clone())
    }

    fn set_momentum(&mut self, momentum: f32) {
        self.momentum = momentum;
    }

    fn prepare(&self, rates: Rates, t: u64) -> SgdStep {
        // Without momentum there is no velocity to dampen.
        let first = t == 1 || self.momentum == 0.0;
        SgdStep {
            lr: rates.lr as f32,
            weight_decay: rates.weight_decay,
            momentum: self.momentum,
            share: if first { 1.0 } else { 1.0 - self.dampening },
            nesterov: self.nesterov,
        }
    }

    fn apply(step: &SgdStep, w: &mut [f32], [u]: [&mut [f32]; 1], g: Option<&[f32]>) {
        match g {
            Some(g) => step.apply(w, u, |i| g[i]),
            None => step.apply(w, u, |_| 0.0),
        }
    }

    fn replay(steps: &[SgdStep], w: &mut [f32], [u]: [&mut [f32]; 1]) {
        // Without a velocity and weight decay nothing moves; what is not finite would become NaN.
        let decays = steps.iter().any(|step| step.weight_decay != 0.0);
        // Not `any`, which looks at one number at a time.
        let moves = u.iter().zip(&*w).fold(decays, |moves, (u, w)| moves | (*u != 0.0) | !w.is_finite());
        if !moves {
            return;
        }
        steps.iter().for_each(|step| step.apply(w, u, |_| 0.0));
    }
}

impl SgdStep {
    /// One step; the compiler vectorises it, there is no root to wait for.
    fn apply(self, w: &mut [f32], u: &mut [f32], g: impl Fn(usize) -> f32) {
        let momentum = self.momentum;
        for (i, (w, u)) in w.iter_mut().zip(u).enumerate() {
            let g = g(i) + self.weight_decay * *w;
            let moved = momentum * *u + self.share * g;
            *u = if momentum == 0.0 || moved.abs() <= FLUSH { 0.0 } else { moved };
            *w -= self.lr * if self.nesterov { g + momentum * moved } else { moved };
        }
    }
}
