//! Lists of ranked cells whose share of wrong entries is bounded with a given confidence, from a few yes/no answers.
//!
//! Somebody has ranked cells by suspicion that their label is missing. [`Session`] asks about some of them, first a pilot from all
//! of the ranking, then cells drawn at random from its beginning, and gives the longest list it can certify: its share of
//! wrong entries is at most [`Settings::fdr`], with probability [`Settings::confidence`] over the draw, for any ranking and
//! any truth. `docs/audit.md` has the proof. Start here:
//!
//! ```
//! use lacuna_certify::{Answer, Session, Settings};
//!
//! // Of 5,000 cells the first 1,000 are right, with few exceptions.
//! let right = |rank: usize| rank < 1_000 && rank % 40 != 7;
//! let mut session = Session::new(5_000, Settings::default())?;
//! while let Some(rank) = session.question() {
//!     session.answer(if right(rank) { Answer::Yes } else { Answer::No });
//! }
//! let certificate = session.certificate();
//! assert!(certificate.share() <= 0.1 && certificate.confirmed < 200);
//! assert!(certificate.list.len() > 400);
//! # Ok::<(), lacuna_certify::CertifyError>(())
//! ```
//!
//! Nothing is printed and nothing is stored: [`Session::replay`] goes on after answers that the caller has kept.

mod curve;
mod plan;
mod rule;
mod session;
mod settings;
mod tails;

use lacuna_protocols::Stream;
pub use session::{Answer, Basis, Certificate, Estimate, Round, Session};
pub use settings::{CertifyError, Settings};
