//! Distribution-balanced loss for long-tailed multi-label sets (Wu, Huang, Liu, Wang and Lin, ECCV 2020), its parts,
//! and the re-weighting baselines of its code.
//!
//! | rows | what they do |
//! |---|---|
//! | `r-bce`, `r-bce-focal` | re-balanced weights: the sampler's bias from label co-occurrence is taken out |
//! | `db`, `db-focal` | the same, and negatives that have been pushed far enough are left alone |
//! | `rw-inv`, `rw-sqrt-inv`, `cb`, `cb-focal` | weights from class frequencies alone |
//!
//! ```
//! use lacuna_distribution_balanced::{Preset, Resample, Variant};
//! use lacuna_loss_api::{ClassStatistics, Label, LossGrad, LossInput, MultiLabelLoss};
//!
//! let train = ClassStatistics::new(1142.0, vec![775.0, 4.0])?;
//! let mut loss = Resample::new(Variant::DbFocal, Variant::DbFocal.config(Preset::Voc), &train)?;
//! let z = [0.0, 0.0];
//! let labels = [Label::Positive; 2];
//! let (logits, mut dz) = ([&z[..]], [0.0; 2]);
//! loss.evaluate(&LossInput::new(&logits, 1, 2, &labels), LossGrad::Into(&mut [&mut dz]))?;
//! assert!(dz[1] < 2.0 * dz[0]); // the rare class weighs more than twice the frequent one
//! # Ok::<(), lacuna_loss_api::LossError>(())
//! ```

mod config;
pub mod reference;
mod resample;
mod sampler;
mod table;

pub use config::{ClassBalance, Focal, Norm, Preset, ResampleConfig, Reweight, Variant};
pub use resample::Resample;
pub use sampler::class_aware_epoch;
pub use table::{ABOUT, ROWS};
