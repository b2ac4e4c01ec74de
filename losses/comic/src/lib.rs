//! COMIC (Zhang, Liu, Zeng, Ooi, Tang and Zhuang, "Learning in Imperfect Environment: Multi-Label Classification with
//! Long-Tailed Distribution and Partial Labels", ICCV 2023): losses for a long tail with missing labels.
//! The classifiers of the three branches are layers: `CosineClassifier` and `MovingVector` of lacuna-nn.
//!
//! | part | here |
//! |---|---|
//! | multi-focal modifier | [`PaperMfm`] (equations), [`Mfm`] (code, with and without attention) |
//! | reflective label corrector | [`Rlc`] |
//! | head-tail balancer | [`HeadTailBalancer`] over the logits of three classifiers |
//!
//! ```
//! use lacuna_comic::{Mfm, MfmConfig};
//! use lacuna_loss_api::{ClassStatistics, Label, LossGrad, LossInput, MultiLabelLoss};
//!
//! let train = ClassStatistics::new(1000.0, vec![500.0, 10.0])?;
//! let mut loss = Mfm::new(MfmConfig::by_class(), &train)?;
//! let (z, mut dz) = ([0.0, 0.0], [0.0; 2]);
//! let logits = [&z[..]];
//! let input = LossInput::new(&logits, 1, 2, &[Label::Positive; 2]);
//! loss.evaluate(&input, LossGrad::Into(&mut [&mut dz]))?;
//! assert!(dz[1] < dz[0]); // the rare class pulls harder
//! # Ok::<(), lacuna_loss_api::LossError>(())
//! ```

mod config;
mod htb;
mod mfm;
mod paper;
pub mod reference;
mod rlc;
mod table;

pub use config::{HtbConfig, MfmConfig, PaperConfig, RlcConfig};
pub use htb::HeadTailBalancer;
pub use mfm::Mfm;
pub use paper::PaperMfm;
pub use rlc::Rlc;
pub use table::{ABOUT, ROWS};
