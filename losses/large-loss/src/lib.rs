//! Large-loss methods (Kim, Kim, Akata and Lee, "Large Loss Matters in Weakly Supervised Multi-Label
//! Classification", CVPR 2022) and the activation BoostLU (Kim, Kim, Jeong, Schmid, Akata and Lee, CVPR 2023).
//!
//! Unknown is read as negative; a few unknown cells of every batch with the largest losses are treated as mislabelled.
//!
//! ```
//! use lacuna_large_loss::{CleanRate, LargeLoss, LargeLossConfig, Scheme};
//! use lacuna_loss_api::{Label, LossGrad, LossInput, MultiLabelLoss};
//!
//! let z = [3.0, -1.0, 0.5, 2.0];
//! let labels = [Label::Unknown, Label::Unknown, Label::Unknown, Label::Positive];
//! let logits = [&z[..]];
//! let clean_rate = CleanRate::Fixed { rate: 0.75 }; // one in four is treated as mislabelled
//! let mut loss = LargeLoss::new(Scheme::Reject, LargeLossConfig { clean_rate, ..Default::default() })?;
//! let mut dz = [9.0; 4];
//! loss.evaluate(&LossInput::new(&logits, 1, 4, &labels), LossGrad::Into(&mut [&mut dz]))?;
//! assert_eq!(dz[0], 0.0); // the largest loss
//! assert!(dz[2] > 0.0);
//! # Ok::<(), lacuna_loss_api::LossError>(())
//! ```

mod boost;
mod large_loss;
pub mod reference;
mod table;
mod top;

pub use boost::BoostLu;
pub use large_loss::{CleanRate, LargeLoss, LargeLossConfig, Scheme};
pub use table::{ABOUT, ROWS};
