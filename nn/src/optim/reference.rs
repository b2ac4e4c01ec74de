//! The optimisers as a book has them: one scalar at a time, in any arithmetic.
//!
//! What the fast versions are held against, and what golden files in f64 are held against.

use lacuna_kernels::Real;

/// Adam or AdamW on one scalar.
#[derive(Clone, Copy, Debug)]
pub struct AdamReference<R> {
    /// Learning rate.
    pub lr: f64,
    /// Decays of the two moments.
    pub betas: (f64, f64),
    /// Added to the root.
    pub eps: f64,
    /// Weight decay.
    pub weight_decay: f64,
    /// Whether weight decay is decoupled from the gradient.
    pub decoupled: bool,
    m: R,
    v: R,
    t: i32,
}

impl<R: Real> AdamReference<R> {
    /// An optimiser without any history.
    pub fn new(lr: f64, betas: (f64, f64), eps: f64, weight_decay: f64, decoupled: bool) -> Self {
        Self { lr, betas, eps, weight_decay, decoupled, m: R::zero(), v: R::zero(), t: 0 }
    }

    /// The parameter after one step with gradient `g`.
    pub fn step(&mut self, w: R, g: R) -> R {
        let (beta1, beta2) = self.betas;
        self.t += 1;
        let g = if self.decoupled { g } else { g + R::of(self.weight_decay) * w };
        let w = if self.decoupled { w * R::of(1.0 - self.lr * self.weight_decay) } else { w };
        self.m = R::of(beta1) * self.m + R::of(1.0 - beta1) * g;
        self.v = R::of(beta2) * self.v + R::of(1.0 - beta2) * g * g;
        let m = self.m / R::of(1.0 - beta1.powi(self.t));
        let v = self.v / R::of(1.0 - beta2.powi(self.t));
        w - R::of(self.lr) * m / (v.sqrt() + R::of(self.eps))
    }
}

/// Gradient descent with momentum on one scalar.
#[derive(Clone, Copy, Debug)]
pub struct SgdReference<R> {
    /// Learning rate.
    pub lr: f64,
    /// Momentum.
    pub momentum: f64,
    /// Share of a gradient that does not enter the velocity, but for the first.
    pub dampening: f64,
    /// Nesterov's form.
    pub nesterov: bool,
    /// Weight decay, as L2.
    pub weight_decay: f64,
    u: R,
    t: u64,
}

impl<R: Real> SgdReference<R> {
    /// An optimiser without any history.
    pub fn new(lr: f64, momentum: f64, nesterov: bool, weight_decay: f64) -> Self {
        Self { lr, momentum, dampening: 0.0, nesterov, weight_decay, u: R::zero(), t: 0 }
    }

    /// The same with dampening.
    pub fn dampened(self, dampening: f64) -> Self {
        Self { dampening, ..self }
    }

    /// The parameter after one step with gradient `g`.
    pub fn step(&mut self, w: R, g: R) -> R {
        let g = g + R::of(self.weight_decay) * w;
        self.t += 1;
        let share = if self.t == 1 || self.momentum == 0.0 { 1.0 } else { 1.0 - self.dampening };
        self.u = R::of(self.momentum) * self.u + R::of(share) * g;
        let moved = if self.nesterov { g + R::of(self.momentum) * self.u } else { self.u };
        w - R::of(self.lr) * moved
    }
}
