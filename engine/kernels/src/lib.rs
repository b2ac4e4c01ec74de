//! SIMD slice kernels: what the tape's ops and the losses are made of.
//!
//! Everything here works on plain `f32` slices, has no idea of gradients, and is the only room of the
//! workspace in which `unsafe` is allowed.
//!
//! | module | what |
//! |---|---|
//! | [`math`] | exp, ln, sigmoid, softplus, tanh on eight floats |
//! | [`map`] | elementwise maps over slices, with broadcasts |
//! | [`special`] | expm1, log1p, pow, erf, erfc |
//! | [`reduce`] | sums with a fixed order |
//! | [`gemm`] | matrix products, strided, setting or adding |
//! | [`cpu`] | the check that the processor has what the program was built for |
//!
//! Three promises hold for all of them: the same binary on the same processor features gives the same
//! bits for any number of threads; an element's bits do not depend on its neighbours or its position;
//! nothing is allocated once the scratch of a thread has grown to its largest shape.

mod exec;
mod real;

pub mod cpu;
pub mod gemm;
pub mod map;
pub mod math;
pub mod reduce;
pub mod special;

pub use exec::{Exec, Write};
pub use real::{Dual, Real};
pub use wide::f32x8;
