//! MIME (Liu, Xu, Lv and Geng, "Revisiting Pseudo-Label for Single-Positive Multi-Label Learning", ICML 2023): logits of a
//! representation that is drawn from a Gaussian, a divergence that holds the Gaussian near the standard one, and positives
//! that are written after each epoch.
//!
//! | item | what it is |
//! |---|---|
//! | [`GaussianKl`] | beta times the mean divergence of N(mu, sigma^2) from N(0, 1) |
//! | [`write_positives`] | cells with p > theta become positives for good |
//! | [`mod@reference`] | both, and the logits of drawn representations |
//!
//! The loss over the logits is AN with the guard 1e-5, `an` of the table of losses.
//!
//! ```
//! use lacuna_mime::GaussianKl;
//!
//! let kl = GaussianKl::new(1.0)?;
//! let (mut dmu, mut ds) = ([0.0; 2], [0.0; 2]);
//! // sigma = e^(s/2): s = 0 is the standard deviation 1.
//! let value = kl.evaluate(&[0.0, 2.0], &[0.0, 0.0], Some([&mut dmu, &mut ds]))?;
//! assert_eq!(value, 1.0); // (0 + 2^2 / 2) / 2
//! assert_eq!((dmu, ds), ([0.0, 1.0], [0.0, 0.0]));
//! # Ok::<(), lacuna_loss_api::LossError>(())
//! ```

mod gaussian;
pub mod reference;
mod relabel;

pub use gaussian::{GaussianKl, LOG_SIGMA};
pub use relabel::write_positives;
