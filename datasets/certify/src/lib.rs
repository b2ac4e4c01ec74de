//! Lists.
mod curve;
mod plan;
mod rule;
mod session;
mod settings;
mod tails;

use lacuna_protocols::Stream;
pub use session::{Answer, Basis, Certificate, Estimate, Round, Session};
pub use settings::{CertifyError, Settings};
