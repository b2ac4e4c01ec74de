//! Positive-unlabelled risk estimators, class by class: uPU (du Plessis, Niu and Sugiyama, ICML 2015), nnPU (Kiryo, Niu, du
//! Plessis and Sugiyama, NeurIPS 2017), VPU (Chen, Liu, Wang, Zhao and Wu, NeurIPS 2020), Dist-PU (Zhao, Xu, Jiang, Wen and
//! Huang, CVPR 2022) and CRISP (Liu, Xu, Wang and Geng, arXiv 2309.13886), and the class priors that they need
//! ([`bbe_prior`]: Garg et al., NeurIPS 2021); and the likelihood of labels of which a share is observed ([`LabelFrequency`]). Losses are means over classes; the extension to several labels is ours.
//!
//! ```
//! use lacuna_loss_api::{Label, LossGrad, LossInput, MultiLabelLoss};
//! use lacuna_pu::{Pu, PuConfig, Risk};
//!
//! let z = [2.0, -1.0, 0.5, -2.0]; // four rows of one class
//! let labels = [Label::Positive, Label::Unknown, Label::Unknown, Label::Unknown];
//! let (logits, mut dz) = ([&z[..]], [0.0; 4]);
//! let mut loss = Pu::new(Risk::NonNegative, PuConfig::default(), &[0.3])?;
//! loss.evaluate(&LossInput::new(&logits, 4, 1, &labels), LossGrad::Into(&mut [&mut dz]))?;
//! assert!(dz[0] < 0.0 && dz[1] > 0.0);
//! # Ok::<(), lacuna_loss_api::LossError>(())
//! ```

mod bbe;
mod distribution;
mod label_frequency;
mod priors;
mod pu;
pub mod reference;
mod table;
mod vpu;

pub use bbe::{BbeConfig, BbePrior, bbe_prior, class_priors, expected_positives};
pub use distribution::{Alignment, LabelDistribution, LabelDistributionConfig};
pub use label_frequency::{LabelFrequency, LabelFrequencyConfig};
pub use priors::Estimation;
pub use pu::{Pu, PuConfig, Risk, Surrogate};
pub use table::{ABOUT, ROWS};
pub use vpu::Vpu;
