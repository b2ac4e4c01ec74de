//! SIMD slice kernels: what the tape's ops and the losses are made of. Start with [`map`] for the shape of a kernel and
//! [`gemm`] for products.
//!
//! Everything here works on plain `f32` slices, has no idea of gradients, and is the only crate of
//! the workspace in which `unsafe` is allowed, beside one module of `lacuna-formats`.
//!
//! | module | what |
//! |---|---|
//! | [`math`] | exp, ln, sigmoid, softplus, tanh on eight floats |
//! | [`lanes`] | eight floats from slices of any length |
//! | [`map`] | elementwise maps over slices, with broadcasts |
//! | [`special`] | expm1, log1p, pow, erf, erfc |
//! | [`gamma`] | ln Gamma, digamma, trigamma in f64 |
//! | [`reduce`] | sums with a fixed order |
//! | [`gemm`] | matrix products, strided, setting or adding |
//! | [`conv`] | two-dimensional convolution and its gradients |
//! | [`pool`] | maximum and mean over windows |
//! | [`rows`] | softmax, layer normalisation, unit length, row by row |
//! | [`norm`] | normalisation by channel |
//! | [`random`] | random bits by place, for dropout |
//! | [`diagnosis`] | why a gradient is wrong, from the pattern of its numbers |
//! | [`peak`] | the rate of multiply-adds that no kernel can pass, for benchmarks |
//! | [`cpu`] | the check that the processor has what the program was built for |
//!
//! Three promises hold for all of them: the same binary on the same processor features gives the same
//! bits for any number of threads; an element's bits do not depend on its neighbours or its position;
//! nothing is allocated once the scratch of a thread has grown to its largest shape.

mod exec;
mod real;
mod vector;
mod window;

pub mod conv;
pub mod cpu;
pub mod diagnosis;
pub mod gamma;
pub mod gemm;
pub mod lanes;
pub mod map;
pub mod math;
pub mod norm;
pub mod peak;
pub mod pool;
pub mod random;
pub mod reduce;
pub mod rows;
pub mod special;

pub use exec::{Exec, Write};
pub use real::{Dual, Real};
pub use wide::f32x8;
pub use window::Window;
