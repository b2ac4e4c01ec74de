//! Binary cross-entropy over known labels, and two ways of weighting it: weak negatives and the known
//! proportion of a row. Two experimental forms of it: soft bootstrapping and the multi-label logistic loss.
//!
//! Every other loss crate has the shape of this one: one file per method with its [`LossInfo`], its checked
//! configuration and its kernel on eight entries; one `reference.rs` with the formulas as a paper has them,
//! scalar and over any [`Real`]; `table.rs` with its rows. To add a loss, copy this folder: CONTRIBUTING.md says how.
//!
//! ```
//! use lacuna_bce::Bce;
//! use lacuna_loss_api::{Label, LossGrad, LossInput, MultiLabelLoss, Reduction};
//!
//! let z = [2.0, -1.0, 0.5];
//! let labels = [Label::Positive, Label::Negative, Label::Unknown];
//! let logits = [&z[..]];
//! let mut dz = [0.0; 3];
//! let mut loss = Bce::new(Reduction::MeanKnown);
//! let value = loss.evaluate(&LossInput::new(&logits, 1, 3, &labels), LossGrad::Into(&mut [&mut dz]))?;
//! assert!((value - 0.22009).abs() < 1e-5); // (softplus(-2) + softplus(-1)) / 2
//! assert_eq!(dz[2], 0.0); // nobody looked
//! # Ok::<(), lacuna_loss_api::LossError>(())
//! ```
//!
//! [`LossInfo`]: lacuna_loss_api::LossInfo
//! [`Real`]: lacuna_loss_api::Real

mod bce;
mod bootstrap;
mod multi_label_logistic;
mod partial;
pub mod reference;
mod table;
mod weak_negative;

pub use bce::Bce;
pub use bootstrap::{SoftBootstrap, SoftBootstrapConfig};
pub use multi_label_logistic::MultiLabelLogistic;
pub use partial::{PartialBce, PartialBceConfig};
pub use table::{ABOUT, ROWS};
pub use weak_negative::{WeakNegativeBce, WeakNegativeConfig};
