//! Layers, initialisation and optimisers on the lacuna tape.
//!
//! A layer owns handles of parameters, not numbers: the numbers live on the tape, where optimisers,
//! checkpoints and averages find them by name. Training a head is four calls a step.
//!
//! Start with [`Linear`] or [`Mlp`] and [`Adam`]; [`Layer`] is what layers have in common, [`Optimizer`] what moves their
//! parameters.
//!
//! ```
//! use lacuna_engine::Tape;
//! use lacuna_nn::{Adam, AdamConfig, Layer, Linear, Mode, Optimizer};
//! use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
//!
//! let mut rng = ChaCha8Rng::seed_from_u64(0);
//! let mut tape = Tape::new();
//! let head = Linear::new(&mut tape, "head", 3, 2, &mut rng);
//! tape.seal();
//! let mut adam = Adam::new(AdamConfig { lr: 0.1, ..AdamConfig::default() });
//! let mut first = None;
//! for step in 0..50 {
//!     tape.reset();
//!     let x = tape.input([2, 3], &[1.0, 0.0, 0.5, 0.0, 1.0, 0.5]);
//!     let z = head.forward(&mut tape, x, Mode::Train { seed: 0, step });
//!     let target = tape.input([2, 2], &[1.0, -1.0, -1.0, 1.0]);
//!     let error = tape.sub(z, target);
//!     let squared = tape.mul(error, error);
//!     let loss = tape.mean(squared);
//!     tape.backward(loss);
//!     adam.step(&mut tape);
//!     first.get_or_insert(tape.value(loss)[0]);
//!     if tape.value(loss)[0] < 0.01 * first.unwrap() {
//!         return; // learned
//!     }
//! }
//! panic!("not learned");
//! ```
//!
//! The next crates are `lacuna_losses`, every loss by name, and `lacuna_loss_api`, what a loss is.

pub mod clip;
mod conv;
pub mod cosine;
mod direction;
mod dropout;
pub mod ema;
mod gaussian;
mod graph;
pub mod init;
mod layer;
mod linear;
mod mlp;
mod nested_dropout;
mod norm;
pub mod optim;
mod pooling;
pub mod schedule;
mod sequential;

pub use clip::clip_grad_norm;
pub use conv::Conv2d;
pub use cosine::{CosineClassifier, MovingVector, MovingVectorError};
pub use direction::Direction;
pub use dropout::Dropout;
pub use ema::ModelEma;
pub use gaussian::reparametrise;
pub use graph::{GraphConv, GraphError, NeighbourGraph};
pub use layer::{Activation, Layer, Mode};
pub use linear::Linear;
pub use mlp::{Mlp, MlpConfig, MlpInit};
pub use nested_dropout::NestedDropout;
pub use norm::{BatchNorm, BatchNorm1d, BatchNorm2d, LayerNorm};
pub use optim::{
    Adam, AdamConfig, Decay, Lbfgs, LbfgsConfig, LbfgsProgress, LbfgsState, Matches, Optimizer,
    OptimizerStateError, ParamGroup, RowsState, Sgd, SgdConfig, SlotState,
};
pub use pooling::{AvgPool2d, Flatten, GlobalAvgPool, MaxPool2d};
pub use schedule::{Anneal, Constant, Cosine, OneCycle, Schedule, StepDecay, WarmupCosine, WarmupSteps};
pub use sequential::Sequential;
