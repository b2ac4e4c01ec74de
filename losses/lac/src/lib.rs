//! Pseudo-label consistency (PLC) and label-aware contrastive learning (LAC) over two views of the same rows
//! (Xie, Xiao and Huang, "Label-Aware Global Consistency for Multi-Label Learning with Single Positive Labels",
//! NeurIPS 2022).
//!
//! | item | what it is |
//! |---|---|
//! | [`pseudo_label`] | the pseudo-label of a cell, and whether it is trained on |
//! | [`Plc`] | both terms as a loss of weak and strong logits |
//! | [`Contrastive`] | the supervised contrastive loss over embeddings of (row, class) cells |
//!
//! ```
//! use lacuna_lac::{Plc, PlcConfig};
//! use lacuna_loss_api::{Label, LossGrad, LossInput, MultiLabelLoss};
//!
//! // Logits of the weakly and of the strongly augmented features of one row.
//! let (weak, strong) = ([3.0, -3.0, 0.1], [0.5, 0.5, 0.5]);
//! let labels = [Label::Unknown; 3];
//! let logits = [&weak[..], &strong[..]];
//! let (mut dw, mut ds) = ([0.0; 3], [0.0; 3]);
//! let mut loss = Plc::new(PlcConfig::default())?;
//! loss.evaluate(&LossInput::new(&logits, 1, 3, &labels), LossGrad::Into(&mut [&mut dw, &mut ds]))?;
//! // The first cell is a pseudo-positive, the second a pseudo-negative, the third is not sure enough.
//! assert!(ds[0] < 0.0 && ds[1] > 0.0 && ds[2] == 0.0);
//! # Ok::<(), lacuna_loss_api::LossError>(())
//! ```

mod contrastive;
mod plc;
pub mod reference;
mod table;

pub use contrastive::Contrastive;
pub use plc::{Plc, PlcConfig, pseudo_label};
pub use table::{ABOUT, ROWS};
