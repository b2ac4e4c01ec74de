//! Imprecise Label Learning (Chen et al., NeurIPS 2024) for missing labels: expectation-maximisation with a prior on the
//! number of positives of a row. Experimental: the derivation is in the README.
//!
//! ```
//! use lacuna_imprecise::{CountPrior, CountPriorConfig};
//! use lacuna_loss_api::{Label, LossGrad, LossInput, MultiLabelLoss};
//!
//! // Two positives are expected. One is known, and of the other cells the first is the likeliest.
//! let z = [0.0, 1.0, -3.0, -3.0];
//! let labels = [Label::Positive, Label::Unknown, Label::Unknown, Label::Unknown];
//! let (logits, mut dz) = ([&z[..]], [0.0; 4]);
//! let mut loss = CountPrior::new(CountPriorConfig::new(2.0))?;
//! loss.evaluate(&LossInput::new(&logits, 1, 4, &labels), LossGrad::Into(&mut [&mut dz]))?;
//! assert!(dz[2] < 0.0 && dz[3] < 0.0); // more is expected than the cells say
//! # Ok::<(), lacuna_loss_api::LossError>(())
//! ```

mod count;
mod posterior;
pub mod reference;

pub use count::{CountPrior, CountPriorConfig};
