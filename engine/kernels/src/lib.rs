//! SIMD slice kernels: what the tape's ops and the losses are made of.
//!
//! Everything here works on plain `f32` slices, has no idea of gradients, and is the only room of the
//! workspace in which `unsafe` is allowed.

mod real;

pub mod math;

pub use real::{Dual, Real};
pub use wide::f32x8;
