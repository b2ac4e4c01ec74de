//! Entropy maximisation and asymmetric pseudo-labelling (Zhou, Chen, Wang, Chen and Heng, "Acknowledging the
//! Unknown for Multi-label Learning with Single Positive Labels", ECCV 2022).
//!
//! [`Em`] learns from observed labels and pushes the prediction of unknown cells towards 1/2. [`EmApl`] does the
//! same, and after a warm-up takes the least likely unknown cells for negatives with a soft target.
//!
//! ```
//! use lacuna_em::{Em, EmConfig};
//! use lacuna_loss_api::{Label, LossGrad, LossInput, MultiLabelLoss};
//!
//! let z = [-2.0, 2.0];
//! let labels = [Label::Unknown; 2];
//! let logits = [&z[..]];
//! let mut dz = [0.0; 2];
//! let mut loss = Em::new(EmConfig::default())?;
//! loss.evaluate(&LossInput::new(&logits, 1, 2, &labels), LossGrad::Into(&mut [&mut dz]))?;
//! assert!(dz[0] < 0.0 && dz[1] > 0.0); // both towards 1/2
//! # Ok::<(), lacuna_loss_api::LossError>(())
//! ```

mod apl;
mod em;
mod preset;
pub mod reference;
mod table;

pub use apl::{EmApl, EmAplConfig};
pub use em::{Em, EmConfig};
pub use preset::Preset;
pub use table::{ABOUT, ROWS};
