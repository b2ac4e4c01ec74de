//! Class-aware pseudo-labels (Xie, Xiao, Liu, Niu, Sugiyama and Huang, "Class-Distribution-Aware Pseudo-Labeling for
//! Semi-Supervised Multi-Label Learning", NeurIPS 2023), and thresholds from percentiles of scores.
//!
//! A training set of which a part is labelled tells how frequent every class is. Of the rest as many rows are taken for
//! positive as that frequency says, the most confident ones.
//!
//! ```
//! use lacuna_cap::{CapConfig, class_aware};
//! use lacuna_loss_api::Label;
//!
//! let p = [0.9, 0.2, 0.6, 0.4]; // four rows of one class
//! let cap = class_aware(&p, &[0.25], &CapConfig::default())?;
//! assert_eq!(cap.thresholds.label, [0.9]);
//! assert_eq!(cap.labels(), [Label::Positive, Label::Negative, Label::Unknown, Label::Negative]);
//! # Ok::<(), lacuna_loss_api::LossError>(())
//! ```

mod class_aware;
mod percentile;

pub use class_aware::{Cap, CapConfig, Indices, Thresholds, class_aware};
pub use percentile::{percentile, percentile_thresholds};
