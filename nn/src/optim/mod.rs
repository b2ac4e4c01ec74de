//! Optimisers: they read gradients and move parameters, by way of the tape's entries.
//!
//! A parameter without a gradient is skipped, as in PyTorch. A parameter whose gradient holds single rows
//! (see `gather_rows`) is treated as if the other rows had a gradient of zero, which with momentum is not
//! the same as leaving them alone. They are moved when they are read again: whoever reads rows of such a parameter calls
//! [`Optimizer::catch_up_rows`] before, whoever reads all of it [`Optimizer::catch_up`]. A gradient that was computed from
//! rows that were behind is refused.
//!
//! A new optimiser that treats all elements alike is an implementation of [`Formula`]; [`SlotOptimizer`] has the
//! rest. [`Lbfgs`] evaluates the loss itself, several times in an iteration, and is not an [`Optimizer`].

mod adam;
mod groups;
mod lbfgs;
pub mod reference;
mod rows;
mod sgd;
mod slots;
mod state;

pub use adam::{Adam, AdamConfig, AdamStep, Decay};
pub use groups::{Matches, ParamGroup, Rates};
pub use lbfgs::{Lbfgs, LbfgsConfig, LbfgsProgress, LbfgsState};
pub use sgd::{Sgd, SgdConfig, SgdStep};
pub use slots::{Formula, SlotOptimizer};
pub use state::{OptimizerStateError, RowsState, SlotState};

use lacuna_engine::{Tape, Var};

/// Moves parameters along their gradients.
///
/// A run that is interrupted goes on with the same bits from [`state`](Self::state):
/// ```
/// use lacuna_engine::{Tape, Tensor};
/// use lacuna_nn::{Adam, AdamConfig, Optimizer};
///
/// let mut tape = Tape::new();
/// let w = tape.param("w", Tensor::new([2], vec![1.0, -2.0]));
/// tape.seal();
/// let step = |tape: &mut Tape, adam: &mut Adam| {
///     tape.reset();
///     let square = tape.mul(w, w);
///     let loss = tape.sum(square);
///     tape.backward(loss);
///     adam.step(tape);
/// };
/// let mut adam = Adam::new(AdamConfig::default());
/// step(&mut tape, &mut adam);
/// let mut resumed = Adam::new(AdamConfig::default());
/// resumed.restore(&adam.state(), &tape)?;
/// assert_eq!(resumed.state(), adam.state());
/// # Ok::<(), lacuna_nn::OptimizerStateError>(())
/// ```
pub trait Optimizer: Send {
    /// One step with the gradients of the last backward pass.
    ///
    /// Where a gradient holds single rows, the other rows of the parameter are left behind: they are moved by
    /// [`catch_up_rows`](Self::catch_up_rows), with the bits that they would have now.
    ///
    /// # Panics
    /// If a row with a gradient is behind: the gradient was computed from old numbers.
    fn step(&mut self, tape: &mut Tape);

    /// Moves these rows of a parameter by the steps that they miss. To be called before `gather_rows` reads them; a row that is
    /// up to date, and a parameter that never had a gradient of rows, cost nothing.
    fn catch_up_rows(&mut self, tape: &mut Tape, parameter: Var, rows: &[u32]);

    /// Moves every row of every parameter by the steps that it misses. To be called before a parameter with gradients of rows is
    /// read as a whole, and before [`state`](Self::state).
    fn catch_up(&mut self, tape: &mut Tape);

    /// The learning rate in force for parameters in no group.
    fn learning_rate(&self) -> f32;

    /// Changes that rate. The rate of a group is its factor times this one, unless
    /// [`set_group_learning_rate`](Self::set_group_learning_rate) was called for it.
    fn set_learning_rate(&mut self, lr: f32);

    /// Sets the learning rate of a group: a schedule of its own. From now on its factor is not used.
    ///
    /// # Panics
    /// If there is no group of this number.
    fn set_group_learning_rate(&mut self, group: usize, lr: f32);

    /// Changes the momentum, or what stands for it: beta1 of Adam. An optimiser without one does nothing.
    fn set_momentum(&mut self, _momentum: f32) {}

    /// Everything that was kept for each parameter that ever had a gradient. With it, the same parameters, rates and
    /// momentum, the next steps have the same bits.
    ///
    /// # Panics
    /// If rows of a parameter are behind: [`catch_up`](Self::catch_up) comes before.
    fn state(&self) -> Vec<SlotState>;

    /// Goes on from what [`state`](Self::state) gave, for the parameters of `tape`. A parameter that `slots` does not
    /// name starts without history.
    ///
    /// # Errors
    /// [`OptimizerStateError`] if a state does not fit; the optimiser stays as it was.
    fn restore(&mut self, slots: &[SlotState], tape: &Tape) -> Result<(), OptimizerStateError>;
}

/// Moments smaller than this are set to 0, where they would turn into subnormal numbers that some
/// processors compute a hundred times slower. Far below anything that moves a parameter.
const FLUSH: f32 = 1e-30;
