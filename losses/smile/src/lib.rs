//! SMILE (Xu, Qiao, Lv, Geng and Zhang, "One Positive Label is Sufficient: Single-Positive Multi-Label Learning with Label
//! Enhancement", NeurIPS 2022): a classifier trained on soft labels that a second model recovers.
//!
//! | item | what it is |
//! |---|---|
//! | [`Smile`] | the loss of the classifier |
//! | [`target`] | its target: mu d1 + (1 - mu) d2 |
//! | [`BetaKl`] | the term over the recovered labels d1, as published or as the divergence it is named after |
//! | [`Encoder`] | the objective of the model that recovers d1 |
//!
//! ```
//! use lacuna_loss_api::{Label, LossGrad, LossInput, MultiLabelLoss};
//! use lacuna_smile::{Smile, SmileConfig};
//!
//! let z = [0.0, 0.0, 0.0];
//! let labels = [Label::Positive, Label::Unknown, Label::Unknown];
//! let d1 = [0.9, 0.9, 0.1]; // what another model makes of the row
//! let logits = [&z[..]];
//! let mut input = LossInput::new(&logits, 1, 3, &labels);
//! input.targets.soft = Some(&d1);
//! let mut dz = [0.0; 3];
//! let mut loss = Smile::new(SmileConfig { mu: 0.8, ..SmileConfig::default() })?;
//! loss.evaluate(&input, LossGrad::Into(&mut [&mut dz]))?;
//! assert!(dz[0] < 0.0 && dz[1] < 0.0 && dz[2] > 0.0); // the second cell goes up as well
//! # Ok::<(), lacuna_loss_api::LossError>(())
//! ```

mod beta;
mod classifier;
mod encoder;
pub mod reference;
mod table;

pub use beta::{BetaForm, BetaKl};
pub use classifier::{Smile, SmileConfig, target};
pub use encoder::{Encoder, EncoderGradients, EncoderInput};
pub use table::{ABOUT, ROWS};

/// Paper of every method here.
const PAPER: &str = "Xu, Qiao, Lv, Geng and Zhang, One Positive Label is Sufficient: Single-Positive Multi-Label Learning \
                     with Label Enhancement, NeurIPS";
