//! Optimisers: they read gradients and move parameters, by way of the tape's entries.
//!
//! A parameter without a gradient is skipped, as in PyTorch. A parameter whose gradient holds single rows
//! (see `gather_rows`) is treated as if the other rows had a gradient of zero, which with momentum is not
//! the same as leaving them alone.

mod adam;
mod groups;
pub mod reference;
mod rows;
mod sgd;

pub use adam::{Adam, AdamConfig, Decay};
pub use groups::ParamGroup;
pub use sgd::{Sgd, SgdConfig};

use lacuna_engine::Tape;

/// Moves parameters along their gradients.
pub trait Optimizer: Send {
    /// One step with the gradients of the last backward pass.
    fn step(&mut self, tape: &mut Tape);

    /// The learning rate in force for parameters of no special group.
    fn learning_rate(&self) -> f32;

    /// Changes that rate; groups keep their ratio to it.
    fn set_learning_rate(&mut self, lr: f32);

    /// Changes the momentum, or what stands for it: beta1 of Adam. An optimiser without one does nothing.
    fn set_momentum(&mut self, _momentum: f32) {}
}

/// Moments smaller than this are set to 0, where they would turn into subnormal numbers that some
/// processors compute a hundred times slower. Far below anything that moves a parameter.
const FLUSH: f32 = 1e-30;
