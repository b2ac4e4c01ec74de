//! Weights of rows from a held-out gradient (Ren, Zeng, Yang and Urtasun, "Learning to Reweight Examples for Robust Deep
//! Learning", ICML 2018), over observed and pseudo-labels together (Zhou et al., "L2B: Learning to Bootstrap Robust Models
//! for Combating Label Noise", CVPR 2024).
//!
//! A row counts by how much a step on it would lower the loss of held-out rows whose labels are trusted:
//! u_i = <grad l_i, grad L_held>, w_i = max(u_i, 0) / (sum max(u, 0) + guard), a constant. The inner product is a derivative of
//! l_i along the held-out gradient g, so that no second derivatives are needed: u_i = (l_i(theta + h g) - l_i(theta - h g)) / 2h.
//!
//! ```
//! use lacuna_l2b::{central_differences, normalise};
//!
//! // Two rows and their pseudo-labels: losses with the parameters moved both ways along g.
//! let mut u = vec![];
//! central_differences(&[1.2, 0.9, 0.5, 1.0], &[0.8, 1.1, 0.5, 0.8], 0.1, &mut u);
//! normalise(&mut u, 1e-10);
//! assert!((u[0] - 2.0 / 3.0).abs() < 1e-6 && u[1] == 0.0 && u[2] == 0.0);
//! ```

pub mod reference;
mod rows;

pub use rows::{central_differences, normalise, row_losses, weighted_sum};

/// Added to the sum of the positive parts: yuyinzhou/L2B@1f73e29b, main.py.
pub const GUARD: f64 = 1e-10;
