//! Learning rates that change from step to step.

mod cosine;
mod one_cycle;
mod steps;

pub use cosine::{Cosine, WarmupCosine};
pub use one_cycle::OneCycle;
pub use steps::{StepDecay, WarmupSteps};

use crate::Optimizer;

/// The learning rate, and where a schedule cycles it the momentum, of every optimiser step (counted from 0).
pub trait Schedule {
    /// The learning rate in force during step `step`.
    fn learning_rate(&self, step: u64) -> f64;

    /// The momentum (beta1 of Adam) in force, if the schedule sets one.
    fn momentum(&self, _step: u64) -> Option<f64> {
        None
    }

    /// Sets the rate, and the momentum if there is one, of an optimiser for step `step`.
    fn apply(&self, step: u64, optimizer: &mut dyn Optimizer) {
        optimizer.set_learning_rate(self.learning_rate(step) as f32);
        if let Some(momentum) = self.momentum(step) {
            optimizer.set_momentum(momentum as f32);
        }
    }

    /// Sets the rate of one parameter group for step `step`. The momentum is that of all parameters and left alone.
    ///
    /// # Panics
    /// If the optimiser has no group of this number.
    fn apply_to_group(&self, step: u64, group: usize, optimizer: &mut dyn Optimizer) {
        optimizer.set_group_learning_rate(group, self.learning_rate(step) as f32);
    }
}

/// The shape of a way from one number to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anneal {
    /// Half a period of a cosine.
    Cosine,
    /// A straight line.
    Linear,
}

impl Anneal {
    /// The number at a share in [0, 1] of the way.
    fn at(self, start: f64, end: f64, share: f64) -> f64 {
        match self {
            Anneal::Cosine => end + (start - end) / 2.0 * (1.0 + (std::f64::consts::PI * share).cos()),
            Anneal::Linear => (end - start) * share + start,
        }
    }
}

/// The same rate at every step.
///
/// ```
/// use lacuna_nn::{Constant, Schedule};
///
/// assert_eq!(Constant { lr: 0.1 }.learning_rate(1000), 0.1);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Constant {
    /// The rate.
    pub lr: f64,
}

impl Schedule for Constant {
    fn learning_rate(&self, _: u64) -> f64 {
        self.lr
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Adam, AdamConfig};

    #[test]
    fn an_optimiser_is_made_ready() {
        let mut adam = Adam::new(AdamConfig::default());
        OneCycle::new(1.0, 20).apply(0, &mut adam);
        assert_eq!(adam.learning_rate(), 0.04);
    }
}
