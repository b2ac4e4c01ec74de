//! A reverse-mode autograd tape. Start with [`Tape`]; `examples/scalar_tape.rs` has the same ideas in a hundred lines.
//!
//! # The idea in one page
//!
//! A program that computes a number from parameters, `loss = f(w)`, is a list of small steps. If each step
//! knows how to turn "the loss changes this much with my output" into "the loss changes this much with my
//! inputs", walking the list backwards yields the derivative with respect to every parameter at once.
//!
//! ```
//! use lacuna_engine::{Tape, Tensor};
//!
//! let mut tape = Tape::new();
//! // 1. What is trained comes first, and stays.
//! let w = tape.param("w", Tensor::new([2, 1], vec![0.5, -0.5]));
//! tape.seal();
//! for _step in 0..3 {
//!     // 2. Each step is recorded anew; its buffers are those of the step before.
//!     tape.reset();
//!     let x = tape.input([3, 2], &[1.0, 0.0, 0.0, 1.0, 1.0, 1.0]);
//!     let y = tape.input([3, 1], &[1.0, 2.0, 3.0]);
//!     let prediction = tape.matmul(x, w);
//!     let error = tape.sub(prediction, y);
//!     let squared = tape.mul(error, error);
//!     let loss = tape.mean(squared);
//!     // 3. Walk back.
//!     tape.backward(loss);
//!     // 4. Use the gradient. (nn has optimisers; this is plain gradient descent.)
//!     tape.update_entries(|_, entry| {
//!         if let Some(lacuna_engine::Grad::Dense(g)) = entry.grad {
//!             for (w, g) in entry.value.iter_mut().zip(g) {
//!                 *w -= 0.1 * g;
//!             }
//!         }
//!     });
//! }
//! ```
//!
//! # Where to read on
//!
//! - `docs/autograd.md`: from a slope to a verified operation, in small steps that run.
//! - `tape/mod.rs`: positions, nodes, recording. `tape/backward.rs`: the walk.
//! - `ops/mod.rs`: the table of operations; each file of `ops/` has forward, backward and the formula side by side.
//! - `examples/scalar_tape.rs`: the same ideas on single numbers in about a hundred lines.
//! - `gradcheck/mod.rs`: how the derivatives are checked.
//!
//! The next crate is `lacuna_nn`: layers and optimisers on this tape.

mod gradcheck;
mod ops;
mod shape;
mod tape;
mod tensor;

pub use gradcheck::{Checked, FusedMismatch, GradCheck, GradCheckError, Mismatch};
pub use lacuna_kernels::diagnosis::{DIAGNOSES, Diagnosis, DiagnosisInfo, diagnose};
pub use lacuna_kernels::random::MaskKey;
pub use lacuna_kernels::{Dual, Exec, Real, Window};
pub use ops::{ConvOptions, OPS, OpInfo, RowEdges, RunningStats};
pub use shape::Shape;
pub use tape::{
    Differentiated, Entry, EntryKind, EntryMut, FirstNonFinite, Grad, NodeView, NonFinite, Observer,
    Recorded, Replay, Tape, Var,
};
pub use tensor::Tensor;

/// The blocks of the page are documentation tests.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/autograd.md")]
struct PageOnAutograd;
