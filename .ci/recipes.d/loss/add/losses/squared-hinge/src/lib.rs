//! Squared hinge loss over known labels.
//!
//! ```
//! use lacuna_loss_api::{Label, LossGrad, LossInput, MultiLabelLoss, Reduction};
//! use lacuna_squared_hinge::SquaredHinge;
//!
//! let z = [2.0, 0.5, 0.5];
//! let labels = [Label::Positive, Label::Negative, Label::Unknown];
//! let logits = [&z[..]];
//! let mut dz = [0.0; 3];
//! let mut loss = SquaredHinge::new(Reduction::Sum);
//! let value = loss.evaluate(&LossInput::new(&logits, 1, 3, &labels), LossGrad::Into(&mut [&mut dz]))?;
//! assert_eq!((value, dz), (2.25, [0.0, 3.0, 0.0]));
//! # Ok::<(), lacuna_loss_api::LossError>(())
//! ```

pub mod reference;
mod squared_hinge;
mod table;

pub use squared_hinge::SquaredHinge;
pub use table::{ABOUT, ROWS};
