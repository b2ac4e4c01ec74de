//! SIMD kernels over slices, of which the operations of the tape and the losses are made. Start with [`map`] for elementwise
//! kernels and [`gemm`] for products.
//!
//! Everything here works on plain `f32` slices and does not know the tape. This is the only crate of
//! the workspace in which `unsafe` is allowed, beside one module of `lacuna-formats` and the Python package.
//!
//! ```
//! use lacuna_kernels::{Exec, Write, map};
//!
//! let x = [1.0, -2.0, 3.0];
//! let mut out = [0.0; 3];
//! map::unary(Exec::Serial, Write::Set, &x, &mut out, |x| x * x); // x is eight lanes; the tail is padded
//! assert_eq!(out, [1.0, 4.0, 9.0]);
//! ```
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
//!
//! The next crate is `lacuna_engine`: the tape that records these kernels.

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
