//! GR loss (Chen, Li, Chen and others, "Boosting Single Positive Multi-label Classification with Generalized Robust
//! Loss", IJCAI 2024), the three simpler losses of its repository, and the loss of its follow-up GPR (Tran, Vo, Nguyen, Dinh
//! and Nguyen, ICCV 2025) with pseudo-labels of its own.
//!
//! ```
//! use lacuna_gr::{Gr, GrConfig, Preset};
//! use lacuna_loss_api::{Label, LossGrad, LossInput, MultiLabelLoss};
//!
//! let z = [-1.0, 3.0];
//! let labels = [Label::Unknown; 2];
//! let logits = [&z[..]];
//! let mut loss = Gr::new(GrConfig::preset(Preset::Voc))?;
//! let (mut early, mut late) = ([0.0; 2], [0.0; 2]);
//! let mut input = LossInput::new(&logits, 1, 2, &labels);
//! loss.evaluate(&input, LossGrad::Into(&mut [&mut early]))?;
//! input.epoch = 7;
//! loss.evaluate(&input, LossGrad::Into(&mut [&mut late]))?;
//! assert!(late[1] < early[1]); // a likely positive is pushed down less and less
//! # Ok::<(), lacuna_loss_api::LossError>(())
//! ```

mod gpr;
mod gr;
pub mod reference;
mod repository;
mod schedule;
mod table;

pub use gpr::{Gpr, GprConfig, GprPreset};
pub use gr::{Confidence, Gr, GrConfig, Preset};
pub use repository::{RepositoryLoss, RepositoryLossConfig, Simple};
pub use schedule::{Point, Schedule};
pub use table::{ABOUT, ROWS};

const PAPER: &str = "Chen, Li, Chen et al., Boosting Single Positive Multi-label Classification with Generalized \
                     Robust Loss, IJCAI";
